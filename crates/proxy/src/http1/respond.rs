//! Answers to an HTTP/1 client: an endpoint's, with our framing, or our own with the reason.

use std::cell::Cell;
use std::io;
use std::task::{Context, Poll};
use std::time::SystemTime;

use evenkeel_plan::reason::Reason;
use evenkeel_proto::field::Fields;
use evenkeel_proto::head::{RequestHead, ResponseHead, Version};
use evenkeel_proto::http1::Connection as Persistence;
use evenkeel_proto::http1::{Framing, PlainResponse, interim_head, plain_response, response_head};
use evenkeel_proto::method::Method;

use crate::body::Sink;
use crate::buffers::Buffers;
use crate::exchange::Answer;
use crate::http1::send::Send;
use crate::io::Io;

/// Where one answer goes.
#[derive(Debug)]
pub(crate) struct Respond<'c> {
    pub(crate) send: Send<'c>,
    pub(crate) buffers: &'c Buffers,
    /// The request, if there was one that could be read.
    pub(crate) head: Option<&'c RequestHead>,
    pub(crate) request_id: &'c [u8],
    pub(crate) keep_alive: &'c mut KeepAlive,
    /// Whether connections shall end; asked when the answer begins, because it may have changed while we waited for it.
    pub(crate) draining: &'c Cell<bool>,
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

impl Respond<'_> {
    /// Answers in our own name.
    fn answer_plainly(&mut self, reason: Reason) {
        let response = PlainResponse {
            status: reason.status(),
            request_id: self.request_id,
            date: &httpdate::fmt_http_date(SystemTime::now()),
            text: &format!("{} ({})\n", reason.sentence(), reason.name()),
            connection: self.persistence(),
            head_only: self.head.is_some_and(|head| head.method == Method::Head),
        };
        plain_response(self.send.outbox.begin(Framing::Empty, self.buffers), &response);
        self.send.end(None);
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

impl Answer for Respond<'_> {
    fn begin(&mut self, head: &ResponseHead, framing: Framing, request_done: bool) {
        let framing = self.outgoing(framing);
        self.keep_alive.0 &= request_done && framing != Framing::UntilClose && !self.draining.get();
        let persistence = self.persistence();
        let out = self.send.outbox.begin(framing, self.buffers);
        response_head(out, head, framing, persistence, self.request_id);
    }

    fn interim(&mut self, head: &ResponseHead) {
        // RFC 9110 §15.2: never to an HTTP/1.0 client.
        if self.version() > Version::Http10 {
            interim_head(self.send.outbox.interim(self.buffers), head);
        }
    }

    fn refuse(&mut self, reason: Reason, request_done: bool) {
        self.keep_alive.0 &= request_done && !self.draining.get();
        self.answer_plainly(reason);
    }
}

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

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.send.poll_flush(cx)
    }
}
