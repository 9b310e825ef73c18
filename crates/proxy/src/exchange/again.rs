//! Who gets the request, and who gets it after an attempt that failed, or that waits in vain: whether anybody, and when. Asked by the
//! exchange.

use std::mem;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, UNIX_EPOCH};

use evenkeel_plan::balance::Tried;
use evenkeel_plan::reason::Reason;
use evenkeel_plan::retry::{self, Decision, Failure};
use evenkeel_plan::story::{self, Then};
use evenkeel_plan::time::Time;
use evenkeel_plan::vitals::Heard;
use evenkeel_proto::head::ResponseHead;
use httpdate::parse_http_date;

use super::attempt::{Target, Turn};
use super::grant::Grant;
use super::verdict::heard_in;
use super::way::Way;
use super::{Exchange, Messages};
use crate::access::Course;
use crate::buffers::Buffers;
use crate::upstream::attempt::Attempt;
use crate::world::{Chosen, NoChoice};

/// The attempts of one exchange so far.
pub(super) struct Attempts<'a> {
    pub(super) way: Way<'a>,
    pub(super) course: Course<'a>,
    /// Who gets the request if the attempt under way is given up.
    pub(super) next: Option<Turn<'a>>,
    pub(super) tried: Tried,
    /// Those of them that were waited for in vain, or do not listen.
    hopeless: Tried,
    /// The one whose turn it is, by position.
    current: usize,
    /// A request that has gone out already: of an attempt that is about to be left, or that is gone back to.
    pub(super) under_way: Option<Box<UnderWay>>,
    /// An attempt that was given up because its endpoint said nothing to anybody, and that is still listened to.
    pub(super) left: Option<Box<Left<'a>>>,
    /// Whether it is known that nobody else is left who could take over.
    stays: bool,
    /// Whether the request may be done twice: no other is a trial of an endpoint that may not answer.
    is_idempotent: bool,
    /// Whether one of those that were tried may do better the next time.
    may_do_better: bool,
    /// Whether nobody was chosen because all have as much to do as they may.
    pub(super) is_full: bool,
    /// Whether it has been waited for that to change.
    pub(super) has_waited: bool,
    /// How many there were in all.
    all: usize,
    /// How many of them count.
    counted: u32,
}

/// A request that has gone out, to which no answer has come.
pub(super) struct UnderWay {
    pub(super) attempt: Attempt,
    pub(super) asked: Instant,
    /// When the attempt began, unless that was with the exchange, and when it began to connect, if it had to: for its story.
    pub(super) began: (Option<Instant>, Option<Instant>),
}

