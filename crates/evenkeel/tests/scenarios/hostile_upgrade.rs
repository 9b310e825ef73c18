//! Ways to make a connection that nobody parses: switches that were not agreed upon, CONNECT, and the echo of TRACE.

use evenkeel_testkit::{Request, Script};

use crate::hostile_arena::{Arena, Records, SMUGGLED, get};
use crate::running::LONG;

const CHAT: &str = "Connection: Upgrade\r\nUpgrade: chat\r\n";
const WEBSOCKET: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

/// CVE-2026-2833: the bytes behind an Upgrade must not go to the endpoint before it has agreed.
#[test]
fn what_is_sent_behind_an_upgrade_that_is_declined_is_no_request() {
    for status in [200, 400, 426, 500] {
        let arena = Arena::playing(Script::status(status, "no"));
        for fields in [CHAT, WEBSOCKET] {
            let before = arena.origin.request_count();
            let mut client = arena.connect();
            client.send(&[&*get(fields), SMUGGLED.as_bytes()].concat()).unwrap();
            assert_eq!(client.read_response(LONG).unwrap().status, status);
            assert_eq!(client.read_until_gone(LONG).unwrap(), b"", "RFC 9931 §4");
            assert_eq!(arena.origin.request_count(), before + 1);
        }
        assert!(arena.origin.requests().iter().all(|request| request.target == "/"));
        arena.judge(Records::AreWhole);
    }
}

#[test]
fn what_is_sent_behind_an_upgrade_waits_for_the_answer() {
    let decided = evenkeel_testkit::Gate::new();
    let wait = decided.clone();
    let behaviour = move |_: &Request| Script::new().wait_for(&wait).followed_by(Script::ok("no"));
    let arena = Arena::before(behaviour, "", "");
    let mut client = arena.connect();
    client.send(&[&*get(CHAT), SMUGGLED.as_bytes()].concat()).unwrap();
    arena.origin.wait_for_requests(1, LONG).unwrap();
    decided.open();
    assert_eq!(client.read_response(LONG).unwrap().status, 200);
    client.read_until_gone(LONG).unwrap();
    arena.judge(Records::AreWhole);
}

#[test]
fn an_endpoint_cannot_switch_to_what_was_not_offered() {
    for (offer, fields) in [
        ("", "Connection: upgrade\r\nUpgrade: websocket\r\n"),
        ("Upgrade: chat\r\n", "Connection: upgrade\r\nUpgrade: chat\r\n"),
        (CHAT, "Connection: upgrade\r\nUpgrade: websocket\r\n"),
        (CHAT, "Connection: upgrade\r\nUpgrade: h2c\r\n"),
        (CHAT, "Connection: upgrade\r\n"),
        (CHAT, "Upgrade: chat\r\n"),
        (WEBSOCKET, "Connection: upgrade\r\nUpgrade: websocket\r\n"),
        (
            WEBSOCKET,
            "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n",
        ),
        (
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
            "Connection: upgrade\r\nUpgrade: h2c\r\n",
        ),
    ] {
        let answer = format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\nfree bytes");
        let arena = Arena::playing(Script::new().send(answer));
        let mut client = arena.connect();
        let response = client.exchange(&get(offer), LONG).unwrap();
        assert_eq!(response.status, 502, "{offer:?} {fields:?}");
        evenkeel_testkit::wait_until(LONG, || arena.origin.open_connection_count() == 0).unwrap();
        arena.judge(Records::AreWhole);
    }
}

#[test]
fn http_2_in_clear_text_is_not_reached_through_an_upgrade() {
    let arena = Arena::new();
    for upgrade in ["h2c", "H2C", "h2c, h2", "HTTP/2.0", "TLS/1.3"] {
        let fields = format!(
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: {upgrade}\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
        );
        let request = arena.passes(get(fields));
        for name in ["upgrade", "connection", "http2-settings"] {
            assert_eq!(request.header(name), None, "{upgrade}");
        }
    }
    let both = arena.passes(get("Connection: Upgrade\r\nUpgrade: h2c, chat\r\n"));
    assert_eq!(both.header("upgrade"), Some("chat"));
    arena.judge(Records::AreWhole);
}

