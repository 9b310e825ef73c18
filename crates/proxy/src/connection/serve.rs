//! One request: judged, passed on or refused, and accounted for.

use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use evenkeel_plan::Listener;
use evenkeel_plan::reason::Reason;
use evenkeel_plan::tls::Challenges;
use evenkeel_proto::forward::{ClientFacts, max_forwards, wants_keep_alive};
use evenkeel_proto::head::RequestHead;
use evenkeel_proto::http1::{BodyDecoder, Framing};

use super::account::Past;
use super::read::NoHead;
use super::redirect::{by_tls, has_come_by_tls};
use super::show::Shown;
use super::{Busy, Connection, Next};
use crate::access::split_port;
use crate::body::{Pump, Replay, Source};
use crate::deadline::Deadline;
use crate::exchange::{Answer, Ended, Exchange, Messages, Outcome, Progress, Switched, flush};
use crate::http1::judge::{Judged, judge};
use crate::http1::receive::Receive;
use crate::http1::respond::{KeepAlive, METHODS_ALLOWED, Page, Respond};
use crate::http1::send::Send;
use crate::worker::RequestId;

impl Connection {
    pub(super) async fn serve_request(&self, busy: &mut Busy, deadline: &Deadline) -> Next {
        let started = self.worker.now();
        let mut head = match self.read_head(busy, deadline).await {
            Ok(head) => head,
            Err(NoHead::Nothing) => return Next::Wait,
            Err(NoHead::Gone) => return self.gone(busy, started),
            Err(NoHead::Shut) => return Next::CloseUnread,
            Err(NoHead::Refused(reason)) => {
                let own = Own { head: None, kind: Kind::Refusal(reason), started };
                return self.answer(busy, deadline, own, false).await;
            }
        };
        self.requests.update(|requests| requests + 1);
        let next = match self.judge(&mut head) {
            None => Next::CloseUnread,
            Some(Ok(judged)) => self.pass_on(busy, deadline, (&head, judged), started).await,
            Some(Err((kind, kept))) => {
                let own = Own { head: Some(&head), kind, started };
                self.answer(busy, deadline, own, kept).await
            }
        };
        self.worker.buffers.give_head(head.fields);
        next
    }

    /// Judges a request by what is in force now: how it goes on, or what it is answered instead and whether the connection is kept then.
    /// `None` if it is neither: the listener is gone, and not only just now; or the client has to prove anew who it is.
    fn judge(&self, head: &mut RequestHead) -> Option<Result<Judged, (Kind, bool)>> {
        let world = self.worker.world_of(&self.entrance);
        let listener = world.listener(&self.entrance)?;
        if self.entrance.is_superseded(listener) {
            return None;
        }
        let judged = match judge(head, listener, self.scheme()) {
            Err(reason) => return Some(Err((Kind::Refusal(reason), false))),
            Ok(_) if self.is_misdirected(head, listener) => {
                return Some(Err((Kind::Refusal(Reason::Misdirected), false)));
            }
            Ok(judged) => judged,
        };
        let kept = judged.framing == Framing::Empty && judged.offer.is_none();
        let own = self.own_answer(head, listener, &world.plan.challenges);
        Some(own.map_or(Ok(judged), |kind| Err((kind, kept))))
    }

