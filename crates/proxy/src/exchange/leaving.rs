//! When what may go on for long has to end, because its endpoint, its listener or all of us leave, or another endpoint has joined. Asked by
//! the exchange and by tunnels.

use std::time::{Duration, Instant};

use evenkeel_plan::rebalance::Kind;
use evenkeel_plan::vitals::Vitals;

use super::Exchange;
use super::attempt::Turn;
use crate::patience::Patience;
use crate::stays::Stay;
use crate::worker::Worker;

impl Exchange<'_> {
    /// Looks whether the endpoint leaves.
    #[inline]
    pub(super) fn heed(&self, turn: &Turn<'_>, patience: &mut Patience<'_>) {
        let vitals = turn.lease.of();
        patience.heed(vitals.leaves_within(), |within| leave_at(self.worker, vitals, within));
    }

    /// Whether it goes on for so long already that it is one that lasts, as far as the last tick of the clock shows.
    pub(super) fn lasts(&self) -> bool {
        self.worker.lately().since(self.worker.time(self.started)) >= LASTS
    }

    /// Whether a call of gRPC shall end, for its client to make it anew at an endpoint that joined later. Only one that lasts: it has its
    /// `stay` from when that shows.
    pub(super) fn shall_move(
        &self,
        turn: &Turn<'_>,
        stay: &mut Option<Stay>,
        patience: &Patience<'_>,
    ) -> bool {
        let lately = self.worker.lately();
        if stay.is_none() {
            let since = self.worker.time(self.started);
            if !patience.is_long() && !self.lasts() {
                return false;
            }
            let life = &turn.target.endpoint.life;
            *stay = Some(self.worker.stays.enter(Kind::Grpc, life, since, self.deadline));
        }
        stay.as_ref().is_some_and(|stay| stay.is_asked(lately))
    }
}

/// When to be gone from an endpoint that leaves: some time after what runs there was let go on for `within`.
#[cold]
pub(super) fn leave_at(worker: &Worker, vitals: &Vitals, within: Duration) -> Instant {
    let now = worker.now();
    let time = worker.time(now);
    let passed = time.since(vitals.leaves_since(time));
    now + within.saturating_sub(passed) + spread(worker, within)
}

/// How much later than others to leave, of those who have `drain` for it: not all at once, for their clients come back elsewhere at that
/// moment.
pub(super) fn spread(worker: &Worker, drain: Duration) -> Duration {
    let share = f64::from(worker.random() as u32) / f64::from(u32::MAX);
    (drain / 2).min(LEAVE_WITHIN).mul_f64(share)
}

/// A call that goes on for so long is one that lasts.
const LASTS: Duration = Duration::from_secs(1);

/// The longest time over which those that have to end are spread; half the time for draining, if that is less.
const LEAVE_WITHIN: Duration = Duration::from_secs(10);
