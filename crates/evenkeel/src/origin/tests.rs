//! Origins inside a runtime: how they die, come back and change.

use std::io;

use evenkeel_plan::time::Time;
use evenkeel_sim::{Condition, Script};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::units;

fn behaviour() -> Behaviour {
    Behaviour {
        delay: Spread::Constant.around(Duration::ZERO),
        fail: units::share("0").unwrap(),
        fail_status: hyper::StatusCode::SERVICE_UNAVAILABLE,
        body_bytes: 13,
        is_healthy: true,
        condition: Condition::WELL,
    }
}

/// What an event makes of an origin.
fn under(event: &str) -> Condition {
    let script = Script::of_events(1, vec![event.parse().unwrap()]).unwrap();
    script.condition(0, Time::START)
}

async fn start(
    behaviour: Behaviour,
    capacity: Option<Capacity>,
) -> (Origin, watch::Sender<Behaviour>) {
    let (changes, following) = watch::channel(behaviour);
    let bind = SocketAddr::from(([127, 0, 0, 1], 0));
    let setup = Setup { bind, name: None, capacity, requested: Arc::default() };
    (Origin::start(setup, following).await.unwrap(), changes)
}

async fn send(address: SocketAddr, target: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {target} HTTP/1.0\r\n\r\n").as_bytes()).await.unwrap();
    stream
}

async fn answer(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn get(address: SocketAddr, target: &str) -> String {
    answer(&mut send(address, target).await).await
}

#[tokio::test]
async fn a_killed_origin_resets_and_refuses_until_it_is_revived() {
    let (mut origin, _changes) = start(behaviour(), None).await;
    let address = origin.address();
    let mut open = TcpStream::connect(address).await.unwrap();
    open.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    // One byte of the answer, so that the origin has surely accepted the connection.
    open.read_u8().await.unwrap();

    origin.kill().await;
    let broken = open.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(broken.kind(), io::ErrorKind::ConnectionReset);
    let refused = TcpStream::connect(address).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    assert!(!origin.is_alive());

    origin.revive().await.unwrap();
    assert_eq!(origin.address(), address);
    assert!(get(address, "/").await.starts_with("HTTP/1.0 200"));
    assert_eq!(origin.answered(), 2);
}

#[tokio::test]
async fn a_change_of_behaviour_holds_from_the_next_exchange_on() {
    let (origin, changes) = start(behaviour(), None).await;
    assert!(get(origin.address(), "/").await.starts_with("HTTP/1.0 200"));

    let fail = units::share("100%").unwrap();
    changes.send_replace(Behaviour { fail, is_healthy: false, ..behaviour() });
    assert!(get(origin.address(), "/").await.starts_with("HTTP/1.0 503"));
    assert!(get(origin.address(), "/health").await.starts_with("HTTP/1.0 503"));
}

#[tokio::test]
async fn a_drain_finishes_what_runs_and_cuts_what_takes_too_long() {
    let slow = |mean| Behaviour { delay: Spread::Constant.around(mean), ..behaviour() };
    let one_at_a_time = Some(Capacity { service: 1, queue: 0 });
    for (delay, limit, finishes) in [
        (Duration::from_millis(200), Duration::from_secs(20), true),
        (Duration::from_secs(3600), Duration::from_millis(50), false),
    ] {
        let (mut origin, _changes) = start(slow(delay), one_at_a_time).await;
        let mut running = send(origin.address(), "/").await;
        // Refused work shows that the first request is in service.
        while !get(origin.address(), "/").await.contains("overloaded") {}

        origin.drain(limit).await;
        assert!(TcpStream::connect(origin.address()).await.is_err());
        let mut bytes = Vec::new();
        assert_eq!(running.read_to_end(&mut bytes).await.is_ok(), finishes);
        assert_eq!(bytes.starts_with(b"HTTP/1.0 200"), finishes);
    }
}

#[tokio::test]
async fn a_frozen_origin_says_nothing_until_it_is_thawed_and_then_goes_on() {
    let (origin, changes) = start(behaviour(), None).await;
    let frozen = under("freeze s1@0s");
    changes.send_replace(Behaviour { condition: frozen, ..behaviour() });
    for target in ["/", "/health", "/load"] {
        let mut silent = send(origin.address(), target).await;
        let said = tokio::time::timeout(Duration::from_millis(50), silent.read_u8()).await;
        assert!(said.is_err(), "{target}");
    }
    let mut waiting = send(origin.address(), "/").await;
    changes.send_replace(behaviour());
    assert!(answer(&mut waiting).await.starts_with("HTTP/1.0 200"));
}

#[tokio::test]
async fn running_work_goes_on_at_the_speed_of_the_moment() {
    let hour = Spread::Constant.around(Duration::from_secs(3600));
    let (origin, changes) = start(Behaviour { delay: hour, ..behaviour() }, None).await;
    let mut running = send(origin.address(), "/").await;
    let said = tokio::time::timeout(Duration::from_millis(50), running.read_u8()).await;
    assert!(said.is_err());
    // An hour of work takes 3.6 ms now.
    let fast = under("slow s1@0s=x0.000001");
    changes.send_replace(Behaviour { delay: hour, condition: fast, ..behaviour() });
    assert!(answer(&mut running).await.starts_with("HTTP/1.0 200"));
}

#[tokio::test]
async fn one_that_fails_fast_does_not_wait_for_a_place() {
    let slow =
        Behaviour { delay: Spread::Constant.around(Duration::from_secs(3600)), ..behaviour() };
    let (origin, changes) = start(slow, Some(Capacity { service: 1, queue: 0 })).await;
    let _running = send(origin.address(), "/").await;
    while !get(origin.address(), "/").await.contains("overloaded") {}
    let condition = under("fast-fail s1@0s");
    changes.send_replace(Behaviour { condition, ..slow });
    assert!(get(origin.address(), "/").await.contains("failed on purpose"));
    assert!(get(origin.address(), "/health").await.starts_with("HTTP/1.0 200"));
}

#[test]
fn errors_of_an_event_and_its_own_do_not_add_up() {
    let fail = units::share("100%").unwrap();
    let condition = under("errors s1@0s=100%");
    let mut random = fastrand::Rng::with_seed(7);
    let mut failures = |behaviour: Behaviour| {
        (0..100_000).filter(|_| behaviour.draws_failure(&mut random)).count()
    };
    assert_eq!(failures(behaviour()), 0);
    assert_eq!(failures(Behaviour { fail, ..behaviour() }), 100_000);
    assert_eq!(failures(Behaviour { condition, ..behaviour() }), 100_000);
    let both = Behaviour {
        fail: units::share("10%").unwrap(),
        condition: under("errors s1@0s=10%"),
        ..behaviour()
    };
    assert!((9_700..10_300).contains(&failures(both)));
}

#[tokio::test]
async fn a_port_in_use_is_told_with_a_way_out() {
    let (origin, _changes) = start(behaviour(), None).await;
    let (_, following) = watch::channel(behaviour());
    let taken =
        Setup { bind: origin.address(), name: None, capacity: None, requested: Arc::default() };
    let error = Origin::start(taken, following).await.err().unwrap().to_string();
    assert!(error.contains(&format!("cannot listen on {}", origin.address())), "{error}");
    assert!(error.contains("ss -ltnp"), "{error}");
}
