use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Weak;

use evenkeel_plan::balance::Algorithm;
use evenkeel_plan::endpoint::Life;
use evenkeel_plan::lines::lines;
use evenkeel_plan::listener::Bind;
use evenkeel_plan::publish::Publisher;
use evenkeel_plan::{Cluster, Endpoint, Listener, Plan};

use super::*;
use crate::fixture::listener;

const OFFER: &[u8] =
    b"GET / HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n";
const SWITCHED: &[u8] = b"HTTP/1.1 101 \r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n";

/// A balancer of hundreds of reloads kept a plan for every one of them, as long as a WebSocket from each was open.
#[test]
fn a_tunnel_keeps_no_plan_in_memory_and_no_plan_that_comes_ends_it() {
    let (door, origin) = (bare(), bare());
    let address = door.local_addr().unwrap();
    let mut inherited = Inherited::default();
    inherited.add("web", Ok(door));
    let (senders, _lines) = lines(1);
    let mut publisher = Publisher::default();
    let proxy = Proxy::start(senders, &publisher.reader()).unwrap();
    let mut binder = proxy.binder(inherited);
    let mut turn = |plan: Plan| -> Weak<Plan> {
        binder.prepare(&plan).unwrap();
        let plan = publisher.publish(plan);
        binder.commit(&plan);
        Arc::downgrade(&plan)
    };

    let before = turn(plan("before", Some(origin.local_addr().unwrap())));
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(OFFER).unwrap();
    let mut endpoint = origin.accept().unwrap().0;
    head(&mut endpoint);
    endpoint.write_all(SWITCHED).unwrap();
    assert!(head(&mut client).starts_with("HTTP/1.1 101"));
    assert!(before.upgrade().is_some());

    turn(plan("after", None));
    let published = Instant::now();
    while before.upgrade().is_some() {
        assert!(published.elapsed() < Duration::from_secs(30), "the tunnel keeps its plan");
        std::thread::yield_now();
    }
    for (mut from, mut to) in [(&client, &endpoint), (&endpoint, &client)] {
        let mut read = [0; 5];
        from.write_all(b"hello").unwrap();
        to.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"hello");
    }
    proxy.stop();
}

fn bare() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

/// One listener, and a cluster with one endpoint at most.
fn plan(cluster: &str, endpoint: Option<SocketAddr>) -> Plan {
    let endpoints = endpoint.into_iter().map(|address| Endpoint {
        name: address.to_string().into(),
        address: Some(address),
        weight: 1,
        backup: false,
        forced: None,
        life: Life::new(1),
    });
    let cluster = Cluster {
        name: cluster.into(),
        endpoints: endpoints.collect(),
        balancer: Algorithm::RoundRobin.build(),
        health: None,
        timeouts: Default::default(),
        pool: Default::default(),
    };
    let listener = Listener { binds: vec![Bind::Inherited("web".into())], ..listener() };
    let (listeners, clusters) = (vec![Arc::new(listener)], vec![Arc::new(cluster)]);
    Plan { listeners, clusters, ..Plan::default() }
}

/// Reads the head of a message.
fn head(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}
