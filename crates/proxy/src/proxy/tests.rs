use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Weak;

use evenkeel_plan::balance::Balancing;
use evenkeel_plan::endpoint::Life;
use evenkeel_plan::lines::lines;
use evenkeel_plan::listener::{Bind, DownstreamTimeouts};
use evenkeel_plan::publish::Publisher;
use evenkeel_plan::route::Router;
use evenkeel_plan::{Cluster, Endpoint, Listener, Plan};

use super::*;
use crate::fixture::listener;

mod panics;

const OFFER: &[u8] =
    b"GET / HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n";
const SWITCHED: &[u8] = b"HTTP/1.1 101 \r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n";

/// A balancer of hundreds of reloads kept a plan for every one of them, as long as a WebSocket from each was open; and when it no
/// longer did, still all of the listener's routes.
#[test]
fn a_tunnel_keeps_no_plan_in_memory_and_no_plan_that_comes_ends_it() {
    let origin = bare();
    let mut balancer = Balancer::start();
    let before = balancer.turn(plan("before", Some(origin.local_addr().unwrap())));
    let mut client = TcpStream::connect(balancer.address).unwrap();
    client.write_all(OFFER).unwrap();
    let mut endpoint = origin.accept().unwrap().0;
    head(&mut endpoint);
    endpoint.write_all(SWITCHED).unwrap();
    assert!(head(&mut client).starts_with("HTTP/1.1 101"));
    assert!(before.is_there());

    balancer.turn(plan("after", None));
    before.wait_until_gone();
    for (mut from, mut to) in [(&client, &endpoint), (&endpoint, &client)] {
        let mut read = [0; 5];
        from.write_all(b"hello").unwrap();
        to.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"hello");
    }
    balancer.proxy.stop();
}

/// It kept its listener's routes and error pages, of each reload since which a client had said nothing.
#[test]
fn an_idle_connection_keeps_no_listener_in_memory_and_goes_on_with_the_next() {
    let mut balancer = Balancer::start();
    let before = balancer.turn(plan("before", None));
    let mut client = TcpStream::connect(balancer.address).unwrap();
    refused(&mut client);
    assert!(before.is_there());
    let after = balancer.turn(plan("after", None));
    before.wait_until_gone();
    refused(&mut client);
    assert!(after.is_there());
    balancer.proxy.stop();
}

/// It was that under which the connection had been opened, for as long as it lived.
#[test]
fn a_connection_lies_idle_as_long_as_the_plan_of_its_last_request_says() {
    let mut balancer = Balancer::start();
    balancer.turn(plan("before", None));
    let mut client = TcpStream::connect(balancer.address).unwrap();
    refused(&mut client);
    let timeouts = DownstreamTimeouts { keep_alive: Duration::ZERO, ..Default::default() };
    balancer.turn(with(timeouts, "after"));
    refused(&mut client);
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    balancer.proxy.stop();
}

/// One worker, and the address of its listener.
struct Balancer {
    proxy: Proxy,
    publisher: Publisher,
    binder: Box<dyn Binder>,
    address: SocketAddr,
}

impl Balancer {
    fn start() -> Self {
        let door = bare();
        let address = door.local_addr().unwrap();
        let mut inherited = Inherited::default();
        inherited.add("web", Ok(door));
        let publisher = Publisher::default();
        let proxy = Proxy::start(lines(1).0, &publisher.reader()).unwrap();
        Self { binder: proxy.binder(inherited), proxy, publisher, address }
    }

    fn turn(&mut self, plan: Plan) -> Traces {
        self.binder.prepare(&plan).unwrap();
        let plan = self.publisher.publish(plan);
        self.binder.commit(&plan);
        let listener = &plan.listeners[0];
        Traces {
            plan: Arc::downgrade(&plan),
            listener: Arc::downgrade(listener),
            routes: Arc::downgrade(&listener.routes),
        }
    }
}

/// What may be left of a plan.
struct Traces {
    plan: Weak<Plan>,
    listener: Weak<Listener>,
    routes: Weak<Router>,
}

impl Traces {
    /// In the order in which they would go.
    fn counts(&self) -> [usize; 3] {
        [self.plan.strong_count(), self.listener.strong_count(), self.routes.strong_count()]
    }

    fn is_there(&self) -> bool {
        !self.counts().contains(&0)
    }

    fn wait_until_gone(&self) {
        let began = Instant::now();
        while self.counts() != [0; 3] {
            assert!(began.elapsed() < Duration::from_secs(30), "kept: {:?}", self.counts());
            std::thread::yield_now();
        }
    }
}

/// Asks for something, and reads that nobody is there to answer.
fn refused(client: &mut TcpStream) {
    client.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let head = head(client).to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 503"), "{head}");
    let (_, rest) = head.split_once("content-length: ").unwrap();
    let length = rest.lines().next().unwrap().parse().unwrap();
    client.read_exact(&mut vec![0; length]).unwrap();
}

fn bare() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

/// No endpoint, and a listener with such timeouts.
fn with(timeouts: DownstreamTimeouts, cluster: &str) -> Plan {
    let plan = plan(cluster, None);
    let binds = plan.listeners[0].binds.clone();
    let listeners = vec![Arc::new(Listener { timeouts, binds, ..listener() })];
    Plan { listeners, ..plan }
}

/// One listener, and a cluster with one endpoint at most.
fn plan(cluster: &str, endpoint_at: Option<SocketAddr>) -> Plan {
    let endpoint = |address: SocketAddr| {
        Endpoint::new(&address.to_string(), Some(address), Life::new(1, &Arc::default()))
    };
    let endpoints = endpoint_at.into_iter().map(endpoint).collect();
    let cluster = Cluster::new(cluster, Balancing::default(), endpoints);
    let listener = Listener { binds: vec![Bind::Inherited("web".into())], ..listener() };
    let (listeners, clusters) = (vec![Arc::new(listener)], vec![Arc::new(cluster)]);
    Plan { listeners, clusters, ..Plan::default() }
}

/// Reads the head of a message.
fn head(stream: &mut TcpStream) -> String {
    try_head(stream).unwrap()
}

/// The same where there may be none.
fn try_head(stream: &mut TcpStream) -> io::Result<String> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8(head).unwrap())
}
