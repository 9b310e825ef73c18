//! Answers to an HTTP/1 client: an endpoint's, with our framing, or our own.

use std::io;
use std::task::{Context, Poll};

use evenkeel_plan::Listener;
use evenkeel_proto::field::Fields;
use evenkeel_proto::head::{RequestHead, ResponseHead, Version};
use evenkeel_proto::http1::Connection as Persistence;
use evenkeel_proto::http1::{
    Framing, Outward, interim_head, own_response, response_head, switch_head,
};
use evenkeel_proto::method::Method;
use evenkeel_proto::onward::{Additions, OwnAnswer};
use evenkeel_proto::trailer::wants_trailers;

use crate::body::Sink;
use crate::entrance::Entrance;
use crate::exchange::Answer;
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
    /// What is said besides what an endpoint says.
    fn additions<'a>(&self, date: &'a str) -> Additions<'a>
    where
        'c: 'a,
    {
        let strict_transport = self.strict_transport();
        Additions { request_id: self.request_id, date, strict_transport }
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

impl Answer for Respond<'_> {
    fn begin(&mut self, head: &ResponseHead, framing: Framing, request_done: bool) {
        let framing = self.outgoing(framing);
        let stays = self.worker.keep_alive(self.entrance).is_ok();
        self.keep_alive.0 &= request_done && framing != Framing::UntilClose && stays;
        let trailers = framing == Framing::Chunked && self.head.is_some_and(wants_trailers);
        let date = self.worker.date();
        let additions = self.additions(&date);
        let outward = Outward { framing, connection: self.persistence(), trailers, additions };
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

    fn own(&mut self, own: &OwnAnswer<'_>, request_done: bool) -> u64 {
        self.keep_alive.0 &= request_done && self.worker.keep_alive(self.entrance).is_ok();
        let head_only = self.head.is_some_and(|head| head.method == Method::Head);
        let date = self.worker.date();
        let (additions, connection) = (self.additions(&date), self.persistence());
        let out = self.send.outbox.begin(Framing::Empty, &self.worker.buffers);
        own_response(out, own, &additions, connection, head_only);
        self.send.end(None);
        if head_only { 0 } else { own.body.len() as u64 }
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
