//! One try at one endpoint, whatever version of HTTP is spoken there: the request going out and the answer coming in. Made by the exchange
//! and by inquiries.

use std::borrow::Cow;
use std::io;
use std::task::{Context, Poll, ready};

use evenkeel_plan::limits::INTERIM_RESPONSES_MAX;
use evenkeel_plan::reason::Reason;
use evenkeel_plan::tls::trouble;
use evenkeel_proto::field::Fields;
use evenkeel_proto::head::{RequestHead, ResponseHead};
use evenkeel_proto::http1::{Framing, FramingError, ParseError};
use evenkeel_proto::method::Method;
use evenkeel_proto::onward::Onward;

use super::link::Link;
use super::multiplexed::{Multiplexed, Seat};
use crate::body::{Piece, Sink, Source, SourceError};
use crate::buffers::Buffers;
use crate::http1::receive::Receive;
use crate::http1::send::Send;
use crate::http2::receive::Receive as ReceiveStream;
use crate::io::Io;

mod http1;
mod http2;

pub(crate) use http1::Http1;
use http2::{Http2, Send as SendStream};

/// A place on a connection to an endpoint, with one exchange in it.
#[derive(Debug)]
pub(crate) struct Attempt {
    kind: Kind,
    /// Whether the endpoint takes no more of the request.
    pub(crate) is_deaf: bool,
}

/// Boxed, both: they go through many hands, and exchanges have room for several. That of HTTP/1 lives as long as its connection.
#[derive(Debug)]
enum Kind {
    Http1(Box<Http1>),
    Http2(Box<Http2>),
}

/// Where the body of a request goes.
#[derive(Debug)]
pub(crate) enum Request<'c> {
    Http1(Send<'c>),
    Http2(SendStream<'c>),
}

/// Where the body of an answer comes from.
#[derive(Debug)]
pub(crate) enum Answer<'c> {
    Http1(Receive<'c>),
    /// `None` where there is none.
    Http2(Option<&'c mut ReceiveStream<'static>>),
}

/// Why no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptError {
    /// The connection had been idle, and was closed before a byte of the answer came: perhaps before the request did.
    Stale,
    /// The endpoint has not looked at the request, and will not on this connection: it has said so (RFC 9113 §6.8), or was not asked.
    Unasked,
    /// The endpoint has said that it has not looked at the request, and does not want it now (RFC 9113 §8.7).
    Refused,
    /// The connection ended, or broke, before the answer's head was complete.
    Closed,
    /// The answer breaks this rule or limit.
    Malformed(&'static str),
    /// We gave up, for this reason.
    Gave(Reason),
}

impl AttemptError {
    /// What it means for the exchange.
    pub(crate) fn reason(self) -> Reason {
        match self {
            Self::Stale | Self::Unasked | Self::Refused | Self::Closed => Reason::UpstreamClosed,
            Self::Malformed(_) => Reason::UpstreamMalformed,
            Self::Gave(reason) => reason,
        }
    }
}

/// What is wrong with the head of an answer.
fn rule(broken: ParseError) -> &'static str {
    match broken {
        ParseError::Malformed(rule) => rule,
        ParseError::UnsupportedVersion => "it answers in no version of HTTP that we speak",
        ParseError::Preface => "it answers in HTTP/2, and was asked in HTTP/1.1",
        ParseError::TooManyFields | ParseError::TargetTooLong => TOO_LARGE,
    }
}

const TOO_LARGE: &str = "the head of its answer is too large";

/// Of answers that are not final (1xx).
pub(crate) const TOO_MANY_INTERIM: AttemptError =
    AttemptError::Malformed("it says too often that its answer is still to come (1xx)");

impl Attempt {
    /// The first exchange on this connection of HTTP/1, or the bytes of a stream.
    pub(crate) fn new(link: Link) -> Self {
        Self::over(Box::new(Http1::new(link)))
    }

    /// One more on it.
    pub(super) fn over(mut connection: Box<Http1>) -> Self {
        connection.begin();
        Self { kind: Kind::Http1(connection), is_deaf: false }
    }

    /// One more on a connection of HTTP/2.
    pub(crate) fn on(seat: Seat) -> Self {
        Self { kind: Kind::Http2(Box::new(Http2::new(seat))), is_deaf: false }
    }

    /// Whether another exchange used the connection before.
    pub(crate) fn is_reused(&self) -> bool {
        match &self.kind {
            Kind::Http1(it) => it.is_reused(),
            Kind::Http2(it) => it.is_reused(),
        }
    }

