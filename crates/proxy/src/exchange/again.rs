//! Who gets the request, and who gets it after an attempt that failed, or that waits in vain: whether anybody, and when. Asked by the
//! exchange.

use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use evenkeel_plan::balance::Tried;
use evenkeel_plan::reason::Reason;
use evenkeel_plan::retry::{self, Decision, Failure};
use evenkeel_plan::story::{self, Then};
use evenkeel_plan::vitals::Heard;
use evenkeel_proto::head::ResponseHead;

use super::attempt::{Target, Turn};
use super::verdict::heard_in;
use super::way::Way;
use super::{Exchange, Messages};
use crate::access::Course;
use crate::buffers::Buffers;
use crate::upstream::attempt::Attempt;

/// The attempts of one exchange so far.
pub(super) struct Attempts<'a> {
    pub(super) way: Way<'a>,
    pub(super) course: Course<'a>,
    /// Who gets the request if the attempt under way is given up.
    pub(super) next: Option<Target<'a>>,
    pub(super) tried: Tried,
    /// An attempt that was given up because its endpoint said nothing to anybody, and that is still listened to.
    pub(super) left: Option<Box<Left<'a>>>,
    /// Whether it is known that nobody else is left who could take over.
    stays: bool,
    /// Whether the request may be done twice: no other is a trial of an endpoint that may not answer.
    is_idempotent: bool,
    /// How many there were in all.
    all: usize,
    /// How many of them count.
    counted: u32,
}

/// An attempt that nobody counts on any more.
pub(super) struct Left<'a> {
    pub(super) turn: Turn<'a>,
    pub(super) attempt: Attempt,
    pub(super) asked: Instant,
    /// Whether the head of its answer has come all the same.
    pub(super) has_answered: bool,
    /// How many interim answers came.
    interim: usize,
}

/// An attempt that failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed {
    pub(super) failure: Failure,
    /// Whether any byte of the request may have reached the endpoint.
    pub(super) sent: bool,
}

impl<'a> Attempts<'a> {
    /// None yet, on this way.
    pub(super) fn new(way: Way<'a>, course: Course<'a>, is_idempotent: bool) -> Self {
        let (next, tried, left) = (None, Tried::default(), None);
        let stays = false;
        Self { way, course, next, tried, left, stays, is_idempotent, all: 0, counted: 0 }
    }

    /// A second one, after those at whom an answer is waited for.
    pub(super) fn after(way: Way<'a>, tried: Tried) -> Self {
        let course = Course { attempts: 1, ..Course::default() };
        Self { tried, ..Self::new(way, course, true) }
    }

    /// Gives up an attempt, but listens to it. Only to the first: it has been under way for longest.
    pub(super) fn leave(&mut self, turn: &mut Turn<'a>, attempt: Attempt, asked: Instant) {
        if self.left.is_none() {
            let shell = Turn { is_left: true, ..Turn::new(turn.target) };
            let turn = std::mem::replace(turn, shell);
            self.left =
                Some(Box::new(Left { turn, attempt, asked, has_answered: false, interim: 0 }));
        }
    }

    /// The head of the answer to the attempt that was given up, if it comes.
    pub(super) fn poll_left(
        &mut self,
        cx: &mut Context<'_>,
        buffers: &Buffers,
    ) -> Option<ResponseHead> {
        let left = self.left.as_mut()?;
        match left.attempt.poll_final_head(cx, buffers, &mut left.interim) {
            Poll::Pending => None,
            Poll::Ready(Ok(head)) if heard_in(head.status) == Heard::Answer => {
                left.has_answered = true;
                Some(head)
            }
            // The one that is under way may do better.
            Poll::Ready(failed) => {
                failed.into_iter().for_each(|head| buffers.give_head(head.fields));
                self.left = None;
                None
            }
        }
    }
}

impl Failed {
    /// Whether it was told that it has failed: who has been waited for in vain, or does not listen, will not do better at once.
    fn is_quick(self) -> bool {
        matches!(self.failure, Failure::Reset | Failure::RefusedStream | Failure::Status { .. })
    }
}

