//! One try at one endpoint over HTTP/2: a stream on a connection that others share.

use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use evenkeel_plan::limits::RESPONSE_FIELDS_MAX;
use evenkeel_plan::reason::Reason;
use evenkeel_proto::field::{FieldName, Fields};
use evenkeel_proto::head::{RequestHead, ResponseHead};
use evenkeel_proto::http1::{Framing, FramingError};
use evenkeel_proto::http2::Fault;
use evenkeel_proto::http2::head::{as_switch, response_framing, response_head};
use evenkeel_proto::method::Method;
use evenkeel_proto::onward::{FieldSink as _, Onward, content_length_field, request_fields};
use h2::SendStream;
use h2::client::ResponseFuture;
use h2::ext::Protocol;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri};

use super::{AttemptError, rule};
use crate::body::Sink;
use crate::buffers::Buffers;
use crate::http2::fields::{Outgoing, outgoing_trailers, pairs};
use crate::http2::outflow::Outflow;
use crate::http2::receive::Receive;
use crate::upstream::multiplexed::Seat;

/// A stream to an endpoint.
#[derive(Debug)]
pub(crate) struct Http2 {
    pub(super) seat: Seat,
    /// Whether others were on the connection before.
    is_reused: bool,
    /// When the request was given to the library.
    asked: Option<Instant>,
    /// The request for a tunnel, until it is known whether the endpoint has those; and the key that its client wants to see proved.
    tunnel: Option<Box<Tunnel>>,
    /// What became of the request before anything could become of it.
    failed: Option<AttemptError>,
    /// By what the endpoint has ended the stream.
    pub(super) reset: Option<h2::Reason>,
    response: Option<ResponseFuture>,
    request: Option<SendStream<Bytes>>,
    outflow: Outflow,
    /// Whether an answer has begun to come.
    is_silent: bool,
    body: Option<Receive<'static>>,
    /// Whether what follows the body of a request goes on, too.
    trailers: bool,
}

/// A CONNECT that stands for the handshake of a WebSocket (RFC 8441).
#[derive(Debug)]
struct Tunnel {
    /// Until it is sent.
    request: Option<(Uri, Outgoing)>,
    key: Vec<u8>,
    /// Whether the endpoint has let it begin.
    is_open: bool,
}

/// Where the body of a request goes.
#[derive(Debug)]
pub(crate) struct Send<'c>(&'c mut Http2);

impl Http2 {
    /// One more exchange on this connection.
    pub(super) fn new(seat: Seat) -> Self {
        let is_reused = seat.connection.link.give_request();
        Self {
            seat,
            is_reused,
            asked: None,
            tunnel: None,
            failed: None,
            reset: None,
            response: None,
            request: None,
            outflow: Outflow::default(),
            is_silent: true,
            body: None,
            trailers: false,
        }
    }

    pub(super) fn is_reused(&self) -> bool {
        self.is_reused
    }

    pub(super) fn is_silent(&self) -> bool {
        self.is_silent
    }

    /// Sends the head of the request. What is wrong with it shows where the answer is waited for.
    pub(super) fn ask(&mut self, head: &RequestHead, onward: &Onward<'_>) {
        let target = self.uri(onward.authority(head), head.path());
        let mut fields = Outgoing::default();
        request_fields(&mut fields, head, onward);
        if onward.welcomes_trailers(head) {
            fields.field(b"te", b"trailers");
        }
        if let Framing::Length(length) = onward.framing {
            content_length_field(&mut fields, length);
        }
        if onward.offers_websocket {
            return self.ask_for_tunnel(head, target, fields);
        }
        let is_end = matches!(onward.framing, Framing::Empty | Framing::Length(0));
        self.trailers = !is_end;
        self.send((head.method_token(), None), target, fields, is_end);
    }

    /// The endpoint may not have said yet whether it has tunnels.
    fn ask_for_tunnel(&mut self, head: &RequestHead, target: Option<Uri>, mut fields: Outgoing) {
        let key = head.fields.first(FieldName::SecWebSocketKey).unwrap_or_default().to_vec();
        // RFC 8441 §5: it has no meaning there.
        fields.map.remove(http::header::SEC_WEBSOCKET_KEY);
        match target {
            Some(target) => {
                self.tunnel =
                    Some(Box::new(Tunnel { request: Some((target, fields)), key, is_open: false }));
            }
            None => self.failed = Some(AttemptError::Gave(Reason::RequestMalformed)),
        }
    }

