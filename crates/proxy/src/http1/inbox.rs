//! What was read of a connection and not used yet; holds no memory while there is nothing.

use std::mem::{replace, take};
use std::task::{Context, Poll};

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
    /// Up to here the bytes are known not to complete a head.
    searched: usize,
}

/// Why a head could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadError {
    /// It breaks a rule or a limit.
    Refused(ParseError),
    /// It is longer than allowed.
    TooLong,
    /// It is longer than allowed, and its first line has not ended yet.
    TargetTooLong,
    /// The connection ended, or broke.
    Closed,
}

impl Inbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.filled
    }

    /// Moves unread bytes to the front of `to`; returns how many.
    pub(crate) fn take(&mut self, to: &mut [u8]) -> usize {
        self.searched = 0;
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
        self.searched = 0;
        self.fields.buffer[self.start..end].copy_from_slice(bytes);
    }

    /// Gives an empty buffer back.
    pub(crate) fn release(&mut self, buffers: &Buffers) {
        if self.is_empty() && !self.fields.buffer.is_empty() {
            buffers.give_head(take(&mut self.fields));
            self.rewind();
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
            if self.has_new_line() {
                self.move_to_front();
                self.searched = self.filled;
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
                self.rewind();
            }
            self.move_to_front();
            self.make_room(buffers, limits.bytes)?;
            let free = &mut self.fields.buffer[self.filled..];
            match io.poll_recv(cx, free) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Err(HeadError::Closed)),
                Poll::Ready(Ok(count)) => self.filled += count,
                Poll::Pending => {
                    self.shrink(buffers);
                    return Poll::Pending;
                }
            }
        }
    }

    /// The head took the buffer with it; what lies behind it in there is ours. Mostly nothing, or a short body.
    fn keep_rest(&mut self, head: &impl Head, length: usize, buffers: &Buffers) {
        let filled = self.filled;
        self.rewind();
        self.put_back(&head.fields().buffer[length..filled], buffers);
    }

    /// RFC 9112 §2.2: a client may send an empty line after a body, and somebody who waits for a request must not take it for
    /// the beginning of one.
    fn skip_empty_lines(&mut self) {
        while self.fields.buffer[self.start..self.filled].starts_with(b"\r\n") {
            self.start += 2;
        }
    }

    fn rewind(&mut self) {
        (self.start, self.filled, self.searched) = (0, 0, 0);
    }

    /// Whether a line has ended since the last look. A head that comes byte by byte is not parsed byte by byte.
    fn has_new_line(&self) -> bool {
        self.fields.buffer[self.searched.max(self.start)..self.filled].contains(&b'\n')
    }

    fn move_to_front(&mut self) {
        if self.start > 0 {
            self.fields.buffer.copy_within(self.start..self.filled, 0);
            self.searched = self.searched.saturating_sub(self.start);
            (self.start, self.filled) = (0, self.filled - self.start);
        }
    }

    /// Whoever has to wait holds what was read and no more: neither a client that sends its head slowly nor an endpoint that
    /// takes its time costs a whole buffer.
    fn shrink(&mut self, buffers: &Buffers) {
        if self.is_empty() {
            self.release(buffers);
        } else if self.filled <= HEAD_BYTES / 4 && self.fields.buffer.len() == HEAD_BYTES {
            let mut small = Fields::default();
            small.buffer.extend_from_slice(&self.fields.buffer[self.start..self.filled]);
            self.searched = self.searched.saturating_sub(self.start);
            (self.start, self.filled) = (0, small.buffer.len());
            buffers.give_head(replace(&mut self.fields, small));
        }
    }

    /// Makes sure that there is a byte free to read into, up to `bytes_max` in all.
    fn make_room(&mut self, buffers: &Buffers, bytes_max: usize) -> Result<(), HeadError> {
        self.borrow(buffers);
        if self.filled >= bytes_max {
            return Err(self.too_long());
        }
        if self.filled == self.fields.buffer.len() {
            let doubled = (self.filled * 2).clamp(HEAD_BYTES, bytes_max.max(HEAD_BYTES));
            self.fields.buffer.resize(doubled, 0);
        }
        Ok(())
    }

    /// Which limit a head breaks that does not end within its limit: without a line's end it is all target (RFC 9112 §3).
    fn too_long(&self) -> HeadError {
        let is_one_line = !self.fields.buffer[self.start..self.filled].contains(&b'\n');
        if is_one_line { HeadError::TargetTooLong } else { HeadError::TooLong }
    }

    /// Has a buffer of full size, with what is unread in it.
    fn borrow(&mut self, buffers: &Buffers) {
        if self.fields.buffer.len() >= HEAD_BYTES {
            return;
        }
        let small = replace(&mut self.fields, buffers.head());
        self.fields.buffer[..self.filled].copy_from_slice(&small.buffer[..self.filled]);
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

#[cfg(test)]
mod tests;
