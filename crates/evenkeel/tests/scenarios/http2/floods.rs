//! Frames that cost us more than they cost who sends them (RFC 9113 §10.5): each kind has a bound, below which it is served and above which the
//! connection ends.

use evenkeel_testkit::http2::{Block, END_HEADERS, END_STREAM, Kind, Outcome, frame};
use evenkeel_testkit::{Gate, Http2Client, Request, Script, wait_until};

use super::{ENHANCE_YOUR_CALM, REFUSED_STREAM, raw, serves};
use crate::hostile_arena::Arena;
use crate::running::LONG;

/// After `opening`, `fine` times what `flood` makes are borne, and a request is answered then; on another connection so many as `many` end it.
#[track_caller]
fn is_bounded(
    opening: &[u8],
    fine: usize,
    many: usize,
    flood: impl Fn(&mut Http2Client) -> Vec<u8>,
) {
    let arena = Arena::new();
    let mut client = opened(&arena, opening);
    for _ in 0..fine {
        let bytes = flood(&mut client);
        client.send(&bytes).unwrap();
    }
    let stream = client.request(&Block::request("GET", "/"), true).unwrap();
    let outcome = client.outcome(stream, LONG).unwrap();
    assert_eq!(outcome, Outcome::Answered { status: 200, body: b"well".to_vec() });
    drop(client);
    let mut client = opened(&arena, opening);
    let bytes: Vec<u8> = (0..many).flat_map(|_| flood(&mut client)).collect();
    // The connection may end before all is sent.
    drop(client.send(&bytes));
    assert_eq!(client.goaway(LONG).unwrap(), Some(ENHANCE_YOUR_CALM));
    arena.running.wait_for_metric("evenkeel_upstream_inflight", "", 0);
    serves(&arena);
}

fn opened(arena: &Arena, opening: &[u8]) -> Http2Client {
    let mut client = raw(&arena.running);
    if !opening.is_empty() {
        assert_eq!(client.open(), 1);
        client.send(opening).unwrap();
    }
    client
}

/// The beginning of a request with a body, on stream 1.
fn post() -> Vec<u8> {
    frame(Kind::Headers, END_HEADERS, 1, &Block::request("POST", "/"))
}

#[test]
fn a_flood_of_settings_ends_the_connection() {
    is_bounded(b"", 20, 100, |_| frame(Kind::Settings, 0, 0, &[]));
}

#[test]
fn a_frame_of_too_many_settings_ends_the_connection() {
    let settings = |count| frame(Kind::Settings, 0, 0, &[0, 9, 0, 0, 0, 0].repeat(count));
    is_bounded(&settings(32), 0, 1, |_| settings(33));
}

#[test]
fn a_flood_of_pings_ends_the_connection() {
    is_bounded(b"", 50, 1000, |_| frame(Kind::Ping, 0, 0, &[0; 8]));
}

#[test]
fn what_ends_a_connection_is_counted_and_told_with_its_client() {
    let arena = Arena::new();
    for _ in 0..3 {
        let mut client = raw(&arena.running);
        drop(client.send(&frame(Kind::Ping, 0, 0, &[0; 8]).repeat(1000)));
        assert_eq!(client.goaway(LONG).unwrap(), Some(ENHANCE_YOUR_CALM));
    }
    let label = "fault=\"flood_pings\"";
    arena.running.wait_for_metric("evenkeel_http2_faults_total", label, 3);
    let log = || arena.running.process.stderr();
    wait_until(LONG, || log().contains("ends connections of HTTP/2")).unwrap();
    assert!(log().contains("client=127.0.0.1 fault=\"flood_pings\""), "{}", log());
}

#[test]
fn a_flood_of_priorities_ends_the_connection() {
    is_bounded(b"", 80, 1000, |_| frame(Kind::Priority, 0, 1, &[0, 0, 0, 0, 9]));
}

#[test]
fn a_flood_of_frames_that_nobody_knows_ends_the_connection() {
    is_bounded(b"", 80, 1000, |_| frame(Kind::Other(0xbe), 0, 0, b"grease"));
}

#[test]
fn a_drip_of_windows_ends_the_connection() {
    is_bounded(b"", 150, 2000, |_| frame(Kind::WindowUpdate, 0, 0, &[0, 0, 0, 1]));
    is_bounded(&post(), 150, 2000, |_| frame(Kind::WindowUpdate, 0, 1, &[0, 0, 0, 1]));
}

#[test]
fn a_flood_of_goaways_ends_the_connection() {
    is_bounded(b"", 0, 100, |_| frame(Kind::GoAway, 0, 0, &[0; 8]));
}

#[test]
fn data_without_data_ends_the_connection() {
    for (payload, flags) in [(&b""[..], 0), (b"\0", PADDED), (b"\x02ab", PADDED)] {
        is_bounded(&post(), 50, 1000, |_| frame(Kind::Data, flags, 1, payload));
    }
}

#[test]
fn data_of_a_byte_each_is_borne_for_long_and_not_without_end() {
    is_bounded(&post(), 1500, 60_000, |_| frame(Kind::Data, 0, 1, b"x"));
}

