//! A body of any size made from one shared pattern, so that a gigabyte costs no memory; sent by
//! `origin` as its answers and by `load` as its requests.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};

/// A body that repeats its pattern until its size is reached.
#[derive(Debug)]
pub(crate) struct Payload {
    pattern: Bytes,
    left_bytes: u64,
}

impl Payload {
    /// A body of this many bytes of printable filling.
    pub(crate) fn filling(size_bytes: u64) -> Self {
        Payload { pattern: Bytes::from_static(&FILLING), left_bytes: size_bytes }
    }

    /// A body that is this text.
    pub(crate) fn text(text: impl Into<Bytes>) -> Self {
        let pattern = text.into();
        let left_bytes = pattern.len() as u64;
        Payload { pattern, left_bytes }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left_bytes == 0 {
            return Poll::Ready(None);
        }
        let length = self.left_bytes.min(self.pattern.len() as u64);
        self.left_bytes -= length;
        Poll::Ready(Some(Ok(Frame::data(self.pattern.slice(..length as usize)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left_bytes == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left_bytes)
    }
}

/// Large enough that a body of a megabyte takes few writes, small enough to stay in the cache.
const FILLING_BYTES: usize = 64 * 1024;

/// Lines of 64 printable bytes, so that a body can be looked at and a shifted one is noticed.
static FILLING: [u8; FILLING_BYTES] = {
    let line = *b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.\n";
    let mut filling = [0; FILLING_BYTES];
    let mut index = 0;
    while index < FILLING_BYTES {
        filling[index] = line[index % line.len()];
        index += 1;
    }
    filling
};

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    async fn collected(payload: Payload) -> Bytes {
        payload.collect().await.unwrap_or_else(|never| match never {}).to_bytes()
    }

    #[tokio::test]
    async fn filling_has_exactly_its_size_and_shape() {
        for size in [0, 1, 13, 65_535, 65_536, 65_537, 1 << 20] {
            let payload = Payload::filling(size);
            assert_eq!(payload.size_hint().exact(), Some(size));
            let bytes = collected(payload).await;
            assert_eq!(bytes.len() as u64, size);
            assert!(bytes.iter().enumerate().all(|(at, byte)| *byte == FILLING[at % 64]));
        }
    }

    #[tokio::test]
    async fn text_is_sent_once() {
        assert_eq!(collected(Payload::text("hello")).await, "hello");
        assert!(Payload::text("").is_end_stream());
    }
}
