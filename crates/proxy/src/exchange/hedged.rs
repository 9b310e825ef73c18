//! A second attempt while the first still waits: the answer that comes first wins. Called by the exchange, in clusters that want it.
//!
//! Only requests that may be done twice and have no body: two endpoints see them, and a body would have to be kept for both.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use evenkeel_plan::balance::Tried;
use evenkeel_plan::cluster::UpstreamTimeouts;
use evenkeel_plan::hedge::{Course, Decision, Hedging};
use evenkeel_plan::reason::Reason;
use evenkeel_plan::vitals::Heard;
use evenkeel_proto::head::{RequestHead, ResponseHead};
use evenkeel_proto::http1::Framing;
use tokio::time::{sleep, timeout};

use super::again::Attempts;
use super::attempt::Turn;
use super::verdict::heard_in;
use super::way::Way;
use super::{Answer, Exchange, Messages};
use crate::body::{Sink as _, Source};
use crate::upstream::attempt::{Attempt, AttemptError};
use crate::upstream::link::Link;
use crate::upstream::pool::Demands;
use crate::upstream::slot::take_slot;

/// What an attempt has come to.
type Asked = Result<(Attempt, ResponseHead), AttemptError>;

/// The attempt that was sent while another waited, with what came of it.
struct Second<'a> {
    turn: Turn<'a>,
    answer: (Attempt, ResponseHead),
    first_byte: Duration,
}

/// Who was done first.
enum Race<'a> {
    /// With whether the second attempt is still under way.
    First(Asked, bool),
    Second(Box<Second<'a>>),
}

