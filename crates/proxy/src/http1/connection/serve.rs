//! One request: judged, passed on or refused, and accounted for.

use std::time::Instant;

use evenkeel_plan::reason::Reason;
use evenkeel_proto::forward::wants_keep_alive;
use evenkeel_proto::head::RequestHead;
use evenkeel_proto::http1::BodyDecoder;

use super::account::Past;
use super::read::NoHead;
use super::{Busy, Connection, Next};
use crate::body::Pump;
use crate::deadline::Deadline;
use crate::exchange::{Answer, Ended, Exchange, Messages, flush};
use crate::http1::judge::{Judged, judge};
use crate::http1::receive::Receive;
use crate::http1::respond::{KeepAlive, Respond};
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
                return self.refuse(busy, deadline, Refused { head: None, reason, started }).await;
            }
        };
        let next = match judge(&mut head, &self.listener) {
            Ok(judged) => self.exchange(busy, deadline, (&head, judged), started).await,
            Err(reason) => {
                let refused = Refused { head: Some(&head), reason, started };
                self.refuse(busy, deadline, refused).await
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
        let mut decoder = BodyDecoder::new(judged.framing);
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

    /// Answers what is not passed on. Where its body ends, if it has one, nobody asks any more: the connection closes.
    async fn refuse(&self, busy: &mut Busy, deadline: &Deadline, refused: Refused<'_>) -> Next {
        let Refused { head, reason, started } = refused;
        let request_id: RequestId = self.worker.request_id(started);
        let request_id = request_id.as_str().as_bytes();
        let mut respond = Respond {
            send: Send { io: &self.io, outbox: &mut busy.outbox },
            worker: &self.worker,
            errors: &self.listener.errors,
            head,
            request_id,
            keep_alive: &mut KeepAlive::new(false),
        };
        respond.refuse(reason, false);
        let flushed = flush(&mut respond, deadline, &self.listener).await;
        let ended =
            Ended { status: Some(reason.status()), failure: Some(reason), ..Ended::default() };
        self.account(&self.listener, &Past { head, request_id, started, ended });
        if flushed.is_ok() { Next::CloseUnread } else { Next::Reset }
    }
}

/// A request that is not passed on.
#[derive(Clone, Copy, Debug)]
struct Refused<'a> {
    /// Its head, if one could be read.
    head: Option<&'a RequestHead>,
    reason: Reason,
    started: Instant,
}
