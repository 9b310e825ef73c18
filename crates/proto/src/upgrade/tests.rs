use super::*;
use crate::field::UnusualNames;
use crate::http1::{ParseLimits, parse_request, parse_response};

const LIMITS: ParseLimits =
    ParseLimits { fields: 64, target_bytes: 1024, names: UnusualNames::Drop };

fn fields(bytes: &[u8]) -> Fields {
    Fields { buffer: bytes.to_vec(), ..Fields::default() }
}

fn request(fields_text: &str) -> RequestHead {
    let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields_text}\r\n");
    parse_request(&mut fields(text.as_bytes()), text.len(), LIMITS).unwrap().unwrap().0
}

fn answer(fields_text: &str) -> ResponseHead {
    let text = format!("HTTP/1.1 101 \r\n{fields_text}\r\n");
    parse_response(&mut fields(text.as_bytes()), text.len(), LIMITS).unwrap().unwrap().0
}

const WEBSOCKET: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const PROOF: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

fn passed_on(fields_text: &str) -> Vec<String> {
    let head = request(fields_text);
    match offered(&head, Framing::Empty) {
        Ok(Some(_)) => protocols(&head.fields)
            .map(|protocol| String::from_utf8_lossy(protocol).into_owned())
            .collect(),
        Ok(None) => Vec::new(),
        Err(error) => vec![format!("{error:?}")],
    }
}

#[test]
fn an_offer_needs_both_fields_and_a_protocol_that_may_go_on() {
    let cases: [(&str, &[&str]); 10] = [
        ("Connection: upgrade\r\nUpgrade: chat\r\n", &["chat"]),
        (
            "Connection: keep-alive, UPGRADE\r\nUpgrade: a/1, b\r\nUpgrade: c\r\n",
            &["a/1", "b", "c"],
        ),
        ("Upgrade: chat\r\n", &[]),
        ("Connection: upgrade\r\n", &[]),
        ("Connection: upgrade\r\nUpgrade: ,\r\n", &[]),
        ("Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\n", &[]),
        ("Connection: upgrade\r\nUpgrade: H2C, HTTP/2.0, TLS/1.3, chat\r\n", &["chat"]),
        ("Connection: upgrade\r\nUpgrade: no good\r\n", &[]),
        ("Connection: upgrade\r\nUpgrade: /, a/, /b, a/b/c, h2, h3, h2c/1, tls\r\n", &[]),
        (WEBSOCKET, &["websocket"]),
    ];
    for (text, protocols) in cases {
        assert_eq!(passed_on(text), protocols, "{text}");
    }
}

#[test]
fn a_request_with_a_body_or_of_http_1_0_is_no_offer() {
    let head = request("Connection: upgrade\r\nUpgrade: chat\r\n");
    assert_eq!(offered(&head, Framing::Length(5)), Ok(None));
    assert_eq!(offered(&head, Framing::Chunked), Ok(None));
    assert!(offered(&head, Framing::Length(0)).unwrap().is_some());
    let old = RequestHead { version: Version::Http10, ..head };
    assert_eq!(offered(&old, Framing::Empty), Ok(None));
}

#[test]
fn a_handshake_that_no_endpoint_may_accept_is_refused() {
    let broken = [
        (WEBSOCKET.replace("13", "12"), UpgradeError::UnsupportedVersion),
        (WEBSOCKET.replace("Sec-WebSocket-Version: 13\r\n", ""), UpgradeError::UnsupportedVersion),
        (format!("{WEBSOCKET}Sec-WebSocket-Version: 8\r\n"), UpgradeError::UnsupportedVersion),
        (
            WEBSOCKET.replace("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ"),
            UpgradeError::Malformed("the key of a WebSocket is 16 bytes"),
        ),
        (
            WEBSOCKET.replace("ZQ==", "Z!=="),
            UpgradeError::Malformed("the key of a WebSocket is 16 bytes"),
        ),
        (
            format!("{WEBSOCKET}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"),
            UpgradeError::Malformed("a WebSocket has one key"),
        ),
    ];
    for (text, error) in broken {
        assert_eq!(offered(&request(&text), Framing::Empty), Err(error), "{text}");
    }
}

#[test]
fn a_websocket_begins_with_get_and_nothing_else() {
    for method in ["POST", "HEAD", "get"] {
        let text = format!("{method} / HTTP/1.1\r\nHost: a\r\n{WEBSOCKET}\r\n");
        let parsed = parse_request(&mut fields(text.as_bytes()), text.len(), LIMITS);
        let (head, _) = parsed.unwrap().unwrap();
        assert!(
            matches!(offered(&head, Framing::Empty), Err(UpgradeError::Malformed(_))),
            "{method}"
        );
    }
}

#[test]
fn an_answer_of_http_1_0_switches_nothing() {
    let head = request(WEBSOCKET);
    let offer = offered(&head, Framing::Empty).unwrap().unwrap();
    let good = answer(&format!("Connection: upgrade\r\nUpgrade: websocket\r\n{PROOF}"));
    assert!(accepted(&offer, &head, &good).is_ok());
    let old = ResponseHead { version: Version::Http10, ..good };
    assert!(accepted(&offer, &head, &old).is_err());
}

#[test]
fn only_an_answer_to_the_offer_switches() {
    let head = request("Connection: upgrade\r\nUpgrade: chat, echo/2\r\n");
    let offer = offered(&head, Framing::Empty).unwrap().unwrap();
    for good in ["Chat", "echo/2"] {
        let answer = answer(&format!("Connection: x, Upgrade\r\nUpgrade: {good}\r\n"));
        assert_eq!(accepted(&offer, &head, &answer), Ok(good.as_bytes()));
    }
    let bad = [
        "Upgrade: chat\r\n",
        "Connection: upgrade\r\n",
        "Connection: upgrade\r\nUpgrade: chat, echo/2\r\n",
        "Connection: upgrade\r\nUpgrade: chat\r\nUpgrade: chat\r\n",
        "Connection: upgrade\r\nUpgrade: echo\r\n",
        "Connection: upgrade\r\nUpgrade: websocket\r\n",
        "Connection: upgrade\r\nUpgrade: chat\r\nContent-Length: 0\r\n",
        "Connection: upgrade\r\nUpgrade: chat\r\nTransfer-Encoding: chunked\r\n",
    ];
    for text in bad {
        assert!(accepted(&offer, &head, &answer(text)).is_err(), "{text}");
    }
}

#[test]
fn a_websocket_switches_only_with_the_proof_of_its_key() {
    let head = request(WEBSOCKET);
    let offer = offered(&head, Framing::Empty).unwrap().unwrap();
    let switched = "Connection: upgrade\r\nUpgrade: websocket\r\n";
    assert!(accepted(&offer, &head, &answer(&format!("{switched}{PROOF}"))).is_ok());
    let bad = [
        switched.to_owned(),
        format!("{switched}{}", PROOF.replace("s3p", "S3p")),
        format!("{switched}{PROOF}{PROOF}"),
    ];
    for text in bad {
        assert!(accepted(&offer, &head, &answer(&text)).is_err(), "{text}");
    }
}
