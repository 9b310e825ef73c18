//! Origins inside a runtime: how they die, come back and change.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::units;

fn behaviour() -> Behaviour {
    Behaviour {
        delay: Delay { mean: Duration::ZERO, distribution: Distribution::Constant },
        fail: units::share("0").unwrap(),
        fail_status: hyper::StatusCode::SERVICE_UNAVAILABLE,
        body_bytes: 13,
        is_healthy: true,
    }
}

async fn start(
    behaviour: Behaviour,
    capacity: Option<Capacity>,
) -> (Origin, watch::Sender<Behaviour>) {
    let (changes, following) = watch::channel(behaviour);
    let bind = SocketAddr::from(([127, 0, 0, 1], 0));
    let origin = Origin::start(Setup { bind, name: None, capacity }, following).await.unwrap();
    (origin, changes)
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
    let slow = |mean| Behaviour {
        delay: Delay { mean, distribution: Distribution::Constant },
        ..behaviour()
    };
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
async fn a_port_in_use_is_told_with_a_way_out() {
    let (origin, _changes) = start(behaviour(), None).await;
    let (_, following) = watch::channel(behaviour());
    let taken = Setup { bind: origin.address(), name: None, capacity: None };
    let error = Origin::start(taken, following).await.err().unwrap().to_string();
    assert!(error.contains(&format!("cannot listen on {}", origin.address())), "{error}");
    assert!(error.contains("ss -ltnp"), "{error}");
}
