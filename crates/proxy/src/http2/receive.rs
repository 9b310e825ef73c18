//! A body coming in over HTTP/2, a request's or an answer's: the window opens by what has gone on.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use evenkeel_proto::field::Fields;
use h2::RecvStream;

use super::fields::received;
use super::stream::Stream;
use crate::body::{Piece, Source, SourceError};

#[derive(Debug)]
pub(crate) struct Receive<'c> {
    pub(crate) body: RecvStream,
    /// The other half, on which it shows that the client has left; none for an endpoint.
    pub(crate) stream: Option<&'c Stream>,
    /// How many bytes may still come.
    pub(crate) limit: u64,
    /// Whether what comes is not for the endpoint, unless it switches protocols.
    pub(crate) is_held: bool,
    piece: Bytes,
    trailers: Option<Fields>,
}

impl<'c> Receive<'c> {
    pub(crate) fn new(body: RecvStream, stream: Option<&'c Stream>, limit: u64) -> Self {
        Self { body, stream, limit, is_held: false, piece: Bytes::new(), trailers: None }
    }

    /// The end of the body, with what follows it.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        let trailers = ready!(self.body.poll_trailers(cx)).map_err(|_| SourceError::Truncated)?;
        self.trailers = trailers.map(|map| received(&map));
        Poll::Ready(Ok(()))
    }
}

impl Source for Receive<'_> {
    fn poll_read<'s>(
        &'s mut self,
        cx: &mut Context<'_>,
        _scratch: &'s mut [u8],
    ) -> Poll<Result<Piece<'s>, SourceError>> {
        if self.is_held {
            return Poll::Ready(Ok(Piece { bytes: &[], last: true }));
        }
        loop {
            let Some(piece) = ready!(self.body.poll_data(cx)) else {
                ready!(self.poll_end(cx))?;
                return Poll::Ready(Ok(Piece { bytes: &[], last: true }));
            };
            self.piece = piece.map_err(|_| SourceError::Truncated)?;
            let length = self.piece.len() as u64;
            self.limit = self.limit.checked_sub(length).ok_or(SourceError::TooLarge)?;
            let last = self.body.is_end_stream();
            if length > 0 || last {
                return Poll::Ready(Ok(Piece { bytes: &self.piece, last }));
            }
        }
    }

    fn consumed(&mut self, count: usize) {
        // It fails for a stream that is over, whose window nobody needs.
        let _ = self.body.flow_control().release_capacity(count);
    }

    fn trailers(&mut self) -> Option<Fields> {
        self.trailers.take()
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.stream.map_or(Poll::Pending, |stream| stream.poll_gone(cx))
    }
}
