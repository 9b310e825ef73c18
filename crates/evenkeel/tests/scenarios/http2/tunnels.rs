//! WebSockets over HTTP/2 (RFC 8441) that may not begin. Those that may are in `interop`, with libraries on both sides.

use evenkeel_testkit::http2::{Block, Outcome};
use evenkeel_testkit::{Request, Script};

use super::{Refusal, ask, raw, refuses};
use crate::hostile_arena::Arena;
use crate::running::LONG;

fn connect(protocol: &str) -> Block {
    Block::request("CONNECT", "/chat").field(":protocol", protocol)
}

fn websocket() -> Block {
    connect("websocket").field("sec-websocket-version", "13")
}

#[test]
fn a_tunnel_over_http_2_that_is_no_websocket_is_refused() {
    let arena = Arena::new();
    refuses(&arena, &[Refusal::Status(501)], [connect("connect-udp"), connect("chat")]);
    refuses(
        &arena,
        &[Refusal::Status(426)],
        [connect("websocket"), connect("websocket").field("sec-websocket-version", "8")],
    );
}

/// A client would take 200 for its tunnel, and what it sent into that for requests would be the endpoint's.
#[test]
fn an_endpoint_that_does_not_switch_opens_no_tunnel() {
    let arena = Arena::new();
    let block = websocket().field("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let outcome = ask(&arena.running, &block);
    assert!(matches!(outcome, Outcome::Answered { status: 502, .. }), "{outcome:?}");
    let request = arena.origin.requests().pop().unwrap();
    assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", "/chat"));
    let fields = |name| request.fields.all(name).collect::<Vec<_>>();
    assert_eq!(
        (fields("upgrade"), fields("sec-websocket-version")),
        (vec!["websocket"], vec!["13"])
    );
    let keys = fields("sec-websocket-key");
    assert!(keys.len() == 1 && keys[0] != "dGhlIHNhbXBsZSBub25jZQ==", "{keys:?}");
}

#[test]
fn what_is_sent_into_a_tunnel_that_is_refused_reaches_nobody() {
    let refusing =
        |_: &Request| Script::new().send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    let arena = Arena::before(refusing, "", "");
    let mut client = raw(&arena.running);
    let stream = client.request(&websocket(), false).unwrap();
    client.data(stream, b"GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n", false).unwrap();
    let outcome = client.outcome(stream, LONG).unwrap();
    assert!(matches!(outcome, Outcome::Answered { status: 403, .. }), "{outcome:?}");
    let targets: Vec<_> = arena.origin.requests().into_iter().map(|it| it.target).collect();
    assert_eq!(targets, ["/chat"]);
}
