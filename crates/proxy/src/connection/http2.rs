//! A connection on which requests come over HTTP/2: many at once, each an exchange of its own, and a panic in one costs no other.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use evenkeel_plan::Listener;
use evenkeel_plan::listener::DownstreamTimeouts;
use evenkeel_plan::reason::Reason;
use evenkeel_proto::head::RequestHead;
use evenkeel_proto::http2::head::{Control, request_framing, request_head};
use evenkeel_proto::http2::{Guard, Limits, Side};
use evenkeel_proto::upgrade;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use h2::ext::Protocol;
use h2::server::{Builder, SendResponse};
use h2::{RecvStream, server};
use http::Request as Received;
use http::request::Parts;

use super::account::Past;
use super::read::{parse_limits, refusal};
use super::serve::Request;
use super::{Connection, DRAIN_GRACE};
use crate::deadline::Deadline;
use crate::exchange::{Ended, flush};
use crate::http2::fields::pairs;
use crate::http2::outflow::{Flow, Outflow, PIECE_BYTES_MAX};
use crate::http2::receive::Receive;
use crate::http2::respond::Respond;
use crate::http2::share::Share;
use crate::http2::stream::Stream;
use crate::http2::wire::{ClientEnds, Wire, WireState};
use crate::judge::Judged;
use crate::respond::{Asked, Own};

type Library<'c> = server::Connection<Wire<ClientEnds<'c>>, Bytes>;

/// A request as the library gives it.
type Incoming = (Received<RecvStream>, SendResponse<Bytes>);

/// A request that goes on, and how.
type Passed = (RequestHead, Judged);

/// One that does not, with its head if that could be read, and what is answered instead.
type Answered = (Option<RequestHead>, Own);

/// The connection as it is served.
struct Service<'c, F> {
    connection: &'c Connection,
    wire: &'c WireState,
    library: Library<'c>,
    streams: FuturesUnordered<F>,
    /// How many may run at once.
    most: usize,
    share: Share<'c>,
    write_timeout: Duration,
    /// Whether the client knows that we leave.
    is_leaving: bool,
    /// Up to where the client has taken what we send.
    sent: u64,
    phase: Phase,
}

/// What holds for a connection as long as it lives: its client was told.
struct Terms {
    builder: Builder,
    timeouts: DownstreamTimeouts,
    /// How many requests may be under way at once.
    most: usize,
}

/// What is waited for, and so what the deadline is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A request.
    Idle,
    /// The client, that it takes what we send.
    Blocked,
    /// Exchanges, which have deadlines of their own.
    Busy,
    /// That the client sees that we leave.
    Leaving,
}