    /// Sends it, or finds out that there is nobody to send it to.
    fn poll_tunnel(&mut self, cx: &Context<'_>) -> Poll<()> {
        let Some(tunnel) = self.tunnel.as_mut().filter(|tunnel| tunnel.request.is_some()) else {
            return Poll::Ready(());
        };
        ready!(self.seat.connection.poll_greeted(cx));
        let request = tunnel.request.take();
        if !self.seat.sender.is_extended_connect_protocol_enabled() {
            // It is no fault of the endpoint's, unless it speaks something else.
            let none = AttemptError::Gave(Reason::NotImplemented);
            self.failed = Some(self.objection().unwrap_or(none));
        } else if let Some((target, fields)) = request {
            let protocol = Some(Protocol::from_static("websocket"));
            self.send((b"CONNECT", protocol), Some(target), fields, false);
        }
        Poll::Ready(())
    }

    /// Asks for `path` of `host`, and says nothing else.
    pub(super) fn ask_plainly(&mut self, path: &str, host: &str) {
        let target = self.uri(host.as_bytes(), path.as_bytes());
        let mut fields = Outgoing::default();
        fields.field(b"user-agent", b"evenkeel");
        self.send((b"GET", None), target, fields, true);
    }

    fn uri(&self, authority: &[u8], path: &[u8]) -> Option<Uri> {
        let is_tls = self.seat.connection.link.io.is_tls();
        Uri::builder()
            .scheme(if is_tls { Scheme::HTTPS } else { Scheme::HTTP })
            .authority(Authority::try_from(authority).ok()?)
            .path_and_query(PathAndQuery::try_from(path).ok()?)
            .build()
            .ok()
    }

    fn send(
        &mut self,
        (method, protocol): (&[u8], Option<Protocol>),
        target: Option<Uri>,
        fields: Outgoing,
        is_end: bool,
    ) {
        let method = http::Method::from_bytes(method).ok();
        let (Some(target), Some(method)) = (target, method) else {
            // What the library has no words for nobody would understand.
            self.failed = Some(AttemptError::Gave(Reason::RequestMalformed));
            return;
        };
        let mut request = Request::new(());
        (*request.method_mut(), *request.uri_mut()) = (method, target);
        *request.version_mut() = http::Version::HTTP_2;
        *request.headers_mut() = fields.map;
        protocol.map(|protocol| request.extensions_mut().insert(protocol));
        match self.seat.sender.send_request(request, is_end) {
            Ok((response, half)) => {
                self.asked = Some(Instant::now());
                (self.response, self.request) = (Some(response), Some(half));
                self.outflow.is_ended = is_end;
            }
            // The endpoint leaves, or has left: it was not asked, and nobody else is to ask it here.
            Err(_) => {
                self.seat.connection.leave();
                self.failed = Some(self.objection().unwrap_or(AttemptError::Unasked));
            }
        }
    }

