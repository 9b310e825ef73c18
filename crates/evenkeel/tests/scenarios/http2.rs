//! HTTP/2 from clients: what is built to be misread or to cost, sent by a client of raw frames, and what a library does, sent by `h2`.

use evenkeel_testkit::http2::{Block, Outcome};
use evenkeel_testkit::{Http2Client, Request};

use crate::hostile_arena::{Arena, Records};
use crate::running::{LONG, Running};

mod connection;
mod floods;
mod heads;
mod lengths;
pub(crate) mod library;
mod memory;
mod messages;
mod patience;
mod tunnels;
mod turns;

/// A connection whose client has no settings.
pub(crate) fn raw(running: &Running) -> Http2Client {
    Http2Client::connect(running.address).unwrap()
}

/// What becomes of one request without a body, on a connection of its own.
#[track_caller]
fn ask(running: &Running, block: &Block) -> Outcome {
    let mut client = raw(running);
    let stream = client.request(block, true).unwrap();
    client.outcome(stream, LONG).unwrap()
}

/// Each of `blocks` is a request that is refused as one of `allowed`, and does not reach the origin; the next one is served.
#[track_caller]
fn refuses(arena: &Arena, allowed: &[Refusal], blocks: impl IntoIterator<Item = Block>) {
    let before = arena.origin.request_count();
    for block in blocks {
        let shown = block.escape_ascii().to_string();
        let outcome = ask(&arena.running, &block);
        assert!(allowed.iter().any(|refusal| refusal.is(&outcome)), "{shown}: {outcome:?}");
        assert_eq!(arena.origin.request_count(), before, "{shown} reached the origin");
    }
    arena.judge(Records::MayBeCut);
    serves(arena);
}

/// `block` is a request that is answered with 200, and reaches the origin as one request, which is returned.
#[track_caller]
fn passes(arena: &Arena, block: &Block) -> Request {
    let before = arena.origin.request_count();
    let outcome = ask(&arena.running, block);
    let shown = block.escape_ascii();
    assert!(matches!(outcome, Outcome::Answered { status: 200, .. }), "{shown}: {outcome:?}");
    let mut requests = arena.origin.requests().split_off(before);
    assert_eq!(requests.len(), 1, "{shown} became {requests:?}");
    requests.remove(0)
}

/// The next request is served as if nothing had been.
#[track_caller]
fn serves(arena: &Arena) {
    passes(arena, &Block::request("GET", "/"));
}

/// How a request is refused.
#[derive(Clone, Copy, Debug)]
enum Refusal {
    /// Its stream is reset with PROTOCOL_ERROR (RFC 9113 §8.1.1).
    Malformed,
    /// It is answered with this status.
    Status(u16),
    /// The connection ends with this code.
    Goaway(u32),
}

impl Refusal {
    fn is(self, outcome: &Outcome) -> bool {
        match (self, outcome) {
            (Self::Malformed, Outcome::Reset(code)) => *code == PROTOCOL_ERROR,
            (Self::Status(expected), Outcome::Answered { status, .. }) => expected == *status,
            (Self::Goaway(expected), Outcome::Ended(code)) => Some(expected) == *code,
            _ => false,
        }
    }
}

/// RFC 9113 §7.
const PROTOCOL_ERROR: u32 = 1;
const REFUSED_STREAM: u32 = 7;
const COMPRESSION_ERROR: u32 = 9;
const ENHANCE_YOUR_CALM: u32 = 11;
