//! Answers to an HTTP/1 client: an endpoint's, with our framing, or our own with the reason.

use std::io;
use std::task::{Context, Poll};

use evenkeel_plan::Listener;
use evenkeel_plan::errors::{ErrorFacts, default_answer, default_media_type};
use evenkeel_plan::reason::Reason;
use evenkeel_proto::field::{FieldName, Fields};
use evenkeel_proto::head::{RequestHead, ResponseHead, Version};
use evenkeel_proto::http1::Connection as Persistence;
use evenkeel_proto::http1::{
    Framing, Outward, OwnResponse, interim_head, own_response, response_head, switch_head,
};
use evenkeel_proto::method::Method;
use evenkeel_proto::negotiate::error_form;
use evenkeel_proto::trailer::wants_trailers;

use crate::body::Sink;
use crate::entrance::Entrance;
use crate::exchange::{Advice, Answer};
use crate::http1::send::Send;
use crate::io::Io;
use crate::worker::Worker;

/// Where one answer goes.
#[derive(Debug)]
pub(crate) struct Respond<'c> {
    pub(crate) send: Send<'c>,
    pub(crate) worker: &'c Worker,
    pub(crate) entrance: &'c Entrance,
    /// What it is in the world of the request.
    pub(crate) listener: &'c Listener,
    /// The request, if there was one that could be read.
    pub(crate) head: Option<&'c RequestHead>,
    pub(crate) request_id: &'c [u8],
    pub(crate) keep_alive: &'c mut KeepAlive,
}

/// Whether the connection is kept after this answer: the client may not want it, or the answer may not allow it.
#[derive(Debug)]
pub(crate) struct KeepAlive(bool);

impl KeepAlive {
    pub(crate) fn new(wanted: bool) -> Self {
        Self(wanted)
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.0
    }
}

impl<'c> Respond<'c> {
    /// Answers in our own name. Returns how many bytes of body that are.
    pub(crate) fn own(
        &mut self,
        status: u16,
        fields: &[(&'static str, &str)],
        page: Page<'_>,
    ) -> u64 {
        let response = OwnResponse {
            status,
            request_id: self.request_id,
            date: &self.worker.date(),
            fields,
            strict_transport: self.strict_transport(),
            media_type: page.media_type,
            body: page.body,
            connection: self.persistence(),
            head_only: self.head.is_some_and(|head| head.method == Method::Head),
        };
        let out = self.send.outbox.begin(Framing::Empty, &self.worker.buffers);
        own_response(out, &response);
        self.send.end(None);
        if response.head_only { 0 } else { page.body.len() as u64 }
    }

    /// What is said of how long the client shall come by TLS only: to who has (RFC 6797 §7.2).
    fn strict_transport(&self) -> Option<&'c str> {
        self.listener.hsts.as_deref().filter(|_| self.send.io.is_tls())
    }

    fn version(&self) -> Version {
        self.head.map_or(Version::Http11, |head| head.version)
    }

    fn persistence(&self) -> Persistence {
        match (self.keep_alive.0, self.version()) {
            (false, _) => Persistence::Close,
            (true, Version::Http10) => Persistence::KeepAlive,
            (true, _) => Persistence::Implied,
        }
    }

    /// The framing of an answer's body on the client's side. HTTP/1.0 knows no chunks: there the end of the connection is the
    /// end of a body of unknown length.
    fn outgoing(&self, incoming: Framing) -> Framing {
        match incoming {
            Framing::Chunked | Framing::UntilClose if self.version() == Version::Http10 => {
                Framing::UntilClose
            }
            Framing::UntilClose => Framing::Chunked,
            known => known,
        }
    }
}

/// The body of an answer of our own.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Page<'a> {
    pub(crate) media_type: &'a str,
    pub(crate) body: &'a [u8],
}

impl Answer for Respond<'_> {
    fn begin(&mut self, head: &ResponseHead, framing: Framing, request_done: bool) {
        let framing = self.outgoing(framing);
        let stays = self.worker.keep_alive(self.entrance).is_ok();
        self.keep_alive.0 &= request_done && framing != Framing::UntilClose && stays;
        let trailers = framing == Framing::Chunked && self.head.is_some_and(wants_trailers);
        let outward = Outward {
            framing,
            connection: self.persistence(),
            trailers,
            request_id: self.request_id,
            date: &self.worker.date(),
            strict_transport: self.strict_transport(),
        };
        let out = self.send.outbox.begin(framing, &self.worker.buffers);
        response_head(out, head, &outward);
        if trailers {
            self.send.outbox.pass_trailers();
        }
    }

    fn interim(&mut self, head: &ResponseHead) {
        // RFC 9110 §15.2: never to an HTTP/1.0 client.
        if self.version() > Version::Http10 {
            interim_head(self.send.outbox.interim(&self.worker.buffers), head);
        }
    }

    fn switch(&mut self, head: &ResponseHead, protocol: &[u8]) {
        self.keep_alive.0 = false;
        let out = self.send.outbox.begin(Framing::UntilClose, &self.worker.buffers);
        switch_head(out, head, protocol, self.request_id);
    }

    fn refuse(&mut self, reason: Reason, advice: Option<&Advice>, request_done: bool) -> u64 {
        self.keep_alive.0 &= request_done && self.worker.keep_alive(self.entrance).is_ok();
        let facts = ErrorFacts { reason, request_id: self.request_id };
        let mut body = Vec::new();
        let media_type = match self.listener.errors.page(reason.status()) {
            Some(page) => {
                page.render(&mut body, &facts);
                &*page.media_type
            }
            None => {
                let form = self.head.map_or_else(Default::default, |head| {
                    error_form(head.fields.all(FieldName::Accept))
                });
                default_answer(form, &facts, &mut body);
                default_media_type(form)
            }
        };
        let named = [("X-Evenkeel-Reason", reason.name())];
        let named = if self.listener.errors.reason_header { &named[..] } else { &[] };
        let mut fields = [named, required_fields(reason)].concat();
        fields.extend(advice.into_iter().flat_map(Advice::fields));
        self.own(reason.status(), &fields, Page { media_type, body: &body })
    }
}

/// What an answer with the status of `reason` must say beside it.
fn required_fields(reason: Reason) -> &'static [(&'static str, &'static str)] {
    match reason {
        // RFC 9110 §15.5.6
        Reason::MethodNotAllowed => &[("Allow", METHODS_ALLOWED)],
        // RFC 6455 §4.4, RFC 9110 §15.5.22
        Reason::UpgradeRequired => &[("Sec-WebSocket-Version", "13"), ("Upgrade", "websocket")],
        // RFC 9110 §10.2.3: who comes back at once makes it worse.
        Reason::Overloaded | Reason::PendingTimeout => &[("Retry-After", "1")],
        _ => &[],
    }
}

/// Every method that RFC 9110 and RFC 5789 have, but those that end at a proxy. Others go on, too.
pub(crate) const METHODS_ALLOWED: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

impl Sink for Respond<'_> {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        last: bool,
    ) -> Poll<io::Result<usize>> {
        self.send.poll_write(cx, bytes, last)
    }

    fn direct(&self) -> Option<&Io> {
        self.send.direct()
    }

    fn end(&mut self, trailers: Option<Fields>) {
        self.send.end(trailers);
    }

    fn close(&mut self) {
        self.send.close();
    }

    fn flushed(&self) -> u64 {
        self.send.flushed()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.send.poll_flush(cx)
    }
}
