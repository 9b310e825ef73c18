//! The first half of an attempt: the request goes out, the head of the final answer comes back.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Instant;

use evenkeel_plan::limits::INTERIM_RESPONSES_MAX;
use evenkeel_plan::reason::Reason;
use evenkeel_proto::head::ResponseHead;
use evenkeel_proto::http1::request_head;

use super::{Answer, Exchange, Messages, Target};
use crate::body::{Pump, PumpError, Room, Source, SourceError};
use crate::patience::Wait;
use crate::upstream::attempt::{Attempt, AttemptError};

impl Exchange<'_> {
    /// Sends the request, and waits for the head of the final answer; most of a request's time passes here.
    pub(super) async fn ask<B: Source, A: Answer>(
        &self,
        target: Target<'_>,
        mut attempt: Attempt,
        messages: &mut Messages<'_, B, A>,
        request: &mut Pump,
    ) -> Result<(Attempt, ResponseHead), AttemptError> {
        let out = attempt.begin(messages.framing, &self.worker.buffers);
        request_head(out, messages.head, &self.facts(), messages.framing, &target.endpoint.name);
        let mut patience = self.patience(target);
        let mut interim = 0;
        let asked = Instant::now();
        let head = poll_fn(|cx| {
            if let Poll::Ready(Err(error)) = self.poll_request(cx, &mut attempt, messages, request)
            {
                return Poll::Ready(Err(error));
            }
            while let Poll::Ready(head) = attempt.poll_head(cx, &self.worker.buffers) {
                let head = head?;
                if !head.is_interim() {
                    return Poll::Ready(Ok(head));
                }
                interim += 1;
                if interim > INTERIM_RESPONSES_MAX {
                    return Poll::Ready(Err(AttemptError::Malformed));
                }
                messages.answer.interim(&head);
                self.worker.buffers.give_head(head.fields);
                // An error shows again when the final answer is written.
                let _ = messages.answer.poll_flush(cx);
            }
            patience
                .wait(waiting_for_head(request), request.moved())
                .map_err(AttemptError::Gave)?;
            Poll::Pending
        })
        .await?;
        target.counters.first_byte.observe(asked.elapsed());
        Ok((attempt, head))
    }

    /// Moves the request's body on. That the endpoint takes no more of it is no failure yet: it may have answered.
    pub(super) fn poll_request<B: Source, A: Answer>(
        &self,
        cx: &mut Context<'_>,
        attempt: &mut Attempt,
        messages: &mut Messages<'_, B, A>,
        request: &mut Pump,
    ) -> Poll<Result<(), AttemptError>> {
        if attempt.is_deaf {
            return Poll::Pending;
        }
        let mut scratch = self.worker.buffers.scratch.borrow_mut();
        let mut room = Room { scratch: &mut scratch, pipes: &self.worker.buffers.pipes };
        match request.poll(cx, &mut messages.body, &mut attempt.request(), &mut room) {
            Poll::Ready(Err(PumpError::Source(error))) => {
                Poll::Ready(Err(AttemptError::Gave(client_reason(error))))
            }
            Poll::Ready(Err(PumpError::Sink)) => {
                attempt.is_deaf = true;
                Poll::Pending
            }
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        }
    }
}

fn waiting_for_head(request: &Pump) -> Wait {
    if request.is_done() {
        Wait::FirstByte
    } else if request.waits_for_sink() {
        Wait::EndpointReads
    } else {
        Wait::RequestBody
    }
}

fn client_reason(error: SourceError) -> Reason {
    match error {
        SourceError::Malformed => Reason::RequestMalformed,
        SourceError::Truncated => Reason::ClientGone,
    }
}
