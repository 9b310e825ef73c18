//! The first half of an attempt: the request goes out, the head of the final answer comes back.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Instant;

use evenkeel_plan::limits::INTERIM_RESPONSES_MAX;
use evenkeel_plan::reason::Reason;
use evenkeel_plan::sight::Phase;
use evenkeel_proto::head::ResponseHead;
use evenkeel_proto::http1::Framing;
use evenkeel_proto::onward::Onward;

use super::again::{Attempts, Left, UnderWay};
use super::attempt::{Target, Turn};
use super::{Answer, Exchange, Messages};
use crate::body::{PumpError, Source, SourceError};
use crate::patience::Wait;
use crate::upstream::attempt::{Attempt, AttemptError, TOO_MANY_INTERIM};

impl<'a> Exchange<'a> {
    /// Begins the request. Its head goes out with the first of the body.
    pub(super) fn ask<B, A>(
        &self,
        target: Target<'a>,
        mut attempt: Attempt,
        messages: &Messages<'_, B, A>,
    ) -> UnderWay {
        self.progress.enter(Phase::Asking);
        let onward = Onward {
            expects_continue: messages.expects_continue,
            offers_upgrade: messages.offer.is_some(),
            offers_websocket: messages.offer.is_some_and(|offer| offer.is_websocket()),
            call: target.way.retold(messages.dialect(), || self.started.elapsed()),
            ..self.onward(&target, messages.framing)
        };
        attempt.ask(messages.head, &onward, &self.worker.buffers);
        let began = (self.progress.began.get(), self.progress.connecting.get());
        UnderWay { attempt, asked: Instant::now(), began }
    }

    /// Waits for the head of the final answer to a request that has gone out, or is about to; most of a request's time passes here.
    pub(super) async fn ask_on<B: Source, A: Answer>(
        &self,
        turn: &mut Turn<'a>,
        UnderWay { mut attempt, asked, began }: UnderWay,
        messages: &mut Messages<'_, B, A>,
        attempts: &mut Attempts<'a>,
    ) -> Result<(Attempt, ResponseHead), AttemptError> {
        self.progress.asked.set(Some(asked));
        match self.wait_for_head(turn, (&mut attempt, asked), messages, attempts).await {
            Ok(head) => Ok(self.take_answer(turn, (attempt, asked), head, attempts)),
            Err(error) => {
                let stalls = error == AttemptError::Gave(Reason::UpstreamStalled);
                if stalls && messages.framing == Framing::Empty {
                    // It is still listened to: whoever answers first is right.
                    attempts.under_way = Some(Box::new(UnderWay { attempt, asked, began }));
                }
                Err(error)
            }
        }
    }