impl<'a> Exchange<'a> {
    /// Whether the request may go to two endpoints at once, and when.
    pub(super) fn hedging<B, A>(
        &self,
        way: Way<'a>,
        messages: &Messages<'_, B, A>,
    ) -> Option<&'a Hedging> {
        let hedging = way.cluster.hedging()?;
        let may = messages.head.method.is_idempotent()
            && messages.framing == Framing::Empty
            && messages.offer.is_none()
            && !way.is_bound();
        may.then_some(hedging)
    }

    /// As [`Exchange::ask`] and [`Exchange::ask_on`], with a second attempt if the first takes longer than `hedging` allows. `turn` is that of the answer.
    pub(super) async fn ask_hedged<B: Source, A: Answer>(
        &self,
        hedging: &Hedging,
        (turn, attempt): (&mut Turn<'a>, Attempt),
        messages: &mut Messages<'_, B, A>,
        attempts: &mut Attempts<'a>,
    ) -> Asked {
        let (way, tried, head) = (attempts.way, attempts.tried.clone(), messages.head);
        let mut second = pin!(self.ask_second(way, tried, head));
        let race = {
            let under_way = self.ask(turn.target, attempt, messages);
            let mut first = pin!(self.ask_on(turn, under_way, messages, attempts));
            if let Some(asked) = self.wait_alone(first.as_mut(), way, hedging).await {
                return asked;
            }
            race(first, second.as_mut()).await
        };
        let winner = match race {
            // What we gave up ourselves, another cannot do better; and one that stalls has a successor.
            Race::First(Err(error), true) if is_failure(error) => match second.await {
                Some(second) => {
                    self.note_hedge_won(&turn.target.endpoint.name, Some(error.reason()));
                    self.judge_failure(turn, error.reason());
                    second
                }
                None => {
                    self.note_hedge_lost(false);
                    return Err(error);
                }
            },
            Race::First(asked, under_way) => {
                self.note_hedge_lost(under_way);
                return asked;
            }
            Race::Second(second) => {
                self.note_hedge_won(&turn.target.endpoint.name, None);
                self.judge_loser(turn);
                second
            }
        };
        let Second { turn: winners, answer, first_byte } = *winner;
        let course = &mut attempts.course;
        course.endpoint = Some(&winners.target.endpoint.name);
        course.attempts += 1;
        (course.first_byte, course.connect) = (Some(first_byte), None);
        attempts.turns_to(winners.target.choice.position);
        attempts.next = None;
        winners.target.counters.hedge_wins.add(1);
        *turn = winners;
        Ok(answer)
    }

    /// Waits for the first attempt until it is done, which is returned, or a second one may go.
    async fn wait_alone(
        &self,
        mut first: Pin<&mut impl Future<Output = Asked>>,
        way: Way<'_>,
        hedging: &Hedging,
    ) -> Option<Asked> {
        let began = Instant::now();
        loop {
            let waited = began.elapsed();
            let course = Course {
                idempotent: true,
                body_kept: true,
                answered: false,
                hedged: false,
                has_other: way.cluster.plan.endpoints.len() > 1,
                waited,
            };
            match way.cluster.hedge(hedging, &course, self.worker.time(began + waited)) {
                Decision::Hedge => return None,
                Decision::No(_) => return Some(first.await),
                Decision::Wait { more } => {
                    let mut time = pin!(sleep(more));
                    let done = poll_fn(|cx| match first.as_mut().poll(cx) {
                        Poll::Ready(asked) => Poll::Ready(Some(asked)),
                        Poll::Pending => time.as_mut().poll(cx).map(|()| None),
                    });
                    if let Some(asked) = done.await {
                        return Some(asked);
                    }
                }
            }
        }
    }

    /// Sends the request to another endpoint than those that were `tried`; `None` if that comes to nothing.
    async fn ask_second(
        &self,
        way: Way<'a>,
        tried: Tried,
        head: &RequestHead,
    ) -> Option<Box<Second<'a>>> {
        let mut attempts = Attempts::after(way, tried);
        let mut turn = self.choose(&mut attempts)?;
        let target = turn.target;
        target.counters.hedges.add(1);
        let began = Instant::now();
        self.note_hedge(&target.endpoint.name, began);
        turn.lease.ask(self.worker.time(began));
        let UpstreamTimeouts { connect, tls, first_byte, .. } = way.timeouts();
        let handshake = way.cluster.plan.tls.as_ref().map_or(Duration::ZERO, |_| tls);
        let most = connect + handshake + first_byte;
        let asked = timeout(most, self.ask_bare(&turn, head)).await;
        let Ok(Some(answer)) = asked else {
            self.judge_loser(&mut turn);
            return None;
        };
        let first_byte = began.elapsed();
        let heard = heard_in(answer.1.status);
        self.judge_head(&mut turn, heard, began + first_byte);
        target.counters.first_byte.observe(first_byte);
        if heard == Heard::Failure {
            // The first may still do better.
            self.worker.buffers.give_head(answer.1.fields);
            return None;
        }
        Some(Box::new(Second { turn, answer, first_byte }))
    }

    /// The request, without a body, and the head of its final answer.
    async fn ask_bare(
        &self,
        turn: &Turn<'a>,
        head: &RequestHead,
    ) -> Option<(Attempt, ResponseHead)> {
        let target = turn.target;
        let cluster = target.way.cluster.plan;
        let mut attempt = match target.pool.find(cluster.http, Demands::of(cluster), self.started) {
            Some(attempt) => {
                target.counters.reuses.add(1);
                attempt
            }
            None => {
                let (life, within) = (&target.endpoint.life, target.way.timeouts().connect);
                let slot = take_slot(self.worker, life, target.pool, within).await?;
                // That of the exchange is for the first attempt.
                let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
                let deadline = self.worker.deadlines.register(waker);
                let io = self.open((target, cluster.http), &deadline).await.ok()?;
                let link = Link::new(io, slot, self.worker.now(), self.worker.random());
                target.pool.adopt(link, cluster.http, self.worker).ok()?
            }
        };
        attempt.ask(head, &self.onward(&target, Framing::Empty), &self.worker.buffers);
        attempt.request().end(None);
        let mut interim = 0;
        poll_fn(|cx| {
            if let Poll::Ready(Err(_)) = attempt.request().poll_flush(cx) {
                return Poll::Ready(None);
            }
            attempt.poll_final_head(cx, &self.worker.buffers, &mut interim).map(Result::ok)
        })
        .await
        .map(|head| (attempt, head))
    }

    /// The attempt is given up because another has been answered: how long it has waited is all that is known of it.
    pub(super) fn judge_loser(&self, turn: &mut Turn<'_>) {
        let now = self.worker.time(self.worker.now());
        if let Some(waited) = turn.lease.hear(Heard::Nothing, now) {
            turn.target.way.cluster.answered(waited, now);
        }
        turn.grant = None;
    }
}

/// Whether an attempt failed such that another may still succeed.
fn is_failure(error: AttemptError) -> bool {
    matches!(error, AttemptError::Closed | AttemptError::Malformed(_))
        || error == AttemptError::Gave(Reason::FirstByteTimeout)
}

/// Who is done first. A second attempt that comes to nothing is forgotten.
async fn race<'a>(
    mut first: Pin<&mut impl Future<Output = Asked>>,
    mut second: Pin<&mut impl Future<Output = Option<Box<Second<'a>>>>>,
) -> Race<'a> {
    let mut is_over = false;
    poll_fn(|cx| {
        if let Poll::Ready(asked) = first.as_mut().poll(cx) {
            return Poll::Ready(Race::First(asked, !is_over));
        }
        if !is_over && let Poll::Ready(outcome) = second.as_mut().poll(cx) {
            is_over = true;
            if let Some(winner) = outcome {
                return Poll::Ready(Race::Second(winner));
            }
        }
        Poll::Pending
    })
    .await
}
