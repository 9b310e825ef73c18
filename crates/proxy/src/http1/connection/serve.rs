//! One request: judged, passed on or refused, and accounted for.

use std::pin::pin;
use std::thread;
use std::time::Instant;

use evenkeel_plan::Listener;
use evenkeel_plan::reason::Reason;
use evenkeel_proto::forward::{ClientFacts, max_forwards, wants_keep_alive};
use evenkeel_proto::head::RequestHead;
use evenkeel_proto::http1::{BodyDecoder, Framing};

use super::account::Past;
use super::read::NoHead;
use super::show::Shown;
use super::{Busy, Connection, Next};
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
                let own = Own { head: None, failure: Some(reason), started };
                return self.answer(busy, deadline, own, false).await;
            }
        };
        self.requests.update(|requests| requests + 1);
        let next = match self.judge(&mut head) {
            None => Next::CloseUnread,
            Some(Ok(judged)) if max_forwards(&head) == Some(0) => {
                let kept = judged.framing == Framing::Empty && judged.offer.is_none();
                let own = Own { head: Some(&head), failure: None, started };
                self.answer(busy, deadline, own, kept).await
            }
            Some(Ok(judged)) => self.pass_on(busy, deadline, (&head, judged), started).await,
            Some(Err(reason)) => {
                let own = Own { head: Some(&head), failure: Some(reason), started };
                self.answer(busy, deadline, own, false).await
            }
        };
        self.worker.buffers.give_head(head.fields);
        next
    }

    /// Judges a request by what is in force now. `None` if the listener is gone, and not only just now.
    fn judge(&self, head: &mut RequestHead) -> Option<Result<Judged, Reason>> {
        let world = self.worker.world_of(&self.entrance);
        Some(judge(head, world.listener(&self.entrance)?))
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
        let kept = !offered && wants_keep_alive(&head.fields, head.version);
        let mut keep_alive = KeepAlive::new(kept);
        let progress = Progress::default();
        let exchange = Exchange {
            worker: &self.worker,
            world: &world,
            listener,
            deadline,
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

    fn trusts(&self, listener: &Listener) -> bool {
        listener.trusted_proxies.contains(self.client.ip())
    }

    pub(super) fn facts<'a>(&self, trusted: bool, request_id: &'a RequestId) -> ClientFacts<'a> {
        ClientFacts {
            address: self.client.ip(),
            scheme: "http",
            trusted,
            request_id: request_id.as_str(),
        }
    }

    /// Answers what is not passed on. Unless it is `kept` the connection closes, for nobody asks any more where a body would end.
    async fn answer(&self, busy: &mut Busy, deadline: &Deadline, own: Own<'_>, kept: bool) -> Next {
        let Own { head, failure, started } = own;
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
        let bytes_out = match failure {
            Some(reason) => respond.refuse(reason, None, kept),
            None => respond.own(200, &[("Allow", METHODS_ALLOWED)], Page::default()),
        };
        let broken = flush(&mut respond, deadline, listener).await.is_err();
        let status = Some(failure.map_or(200, Reason::status)).filter(|_| !broken);
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
#[derive(Clone, Copy, Debug)]
struct Own<'a> {
    /// Its head, if one could be read.
    head: Option<&'a RequestHead>,
    /// Why it is not passed on; `None` if it was to come no further than this (RFC 9110 §7.6.2).
    failure: Option<Reason>,
    started: Instant,
}
