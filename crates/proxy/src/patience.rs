//! Whom an exchange is waiting for, for how long, and what to say when that was in vain.

use std::time::{Duration, Instant};

use evenkeel_plan::cluster::UpstreamTimeouts;
use evenkeel_plan::limits::PROGRESS_BYTES_MIN;
use evenkeel_plan::listener::DownstreamTimeouts;
use evenkeel_plan::reason::Reason;

use crate::deadline::Deadline;

/// What an exchange is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// The client, to send more of its body.
    RequestBody,
    /// The endpoint, to take more of the request's body.
    EndpointReads,
    /// The endpoint, to begin its answer.
    FirstByte,
    /// The endpoint, to send more of its answer.
    AnswerBody,
    /// The client, to take more of the answer.
    ClientReads,
    /// Either side of a tunnel, to say anything.
    Tunnel,
    /// The other side of a tunnel, to end too.
    TunnelEnd,
}

/// Keeps a deadline that moves with progress.
#[derive(Debug)]
pub(crate) struct Patience<'a> {
    deadline: &'a Deadline,
    downstream: DownstreamTimeouts,
    upstream: UpstreamTimeouts,
    /// What was waited for, and how much had moved, when the deadline was set.
    set_for: Option<(Wait, u64)>,
    /// Whether the endpoint takes so long already that somebody should look whether the client is still there.
    is_long: bool,
    /// When the exchange as a whole must be over.
    due: Option<Instant>,
    /// When it must be because its endpoint leaves; `None` while that stays.
    leave: Option<Instant>,
    /// Whether the deadline was set for one of these.
    is_last: bool,
    /// Whether anybody wants to know how long it was waited.
    timed: bool,
    /// Since when.
    since: Option<Instant>,
    waited: Duration,
}

impl<'a> Patience<'a> {
    pub(crate) fn new(
        deadline: &'a Deadline,
        downstream: DownstreamTimeouts,
        upstream: UpstreamTimeouts,
        started: Instant,
    ) -> Self {
        let due = upstream.exchange.and_then(|exchange| started.checked_add(exchange));
        Self {
            deadline,
            downstream,
            upstream,
            set_for: None,
            is_long: false,
            due,
            leave: None,
            is_last: false,
            timed: false,
            since: None,
            waited: Duration::ZERO,
        }
    }

    /// Measures from now on how long it waits.
    pub(crate) fn timed(self) -> Self {
        Self { timed: true, ..self }
    }

    /// The wait is over, or only interrupted.
    pub(crate) fn resume(&mut self) {
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
    }

    /// How long it was waited in all.
    pub(crate) fn waited(&self) -> Duration {
        self.waited
    }

    /// Looks whether the endpoint leaves, so that what runs there may go on `within` a time: at the first look that finds it so, `at` says
    /// when it has to be over. `None` if it stays, or stays after all.
    #[inline]
    pub(crate) fn heed(&mut self, within: Option<Duration>, at: impl FnOnce(Duration) -> Instant) {
        if within.is_some() != self.leave.is_some() {
            self.leave = within.map(at);
            self.set_for = None;
        }
    }

    /// Now waiting for `wait`, with `moved` bytes moved so far. Starts anew if either has changed.
    ///
    /// # Errors
    /// The reason to give up, if nothing has changed for too long, or it has to be over whatever changes.
    pub(crate) fn wait(&mut self, wait: Wait, moved: u64) -> Result<(), Reason> {
        let (left, over) = self.left(wait);
        if left.is_zero() && self.deadline.is_expired() {
            return Err(over);
        }
        if self.is_progress(wait, moved) {
            self.set_for = Some((wait, moved));
            self.is_long = false;
            let timeout = self.timeout(wait);
            let first = if is_for_endpoint(wait) { timeout.min(LONG) } else { timeout };
            self.set(first, left);
        } else if self.deadline.is_expired() {
            let more = self.timeout(wait).saturating_sub(LONG);
            if self.is_last {
                // Deadlines are coarse: it came a little early.
                self.set(left, left);
            } else if self.is_long || more.is_zero() || !is_for_endpoint(wait) {
                return Err(reason(wait));
            } else {
                self.is_long = true;
                self.set(more, left);
            }
        }
        self.pause();
        Ok(())
    }

