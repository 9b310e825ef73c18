//! The HTTP check where endpoints are asked in HTTP/2, against a server of h2.

use evenkeel_plan::tls::Origination;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsAcceptor;

use super::http2_server::{CALM, Play, serve};
use super::tls::server_config;
use super::*;
use crate::certificates::unjudged;

const TEXT: &str = "status: ok";

/// An answer with this body.
fn says(pieces: &[&[u8]]) -> Play {
    let data = pieces.iter().map(|piece| piece.to_vec()).collect();
    Play { status: 200, head: vec![("content-type", "text/plain")], data, trailers: None }
}

#[tokio::test]
async fn the_request_is_one_of_http2() {
    for (host, asked) in
        [(None, "http://endpoint:1/health"), (Some("a.test"), "http://a.test/health")]
    {
        let mut wanted = in_http2(listen().await, None);
        let CheckKind::Http { host: named, .. } = &mut wanted.1.check.kind else { unreachable!() };
        *named = host.map(Into::into);
        let (outcome, request) = answered(wanted, says(&[])).await;
        assert_eq!(outcome, Ok(()));
        assert_eq!(request.uri(), asked);
        assert_eq!(request.method(), "GET");
        assert_eq!(request.headers()["user-agent"], "evenkeel-health");
        assert_eq!(request.headers()["accept"], "*/*");
    }
}

#[tokio::test]
async fn status_and_body_decide_as_in_http1() {
    let long = |before: usize| [".".repeat(before), TEXT.to_owned()].concat().into_bytes();
    let endless = vec![b'x'; 200_000];
    let absent = || Err(Failure::Body(TEXT.into()));
    let (status, expected) = (503, vec![200..=399, 418..=418]);
    let with_trailers = |play| Play { trailers: Some(vec![("x-sum", "1")]), ..play };
    let table = [
        (says(&[]), None, Ok(())),
        (says(&[b"anything"]), None, Ok(())),
        (
            Play { status, ..says(&[TEXT.as_bytes()]) },
            Some(TEXT),
            Err(Failure::Status { status, expected }),
        ),
        (says(&[TEXT.as_bytes()]), Some(TEXT), Ok(())),
        (says(&[b"..status:", b"", b" ok.."]), Some(TEXT), Ok(())),
        (with_trailers(says(&[TEXT.as_bytes()])), Some(TEXT), Ok(())),
        (with_trailers(says(&[b"status"])), Some(TEXT), absent()),
        (says(&[]), Some(TEXT), absent()),
        // More than the window that a stream begins with (RFC 9113 §6.9.2), by one byte.
        (says(&[&long(65_526)]), Some(TEXT), Ok(())),
        (says(&[&long(65_527)]), Some(TEXT), absent()),
        (says(&[&endless]), Some(TEXT), absent()),
    ];
    for (number, (play, text, outcome)) in table.into_iter().enumerate() {
        let said = answered(in_http2(listen().await, text), play).await.0;
        assert_eq!(said, outcome, "row {number}");
    }
}

#[tokio::test]
async fn what_cannot_be_spoken_with_fails_with_the_reason() {
    const IN_HTTP2: &str = "it answers in HTTP/2, and is asked in HTTP/1.1";
    let table: [(HttpVersion, &[u8], &str); 6] = [
        (
            HttpVersion::Http2,
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            "it answers in HTTP/1, and is asked in HTTP/2",
        ),
        (HttpVersion::Http2, b"", "connection closed without a word, when it was asked in HTTP/2"),
        (HttpVersion::Http2, CALM, "HTTP/2 failed: "),
        (HttpVersion::Http1, b"\0\0\0\x04\0\0\0\0\0", IN_HTTP2),
        (HttpVersion::Auto, b"\0\0\0\x04\0\0\0\0\0", IN_HTTP2),
        (HttpVersion::Http1, b"SSH-2.0-OpenSSH_9.9\r\n", "malformed answer: not HTTP/1"),
    ];
    for (version, bytes, reason) in table {
        let listener = listen().await;
        let target = Target { http: version, ..long_target(&listener, http_check()) };
        let bytes = bytes.to_vec();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            assert_ne!(stream.read(&mut request).await.unwrap(), 0);
            // The probe may have seen enough and gone.
            drop(stream.write_all(&bytes).await);
            drop(stream.shutdown().await);
            while stream.read(&mut request).await.is_ok_and(|read| read > 0) {}
        });
        let said = check(&target).await.unwrap_err().to_string();
        assert!(said.starts_with(reason), "{version:?} {reason} {said}");
        server.await.unwrap();
    }
}

