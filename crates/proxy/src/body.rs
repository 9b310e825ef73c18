//! The contract between the two sides of a body, and the pump that moves one.
//!
//! A [`Source`] yields pieces and is told when the other side has taken them, so that a window (HTTP/2, 3) opens only when
//! the bytes are really gone; a [`Sink`] takes what it can. Neither knows the other's protocol.

use std::io;
use std::task::{Context, Poll, ready};

use evenkeel_plan::limits::READ_BYTES_HIGH;
use evenkeel_proto::field::Fields;

use crate::io::Io;
use crate::parked::{Held, Parked};
use crate::pipes::Pipes;

mod bypass;
mod replay;
mod translated;

pub(crate) use replay::Replay;
pub(crate) use translated::Translation;

use bypass::{BYPASS_BYTES_MIN, Bypass};

/// Where a body comes from.
pub(crate) trait Source {
    /// The next piece, which may lie in `scratch`. An empty piece that is not the last is not returned.
    fn poll_read<'s>(
        &'s mut self,
        cx: &mut Context<'_>,
        scratch: &'s mut [u8],
    ) -> Poll<Result<Piece<'s>, SourceError>>;

    /// The socket on which the next bytes of the body lie just as they are, and how many of them, if that is known; `None` if they are framed,
    /// or were read already.
    fn direct(&self) -> Option<(&Io, Option<u64>)> {
        None
    }

    /// `count` bytes were taken from that socket.
    fn skip(&mut self, _count: u64) {}

    /// `count` bytes of what was read have been taken by the other side: credit for as many more.
    fn consumed(&mut self, count: usize);

    /// What follows the last piece.
    fn trailers(&mut self) -> Option<Fields>;

    /// Waits, after the last piece, until whom it came from has gone, as far as that can be known.
    fn poll_gone(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    /// The body is over, and another protocol begins: everything up to the end of the connection.
    fn switch(&mut self) {}
}

impl<S: Source> Source for &mut S {
    fn poll_read<'s>(
        &'s mut self,
        cx: &mut Context<'_>,
        scratch: &'s mut [u8],
    ) -> Poll<Result<Piece<'s>, SourceError>> {
        (**self).poll_read(cx, scratch)
    }

    fn direct(&self) -> Option<(&Io, Option<u64>)> {
        (**self).direct()
    }

    fn skip(&mut self, count: u64) {
        (**self).skip(count);
    }

    fn consumed(&mut self, count: usize) {
        (**self).consumed(count);
    }

    fn trailers(&mut self) -> Option<Fields> {
        (**self).trailers()
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        (**self).poll_gone(cx)
    }

    fn switch(&mut self) {
        (**self).switch();
    }
}

/// Where a body goes to.
pub(crate) trait Sink {
    /// Takes what it can of `bytes`, and returns how much that was. `last` says that nothing follows `bytes`, not even
    /// trailers. What was not taken must be offered again, and nothing else before it.
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        last: bool,
    ) -> Poll<io::Result<usize>>;

    /// How much it makes sense to read for it now: of what it does not take, something has to be kept for whom. Never 0, for the end takes no room.
    fn room(&mut self) -> usize {
        usize::MAX
    }

    /// The socket to which the next bytes of the body may be written just as they are; `None` if they have to be framed, or
    /// something else has to go before them.
    fn direct(&self) -> Option<&Io> {
        None
    }

    /// Ends a body whose last bytes were written without saying so.
    fn end(&mut self, trailers: Option<Fields>);

    /// Tells the other side of the connection that nothing more comes. Everything must have been flushed.
    fn close(&mut self);

    /// How many bytes of what was taken were handed to the system later than when they were taken.
    fn flushed(&self) -> u64;

    /// Ready when everything that was taken, the head included, has been handed to the system.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// What a worker lends to whoever moves a body, for as long as one poll takes.
#[derive(Debug)]
pub(crate) struct Room<'a> {
    pub(crate) scratch: &'a mut [u8],
    pub(crate) pipes: &'a Pipes,
    pub(crate) parked: &'a Parked,
}