impl Connection {
    /// Serves requests over HTTP/2 until either side has had enough. `unread` was read of the connection already.
    pub(super) async fn serve_http2(&self, unread: Vec<u8>, deadline: &Deadline) {
        let wire = WireState::new(Guard::new(Side::FacingClient, Arc::clone(&GUARD_LIMITS)));
        let Some(Terms { builder, timeouts, most }) = self.http2_terms() else { return };
        let ends = ClientEnds { io: &self.io, worker: &self.worker, state: &wire };
        let io = Wire::facing_client(ends, unread);
        let mut greeting = pin!(builder.handshake::<_, Bytes>(io));
        let greeted =
            self.in_time(deadline, timeouts.header, |cx| greeting.as_mut().poll(cx)).await;
        if let Some(Ok(library)) = greeted {
            let mut service = Service {
                connection: self,
                wire: &wire,
                library,
                streams: FuturesUnordered::new(),
                most,
                share: Share::of(&self.worker.spare_streams),
                write_timeout: timeouts.write,
                is_leaving: false,
                sent: 0,
                phase: Phase::Busy,
            };
            let serve = |incoming| self.serve_stream_of(incoming, &wire);
            poll_fn(|cx| service.poll(cx, deadline, serve)).await;
        }
        if let Some(objection) = wire.objection() {
            wire.say_objection(&self.io, objection);
            let (listener, client) = (&*self.entrance.name, self.client);
            tracing::debug!(listener, %client, fault = objection.fault.name(), "an HTTP/2 connection is ended");
        }
        self.linger(deadline).await;
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
            .max_pending_accept_reset_streams(RESET_STREAMS_MAX)
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
        let (parts, body) = request.into_parts();
        match self.read_request(&parts, body.is_end_stream(), listener) {
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
                if let Err(switched) = self.pass(&visit, judged, &mut body, answer).await {
                    let body = body.body;
                    drop(world);
                    let asked = (&deadline, &request);
                    self.tunnel_stream(&stream, (body, wire), asked, *switched).await;
                }
                self.worker.buffers.give_head(head.fields);
            }
            Some(Err((None, Own::Refusal(Reason::RequestMalformed)))) => {
                // RFC 9113 §8.1.1: what does not keep to the rules of the protocol is an error of the stream.
                stream.reset(h2::Reason::PROTOCOL_ERROR);
                let failure = Some(Reason::RequestMalformed);
                let ended = Ended { failure, broken: true, ..Ended::default() };
                let request_id = own_id.as_bytes();
                let past = Past { head: None, request_id, started, ended, progress: None };
                self.account(&listener.counters, &past);
            }
            Some(Err((head, own))) => {
                let client = self.facts(self.trusts(listener), &own_id);
                let head = head.as_ref();
                let request_id = head.map_or(own_id.as_bytes(), |head| client.request_id(head));
                let mut respond = self.respond(&stream, wire, (listener, head, request_id));
                let asked = Asked { listener, head, request_id };
                let bytes_out = asked.answer(&mut respond, &own, body.is_end_stream());
                let broken = flush(&mut respond, &deadline, listener).await.is_err();
                let (status, failure) = (Some(own.status()).filter(|_| !broken), own.failure());
                let ended = Ended { status, failure, broken, bytes_out, ..Ended::default() };
                let past = Past { head, request_id, started, ended, progress: None };
                self.account(&listener.counters, &past);
            }
        }
    }

    /// Reads a request that has come, and says how it goes on, or what it is answered instead. `None` if it is neither: see [`Self::judge`].
    fn read_request(
        &self,
        parts: &Parts,
        is_over: bool,
        listener: &Listener,
    ) -> Option<Result<Passed, Answered>> {
        if protocol_of(parts).is_some_and(|protocol| !upgrade::is_websocket(protocol)) {
            return Some(Err((None, Own::Refusal(Reason::NotImplemented))));
        }
        let mut head = match self.head_of(parts, listener) {
            Ok(head) => head,
            Err(reason) => return Some(Err((None, Own::Refusal(reason)))),
        };
        // What follows the head is the tunnel's.
        let is_tunnel = protocol_of(parts).is_some();
        let framing = request_framing(&head, is_over || is_tunnel);
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

    fn head_of(&self, parts: &Parts, listener: &Listener) -> Result<RequestHead, Reason> {
        let control = Control {
            method: parts.method.as_str().as_bytes(),
            scheme: parts.uri.scheme_str().map(str::as_bytes),
            authority: parts.uri.authority().map(|it| it.as_str().as_bytes()),
            path: parts.uri.path_and_query().map(|it| it.as_str().as_bytes()),
            protocol: protocol_of(parts).map(<[u8]>::as_ref),
            nonce: u128::from(self.worker.random()) << 64 | u128::from(self.worker.random()),
        };
        let fields = self.worker.buffers.head();
        request_head(fields, control, pairs(&parts.headers), parse_limits(listener))
            .map_err(refusal)
    }
}