#[tokio::test]
async fn by_tls_it_is_what_the_endpoint_chooses_of_what_the_cluster_offers() {
    use HttpVersion::{Auto, Http1, Http2};
    type Row<'a> = (&'a CheckKind, HttpVersion, &'static [&'static str], Result<&'a str, &'a str>);
    const H1: &str = "http/1.1";
    const UNCHOSEN: &str = "HTTP/2 failed: the endpoint has not chosen it by ALPN";
    const REFUSED: &str =
        "TLS handshake failed: it speaks no protocol that we offer (alert NoApplicationProtocol)";
    let grpc = CheckKind::Grpc { service: "".into(), host: None };
    let http = http_check().kind;
    let tls = CheckKind::Tls { server_name: None };
    let table: [Row<'_>; 14] = [
        (&http, Http2, &["h2", H1], Ok("h2")),
        (&http, Auto, &[H1, "h2"], Ok(H1)),
        (&http, Auto, &["h2", H1], Ok("h2")),
        (&http, Auto, &[H1], Ok(H1)),
        (&http, Auto, &[], Ok(H1)),
        (&http, Http1, &["h2", H1], Ok(H1)),
        (&http, Http1, &[], Ok(H1)),
        (&http, Http1, &["h2"], Err(REFUSED)),
        (&http, Http2, &[H1], Err(REFUSED)),
        (&http, Http2, &[], Err(UNCHOSEN)),
        (&grpc, Http1, &[], Err(UNCHOSEN)),
        // As requests will find it.
        (&tls, Http1, &["h2"], Err(REFUSED)),
        (&tls, Http2, &[H1], Err(REFUSED)),
        (&tls, Http2, &[], Err(UNCHOSEN)),
    ];
    for (kind, version, speaks, spoken) in table {
        let listener = listen().await;
        let kind = kind.clone();
        let tls = Some(Arc::new(origination(version)));
        let base = long_target(&listener, HealthCheck { kind, ..HealthCheck::default() });
        let target = Target { tls, http: version, ..base };
        let server = tokio::spawn(either(listener, speaks));
        let said = check(&target).await;
        let shown = format!("{version:?} {speaks:?}");
        match spoken {
            Ok(protocol) => {
                assert_eq!(said, Ok(()), "{shown}");
                assert_eq!(server.await.unwrap(), Some(protocol), "{shown}");
            }
            Err(reason) => {
                assert_eq!(said.unwrap_err().to_string(), reason, "{shown}");
                assert_eq!(server.await.unwrap(), None, "{shown}");
            }
        }
    }
}

/// A handshake that passed said nothing about requests, which offer something; a database that goes by ALPN refuses what it does not speak.
#[tokio::test]
async fn a_handshake_alone_offers_what_requests_do_and_before_streams_nothing() {
    for (gets_streams, speaks, passes) in [
        (false, &["http/1.1"][..], true),
        (false, &[], true),
        (false, &["h2"], false),
        (false, &["postgresql"], false),
        (true, &["postgresql"], true),
        (true, &["h2"], true),
        (true, &[], true),
    ] {
        let listener = listen().await;
        let tls = Some(Arc::new(origination(HttpVersion::Http1)));
        let kind = CheckKind::Tls { server_name: None };
        let base = long_target(&listener, HealthCheck { kind, ..HealthCheck::default() });
        let server = tokio::spawn(either(listener, speaks));
        let said = check(&Target { tls, gets_streams, ..base }).await;
        assert_eq!(said.is_ok(), passes, "{gets_streams} {speaks:?} {said:?}");
        assert_eq!(server.await.unwrap(), None, "nothing was asked");
    }
}

/// A target whose check has all the time it needs.
fn long_target(listener: &TcpListener, check: HealthCheck) -> Target {
    let check = HealthCheck { timeout: Duration::from_secs(20), ..check };
    target(listener.local_addr().unwrap(), check)
}

/// A check in HTTP/2 of who is behind `listener`, for this text in the body.
fn in_http2(listener: TcpListener, text: Option<&str>) -> (TcpListener, Target) {
    let mut target = Target { http: HttpVersion::Http2, ..long_target(&listener, http_check()) };
    let CheckKind::Http { body, .. } = &mut target.check.kind else { unreachable!() };
    *body = text.map(Into::into);
    (listener, target)
}

/// The outcome where the server does this, and what it was asked.
async fn answered(
    (listener, target): (TcpListener, Target),
    play: Play,
) -> (Result<(), Failure>, ::http::Request<()>) {
    let server = tokio::spawn(async move { serve(listener.accept().await.unwrap().0, play).await });
    let outcome = check(&target).await;
    (outcome, server.await.unwrap().0)
}

/// As a cluster speaks TLS that judges nobody.
fn origination(version: HttpVersion) -> Origination {
    let mut config = ClientConfig::clone(&unjudged().unwrap());
    config.alpn_protocols = version.protocols().iter().map(|it| it.to_vec()).collect();
    let name = ServerName::try_from("somebody.else").unwrap();
    Origination::new(Arc::new(config), Some(name))
}

/// Accepts once, and answers one request in what is chosen of these protocols, or else in HTTP/1.1. Returns which that was, unless
/// nothing was asked.
async fn either(listener: TcpListener, speaks: &'static [&'static str]) -> Option<&'static str> {
    let mut config = server_config();
    config.alpn_protocols = speaks.iter().map(|it| it.as_bytes().to_vec()).collect();
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = TlsAcceptor::from(Arc::new(config)).accept(stream).await.ok()?;
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        serve(stream, says(&[])).await;
        return Some("h2");
    }
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        // Who has been refused may be gone without a goodbye.
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return None;
        }
    }
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    drop(stream.shutdown().await);
    Some("http/1.1")
}
