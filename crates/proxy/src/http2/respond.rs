//! Answers to an HTTP/2 client: an endpoint's, or our own.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use evenkeel_plan::Listener;
use evenkeel_proto::field::Fields;
use evenkeel_proto::head::{RequestHead, ResponseHead};
use evenkeel_proto::http1::Framing;
use evenkeel_proto::method::Method;
use evenkeel_proto::onward::{
    Additions, OwnAnswer, content_length_field, interim_fields, own_fields, response_fields,
    trailer_names,
};
use evenkeel_proto::trailer::wants_trailers;
use h2::{Reason, SendStream};
use http::{Response, StatusCode};

use super::fields::{Outgoing, outgoing_trailers};
use super::stream::Stream;
use super::wire::WireState;
use crate::body::Sink;
use crate::exchange::Answer;
use crate::worker::Worker;

/// Where one answer goes.
#[derive(Debug)]
pub(crate) struct Respond<'c> {
    pub(crate) stream: &'c Stream,
    pub(crate) wire: &'c WireState,
    pub(crate) worker: &'c Worker,
    pub(crate) listener: &'c Listener,
    pub(crate) head: Option<&'c RequestHead>,
    pub(crate) request_id: &'c [u8],
    /// Whether the client has come by TLS.
    pub(crate) is_tls: bool,
    /// What the client has not let through of an answer of our own.
    pub(crate) rest: Bytes,
    pub(crate) state: State,
}

/// How far an answer is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct State {
    /// Whether the client asked for what follows the body.
    trailers: bool,
    /// Whether its end was given to the library.
    is_ended: bool,
    /// How much is taken at once: more where more was taken.
    piece: usize,
    /// Whether the stream takes nothing any more.
    is_broken: bool,
}

impl<'c> Respond<'c> {
    fn additions<'a>(&self, date: &'a str) -> Additions<'a>
    where
        'c: 'a,
    {
        let strict_transport = self.listener.hsts.as_deref().filter(|_| self.is_tls);
        Additions { request_id: self.request_id, date, strict_transport }
    }

    /// Sends a head. What fails here fails again when the body is written.
    fn send(&mut self, status: u16, fields: Outgoing, is_end: bool) {
        let mut head = Response::new(());
        *head.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        *head.headers_mut() = fields.map;
        self.state.is_broken |= self.stream.send_head(head, is_end).is_err();
        self.state.is_ended |= is_end;
    }

    /// How much the stream takes now of so much, which is asked for.
    fn poll_capacity(&self, cx: &mut Context<'_>, wanted: usize) -> Poll<io::Result<usize>> {
        ready!(self.wire.poll_room(cx));
        let granted = self.stream.with_body(|body| {
            body.reserve_capacity(wanted);
            Ok(poll_granted(body, cx))
        });
        match granted {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(granted)) => Poll::Ready(granted),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn send_data(&self, bytes: Bytes, is_end: bool) -> io::Result<()> {
        self.wire.hold(bytes.len());
        self.stream.with_body(|body| body.send_data(bytes, is_end).map_err(io::Error::other))
    }
}

fn poll_granted(body: &mut SendStream<Bytes>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    while body.capacity() == 0 {
        match ready!(body.poll_capacity(cx)) {
            Some(granted) => granted.map_err(io::Error::other)?,
            None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        };
    }
    Poll::Ready(Ok(body.capacity()))
}

