//! Requests for which their connection has sent too little wait for their turn, when the worker has lent all that it lends.

use std::collections::BTreeMap;

use evenkeel_testkit::http2::{Block, END_HEADERS, END_STREAM, Frame, Kind, frame};
use evenkeel_testkit::{Gate, Http2Client, Request, Script, wait_until};

use super::raw;
use crate::hostile_arena::Arena;
use crate::running::LONG;

/// Connections that hold all that the worker lends, and would take more: all of their requests wait at the origin.
fn crowd(arena: &Arena) -> Vec<Http2Client> {
    let crowd: Vec<_> = (0..6).map(|_| asking_for(arena, "/wait", STREAMS).0).collect();
    let in_flight = || arena.running.metric("evenkeel_upstream_inflight", "");
    wait_until(LONG, || in_flight() >= LENT).unwrap();
    crowd
}

/// A connection that sends so many requests at once, and their streams.
fn asking_for(arena: &Arena, path: &str, count: usize) -> (Http2Client, Vec<u32>) {
    let mut client = raw(&arena.running);
    let streams = ask_for(&mut client, path, count);
    (client, streams)
}

fn ask_for(client: &mut Http2Client, path: &str, count: usize) -> Vec<u32> {
    let streams: Vec<u32> = (0..count).map(|_| client.open()).collect();
    let block = Block::request("GET", path);
    let flags = END_STREAM | END_HEADERS;
    let all: Vec<u8> =
        streams.iter().flat_map(|&stream| frame(Kind::Headers, flags, stream, &block)).collect();
    client.send(&all).unwrap();
    streams
}

/// Before an origin whose answers for `/wait` never come.
fn arena() -> Arena {
    let gate = Gate::new();
    Arena::before(
        move |request: &Request| match &*request.target {
            "/wait" => Script::new().wait_for(&gate),
            _ => Script::ok("well"),
        },
        "",
        // It would find that the endpoint has too much to do, and let it have less; and hundreds of connections at once may have to knock again.
        "limits = \"off\"\ntimeouts = { connect = \"30s\" }",
    )
}

/// The frames up to the first one of this kind, which is the last.
fn read_until(client: &mut Http2Client, kind: Kind) -> Vec<Frame> {
    let mut frames = Vec::new();
    while frames.last().is_none_or(|frame: &Frame| frame.kind != kind) {
        frames.push(client.read_frame(LONG).unwrap().unwrap());
    }
    frames
}

fn asked_for(arena: &Arena, target: &str) -> usize {
    arena.origin.requests().iter().filter(|request| request.target == target).count()
}

/// The bodies of the answers on these streams, which come in any order.
#[track_caller]
fn answers(client: &mut Http2Client, streams: &[u32]) -> Vec<String> {
    let mut bodies: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
    let mut left = streams.len();
    while left > 0 {
        let frame = client.read_frame(LONG).unwrap().unwrap();
        if !streams.contains(&frame.stream) {
            continue;
        }
        assert_ne!(frame.kind, Kind::RstStream, "{frame:?}");
        left -= usize::from(frame.ends_stream());
        if frame.kind == Kind::Data {
            bodies.entry(frame.stream).or_default().extend(frame.payload);
        }
    }
    bodies.into_values().map(|body| String::from_utf8(body).unwrap()).collect()
}

#[test]
fn who_has_been_lent_nothing_is_served_one_after_the_other() {
    let arena = arena();
    let _crowd = crowd(&arena);
    let (mut client, streams) = asking_for(&arena, "/", 50);
    assert_eq!(answers(&mut client, &streams), ["well"; 50]);
}

