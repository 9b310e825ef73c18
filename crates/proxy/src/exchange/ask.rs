//! The first half of an attempt: the request goes out, the head of the final answer comes back.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Instant;

use evenkeel_plan::limits::INTERIM_RESPONSES_MAX;
use evenkeel_plan::reason::Reason;
use evenkeel_plan::sight::Phase;
use evenkeel_plan::vitals::{Heard, Lease, Vitals};
use evenkeel_proto::head::ResponseHead;
use evenkeel_proto::http1::{Framing, Onward, request_head};

use super::attempt::Target;
use super::{Answer, Exchange, Messages};
use crate::access::Course;
use crate::body::{PumpError, Source, SourceError};
use crate::patience::Wait;
use crate::upstream::attempt::{Attempt, AttemptError};

impl Exchange<'_> {
    /// Sends the request, and waits for the head of the final answer; most of a request's time passes here.
    pub(super) async fn ask<B: Source, A: Answer>(
        &self,
        target: Target<'_>,
        (mut attempt, lease): (Attempt, &mut Lease<&Vitals>),
        messages: &mut Messages<'_, B, A>,
        course: &mut Course<'_>,
    ) -> Result<(Attempt, ResponseHead), AttemptError> {
        self.progress.enter(Phase::Asking);
        let out = attempt.begin(messages.framing, &self.worker.buffers);
        let onward = Onward {
            client: self.client,
            framing: messages.framing,
            expects_continue: messages.expects_continue,
            offers_upgrade: messages.offer.is_some(),
            endpoint: &target.endpoint.name,
        };
        request_head(out, messages.head, &onward);
        let mut patience = self.patience(target);
        let mut interim = 0;
        let asked = Instant::now();
        // A new connection is asked already: it had to be accepted first.
        let mut all_sent = messages.framing == Framing::Empty;
        if all_sent && attempt.is_reused() {
            lease.ask(self.worker.time(asked));
        }
        let head = poll_fn(|cx| {
            patience.resume();
            match self.poll_upload(cx, &mut attempt, messages) {
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) if !all_sent => {
                    all_sent = true;
                    lease.ask(self.worker.time(self.worker.now()));
                }
                _ => {}
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
            let moved = messages.upload.moved() + attempt.flushed();
            patience.wait(waiting_for_head(messages), moved).map_err(AttemptError::Gave)?;
            Poll::Pending
        })
        .await;
        course.waited += patience.waited();
        let head = head?;
        let first_byte = asked.elapsed();
        lease.hear(heard_in(head.status), self.worker.time(asked + first_byte));
        course.first_byte = Some(first_byte);
        target.counters.first_byte.observe(first_byte);
        Ok((attempt, head))
    }

    /// Moves the request's body on. That the endpoint takes no more of it is no failure yet: it may have answered.
    pub(super) fn poll_upload<B: Source, A: Answer>(
        &self,
        cx: &mut Context<'_>,
        attempt: &mut Attempt,
        messages: &mut Messages<'_, B, A>,
    ) -> Poll<Result<(), AttemptError>> {
        if attempt.is_deaf {
            return Poll::Pending;
        }
        let Messages { body, upload, .. } = messages;
        let uploaded =
            self.worker.buffers.lend(|room| upload.poll(cx, body, &mut attempt.request(), room));
        match uploaded {
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

/// What a status says about the endpoint: that it, or what stands behind it, has failed. That it cannot do what nobody of its kind could
/// (501, 505) does not.
pub(super) fn heard_in(status: u16) -> Heard {
    match status {
        500 | 502..=504 | 506.. => Heard::Failure,
        _ => Heard::Answer,
    }
}

fn waiting_for_head<B, A>(messages: &Messages<'_, B, A>) -> Wait {
    let upload = &messages.upload;
    // A client that waits for 100 waits for the endpoint.
    let held_back = messages.expects_continue && upload.is_untouched();
    if upload.is_done() || held_back {
        Wait::FirstByte
    } else if upload.waits_for_sink() {
        Wait::EndpointReads
    } else {
        Wait::RequestBody
    }
}

fn client_reason(error: SourceError) -> Reason {
    match error {
        SourceError::Malformed => Reason::RequestMalformed,
        SourceError::TooLarge => Reason::BodyTooLarge,
        SourceError::Truncated => Reason::ClientGone,
    }
}
