//! A body coming in over HTTP/1: a request's from a client, or an answer's from an endpoint.

use std::task::{Context, Poll, ready};

use evenkeel_proto::field::Fields;
use evenkeel_proto::http1::{BodyDecoder, BodyError, Framing, parse_trailers};

use crate::body::{Piece, Source, SourceError};
use crate::buffers::Buffers;
use crate::http1::inbox::Inbox;
use crate::io::Io;

/// Borrows what it needs of a connection for as long as the body lasts.
#[derive(Debug)]
pub(crate) struct Receive<'c> {
    pub(crate) io: &'c Io,
    pub(crate) inbox: &'c mut Inbox,
    pub(crate) decoder: &'c mut BodyDecoder,
    pub(crate) buffers: &'c Buffers,
    /// How many bytes of payload may still come.
    pub(crate) limit: u64,
}

impl Source for Receive<'_> {
    fn poll_read<'s>(
        &'s mut self,
        cx: &mut Context<'_>,
        scratch: &'s mut [u8],
    ) -> Poll<Result<Piece<'s>, SourceError>> {
        let payload = loop {
            if self.decoder.is_done() {
                return Poll::Ready(Ok(Piece { bytes: &[], last: true }));
            }
            let Some(count) = ready!(self.poll_fill(cx, scratch))? else {
                self.decoder.end_of_stream()?;
                continue;
            };
            let decoded = self.decoder.decode(&mut scratch[..count])?;
            self.inbox.put_back(&scratch[decoded.consumed..count], self.buffers);
            let payload = decoded.payload as u64;
            self.limit = self.limit.checked_sub(payload).ok_or(SourceError::TooLarge)?;
            if payload > 0 {
                break decoded.payload;
            }
        };
        Poll::Ready(Ok(Piece { bytes: &scratch[..payload], last: self.is_last() }))
    }

    fn direct(&self) -> Option<(&Io, Option<u64>)> {
        let left = self.decoder.length_left();
        let is_raw = left.is_some() || self.decoder.ends_with_connection();
        (is_raw && self.inbox.is_empty() && self.io.is_direct()).then_some((self.io, left))
    }

    fn skip(&mut self, count: u64) {
        self.decoder.skip(count);
    }

    /// TCP's own window does it: what is parked is not read.
    fn consumed(&mut self, _count: usize) {}

    fn trailers(&mut self) -> Option<Fields> {
        parse_trailers(self.decoder.trailers())
    }

    /// Who closes its half of the connection is taken for gone, as nginx and Envoy do: nearly always it is. Not while there are bytes of
    /// a next request, behind which nobody can look.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.inbox.is_empty() { self.io.poll_gone(cx) } else { Poll::Pending }
    }

    fn switch(&mut self) {
        *self.decoder = BodyDecoder::new(Framing::UntilClose);
        self.limit = u64::MAX;
    }
}

impl Receive<'_> {
    /// Bytes that were read already, or are there to be read; `None` at the end of the connection.
    fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
    ) -> Poll<Result<Option<usize>, SourceError>> {
        let size = self.decoder.readable().min(scratch.len());
        let kept = self.inbox.take(&mut scratch[..size]);
        if kept == 0 {
            let count = ready!(self.io.poll_recv(cx, &mut scratch[..size]));
            let count = count.map_err(|_| SourceError::Truncated)?;
            return Poll::Ready(Ok((count > 0).then_some(count)));
        }
        self.inbox.release(self.buffers);
        Poll::Ready(Ok(Some(kept)))
    }

    fn is_last(&self) -> bool {
        self.decoder.is_done() && self.decoder.trailers().is_empty()
    }
}

impl From<BodyError> for SourceError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Malformed(rule) => Self::Malformed(rule),
            BodyError::Truncated => Self::Truncated,
        }
    }
}
