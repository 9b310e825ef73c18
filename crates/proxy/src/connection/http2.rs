//! A connection on which requests come over HTTP/2: many at once, each an exchange of its own, and a panic in one costs no other.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use evenkeel_plan::Listener;
use evenkeel_plan::listener::DownstreamTimeouts;
use evenkeel_plan::reason::Reason;
use evenkeel_proto::head::RequestHead;
use evenkeel_proto::http1::{Framing, ParseError};
use evenkeel_proto::http2::head::{Control, request_framing, request_head};
use evenkeel_proto::http2::{Fault, Guard, Limits, Side};
use evenkeel_proto::upgrade;
use h2::RecvStream;
use h2::ext::Protocol;
use h2::server::{Builder, SendResponse};
use http::Request as Received;
use http::request::Parts;

use super::Connection;
use super::account::Past;
use super::read::parse_limits;
use super::serve::Request;
use super::testament::Testament;
use crate::body::{Sink as _, poll_discard};
use crate::deadline::Deadline;
use crate::exchange::{Ended, Progress, flush};
use crate::http2::fields::pairs;
use crate::http2::outflow::{Flow, Outflow, PIECE_BYTES_MAX};
use crate::http2::receive::Receive;
use crate::http2::respond::Respond;
use crate::http2::stream::Stream;
use crate::http2::wire::{ClientEnds, Wire, WireState};
use crate::judge::Judged;
use crate::refusal::Refusal;
use crate::respond::{Asked, Own};

mod service;
mod waiting;

use service::Service;

/// A request as the library gives it.
type Incoming = (Received<RecvStream>, SendResponse<Bytes>);

/// A request that goes on, and how.
type Passed = (RequestHead, Judged);

/// One that does not, with its head if that could be read, and what is answered instead.
type Answered = (Option<RequestHead>, Own);

/// What holds for a connection as long as it lives: its client was told.
struct Terms {
    builder: Builder,
    timeouts: DownstreamTimeouts,
    /// How many requests may be under way at once.
    most: usize,
}

impl Connection {
    /// Serves requests over HTTP/2 until either side has had enough. `unread` was read of the connection already.
    pub(super) async fn serve_http2(&self, unread: Vec<u8>, deadline: &Deadline) {
        let wire = WireState::new(
            Guard::new(Side::FacingClient, Arc::clone(&GUARD_LIMITS)),
            &self.worker.buffers.parked,
        );
        let Some(Terms { builder, timeouts, most }) = self.http2_terms() else { return };
        let ends = ClientEnds { io: &self.io, worker: &self.worker, state: &wire };
        let io = Wire::facing_client(ends, unread);
        let mut greeting = pin!(builder.handshake::<_, Bytes>(io));
        let greeted =
            self.in_time(deadline, timeouts.header, |cx| greeting.as_mut().poll(cx)).await;
        if let Some(Ok(library)) = greeted {
            let mut service = Service::new(self, &wire, library, most, timeouts.write);
            // Boxed: they are large, and would be moved where they are made, and be there once more where there are none. They are made in their
            // boxes, as nearly nothing of them is there when they begin.
            let serve = |incoming| {
                let room = Box::new_uninit();
                Box::into_pin(Box::write(room, self.serve_stream_of(incoming, &wire)))
            };
            let reason = poll_fn(|cx| service.poll(cx, deadline, serve)).await;
            service.end(reason);
        }
        if let Some(objection) = wire.objection() {
            self.tell_fault(objection.fault);
            wire.say_objection(&self.io, objection);
        }
        wire.release(&self.worker.buffers);
        self.linger(deadline).await;
    }

    /// Counts what has ended the connection, and tells of it, though not of each.
    fn tell_fault(&self, fault: Fault) {
        let Self { worker, entrance, client, .. } = self;
        entrance.counters.shard(worker.index).http2_faults[fault.index()].add(1);
        if worker.crew.may_mention(worker.time(worker.now())) {
            let (listener, client, fault) = (&*entrance.name, client.ip(), fault.name());
            tracing::warn!(listener, %client, fault, "ends connections of HTTP/2 for what comes on them");
        }
    }

