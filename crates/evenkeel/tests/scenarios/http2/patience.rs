//! Clients of HTTP/2 that are slow on purpose: what they hold is given up.

use std::time::Duration;

use evenkeel_testkit::http2::{Block, END_HEADERS, END_STREAM, Kind, Outcome, PREFACE, frame};
use evenkeel_testkit::wait::pause;
use evenkeel_testkit::{Http2Client, Request, Script, wait_until};

use crate::hostile_arena::Arena;
use crate::running::LONG;

fn arena() -> Arena {
    let large = vec![b'x'; 1 << 20];
    let behaviour = move |request: &Request| match request.target.as_str() {
        "/large" => Script::ok(&large),
        "/slow" => Script::new().pause(Duration::from_secs(2)).followed_by(Script::ok("late")),
        _ => Script::ok("well"),
    };
    Arena::before(
        behaviour,
        "timeouts = { header = \"1s\", body = \"1s\", write = \"1s\", keep_alive = \"1s\" }",
        "",
    )
}

/// RFC 9113 §10.5: an update that lets a byte through is no progress.
#[test]
fn a_window_that_is_opened_byte_by_byte_keeps_no_stream() {
    let arena = arena();
    let mut client = Http2Client::connect_with(arena.running.address, &[(4, 1)]).unwrap();
    let stream = client.request(&Block::request("GET", "/large"), true).unwrap();
    let mut bytes = 0;
    let ended = wait_until(LONG, || {
        // Not so often that the updates are too many.
        pause(Duration::from_millis(20));
        drop(client.send(&frame(Kind::WindowUpdate, 0, stream, &1_u32.to_be_bytes())));
        match client.read_frame(LONG).unwrap() {
            Some(frame) if frame.kind == Kind::Data => bytes += frame.payload.len(),
            Some(frame) if frame.kind == Kind::RstStream => return true,
            None => return true,
            _ => {}
        }
        false
    });
    assert!(ended.is_ok() && bytes < 64 << 10, "{ended:?} after {bytes} bytes");
    arena.running.wait_for_metric("evenkeel_upstream_inflight", "", 0);
    arena.running.wait_for_metric("evenkeel_failures_total", "reason=\"write_timeout\"", 1);
}

#[test]
fn an_answer_whose_window_stays_shut_is_given_up_and_others_go_on() {
    let arena = arena();
    let mut client = Http2Client::connect_with(arena.running.address, &[(4, 0)]).unwrap();
    let stream = client.request(&Block::request("GET", "/large"), true).unwrap();
    assert!(matches!(client.outcome(stream, LONG).unwrap(), Outcome::Reset(_)));
    let head = client.request(&Block::request("HEAD", "/"), true).unwrap();
    assert!(matches!(client.outcome(head, LONG).unwrap(), Outcome::Answered { status: 200, .. }));
    arena.running.wait_for_metric("evenkeel_upstream_inflight", "", 0);
}

/// A small answer is the library's at once; nobody waits for its window, but the connection does not lie idle for ever.
#[test]
fn a_client_that_takes_no_answer_loses_its_connection() {
    for path in ["/", "/large"] {
        let arena = arena();
        let mut client = Http2Client::connect_with(arena.running.address, &[(4, 0)]).unwrap();
        client.request(&Block::request("GET", path), true).unwrap();
        client.goaway(LONG).unwrap();
        arena.running.wait_for_metric("evenkeel_listener_connections_active", "", 0);
    }
}

#[test]
fn a_client_that_never_reads_loses_its_connection() {
    let arena = arena();
    let settings = [(4, 1 << 30)];
    let mut client = Http2Client::connect_with(arena.running.address, &settings).unwrap();
    client.send(&frame(Kind::WindowUpdate, 0, 0, &(1_u32 << 30).to_be_bytes())).unwrap();
    for _ in 0..32 {
        client.request(&Block::request("GET", "/large"), true).unwrap();
    }
    arena.running.wait_for_metric("evenkeel_listener_connections_active", "", 1);
    arena.running.wait_for_metric("evenkeel_listener_connections_active", "", 0);
    arena.running.wait_for_metric("evenkeel_upstream_inflight", "", 0);
}

#[test]
fn a_body_that_stops_or_drips_over_http_2_is_given_up() {
    let arena = arena();
    let mut client = Http2Client::connect(arena.running.address).unwrap();
    let stopped = client.request(&Block::request("POST", "/"), false).unwrap();
    client.data(stopped, b"the first bytes", false).unwrap();
    let dripping = client.request(&Block::request("POST", "/"), false).unwrap();
    wait_until(LONG, || {
        drop(client.data(dripping, b"x", false));
        pause(Duration::from_millis(20));
        arena.running.metric("evenkeel_failures_total", "reason=\"body_timeout\"") == 2
    })
    .unwrap();
    for stream in [stopped, dripping] {
        let Outcome::Answered { body, .. } = client.outcome(stream, LONG).unwrap() else {
            panic!("no answer")
        };
        assert!(String::from_utf8(body).unwrap().contains("(body_timeout)"));
    }
    assert_eq!(arena.origin.request_count(), 0);
}

/// The time that a client has to greet is over when it has, and does not end what it asked for in the same breath.
#[test]
fn a_request_that_comes_with_the_preface_and_takes_longer_than_a_greeting_may_is_answered() {
    let arena = arena();
    let mut client = Http2Client::connect_silently(arena.running.address).unwrap();
    let stream = client.open();
    let flags = END_HEADERS | END_STREAM;
    let request = frame(Kind::Headers, flags, stream, &Block::request("GET", "/slow"));
    let settings = frame(Kind::Settings, 0, 0, &[]);
    client.send(&[PREFACE, &settings, &request].concat()).unwrap();
    let Outcome::Answered { status, body } = client.outcome(stream, LONG).unwrap() else {
        panic!("no answer")
    };
    assert_eq!((status, body.as_slice()), (200, &b"late"[..]));
}

#[test]
fn a_greeting_that_does_not_come_ends_the_connection() {
    let arena = arena();
    for beginning in [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], b"PRI * HTTP/2.0\r\n\r\n", b"PRI *"]
    {
        let mut client = Http2Client::connect_silently(arena.running.address).unwrap();
        client.send(beginning).unwrap();
        arena.running.wait_for_metric("evenkeel_listener_connections_active", "", 1);
        arena.running.wait_for_metric("evenkeel_listener_connections_active", "", 0);
    }
}
