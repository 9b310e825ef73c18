//! The guard itself: what passes between a connection and `h2` goes by it, both ways. Called by `proxy` with the bytes of one
//! connection as they come and go.

use std::sync::Arc;

use super::budget::Budget;
use super::fault::{Fault, Flood, Objection};
use super::frame::{ErrorCode, FrameHeader, FrameKind, HEADER_BYTES};
use super::limits::Limits;
use super::reader::{FrameReader, Step};
use super::streams::Streams;

mod inbound;
mod outbound;
mod settings;

/// Watches one connection. About 500 bytes, and 8 for each stream that is open or was closed lately.
///
/// Bytes from the peer are shown to [`inbound`](Self::inbound) before `h2` gets them. Bytes of `h2` are shown to
/// [`outbound`](Self::outbound) before they are written, and to [`sent`](Self::sent) when they were. Once it objects it
/// does so for good: the caller writes [`Objection::goaway`] as soon as [`is_at_boundary`](Self::is_at_boundary) says that this is
/// no place within a frame, and closes the connection; if it is one and nothing more may pass, it closes at once.
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
            objection: None,
        }
    }

    /// Judges bytes from the peer, which follow those of the last call. They may end anywhere: what is objected to does not depend
    /// on it. With an objection [`Verdict::pass`] ends before the frame that it is about, or at 0 if that frame began in an earlier call.
    pub fn inbound(&mut self, bytes: &[u8], now_nanos: u64) -> Verdict {
        let mut rest = bytes;
        while self.objection.is_none() {
            let judged = match self.incoming.step(&mut rest) {
                Step::Header(header) => self.on_header(header, now_nanos),
                Step::Payload(header, payload) => self.on_payload(header, payload, now_nanos),
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

    /// Judges bytes of `h2` that are about to be written, which follow those of the last [`sent`](Self::sent); of several slices it
    /// is enough to show the first. There is an objection if there was one already, or if `h2` says PROTOCOL_ERROR to the peer, for
    /// the guard lets nothing pass to which that is the answer, but blocks that cannot be decompressed: then COMPRESSION_ERROR is said
    /// in its place (RFC 9113 §4.3). [`Verdict::pass`] ends where our own GOAWAY may begin.
    pub fn outbound(&mut self, bytes: &[u8]) -> Verdict {
        let mut at = match self.outgoing.is_at_boundary() {
            true => 0,
            false => self.outgoing.payload_left() as usize,
        };
        if self.objection.is_some() {
            return Verdict { pass: at.min(bytes.len()), objection: self.objection };
        }
        // A header that was cut is left alone: `h2` writes control frames as a whole.
        while let Some((header, payload)) = bytes.get(at..).and_then(<[u8]>::split_first_chunk) {
            let header = FrameHeader::read(header);
            if header.kind == FrameKind::GoAway && is_protocol_error(payload) {
                self.object(Fault::Compression);
                return Verdict { pass: at, objection: self.objection };
            }
            at += HEADER_BYTES + header.length as usize;
        }
        Verdict { pass: bytes.len(), objection: None }
    }

    /// Takes note of bytes that were written, each once and in order.
    pub fn sent(&mut self, mut bytes: &[u8], now_nanos: u64) {
        loop {
            match self.outgoing.step(&mut bytes) {
                Step::Header(header) => self.on_sent_header(header),
                Step::Payload(header, payload) => self.on_sent_payload(header, payload, now_nanos),
                Step::Starved => return,
            }
        }
    }

    /// Whether everything that was [`sent`](Self::sent) ends with a frame, so that our GOAWAY can follow.
    pub fn is_at_boundary(&self) -> bool {
        self.outgoing.is_at_boundary()
    }

    /// What the guard objects to, if it does.
    pub fn objection(&self) -> Option<Objection> {
        self.objection
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

/// Whether the payload of a GOAWAY says so.
fn is_protocol_error(payload: &[u8]) -> bool {
    payload.get(4..8) == Some(&(ErrorCode::ProtocolError as u32).to_be_bytes())
}

/// What a WINDOW_UPDATE costs of the bytes that we sent. A peer that lets us send fewer than this at a time does not earn with one
/// update the next (CVE-2019-9511); one that takes messages of some dozen bytes and updates both windows for each does.
const WINDOW_UPDATE_PRICE: u32 = 32;

/// Updates that come with a stream: its window is made larger, and the last of it is given back.
const STREAM_WINDOW_CREDIT: u32 = 4 * WINDOW_UPDATE_PRICE;