#[test]
fn heads_without_an_end_end_the_connection() {
    let block = Block::request("GET", "/");
    let begun = frame(Kind::Headers, END_STREAM, 1, &block);
    // Of nothing, of a byte, and of as much as a frame may hold.
    for (many, size) in [(100, 0), (100, 1), (100, 16_384)] {
        let fragment = Block::new().field("x-a", "b".repeat(100_000));
        let piece = frame(Kind::Continuation, 0, 1, &fragment[..size]);
        let arena = Arena::new();
        let mut client = raw(&arena.running);
        drop(client.send(&[begun.clone(), piece.repeat(many)].concat()));
        assert_eq!(client.goaway(LONG).unwrap(), Some(ENHANCE_YOUR_CALM), "{size}");
        assert_eq!(arena.origin.request_count(), 0);
        serves(&arena);
    }
}

/// CVE-2019-9516, CVE-2019-9518.
#[test]
fn heads_with_nothing_in_them_end_the_connection() {
    is_bounded(b"", 0, 200, |client| {
        let stream = client.open();
        frame(Kind::Headers, END_STREAM | END_HEADERS, stream, b"")
    });
}

/// CVE-2016-6581, CVE-2026-47774, CVE-2026-49975.
#[test]
fn a_field_that_is_repeated_by_a_byte_each_is_refused_before_it_is_much() {
    let arena = Arena::new();
    let bomb = |name, count| {
        Block::request("GET", "/").indexed(name, "b".repeat(1000)).raw(vec![0xbe; count])
    };
    for name in ["x-a", "cookie"] {
        let mut client = raw(&arena.running);
        let stream = client.request(&bomb(name, 100), true).unwrap();
        let outcome = client.outcome(stream, LONG).unwrap();
        let is_refused = matches!(outcome, Outcome::Answered { status: 431, .. });
        assert!(is_refused, "{name}: {outcome:?}");
        let mut client = raw(&arena.running);
        client.request(&bomb(name, 10_000), true).unwrap();
        assert_eq!(client.goaway(LONG).unwrap(), Some(ENHANCE_YOUR_CALM), "{name}");
    }
    assert_eq!(arena.origin.request_count(), 0);
    serves(&arena);
}

/// CVE-2023-44487: nobody is asked for more than was answered and some.
#[test]
fn streams_that_are_reset_as_soon_as_they_are_open_end_the_connection() {
    let reset = |client: &mut Http2Client| {
        let stream = client.open();
        let head =
            frame(Kind::Headers, END_STREAM | END_HEADERS, stream, &Block::request("GET", "/"));
        [head, frame(Kind::RstStream, 0, stream, &8_u32.to_be_bytes())].concat()
    };
    is_bounded(b"", 15, 5000, reset);
    let arena = Arena::new();
    let mut client = raw(&arena.running);
    let bytes: Vec<u8> = (0..5000).flat_map(|_| reset(&mut client)).collect();
    drop(client.send(&bytes));
    assert_eq!(client.goaway(LONG).unwrap(), Some(ENHANCE_YOUR_CALM));
    assert!(arena.origin.request_count() <= 200, "{}", arena.origin.request_count());
}

/// CVE-2025-8671: what a client does on a stream makes us reset it, and its exchange ends with it.
#[test]
fn streams_that_we_are_made_to_reset_end_the_connection() {
    let wrongs: [fn(u32) -> Vec<u8>; 3] = [
        // A window that overflows.
        |stream| frame(Kind::WindowUpdate, 0, stream, &0x7fff_ffff_u32.to_be_bytes()),
        // More of a body than was announced.
        |stream| frame(Kind::Data, 0, stream, b"more than was announced"),
        // A field of HTTP/1 in trailers.
        |stream| {
            let block = Block::new().field("connection", "close");
            frame(Kind::Headers, END_STREAM | END_HEADERS, stream, &block)
        },
    ];
    for wrong in wrongs {
        is_bounded(b"", 10, 1000, |client| {
            let stream = client.open();
            let block = Block::request("POST", "/").field("content-length", "3");
            [frame(Kind::Headers, END_HEADERS, stream, &block), wrong(stream)].concat()
        });
    }
}

#[test]
fn more_streams_than_may_be_are_refused_and_the_others_are_served() {
    let gate = Gate::new();
    let wait = gate.clone();
    let behaviour =
        move |_: &Request| Script::new().wait_for(&wait).followed_by(Script::ok("well"));
    let arena = Arena::before(behaviour, "limits = { streams = 10 }", "");
    let mut client = raw(&arena.running);
    let streams: Vec<u32> =
        (0..15).map(|_| client.request(&Block::request("GET", "/"), true).unwrap()).collect();
    for &stream in &streams[10..] {
        assert_eq!(
            client.outcome(stream, LONG).unwrap(),
            Outcome::Reset(REFUSED_STREAM),
            "{stream}"
        );
    }
    wait_until(LONG, || arena.origin.request_count() == 10).unwrap();
    gate.open();
    let last = client.outcome(streams[9], LONG).unwrap();
    assert_eq!(last, Outcome::Answered { status: 200, body: b"well".to_vec() });
    assert_eq!(arena.origin.request_count(), 10);
}

/// On DATA and HEADERS (RFC 9113 §6.1).
const PADDED: u8 = 8;