    /// What is answered to a request that goes no further although nothing is wrong with it; `None` if it does.
    fn own_answer(
        &self,
        head: &RequestHead,
        listener: &Listener,
        challenges: &Challenges,
    ) -> Option<Kind> {
        if max_forwards(head) == Some(0) {
            return Some(Kind::Methods);
        }
        if let Some(answer) = challenges.answer(head.path()) {
            return Some(Kind::Challenge(answer));
        }
        let port = listener.redirect_to_https?;
        if self.trusts(listener) && has_come_by_tls(head) {
            return None;
        }
        let elsewhere = by_tls(head, port).map(Kind::Elsewhere);
        // Who does not say for whom a request is cannot be told where to go with it.
        Some(elsewhere.unwrap_or(Kind::Refusal(Reason::RequestMalformed)))
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

    /// The client has left. If that was in the middle of a head, it is one more request that came to nothing.
    fn gone(&self, busy: &Busy, started: Instant) -> Next {
        if !busy.inbox.is_empty() {
            let failure = Some(Reason::ClientGone);
            let ended = Ended { failure, broken: true, ..Ended::default() };
            let request_id = self.worker.request_id(started);
            let request_id = request_id.as_str().as_bytes();
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
        let Request { head, own_id, started } = *request;
        let mut decoder = BodyDecoder::for_request(judged.framing);
        // RFC 9931 §4: what a client sends in the belief that the protocol will be switched is no request, whenever it comes.
        let offered = judged.offer.is_some();
        let wanted = wants_keep_alive(&head.fields, head.version);
        let mut keep_alive = KeepAlive::new(wanted && !offered);
        let progress = Progress::default();
        let exchange = Exchange {
            worker: &self.worker,
            world: &world,
            listener,
            deadline,
            hello: None,
            client: self.facts(self.trusts(listener), &own_id),
            started,
            arrived: world.plan.access.map(|_| Instant::now()),
            progress: &progress,
        };
        let request_id = exchange.client.request_id(head);
        let _testament = Testament { connection: self, request_id };
        let Busy { inbox, outbox } = busy;
        let (io, buffers) = (&self.io, &self.worker.buffers);
        let mut messages = Messages {
            head,
            framing: judged.framing,
            expects_continue: judged.expects_continue,
            offer: judged.offer,
            body: Replay::new(Receive {
                io,
                inbox,
                decoder: &mut decoder,
                buffers,
                limit: listener.limits.body.unwrap_or(u64::MAX),
            }),
            upload: Pump::default(),
            advice: None,
            answer: Respond {
                send: Send { io, outbox },
                worker: &self.worker,
                entrance: &self.entrance,
                listener,
                head: Some(head),
                request_id,
                keep_alive: &mut keep_alive,
            },
        };
        self.is_answering.set(true);
        let shown = Shown { head, request_id, started, progress: &progress };
        let ended = match self.run(&exchange, &mut messages, &shown).await {
            Outcome::Ended(ended) => ended,
            Outcome::Switched(switched) => return Err(switched),
        };
        self.account(
            &listener.counters,
            &Past { head: Some(head), request_id, started, ended, progress: Some(&progress) },
        );
        Ok(if ended.broken {
            Next::Reset
        } else if !decoder.is_done() || offered {
            Next::CloseUnread
        } else if keep_alive.is_kept() {
            Next::Request
        } else {
            Next::Close
        })
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

    fn trusts(&self, listener: &Listener) -> bool {
        listener.trusted_proxies.contains(self.client.ip())
    }

    pub(super) fn facts<'a>(&'a self, trusted: bool, request_id: &'a RequestId) -> ClientFacts<'a> {
        ClientFacts {
            address: self.client.ip(),
            scheme: self.scheme(),
            trusted,
            request_id: request_id.as_str(),
            certificate: self.io.client_certificate(),
        }
    }

    /// Answers what is not passed on. Unless it is `kept` the connection closes, for nobody asks any more where a body would end.
    async fn answer(&self, busy: &mut Busy, deadline: &Deadline, own: Own<'_>, kept: bool) -> Next {
        let Own { head, kind, started } = own;
        let world = self.worker.world_of(&self.entrance);
        let Some(listener) = world.listener(&self.entrance) else { return Next::CloseUnread };
        let own_id: RequestId = self.worker.request_id(started);
        let facts = self.facts(self.trusts(listener), &own_id);
        let request_id = head.map_or(own_id.as_str().as_bytes(), |head| facts.request_id(head));
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
        let (status, bytes_out) = match &kind {
            Kind::Refusal(reason) => (reason.status(), respond.refuse(*reason, None, kept)),
            Kind::Methods => {
                (200, respond.own(200, &[("Allow", METHODS_ALLOWED)], Page::default()))
            }
            Kind::Challenge(answer) => {
                let page = Page { media_type: "application/octet-stream", body: answer.as_bytes() };
                (200, respond.own(200, &[], page))
            }
            Kind::Elsewhere(location) => {
                (308, respond.own(308, &[("Location", location)], Page::default()))
            }
        };
        let broken = flush(&mut respond, deadline, listener).await.is_err();
        let (status, failure) = (Some(status).filter(|_| !broken), kind.failure());
        let ended = Ended { status, failure, broken, bytes_out, ..Ended::default() };
        self.account(
            &listener.counters,
            &Past { head, request_id, started, ended, progress: None },
        );
        match (broken, keep_alive.is_kept()) {
            (true, _) => Next::Reset,
            (false, true) => Next::Request,
            (false, false) => Next::CloseUnread,
        }
    }
}

/// Says which request it was if a panic ends the exchange.
struct Testament<'a> {
    connection: &'a Connection,
    request_id: &'a [u8],
}

impl Drop for Testament<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let request_id = String::from_utf8_lossy(self.request_id).into();
            self.connection.victim.replace(Some(request_id));
        }
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

/// A request whose answer is our own.
#[derive(Debug)]
struct Own<'a> {
    /// Its head, if one could be read.
    head: Option<&'a RequestHead>,
    kind: Kind,
    started: Instant,
}

/// An answer of our own.
#[derive(Debug)]
enum Kind {
    /// Why the request is not passed on.
    Refusal(Reason),
    /// It was to come no further than this (RFC 9110 §7.6.2).
    Methods,
    /// An authority asks whether a name is ours (RFC 8555 §8.3).
    Challenge(Arc<str>),
    /// It shall come again, and there.
    Elsewhere(String),
}

impl Kind {
    fn failure(&self) -> Option<Reason> {
        match self {
            Self::Refusal(reason) => Some(*reason),
            Self::Methods | Self::Challenge(_) | Self::Elsewhere(_) => None,
        }
    }
}
