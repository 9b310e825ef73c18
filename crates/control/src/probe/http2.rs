//! One request over HTTP/2 on a connection of its own, as the checks of `http` and `grpc` make it.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use evenkeel_plan::limits::RESPONSE_HEAD_BYTES_MAX;
use h2::client::{self, SendRequest};
use h2::{Error, RecvStream};
use http::{Request, Response, Uri, header};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::words::first_line;
use super::{Failure, Stream, tls};

/// The head of a request. `User-Agent` tells the people who read the origin's log who asks.
pub(super) fn request(
    method: &str,
    (scheme, authority): (&str, &str),
    path: &str,
) -> Result<Request<()>, Failure> {
    let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(path).build();
    let request = uri.and_then(|uri| {
        let head = Request::builder().method(method).uri(uri);
        head.header(header::USER_AGENT, "evenkeel-health").body(())
    });
    request.map_err(|error| {
        let asked = format!("{method} {scheme}://{authority}{path}");
        Failure::Unrunnable(format!("`{asked}` cannot be asked in HTTP/2: {error}"))
    })
}

/// Sends `head`, with `body` if there is one, and has `read` make of the answer what it will.
pub(super) async fn ask<F: Future<Output = Result<(), Failure>>>(
    stream: impl Stream,
    head: Request<()>,
    body: Option<Bytes>,
    read: impl FnOnce(Response<RecvStream>) -> F,
) -> Result<(), Failure> {
    let first = First::default();
    let stream = Watched { stream, first: Arc::clone(&first) };
    let outcome = converse(stream, head, body, read).await;
    outcome.map_err(|failure| match (first.get(), failure) {
        // The library only sees a frame that is none.
        (Some(true), Failure::Http2(_)) => {
            Failure::Version("it answers in HTTP/1, and is asked in HTTP/2")
        }
        // As many a server does that does not know the preface; but so does one that is being ended.
        (None, Failure::Closed) => Failure::SaidNothing,
        (_, failure) => failure,
    })
}

async fn converse<F: Future<Output = Result<(), Failure>>>(
    stream: impl Stream,
    head: Request<()>,
    body: Option<Bytes>,
    read: impl FnOnce(Response<RecvStream>) -> F,
) -> Result<(), Failure> {
    let head_bytes_max = u32::try_from(RESPONSE_HEAD_BYTES_MAX).unwrap_or(u32::MAX);
    let (client, connection) = client::Builder::new()
        .enable_push(false)
        .max_header_list_size(head_bytes_max)
        .handshake(stream)
        .await
        .map_err(|error| failed(&error))?;
    let talk = async { read(send(client, head, body).await?).await };
    let mut talk = pin!(talk);
    // Nothing moves unless the connection is driven, too.
    tokio::select! {
        biased;
        answer = &mut talk => return answer,
        ended = connection => ended.map_err(|error| failed(&error))?,
    }
    // It has ended by itself, and whoever still waits for an answer has been told why.
    talk.await
}

/// Whether what the endpoint has said first is HTTP/1; nothing while it has said nothing.
type First = Arc<OnceLock<bool>>;

/// A stream whose first bytes are looked at as they come.
struct Watched<S> {
    stream: S,
    first: First,
}

impl<S: Stream> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let news = &buffer.filled()[before..];
        if !news.is_empty() {
            self.first.get_or_init(|| news.starts_with(b"HTTP/"));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: Stream> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

async fn send(
    client: SendRequest<Bytes>,
    head: Request<()>,
    body: Option<Bytes>,
) -> Result<Response<RecvStream>, Failure> {
    let failed = |error: Error| failed(&error);
    let mut client = client.ready().await.map_err(failed)?;
    let (answer, mut stream) = client.send_request(head, body.is_none()).map_err(failed)?;
    if let Some(body) = body {
        stream.send_data(body, true).map_err(failed)?;
    }
    answer.await.map_err(failed)
}

/// The next of a body, for which as much more may come.
pub(super) async fn next(body: &mut RecvStream) -> Result<Option<Bytes>, Failure> {
    let Some(data) = body.data().await else { return Ok(None) };
    let data = data.map_err(|error| failed(&error))?;
    let released = body.flow_control().release_capacity(data.len());
    released.map(|()| Some(data)).map_err(|error| failed(&error))
}

pub(super) fn failed(error: &Error) -> Failure {
    if let Some(error) = error.get_io() {
        return tls::broken(error);
    }
    Failure::Http2(first_line(error.to_string().as_bytes()))
}
