//! The guard itself: what passes between a connection and `h2` goes by it, both ways. Called by `proxy` with the bytes of one
//! connection as they come and go.

use std::sync::Arc;

use super::budget::Budget;
use super::fault::{Fault, Flood, Objection};
use super::frame::{FrameHeader, FrameKind};
use super::hpack::BlockReader;
use super::limits::Limits;
use super::reader::{FrameReader, Step};
use super::streams::Streams;

mod block;
mod inbound;
mod outbound;
mod settings;

/// Watches one connection. About 500 bytes, and 8 for each stream that is open or was closed lately.
///
/// Bytes from the peer are shown to [`inbound`](Self::inbound) before `h2` gets them, and those that `h2` has written to
/// [`sent`](Self::sent). Once it objects it does so for good: the caller lets `h2` write what is [left of a
/// frame](Self::left_of_frame), then [`Objection::goaway`], and closes the connection.
///
/// Time is in nanoseconds of any clock that does not go backwards, the same for all calls; a coarse one will do.
#[derive(Debug)]
pub struct Guard {
    side: Side,
    limits: Arc<Limits>,
    incoming: FrameReader,
    outgoing: FrameReader,
    streams: Streams,
    block: Block,
    budgets: [Budget; Flood::COUNT],
    /// SETTINGS of ours that wait to be acknowledged.
    settings_unacknowledged: u32,
    /// PINGs of ours that wait to be acknowledged.
    pings_unacknowledged: u32,
    /// We have sent GOAWAY: `h2` ignores what comes on streams of the peer above this one.
    ignored_above: u32,
    has_settings: bool,
    /// Whether `h2` has acknowledged some.
    has_acknowledged: bool,
    objection: Option<Objection>,
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// A client: we are the server. Its 24 bytes of preface ([`PREFACE`](super::frame::PREFACE)) go by the guard as well as by us:
    /// they are not shown to it.
    FacingClient,
    /// An endpoint: we are the client, whose preface is not shown to the guard either. SETTINGS_ENABLE_PUSH must be 0 in it.
    FacingEndpoint,
}

/// What may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Verdict {
    /// So many bytes from the front may be passed on; all of them without an objection.
    pub pass: usize,
    /// Why nothing may behind them, not even later.
    pub objection: Option<Objection>,
}

/// A block of fields that is not at its end (RFC 9113 §4.3).
#[derive(Clone, Copy, Debug, Default)]
struct Block {
    /// On this stream; 0 between blocks.
    stream: u32,
    /// Its bytes so far.
    bytes: u32,
    /// Its CONTINUATION frames so far.
    continuations: u32,
    /// Bytes of its current fragment that are still to come.
    fragment_left: u32,
    /// Whether this fragment is its last.
    is_ending: bool,
    /// Whether these are trailers.
    is_trailer: bool,
    reader: BlockReader,
}

impl Guard {
    /// A guard for a connection of which nothing was sent yet but a client's preface.
    pub fn new(side: Side, limits: Arc<Limits>) -> Self {
        Self {
            side,
            limits,
            incoming: FrameReader::default(),
            outgoing: FrameReader::default(),
            streams: Streams::default(),
            block: Block::default(),
            budgets: [Budget::default(); Flood::COUNT],
            settings_unacknowledged: 0,
            pings_unacknowledged: 0,
            ignored_above: u32::MAX,
            has_settings: false,
            has_acknowledged: false,
            objection: None,
        }
    }

    /// Whether `h2` has read the first SETTINGS of the peer, and goes by them.
    pub fn has_acknowledged(&self) -> bool {
        self.has_acknowledged
    }

