//! The second reader of what an origin recorded: hyper's server, which shares no line of its framing with us or the testkit.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use evenkeel_testkit::Reading;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// hyper finds the same requests in the recorded bytes as the testkit's reader, and is at their end after the last one.
#[track_caller]
pub(crate) fn assert_readers_agree(reading: &Reading) {
    let (found, is_cut) = read(&reading.bytes);
    let expected: Vec<Found> = reading
        .requests
        .iter()
        .map(|each| (each.method.clone(), each.target.clone(), each.body.clone()))
        .collect();
    let shown = reading.bytes.escape_ascii();
    assert_eq!(found, expected, "{shown}");
    assert_eq!(is_cut, reading.is_cut, "{shown}");
}

/// Method, target and body.
type Found = (String, String, Vec<u8>);

/// The complete requests in `bytes`, and whether something follows them that is none.
fn read(bytes: &[u8]) -> (Vec<Found>, bool) {
    let (found, broken) = (RefCell::new(Vec::new()), Cell::new(false));
    let service = service_fn(async |request: Request<Incoming>| {
        let (method, target) = (request.method().to_string(), request.uri().to_string());
        match request.into_body().collect().await {
            Ok(body) => found.borrow_mut().push((method, target, body.to_bytes().to_vec())),
            Err(_) => broken.set(true),
        }
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let record = TokioIo::new(Record(bytes));
    // The end of the record must not keep the last request from being answered.
    let connection = http1::Builder::new().half_close(true).serve_connection(record, service);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let outcome = runtime.block_on(connection);
    (found.into_inner(), outcome.is_err() || broken.get())
}

/// Recorded bytes as a connection; what is written to it is of no interest.
struct Record<'a>(&'a [u8]);

impl AsyncRead for Record<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (now, later) = self.0.split_at(self.0.len().min(buffer.remaining()));
        buffer.put_slice(now);
        self.0 = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Record<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn the_judge_sees_what_is_left_over() {
    let whole = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx".to_vec();
    assert_readers_agree(&Reading::of(whole.clone()).unwrap());
    let cut = Reading::of([&*whole, b"GET /"].concat()).unwrap();
    assert!(cut.is_cut);
    assert_readers_agree(&cut);
    let (found, is_cut) = read(&[&*whole, b"0\r\n\r\n"].concat());
    assert_eq!((found.len(), is_cut), (1, true));
}