/// A piece of a body.
#[derive(Debug)]
pub(crate) struct Piece<'a> {
    pub(crate) bytes: &'a [u8],
    /// Whether nothing follows. A body with trailers ends with an empty piece.
    pub(crate) last: bool,
}

/// Why a body breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SourceError {
    /// It breaks this rule.
    Malformed(&'static str),
    /// It is longer than it may be.
    TooLarge,
    /// The connection ended, or broke, too early.
    Truncated,
}

/// Why a pump stopped before the end: the side that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PumpError {
    Source(SourceError),
    /// Whatever the system said, the other side takes no more.
    Sink,
}

/// Moves one body from a source to a sink. Whatever the sink does not take is parked, and nothing more is read until it is
/// gone; so a slow reader costs at most one read of memory: once a large one, and small ones ever after, or from the start when
/// there are many of them.
#[derive(Debug)]
pub(crate) struct Pump {
    parked: Vec<u8>,
    /// How much of `parked` is gone.
    unparked: usize,
    /// That `parked` is counted.
    held: Option<Held>,
    read_bytes: usize,
    /// Whether the sink ever took less than it was offered.
    slow: bool,
    /// Whether it is the sink that everybody waits for.
    waits_for_sink: bool,
    /// Whether the source had nothing when it was asked last, and the sink has all that there was.
    waits_for_source: bool,
    state: State,
    /// Whether the last piece was so long that the next one may be, too.
    in_bulk: bool,
    /// Bytes that are on their way without us.
    bypass: Option<Bypass>,
    /// Whether any of the body was taken from the source, wherever it is now.
    touched: bool,
    moved: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Moving,
    /// The last byte was read, and perhaps is parked.
    Last,
    /// The sink has everything.
    Flushing,
    Done,
}

impl Default for Pump {
    fn default() -> Self {
        Self {
            parked: Vec::new(),
            unparked: 0,
            held: None,
            read_bytes: READ_BYTES_FIRST,
            slow: false,
            waits_for_sink: false,
            waits_for_source: false,
            state: State::Moving,
            in_bulk: false,
            bypass: None,
            touched: false,
            moved: 0,
        }
    }
}

