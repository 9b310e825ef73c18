//! Answers to an HTTP/2 client: an endpoint's, or our own.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use evenkeel_plan::Listener;
use evenkeel_proto::field::{FieldName, Fields};
use evenkeel_proto::head::{RequestHead, ResponseHead};
use evenkeel_proto::http1::Framing;
use evenkeel_proto::method::Method;
use evenkeel_proto::onward::{
    Additions, OwnAnswer, content_length_field, interim_fields, own_fields, response_fields,
    trailer_names, tunnel_fields,
};
use evenkeel_proto::trailer::wants_trailers;
use http::{Response, StatusCode};

use super::fields::Outgoing;
use super::outflow::Flow;
use crate::body::Sink;
use crate::exchange::Answer;
use crate::worker::Worker;

/// Where one answer goes.
#[derive(Debug)]
pub(crate) struct Respond<'c> {
    pub(crate) flow: Flow<'c>,
    pub(crate) worker: &'c Worker,
    pub(crate) listener: &'c Listener,
    pub(crate) head: Option<&'c RequestHead>,
    pub(crate) request_id: &'c [u8],
    /// Whether the client has come by TLS.
    pub(crate) is_tls: bool,
    /// What the client has not let through of an answer of our own.
    pub(crate) rest: Bytes,
    /// Whether the client asked for what follows the body.
    pub(crate) trailers: bool,
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
        let Flow { stream, outflow, .. } = &mut self.flow;
        outflow.is_broken |= stream.send_head(head, is_end).is_err();
        outflow.is_ended |= is_end;
    }
}

impl Answer for Respond<'_> {
    fn begin(&mut self, head: &ResponseHead, framing: Framing, _request_done: bool) {
        let date = self.worker.date();
        let mut fields = Outgoing::default();
        response_fields(&mut fields, head, framing, &self.additions(&date));
        if let Framing::Length(length) = framing
            && (length > 0 || head.fields.contains(FieldName::ContentLength))
        {
            content_length_field(&mut fields, length);
        }
        let is_end = matches!(framing, Framing::Empty | Framing::Length(0));
        self.trailers = !is_end && self.head.is_some_and(wants_trailers);
        if self.trailers {
            trailer_names(&mut fields, &head.fields);
        }
        drop(date);
        self.send(head.status, fields, is_end);
    }

    fn interim(&mut self, head: &ResponseHead) {
        let mut fields = Outgoing::default();
        interim_fields(&mut fields, head);
        self.send(head.status, fields, false);
    }

    /// RFC 8441 §5: the stream becomes the tunnel that its CONNECT has asked for.
    fn switch(&mut self, head: &ResponseHead, _protocol: &[u8]) {
        let mut fields = Outgoing::default();
        tunnel_fields(&mut fields, head, self.request_id);
        self.send(200, fields, false);
        // It ends with the tunnel, and not with us.
        self.flow.outflow.is_ended = true;
    }

    fn own(&mut self, own: &OwnAnswer<'_>, _request_done: bool) -> u64 {
        let date = self.worker.date();
        let mut fields = Outgoing::default();
        // RFC 9113 §8.2.2: what an HTTP/1 client is told to upgrade to means nothing here.
        let said: Vec<_> =
            own.fields.iter().copied().filter(|(name, _)| *name != "Upgrade").collect();
        own_fields(&mut fields, &OwnAnswer { fields: &said, ..*own }, &self.additions(&date));
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
        self.flow.poll_write(cx, bytes, last)
    }

    fn room(&mut self) -> usize {
        self.flow.room()
    }

    fn end(&mut self, trailers: Option<Fields>) {
        self.flow.end(trailers.filter(|_| self.trailers));
    }

    fn close(&mut self) {
        self.flow.close();
    }

    fn flushed(&self) -> u64 {
        self.flow.flushed()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.rest.is_empty() && !self.flow.outflow.is_broken {
            let rest = self.rest.clone();
            let taken = ready!(self.flow.poll_write(cx, &rest, true))?;
            self.rest.advance(taken);
        }
        self.flow.poll_flush(cx)
    }
}