#[test]
fn a_websocket_that_cannot_begin_is_refused_before_the_endpoint_sees_it() {
    let arena = Arena::new();
    let requests = |replaced: &str, by: &str| get(WEBSOCKET.replace(replaced, by));
    for version in ["8", "14", "013", "13, 8", "x", ""] {
        let mut client = arena.connect();
        let request = requests("Version: 13", &format!("Version: {version}"));
        let response = client.exchange(&request, LONG).unwrap();
        assert_eq!(
            (response.status, response.header("sec-websocket-version")),
            (426, Some("13")),
            "{version}"
        );
        assert_eq!(client.read_to_end(LONG).unwrap(), b"");
    }
    arena.refuses(
        &[400],
        &[
            requests("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
            requests("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ=="),
            requests("dGhlIHNhbXBsZSBub25jZQ==", "!!!lIHNhbXBsZSBub25jZQ=="),
            requests(
                "Sec-WebSocket-Version",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version",
            ),
            [b"POST / HTTP/1.1\r\nHost: test\r\n", WEBSOCKET.as_bytes(), b"\r\n"].concat(),
        ],
    );
    arena.judge(Records::AreWhole);
}

#[test]
fn an_upgrade_with_a_body_or_of_http_1_0_is_none() {
    let arena = Arena::new();
    let length = SMUGGLED.len();
    for request in [
        format!(
            "POST / HTTP/1.1\r\nHost: test\r\n{CHAT}Content-Length: {length}\r\n\r\n{SMUGGLED}"
        ),
        format!(
            "GET / HTTP/1.1\r\nHost: test\r\n{CHAT}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{SMUGGLED}\r\n0\r\n\r\n"
        ),
        format!(
            "POST / HTTP/1.0\r\nHost: test\r\n{CHAT}Content-Length: {length}\r\n\r\n{SMUGGLED}"
        ),
    ] {
        let request = arena.passes(request);
        assert_eq!((request.header("upgrade"), &*request.body), (None, SMUGGLED.as_bytes()));
    }
    arena.judge(Records::AreWhole);
}

#[test]
fn connect_opens_no_tunnel_and_what_follows_it_is_not_read() {
    let arena = Arena::new();
    let head = |target: &str, fields: &str| {
        format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{fields}\r\n")
    };
    arena.refuses(
        &[405],
        &[
            head("internal.example:22", ""),
            head("internal.example:443", "Connection: keep-alive\r\n") + SMUGGLED,
            head("127.0.0.1:9900", "Proxy-Connection: keep-alive\r\n") + SMUGGLED,
        ],
    );
    let length = format!("Content-Length: {}\r\n", SMUGGLED.len());
    arena.refuses(
        &[400, 405],
        &[
            head("internal.example:443", &length) + SMUGGLED,
            head("internal.example:443", "Transfer-Encoding: chunked\r\n") + "0\r\n\r\n" + SMUGGLED,
            format!("CONNECT / HTTP/1.1\r\nHost: test\r\n\r\n{SMUGGLED}"),
            format!("CONNECT http://internal.example/ HTTP/1.1\r\nHost: test\r\n\r\n{SMUGGLED}"),
            format!(
                "CONNECT internal.example HTTP/1.1\r\nHost: internal.example\r\n\r\n{SMUGGLED}"
            ),
        ],
    );
    assert_eq!(arena.origin.request_count(), 2, "one good request after each table");
}

#[test]
fn trace_echoes_nothing() {
    let arena = Arena::new();
    for fields in ["", "Max-Forwards: 0\r\n", "Max-Forwards: 5\r\n"] {
        let request =
            format!("TRACE /secret HTTP/1.1\r\nHost: test\r\nCookie: secret=1\r\n{fields}\r\n");
        let mut client = arena.connect();
        let response = client.exchange(request.as_bytes(), LONG).unwrap();
        assert_eq!(response.status, 405);
        let allowed = response.header("allow").unwrap();
        assert!(
            allowed.contains("GET") && !allowed.contains("TRACE") && !allowed.contains("CONNECT"),
            "{allowed}"
        );
        assert!(!response.text().contains("secret"), "{}", response.text());
    }
    assert_eq!(arena.origin.connection_count(), 0);
    arena.judge(Records::AreWhole);
}
