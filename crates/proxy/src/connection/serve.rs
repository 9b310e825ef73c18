//! One request: judged, passed on or refused, and accounted for.

use std::pin::pin;
use std::time::Instant;

use evenkeel_plan::Listener;
use evenkeel_plan::reason::Reason;
use evenkeel_plan::tls::Challenges;
use evenkeel_proto::forward::{ClientFacts, max_forwards, wants_keep_alive};
use evenkeel_proto::head::RequestHead;
use evenkeel_proto::http1::{BodyDecoder, Framing, FramingError, ParseError, request_framing};

use super::account::Past;
use super::read::NoHead;
use super::redirect::{by_tls, has_come_by_tls};
use super::show::Shown;
use super::testament::Testament;
use super::{Busy, Connection, Next};
use crate::access::split_port;
use crate::body::{Pump, Replay, Source};
use crate::deadline::Deadline;
use crate::exchange::{Answer, Ended, Exchange, Messages, Outcome, Progress, Switched, flush};
use crate::http1::receive::Receive;
use crate::http1::respond::{KeepAlive, Respond};
use crate::http1::send::Send;
use crate::judge::{Judged, judge};
use crate::refusal::Refusal;
use crate::respond::{Asked, Own};
use crate::worker::RequestId;
use crate::world::World;

impl Connection {
    pub(super) async fn serve_request(&self, busy: &mut Busy, deadline: &Deadline) -> Next {
        let started = self.worker.now();
        let mut head = match self.read_head(busy, deadline).await {
            Ok(head) => head,
            Err(NoHead::Nothing) => {
                self.has_skipped.set(self.has_skipped.get() || busy.inbox.has_skipped());
                return Next::Wait;
            }
            Err(NoHead::Gone) => return self.gone(busy, started),
            Err(NoHead::Shut) => return Next::CloseUnread,
            Err(NoHead::Preface) if self.begins_http2(busy) => return Next::Http2,
            Err(NoHead::Preface) => {
                let own = (Own::Refusal(ParseError::Preface.into()), false);
                return self.answer(busy, deadline, (None, started), own).await;
            }
            Err(NoHead::Refused(refusal)) => {
                let own = (Own::Refusal(refusal), false);
                return self.answer(busy, deadline, (None, started), own).await;
            }
        };
        self.requests.update(|requests| requests + 1);
        let framing = request_framing(&head);
        let next = match self.judge(&mut head, framing) {
            None => Next::CloseUnread,
            Some(Ok(judged)) => self.pass_on(busy, deadline, (&head, judged), started).await,
            Some(Err(own)) => self.answer(busy, deadline, (Some(&head), started), own).await,
        };
        self.worker.buffers.give_head(head.fields);
        next
    }

    /// Judges a request by what is in force now: how it goes on, or what it is answered instead and whether the connection is kept then.
    /// `None` if it is neither: the listener is gone, and not only just now; or the client has to prove anew who it is.
    pub(super) fn judge(
        &self,
        head: &mut RequestHead,
        framing: Result<Framing, FramingError>,
    ) -> Option<Result<Judged, (Own, bool)>> {
        let world = self.worker.world_of(&self.entrance);
        let listener = world.listener(&self.entrance)?;
        if self.entrance.is_superseded(listener) {
            return None;
        }
        let judged = match judge(head, framing, listener, self.scheme()) {
            Err(refusal) => return Some(Err((Own::Refusal(refusal), false))),
            Ok(_) if self.is_misdirected(head, listener) => {
                return Some(Err((Own::Refusal(Reason::Misdirected.into()), false)));
            }
            Ok(judged) => judged,
        };
        let kept = judged.framing == Framing::Empty && judged.offer.is_none();
        let own = self.own_answer(head, listener, &world.plan.challenges);
        Some(own.map_or(Ok(judged), |own| Err((own, kept))))
    }

    /// What is answered to a request that goes no further although nothing is wrong with it; `None` if it does.
    fn own_answer(
        &self,
        head: &RequestHead,
        listener: &Listener,
        challenges: &Challenges,
    ) -> Option<Own> {
        if max_forwards(head) == Some(0) {
            return Some(Own::Methods);
        }
        if let Some(answer) = challenges.answer(head.path()) {
            return Some(Own::Challenge(answer));
        }
        let port = listener.redirect_to_https?;
        if self.trusts(listener) && has_come_by_tls(head) {
            return None;
        }
        let elsewhere = by_tls(head, port).map(Own::Elsewhere);
        // Who does not say for whom a request is cannot be told where to go with it.
        let nowhere = Refusal::new(Reason::RequestMalformed, "it is for no host");
        Some(elsewhere.unwrap_or(Own::Refusal(nowhere)))
    }

