//! One request: judged, passed on or refused, and accounted for.

use std::time::Instant;

use evenkeel_plan::reason::Reason;
use evenkeel_proto::forward::{max_forwards, wants_keep_alive};
use evenkeel_proto::head::RequestHead;
use evenkeel_proto::http1::{BodyDecoder, Framing};

use super::account::Past;
use super::read::NoHead;
use super::{Busy, Connection, Next};
use crate::body::Pump;
use crate::deadline::Deadline;
use crate::exchange::{Answer, Ended, Exchange, Messages, flush};
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
            Err(NoHead::Gone) => return Next::Close,
            Err(NoHead::Refused(reason)) => {
                let own = Own { head: None, failure: Some(reason), started };
                return self.answer(busy, deadline, own, false).await;
            }
        };
        let next = match judge(&mut head, &self.listener) {
            Ok(judged) if max_forwards(&head) == Some(0) => {
                let kept = judged.framing == Framing::Empty;
                let own = Own { head: Some(&head), failure: None, started };
                self.answer(busy, deadline, own, kept).await
            }
            Ok(judged) => self.exchange(busy, deadline, (&head, judged), started).await,
            Err(reason) => {
                let own = Own { head: Some(&head), failure: Some(reason), started };
                self.answer(busy, deadline, own, false).await
            }
        };
        self.worker.buffers.give_head(head.fields);
        next
    }

    async fn exchange(
        &self,
        busy: &mut Busy,
        deadline: &Deadline,
        (head, judged): (&RequestHead, Judged),
        started: Instant,
    ) -> Next {
        let world = self.worker.world();
        // Gone from the plan: it drains.
        let Some(listener) = world.listener(&self.listener) else { return Next::CloseUnread };
        let mut decoder = BodyDecoder::for_request(judged.framing);
        let request_id = self.worker.request_id(started);
        let mut keep_alive = KeepAlive::new(wants_keep_alive(&head.fields, head.version));
        let exchange = Exchange {
            worker: &self.worker,
            world: &world,
            listener,
            deadline,
            client: self.client.ip(),
            request_id: &request_id,
            started,
            arrived: world.plan.access.map(|_| Instant::now()),
        };
        let facts = exchange.facts();
        let request_id = facts.request_id(head);
        let Busy { inbox, outbox } = busy;
        let (io, buffers) = (&self.io, &self.worker.buffers);
        let offered = judged.offer.is_some();
        let mut messages = Messages {
            head,
            framing: judged.framing,
            expects_continue: judged.expects_continue,
            offer: judged.offer,
            body: Receive {
                io,
                inbox,
                decoder: &mut decoder,
                buffers,
                limit: listener.limits.body.unwrap_or(u64::MAX),
            },
            upload: Pump::default(),
            answer: Respond {
                send: Send { io, outbox },
                worker: &self.worker,
                errors: &listener.errors,
                head: Some(head),
                request_id,
                keep_alive: &mut keep_alive,
            },
        };
        let ended = exchange.run(&mut messages).await;
        self.account(listener, &Past { head: Some(head), request_id, started, ended });
        if ended.broken {
            Next::Reset
        } else if !decoder.is_done() || offered && !busy.inbox.is_empty() {
            // RFC 9931 §4: what was sent in the belief that the protocol would be switched is no request.
            Next::CloseUnread
        } else if keep_alive.is_kept() {
            Next::Request
        } else {
            Next::Close
        }
    }

    /// Answers what is not passed on. Unless it is `kept` the connection closes, for nobody asks any more where a body would end.
    async fn answer(&self, busy: &mut Busy, deadline: &Deadline, own: Own<'_>, kept: bool) -> Next {
        let Own { head, failure, started } = own;
        let request_id: RequestId = self.worker.request_id(started);
        let request_id = request_id.as_str().as_bytes();
        let wanted = head.is_some_and(|head| wants_keep_alive(&head.fields, head.version));
        let mut keep_alive = KeepAlive::new(kept && wanted);
        let mut respond = Respond {
            send: Send { io: &self.io, outbox: &mut busy.outbox },
            worker: &self.worker,
            errors: &self.listener.errors,
            head,
            request_id,
            keep_alive: &mut keep_alive,
        };
        match failure {
            Some(reason) => respond.refuse(reason, kept),
            None => respond.own(200, &[("Allow", METHODS_ALLOWED)], Page::default()),
        }
        let broken = flush(&mut respond, deadline, &self.listener).await.is_err();
        let status = Some(failure.map_or(200, Reason::status));
        let ended = Ended { status, failure, broken, ..Ended::default() };
        self.account(&self.listener, &Past { head, request_id, started, ended });
        match (broken, keep_alive.is_kept()) {
            (true, _) => Next::Reset,
            (false, true) => Next::Request,
            (false, false) => Next::CloseUnread,
        }
    }
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