    fn set(&mut self, timeout: Duration, left: Duration) {
        self.is_last = left <= timeout;
        self.deadline.set(timeout.min(left));
    }

    /// Whether the endpoint lets the client wait for long: then it may be worth a look whether that is still there. Where endpoints are
    /// fast, nobody ever looks, and no client costs a registration for it.
    pub(crate) fn is_long(&self) -> bool {
        self.is_long
    }

    /// Waiting, whatever for.
    pub(crate) fn pause(&mut self) {
        self.since = self.timed.then(Instant::now);
    }

    /// Whether the wait begins anew. What a client does counts only if it is more than a pretence.
    fn is_progress(&self, wait: Wait, moved: u64) -> bool {
        let least = match wait {
            Wait::RequestBody | Wait::ClientReads => PROGRESS_BYTES_MIN,
            _ => 1,
        };
        self.set_for.is_none_or(|(before, since)| before != wait || moved - since >= least)
    }

    /// How much is left until it has to be over, whatever changes, and why it is then. A tunnel is not meant to end.
    fn left(&self, wait: Wait) -> (Duration, Reason) {
        let due = self.due.filter(|_| !matches!(wait, Wait::Tunnel | Wait::TunnelEnd));
        let leaves = self.leave.is_some_and(|leave| due.is_none_or(|due| leave < due));
        let (at, over) = if leaves {
            (self.leave, Reason::DrainTimeout)
        } else {
            (due, Reason::ExchangeTimeout)
        };
        (at.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now())), over)
    }

    fn timeout(&self, wait: Wait) -> Duration {
        match wait {
            Wait::RequestBody => self.downstream.body,
            Wait::EndpointReads | Wait::AnswerBody => self.upstream.idle,
            Wait::FirstByte => self.upstream.first_byte,
            Wait::ClientReads => self.downstream.write,
            Wait::Tunnel => self.downstream.tunnel,
            Wait::TunnelEnd => self.upstream.idle,
        }
    }
}

/// Whether it is the endpoint that has to say something next.
fn is_for_endpoint(wait: Wait) -> bool {
    matches!(wait, Wait::FirstByte | Wait::AnswerBody)
}

/// Longer than nearly all answers take, and short for whoever has stopped waiting for one.
const LONG: Duration = Duration::from_millis(300);

