//! The second half of an attempt: the answer goes to the client.

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use evenkeel_plan::reason::Reason;
use evenkeel_plan::sight::Phase;
use evenkeel_proto::head::ResponseHead;
use evenkeel_proto::http1::Framing;
use evenkeel_proto::method::Method;
use evenkeel_proto::trailer::wants_trailers;

use super::admit::tell_limit;
use super::attempt::{Target, Turn};
use super::call::{Call, Overheard, count_answer};
use super::{Answer, Ended, Exchange, Messages, flush};
use crate::access::Course;
use crate::body::{Pump, PumpError, Source, SourceError};
use crate::buffers::Buffers;
use crate::patience::{Patience, Wait};
use crate::refusal::Refusal;
use crate::stays::Stay;
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
        let framing = match attempt.expect_body(&head, method, request_done) {
            Ok(framing) => framing,
            Err(broken) => {
                let rule = Refusal::from(broken).what.unwrap_or_default();
                self.note_broken_rule(target, rule);
                self.judge_end(turn, Err(Reason::UpstreamMalformed));
                return self.refuse(Reason::UpstreamMalformed, messages).await;
            }
        };
        self.progress.enter(Phase::Relaying);
        let call = Call::begun(target.way, &head);
        count_answer(target.counters, head.status, call.as_ref());
        self.tell_session(target, &mut head);
        tell_limit(messages.advice.as_deref(), &mut head);
        let outward = messages.translate_answer(&mut head, framing);
        messages.answer.begin(&head, outward, request_done);
        self.progress.status.set(Some(head.status));
        let (status, took) = (head.status, course.first_byte.unwrap_or_default());
        self.worker.buffers.give_head(head.fields);
        // The trailers that say why it ends would have to be translated, too.
        let is_heard = call.is_some() && messages.web.is_none() && wants_trailers(messages.head);
        let mut relaying = Relaying {
            attempt,
            call,
            took,
            download: Pump::default(),
            heard: 0,
            patience: self.patience(target),
            is_movable: is_heard,
            stay: None,
        };
        let outcome = poll_fn(|cx| relaying.poll(cx, self, turn, messages)).await;
        course.waited += relaying.patience.waited();
        let Relaying { attempt, call, download, .. } = relaying;
        self.give_back(target, attempt, framing);
        self.judge_end(turn, outcome);
        let call = call.map(|call| self.judge_call(turn, call, outcome, took));
        target.counters.moved.add(u64::from(outcome == Err(Reason::Moved)));
        let is_told = match outcome {
            // Boxed: it is rare.
            Err(reason) if is_heard && reason != Reason::ClientGone => {
                Box::pin(self.say_why(reason, &mut messages.answer)).await
            }
            Err(reason) if reason.is_endpoints_fault() => {
                // What came of the answer is the client's; that more was to come it sees from the end.
                let _ = flush(&mut messages.answer, self.deadline, self.listener).await;
                false
            }
            _ => false,
        };
        Ended {
            status: Some(call.as_ref().map_or(status, Call::as_http)),
            call: call.map(|call| call.status()),
            failure: outcome.err(),
            broken: outcome.is_err() && !is_told,
            bytes_in: messages.bytes_in(),
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
        let call = Call::begun(target.way, &head);
        count_answer(target.counters, head.status, call.as_ref());
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
        if let Some(connection) = attempt.finish(&self.worker.buffers) {
            let idle = Idle::new(connection, self.worker.now(), framing == Framing::Empty);
            target.pool.check_in(idle, Demands::of(target.way.cluster.plan));
        }
    }
}

/// An answer whose head the client has.
struct Relaying<'e> {
    attempt: Attempt,
    call: Option<Call>,
    /// Until the head was there.
    took: Duration,
    download: Pump,
    /// How much of the body had come when it was last looked.
    heard: u64,
    patience: Patience<'e>,
    /// Whether it may be ended for an endpoint that joins, and its place among those that last.
    is_movable: bool,
    stay: Option<Stay>,
}

impl Relaying<'_> {
    fn poll<B: Source, A: Answer>(
        &mut self,
        cx: &mut Context<'_>,
        exchange: &Exchange<'_>,
        turn: &mut Turn<'_>,
        messages: &mut Messages<'_, B, A>,
    ) -> Poll<Result<(), Reason>> {
        self.patience.resume();
        // A client whose request breaks off would not read the answer either.
        if let Poll::Ready(Err(AttemptError::Gave(reason))) =
            exchange.poll_upload(cx, &mut self.attempt, messages)
        {
            return Poll::Ready(Err(reason));
        }
        if let Poll::Ready(outcome) = self.poll_download(cx, &exchange.worker.buffers, messages) {
            if let Err(PumpError::Source(SourceError::Malformed(rule))) = outcome {
                exchange.note_broken_rule(turn.target, rule);
            }
            return Poll::Ready(outcome.map_err(relay_reason));
        }
        let download = &self.download;
        exchange.progress.bytes_out.set(download.moved());
        if let Some(call) = self.call.as_mut().filter(|_| download.moved() > 0) {
            exchange.judge_message(turn, call, self.took);
        }
        // It takes longer than it takes to look once: the endpoint must not be thought to say nothing.
        turn.lease.stream();
        let is_silent = download.moved() == self.heard && download.waits_for_source();
        turn.target.counters.pieces.add(u64::from(download.moved() > self.heard));
        self.heard = download.moved();
        let uploading = !messages.upload.is_done() && !self.attempt.is_deaf;
        let awaited = uploading && !messages.may_be_quiet(turn.target.way);
        let wait = waiting_for_body(download, &messages.upload, awaited);
        let moved = download.moved() + messages.upload.moved();
        let flushed = messages.answer.flushed() + self.attempt.flushed();
        exchange.heed(turn, &mut self.patience);
        self.patience.wait(wait, moved + flushed)?;
        let shall_move =
            self.is_movable && exchange.shall_move(turn, &mut self.stay, &self.patience);
        let is_whole = self.call.as_ref().is_none_or(Call::is_between_messages);
        if shall_move && is_silent && is_whole {
            return Poll::Ready(Err(Reason::Moved));
        }
        if self.patience.is_long() && !uploading && messages.body.poll_gone(cx).is_ready() {
            return Poll::Ready(Err(turn.target.way.departure(exchange.started.elapsed())));
        }
        Poll::Pending
    }

    fn poll_download<B: Source, A: Answer>(
        &mut self,
        cx: &mut Context<'_>,
        buffers: &Buffers,
        messages: &mut Messages<'_, B, A>,
    ) -> Poll<Result<(), PumpError>> {
        let Messages { answer, web, .. } = messages;
        let translation = web.as_mut().and_then(|web| web.answer.as_mut());
        let mut incoming =
            Overheard { answer: self.attempt.answer(buffers), call: self.call.as_mut() };
        buffers.lend(|room| match translation {
            None => self.download.poll(cx, &mut incoming, answer, room),
            Some(it) => self.download.poll(cx, &mut it.of(incoming), answer, room),
        })
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
        PumpError::Source(SourceError::Malformed(_) | SourceError::TooLarge) => {
            Reason::UpstreamMalformed
        }
        PumpError::Source(SourceError::Truncated) => Reason::UpstreamClosed,
        PumpError::Sink => Reason::ClientGone,
    }
}