    /// Judges bytes from the peer, which follow those of the last call. They may end anywhere: what is objected to does not depend
    /// on it. With an objection [`Verdict::pass`] ends before the frame that it is about, or at 0 if that frame began in an earlier call.
    pub fn inbound(&mut self, bytes: &[u8], now_nanos: u64) -> Verdict {
        let mut rest = bytes;
        while self.objection.is_none() {
            let judged = match self.step(&mut rest) {
                Step::Header(header) => self.on_header(header, now_nanos),
                Step::Payload(header, payload) => self.on_payload(header, payload, now_nanos),
                Step::Fragment(fragment) => self.on_fragment(fragment),
                Step::Starved => return Verdict { pass: bytes.len(), objection: None },
            };
            if let Err(fault) = judged {
                self.object(fault);
                let read = bytes.len() - rest.len();
                let pass = read.saturating_sub(self.incoming.bytes_into_frame());
                return Verdict { pass, objection: self.objection };
            }
        }
        Verdict { pass: 0, objection: self.objection }
    }

    /// Takes note of bytes that were written, each once and in order. It may lead to an objection: see [`objection`](Self::objection).
    pub fn sent(&mut self, mut bytes: &[u8], now_nanos: u64) {
        loop {
            match self.outgoing.step(&mut bytes) {
                Step::Header(header) => self.on_sent_header(header),
                Step::Payload(header, payload) => self.on_sent_payload(header, payload, now_nanos),
                Step::Fragment(_) | Step::Starved => return,
            }
        }
    }

    /// How many bytes a frame still has of which some were [`sent`](Self::sent); 0 between frames, where our own GOAWAY may begin.
    /// `None` if that cannot be told, because its header was cut: `h2` writes one as a whole, and then nothing fits in.
    pub fn left_of_frame(&self) -> Option<usize> {
        self.outgoing.left_of_frame()
    }

    /// The highest stream that the peer has opened; 0 if it has opened none.
    pub fn highest_stream(&self) -> u32 {
        self.streams.highest()
    }

    /// What the guard objects to, if it does.
    pub fn objection(&self) -> Option<Objection> {
        self.objection
    }

    /// What comes next: of a block of fields all of it.
    #[inline]
    fn step<'a>(&mut self, rest: &mut &'a [u8]) -> Step<'a> {
        if self.block.fragment_left == 0 || self.incoming.is_wanting() {
            return self.incoming.step(rest);
        }
        match self.incoming.take(rest, self.block.fragment_left) {
            [] => Step::Starved,
            fragment => Step::Fragment(fragment),
        }
    }

    fn object(&mut self, fault: Fault) {
        let last_stream = match self.side {
            Side::FacingClient => self.streams.highest().min(self.ignored_above),
            Side::FacingEndpoint => 0,
        };
        self.objection.get_or_insert(Objection { fault, last_stream });
    }

    /// Counts something that costs `price` of what useful work has earned, or one token.
    #[inline]
    fn charge(&mut self, flood: Flood, price: u32, now_nanos: u64) -> Result<(), Fault> {
        let is_left = self.budgets[flood as usize].spend(price, self.limits.rate(flood), now_nanos);
        if is_left { Ok(()) } else { Err(flood.into()) }
    }

    #[inline]
    fn earn(&mut self, flood: Flood, credit: u32) {
        self.budgets[flood as usize].earn(credit);
    }

    /// What a new stream entitles the peer to.
    fn earn_for_stream(&mut self) {
        self.earn(Flood::WindowUpdates, STREAM_WINDOW_CREDIT);
        self.earn(Flood::Priorities, 2);
        self.earn(Flood::Unknown, 2);
        self.earn(Flood::Headers, 2);
    }
}

/// What a WINDOW_UPDATE costs of the bytes that we sent. A peer that lets us send fewer than this at a time does not earn with one
/// update the next (CVE-2019-9511); one that takes messages of some dozen bytes and updates both windows for each does.
const WINDOW_UPDATE_PRICE: u32 = 32;

/// Updates that come with a stream: its window is made larger, and the last of it is given back.
const STREAM_WINDOW_CREDIT: u32 = 4 * WINDOW_UPDATE_PRICE;
