//! How a call of gRPC has gone: its status comes with the head of its answer, or after all messages. Judged here for `relay`.
//!
//! What an endpoint says at the end counts for its breaker, for outlier detection and in its figures, whether messages came before it or not: it
//! is the same server that fails, and most of them begin an answer before they know. So most calls are judged once, at their ends. Only of one that lasts, and
//! of a trial of a breaker, a message alone shows that the endpoint does its work: they may go on for hours.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use evenkeel_plan::breaker::Outcome;
use evenkeel_plan::endpoint::EndpointCounters;
use evenkeel_plan::reason::Reason;
use evenkeel_plan::vitals::Heard;
use evenkeel_proto::field::Fields;
use evenkeel_proto::grpc::{self, Messages, Status};
use evenkeel_proto::head::ResponseHead;

use super::attempt::Turn;
use super::grant::Grant;
use super::way::Way;
use super::{Answer, Exchange, count_status, flush};
use crate::body::{Piece, Source, SourceError};
use crate::io::Io;
use crate::upstream::attempt;

/// A call whose answer has begun.
#[derive(Debug)]
pub(super) struct Call {
    /// What its answer has begun with.
    http: u16,
    /// What the endpoint has said; `None` for nothing so far.
    status: Option<Status>,
    /// Whether the head has left open how it goes.
    was_open: bool,
    /// Whether a message has come, or a part of one.
    has_spoken: bool,
    /// Whether it is known that the endpoint does its work.
    is_judged: bool,
    /// How far its answer is.
    messages: Messages,
}

/// The body of an answer on its way to the client. If it is a call's, what follows it is read in passing.
pub(super) struct Overheard<'c> {
    pub(super) answer: attempt::Answer<'c>,
    pub(super) call: Option<&'c mut Call>,
}

impl Exchange<'_> {
    /// More of the answer has come.
    pub(super) fn judge_message(&self, turn: &mut Turn<'_>, call: &mut Call, took: Duration) {
        call.has_spoken = true;
        if !call.is_judged {
            let is_trial = turn.grant.as_ref().is_some_and(Grant::is_trial);
            call.is_judged = is_trial || self.lasts();
            if call.is_judged {
                self.settle(turn, Heard::Answer, took);
            }
        }
    }

    /// The answer has ended, or has broken off: then its endpoint is judged by the reason alone. Returns the call as it has ended.
    pub(super) fn judge_call(
        &self,
        turn: &mut Turn<'_>,
        call: Call,
        outcome: Result<(), Reason>,
        took: Duration,
    ) -> Call {
        let counters = turn.target.counters;
        if call.was_open {
            // An endpoint whose fault it is that an answer breaks off is counted as one that failed, not twice.
            let status = if outcome.is_ok() { call.as_http() } else { call.http };
            count_status(&counters.responses, status);
        }
        if let Err(reason) = outcome {
            // What has come before its client left, or we ended it, was an answer.
            if call.has_spoken && !call.is_judged && !reason.is_endpoints_fault() {
                self.settle(turn, Heard::Answer, took);
            }
            return call.broken_off(reason);
        }
        if call.was_open && call.status().is_fault() {
            counters.faults.add(1);
            self.settle(turn, Heard::Failure, took);
        } else if !call.is_judged {
            self.settle(turn, Heard::Answer, took);
        }
        call
    }

    /// Ends the answer to a call by saying why: to its client a stream that is reset would be a fault of whoever did it, and one that is not to be made
    /// again. Returns whether the client could be told.
    pub(super) async fn say_why(&self, reason: Reason, answer: &mut impl Answer) -> bool {
        let mut trailers = Fields::default();
        let status = reason.grpc_status().to_string();
        trailers.push(grpc::STATUS.as_bytes(), status.as_bytes());
        let message = grpc::message_value(reason.sentence());
        trailers.push(grpc::MESSAGE.as_bytes(), message.as_bytes());
        answer.end(Some(trailers));
        flush(answer, self.deadline, self.listener).await.is_ok()
    }

    fn settle(&self, turn: &mut Turn<'_>, heard: Heard, took: Duration) {
        let now = self.worker.time(self.worker.now());
        turn.lease.settle(heard, took, now);
        self.report(turn, Outcome { failed: heard == Heard::Failure, took }, now);
    }
}

impl Call {
    /// The one that is answered with this head; `None` if it is none.
    pub(super) fn begun(way: Way<'_>, head: &ResponseHead) -> Option<Self> {
        let status = way.status_of_call(head);
        way.is_call().then_some(Self {
            http: head.status,
            status,
            was_open: status.is_none(),
            has_spoken: false,
            is_judged: status.is_some(),
            messages: Messages::default(),
        })
    }

    /// Whether no message of its answer has come in part.
    pub(super) fn is_between_messages(&self) -> bool {
        self.messages.is_between()
    }

    /// How it has ended; without a word of the endpoint's, what its client makes of that.
    pub(super) fn status(&self) -> Status {
        self.status.unwrap_or(Status::UNKNOWN)
    }

    /// The status of HTTP that says the same: as nearly all are answered with 200, nobody would see which have failed.
    pub(super) fn as_http(&self) -> u16 {
        if self.http == 200 { self.status().as_http() } else { self.http }
    }

    /// It has not gone well, whatever was said of it before; unless that was why, the reason says how.
    fn broken_off(self, reason: Reason) -> Self {
        let said = self.status.filter(|said| *said != Status::OK);
        Self { status: said.or(Some(status_for(reason))), ..self }
    }

    fn end(&mut self, trailers: Option<&Fields>) {
        let said = trailers.and_then(grpc::status).map(Status::read);
        self.status = self.status.or(said);
    }
}

/// How a call has ended that has failed for this reason.
pub(crate) fn status_for(reason: Reason) -> Status {
    Status::new(reason.grpc_status().into())
}

/// Counts an answer that has begun with this `status`. How a call goes may not be known yet: then it is counted when it has ended, and at once only
/// that its endpoint says something.
pub(super) fn count_answer(counters: &EndpointCounters, status: u16, call: Option<&Call>) {
    match call {
        Some(call) if call.was_open => counters.pieces.add(1),
        call => count_status(&counters.responses, call.map_or(status, Call::as_http)),
    }
}

impl Source for Overheard<'_> {
    fn poll_read<'s>(
        &'s mut self,
        cx: &mut Context<'_>,
        scratch: &'s mut [u8],
    ) -> Poll<Result<Piece<'s>, SourceError>> {
        let piece = ready!(self.answer.poll_read(cx, scratch))?;
        if let Some(call) = &mut self.call {
            call.messages.pass(piece.bytes);
        }
        Poll::Ready(Ok(piece))
    }

    fn direct(&self) -> Option<(&Io, Option<u64>)> {
        self.answer.direct()
    }

    fn skip(&mut self, count: u64) {
        self.answer.skip(count);
    }

    fn consumed(&mut self, count: usize) {
        self.answer.consumed(count);
    }

    fn trailers(&mut self) -> Option<Fields> {
        let trailers = self.answer.trailers();
        if let Some(call) = &mut self.call {
            call.end(trailers.as_ref());
        }
        trailers
    }
}
