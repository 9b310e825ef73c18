//! Panics in an exchange, by plans that no config can make.

use std::sync::atomic::{AtomicBool, Ordering};

use evenkeel_plan::balance::Algorithm;
use evenkeel_plan::budget::Allowance;
use evenkeel_plan::cluster::UpstreamTimeouts;
use evenkeel_plan::hedge::{After, Hedging};
use evenkeel_plan::limits::HEDGE_AFTER_MIN;
use evenkeel_plan::resilience::Resilience;

use super::*;

/// Two attempts are under way for the request: what the connection held of the worker, and of the endpoints, is given back.
#[test]
fn a_panic_ends_its_connection_and_nothing_else() {
    let gate = Arc::<AtomicBool>::default();
    let endpoints = endpoints(2, origin(&gate));
    let lives = [0, 1].map(|position| Arc::clone(&endpoints[position].life));
    let in_flight = || lives.each_ref().map(|life| life.vitals.in_flight()).iter().sum::<u32>();
    let budget = Allowance { share: 1.0, per_second: 100.0 };
    let hedge = Hedging { after: After::Fixed(HEDGE_AFTER_MIN), budget };
    let cluster = Cluster {
        // With the other timeout it is more than a duration can be, which is found out when there is a second attempt.
        timeouts: UpstreamTimeouts { connect: Duration::MAX, ..Default::default() },
        resilience: Resilience { hedge: Some(hedge), ..Default::default() },
        ..Cluster::new("api", Balancing::default(), endpoints)
    };
    let plan = with_cluster(cluster);
    let counters = Arc::clone(&plan.listeners[0].counters);
    let counters = counters.shard(0);
    let mut balancer = Balancer::start();
    balancer.turn(plan);
    let connect = || TcpStream::connect(balancer.address).unwrap();

    let (mut idle, mut waiting, mut victim) = (connect(), connect(), connect());
    assert!(is_answered(&mut idle, POST));
    waiting.write_all(LATE_POST).unwrap();
    wait_until(|| in_flight() == 1);
    assert!(!is_answered(&mut victim, NEVER_ANSWERED));
    assert_eq!((counters.panics.count(), counters.connections_active.level()), (1, 2));
    assert_eq!(in_flight(), 1);

    gate.store(true, Ordering::Relaxed);
    assert!(head(&mut waiting).starts_with("HTTP/1.1 204"));
    assert!(is_answered(&mut idle, POST) && is_answered(&mut connect(), POST));
    wait_until(|| in_flight() == 0);
    drop((idle, waiting));
    // It waits until nobody is counted any more.
    balancer.proxy.drain(Duration::from_secs(60));
    wait_until(|| balancer.proxy.is_finished());
    balancer.proxy.stop();
}

/// What the worker had lent out at that moment is not lent out for ever.
#[test]
fn a_panic_within_a_balancer_leaves_it_to_those_who_come_after() {
    let mut endpoints = endpoints(3, origin(&Arc::default()));
    let unknown = endpoints.pop();
    let balancing = Balancing { algorithm: Algorithm::TwoChoices, ..Default::default() };
    let mut cluster = Cluster::new("api", balancing, endpoints);
    // Its balancer was not made for this one, and looks in vain for its vitals when it is drawn.
    cluster.endpoints.extend(unknown);
    let plan = with_cluster(cluster);
    let counters = Arc::clone(&plan.listeners[0].counters);
    let mut balancer = Balancer::start();
    balancer.turn(plan);
    let (mut panics, mut answered_after) = (0, false);
    wait_until(|| {
        let answered = is_answered(&mut TcpStream::connect(balancer.address).unwrap(), POST);
        panics += u64::from(!answered);
        answered_after |= answered && panics > 1;
        answered_after
    });
    assert_eq!(counters.shard(0).panics.count(), panics);
    balancer.proxy.stop();
}

const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n";
const LATE_POST: &[u8] = b"POST /late HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n";
const NEVER_ANSWERED: &[u8] = b"GET /never HTTP/1.1\r\nHost: test\r\n\r\n";

/// Whether the request is answered, by an endpoint; if not the connection is reset.
fn is_answered(client: &mut TcpStream, request: &[u8]) -> bool {
    client.write_all(request).unwrap();
    match try_head(client) {
        Ok(head) => head.starts_with("HTTP/1.1 204"),
        Err(error) => {
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
            false
        }
    }
}

/// Answers whatever it is asked, some of it when `gate` is open and some of it never.
fn origin(gate: &Arc<AtomicBool>) -> SocketAddr {
    let (listener, gate) = (bare(), Arc::clone(gate));
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, gate) = (stream.unwrap(), Arc::clone(&gate));
            std::thread::spawn(move || {
                while let Ok(head) = try_head(&mut stream) {
                    while head.contains("/late") && !gate.load(Ordering::Relaxed) {
                        std::thread::yield_now();
                    }
                    if !head.contains("/never") {
                        stream.write_all(b"HTTP/1.1 204 \r\n\r\n").unwrap();
                    }
                }
            });
        }
    });
    address
}

/// So many at the same address.
fn endpoints(count: usize, address: SocketAddr) -> Vec<Endpoint> {
    let cluster = Arc::default();
    let endpoint =
        |number| Endpoint::new(&format!("{number}"), Some(address), Life::new(1, &cluster));
    (0..count).map(endpoint).collect()
}

fn with_cluster(cluster: Cluster) -> Plan {
    Plan { clusters: vec![Arc::new(cluster)], ..plan("", None) }
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(30), "it never is");
        std::thread::yield_now();
    }
}