    /// Whether a request came for a host that the certificate of the connection is not good for.
    fn is_misdirected(&self, head: &RequestHead, listener: &Listener) -> bool {
        let (Some(tls), true, Some(authority)) =
            (&listener.tls, self.io.is_tls(), head.authority())
        else {
            return false;
        };
        let host = std::str::from_utf8(split_port(authority).0).unwrap_or_default();
        !tls.serves(self.io.server_name().as_deref(), host)
    }

    /// Whether what was read is the beginning of HTTP/2 and of the connection, where that may be spoken in clear text.
    fn begins_http2(&self, busy: &Busy) -> bool {
        let world = self.worker.world_of(&self.entrance);
        let may = world.listener(&self.entrance).is_some_and(|listener| listener.http2);
        let is_first = self.requests.get() == 0 && !self.has_skipped.get();
        may && is_first && !self.io.is_tls() && busy.inbox.begins_with_preface()
    }

    /// The client has left. If that was in the middle of a head, it is one more request that came to nothing.
    fn gone(&self, busy: &Busy, started: Instant) -> Next {
        if !busy.inbox.is_empty() {
            let failure = Some(Reason::ClientGone);
            let ended = Ended { failure, broken: true, ..Ended::default() };
            let request_id = self.worker.request_id(started);
            let request_id = request_id.as_bytes();
            self.account(
                &self.entrance.counters,
                &Past { head: None, request_id, started, ended, progress: None },
            );
        }
        Next::Close
    }

    async fn pass_on(
        &self,
        busy: &mut Busy,
        deadline: &Deadline,
        (head, judged): (&RequestHead, Judged),
        started: Instant,
    ) -> Next {
        let request = Request { head, own_id: self.worker.request_id(started), started };
        match self.exchange(busy, deadline, &request, judged).await {
            Ok(next) => next,
            // The world in which it began is let go of by now.
            Err(switched) => self.tunnel(busy, deadline, &request, *switched).await,
        }
    }

    /// Runs the exchange of a request to its end, or until the connection has become a tunnel.
    async fn exchange(
        &self,
        busy: &mut Busy,
        deadline: &Deadline,
        request: &Request<'_>,
        judged: Judged,
    ) -> Result<Next, Box<Switched>> {
        let world = self.worker.world_of(&self.entrance);
        // Gone from the plan, and not only just now.
        let Some(listener) = world.listener(&self.entrance) else { return Ok(Next::CloseUnread) };
        let visit = self.visit(request, (&world, listener), deadline);
        let (head, request_id) = (request.head, visit.request_id());
        let mut decoder = BodyDecoder::for_request(judged.framing);
        // RFC 9931 §4: what a client sends in the belief that the protocol will be switched is no request, whenever it comes.
        let offered = judged.offer.is_some();
        let wanted = wants_keep_alive(&head.fields, head.version);
        let mut keep_alive = KeepAlive::new(wanted && !offered);
        let Busy { inbox, outbox } = busy;
        let (io, buffers) = (&self.io, &self.worker.buffers);
        let limit = listener.limits.body.unwrap_or(u64::MAX);
        let body = Receive { io, inbox, decoder: &mut decoder, buffers, limit };
        let answer = Respond {
            send: Send { io, outbox },
            worker: &self.worker,
            entrance: &self.entrance,
            listener,
            head: Some(head),
            request_id,
            keep_alive: &mut keep_alive,
        };
        self.is_answering.set(true);
        let broken = self.pass(&visit, judged, body, answer).await?;
        Ok(if broken {
            Next::Reset
        } else if !decoder.is_done() || offered {
            Next::CloseUnread
        } else if keep_alive.is_kept() {
            Next::Request
        } else {
            Next::Close
        })
    }

