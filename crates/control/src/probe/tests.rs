use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_refused_for_both_kinds() {
    let port = evenkeel_testkit::ports::free_port().unwrap();
    for check in [HealthCheck::default(), http_check()] {
        let target = target(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), check);
        assert_eq!(NetworkProbe.check(&target).await, Err(Failure::Refused));
    }
}

#[tokio::test]
async fn an_accepted_connection_passes_a_tcp_check() {
    let listener = listen().await;
    let target = target(listener.local_addr().unwrap(), HealthCheck::default());
    assert_eq!(NetworkProbe.check(&target).await, Ok(()));
}

#[tokio::test]
async fn the_request_names_method_target_host_and_who_asks() {
    let listener = listen().await;
    let address = listener.local_addr().unwrap();
    let asked = tokio::spawn(answer(listener, b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()));
    assert_eq!(NetworkProbe.check(&target(address, http_check())).await, Ok(()));
    let request = asked.await.unwrap();
    assert!(request.starts_with("GET /health HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("\r\nHost: endpoint:1\r\n"), "{request}");
    assert!(request.contains("\r\nUser-Agent: evenkeel-health\r\n"), "{request}");
    assert!(request.contains("\r\nConnection: close\r\n"), "{request}");
}

#[tokio::test]
async fn answers_pass_or_fail_with_the_reason() {
    let expected = vec![200..=399, 418..=418];
    let too_large = [b"HTTP/1.1 200 OK\r\nx: ".to_vec(), vec![b'a'; 80_000]].concat();
    let too_many_fields = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(200));
    let table: [(&[u8], Result<(), Failure>); 11] = [
        (b"HTTP/1.1 200 OK\r\n\r\n", Ok(())),
        (b"HTTP/1.0 302 Found\r\nlocation: /\r\n\r\nbody", Ok(())),
        (b"HTTP/1.1 418 \r\n\r\n", Ok(())),
        (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", Ok(())),
        (b"HTTP/1.1 503 No\r\n\r\n", Err(Failure::Status { status: 503, expected })),
        (
            &b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(20),
            Err(Failure::Malformed("too many interim answers")),
        ),
        (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", Err(Failure::Malformed("not HTTP/1"))),
        (b"HTTP/1.1 200 OK\r\nx", Err(Failure::Closed)),
        (b"", Err(Failure::Closed)),
        (&too_large, Err(Failure::TooLarge(65_536))),
        (too_many_fields.as_bytes(), Err(Failure::Malformed("too many fields"))),
    ];
    for (bytes, outcome) in table {
        let listener = listen().await;
        let target = target(listener.local_addr().unwrap(), http_check());
        let origin = tokio::spawn(answer(listener, bytes.to_vec()));
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        assert_eq!(NetworkProbe.check(&target).await, outcome, "{shown}");
        drop(origin);
    }
}

#[test]
fn reasons_read_well() {
    let table = [
        (Failure::Refused, "connection refused"),
        (Failure::TimedOut(Duration::from_secs(1)), "timed out after 1 s"),
        (Failure::TimedOut(Duration::from_millis(1500)), "timed out after 1500 ms"),
        (
            Failure::Status { status: 503, expected: vec![200..=399, 418..=418] },
            "status 503, expected 200-399, 418",
        ),
        (Failure::Unreachable("host unreachable".to_owned()), "cannot connect: host unreachable"),
    ];
    for (failure, text) in table {
        assert_eq!(failure.to_string(), text);
    }
}

async fn listen() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

/// Accepts once, reads a request's head, answers and closes. Returns the request.
async fn answer(listener: TcpListener, bytes: Vec<u8>) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0, "a request was cut off");
    }
    // The probe may have seen enough and gone.
    drop(stream.write_all(&bytes).await);
    drop(stream.shutdown().await);
    String::from_utf8(request).unwrap()
}

fn target(address: SocketAddr, check: HealthCheck) -> Target {
    Target { address, name: "endpoint:1".into(), check }
}

fn http_check() -> HealthCheck {
    let kind = CheckKind::Http {
        method: "GET".into(),
        path: "/health".into(),
        host: None,
        status: vec![200..=399, 418..=418],
    };
    HealthCheck { kind, ..HealthCheck::default() }
}
