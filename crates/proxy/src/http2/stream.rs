//! Our half of a stream, on which an answer goes out: shared by whoever writes it and whoever asks whether anybody still wants it.

use std::cell::RefCell;
use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::Response;

/// Our half of a stream.
#[derive(Debug)]
pub(crate) struct Stream(RefCell<Half>);

#[derive(Debug)]
enum Half {
    /// No final head was sent.
    Head(SendResponse<Bytes>),
    /// One was, and its body may follow.
    Body(SendStream<Bytes>),
}

impl Stream {
    pub(crate) fn new(half: SendResponse<Bytes>) -> Self {
        Self(RefCell::new(Half::Head(half)))
    }

    /// Sends the head of an answer; a final one may be the end.
    pub(crate) fn send_head(&self, head: Response<()>, is_end: bool) -> io::Result<()> {
        let half = &mut *self.0.borrow_mut();
        let Half::Head(sender) = half else { return Err(io::ErrorKind::InvalidInput.into()) };
        if head.status().is_informational() {
            return sender.send_informational(head).map_err(io::Error::other);
        }
        let body = sender.send_response(head, is_end).map_err(io::Error::other)?;
        *half = Half::Body(body);
        Ok(())
    }

    /// Calls `work` with what takes the body of the answer.
    pub(crate) fn with_body<T>(
        &self,
        work: impl FnOnce(&mut SendStream<Bytes>) -> io::Result<T>,
    ) -> io::Result<T> {
        match &mut *self.0.borrow_mut() {
            Half::Body(body) => work(body),
            Half::Head(_) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Waits until the client wants no more of it, or is gone.
    pub(crate) fn poll_gone(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut *self.0.borrow_mut() {
            Half::Head(half) => half.poll_reset(cx).map(|_| ()),
            Half::Body(half) => half.poll_reset(cx).map(|_| ()),
        }
    }

    /// Ends it such that the client cannot take what it has for all there is.
    pub(crate) fn reset(&self, reason: Reason) {
        match &mut *self.0.borrow_mut() {
            Half::Head(half) => half.send_reset(reason),
            Half::Body(half) => half.send_reset(reason),
        }
    }
}
