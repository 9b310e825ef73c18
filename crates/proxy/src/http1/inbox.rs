//! What was read of a connection and not used yet; holds no memory while there is nothing.

use std::mem::take;
use std::task::{Context, Poll, ready};

use evenkeel_proto::field::Fields;
use evenkeel_proto::head::{RequestHead, ResponseHead};
use evenkeel_proto::http1::{ParseError, ParseLimits, parse_request, parse_response};

use crate::buffers::{Buffers, HEAD_BYTES};
use crate::io::Io;

/// Bytes `start..filled` of the buffer are unread. The buffer is there only while that is not empty.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    fields: Fields,
    start: usize,
    filled: usize,
}

/// Why a head could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadError {
    /// It breaks a rule or a limit.
    Refused(ParseError),
    /// It is longer than allowed.
    TooLong,
    /// The connection ended, or broke.
    Closed,
}

impl Inbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.filled
    }

    /// Moves unread bytes to the front of `to`; returns how many.
    pub(crate) fn take(&mut self, to: &mut [u8]) -> usize {
        let count = to.len().min(self.filled - self.start);
        to[..count].copy_from_slice(&self.fields.buffer[self.start..self.start + count]);
        self.start += count;
        count
    }

    /// Puts bytes that lie beyond the end of a body before the unread ones: taken from there, or read when there were none.
    pub(crate) fn put_back(&mut self, bytes: &[u8], buffers: &Buffers) {
        if bytes.is_empty() {
            return;
        }
        if bytes.len() > self.start {
            debug_assert!(self.is_empty(), "only what was taken can be put before what is unread");
            self.borrow(buffers);
            let size = self.fields.buffer.len().max(bytes.len());
            self.fields.buffer.resize(size, 0);
            (self.start, self.filled) = (bytes.len(), bytes.len());
        }
        let end = self.start;
        self.start -= bytes.len();
        self.fields.buffer[self.start..end].copy_from_slice(bytes);
    }

    /// Gives an empty buffer back.
    pub(crate) fn release(&mut self, buffers: &Buffers) {
        if self.is_empty() && !self.fields.buffer.is_empty() {
            buffers.give_head(take(&mut self.fields));
            (self.start, self.filled) = (0, 0);
        }
    }

    /// Reads a head.
    pub(crate) fn poll_head<H: Head>(
        &mut self,
        cx: &mut Context<'_>,
        io: &Io,
        buffers: &Buffers,
        limits: &HeadLimits,
    ) -> Poll<Result<H, HeadError>> {
        loop {
            if H::FOLLOWS_EMPTY_LINES {
                self.skip_empty_lines();
            }
            if !self.is_empty() {
                self.move_to_front();
                let parsed = H::parse(&mut self.fields, self.filled, limits.parse);
                if let Some((head, length)) = parsed.map_err(HeadError::Refused)? {
                    if length > limits.bytes {
                        return Poll::Ready(Err(HeadError::TooLong));
                    }
                    self.keep_rest(&head, length, buffers);
                    return Poll::Ready(Ok(head));
                }
            }
            if self.is_empty() {
                (self.start, self.filled) = (0, 0);
            }
            self.make_room(buffers, limits.bytes)?;
            let free = &mut self.fields.buffer[self.filled..];
            match ready!(io.poll_recv(cx, free)) {
                Ok(0) | Err(_) => return Poll::Ready(Err(HeadError::Closed)),
                Ok(count) => self.filled += count,
            }
        }
    }

    /// The head took the buffer with it; what lies behind it in there is ours. Mostly nothing, or a short body.
    fn keep_rest(&mut self, head: &impl Head, length: usize, buffers: &Buffers) {
        let filled = self.filled;
        (self.start, self.filled) = (0, 0);
        self.put_back(&head.fields().buffer[length..filled], buffers);
    }

    /// RFC 9112 §2.2: a client may send an empty line after a body, and somebody who waits for a request must not take it for
    /// the beginning of one.
    fn skip_empty_lines(&mut self) {
        while self.fields.buffer[self.start..self.filled].starts_with(b"\r\n") {
            self.start += 2;
        }
    }

    fn move_to_front(&mut self) {
        if self.start > 0 {
            self.fields.buffer.copy_within(self.start..self.filled, 0);
            (self.start, self.filled) = (0, self.filled - self.start);
        }
    }

    /// Makes sure that there is a byte free to read into, up to `bytes_max` in all.
    fn make_room(&mut self, buffers: &Buffers, bytes_max: usize) -> Result<(), HeadError> {
        self.borrow(buffers);
        if self.filled >= bytes_max {
            return Err(HeadError::TooLong);
        }
        if self.filled == self.fields.buffer.len() {
            let doubled = (self.filled * 2).clamp(HEAD_BYTES, bytes_max.max(HEAD_BYTES));
            self.fields.buffer.resize(doubled, 0);
        }
        Ok(())
    }

    fn borrow(&mut self, buffers: &Buffers) {
        if self.fields.buffer.is_empty() {
            self.fields = buffers.head();
        }
    }
}

/// How large a head may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadLimits {
    pub(crate) bytes: usize,
    pub(crate) parse: ParseLimits,
}

/// A head that can be read from an inbox: a request's or an answer's.
pub(crate) trait Head: Sized {
    /// Whether empty lines may come before it.
    const FOLLOWS_EMPTY_LINES: bool;

    fn parse(
        fields: &mut Fields,
        filled: usize,
        limits: ParseLimits,
    ) -> Result<Option<(Self, usize)>, ParseError>;

    fn fields(&self) -> &Fields;
}

impl Head for RequestHead {
    const FOLLOWS_EMPTY_LINES: bool = true;

    fn parse(
        fields: &mut Fields,
        filled: usize,
        limits: ParseLimits,
    ) -> Result<Option<(Self, usize)>, ParseError> {
        parse_request(fields, filled, limits)
    }

    fn fields(&self) -> &Fields {
        &self.fields
    }
}

impl Head for ResponseHead {
    const FOLLOWS_EMPTY_LINES: bool = false;

    fn parse(
        fields: &mut Fields,
        filled: usize,
        limits: ParseLimits,
    ) -> Result<Option<(Self, usize)>, ParseError> {
        parse_response(fields, filled, limits)
    }

    fn fields(&self) -> &Fields {
        &self.fields
    }
}