impl<'a> Exchange<'a> {
    /// Who gets the request, of those that were not tried.
    pub(super) fn choose(&self, attempts: &mut Attempts<'a>) -> Option<Target<'a>> {
        let Attempts { way, course, tried, .. } = attempts;
        if tried.is_full() {
            return None;
        }
        // The first is chosen as of when the request came, which spares a look at the clock.
        let now = if course.attempts == 0 { self.started } else { self.worker.now() };
        let now = self.worker.time(now);
        let draw = self.worker.random();
        let mut chosen = way.cluster.choose(way.asked, tried, now, draw)?;
        if !attempts.is_idempotent && way.cluster.is_suspect(chosen.0) {
            tried.insert(chosen.0.position);
            chosen = way.cluster.choose(way.asked, tried, now, draw).unwrap_or(chosen);
        }
        let (choice, permit) = chosen;
        while let Some(inquiry) = way.cluster.next_inquiry() {
            self.worker.inquiries.order(inquiry);
        }
        tried.insert(choice.position);
        let (endpoint, pool) = way.cluster.chosen(choice)?;
        endpoint.life.vitals.given(now);
        course.endpoint = Some(&endpoint.name);
        course.attempts += 1;
        let counters = endpoint.life.counters.shard(self.worker.index);
        counters.attempts.add(1);
        Some(Target { way: *way, choice, endpoint, pool, counters, permit })
    }

    /// Who gets the request next, after an attempt that failed. Waits until it is time. `None` if that was all.
    pub(super) async fn again<B, A>(
        &self,
        failed: Failed,
        attempts: &mut Attempts<'a>,
        messages: &mut Messages<'_, B, A>,
    ) -> Option<Target<'a>> {
        let after = match self.decide(failed, attempts, messages) {
            Ok(after) => after,
            Err(then) => {
                self.note_last(then);
                return None;
            }
        };
        let attempt = self.failed_attempt(failed, attempts);
        if !after.is_zero() {
            let began = Instant::now();
            tokio::time::sleep(after).await;
            attempts.course.waited += began.elapsed();
        }
        self.note_candidates(attempts);
        let mut next = self.choose(attempts);
        if next.is_none() && failed.is_quick() {
            // Where there is no other one, the same may do better the next time.
            attempts.tried = Tried::default();
            next = self.choose(attempts);
        }
        match next {
            Some(_) => self.note_next(story::Attempt { then: Then::Again { after }, ..attempt }),
            None => self.note_last(Then::NobodyLeft),
        }
        messages.begin_again(next)
    }

    /// Who gets the request in place of an endpoint that is suspected to stall. `None`, and it is still waited for that one, if nobody
    /// else is left, or the budget is spent.
    pub(super) fn move_on<B, A>(
        &self,
        attempts: &mut Attempts<'a>,
        messages: &mut Messages<'_, B, A>,
    ) -> Option<Target<'a>> {
        if attempts.stays || attempts.way.is_bound() {
            return None;
        }
        let before = (attempts.all, attempts.counted);
        let stalled = Failed { failure: Failure::Stalled, sent: true };
        if self.decide(stalled, attempts, messages).is_err() {
            (attempts.all, attempts.counted) = before;
            return None;
        }
        let attempt = self.failed_attempt(stalled, attempts);
        let next = self.choose(attempts);
        if next.is_none() {
            (attempts.all, attempts.counted) = before;
            attempts.stays = true;
            return None;
        }
        self.note_next(story::Attempt { then: Then::Again { after: Duration::ZERO }, ..attempt });
        messages.begin_again(next)
    }

    /// After how long there is another attempt.
    ///
    /// # Errors
    /// Why there is none.
    fn decide<B, A>(
        &self,
        Failed { failure, sent }: Failed,
        attempts: &mut Attempts<'a>,
        messages: &Messages<'_, B, A>,
    ) -> Result<Duration, Then> {
        attempts.all += 1;
        let mut so_far = retry::Course {
            failure,
            sent,
            idempotent: messages.head.method.is_idempotent(),
            body_kept: messages.body.is_whole(),
            answered: false,
            attempts: attempts.counted,
            tries: attempts.all,
        };
        if so_far.counts() {
            attempts.counted += 1;
            so_far.attempts += 1;
        }
        let now = self.worker.time(self.worker.now());
        match attempts.way.cluster.decide(&so_far, now, self.worker.random()) {
            Decision::Again { after } if self.has_time_for(attempts.way, after) => Ok(after),
            Decision::Again { .. } => Err(Then::NoTime),
            Decision::No(why) => Err(Then::Not(why)),
        }
    }

    /// Whether the exchange may take so much longer.
    fn has_time_for(&self, way: Way<'_>, wait: Duration) -> bool {
        way.timeouts().exchange.is_none_or(|exchange| self.started.elapsed() + wait < exchange)
    }
}

impl<B, A> Messages<'_, B, A> {
    /// Makes ready to send the request once more, to `next`, if there is somebody.
    fn begin_again<'a>(&mut self, next: Option<Target<'a>>) -> Option<Target<'a>> {
        next?.counters.retries.add(1);
        self.rewind();
        next
    }
}

/// What an answer says that another endpoint may do better; `None` for any other.
pub(super) fn failure_in(head: &ResponseHead) -> Option<Failure> {
    let is_gateways = matches!(head.status, 502..=504);
    is_gateways.then(|| Failure::Status { status: head.status, retry_after: retry_after(head) })
}

/// `Retry-After` in seconds (RFC 9110 §10.2.3). A date is not followed: it would be longer than we wait for anybody.
fn retry_after(head: &ResponseHead) -> Option<Duration> {
    let field = head.fields.iter().find(|field| field.name.eq_ignore_ascii_case(b"retry-after"))?;
    let seconds = std::str::from_utf8(field.value).ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// How an attempt failed that ended for this reason; `None` if no other attempt could do better.
pub(super) fn failure_of(reason: Reason) -> Option<Failure> {
    match reason {
        Reason::ConnectFailed => Some(Failure::Refused),
        Reason::ConnectTimeout => Some(Failure::ConnectTimeout),
        Reason::UpstreamClosed => Some(Failure::Reset),
        Reason::FirstByteTimeout => Some(Failure::FirstByteTimeout),
        _ => None,
    }
}