#[test]
fn what_waits_for_its_turn_is_begun_when_others_have_ended_and_frames_go_on_meanwhile() {
    let arena = arena();
    let crowd = crowd(&arena);
    let (mut client, _) = asking_for(&arena, "/wait", STREAMS / 2);
    let streams = ask_for(&mut client, "/", 3);
    client.send(&frame(Kind::RstStream, 0, streams[1], &[0, 0, 0, 8])).unwrap();
    client.send(&frame(Kind::Ping, 0, 0, b"are you?")).unwrap();
    let frames = read_until(&mut client, Kind::Ping);
    assert!(frames.iter().all(|frame| frame.kind != Kind::Headers), "{frames:?}");
    assert_eq!(asked_for(&arena, "/"), 0);
    drop(crowd);
    assert_eq!(answers(&mut client, &[streams[0], streams[2]]), ["well"; 2]);
    assert_eq!(asked_for(&arena, "/"), 2, "one was reset while it waited");
}

#[test]
fn bytes_that_come_earn_what_waits() {
    let arena = arena();
    let _crowd = crowd(&arena);
    let (mut client, _) = asking_for(&arena, "/wait", STREAMS / 16);
    let streams = ask_for(&mut client, "/", 1);
    let body = client.open();
    client
        .send(&frame(Kind::Headers, END_HEADERS, body, &Block::request("POST", "/wait")))
        .unwrap();
    let earning = vec![b'x'; 15_000];
    (0..4).for_each(|_| client.data(body, &earning, false).unwrap());
    assert_eq!(answers(&mut client, &streams), ["well"]);
}

/// They waited until something else happened, up to their time.
#[test]
fn bytes_that_come_earn_what_waits_although_its_connection_is_full() {
    let arena = arena();
    let _crowd = crowd(&arena);
    let (mut client, _) = asking_for(&arena, "/wait", FREE);
    let post = Block::request("POST", "/wait");
    let body = client.open();
    client.send(&frame(Kind::Headers, END_HEADERS, body, &post)).unwrap();
    let streams = ask_for(&mut client, "/", STREAMS - FREE - 1);
    client.send(&frame(Kind::Ping, 0, 0, b"are you?")).unwrap();
    read_until(&mut client, Kind::Ping);
    assert_eq!(asked_for(&arena, "/"), 0);
    client.data(body, &[b'x'; 15_000], false).unwrap();
    assert_eq!(answers(&mut client, &streams), vec!["well"; streams.len()]);
}

#[test]
fn what_waits_when_its_connection_goes_is_counted() {
    let arena = arena();
    let _crowd = crowd(&arena);
    let (mut client, _) = asking_for(&arena, "/wait", 20);
    client.send(&frame(Kind::Ping, 0, 0, b"are you?")).unwrap();
    read_until(&mut client, Kind::Ping);
    drop(client);
    arena.running.wait_for_metric("evenkeel_failures_total", "reason=\"client_gone\"", 20);
}

#[test]
fn what_is_reset_while_it_waits_is_counted() {
    let arena = arena();
    let _crowd = crowd(&arena);
    let (mut client, streams) = asking_for(&arena, "/wait", 20);
    client.send(&frame(Kind::Ping, 0, 0, b"are you?")).unwrap();
    read_until(&mut client, Kind::Ping);
    client.send(&frame(Kind::RstStream, 0, streams[FREE], &[0, 0, 0, 8])).unwrap();
    arena.running.wait_for_metric("evenkeel_failures_total", "reason=\"client_gone\"", 1);
}

#[test]
fn what_has_waited_for_too_long_is_answered_with_503() {
    let arena = arena();
    let crowd = crowd(&arena);
    let (mut client, _) = asking_for(&arena, "/wait", STREAMS / 2);
    let streams = ask_for(&mut client, "/", 1);
    let bodies = answers(&mut client, &streams);
    assert!(bodies[0].contains("(pending_timeout)"), "{bodies:?}");
    assert_eq!(asked_for(&arena, "/"), 0);
    assert!(arena.running.metric("evenkeel_failures_total", "reason=\"pending_timeout\"") > 0);
    drop(crowd);
    let streams = ask_for(&mut client, "/", 1);
    assert_eq!(answers(&mut client, &streams), ["well"], "the connection goes on");
}

/// As many as a connection may have.
const STREAMS: usize = 128;

/// What each connection has without having earned it.
const FREE: usize = 2;

/// What a worker lends.
const LENT: u64 = 512;
