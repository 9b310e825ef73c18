//! What was read of a connection and not used yet; holds no memory while there is nothing.

use std::mem::{replace, take};
use std::task::{Context, Poll};

use evenkeel_proto::field::Fields;
use evenkeel_proto::head::{RequestHead, ResponseHead};
use evenkeel_proto::http1::{ParseError, ParseLimits, parse_request, parse_response};
use evenkeel_proto::http2::frame::PREFACE;
use evenkeel_proto::tls::{ClientHello, ClientHelloReader, HELLO_BYTES_MAX, HelloError};

use crate::buffers::{Buffers, HEAD_BYTES};
use crate::io::Io;

/// Bytes `start..filled` of the buffer are unread. The buffer is there only while that is not empty.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    buffer: Vec<u8>,
    start: usize,
    filled: usize,
    /// Up to here the bytes are known not to complete a head.
    searched: usize,
    /// Whether there was something that means nothing.
    has_skipped: bool,
}

/// Why a head could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadError {
    /// It breaks a rule or a limit.
    Refused(ParseError),
    /// It is longer than allowed.
    TooLong,
    /// It is longer than allowed, and so is its target.
    TargetTooLong,
    /// The connection ended, or broke.
    Closed,
}

/// Why there is no first message of a client of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoHello {
    /// What has come is none.
    Refused(HelloError),
    /// The connection ended, or broke.
    Closed,
}

