//! What an endpoint's counters have counted between two looks, and the limit that follows. Asked by whoever looks at the endpoints: `control`,
//! and the simulator.

use std::time::Duration;

use super::{Adaptive, Adapts, Seen};
use crate::endpoint::{EndpointCounters, Life};
use crate::time::Time;

/// The limit of one endpoint, with what its counters said at the last look.
#[derive(Clone, Debug)]
pub struct Pacer {
    counted: Counted,
    adaptive: Adaptive,
}

/// How quickly an endpoint answers: sums over all workers since the beginning.
#[derive(Clone, Copy, Debug)]
struct Counted {
    answers: u64,
    /// How long these took, together.
    nanos: u64,
    /// Attempts that were given up before anything came.
    given_up: u64,
}

impl Pacer {
    /// That of an endpoint of which nothing is known. What was counted so far does not count.
    pub fn new(life: &Life) -> Self {
        Self { counted: Counted::of(life), adaptive: Adaptive::default() }
    }

    /// How many may wait for the endpoint; `None` for any number.
    pub fn limit(&self) -> Option<u32> {
        self.adaptive.limit()
    }

    /// Takes in what was counted since the last look, and lets the endpoint get no more than follows. Returns [`Pacer::limit`].
    pub fn look(&mut self, life: &Life, adapts: Adapts, now: Time) -> Option<u32> {
        if adapts == Adapts::Never && self.adaptive.limit().is_none() {
            return None;
        }
        let (counted, vitals) = (Counted::of(life), &life.vitals);
        let before = std::mem::replace(&mut self.counted, counted);
        let seen = Seen {
            answers: counted.answers.wrapping_sub(before.answers),
            took: Duration::from_nanos(counted.nanos.wrapping_sub(before.nanos)),
            given_up: counted.given_up.wrapping_sub(before.given_up),
            waiting: vitals.waiting(),
            was_full: vitals.was_full(),
        };
        let limit = self.adaptive.look(&seen, adapts, now);
        vitals.pace_to(limit);
        limit
    }
}

impl Counted {
    fn of(life: &Life) -> Self {
        let sum = |figure: fn(&EndpointCounters) -> u64| life.counters.sum(figure);
        Self {
            answers: sum(|shard| shard.timed.count()),
            nanos: sum(|shard| shard.took.count()),
            given_up: sum(|shard| shard.given_up.count()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const LOOK: Duration = Duration::from_millis(250);

    /// So many looks, between which 10 answers come that take so many milliseconds each. The last limit.
    fn look(
        pacer: &mut Pacer,
        life: &Life,
        clock: &mut Time,
        (looks, millis): (u32, u64),
    ) -> Option<u32> {
        let mut limit = None;
        for _ in 0..looks {
            let shard = life.counters.shard(0);
            shard.timed.add(10);
            shard.took.add(10 * millis * 1_000_000);
            *clock = clock.after(LOOK);
            limit = pacer.look(life, Adapts::InNeed, *clock);
        }
        limit
    }

    #[test]
    fn what_is_counted_between_looks_limits_those_who_wait_and_not_those_who_are_answered() {
        let life = Life::new(1, &Arc::default());
        life.counters.shard(0).timed.add(1);
        let (mut pacer, mut clock) = (Pacer::new(&life), Time::START);
        assert_eq!(look(&mut pacer, &life, &mut clock, (20, 100)), None);
        let mut leases: Vec<_> = (0..25).map(|_| life.vitals.lease()).collect();
        leases[..5].iter_mut().for_each(|lease| lease.stream());
        assert_eq!(look(&mut pacer, &life, &mut clock, (1, 500)), None);
        leases.extend((0..20).map(|_| life.vitals.lease()));
        let limit = look(&mut pacer, &life, &mut clock, (1, 500));
        assert_eq!((limit, pacer.limit(), life.vitals.limit()), (Some(20), Some(20), Some(20)));
    }
}