fn reason(wait: Wait) -> Reason {
    match wait {
        Wait::RequestBody => Reason::BodyTimeout,
        Wait::EndpointReads | Wait::AnswerBody => Reason::UpstreamIdle,
        Wait::FirstByte => Reason::FirstByteTimeout,
        Wait::ClientReads => Reason::WriteTimeout,
        Wait::Tunnel | Wait::TunnelEnd => Reason::TunnelIdle,
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::task::Waker;

    use super::*;
    use crate::deadline::{Deadlines, TICK};

    fn patient(exchange: Option<Duration>, check: impl FnOnce(&Rc<Deadlines>, &mut Patience<'_>)) {
        let deadlines = Rc::new(Deadlines::default());
        let deadline = deadlines.register(Waker::noop().clone());
        let upstream = UpstreamTimeouts { idle: TICK, exchange, ..UpstreamTimeouts::default() };
        let mut patience =
            Patience::new(&deadline, DownstreamTimeouts::default(), upstream, Instant::now());
        check(&deadlines, &mut patience);
    }

    #[test]
    fn progress_and_a_change_of_sides_start_the_wait_anew() {
        patient(None, |deadlines, patience| {
            for moved in 0..5 {
                assert_eq!(patience.wait(Wait::AnswerBody, moved), Ok(()));
                deadlines.advance(1);
            }
            assert_eq!(patience.wait(Wait::ClientReads, 4), Ok(()));
            deadlines.advance(2);
            assert_eq!(patience.wait(Wait::AnswerBody, 4), Ok(()));
            deadlines.advance(2);
            assert_eq!(patience.wait(Wait::AnswerBody, 4), Err(Reason::UpstreamIdle));
        });
    }

    #[test]
    fn a_long_wait_for_the_endpoint_shows_before_its_time_is_over() {
        patient(None, |deadlines, patience| {
            assert_eq!(patience.wait(Wait::FirstByte, 0), Ok(()));
            deadlines.advance(4);
            assert!(!patience.is_long(), "nobody has looked");
            assert_eq!(patience.wait(Wait::FirstByte, 0), Ok(()));
            assert!(patience.is_long());
            (0..60).for_each(|_| deadlines.advance(10));
            assert_eq!(patience.wait(Wait::FirstByte, 0), Err(Reason::FirstByteTimeout));
            assert_eq!(patience.wait(Wait::FirstByte, 1), Ok(()));
            assert!(!patience.is_long(), "something has moved");
        });
    }

    #[test]
    fn a_byte_now_and_then_is_no_progress_of_a_client() {
        for (wait, reason) in
            [(Wait::RequestBody, Reason::BodyTimeout), (Wait::ClientReads, Reason::WriteTimeout)]
        {
            patient(None, |deadlines, patience| {
                for moved in 0..PROGRESS_BYTES_MIN {
                    assert_eq!(patience.wait(wait, moved), Ok(()));
                }
                deadlines.advance(1);
                assert_eq!(patience.wait(wait, PROGRESS_BYTES_MIN), Ok(()));
                (0..40).for_each(|_| deadlines.advance(10));
                assert_eq!(patience.wait(wait, PROGRESS_BYTES_MIN + 9), Err(reason));
            });
        }
    }

    #[test]
    fn progress_does_not_put_off_the_end_of_the_exchange() {
        patient(Some(Duration::ZERO), |deadlines, patience| {
            assert_eq!(patience.wait(Wait::AnswerBody, 0), Ok(()));
            deadlines.advance(2);
            assert_eq!(patience.wait(Wait::AnswerBody, 1), Err(Reason::ExchangeTimeout));
        });
        patient(Some(Duration::ZERO), |deadlines, patience| {
            assert_eq!(patience.wait(Wait::ClientReads, 0), Ok(()));
            deadlines.advance(2);
            assert_eq!(patience.wait(Wait::ClientReads, 0), Err(Reason::ExchangeTimeout));
            assert_eq!(patience.wait(Wait::Tunnel, 0), Ok(()), "a tunnel is not meant to end");
            deadlines.advance(10);
            assert_eq!(patience.wait(Wait::Tunnel, 0), Ok(()));
        });
    }

    #[test]
    fn where_the_endpoint_leaves_everything_ends_when_it_is_said_to() {
        for (wait, moves) in
            [(Wait::AnswerBody, true), (Wait::FirstByte, false), (Wait::Tunnel, true)]
        {
            patient(None, |deadlines, patience| {
                assert_eq!(patience.wait(wait, 0), Ok(()));
                let began = Instant::now();
                patience.heed(Some(Duration::ZERO), |within| began + within);
                assert_eq!(patience.wait(wait, 0), Ok(()), "there was no time to hear of it");
                deadlines.advance(1);
                patience.heed(Some(Duration::ZERO), |_| panic!("it is known already"));
                deadlines.advance(1);
                assert_eq!(patience.wait(wait, u64::from(moves)), Err(Reason::DrainTimeout));
            });
        }
    }

    #[test]
    fn who_may_stay_after_all_waits_as_if_nothing_had_been() {
        patient(None, |deadlines, patience| {
            patience.heed(Some(Duration::ZERO), |within| Instant::now() + within);
            assert_eq!(patience.wait(Wait::FirstByte, 0), Ok(()));
            deadlines.advance(2);
            patience.heed(None, |_| panic!("it stays"));
            for _ in 0..59 {
                assert_eq!(patience.wait(Wait::FirstByte, 0), Ok(()));
                deadlines.advance(10);
            }
        });
    }

    #[test]
    fn a_deadline_that_comes_early_is_not_the_end() {
        patient(None, |deadlines, patience| {
            let later = Instant::now() + Duration::from_secs(3600);
            patience.heed(Some(Duration::ZERO), |_| later);
            patience.upstream.idle = Duration::MAX;
            assert_eq!(patience.wait(Wait::TunnelEnd, 0), Ok(()));
            (0..3_700).for_each(|_| deadlines.advance(10));
            assert!(patience.deadline.is_expired());
            assert_eq!(patience.wait(Wait::TunnelEnd, 0), Ok(()));
            assert!(!patience.deadline.is_expired());
        });
    }
}