impl Pump {
    /// Moves what can be moved now. Ready when the whole body, and the head before it, is handed to the system.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut impl Source,
        sink: &mut impl Sink,
        room: &mut Room<'_>,
    ) -> Poll<Result<(), PumpError>> {
        self.waits_for_source = false;
        for _ in 0..ROUNDS_MAX {
            match self.state {
                State::Done => return Poll::Ready(Ok(())),
                State::Flushing => {
                    ready!(self.poll_flush(cx, sink))?;
                    self.state = State::Done;
                }
                _ if self.bypass.is_some() => {
                    ready!(self.poll_drain(cx, source, sink, room.pipes))?;
                }
                _ if self.is_blocked() => ready!(self.poll_unpark(cx, source, sink))?,
                State::Last => {
                    sink.end(source.trailers());
                    self.state = State::Flushing;
                }
                State::Moving => ready!(self.poll_move(cx, source, sink, room))?,
            }
        }
        // A fast source and a fast sink could keep a worker to themselves for ever.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Whether it is the sink that everybody waits for.
    pub(crate) fn waits_for_sink(&self) -> bool {
        self.waits_for_sink
    }

    /// Whether the source has nothing more for now, and the sink has handed all that there was to the system.
    pub(crate) fn waits_for_source(&self) -> bool {
        self.waits_for_source || self.is_done()
    }

    /// Whether nothing of the body was read yet.
    pub(crate) fn is_untouched(&self) -> bool {
        !self.touched
    }

    /// Whether the sink has handed the whole body to the system.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// How many bytes the sink has taken.
    pub(crate) fn moved(&self) -> u64 {
        self.moved
    }

    fn poll_move(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut impl Source,
        sink: &mut impl Sink,
        room: &mut Room<'_>,
    ) -> Poll<Result<(), PumpError>> {
        if let Some(outcome) = self.bypass(cx, source, sink, room) {
            return outcome;
        }
        let size = self.read_size(room).min(sink.room());
        let Poll::Ready(piece) = source.poll_read(cx, &mut room.scratch[..size]) else {
            // Nothing to add to it, so what is there goes out: a head must not wait for its body.
            ready!(self.poll_flush(cx, sink))?;
            self.waits_for_source = true;
            return Poll::Pending;
        };
        let Piece { bytes, last } = piece.map_err(PumpError::Source)?;
        if last {
            self.state = State::Last;
        }
        if bytes.is_empty() {
            return Poll::Ready(Ok(()));
        }
        self.touched = true;
        self.in_bulk = bytes.len() as u64 >= BYPASS_BYTES_MIN;
        let taken = match sink.poll_write(cx, bytes, last) {
            Poll::Ready(taken) => taken.map_err(|_| PumpError::Sink)?,
            Poll::Pending => 0,
        };
        if taken < bytes.len() {
            self.parked = bytes[taken..].to_vec();
            self.unparked = 0;
            self.held = Some(room.parked.hold(self.parked.len()));
            self.slow = true;
            self.read_bytes = READ_BYTES_SLOW;
        } else {
            if !self.slow {
                self.read_bytes = (self.read_bytes * 2).min(room.scratch.len());
            }
            if last {
                self.state = State::Flushing;
            }
        }
        self.credit(source, taken);
        Poll::Ready(Ok(()))
    }

    fn poll_unpark(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut impl Source,
        sink: &mut impl Sink,
    ) -> Poll<Result<(), PumpError>> {
        let last = self.state == State::Last;
        self.waits_for_sink = true;
        let taken = ready!(sink.poll_write(cx, &self.parked[self.unparked..], last));
        self.waits_for_sink = false;
        let taken = taken.map_err(|_| PumpError::Sink)?;
        self.unparked += taken;
        if !self.is_blocked() {
            self.parked = Vec::new();
            self.unparked = 0;
            self.held = None;
            if last {
                self.state = State::Flushing;
            }
        }
        self.credit(source, taken);
        Poll::Ready(Ok(()))
    }

    fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        sink: &mut impl Sink,
    ) -> Poll<Result<(), PumpError>> {
        self.waits_for_sink = true;
        let flushed = ready!(sink.poll_flush(cx));
        self.waits_for_sink = false;
        Poll::Ready(flushed.map_err(|_| PumpError::Sink))
    }

    fn read_size(&self, room: &Room<'_>) -> usize {
        let most = if room.parked.is_high() { READ_BYTES_HIGH } else { room.scratch.len() };
        self.read_bytes.min(most)
    }

    fn is_blocked(&self) -> bool {
        self.unparked < self.parked.len()
    }

    fn credit(&mut self, source: &mut impl Source, taken: usize) {
        self.moved += taken as u64;
        source.consumed(taken);
    }
}

/// Reads to the end, and keeps nothing; a bounded number of times for each poll.
pub(crate) fn poll_discard(
    cx: &mut Context<'_>,
    source: &mut impl Source,
    scratch: &mut [u8],
) -> Poll<()> {
    for _ in 0..DISCARDS_PER_TURN {
        let Ok(piece) = ready!(source.poll_read(cx, scratch)) else { return Poll::Ready(()) };
        let (count, last) = (piece.bytes.len(), piece.last);
        source.consumed(count);
        if last {
            return Poll::Ready(());
        }
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// How many pieces are thrown away before others get a turn.
const DISCARDS_PER_TURN: usize = 8;

/// How much is read at first: enough for one read of most bodies.
const READ_BYTES_FIRST: usize = 256 * 1024;

/// How much is read at once for a sink that did not take everything before: that much it may make us keep again.
const READ_BYTES_SLOW: usize = 32 * 1024;

/// How many pieces are moved before others get a turn.
const ROUNDS_MAX: usize = 8;

#[cfg(test)]
mod tests;
