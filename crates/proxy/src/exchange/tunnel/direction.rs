//! One direction of a tunnel: a pump, and where the frames in it end.

use std::io;
use std::task::{Context, Poll};

use evenkeel_plan::counters::Counter;
use evenkeel_proto::field::Fields;
use evenkeel_proto::websocket::Frames;

use crate::body::{Pump, PumpError, Room, Sink, Source};
use crate::io::Io;

#[derive(Debug, Default)]
pub(super) struct Direction {
    pump: Pump,
    /// Where frames end, if these are a WebSocket's.
    frames: Option<Frames>,
    /// Whether the end was passed on.
    ended: bool,
    /// How many bytes were counted.
    counted: u64,
}

impl Direction {
    pub(super) fn new(framed: bool) -> Self {
        Self { frames: framed.then(Frames::default), ..Self::default() }
    }

    /// Moves what can be moved now; passes the end on, too.
    pub(super) fn pass<S: Sink>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut impl Source,
        sink: &mut S,
        room: &mut Room<'_>,
    ) -> Result<(), PumpError> {
        if self.ended {
            return Ok(());
        }
        let mut tap = Tap { sink, frames: self.frames.as_mut() };
        if let Poll::Ready(outcome) = self.pump.poll(cx, source, &mut tap, room) {
            outcome?;
            self.ended = true;
            sink.close();
        }
        Ok(())
    }

    /// Whether it is a WebSocket's.
    pub(super) fn is_framed(&self) -> bool {
        self.frames.is_some()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    pub(super) fn moved(&self) -> u64 {
        self.pump.moved()
    }

    /// Counts what has moved since it was counted last: whoever looks does not want to wait for an end that is weeks away.
    pub(super) fn count(&mut self, counter: &Counter) {
        let moved = self.moved();
        counter.add(moved - std::mem::replace(&mut self.counted, moved));
    }

    /// Whether nothing would be cut in two if it ended here.
    pub(super) fn is_at_rest(&self) -> bool {
        self.pump.waits_for_source() && self.frames.as_ref().is_none_or(Frames::is_between_frames)
    }

    /// Whether a frame that says good-bye has a place here.
    pub(super) fn may_close(&self) -> bool {
        let open = self.frames.as_ref().is_some_and(|frames| !frames.has_closed());
        open && !self.ended && self.is_at_rest()
    }
}

/// A sink that looks at what goes into it.
struct Tap<'s, S> {
    sink: &'s mut S,
    frames: Option<&'s mut Frames>,
}

impl<S: Sink> Sink for Tap<'_, S> {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        last: bool,
    ) -> Poll<io::Result<usize>> {
        let taken = self.sink.poll_write(cx, bytes, last);
        if let (Some(frames), Poll::Ready(Ok(count))) = (&mut self.frames, &taken) {
            frames.pass(&bytes[..*count]);
        }
        taken
    }

    fn room(&mut self) -> usize {
        self.sink.room()
    }

    /// Frames have to be seen.
    fn direct(&self) -> Option<&Io> {
        self.sink.direct().filter(|_| self.frames.is_none())
    }

    fn end(&mut self, trailers: Option<Fields>) {
        self.sink.end(trailers);
    }

    fn close(&mut self) {
        self.sink.close();
    }

    fn flushed(&self) -> u64 {
        self.sink.flushed()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sink.poll_flush(cx)
    }
}