/// An attempt that nobody counts on any more.
pub(super) struct Left<'a> {
    pub(super) turn: Turn<'a>,
    pub(super) under_way: Box<UnderWay>,
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
        Self {
            way,
            course,
            next: None,
            tried: Tried::default(),
            hopeless: Tried::default(),
            current: 0,
            under_way: None,
            left: None,
            stays: false,
            is_idempotent,
            may_do_better: false,
            is_full: false,
            has_waited: false,
            all: 0,
            counted: 0,
        }
    }

    /// A second one, after those at whom an answer is waited for.
    pub(super) fn after(way: Way<'a>, tried: Tried) -> Self {
        let course = Course { attempts: 1, ..Course::default() };
        Self { tried, ..Self::new(way, course, true) }
    }

    /// Gives up an attempt that stalls, but listens to it. Only to the first: it has been under way for longest. Another one is given back.
    pub(super) fn leave(&mut self, turn: Turn<'a>) -> Option<Turn<'a>> {
        let under_way = self.under_way.take();
        match under_way.filter(|_| self.left.is_none()) {
            Some(under_way) => {
                let left = Left { turn, under_way, has_answered: false, interim: 0 };
                self.left = Some(Box::new(left));
                None
            }
            None => Some(turn),
        }
    }

    /// It is the turn of the endpoint at this position.
    pub(super) fn turns_to(&mut self, position: usize) {
        self.tried.insert(position);
        self.current = position;
    }

    /// The attempt that was given up is the one that counts after all.
    pub(super) fn come_back_to(&mut self, turn: &Turn<'a>) {
        self.current = turn.target.choice.position;
        self.course.endpoint = Some(&turn.target.endpoint.name);
        self.course.connect = None;
    }

    /// The head of the answer to the attempt that was given up, if it comes.
    pub(super) fn poll_left(
        &mut self,
        cx: &mut Context<'_>,
        buffers: &Buffers,
    ) -> Option<ResponseHead> {
        let left = self.left.as_mut()?;
        match left.under_way.attempt.poll_final_head(cx, buffers, &mut left.interim) {
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

impl Attempts<'_> {
    /// Whether others wait, before whom it may not push in. One that has got in already may: what was done for it would be lost.
    fn must_wait(&self) -> bool {
        let cluster = self.way.cluster;
        self.course.attempts == 0
            && !self.has_waited
            && cluster.room(self.way.asked).is_some_and(|room| room.waiting() > 0)
    }
}

impl Failed {
    /// Whether it was told that it has failed: who has been waited for in vain, or does not listen, will not do better at once.
    fn is_quick(self) -> bool {
        matches!(
            self.failure,
            Failure::Reset | Failure::RefusedStream | Failure::Status { .. } | Failure::Grpc { .. }
        )
    }
}

impl<'a> Exchange<'a> {
    /// Who gets the request, of those that were not tried.
    pub(super) fn choose(&self, attempts: &mut Attempts<'a>) -> Option<Turn<'a>> {
        let turn = self.find(attempts)?;
        self.take_up(&turn, attempts);
        Some(turn)
    }

    /// Finds an endpoint that was not tried, and has room for the request.
    fn find(&self, attempts: &mut Attempts<'a>) -> Option<Turn<'a>> {
        attempts.is_full = attempts.must_wait();
        if attempts.is_full {
            return None;
        }
        let turn = self.find_next(attempts)?;
        if attempts.is_idempotent || turn.suspicion().is_none() {
            return Some(turn);
        }
        attempts.tried.insert(turn.target.choice.position);
        Some(self.find_next(attempts).unwrap_or(turn))
    }

    fn find_next(&self, attempts: &mut Attempts<'a>) -> Option<Turn<'a>> {
        let Attempts { way, tried, is_full, .. } = attempts;
        if tried.is_full() {
            return None;
        }
        let now = self.chosen_at(attempts.course);
        let chosen = way.cluster.choose(way.asked, tried, now, self.worker.random());
        *is_full = matches!(chosen, Err(NoChoice::Full));
        let Chosen { choice, permit, lease } = chosen.ok()?;
        while let Some(inquiry) = way.cluster.next_inquiry() {
            self.worker.inquiries.order(inquiry);
        }
        let (endpoint, pool) = way.cluster.chosen(choice)?;
        let counters = endpoint.life.counters.shard(self.worker.index);
        let target = Target { way: *way, choice, endpoint, pool, counters };
        Some(Turn { target, lease, grant: Grant::new(self, &target, permit) })
    }

    /// From now on it is the turn of this one.
    fn take_up(&self, turn: &Turn<'a>, attempts: &mut Attempts<'a>) {
        let Target { endpoint, choice, counters, .. } = turn.target;
        endpoint.life.vitals.given(self.chosen_at(attempts.course));
        attempts.turns_to(choice.position);
        attempts.course.endpoint = Some(&endpoint.name);
        attempts.course.attempts += 1;
        counters.attempts.add(1);
    }

    /// The first is chosen as of when the request came, which spares a look at the clock.
    fn chosen_at(&self, course: Course<'_>) -> Time {
        self.worker.time(if course.attempts == 0 { self.started } else { self.worker.now() })
    }

    /// What an answer says that another endpoint may do better; `None` if it goes to the client.
    pub(super) fn failure_in(&self, head: &ResponseHead, way: Way<'_>) -> Option<Failure> {
        if way.is_bound() {
            return None;
        }
        if !matches!(head.status, 502..=504) {
            return way.failure_of_call(head);
        }
        let mut fields = head.fields.iter();
        let field = fields.find(|field| field.name.eq_ignore_ascii_case(b"retry-after"));
        let wall = || self.worker.wall_time(self.worker.now());
        let retry_after = field.and_then(|field| retry_after(field.value, wall));
        Some(Failure::Status { status: head.status, retry_after })
    }

    /// Who gets the request after an answer that says that another endpoint may do better.
    ///
    /// # Errors
    /// The answer, if that was all.
    pub(super) async fn instead_of<B, A>(
        &self,
        failure: Failure,
        (turn, answer): (&mut Turn<'a>, (Attempt, ResponseHead)),
        messages: &mut Messages<'_, B, A>,
        attempts: &mut Attempts<'a>,
    ) -> Result<Turn<'a>, (Attempt, ResponseHead)> {
        // Others may have its place meanwhile, or it itself once more.
        turn.lease.release();
        let is_sent = messages.is_sent();
        let failed = Failed { failure, sent: true };
        match self.again(failed, attempts, messages).await {
            Some(other) => {
                self.discard(turn.target, answer, messages.head.method, is_sent);
                Ok(other)
            }
            // Not back to one that was left, either: whoever stalls may do so for long, and this is an answer.
            None => {
                turn.lease.retake();
                Err(answer)
            }
        }
    }

    /// Who gets the request next, after an attempt that failed. Waits until it is time. `None` if that was all.
    pub(super) async fn again<B, A>(
        &self,
        failed: Failed,
        attempts: &mut Attempts<'a>,
        messages: &mut Messages<'_, B, A>,
    ) -> Option<Turn<'a>> {
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
        if failed.is_quick() {
            attempts.may_do_better = true;
        } else {
            attempts.hopeless.insert(attempts.current);
        }
        let mut next = self.choose(attempts);
        if next.is_none() && mem::take(&mut attempts.may_do_better) {
            // Where there is no other one, or only such as are gone, the same may do better the next time.
            attempts.tried = attempts.hopeless.clone();
            next = self.choose(attempts);
        }
        match next {
            Some(next) => {
                self.note_next(story::Attempt { then: Then::Again { after }, ..attempt });
                Some(messages.begin_again(next))
            }
            None => {
                self.note_last(if attempts.is_full { Then::NoRoom } else { Then::NobodyLeft });
                None
            }
        }
    }

    /// Goes back to the attempt that was given up, if there is one: the one after it has failed for this `reason`, and nobody else is left who
    /// could do better.
    pub(super) fn go_back(&self, reason: Reason, attempts: &mut Attempts<'a>) -> Option<Turn<'a>> {
        let Left { turn, under_way, .. } = *attempts.left.take()?;
        self.note_return(attempts, &under_way, Some(reason));
        attempts.come_back_to(&turn);
        attempts.under_way = Some(under_way);
        attempts.stays = true;
        Some(turn)
    }

    /// Who gets the request in place of an endpoint that is suspected to stall. `None`, and it is still waited for that one, if nobody
    /// else is left, the budget is spent, or it does more than ask: that one may be at work on it after all.
    pub(super) fn move_on<B, A>(
        &self,
        attempts: &mut Attempts<'a>,
        messages: &mut Messages<'_, B, A>,
    ) -> Option<Turn<'a>> {
        if attempts.stays || attempts.way.is_bound() || !messages.head.method.is_safe() {
            return None;
        }
        let Some(next) = self.find(attempts) else {
            // One that is full may have room the next time.
            attempts.stays = !attempts.is_full;
            return None;
        };
        let before = (attempts.all, attempts.counted);
        let stalled = Failed { failure: Failure::Stalled, sent: true };
        let now = self.worker.time(self.worker.now());
        if !next.is_promising(now) || self.decide(stalled, attempts, messages).is_err() {
            (attempts.all, attempts.counted) = before;
            return None;
        }
        let attempt = self.failed_attempt(stalled, attempts);
        self.note_next(story::Attempt { then: Then::Again { after: Duration::ZERO }, ..attempt });
        attempts.hopeless.insert(attempts.current);
        self.take_up(&next, attempts);
        Some(messages.begin_again(next))
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
    /// Makes ready to send the request once more, to `next`.
    fn begin_again<'a>(&mut self, next: Turn<'a>) -> Turn<'a> {
        next.target.counters.retries.add(1);
        self.rewind();
        next
    }
}

/// The wait that `Retry-After` asks for, in seconds or until a date (RFC 9110 §10.2.3); none until one that is over.
fn retry_after(value: &[u8], wall: impl FnOnce() -> Duration) -> Option<Duration> {
    let value = std::str::from_utf8(value).ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = parse_http_date(value).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(date.saturating_sub(wall()))
}

/// How an attempt failed that ended for this reason; `None` if no other attempt could do better.
pub(super) fn failure_of(reason: Reason) -> Option<Failure> {
    match reason {
        Reason::ConnectFailed => Some(Failure::Refused),
        Reason::ConnectTimeout => Some(Failure::ConnectTimeout),
        Reason::TlsFailed => Some(Failure::Handshake),
        Reason::UpstreamClosed => Some(Failure::Reset),
        Reason::FirstByteTimeout => Some(Failure::FirstByteTimeout),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_asked_for_in_seconds_or_until_a_date_in_any_of_its_forms() {
        // A quarter of a second before Sun, 06 Nov 1994 08:49:37 GMT.
        let wall = Duration::from_millis(784_111_776_750);
        let millis = |value: &str| {
            let wait = retry_after(value.as_bytes(), || wall);
            wait.map(|wait| wait.as_millis())
        };
        for (value, wait) in [
            ("0", Some(0)),
            ("120", Some(120_000)),
            (" 1 ", Some(1000)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(250)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(250)),
            ("Sun Nov  6 08:49:37 1994", Some(250)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60_250)),
            ("Sun, 06 Nov 1994 08:49:36 GMT", Some(0)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(252_618_189_022_250)),
            ("", None),
            ("soon", None),
            ("-1", None),
            ("1.5", None),
            ("18446744073709551616", None),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
        ] {
            assert_eq!(millis(value), wait, "{value:?}");
        }
        assert_eq!(retry_after(b"\xff", || wall), None);
    }
}
