//! The second half of an attempt: the answer goes to the client.

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use evenkeel_plan::reason::Reason;
use evenkeel_plan::sight::Phase;
use evenkeel_proto::head::ResponseHead;
use evenkeel_proto::http1::Framing;
use evenkeel_proto::method::Method;

use super::admit::tell_limit;
use super::attempt::{Target, Turn};
use super::{Answer, Ended, Exchange, Messages, count_status, flush};
use crate::access::Course;
use crate::body::{Pump, PumpError, Source, SourceError};
use crate::patience::Wait;
use crate::upstream::attempt::{Attempt, AttemptError};
use crate::upstream::pool::{Demands, Idle};

impl<'a> Exchange<'a> {
    /// Passes the answer to the client, while the rest of the request may still be on its way.
    pub(super) async fn relay<B: Source, A: Answer>(
        &self,
        turn: &mut Turn<'a>,
        (mut attempt, mut head): (Attempt, ResponseHead),
        messages: &mut Messages<'_, B, A>,
        course: &mut Course<'a>,
    ) -> Ended<'a> {
        let target = turn.target;
        let request_done = messages.is_sent();
        let method = messages.head.method;
        let Ok(framing) = attempt.expect_body(&head, method, request_done) else {
            self.judge_end(turn, Err(Reason::UpstreamMalformed));
            return self.refuse(Reason::UpstreamMalformed, messages).await;
        };
        self.progress.enter(Phase::Relaying);
        count_status(&target.counters.responses, head.status);
        self.tell_session(target, &mut head);
        tell_limit(messages.advice.as_deref(), &mut head);
        messages.answer.begin(&head, framing, request_done);
        let status = Some(head.status);
        self.worker.buffers.give_head(head.fields);
        let mut download = Pump::default();
        let mut patience = self.patience(target);
        let mut heard = 0;
        let outcome = poll_fn(|cx| {
            patience.resume();
            // A client whose request breaks off would not read the answer either.
            if let Poll::Ready(Err(AttemptError::Gave(reason))) =
                self.poll_upload(cx, &mut attempt, messages)
            {
                return Poll::Ready(Err(reason));
            }
            let buffers = &self.worker.buffers;
            let mut incoming = attempt.answer(buffers);
            let answer = &mut messages.answer;
            let polled = buffers.lend(|room| download.poll(cx, &mut incoming, answer, room));
            if let Poll::Ready(outcome) = polled {
                return Poll::Ready(outcome.map_err(relay_reason));
            }
            // It takes longer than it takes to look once: the endpoint must not be thought to say nothing.
            turn.lease.stream();
            target.counters.pieces.add(u64::from(download.moved() > heard));
            heard = download.moved();
            let uploading = !messages.upload.is_done() && !attempt.is_deaf;
            // A call may have nothing more to say for long.
            let awaited = uploading && !target.way.is_call();
            let wait = waiting_for_body(&download, &messages.upload, awaited);
            let moved = download.moved() + messages.upload.moved();
            let flushed = messages.answer.flushed() + attempt.flushed();
            self.heed(turn, &mut patience);
            patience.wait(wait, moved + flushed)?;
            if patience.is_long() && !uploading && messages.body.poll_gone(cx).is_ready() {
                return Poll::Ready(Err(Reason::ClientGone));
            }
            Poll::Pending
        })
        .await;
        course.waited += patience.waited();
        self.give_back(target, attempt, framing);
        self.judge_end(turn, outcome);
        if outcome.is_err_and(Reason::is_endpoints_fault) {
            // What came of the answer is the client's; that more was to come it sees from the end.
            let _ = flush(&mut messages.answer, self.deadline, self.listener).await;
        }
        Ended {
            status,
            failure: outcome.err(),
            broken: outcome.is_err(),
            bytes_in: messages.upload.moved(),
            bytes_out: download.moved(),
            ..Ended::default()
        }
    }

    /// Reads what is there of an answer that nobody wants any more: if that is all, its connection can be used again. `is_sent` says whether
    /// all of the request had gone out, whose method was `method`.
    pub(super) fn discard(
        &self,
        target: Target<'_>,
        (mut attempt, head): (Attempt, ResponseHead),
        method: Method,
        is_sent: bool,
    ) {
        count_status(&target.counters.responses, head.status);
        let framing = attempt.expect_body(&head, method, is_sent);
        let buffers = &self.worker.buffers;
        buffers.give_head(head.fields);
        let Ok(framing) = framing else { return };
        buffers.lend(|room| {
            // Nobody waits for the rest.
            let mut cx = Context::from_waker(Waker::noop());
            let mut answer = attempt.answer(buffers);
            for _ in 0..DISCARDED_PIECES_MAX {
                match answer.poll_read(&mut cx, room.scratch) {
                    Poll::Ready(Ok(piece)) if !piece.last => {}
                    _ => break,
                }
            }
        });
        self.give_back(target, attempt, framing);
    }

    /// The attempt is over: its connection goes to the pool if the next one may use it.
    fn give_back(&self, target: Target<'_>, attempt: Attempt, framing: Framing) {
        if let Some(link) = attempt.finish(&self.worker.buffers) {
            let idle = Idle::new(link, self.worker.now(), framing == Framing::Empty);
            target.pool.check_in(idle, Demands::of(target.way.cluster.plan));
        }
    }
}

/// So many reads are cheaper than a new connection.
const DISCARDED_PIECES_MAX: usize = 4;

fn waiting_for_body(download: &Pump, upload: &Pump, uploading: bool) -> Wait {
    match (download.waits_for_sink(), upload.waits_for_sink()) {
        (true, _) => Wait::ClientReads,
        (false, false) if uploading => Wait::RequestBody,
        _ => Wait::AnswerBody,
    }
}

fn relay_reason(error: PumpError) -> Reason {
    match error {
        PumpError::Source(SourceError::Malformed | SourceError::TooLarge) => {
            Reason::UpstreamMalformed
        }
        PumpError::Source(SourceError::Truncated) => Reason::UpstreamClosed,
        PumpError::Sink => Reason::ClientGone,
    }
}
