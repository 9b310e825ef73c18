//! A message going out over HTTP/1: a request to an endpoint, or an answer to a client.

use std::io;
use std::mem::take;
use std::task::{Context, Poll, ready};

use evenkeel_proto::field::Fields;
use evenkeel_proto::http1::{Framing, LAST_CHUNK, chunk_prefix, trailer_section};

use crate::body::Sink;
use crate::buffers::Buffers;
use crate::io::Io;

/// What is on its way out; holds no memory between two messages.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// The head, framing and short pieces of body that are not sent yet.
    pending: Vec<u8>,
    sent: usize,
    /// How much of what was pending was ever sent.
    flushed: u64,
    framing: Framing,
    /// Whether the recipient asked for what follows the body.
    trailers: bool,
    /// How much of the current chunk is still to come from the body.
    chunk_left: usize,
    ended: bool,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            pending: Vec::new(),
            sent: 0,
            flushed: 0,
            framing: Framing::Empty,
            chunk_left: 0,
            trailers: false,
            ended: true,
        }
    }
}

impl Outbox {
    /// Begins a message whose body will be framed so. Returns the buffer to append its head to.
    pub(crate) fn begin(&mut self, framing: Framing, buffers: &Buffers) -> &mut Vec<u8> {
        (self.framing, self.ended, self.trailers) = (framing, false, false);
        self.interim(buffers)
    }

    /// Sends trailers, too.
    pub(crate) fn pass_trailers(&mut self) {
        self.trailers = true;
    }

    /// The buffer to append an interim answer to, which has no body.
    pub(crate) fn interim(&mut self, buffers: &Buffers) -> &mut Vec<u8> {
        if self.pending.capacity() == 0 {
            self.pending = buffers.outgoing();
        }
        &mut self.pending
    }

    /// How much was sent later than it was put here.
    pub(crate) fn flushed(&self) -> u64 {
        self.flushed
    }

    /// Whether the message is complete and sent.
    pub(crate) fn is_sent(&self) -> bool {
        self.ended && self.pending.is_empty()
    }

    /// Gives an empty buffer back.
    pub(crate) fn release(&mut self, buffers: &Buffers) {
        if self.pending.is_empty() && self.pending.capacity() > 0 {
            buffers.give_outgoing(take(&mut self.pending));
        }
    }

    fn unsent(&self) -> &[u8] {
        &self.pending[self.sent..]
    }

    fn note_sent(&mut self, count: usize) {
        self.sent += count;
        self.flushed += count as u64;
        if self.sent >= self.pending.len() {
            self.pending.clear();
            self.pending.shrink_to(PENDING_BYTES_MAX);
            self.sent = 0;
        }
    }

    /// A reader that is always a little behind would make us keep all that it ever took.
    fn forget_sent(&mut self) {
        if self.sent > self.pending.len() / 2 {
            self.pending.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// What stands behind the bytes that end a chunk.
    fn finish_chunk(&mut self, last: bool) {
        if self.framing == Framing::Chunked {
            self.pending.extend_from_slice(b"\r\n");
        }
        if last {
            self.finish();
        }
    }

    fn finish(&mut self) {
        if self.framing == Framing::Chunked && !self.ended {
            self.pending.extend_from_slice(LAST_CHUNK);
        }
        self.ended = true;
    }
}

/// An outbox and the socket that it empties into.
#[derive(Debug)]
pub(crate) struct Send<'c> {
    pub(crate) io: &'c Io,
    pub(crate) outbox: &'c mut Outbox,
}

impl Sink for Send<'_> {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        last: bool,
    ) -> Poll<io::Result<usize>> {
        if self.outbox.framing == Framing::Chunked
            && self.outbox.chunk_left == 0
            && !bytes.is_empty()
        {
            chunk_prefix(&mut self.outbox.pending, bytes.len());
            self.outbox.chunk_left = bytes.len();
        }
        if bytes.len() <= COPY_BYTES_MAX {
            return self.copy(cx, bytes, last);
        }
        loop {
            let count = ready!(self.io.poll_send(cx, self.outbox.unsent(), bytes))?;
            let head = count.min(self.outbox.unsent().len());
            self.outbox.note_sent(head);
            let taken = count - head;
            if taken > 0 {
                self.took(taken, bytes.len(), last);
                return Poll::Ready(Ok(taken));
            }
        }
    }

    fn direct(&self) -> Option<&Io> {
        let is_plain = matches!(self.outbox.framing, Framing::Length(_) | Framing::UntilClose);
        (is_plain && self.outbox.pending.is_empty() && self.io.is_direct()).then_some(self.io)
    }

    /// Trailers go on only to whom asked for them: a careless recipient would merge them into the head (RFC 9110 §6.5.2).
    fn end(&mut self, trailers: Option<Fields>) {
        if let Some(trailers) = trailers.filter(|_| self.outbox.trailers && !self.outbox.ended) {
            trailer_section(&mut self.outbox.pending, &trailers);
            self.outbox.ended = true;
        }
        self.outbox.finish();
    }

    fn close(&mut self) {
        self.io.finish();
    }

    fn flushed(&self) -> u64 {
        self.outbox.flushed() + self.io.flushed()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outbox.unsent().is_empty() {
            let count = ready!(self.io.poll_send(cx, self.outbox.unsent(), &[]))?;
            self.outbox.note_sent(count);
        }
        // Who reads to the end of the connection must be able to tell it from one that somebody between us has made (RFC 9112 §9.8).
        let is_over = self.outbox.ended && self.outbox.framing == Framing::UntilClose;
        if is_over { self.io.poll_end(cx) } else { self.io.poll_flush(cx) }
    }
}

impl Send<'_> {
    /// A short piece goes out together with what is pending: copying it is cheaper than a second address for the kernel.
    /// What a slow reader has not taken yet goes first, so that the outbox cannot grow piece by piece.
    fn copy(&mut self, cx: &mut Context<'_>, bytes: &[u8], last: bool) -> Poll<io::Result<usize>> {
        if self.outbox.unsent().len() > PENDING_BYTES_MAX {
            ready!(self.poll_flush(cx))?;
        }
        self.outbox.forget_sent();
        self.outbox.pending.extend_from_slice(bytes);
        self.took(bytes.len(), bytes.len(), last);
        Poll::Ready(Ok(bytes.len()))
    }

    fn took(&mut self, taken: usize, offered: usize, last: bool) {
        self.outbox.chunk_left = self.outbox.chunk_left.saturating_sub(taken);
        if taken == offered {
            self.outbox.finish_chunk(last);
        }
    }
}

/// Up to this size a piece of body is copied behind the head.
const COPY_BYTES_MAX: usize = 2 * 1024;

/// A head with its fields may be larger; what is copied behind it may not add up to more.
const PENDING_BYTES_MAX: usize = 64 * 1024;
