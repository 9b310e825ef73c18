//! The gRPC check, against a server of h2.

use super::http2_server::{CALM, Play, serve};
use super::*;

const GRPC: (&str, &str) = ("content-type", "application/grpc+proto");
const WELL: (&str, &str) = ("grpc-status", "0");

/// An answer with this message.
fn says(message: &[u8]) -> Play {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let data = vec![[&[0], &length[..], message].concat()];
    Play { status: 200, head: vec![GRPC], data, trailers: Some(vec![WELL]) }
}

/// An answer without a message.
fn refuses(fields: &[(&'static str, &'static str)]) -> Play {
    let head = [&[GRPC], fields].concat();
    Play { status: 200, head, data: Vec::new(), trailers: None }
}

#[tokio::test]
async fn only_a_service_that_is_served_passes() {
    let in_pieces = Play {
        data: says(b"\x08\x01").data[0].chunks(1).map(<[u8]>::to_vec).collect(),
        ..says(b"")
    };
    let unknown = [("grpc-status", "5"), ("grpc-message", "unknown service caf%C3%A9 100%")];
    let nasty = [("grpc-status", "13"), ("grpc-message", "%1B[31m%0A%zz%")];
    let late = Play { trailers: Some(vec![("grpc-status", "14")]), ..says(b"\x08\x01") };
    let compressed = Play { data: vec![b"\x01\0\0\0\x02\x08\x01".to_vec()], ..says(b"") };
    let two =
        Play { data: vec![b"\0\0\0\0\x02\x08\x01\0\0\0\0\x02\x08\x01".to_vec()], ..says(b"") };
    let cut = Play { data: vec![b"\0\0\0\xff\xff\x08\x01".to_vec()], ..says(b"") };
    let short = Play { data: vec![b"\0\0".to_vec()], ..says(b"") };
    let large = Play { data: vec![vec![0; 5000]], ..says(b"") };
    let page = Play { status: 404, head: vec![("content-type", "text/html")], ..says(b"") };
    let web = Play { head: vec![("content-type", "text/html")], ..says(b"") };
    let table = [
        (says(b"\x08\x01"), Ok(())),
        (in_pieces, Ok(())),
        (says(b"\x08\x02"), Err("NOT_SERVING")),
        (says(b""), Err("UNKNOWN")),
        (says(b"\x08\x03"), Err("SERVICE_UNKNOWN")),
        (says(b"\x08\x07"), Err("a serving status that does not exist")),
        (refuses(&unknown), Err("gRPC status 5 (NOT_FOUND): unknown service café 100%")),
        (refuses(&nasty), Err("gRPC status 13 (INTERNAL): ?[31m")),
        (refuses(&[("grpc-status", "12")]), Err("gRPC status 12 (UNIMPLEMENTED)")),
        (refuses(&[("grpc-status", "-1")]), Err("malformed answer: no status of the call")),
        (refuses(&[WELL]), Err("malformed answer: no message")),
        (late, Err("gRPC status 14 (UNAVAILABLE)")),
        (compressed, Err("malformed answer: a compressed message, which nobody has asked for")),
        (two, Err("malformed answer: not exactly one message")),
        (cut, Err("malformed answer: not exactly one message")),
        (short, Err("malformed answer: no message")),
        (says(b"\x08"), Err("malformed answer: the message is cut off")),
        (large, Err("the answer is longer than 4096 bytes")),
        (page, Err("status 404, expected 200")),
        (web, Err("malformed answer: not of the content type of gRPC")),
        (Play { trailers: None, ..says(b"\x08\x01") }, Err("malformed answer: no trailers")),
    ];
    for (play, outcome) in table {
        let listener = listen().await;
        let address = listener.local_addr().unwrap();
        let server =
            tokio::spawn(async move { serve(listener.accept().await.unwrap().0, play).await });
        let said = check(&target(address, grpc_check("shop.Cart"))).await;
        assert_eq!(said.map_err(|failure| failure.to_string()), outcome.map_err(str::to_owned));
        let (request, message) = server.await.unwrap();
        assert_eq!(request.uri(), "http://endpoint:1/grpc.health.v1.Health/Check");
        assert_eq!(request.method(), "POST");
        for (name, value) in [
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("user-agent", "evenkeel-health"),
        ] {
            assert_eq!(request.headers()[name], value);
        }
        assert_eq!(&message[..], b"\0\0\0\0\x0b\x0a\x09shop.Cart");
    }
}

#[tokio::test]
async fn what_is_no_http2_fails_with_the_reason() {
    let table: [(&[u8], &str, &str); 4] = [
        // It may have been ended just now, whatever it speaks.
        (b"", "connection closed without a word, when it was asked in HTTP/2", "closed"),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            "it answers in HTTP/1, and is asked in HTTP/2",
            "version",
        ),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "HTTP/2 failed: ", "http2"),
        (CALM, "HTTP/2 failed: ", "http2"),
    ];
    for (bytes, reason, kind) in table {
        let listener = listen().await;
        let address = listener.local_addr().unwrap();
        let bytes = bytes.to_vec();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut preface = [0; 4096];
            assert_ne!(stream.read(&mut preface).await.unwrap(), 0);
            // The probe may have seen enough and gone.
            drop(stream.write_all(&bytes).await);
            drop(stream.shutdown().await);
            while stream.read(&mut preface).await.is_ok_and(|read| read > 0) {}
        });
        let failure = check(&target(address, grpc_check(""))).await.unwrap_err();
        assert!(failure.to_string().starts_with(reason), "{failure}");
        assert_eq!(failure.kind(), kind, "{failure}");
        server.await.unwrap();
    }
}

fn grpc_check(service: &str) -> HealthCheck {
    let kind = CheckKind::Grpc { service: service.into(), host: None };
    HealthCheck { kind, timeout: Duration::from_secs(20), ..HealthCheck::default() }
}