impl Inbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.filled
    }

    /// Whether what is unread may be the preface of HTTP/2 (RFC 9113 §3.4): if nothing came before it, and nothing in it is anything else.
    pub(crate) fn begins_with_preface(&self) -> bool {
        let unread = &self.buffer[self.start..self.filled];
        let known = unread.len().min(PREFACE.len());
        !self.has_skipped && unread[..known] == PREFACE[..known]
    }

    /// Whether there was something that means nothing.
    pub(crate) fn has_skipped(&self) -> bool {
        self.has_skipped
    }

    /// All that is unread, which is not any more.
    pub(crate) fn take_all(&mut self) -> Vec<u8> {
        let unread = self.buffer[self.start..self.filled].to_vec();
        self.start = self.filled;
        unread
    }

    /// Moves unread bytes to the front of `to`; returns how many.
    pub(crate) fn take(&mut self, to: &mut [u8]) -> usize {
        self.searched = 0;
        let count = to.len().min(self.filled - self.start);
        to[..count].copy_from_slice(&self.buffer[self.start..self.start + count]);
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
            let size = self.buffer.len().max(bytes.len());
            self.buffer.resize(size, 0);
            (self.start, self.filled) = (bytes.len(), bytes.len());
        }
        let end = self.start;
        self.start -= bytes.len();
        self.searched = 0;
        self.buffer[self.start..end].copy_from_slice(bytes);
    }

    /// Gives an empty buffer back.
    pub(crate) fn release(&mut self, buffers: &Buffers) {
        if self.is_empty() && !self.buffer.is_empty() {
            buffers.give_whole(take(&mut self.buffer));
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
            if self.has_new_line() || self.has_no_lines() {
                self.move_to_front();
                self.searched = self.filled;
                if let Some(head) = self.parse(buffers, limits)? {
                    return Poll::Ready(Ok(head));
                }
            }
            if self.is_empty() {
                self.rewind();
            }
            self.move_to_front();
            self.make_room(buffers, limits)?;
            let free = &mut self.buffer[self.filled..];
            let most = if buffers.parked.is_high() { LITTLE_BYTES } else { free.len() };
            let most = most.min(free.len());
            match io.poll_recv(cx, &mut free[..most]) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Err(HeadError::Closed)),
                Poll::Ready(Ok(count)) => self.filled += count,
                Poll::Pending => {
                    self.shrink(buffers);
                    return Poll::Pending;
                }
            }
        }
    }

    /// Reads the first message of a client of TLS, which stays unread: it goes on as it is.
    pub(crate) fn poll_hello(
        &mut self,
        cx: &mut Context<'_>,
        io: &Io,
        buffers: &Buffers,
        reader: &mut ClientHelloReader,
    ) -> Poll<Result<ClientHello, NoHello>> {
        loop {
            let unread = &self.buffer[self.start..self.filled];
            if let Some(hello) = reader.read(unread).map_err(NoHello::Refused)? {
                return Poll::Ready(Ok(hello));
            }
            self.borrow(buffers);
            if self.filled == self.buffer.len() {
                // The reader refuses what would take more.
                self.buffer.resize(HELLO_BYTES_MAX.max(self.filled + 1), 0);
            }
            match io.poll_recv(cx, &mut self.buffer[self.filled..]) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Err(NoHello::Closed)),
                Poll::Ready(Ok(count)) => self.filled += count,
                Poll::Pending => {
                    self.shrink(buffers);
                    return Poll::Pending;
                }
            }
        }
    }

    /// Parses what is there. A head leaves with a buffer of its own size: it lives as long as its exchange, and the whole buffer
    /// is for whoever reads next.
    fn parse<H: Head>(
        &mut self,
        buffers: &Buffers,
        limits: &HeadLimits,
    ) -> Result<Option<H>, HeadError> {
        let mut fields = buffers.head();
        let mut own = replace(&mut fields.buffer, take(&mut self.buffer));
        let parsed = H::parse(&mut fields, self.filled, limits.parse);
        let Ok(Some((mut head, length))) = parsed else {
            // A head that is refused may have gone with the buffer.
            self.buffer = replace(&mut fields.buffer, own);
            buffers.give_head(fields);
            if self.buffer.is_empty() {
                self.rewind();
            }
            return parsed.map(|_| None).map_err(HeadError::Refused);
        };
        let whole = &mut head.fields().buffer;
        own.extend_from_slice(&whole[..length]);
        self.buffer = replace(whole, own);
        (self.start, self.searched) = (length, 0);
        if buffers.parked.is_high() {
            self.shrink(buffers);
        } else {
            self.release(buffers);
        }
        if length > limits.bytes { Err(HeadError::TooLong) } else { Ok(Some(head)) }
    }

    /// RFC 9112 §2.2: a client may send an empty line after a body, and somebody who waits for a request must not take it for
    /// the beginning of one.
    fn skip_empty_lines(&mut self) {
        while self.buffer[self.start..self.filled].starts_with(b"\r\n") {
            self.start += 2;
            self.has_skipped = true;
        }
    }

    fn rewind(&mut self) {
        (self.start, self.filled, self.searched) = (0, 0, 0);
    }

    /// Whether a line has ended since the last look. A head that comes byte by byte is not parsed byte by byte.
    fn has_new_line(&self) -> bool {
        self.buffer[self.searched.max(self.start)..self.filled].contains(&b'\n')
    }

    /// Whether it is no head, and no line of it will ever end: frames of HTTP/2 begin with a zero, and whoever sends them may wait for ours.
    fn has_no_lines(&self) -> bool {
        self.buffer[self.start..self.filled].first() == Some(&0)
    }

    fn move_to_front(&mut self) {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.filled, 0);
            self.searched = self.searched.saturating_sub(self.start);
            (self.start, self.filled) = (0, self.filled - self.start);
        }
    }

    /// Whoever has to wait holds what was read and no more: neither a client that sends its head slowly nor an endpoint that
    /// takes its time costs a whole buffer.
    fn shrink(&mut self, buffers: &Buffers) {
        if self.is_empty() {
            self.release(buffers);
        } else if self.filled <= HEAD_BYTES / 4 && self.buffer.len() == HEAD_BYTES {
            let small = self.buffer[self.start..self.filled].to_vec();
            self.searched = self.searched.saturating_sub(self.start);
            (self.start, self.filled) = (0, small.len());
            buffers.give_whole(replace(&mut self.buffer, small));
        }
    }

    /// Makes sure that there is a byte free to read into, up to the limit.
    fn make_room(&mut self, buffers: &Buffers, limits: &HeadLimits) -> Result<(), HeadError> {
        let bytes_max = limits.bytes;
        self.borrow(buffers);
        if self.filled >= bytes_max {
            return Err(self.too_long(limits.parse.target_bytes));
        }
        if self.filled == self.buffer.len() {
            let doubled = (self.filled * 2).clamp(HEAD_BYTES, bytes_max.max(HEAD_BYTES));
            self.buffer.resize(doubled, 0);
        }
        Ok(())
    }

    /// Which limit a head breaks that does not end within its limit. The target is the second word of its first line, however
    /// much of that there is (RFC 9112 §3).
    fn too_long(&self, target_bytes: usize) -> HeadError {
        let unread = &self.buffer[self.start..self.filled];
        let line = unread.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let target = line.split(|&byte| byte == b' ').nth(1).unwrap_or(line);
        if target.len() > target_bytes { HeadError::TargetTooLong } else { HeadError::TooLong }
    }

    /// Has a buffer of full size, with what is unread in it.
    fn borrow(&mut self, buffers: &Buffers) {
        if self.buffer.len() >= HEAD_BYTES {
            return;
        }
        let small = replace(&mut self.buffer, buffers.whole());
        self.buffer[..self.filled].copy_from_slice(&small[..self.filled]);
    }
}

/// So much is read at once while the worker holds much: what comes with a head may have to wait here.
const LITTLE_BYTES: usize = HEAD_BYTES / 8;

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

    fn fields(&mut self) -> &mut Fields;
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

    fn fields(&mut self) -> &mut Fields {
        &mut self.fields
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

    fn fields(&mut self) -> &mut Fields {
        &mut self.fields
    }
}

#[cfg(test)]
mod tests;