    /// What a request is to be passed on with, in the world in force.
    pub(super) fn visit<'a>(
        &'a self,
        request: &'a Request<'a>,
        (world, listener): (&'a World, &'a Listener),
        deadline: &'a Deadline,
    ) -> Visit<'a> {
        let client = self.facts(self.trusts(listener), &request.own_id);
        Visit { request, world, listener, deadline, client }
    }

    /// Passes a request on that has come over whatever version of HTTP, and accounts for it. Returns whether its answer breaks off.
    ///
    /// # Errors
    /// Both sides speak another protocol from now on.
    pub(super) async fn pass<B: Source, A: Answer>(
        &self,
        visit: &Visit<'_>,
        judged: Judged,
        body: B,
        answer: A,
    ) -> Result<bool, Box<Switched>> {
        let Visit { request: Request { head, started, .. }, listener, .. } = *visit;
        let request_id = visit.request_id();
        let progress = Progress::default();
        let past = Past {
            head: Some(head),
            request_id,
            started: *started,
            ended: Ended::default(),
            progress: Some(&progress),
        };
        let testament = Testament::new(self, &listener.counters, past);
        let exchange = Exchange {
            worker: &self.worker,
            world: visit.world,
            listener,
            deadline: visit.deadline,
            hello: None,
            client: visit.client,
            started: *started,
            arrived: visit.world.plan.access.map(|_| Instant::now()),
            progress: &progress,
        };
        let mut messages = Messages {
            head,
            framing: judged.framing,
            expects_continue: judged.expects_continue,
            offer: judged.offer,
            body: Replay::new(body),
            upload: Pump::default(),
            advice: None,
            web: None,
            answer,
        };
        let shown = Shown { head, request_id, started: *started, progress: &progress };
        let ended = match self.run(&exchange, &mut messages, &shown).await {
            Outcome::Ended(ended) => ended,
            Outcome::Switched(switched) => {
                testament.revoke();
                return Err(switched);
            }
        };
        testament.ends(ended);
        Ok(ended.broken)
    }

    /// Runs `exchange`, and shows it to whoever looks.
    async fn run<'a, B: Source, A: Answer>(
        &self,
        exchange: &Exchange<'a>,
        messages: &mut Messages<'_, B, A>,
        shown: &Shown<'_>,
    ) -> Outcome<'a> {
        let run = pin!(exchange.run(messages));
        let show = || self.show(exchange.deadline, Some(shown));
        self.worker.looks.watch(exchange.deadline, run, show).await
    }

    /// The scheme of what is asked for on this connection.
    pub(super) fn scheme(&self) -> &'static str {
        if self.io.is_tls() { "https" } else { "http" }
    }

    pub(super) fn trusts(&self, listener: &Listener) -> bool {
        listener.trusted_proxies.contains(self.client.ip())
    }

    pub(super) fn facts<'a>(&'a self, trusted: bool, request_id: &'a RequestId) -> ClientFacts<'a> {
        ClientFacts {
            address: self.client.ip(),
            scheme: self.scheme(),
            trusted,
            request_id: request_id.as_bytes(),
            certificate: self.io.client_certificate(),
        }
    }

    /// Answers what is not passed on. Unless it is `kept` the connection closes, for nobody asks any more where a body would end.
    async fn answer(
        &self,
        busy: &mut Busy,
        deadline: &Deadline,
        (head, started): (Option<&RequestHead>, Instant),
        (own, kept): (Own, bool),
    ) -> Next {
        let world = self.worker.world_of(&self.entrance);
        let Some(listener) = world.listener(&self.entrance) else { return Next::CloseUnread };
        let own_id: RequestId = self.worker.request_id(started);
        let facts = self.facts(self.trusts(listener), &own_id);
        let request_id = head.map_or(own_id.as_bytes(), |head| facts.request_id(head));
        let wanted = head.is_some_and(|head| wants_keep_alive(&head.fields, head.version));
        let mut keep_alive = KeepAlive::new(kept && wanted);
        let mut respond = Respond {
            send: Send { io: &self.io, outbox: &mut busy.outbox },
            worker: &self.worker,
            entrance: &self.entrance,
            listener,
            head,
            request_id,
            keep_alive: &mut keep_alive,
        };
        let bytes_out = Asked { listener, head, request_id }.answer(&mut respond, &own, kept);
        let broken = flush(&mut respond, deadline, listener).await.is_err();
        let (status, failure) = (Some(own.status()).filter(|_| !broken), own.failure());
        let ended = Ended { status, failure, broken, bytes_out, ..Ended::default() };
        let progress = Progress::before(&own);
        let past = Past { head, request_id, started, ended, progress: Some(&progress) };
        self.account(&listener.counters, &past);
        match (broken, keep_alive.is_kept()) {
            (true, _) => Next::Reset,
            (false, true) => Next::Request,
            (false, false) => Next::CloseUnread,
        }
    }
}

/// A request on its way to an endpoint, and what holds for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit<'a> {
    request: &'a Request<'a>,
    world: &'a World,
    listener: &'a Listener,
    deadline: &'a Deadline,
    client: ClientFacts<'a>,
}

impl Visit<'_> {
    pub(super) fn request_id(&self) -> &[u8] {
        self.client.request_id(self.request.head)
    }
}

/// A request that is passed on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) head: &'a RequestHead,
    /// The identity that we gave it; it may have brought another.
    pub(super) own_id: RequestId,
    /// When its first byte was there.
    pub(super) started: Instant,
}
