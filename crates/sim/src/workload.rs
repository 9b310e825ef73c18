//! How much an endpoint has to do, as it says to balancers that ask (`prequal`): the simulated twin of what `evenkeel origin`
//! answers at `/load`. Kept by an `origin`.

use std::time::Duration;

use evenkeel_plan::time::Time;

/// How long requests took of late, and how many there were when they came.
#[derive(Debug, Default)]
pub(crate) struct Workload {
    recent: Vec<Finished>,
    /// Where the next one is written.
    next: usize,
}

/// A request that is over.
#[derive(Clone, Copy, Debug)]
struct Finished {
    in_flight: u32,
    took: Duration,
    at: Time,
}

impl Workload {
    /// A request is over that came when there were so many, itself included.
    pub(crate) fn finished(&mut self, in_flight: u32, took: Duration, at: Time) {
        let finished = Finished { in_flight, took, at };
        match self.recent.get_mut(self.next) {
            Some(oldest) => *oldest = finished,
            None => self.recent.push(finished),
        }
        self.next = (self.next + 1) % RECENT;
    }

    /// The median of those that came when there were about so many ('Load is not what you should balance', NSDI '24, §4).
    pub(crate) fn expected(&self, in_flight: u32, now: Time) -> Duration {
        let mut near = [(0, Duration::ZERO); RECENT];
        let recent = self.recent.iter().filter(|finished| now.since(finished.at) < AGE_MAX);
        let mut count = 0;
        for (place, finished) in near.iter_mut().zip(recent) {
            *place = (finished.in_flight.abs_diff(in_flight), finished.took);
            count += 1;
        }
        let mut near = &mut near[..count];
        if near.len() > NEAR {
            near = near.select_nth_unstable_by_key(NEAR, |(distance, _)| *distance).0;
        }
        if near.is_empty() {
            return Duration::ZERO;
        }
        near.select_nth_unstable_by_key(near.len() / 2, |(_, took)| *took).1.1
    }
}

/// How many of those that are over are remembered.
const RECENT: usize = 32;

/// How many of these, the nearest in what there was to do, make up what is expected.
const NEAR: usize = 8;

/// What is older says nothing: who was slow and has nothing to do any more would have no chance to show that it is fast.
const AGE_MAX: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn it_expects_what_it_took_of_late_with_as_much_to_do() {
        let mut workload = Workload::default();
        assert_eq!(workload.expected(1, at(0)), Duration::ZERO);
        for (in_flight, millis) in [(1, 10), (9, 90)].into_iter().cycle().take(99) {
            workload.finished(in_flight, Duration::from_millis(millis), at(100));
        }
        let expected = |count| workload.expected(count, at(1_000)).as_millis();
        assert_eq!([1, 4, 6, 99].map(expected), [10, 10, 90, 90]);
        assert_eq!(workload.expected(1, at(1_100)), Duration::ZERO);
        (0..RECENT).for_each(|_| workload.finished(5, Duration::from_millis(50), at(1_000)));
        assert_eq!(workload.expected(1, at(1_000)), Duration::from_millis(50));
    }
}