    pub(super) fn request(&mut self) -> Send<'_> {
        Send(self)
    }

    pub(super) fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        buffers: &Buffers,
    ) -> Poll<Result<ResponseHead, AttemptError>> {
        ready!(self.poll_tunnel(cx));
        let (None, Some(response)) = (self.failed, &mut self.response) else {
            return Poll::Ready(Err(self.failed.unwrap_or(AttemptError::Closed)));
        };
        if let Poll::Ready(Some(interim)) = response.poll_informational(cx) {
            let read = interim.map_err(|error| self.error_of(&error));
            return Poll::Ready(read.and_then(|head| self.head_of(&head, buffers)));
        }
        let response = ready!(std::pin::Pin::new(response).poll(cx));
        let (parts, body) = response.map_err(|error| self.error_of(&error))?.into_parts();
        self.response = None;
        self.body = Some(Receive::new(body, None, u64::MAX));
        Poll::Ready(self.head_of(&Response::from_parts(parts, ()), buffers))
    }

    fn head_of(
        &mut self,
        head: &Response<()>,
        buffers: &Buffers,
    ) -> Result<ResponseHead, AttemptError> {
        self.is_silent = false;
        let status = head.status();
        let status = (status.as_u16(), status.canonical_reason().unwrap_or_default());
        let read =
            response_head(buffers.head(), status, pairs(head.headers()), RESPONSE_FIELDS_MAX)
                .map_err(|broken| AttemptError::Malformed(rule(broken)))?;
        Ok(match &self.tunnel {
            // RFC 8441 §5: what HTTP/1 says with 101.
            Some(tunnel) if head.status().is_success() => as_switch(read, &tunnel.key),
            _ => read,
        })
    }

    /// What it means that there is no answer.
    fn error_of(&mut self, error: &h2::Error) -> AttemptError {
        self.reset = error.reason().filter(|_| error.is_reset() && error.is_remote());
        if let Some(objection) = self.objection() {
            return objection;
        }
        match error.reason() {
            // RFC 9113 §6.8: the library says so only of streams that the endpoint has not seen to.
            Some(_) if error.is_go_away() && error.is_remote() => {
                self.seat.connection.leave();
                AttemptError::Unasked
            }
            // RFC 9113 §8.7
            Some(h2::Reason::REFUSED_STREAM) if error.is_remote() => AttemptError::Refused,
            Some(_) if error.is_library() => AttemptError::Malformed(NOT_HTTP2),
            Some(_) => AttemptError::Closed,
            None if self.is_reused && self.is_silent => AttemptError::Stale,
            None => AttemptError::Closed,
        }
    }

    /// What the guard has found on the connection.
    fn objection(&self) -> Option<AttemptError> {
        let objection = self.seat.connection.wire.objection()?;
        Some(AttemptError::Malformed(match objection.fault {
            Fault::Http1 => "it answers in HTTP/1, and was asked in HTTP/2",
            fault => fault.name(),
        }))
    }

    /// The stream is the tunnel from now on.
    pub(super) fn switch(&mut self) {
        self.tunnel.iter_mut().for_each(|tunnel| tunnel.is_open = true);
    }

    pub(super) fn expect_body(
        &mut self,
        head: &ResponseHead,
        method: Method,
    ) -> Result<Framing, FramingError> {
        let is_over = self.body.as_ref().is_none_or(|body| body.body.is_end_stream());
        let framing = response_framing(head, method, is_over)?;
        if framing == Framing::Empty {
            self.body = None;
        }
        Ok(framing)
    }

    pub(super) fn answer(&mut self) -> Option<&mut Receive<'static>> {
        self.body.as_mut()
    }
}

impl Drop for Http2 {
    /// A connection on which nothing at all has come while we waited may lead nowhere: it is given no more requests.
    fn drop(&mut self) {
        let Some(asked) = self.asked.filter(|_| self.is_silent) else { return };
        let connection = &self.seat.connection;
        if asked.elapsed().min(connection.silence()) >= DOUBTED_AFTER {
            connection.leave();
        }
    }
}

impl Sink for Send<'_> {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        last: bool,
    ) -> Poll<std::io::Result<usize>> {
        let Http2 { request: Some(half), outflow, seat, .. } = &mut *self.0 else {
            return Poll::Ready(Err(std::io::ErrorKind::BrokenPipe.into()));
        };
        outflow.poll_write(cx, (half, &seat.connection.wire), bytes, last)
    }

    fn room(&mut self) -> usize {
        match &mut *self.0 {
            Http2 { request: Some(half), outflow, seat, .. } => {
                outflow.room((half, &seat.connection.wire))
            }
            _ => 1,
        }
    }

    fn end(&mut self, trailers: Option<Fields>) {
        let Http2 { request: Some(half), outflow, seat, trailers: are_passed, tunnel, .. } =
            &mut *self.0
        else {
            return;
        };
        if tunnel.as_ref().is_some_and(|tunnel| !tunnel.is_open) {
            // What a tunnel is asked for with has no body, and the tunnel does not end before it begins.
            return;
        }
        let trailers = trailers.filter(|_| *are_passed);
        let trailers = trailers.map(|trailers| outgoing_trailers(&trailers));
        outflow.end((half, &seat.connection.wire), trailers);
    }

    fn close(&mut self) {
        self.end(None);
    }

    /// The library does not say: what it has was let through by the endpoint's window.
    fn flushed(&self) -> u64 {
        0
    }

    fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        if self.0.outflow.is_broken {
            return Poll::Ready(Err(std::io::ErrorKind::BrokenPipe.into()));
        }
        Poll::Ready(Ok(()))
    }
}

/// What the library objects to, which does not say it in words that help.
const NOT_HTTP2: &str = "its answer breaks a rule of HTTP/2 (RFC 9113)";

/// Longer than an endpoint that is there takes to acknowledge anything; less than anybody waits for an answer.
const DOUBTED_AFTER: Duration = Duration::from_secs(1);