impl Answer for Respond<'_> {
    fn begin(&mut self, head: &ResponseHead, framing: Framing, _request_done: bool) {
        let date = self.worker.date();
        let mut fields = Outgoing::default();
        response_fields(&mut fields, head, framing, &self.additions(&date));
        if let Framing::Length(length) = framing {
            content_length_field(&mut fields, length);
        }
        let may_have_more = matches!(framing, Framing::Chunked | Framing::UntilClose);
        self.state.trailers = may_have_more && self.head.is_some_and(wants_trailers);
        if self.state.trailers {
            trailer_names(&mut fields, &head.fields);
        }
        let is_end = matches!(framing, Framing::Empty | Framing::Length(0));
        drop(date);
        self.send(head.status, fields, is_end);
    }

    fn interim(&mut self, head: &ResponseHead) {
        let mut fields = Outgoing::default();
        interim_fields(&mut fields, head);
        self.send(head.status, fields, false);
    }

    /// Nobody can switch a stream (RFC 9113 §8.6), so nobody offers to.
    fn switch(&mut self, _head: &ResponseHead, _protocol: &[u8]) {
        self.state.is_broken = true;
    }

    fn own(&mut self, own: &OwnAnswer<'_>, _request_done: bool) -> u64 {
        let date = self.worker.date();
        let mut fields = Outgoing::default();
        own_fields(&mut fields, own, &self.additions(&date));
        drop(date);
        let has_body =
            !own.body.is_empty() && self.head.is_none_or(|head| head.method != Method::Head);
        self.send(own.status, fields, !has_body);
        if !has_body {
            return 0;
        }
        // It goes when it is flushed: the library would take it, and nobody would wait for the client.
        self.rest = Bytes::copy_from_slice(own.body);
        own.body.len() as u64
    }
}

impl Sink for Respond<'_> {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        last: bool,
    ) -> Poll<io::Result<usize>> {
        let granted = ready!(self.poll_capacity(cx, bytes.len()))?;
        let count = granted.min(bytes.len());
        let is_whole = count == bytes.len();
        self.send_data(Bytes::copy_from_slice(&bytes[..count]), last && is_whole)?;
        self.state.is_ended |= last && is_whole;
        // A stream whose window lets all through may be given more at once.
        self.state.piece = if is_whole { self.state.piece.max(count) * 2 } else { 0 };
        Poll::Ready(Ok(count))
    }

    /// A byte that may be sent says that the window is open. More is not asked for before it is there: it would be missing elsewhere.
    fn room(&mut self) -> usize {
        let is_open = self.wire.has_room()
            && self
                .stream
                .with_body(|body| {
                    body.reserve_capacity(1);
                    Ok(body.capacity() > 0)
                })
                .unwrap_or_default();
        if is_open {
            self.state.piece.clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX)
        } else {
            LOOKED_AHEAD_BYTES
        }
    }

    fn end(&mut self, trailers: Option<Fields>) {
        if std::mem::replace(&mut self.state.is_ended, true) {
            return;
        }
        let trailers = trailers.filter(|_| self.state.trailers);
        let trailers = trailers.map(|trailers| outgoing_trailers(&trailers));
        let ended = match trailers.filter(|trailers| !trailers.is_empty()) {
            Some(trailers) => {
                self.stream.with_body(|body| body.send_trailers(trailers).map_err(io::Error::other))
            }
            None => self.send_data(Bytes::new(), true),
        };
        self.state.is_broken |= ended.is_err();
    }

    fn close(&mut self) {
        self.end(None);
    }

    /// The library does not say: what it has was let through by the client's window, and the connection waits for that.
    fn flushed(&self) -> u64 {
        0
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.rest.is_empty() && !self.state.is_broken {
            let granted = ready!(self.poll_capacity(cx, self.rest.len()))?;
            let piece = self.rest.split_to(granted.min(self.rest.len()));
            self.state.is_ended = self.rest.is_empty();
            self.send_data(piece, self.state.is_ended)?;
        }
        if self.state.is_broken {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Respond<'_> {
    fn drop(&mut self) {
        if !self.state.is_ended {
            self.stream.reset(Reason::INTERNAL_ERROR);
        }
    }
}

/// What is read to find out whether it is the end, which goes out through a closed window, too.
const LOOKED_AHEAD_BYTES: usize = 1024;

/// A frame's worth (RFC 9113 §4.2).
const PIECE_BYTES_MIN: usize = 16 * 1024;

/// As much as the library holds of one stream.
pub(crate) const PIECE_BYTES_MAX: usize = 64 * 1024;
