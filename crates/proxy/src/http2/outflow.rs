//! A body on its way out over HTTP/2, as far as windows let it: an answer's to a client, or a request's to an endpoint.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use evenkeel_proto::field::Fields;
use h2::{Reason, SendStream};
use http::HeaderMap;

use super::fields::outgoing_trailers;
use super::stream::Stream;
use super::wire::WireState;
use crate::body::Sink;

/// How far a body is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outflow {
    /// How much is taken at once: more where more was taken.
    piece: usize,
    /// Whether its end was given to the library.
    pub(crate) is_ended: bool,
    /// Whether the stream takes nothing any more.
    pub(crate) is_broken: bool,
}

/// Where the body of an answer goes, or what a tunnel passes to a client. A stream that does not come to its end is reset.
#[derive(Debug)]
pub(crate) struct Flow<'c> {
    pub(crate) stream: &'c Stream,
    pub(crate) wire: &'c WireState,
    pub(crate) outflow: Outflow,
}

impl Sink for Flow<'_> {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        last: bool,
    ) -> Poll<io::Result<usize>> {
        let Self { stream, wire, outflow } = self;
        let written =
            stream.with_body(|half| Ok(outflow.poll_write(cx, (half, wire), bytes, last)));
        written.unwrap_or_else(|error| Poll::Ready(Err(error)))
    }

    fn room(&mut self) -> usize {
        let Self { stream, wire, outflow } = self;
        stream.with_body(|half| Ok(outflow.room((half, wire)))).unwrap_or(1)
    }

    fn end(&mut self, trailers: Option<Fields>) {
        let trailers = trailers.map(|trailers| outgoing_trailers(&trailers));
        let Self { stream, wire, outflow } = self;
        let ended = stream.with_body(|half| {
            outflow.end((half, wire), trailers);
            Ok(())
        });
        self.outflow.is_broken |= ended.is_err();
    }

    fn close(&mut self) {
        self.end(None);
    }

    /// The library does not say: what it has was let through by the client's window, and the connection waits for that.
    fn flushed(&self) -> u64 {
        0
    }

    fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.outflow.is_broken {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Flow<'_> {
    fn drop(&mut self) {
        if !self.outflow.is_ended {
            self.stream.reset(Reason::INTERNAL_ERROR);
        }
    }
}

/// Our half of a stream, and what it is written to.
pub(crate) type Half<'s> = (&'s mut SendStream<Bytes>, &'s WireState);

impl Outflow {
    /// Gives the library as much of `bytes` as windows and its room let through; `last` says that nothing follows them.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        (half, wire): Half<'_>,
        bytes: &[u8],
        last: bool,
    ) -> Poll<io::Result<usize>> {
        ready!(wire.poll_room(cx));
        half.reserve_capacity(bytes.len());
        let count = ready!(poll_granted(half, cx))?.min(bytes.len());
        let is_whole = count == bytes.len();
        self.give((half, wire), Bytes::copy_from_slice(&bytes[..count]), last && is_whole)?;
        // A stream whose window lets all through may be given more at once.
        self.piece = if is_whole { (self.piece.max(count) * 2).min(PIECE_BYTES_MAX) } else { 0 };
        Poll::Ready(Ok(count))
    }

    /// How much it makes sense to read for it. A byte that may be sent says that the window is open. More is not asked for before it is there:
    /// it would be missing elsewhere.
    pub(crate) fn room(&self, (half, wire): Half<'_>) -> usize {
        half.reserve_capacity(1);
        match wire.has_room() && half.capacity() > 0 {
            true if wire.is_little_left() => PIECE_BYTES_LITTLE,
            true => self.piece.clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX),
            false => LOOKED_AHEAD_BYTES,
        }
    }

    /// Ends a body whose end was not said yet.
    pub(crate) fn end(&mut self, (half, wire): Half<'_>, trailers: Option<HeaderMap>) {
        if self.is_ended {
            return;
        }
        let ended = match trailers.filter(|trailers| !trailers.is_empty()) {
            Some(trailers) => half.send_trailers(trailers).map_err(io::Error::other),
            None => self.give((half, wire), Bytes::new(), true),
        };
        (self.is_ended, self.is_broken) = (true, self.is_broken || ended.is_err());
    }

    /// Gives the library all of `bytes`, which it is known to take.
    pub(crate) fn give(
        &mut self,
        (half, wire): Half<'_>,
        bytes: Bytes,
        is_end: bool,
    ) -> io::Result<()> {
        wire.hold(bytes.len());
        half.send_data(bytes, is_end).map_err(io::Error::other)?;
        self.is_ended |= is_end;
        Ok(())
    }
}

fn poll_granted(half: &mut SendStream<Bytes>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    while half.capacity() == 0 {
        match ready!(half.poll_capacity(cx)) {
            Some(granted) => granted.map_err(io::Error::other)?,
            None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        };
    }
    Poll::Ready(Ok(half.capacity()))
}

/// What is read to find out whether it is the end, which goes out through a closed window, too.
const LOOKED_AHEAD_BYTES: usize = 1024;

/// A frame's worth (RFC 9113 §4.2).
const PIECE_BYTES_MIN: usize = 16 * 1024;

/// Of the same while the worker reads little: the window may be open by a byte, and the rest is parked.
const PIECE_BYTES_LITTLE: usize = 2 * 1024;

/// As much as the library holds of one stream.
pub(crate) const PIECE_BYTES_MAX: usize = 64 * 1024;