    /// What was wrong with TLS, if it is that by which a new connection has ended: an endpoint that does not like our certificate, or misses
    /// one, says so only when we count the handshake as done (RFC 8446 §4.4.2.4).
    pub(crate) fn tls_trouble(&self) -> Option<Box<str>> {
        let io = match &self.kind {
            Kind::Http1(it) => &it.link.io,
            Kind::Http2(it) => &it.seat.connection.link.io,
        };
        io.tls_error().filter(|_| !self.is_reused()).map(|error| trouble(&error).into())
    }

    /// What there is to say of `error` that it does not say itself: above all that the endpoint speaks another version of HTTP than it was asked in,
    /// which is the usual mistake with `http` of a cluster.
    pub(crate) fn detail(&self, error: AttemptError) -> Option<Cow<'static, str>> {
        match (&self.kind, error) {
            (_, AttemptError::Malformed(rule)) => Some(rule.into()),
            (Kind::Http2(it), AttemptError::Closed | AttemptError::Unasked) => match it.reset {
                Some(code) => Some(format!("it reset the stream with {code:?}").into()),
                None => {
                    let is_mute = it.seat.connection.wire.received() == 0;
                    is_mute.then_some("it was asked in HTTP/2, and said nothing at all".into())
                }
            },
            (Kind::Http2(_), AttemptError::Gave(Reason::NotImplemented)) => Some(NO_TUNNELS.into()),
            _ => None,
        }
    }

    /// Its connection, if it is one of HTTP/2 on which the endpoint has not said anything yet.
    pub(crate) fn ungreeted(&self) -> Option<&Multiplexed> {
        match &self.kind {
            Kind::Http1(_) => None,
            Kind::Http2(it) => Some(&*it.seat.connection).filter(|it| !it.is_greeted()),
        }
    }

    /// Whether nothing of an answer has come.
    pub(crate) fn is_silent(&self) -> bool {
        match &self.kind {
            Kind::Http1(it) => it.is_silent(),
            Kind::Http2(it) => it.is_silent(),
        }
    }

    /// Begins the request that `head` becomes.
    pub(crate) fn ask(&mut self, head: &RequestHead, onward: &Onward<'_>, buffers: &Buffers) {
        match &mut self.kind {
            Kind::Http1(it) => it.ask(head, onward, buffers),
            Kind::Http2(it) => it.ask(head, onward),
        }
    }

    /// Asks for `path` of `host`, in our own name.
    pub(crate) fn ask_plainly(&mut self, path: &str, host: &str, buffers: &Buffers) {
        match &mut self.kind {
            Kind::Http1(it) => it.ask_plainly(path, host, buffers),
            Kind::Http2(it) => it.ask_plainly(path, host),
        }
    }

    /// Where the request's body goes.
    pub(crate) fn request(&mut self) -> Request<'_> {
        match &mut self.kind {
            Kind::Http1(it) => Request::Http1(it.request()),
            Kind::Http2(it) => Request::Http2(it.request()),
        }
    }

    /// How much of the request went out later than it was taken.
    pub(crate) fn flushed(&self) -> u64 {
        match &self.kind {
            Kind::Http1(it) => it.flushed(),
            Kind::Http2(_) => 0,
        }
    }

    /// Reads the head of the next answer, interim or final.
    pub(crate) fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        buffers: &Buffers,
    ) -> Poll<Result<ResponseHead, AttemptError>> {
        match &mut self.kind {
            Kind::Http1(it) => it.poll_head(cx, buffers),
            Kind::Http2(it) => it.poll_head(cx, buffers),
        }
    }

    /// Reads the head of the final answer; the interim ones before it, which are counted in `interim`, go to nobody.
    pub(crate) fn poll_final_head(
        &mut self,
        cx: &mut Context<'_>,
        buffers: &Buffers,
        interim: &mut usize,
    ) -> Poll<Result<ResponseHead, AttemptError>> {
        loop {
            let head = ready!(self.poll_head(cx, buffers))?;
            if !head.is_interim() {
                return Poll::Ready(Ok(head));
            }
            buffers.give_head(head.fields);
            *interim += 1;
            if *interim > INTERIM_RESPONSES_MAX {
                return Poll::Ready(Err(TOO_MANY_INTERIM));
            }
        }
    }

    /// Makes ready for the body of the final answer; returns how it is framed. `request_done` says whether all of the request has gone out.
    pub(crate) fn expect_body(
        &mut self,
        head: &ResponseHead,
        method: Method,
        request_done: bool,
    ) -> Result<Framing, FramingError> {
        match &mut self.kind {
            Kind::Http1(it) => it.expect_body(head, method, request_done),
            Kind::Http2(it) => it.expect_body(head, method),
        }
    }

    /// Where the answer's body comes from.
    pub(crate) fn answer<'c>(&'c mut self, buffers: &'c Buffers) -> Answer<'c> {
        match &mut self.kind {
            Kind::Http1(it) => Answer::Http1(it.answer(buffers)),
            Kind::Http2(it) => Answer::Http2(it.answer()),
        }
    }

    /// The endpoint has switched protocols: from now on bytes go both ways as they are.
    pub(crate) fn switch(&mut self, buffers: &Buffers) {
        match &mut self.kind {
            Kind::Http1(it) => it.switch(buffers),
            Kind::Http2(it) => it.switch(),
        }
    }

    /// Whether the end of the attempt shall be one that the endpoint cannot take for an orderly one. A stream of HTTP/2 is reset unless both
    /// sides have said all.
    pub(crate) fn break_on_close(&self, broken: bool) {
        match &self.kind {
            Kind::Http1(it) => it.break_on_close(broken),
            Kind::Http2(_) => {}
        }
    }

    /// Ends the attempt. Returns the connection if it is one for the next exchange, which may use it; one that is shared goes on anyway.
    pub(crate) fn finish(self, buffers: &Buffers) -> Option<Box<Http1>> {
        match self.kind {
            Kind::Http1(mut it) => it.finish(buffers).then_some(it),
            Kind::Http2(_) => None,
        }
    }
}

