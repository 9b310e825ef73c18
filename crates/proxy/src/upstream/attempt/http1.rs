//! One try at one endpoint over HTTP/1, or by a stream of bytes: a connection, the request going out and the answer coming in.

use std::task::{Context, Poll, ready};

use evenkeel_plan::limits::{RESPONSE_FIELDS_MAX, RESPONSE_HEAD_BYTES_MAX};
use evenkeel_proto::field::UnusualNames;
use evenkeel_proto::forward::wants_keep_alive;
use evenkeel_proto::head::{RequestHead, ResponseHead};
use evenkeel_proto::http1::{
    BodyDecoder, Framing, FramingError, ParseLimits, request_head, response_framing,
};
use evenkeel_proto::method::Method;
use evenkeel_proto::onward::Onward;

use super::{AttemptError, TOO_LARGE, rule};
use crate::buffers::Buffers;
use crate::http1::inbox::{HeadError, HeadLimits, Inbox};
use crate::http1::receive::Receive;
use crate::http1::send::{Outbox, Send};
use crate::upstream::link::Link;

/// A connection to an endpoint with one exchange on it, or none: it goes from attempt to pool and back.
#[derive(Debug)]
pub(crate) struct Http1 {
    pub(in crate::upstream) link: Link,
    inbox: Inbox,
    outbox: Outbox,
    decoder: BodyDecoder,
    /// Whether another exchange used the connection before, so that the endpoint may have closed it in the meantime.
    reused: bool,
    keep: bool,
}

impl Http1 {
    /// A new connection, without an exchange.
    pub(in crate::upstream) fn new(link: Link) -> Self {
        Self {
            link,
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            decoder: BodyDecoder::new(Framing::Empty),
            reused: false,
            keep: false,
        }
    }

    /// Begins one more exchange, which knows nothing of the one before.
    pub(super) fn begin(&mut self) {
        self.reused = self.link.give_request();
        (self.inbox, self.outbox) = (Inbox::default(), Outbox::default());
        self.decoder = BodyDecoder::new(Framing::Empty);
        self.keep = false;
    }

    /// Whether another exchange used the connection before.
    pub(super) fn is_reused(&self) -> bool {
        self.reused
    }

    /// Whether nothing of an answer has come.
    pub(super) fn is_silent(&self) -> bool {
        self.inbox.is_empty()
    }

    /// Begins the request. Its head goes out with the first of the body.
    pub(super) fn ask(&mut self, head: &RequestHead, onward: &Onward<'_>, buffers: &Buffers) {
        request_head(self.outbox.begin(onward.framing, buffers), head, onward);
    }

    /// Asks for `path` of `host`, and says nothing else.
    pub(super) fn ask_plainly(&mut self, path: &str, host: &str, buffers: &Buffers) {
        let lines = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: evenkeel\r\n\r\n");
        self.outbox.begin(Framing::Empty, buffers).extend_from_slice(lines.as_bytes());
    }

    /// Where the request's body goes.
    pub(super) fn request(&mut self) -> Send<'_> {
        Send { io: &self.link.io, outbox: &mut self.outbox }
    }

    /// How much of the request went out later than it was taken.
    pub(super) fn flushed(&self) -> u64 {
        self.outbox.flushed() + self.link.io.flushed()
    }

    /// Reads the head of the next answer, interim or final.
    pub(super) fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        buffers: &Buffers,
    ) -> Poll<Result<ResponseHead, AttemptError>> {
        let head = ready!(self.inbox.poll_head(cx, &self.link.io, buffers, &HEAD_LIMITS));
        let silent = self.reused && self.is_silent();
        // From the first head on the endpoint is known to have seen the request.
        self.reused &= head.is_err();
        Poll::Ready(head.map_err(|error| match error {
            HeadError::Refused(broken) => AttemptError::Malformed(rule(broken)),
            HeadError::TooLong | HeadError::TargetTooLong => AttemptError::Malformed(TOO_LARGE),
            HeadError::Closed if silent => AttemptError::Stale,
            HeadError::Closed => AttemptError::Closed,
        }))
    }

    /// Makes ready for the body of the final answer; returns how it is framed. An endpoint that answers before the request is
    /// complete may never read the rest, and take it for the next one (RFC 9112 §9.3): such a connection is used no more.
    pub(super) fn expect_body(
        &mut self,
        head: &ResponseHead,
        method: Method,
        request_done: bool,
    ) -> Result<Framing, FramingError> {
        let framing = response_framing(head, method)?;
        self.decoder = BodyDecoder::new(framing);
        self.keep = request_done
            && framing != Framing::UntilClose
            && wants_keep_alive(&head.fields, head.version);
        Ok(framing)
    }

    /// Where the answer's body comes from.
    pub(super) fn answer<'c>(&'c mut self, buffers: &'c Buffers) -> Receive<'c> {
        let Self { link, inbox, decoder, .. } = self;
        Receive { io: &link.io, inbox, decoder, buffers, limit: u64::MAX }
    }

    /// The endpoint has switched protocols: from now on bytes go both ways as they are.
    pub(super) fn switch(&mut self, buffers: &Buffers) {
        self.decoder = BodyDecoder::new(Framing::UntilClose);
        self.outbox.begin(Framing::UntilClose, buffers);
    }

    /// Whether the end of the attempt shall be one that the endpoint cannot take for an orderly one.
    pub(super) fn break_on_close(&self, broken: bool) {
        self.link.io.reset_on_close(broken);
    }

    /// Ends the attempt. Returns whether the next exchange may use the connection: both messages are complete, and the endpoint
    /// has sent nothing that nobody asked for (RFC 9112 §9.3.2; a response queue could be poisoned with it).
    pub(super) fn finish(&mut self, buffers: &Buffers) -> bool {
        let clean =
            self.keep && self.decoder.is_done() && self.outbox.is_sent() && self.inbox.is_empty();
        self.inbox.release(buffers);
        self.outbox.release(buffers);
        clean
    }
}

const HEAD_LIMITS: HeadLimits = HeadLimits {
    bytes: RESPONSE_HEAD_BYTES_MAX,
    parse: ParseLimits { fields: RESPONSE_FIELDS_MAX, target_bytes: 0, names: UnusualNames::Keep },
};
