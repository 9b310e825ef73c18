use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::*;

mod grpc;
mod http2;
mod http2_server;
mod tls;

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_refused_for_both_kinds() {
    let port = evenkeel_testkit::ports::free_port().unwrap();
    for kind in [HealthCheck::default(), http_check()] {
        let target = target(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), kind);
        assert_eq!(check(&target).await, Err(Failure::Refused));
    }
}

#[tokio::test]
async fn an_accepted_connection_passes_a_tcp_check() {
    let listener = listen().await;
    let target = target(listener.local_addr().unwrap(), HealthCheck::default());
    assert_eq!(check(&target).await, Ok(()));
}

#[tokio::test]
async fn the_request_names_method_target_host_and_who_asks() {
    let listener = listen().await;
    let address = listener.local_addr().unwrap();
    let asked = tokio::spawn(answer(listener, b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()));
    assert_eq!(check(&target(address, http_check())).await, Ok(()));
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
        (&too_large, Err(Failure::TooLarge("the answer's head", 65_536))),
        (too_many_fields.as_bytes(), Err(Failure::Malformed("too many fields"))),
    ];
    for (bytes, outcome) in table {
        let listener = listen().await;
        let target = target(listener.local_addr().unwrap(), http_check());
        let origin = tokio::spawn(answer(listener, bytes.to_vec()));
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        assert_eq!(check(&target).await, outcome, "{shown}");
        drop(origin);
    }
}

#[tokio::test]
async fn a_text_is_found_in_the_body_however_it_is_framed() {
    let wanted = "status: ok";
    let long = |before: usize| {
        let body = format!("{}{wanted}", ".".repeat(before));
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    };
    let split = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n..status:\r\n3;x=y\r\n ok\r\n0\r\n\r\n";
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(200_000));
    let absent = || Err(Failure::Body(wanted.into()));
    let text = |text: &str| text.as_bytes().to_vec();
    let table = [
        (text("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nstatus: ok"), Ok(())),
        (text("HTTP/1.1 200 OK\r\n\r\nall is well\nstatus: ok\n"), Ok(())),
        (text("HTTP/1.0 200 OK\r\n\r\nstatus: ok"), Ok(())),
        (text(split), Ok(())),
        (
            text(
                "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nstatus: ok!",
            ),
            Ok(()),
        ),
        // What comes after the text, or too late, or is missing, does not matter.
        (text("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nstatus: ok"), Ok(())),
        (long(65_526), Ok(())),
        (long(65_527), absent()),
        (endless.into_bytes(), absent()),
        (text("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nstatus: ok"), absent()),
        (text("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), absent()),
        (text("HTTP/1.1 204 No Content\r\n\r\nstatus: ok"), absent()),
        (text("HTTP/1.1 200 OK\r\n\r\nSTATUS: OK"), absent()),
        (text("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nstatus: "), Err(Failure::Closed)),
        (
            text("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"),
            Err(Failure::Malformed("a chunk without a size")),
        ),
        (
            text("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nstatus: ok"),
            Err(Failure::Malformed("an unknown transfer coding")),
        ),
        (
            text("HTTP/1.1 500 No\r\n\r\nstatus: ok"),
            Err(Failure::Status { status: 500, expected: vec![200..=399, 418..=418] }),
        ),
    ];
    for (bytes, outcome) in table {
        let listener = listen().await;
        let mut http = http_check();
        let CheckKind::Http { body, .. } = &mut http.kind else { unreachable!() };
        *body = Some(wanted.into());
        let target = target(listener.local_addr().unwrap(), http);
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(90)]).into_owned();
        let origin = tokio::spawn(answer(listener, bytes));
        assert_eq!(check(&target).await, outcome, "{shown}");
        drop(origin);
    }
}

/// A connection that is accepted is not an answer, and one that is not accepted is no connection.
#[tokio::test]
async fn a_connect_that_times_out_is_told_from_an_answer_that_does() {
    let limit = Duration::from_millis(200);
    let silent = listen().await;
    let http = HealthCheck { timeout: limit, ..http_check() };
    let heard = check(&target(silent.local_addr().unwrap(), http.clone())).await;
    assert_eq!(heard, Err(Failure::NoAnswer(limit)));
    let tls = HealthCheck { kind: CheckKind::Tls { server_name: None }, ..http.clone() };
    let heard = check(&target(silent.local_addr().unwrap(), tls)).await;
    assert_eq!(heard, Err(Failure::NoHandshake(limit)));
    let grpc = CheckKind::Grpc { service: "".into(), host: None };
    let heard =
        check(&target(silent.local_addr().unwrap(), HealthCheck { kind: grpc, ..http.clone() }))
            .await;
    assert_eq!(heard, Err(Failure::NoAnswer(limit)));
    // A listener whose queue is full answers no SYN.
    let full = tokio::net::TcpSocket::new_v4().unwrap();
    full.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let full = full.listen(0).unwrap();
    let address = full.local_addr().unwrap();
    let _first = TcpStream::connect(address).await.unwrap();
    let _waiting: Vec<_> = (0..4).map(|_| tokio::spawn(TcpStream::connect(address))).collect();
    tokio::time::timeout(Duration::from_secs(20), async {
        while check(&target(address, http.clone())).await != Err(Failure::ConnectTimedOut(limit)) {}
    })
    .await
    .unwrap();
}

#[test]
fn reasons_read_well() {
    let table = [
        (Failure::Refused, "connection refused"),
        (Failure::ConnectTimedOut(Duration::from_secs(1)), "connect timed out after 1s"),
        (Failure::NoAnswer(Duration::from_millis(1500)), "no answer within 1s500ms"),
        (Failure::NoHandshake(Duration::from_secs(1)), "no TLS handshake within 1s"),
        (Failure::StillRunning(Duration::from_secs(60)), "still running after 1m"),
        (Failure::Body("\"ok\"".into()), "the body does not contain \"\\\"ok\\\"\""),
        (
            Failure::Tls("received fatal alert: HandshakeFailure".to_owned()),
            "TLS handshake failed: received fatal alert: HandshakeFailure",
        ),
        (
            Failure::GrpcStatus { code: 5, message: "unknown service x".to_owned() },
            "gRPC status 5 (NOT_FOUND): unknown service x",
        ),
        (
            Failure::GrpcStatus { code: 16, message: String::new() },
            "gRPC status 16 (UNAUTHENTICATED)",
        ),
        (
            Failure::GrpcStatus { code: 99, message: String::new() },
            "gRPC status 99 (unknown to us)",
        ),
        (Failure::NotServing("NOT_SERVING"), "NOT_SERVING"),
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
    Target {
        address,
        cluster: "api".into(),
        name: "endpoint:1".into(),
        tls: None,
        http: HttpVersion::default(),
        gets_streams: false,
        check,
    }
}

async fn check(target: &Target) -> Result<(), Failure> {
    let permit = Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap();
    NetworkProbe.check(target, permit).await
}

fn http_check() -> HealthCheck {
    let kind = CheckKind::Http {
        method: "GET".into(),
        path: "/health".into(),
        host: None,
        status: vec![200..=399, 418..=418],
        body: None,
    };
    HealthCheck { kind, ..HealthCheck::default() }
}