    /// How a request goes on to an endpoint that asks for nothing special.
    pub(super) fn onward<'t>(&'t self, target: &'t Target<'a>, framing: Framing) -> Onward<'t> {
        Onward {
            client: self.client,
            framing,
            expects_continue: false,
            offers_upgrade: false,
            offers_websocket: false,
            endpoint: &target.endpoint.name,
            deadline: target.way.deadline(|| self.started.elapsed()),
            call: None,
        }
    }

    /// Waits for the head of the final answer, while the request's body goes out: of this attempt, or of one that was given up.
    async fn wait_for_head<B: Source, A: Answer>(
        &self,
        turn: &mut Turn<'a>,
        (attempt, asked): (&mut Attempt, Instant),
        messages: &mut Messages<'_, B, A>,
        attempts: &mut Attempts<'a>,
    ) -> Result<ResponseHead, AttemptError> {
        let target = turn.target;
        let mut patience = self.patience(target);
        let mut interim = 0;
        // A new connection is asked already: it had to be accepted first.
        let mut all_sent = messages.framing == Framing::Empty;
        if all_sent && attempt.is_reused() {
            turn.lease.ask(self.worker.time(asked));
        } else if !all_sent {
            turn.lease.receive();
        }
        let on_trial = turn.suspicion();
        let head = poll_fn(|cx| {
            patience.resume();
            if let Some(head) = attempts.poll_left(cx, &self.worker.buffers) {
                return Poll::Ready(Ok(head));
            }
            match self.poll_upload(cx, attempt, messages) {
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) if !all_sent => {
                    all_sent = true;
                    turn.lease.ask(self.worker.time(self.worker.now()));
                }
                _ => {}
            }
            while let Poll::Ready(head) = attempt.poll_head(cx, &self.worker.buffers) {
                let head = head.map_err(|error| self.explain(error, attempt, target))?;
                if !head.is_interim() {
                    return Poll::Ready(Ok(head));
                }
                interim += 1;
                if interim > INTERIM_RESPONSES_MAX {
                    return Poll::Ready(Err(TOO_MANY_INTERIM));
                }
                messages.answer.interim(&head);
                self.worker.buffers.give_head(head.fields);
                // An error shows again when the final answer is written.
                let _ = messages.answer.poll_flush(cx);
            }
            let is_silent = all_sent && interim == 0 && attempt.is_silent();
            if is_silent && turn.stalls(on_trial, asked) {
                attempts.next = self.move_on(attempts, messages);
                if attempts.next.is_some() {
                    return Poll::Ready(Err(AttemptError::Gave(Reason::UpstreamStalled)));
                }
            }
            let moved = messages.upload.moved() + attempt.flushed();
            self.heed(turn, &mut patience);
            let wait = waiting_for_head(messages, messages.may_be_quiet(target.way));
            patience.wait(wait, moved).map_err(AttemptError::Gave)?;
            if patience.is_long() && messages.body.poll_gone(cx).is_ready() {
                let reason = target.way.departure(self.started.elapsed());
                return Poll::Ready(Err(AttemptError::Gave(reason)));
            }
            Poll::Pending
        })
        .await;
        attempts.course.waited += patience.waited();
        head
    }

    /// The head has come: writes down what that says about the endpoint. Returns it with the attempt whose it is.
    fn take_answer(
        &self,
        turn: &mut Turn<'a>,
        (mut attempt, mut asked): (Attempt, Instant),
        head: ResponseHead,
        attempts: &mut Attempts<'a>,
    ) -> (Attempt, ResponseHead) {
        if let Some(left) = attempts.left.take_if(|left| left.has_answered) {
            self.judge_loser(turn);
            let Left { turn: winners, under_way, .. } = *left;
            self.note_return(attempts, &under_way, None);
            attempts.come_back_to(&winners);
            UnderWay { attempt, asked, .. } = *under_way;
            *turn = winners;
        }
        let first_byte = asked.elapsed();
        self.judge_head(turn, turn.target.way.heard_in(&head), asked + first_byte);
        attempts.course.first_byte = Some(first_byte);
        turn.target.way.cluster.answered(first_byte, self.worker.time(asked + first_byte));
        turn.target.counters.first_byte.observe(first_byte);
        (attempt, head)
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
        if messages.upload.is_done() {
            return Poll::Ready(Ok(()));
        }
        let Messages { body, upload, web, .. } = messages;
        let text = web.as_mut().and_then(|web| web.request.as_mut());
        let request = &mut attempt.request();
        let uploaded = self.worker.buffers.lend(|room| match text {
            None => upload.poll(cx, body, request, room),
            Some(text) => upload.poll(cx, &mut text.of(body), request, room),
        });
        self.progress.bytes_in.set(messages.bytes_in());
        match uploaded {
            Poll::Ready(Err(PumpError::Source(error))) => {
                if let SourceError::Malformed(rule) = error {
                    self.note_detail(rule.into());
                }
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

/// `may_be_quiet` says that it is the endpoint's turn as much as the client's, whatever of the request is still to come.
fn waiting_for_head<B, A>(messages: &Messages<'_, B, A>, may_be_quiet: bool) -> Wait {
    let upload = &messages.upload;
    // A client that waits for 100 waits for the endpoint.
    let held_back = messages.expects_continue && upload.is_untouched();
    if upload.is_done() || held_back {
        Wait::FirstByte
    } else if upload.waits_for_sink() {
        Wait::EndpointReads
    } else if may_be_quiet {
        Wait::FirstByte
    } else {
        Wait::RequestBody
    }
}

fn client_reason(error: SourceError) -> Reason {
    match error {
        SourceError::Malformed(_) => Reason::RequestMalformed,
        SourceError::TooLarge => Reason::BodyTooLarge,
        SourceError::Truncated => Reason::ClientGone,
    }
}