    /// What holds for a connection that begins now; `None` if the listener is gone.
    fn http2_terms(&self) -> Option<Terms> {
        let world = self.worker.world_of(&self.entrance);
        let listener = world.listener(&self.entrance)?;
        let limits = &listener.limits;
        let mut builder = Builder::new();
        builder
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
            .initial_window_size(WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .enable_connect_protocol()
            .max_send_buffer_size(PIECE_BYTES_MAX)
            .max_concurrent_reset_streams(RESET_STREAMS_MAX)
            .max_pending_accept_reset_streams(limits.streams as usize)
            .max_local_error_reset_streams(Some(LOCAL_RESETS_MAX));
        let (timeouts, most) = (listener.timeouts, limits.streams as usize);
        Some(Terms { builder, timeouts, most })
    }

    /// Serves one request.
    async fn serve_stream_of(&self, (request, sender): Incoming, wire: &WireState) {
        let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
        let deadline = self.worker.deadlines.register(waker);
        let (started, stream) = (self.worker.now(), Stream::new(sender));
        self.requests.update(|requests| requests + 1);
        let own_id = self.worker.request_id(started);
        let world = self.worker.world_of(&self.entrance);
        let Some(listener) = world.listener(&self.entrance) else {
            return stream.reset(h2::Reason::REFUSED_STREAM);
        };
        let (read, body) = self.read_request(request, listener);
        match read {
            // On another connection it may be served.
            None => stream.reset(h2::Reason::REFUSED_STREAM),
            Some(Ok((head, judged))) => {
                let request = Request { head: &head, own_id, started };
                let visit = self.visit(&request, (&world, listener), &deadline);
                let limit = listener.limits.body.unwrap_or(u64::MAX);
                let mut body = Receive::new(body, Some(&stream), limit);
                body.is_held = judged.offer.is_some();
                let facing = (&**listener, Some(&head), visit.request_id());
                let answer = self.respond(&stream, wire, facing);
                // An answer that breaks off has reset the stream.
                match self.pass(&visit, judged, &mut body, answer).await {
                    Ok(_) if body.is_held => {}
                    Ok(_) => self.discard(body.body, &deadline).await,
                    Err(switched) => {
                        let body = body.body;
                        drop(world);
                        let asked = (&deadline, &request);
                        self.tunnel_stream(&stream, (body, wire), asked, *switched).await;
                    }
                }
                self.worker.buffers.give_head(head.fields);
            }
            Some(Err((None, own))) if own.failure() == Some(Reason::RequestMalformed) => {
                // RFC 9113 §8.1.1: what does not keep to the rules of the protocol is an error of the stream.
                stream.reset(h2::Reason::PROTOCOL_ERROR);
                let failure = Some(Reason::RequestMalformed);
                let ended = Ended { failure, broken: true, ..Ended::default() };
                let request_id = own_id.as_bytes();
                let progress = Progress::before(&own);
                let progress = Some(&progress);
                let past = Past { head: None, request_id, started, ended, progress };
                self.account(&listener.counters, &past);
            }
            Some(Err((head, own))) => {
                let client = self.facts(self.trusts(listener), &own_id);
                let head = head.as_ref();
                let request_id = head.map_or(own_id.as_bytes(), |head| client.request_id(head));
                let mut respond = self.respond(&stream, wire, (listener, head, request_id));
                let asked = Asked { listener, head, request_id };
                let bytes_out = asked.answer(&mut respond, &own, body.is_end_stream());
                let ended = Ended { failure: own.failure(), bytes_out, ..Ended::default() };
                let progress = Progress::before(&own);
                let past = Past { head, request_id, started, ended, progress: Some(&progress) };
                let testament = Testament::new(self, &listener.counters, past);
                let broken = flush(&mut respond, &deadline, listener).await.is_err();
                let status = Some(own.status()).filter(|_| !broken);
                testament.ends(Ended { status, broken, ..ended });
                self.discard(body, &deadline).await;
            }
        }
    }

    /// Throws away what still comes of a request that is answered, for a while, as [`Self::linger`] does: some clients take the reset that would be in
    /// order (RFC 9113 §8.1) for the loss of their answer.
    async fn discard(&self, body: RecvStream, deadline: &Deadline) {
        if body.is_end_stream() {
            return;
        }
        let mut body = Receive::new(body, None, u64::MAX);
        deadline.set(DISCARD_WITHIN);
        poll_fn(|cx| {
            let buffers = &self.worker.buffers;
            let discarded = buffers.lend(|room| poll_discard(cx, &mut body, room.scratch));
            if deadline.is_expired() { Poll::Ready(()) } else { discarded }
        })
        .await;
    }

    /// Answers a request that has waited in vain for others to end: at once, or not at all.
    fn turn_away(&self, (request, sender): Incoming, wire: &WireState) {
        let (started, stream) = (self.worker.now(), Stream::new(sender));
        let own_id = self.worker.request_id(started);
        let world = self.worker.world_of(&self.entrance);
        let Some(listener) = world.listener(&self.entrance) else { return };
        self.requests.update(|requests| requests + 1);
        let read = self.head_of(&request.into_parts().0, listener).ok();
        let (head, request_id) = (read.as_ref(), own_id.as_bytes());
        let mut respond = self.respond(&stream, wire, (listener, head, request_id));
        let reason = Reason::PendingTimeout;
        let bytes_out =
            Asked { listener, head, request_id }.refuse(&mut respond, reason, None, false);
        let _ = respond.poll_flush(&mut Context::from_waker(Waker::noop()));
        let (status, failure) = (Some(reason.status()), Some(reason));
        let ended = Ended { status, failure, bytes_out, ..Ended::default() };
        let past = Past { head, request_id, started, ended, progress: None };
        self.account(&listener.counters, &past);
        drop(respond);
        read.into_iter().for_each(|head| self.worker.buffers.give_head(head.fields));
    }

    /// Accounts for a request that was waiting for others to end when it, or its connection, ended for this `reason`.
    fn never_began(&self, (request, _): Incoming, reason: Reason) {
        let world = self.worker.world_of(&self.entrance);
        let Some(listener) = world.listener(&self.entrance) else { return };
        let started = self.worker.now();
        self.requests.update(|requests| requests + 1);
        let read = self.head_of(&request.into_parts().0, listener).ok();
        let own_id = self.worker.request_id(started);
        let ended = Ended { failure: Some(reason), broken: true, ..Ended::default() };
        let (request_id, head) = (own_id.as_bytes(), read.as_ref());
        let past = Past { head, request_id, started, ended, progress: None };
        self.account(&listener.counters, &past);
        read.into_iter().for_each(|head| self.worker.buffers.give_head(head.fields));
    }

    /// Reads a request that has come, and says how it goes on, or what it is answered instead. `None` if it is neither: see [`Self::judge`].
    /// What has come is gone then, but for the body: it is large, and all is said in our own words.
    fn read_request(
        &self,
        request: Received<RecvStream>,
        listener: &Listener,
    ) -> (Option<Result<Passed, Answered>>, RecvStream) {
        let (parts, body) = request.into_parts();
        (self.read_parts(&parts, body.is_end_stream(), listener), body)
    }

    fn read_parts(
        &self,
        parts: &Parts,
        is_over: bool,
        listener: &Listener,
    ) -> Option<Result<Passed, Answered>> {
        if protocol_of(parts).is_some_and(|protocol| !upgrade::is_websocket(protocol)) {
            let what = "CONNECT asks for something else than a WebSocket";
            let refusal = Refusal::new(Reason::NotImplemented, what);
            return Some(Err((None, Own::Refusal(refusal))));
        }
        let mut head = match self.head_of(parts, listener) {
            Ok(head) => head,
            Err(error) => return Some(Err((None, Own::Refusal(error.into())))),
        };
        // What follows the head is the tunnel's.
        let is_tunnel = protocol_of(parts).is_some();
        let framing = request_framing(&head, is_over || is_tunnel);
        if is_tunnel && !matches!(framing, Ok(Framing::Empty | Framing::Length(0))) {
            let refusal = Refusal::new(Reason::RequestMalformed, "CONNECT has a body");
            return Some(Err((None, Own::Refusal(refusal))));
        }
        Some(match self.judge(&mut head, framing)? {
            Ok(judged) => Ok((head, judged)),
            Err((own, _)) => Err((Some(head), own)),
        })
    }

    fn respond<'c>(
        &'c self,
        stream: &'c Stream,
        wire: &'c WireState,
        (listener, head, request_id): (&'c Listener, Option<&'c RequestHead>, &'c [u8]),
    ) -> Respond<'c> {
        Respond {
            flow: Flow { stream, wire, outflow: Outflow::default() },
            worker: &self.worker,
            listener,
            head,
            request_id,
            is_tls: self.io.is_tls(),
            rest: Bytes::new(),
            trailers: false,
        }
    }