/// Not all servers of HTTP/2 have WebSockets over it (RFC 8441).
const NO_TUNNELS: &str = "it has no WebSockets over HTTP/2; `http = \"1\"` of its cluster asks it over HTTP/1.1, and so does \"auto\"";

impl Sink for Request<'_> {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        last: bool,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Http1(it) => it.poll_write(cx, bytes, last),
            Self::Http2(it) => it.poll_write(cx, bytes, last),
        }
    }

    fn room(&mut self) -> usize {
        match self {
            Self::Http1(it) => it.room(),
            Self::Http2(it) => it.room(),
        }
    }

    fn direct(&self) -> Option<&Io> {
        match self {
            Self::Http1(it) => it.direct(),
            Self::Http2(it) => it.direct(),
        }
    }

    fn end(&mut self, trailers: Option<Fields>) {
        match self {
            Self::Http1(it) => it.end(trailers),
            Self::Http2(it) => it.end(trailers),
        }
    }

    fn close(&mut self) {
        match self {
            Self::Http1(it) => it.close(),
            Self::Http2(it) => it.close(),
        }
    }

    fn flushed(&self) -> u64 {
        match self {
            Self::Http1(it) => it.flushed(),
            Self::Http2(it) => it.flushed(),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Http1(it) => it.poll_flush(cx),
            Self::Http2(it) => it.poll_flush(cx),
        }
    }
}

impl Source for Answer<'_> {
    fn poll_read<'s>(
        &'s mut self,
        cx: &mut Context<'_>,
        scratch: &'s mut [u8],
    ) -> Poll<Result<Piece<'s>, SourceError>> {
        match self {
            Self::Http1(it) => it.poll_read(cx, scratch),
            Self::Http2(Some(it)) => it.poll_read(cx, scratch),
            Self::Http2(None) => Poll::Ready(Ok(Piece { bytes: &[], last: true })),
        }
    }

    fn direct(&self) -> Option<(&Io, Option<u64>)> {
        match self {
            Self::Http1(it) => it.direct(),
            Self::Http2(_) => None,
        }
    }

    fn skip(&mut self, count: u64) {
        match self {
            Self::Http1(it) => it.skip(count),
            Self::Http2(_) => {}
        }
    }

    fn consumed(&mut self, count: usize) {
        match self {
            Self::Http1(it) => it.consumed(count),
            Self::Http2(it) => it.iter_mut().for_each(|it| it.consumed(count)),
        }
    }

    fn trailers(&mut self) -> Option<Fields> {
        match self {
            Self::Http1(it) => it.trailers(),
            Self::Http2(it) => it.as_mut()?.trailers(),
        }
    }
}