impl<F: Future<Output = ()>> Service<'_, F> {
    /// Goes on with the requests that are under way, takes new ones, and sends what has come of them, all in one turn.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        deadline: &Deadline,
        serve: impl Fn(Incoming) -> F,
    ) -> Poll<()> {
        loop {
            self.poll_streams(cx);
            let begun = self.streams.len();
            if self.poll_library(cx, &serve).is_ready() {
                return Poll::Ready(());
            }
            if self.streams.len() == begun && !self.begins_to_leave(deadline) {
                return self.wait(deadline);
            }
        }
    }

    /// Goes on with the exchanges that can. A panic ends one of them.
    fn poll_streams(&mut self, cx: &mut Context<'_>) {
        loop {
            let streams = &mut self.streams;
            match catch_unwind(AssertUnwindSafe(|| streams.poll_next_unpin(cx))) {
                Ok(Poll::Ready(Some(()))) => {}
                Ok(Poll::Ready(None) | Poll::Pending) => break,
                Err(_) => self.connection.tell_panic("a panic ended an exchange"),
            }
        }
        // Fewer can always be.
        let _ = self.share.take(self.streams.len(), self.wire.received());
    }

    /// Reads and writes what can be, and begins what has come. Ready when the connection is over.
    fn poll_library(&mut self, cx: &mut Context<'_>, serve: &impl Fn(Incoming) -> F) -> Poll<()> {
        while self.streams.len() < self.most {
            match self.library.poll_accept(cx) {
                Poll::Ready(Some(Ok(incoming))) => self.begin(incoming, serve),
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
        // What the client has reset may still be under way here, and what comes after it waits.
        self.library.poll_closed(cx).map(|_| ())
    }

    /// Begins a request, unless the client has too many for what it has sent: then it may try again (RFC 9113 §8.7).
    fn begin(&mut self, incoming: Incoming, serve: &impl Fn(Incoming) -> F) {
        if self.share.take(self.streams.len() + 1, self.wire.received()) {
            self.streams.push(serve(incoming));
        } else {
            let (_, mut sender) = incoming;
            sender.send_reset(h2::Reason::REFUSED_STREAM);
        }
    }

    /// Tells the client that we leave, once: because all of us do, because it has to prove anew who it is, or because it has asked for nothing for a while. What it has begun may end.
    fn begins_to_leave(&mut self, deadline: &Deadline) -> bool {
        let Connection { worker, entrance, .. } = self.connection;
        let is_idle = self.phase == Phase::Idle && deadline.is_expired();
        if self.is_leaving || (!is_idle && worker.keep_alive(entrance).is_ok()) {
            return false;
        }
        self.is_leaving = true;
        self.library.graceful_shutdown();
        true
    }

    /// Waits for what is to come, but not for ever. Ready when that is over.
    fn wait(&mut self, deadline: &Deadline) -> Poll<()> {
        let (phase, sent) = (self.next_phase(), self.wire.sent());
        if phase != self.phase || phase == Phase::Blocked && sent != self.sent {
            (self.phase, self.sent) = (phase, sent);
            self.set(deadline);
        } else if deadline.is_expired() {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn next_phase(&self) -> Phase {
        match self.streams.is_empty() {
            _ if self.wire.is_blocked() => Phase::Blocked,
            false => Phase::Busy,
            true if self.is_leaving => Phase::Leaving,
            true => Phase::Idle,
        }
    }

    fn set(&self, deadline: &Deadline) {
        let Connection { worker, entrance, .. } = self.connection;
        let keep_alive = worker.keep_alive(entrance);
        match self.phase {
            Phase::Idle => deadline.rest(keep_alive.unwrap_or(DRAIN_GRACE)),
            Phase::Leaving => deadline.set(DRAIN_GRACE),
            Phase::Blocked => deadline.set(self.write_timeout),
            // Each has its own.
            Phase::Busy => deadline.set(Duration::MAX),
        }
    }
}

/// What CONNECT asks for (RFC 8441 §4).
fn protocol_of(parts: &Parts) -> Option<&[u8]> {
    parts.extensions.get::<Protocol>().map(AsRef::as_ref)
}

static GUARD_LIMITS: LazyLock<Arc<Limits>> = LazyLock::new(|| Arc::new(Limits::facing_client()));

/// What a client may send of one body before any of it is taken: a fast client far away fills it in a round trip (RFC 9113 §6.9.2).
const WINDOW_BYTES: u32 = 256 * 1024;

/// What it may send of all together.
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;

/// How many streams that were reset the library remembers, and how many it takes that were before we had seen them (CVE-2023-44487). The guard
/// counts them all.
const RESET_STREAMS_MAX: usize = 20;

/// How often the library resets streams for what the client does on them before it ends the connection (CVE-2025-8671).
const LOCAL_RESETS_MAX: usize = 100;
