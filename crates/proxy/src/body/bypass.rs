//! The way past us: bytes of a long body that go from socket to socket as they are need not be copied out of the kernel and in
//! again. Half of what a copied mebibyte costs is the copying.

use std::task::{Context, Poll, ready};

use super::{Pump, PumpError, Room, Sink, Source, SourceError};
use crate::parked::Held;
use crate::pipes::{PIPE_BYTES, Pipe, Pipes};

/// A pipe with bytes in it.
#[derive(Debug)]
pub(super) struct Bypass {
    pipe: Pipe,
    filled: usize,
    _held: Held,
}

/// Below this what is left of a body is copied: two more system calls cost as much as copying 32 KiB. Where nobody knows how much is left, as
/// in a tunnel, a piece that was as long lets expect another one.
pub(super) const BYPASS_BYTES_MIN: u64 = 64 * 1024;

impl Pump {
    /// Moves what is there into a pipe, if both sides allow it. `None` if it has to be read and written.
    pub(super) fn bypass(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut impl Source,
        sink: &impl Sink,
        room: &Room<'_>,
    ) -> Option<Poll<Result<(), PumpError>>> {
        let is_long = |left: Option<u64>| left.map_or(self.in_bulk, |it| it >= BYPASS_BYTES_MIN);
        let (from, left) = source.direct().filter(|&(_, left)| is_long(left))?;
        sink.direct()?;
        if room.parked.is_high() {
            return None;
        }
        let pipe = room.pipes.borrow()?;
        let most = left.and_then(|left| usize::try_from(left).ok()).unwrap_or(PIPE_BYTES);
        let moved = from.poll_splice_in(cx, &pipe, most.min(PIPE_BYTES));
        let outcome = match moved {
            Poll::Ready(Ok(filled @ 1..)) => {
                source.skip(filled as u64);
                self.touched = true;
                self.in_bulk = filled as u64 >= BYPASS_BYTES_MIN / 2;
                self.bypass = Some(Bypass { pipe, filled, _held: room.parked.hold(filled) });
                return Some(Poll::Ready(Ok(())));
            }
            // What an end means, the source says when it is read.
            Poll::Ready(Ok(_)) if left.is_none() => None,
            Poll::Ready(_) => Some(Poll::Ready(Err(PumpError::Source(SourceError::Truncated)))),
            Poll::Pending => {
                (self.waits_for_sink, self.waits_for_source) = (false, true);
                Some(Poll::Pending)
            }
        };
        room.pipes.give_back(pipe);
        outcome
    }

    /// Empties the pipe into the sink.
    pub(super) fn poll_drain(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut impl Source,
        sink: &impl Sink,
        pipes: &Pipes,
    ) -> Poll<Result<(), PumpError>> {
        let (Some(bypass), Some(to)) = (&mut self.bypass, sink.direct()) else {
            return Poll::Ready(Ok(()));
        };
        self.waits_for_sink = true;
        let taken = ready!(to.poll_splice_out(cx, &bypass.pipe, bypass.filled));
        let taken = taken.map_err(|_| PumpError::Sink)?;
        self.waits_for_sink = false;
        bypass.filled -= taken.min(bypass.filled);
        if bypass.filled == 0
            && let Some(empty) = self.bypass.take()
        {
            pipes.give_back(empty.pipe);
        }
        self.credit(source, taken);
        Poll::Ready(Ok(()))
    }
}
