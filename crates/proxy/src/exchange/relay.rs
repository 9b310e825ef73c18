//! The second half of an attempt: the answer goes to the client.

use std::future::poll_fn;
use std::task::Poll;

use evenkeel_plan::reason::Reason;
use evenkeel_proto::head::ResponseHead;

use super::{Answer, Ended, Exchange, Messages, Target, count_status, flush};
use crate::body::{Pump, PumpError, Room, Source, SourceError};
use crate::patience::Wait;
use crate::upstream::attempt::{Attempt, AttemptError};

impl Exchange<'_> {
    /// Passes the answer to the client, while the rest of the request may still be on its way.
    pub(super) async fn relay<B: Source, A: Answer>(
        &self,
        target: Target<'_>,
        (mut attempt, head): (Attempt, ResponseHead),
        messages: &mut Messages<'_, B, A>,
        request: &mut Pump,
    ) -> Ended {
        let Ok(framing) = attempt.expect_body(&head, messages.head.method) else {
            target.counters.failures.add(1);
            return self.refuse(Reason::UpstreamMalformed, messages, request).await;
        };
        count_status(&target.counters.responses, head.status);
        messages.answer.begin(&head, framing, request.is_done());
        let status = Some(head.status);
        self.worker.buffers.give_head(head.fields);
        let mut answer = Pump::default();
        let mut patience = self.patience(target);
        let outcome = poll_fn(|cx| {
            // A client whose request breaks off would not read the answer either.
            if let Poll::Ready(Err(AttemptError::Gave(reason))) =
                self.poll_request(cx, &mut attempt, messages, request)
            {
                return Poll::Ready(Err(reason));
            }
            let mut scratch = self.worker.buffers.scratch.borrow_mut();
            let mut room = Room { scratch: &mut scratch, pipes: &self.worker.buffers.pipes };
            let mut incoming = attempt.answer(&self.worker.buffers);
            match answer.poll(cx, &mut incoming, &mut messages.answer, &mut room) {
                Poll::Ready(outcome) => Poll::Ready(outcome.map_err(relay_reason)),
                Poll::Pending => {
                    let uploading = !request.is_done() && !attempt.is_deaf;
                    let wait = match (answer.waits_for_sink(), request.waits_for_sink()) {
                        (true, _) => Wait::ClientReads,
                        (false, false) if uploading => Wait::RequestBody,
                        _ => Wait::AnswerBody,
                    };
                    patience.wait(wait, answer.moved() + request.moved())?;
                    Poll::Pending
                }
            }
        })
        .await;
        if let Some(io) = attempt.finish(&self.worker.buffers) {
            target.pool.check_in(io, target.cluster.plan.pool, self.worker.now());
        }
        if let Err(reason) = outcome {
            target.counters.failures.add(u64::from(reason.is_endpoints_fault()));
            if reason.is_endpoints_fault() {
                // What came of the answer is the client's; that more was to come it sees from the end.
                let _ = flush(&mut messages.answer, self.deadline, self.listener).await;
            }
        }
        Ended {
            status,
            failure: outcome.err(),
            broken: outcome.is_err(),
            bytes_in: request.moved(),
            bytes_out: answer.moved(),
        }
    }
}

fn relay_reason(error: PumpError) -> Reason {
    match error {
        PumpError::Source(SourceError::Malformed) => Reason::UpstreamMalformed,
        PumpError::Source(SourceError::Truncated) => Reason::UpstreamClosed,
        PumpError::Sink => Reason::ClientGone,
    }
}
