//! Whether HTTP/2 is spoken, for whom, and how a connection ends.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_testkit::process::Signal;
use evenkeel_testkit::{Client, Gate, Http2Client, Origin, Request, Script, wait_until};
use rustls::pki_types::ServerName;

use super::library::{Library, complete, request};
use crate::hostile_arena::Arena;
use crate::running::{GET, LONG, Running, named};
use crate::tls::{Certificate, secured, telling, trusting};

fn by_tls(host: &str) -> http::Request<()> {
    http::Request::builder().uri(format!("https://{host}/")).body(()).unwrap()
}

#[test]
fn by_tls_the_protocol_is_agreed_upon_and_answers_say_to_stay_with_it() {
    let certificate = Certificate::of(&["example.test"]);
    let origin = telling();
    let running = secured(origin.address(), &certificate, "hsts = \"365d\"");
    let config = trusting(std::slice::from_ref(&certificate));
    let mut library = Library::connect_tls(running.address, "example.test", &config);
    let answer = library.ask(by_tls("example.test"));
    assert_eq!((answer.status, &*answer.body), (200, &b"https"[..]));
    assert_eq!(answer.fields["strict-transport-security"], "max-age=31536000");
    // Who offers nothing else gets HTTP/1.
    for alpn in [&[&b"http/1.1"[..]][..], &[]] {
        let mut config = rustls::ClientConfig::clone(&config);
        config.alpn_protocols = alpn.iter().map(|it| it.to_vec()).collect();
        let name = ServerName::try_from("example.test").unwrap();
        let mut client = Client::connect_tls(running.address, name, Arc::new(config)).unwrap();
        let get = b"GET / HTTP/1.1\r\nHost: example.test\r\n\r\n";
        assert_eq!(client.exchange(get, LONG).unwrap().status, 200);
    }
}

/// RFC 9113 §9.1.2: one connection may be used for all names of its certificate, and no other.
#[test]
fn a_request_for_a_name_that_the_certificate_has_not_is_misdirected() {
    let certificate = Certificate::of(&["test", "*.test"]);
    let origin = telling();
    let running = secured(origin.address(), &certificate, "");
    let config = trusting(std::slice::from_ref(&certificate));
    let mut library = Library::connect_tls(running.address, "test", &config);
    for (host, status) in [("test", 200), ("elsewhere", 421), ("a.test", 200), ("a.b.test", 421)] {
        assert_eq!(library.ask(by_tls(host)).status, status, "{host}");
    }
    running.wait_for_metric("evenkeel_failures_total", "reason=\"misdirected\"", 2);
}

#[test]
fn where_http_2_is_off_nobody_speaks_it() {
    let certificate = Certificate::of(&["test"]);
    let origin = telling();
    let running = secured(origin.address(), &certificate, "http2 = false");
    let mut config = rustls::ClientConfig::clone(&trusting(std::slice::from_ref(&certificate)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = ServerName::try_from("test").unwrap();
    let mut client = Client::connect_tls(running.address, name, Arc::new(config)).unwrap();
    let get = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n";
    assert_eq!(client.exchange(get, LONG).unwrap().status, 200);
    let arena = Arena::before(|_: &Request| Script::ok("well"), "http2 = false", "");
    let mut client = arena.connect();
    client.send(evenkeel_testkit::http2::PREFACE).unwrap();
    assert_eq!(client.read_response(LONG).unwrap().status, 400);
}

#[test]
fn a_listener_that_redirects_does_so_over_http_2() {
    let origin = named("well");
    let running = Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\nredirect_to_https = 8443\nto = [\"{}\"]\n",
        origin.address()
    ));
    let answer = Library::connect(running.address).ask(request("GET", "/a?b"));
    assert_eq!(answer.status, 308);
    assert_eq!(answer.fields["location"], "https://test:8443/a?b");
    assert!(!answer.fields.contains_key("strict-transport-security"));
}

/// An origin whose answers wait, and a balancer before it.
fn waiting(keys: &str) -> (Gate, Arena) {
    let gate = Gate::new();
    let wait = gate.clone();
    let behaviour = move |request: &Request| match &*request.target {
        "/wait" => Script::new().wait_for(&wait).followed_by(Script::ok("late")),
        _ => Script::ok("well"),
    };
    (gate, Arena::before(behaviour, keys, ""))
}

#[test]
fn at_a_stop_what_has_begun_may_end_and_nothing_more_begins() {
    let (gate, mut arena) = waiting("");
    let mut library = Library::connect(arena.running.address);
    let sent = library.send(request("GET", "/wait"), true);
    arena.origin.wait_for_requests(1, LONG).unwrap();
    arena.running.process.signal(Signal::TERM).unwrap();
    wait_until(LONG, || library.was_told_to_go()).unwrap();
    gate.open();
    assert_eq!(library.wait(complete(sent.answer)).unwrap().body, b"late");
    library.ended(LONG).unwrap();
    let code = arena.running.process.exit_status(LONG).unwrap().code();
    assert_eq!(code, Some(0), "{}", arena.running.process.stderr());
    assert!(!arena.running.process.stderr().contains("panic"));
}

#[test]
fn a_connection_that_asks_for_nothing_is_told_to_go() {
    let arena = Arena::before(
        |_: &Request| Script::ok("well"),
        "timeouts = { keep_alive = \"200ms\" }",
        "",
    );
    let mut library = Library::connect(arena.running.address);
    assert_eq!(library.ask(request("GET", "/")).body, b"well");
    library.ended(LONG).unwrap();
    let mut client = Http2Client::connect(arena.running.address).unwrap();
    assert_eq!(client.goaway(LONG).unwrap(), Some(0));
}

#[test]
fn a_request_that_takes_long_keeps_its_connection() {
    let (gate, arena) = waiting("timeouts = { keep_alive = \"200ms\" }");
    let mut library = Library::connect(arena.running.address);
    let sent = library.send(request("GET", "/wait"), true);
    evenkeel_testkit::wait::pause(Duration::from_secs(1));
    gate.open();
    assert_eq!(library.wait(complete(sent.answer)).unwrap().body, b"late");
}

#[test]
fn a_reload_keeps_connections_and_goes_by_the_new_config() {
    let [old, new] = ["old", "new"].map(named);
    let config = |origin: &Origin| {
        format!(
            "[listener.web]\nbind = \"{{bind}}\"\nto = [\"{}\"]\nhealth = false\n",
            origin.address()
        )
    };
    let running = Running::from_toml(&config(&old));
    let mut library = Library::connect(running.address);
    assert_eq!(library.ask(request("GET", "/")).body, b"old");
    running.rewrite(&config(&new));
    running.reload();
    assert_eq!(library.ask(request("GET", "/")).body, b"new");
    running.wait_for_metric("evenkeel_listener_connections_total", "", 1);
}

#[test]
fn the_first_bytes_may_come_one_by_one_whatever_they_are() {
    let arena = Arena::new();
    let mut client = Http2Client::connect_silently(arena.running.address).unwrap();
    let settings =
        evenkeel_testkit::http2::frame(evenkeel_testkit::http2::Kind::Settings, 0, 0, &[]);
    for byte in [evenkeel_testkit::http2::PREFACE, &settings].concat() {
        client.send(&[byte]).unwrap();
    }
    let block = evenkeel_testkit::http2::Block::request("GET", "/");
    let stream = client.request(&block, true).unwrap();
    let outcome = client.outcome(stream, LONG).unwrap();
    assert!(matches!(outcome, evenkeel_testkit::http2::Outcome::Answered { status: 200, .. }));
    assert_eq!(arena.connect().exchange(GET, LONG).unwrap().status, 200);
}