    fn head_of(&self, parts: &Parts, listener: &Listener) -> Result<RequestHead, ParseError> {
        let protocol = protocol_of(parts);
        let control = Control {
            method: parts.method.as_str().as_bytes(),
            scheme: parts.uri.scheme_str().map(str::as_bytes),
            authority: parts.uri.authority().map(|it| it.as_str().as_bytes()),
            path: parts.uri.path_and_query().map(|it| it.as_str().as_bytes()),
            protocol,
            nonce: protocol.map_or(0, |_| self.worker.nonce()),
        };
        let fields = self.worker.buffers.head();
        request_head(fields, control, pairs(&parts.headers), parse_limits(listener))
    }
}

/// What CONNECT asks for (RFC 8441 §4).
fn protocol_of(parts: &Parts) -> Option<&[u8]> {
    parts.extensions.get::<Protocol>().map(AsRef::as_ref)
}

/// Long enough for a client to see that it has its answer.
const DISCARD_WITHIN: Duration = Duration::from_secs(1);

static GUARD_LIMITS: LazyLock<Arc<Limits>> = LazyLock::new(|| Arc::new(Limits::facing_client()));

/// What a client may send of one body before any of it is taken: a fast client far away fills it in a round trip (RFC 9113 §6.9.2).
const WINDOW_BYTES: u32 = 256 * 1024;

/// What it may send of all together.
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;

/// How many streams that were reset the library remembers. As many as may be at all it takes that are reset while they wait (CVE-2023-44487). The
/// guard counts them all.
const RESET_STREAMS_MAX: usize = 20;

/// How often the library resets streams for what the client does on them before it ends the connection (CVE-2025-8671).
const LOCAL_RESETS_MAX: usize = 100;
