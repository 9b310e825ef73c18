//! A budget for attempts beyond the first: a share of the requests of the last ten seconds, and a few per second on top.
//!
//! [`retry`](crate::retry) and [`hedge`](crate::hedge) spend from one each per cluster; all workers share it without a lock.
//! Without it, retries multiply the load on a cluster at the very moment at which it cannot bear more. After Finagle's
//! `RetryBudget`: tokens that are not used within the span are lost, so a quiet hour does not pay for a storm.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::time::Time;

/// How far back a budget looks.
pub const SPAN: Duration = Duration::from_secs(10);

/// How much may be spent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allowance {
    /// The share of requests for which there is a further attempt, 0 to 1.
    pub share: f64,
    /// So many per second on top, so that a cluster with few requests has some, too.
    pub per_second: f64,
}

/// What was asked and spent within the last [`SPAN`]: a ring of slices, each one word, together one cache line.
///
/// Within any span of ten seconds no more is spent than the allowance gives for the requests of that span. Only at the moment
/// at which a slice ends, workers that spend at once may overdraw it by one each.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct Budget([AtomicU64; SLICES]);

/// One slice's counts. Each stops at its maximum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    requests: u64,
    spent: u64,
}

/// One more than what covers the span: of the oldest, which lies in it in part only, what was spent counts, requests do not.
const SLICES: usize = 8;
const SLICE: u64 = SPAN.as_nanos() as u64 / (SLICES as u64 - 1) + 1;

/// The bits of a word: the round of the ring in the highest 22, then requests, then what was spent.
const REQUESTS_BITS: u32 = 22;
const SPENT_BITS: u32 = 20;
const REQUESTS_MAX: u64 = (1 << REQUESTS_BITS) - 1;
const SPENT_MAX: u64 = (1 << SPENT_BITS) - 1;
const ROUND_MASK: u64 = (1 << (64 - REQUESTS_BITS - SPENT_BITS)) - 1;

impl Budget {
    /// Counts `requests`; a worker may save some up and count them together.
    pub fn earn(&self, requests: u32, now: Time) {
        let (slice, round) = place(number(now));
        let word = &self.0[slice];
        let mut before = word.load(Ordering::Relaxed);
        loop {
            let mut count = read(before, round);
            count.requests = (count.requests + u64::from(requests)).min(REQUESTS_MAX);
            match exchange(word, before, pack(round, count)) {
                Ok(()) => return,
                Err(moved) => before = moved,
            }
        }
    }

    /// Spends one further attempt. False, and nothing is spent, if there is none left.
    pub fn spend(&self, now: Time, allowance: &Allowance) -> bool {
        let number = number(now);
        let (slice, round) = place(number);
        let word = &self.0[slice];
        let mut before = word.load(Ordering::Relaxed);
        loop {
            let mut count = read(before, round);
            // A sum that is not a number gives nothing.
            let is_left = self.left(count, number, allowance) >= 1.0 && count.spent < SPENT_MAX;
            if !is_left {
                return false;
            }
            count.spent += 1;
            match exchange(word, before, pack(round, count)) {
                Ok(()) => return true,
                Err(moved) => before = moved,
            }
        }
    }

    /// How many further attempts there are left; for the status.
    pub fn left_at(&self, now: Time, allowance: &Allowance) -> u64 {
        let number = number(now);
        let (slice, round) = place(number);
        let count = read(self.0[slice].load(Ordering::Relaxed), round);
        // `as` saturates, and makes 0 of what is not a number.
        self.left(count, number, allowance) as u64
    }

    /// What is left at slice `number`, of which `current` was counted.
    fn left(&self, current: Count, number: u64, allowance: &Allowance) -> f64 {
        let (mut requests, mut spent) = (current.requests, current.spent);
        for age in 1..SLICES as u64 {
            let Some(earlier) = number.checked_sub(age) else { break };
            let (slice, round) = place(earlier);
            let count = read(self.0[slice].load(Ordering::Relaxed), round);
            spent += count.spent;
            if age < SLICES as u64 - 1 {
                requests += count.requests;
            }
        }
        allowance.over_span(requests) - spent as f64
    }
}

impl Allowance {
    /// How many further attempts this gives within a [`SPAN`] of so many requests. A little more, less than a ten-thousandth,
    /// so that a fifth of five is one in floats, too.
    fn over_span(&self, requests: u64) -> f64 {
        self.share * requests as f64 + self.per_second * SPAN.as_secs_f64() + 1e-5
    }
}

fn number(now: Time) -> u64 {
    now.as_nanos() / SLICE
}

/// Where in the ring a slice is, and in which round of the ring.
fn place(number: u64) -> (usize, u64) {
    ((number % SLICES as u64) as usize, (number / SLICES as u64) & ROUND_MASK)
}

/// The counts of a slice; none if it is of another round.
fn read(word: u64, round: u64) -> Count {
    if word >> (REQUESTS_BITS + SPENT_BITS) != round {
        return Count::default();
    }
    Count { requests: (word >> SPENT_BITS) & REQUESTS_MAX, spent: word & SPENT_MAX }
}

fn pack(round: u64, count: Count) -> u64 {
    (round << (REQUESTS_BITS + SPENT_BITS)) | (count.requests << SPENT_BITS) | count.spent
}

/// Compare-and-swap; the word that was found instead if somebody was faster.
fn exchange(word: &AtomicU64, before: u64, after: u64) -> Result<(), u64> {
    word.compare_exchange_weak(before, after, Ordering::Relaxed, Ordering::Relaxed).map(drop)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use proptest::prelude::*;

    use super::*;

    const FIFTH: Allowance = Allowance { share: 0.2, per_second: 0.0 };

    fn millis(millis: u64) -> Time {
        Time::START.after(Duration::from_millis(millis))
    }

    #[test]
    fn a_fifth_of_the_requests_and_ten_per_second_on_top() {
        let budget = Budget::default();
        let both = Allowance { share: 0.2, per_second: 10.0 };
        assert!(!budget.spend(millis(0), &FIFTH));
        budget.earn(4, millis(0));
        assert!(!budget.spend(millis(0), &FIFTH));
        budget.earn(1, millis(0));
        assert_eq!((budget.left_at(millis(0), &FIFTH), budget.left_at(millis(0), &both)), (1, 101));
        assert!(budget.spend(millis(0), &FIFTH));
        assert!(!budget.spend(millis(0), &FIFTH));
        assert_eq!((0..200).filter(|_| budget.spend(millis(0), &both)).count(), 100);
    }

    #[test]
    fn what_was_earned_or_spent_is_forgotten_after_the_span() {
        let budget = Budget::default();
        budget.earn(5, millis(0));
        assert_eq!(budget.left_at(millis(8_000), &FIFTH), 1);
        assert_eq!(budget.left_at(millis(10_001), &FIFTH), 0);
        let few = Allowance { share: 0.0, per_second: 0.1 };
        assert!(budget.spend(millis(20_000), &few));
        assert!(!budget.spend(millis(29_999), &few));
        assert!(budget.spend(millis(32_000), &few));
        // An hour of rest saves nothing up.
        assert_eq!(budget.left_at(millis(3_600_000), &few), 1);
    }

    #[test]
    fn counts_stop_at_their_ends_and_nonsense_gives_nothing() {
        let budget = Budget::default();
        budget.earn(u32::MAX, millis(0));
        budget.earn(u32::MAX, millis(0));
        let all = Allowance { share: 1.0, per_second: 0.0 };
        assert_eq!(budget.left_at(millis(0), &all), REQUESTS_MAX);
        let spent = (0..2 * SPENT_MAX).filter(|_| budget.spend(millis(0), &all)).count();
        assert_eq!(spent as u64, SPENT_MAX);
        let end = Time::from_nanos(u64::MAX);
        for nonsense in [f64::NAN, -1.0] {
            budget.earn(100, end);
            assert!(!budget.spend(end, &Allowance { share: nonsense, per_second: 0.0 }));
        }
    }

    #[test]
    fn a_budget_is_one_cache_line() {
        assert_eq!((size_of::<Budget>(), align_of::<Budget>()), (64, 64));
    }

    #[test]
    fn threads_that_spend_at_once_spend_exactly_what_there_is() {
        const THREADS: u32 = 4;
        for _ in 0..50 {
            let budget = Budget::default();
            let work = || {
                let step = |_| {
                    budget.earn(1, millis(1));
                    u32::from(budget.spend(millis(1), &FIFTH))
                };
                (0..1_000).map(step).sum::<u32>()
            };
            let spent: u32 = thread::scope(|scope| {
                let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).sum()
            });
            let rest = (0..1_000).filter(|_| budget.spend(millis(1), &FIFTH)).count() as u32;
            assert_eq!(spent + rest, THREADS * 1_000 / 5);
        }
    }

    proptest! {
        #[test]
        fn within_any_span_no_more_is_spent_than_its_requests_allow(
            steps in prop::collection::vec((0_u64..2_000, 0_u32..30, 0_usize..30), 1..100),
            share in 0.0_f64..1.0, per_second in 0.0_f64..3.0,
        ) {
            let (budget, allowance) = (Budget::default(), Allowance { share, per_second });
            let (mut now, mut log) = (0, Vec::new());
            for (gap, requests, tries) in steps {
                now += gap;
                budget.earn(requests, millis(now));
                let spent = (0..tries).filter(|_| budget.spend(millis(now), &allowance)).count();
                log.push((now, requests, spent));
                let span = log.iter().filter(|(at, ..)| now - at < 10_000);
                let (requests, spent) = span.fold((0, 0), |sum, (_, requests, spent)| (sum.0 + requests, sum.1 + spent));
                let allowed = share * f64::from(requests) + per_second * 10.0 + 1e-4;
                // Only a span that ends with a spending is at its worst.
                prop_assert!(log[log.len() - 1].2 == 0 || spent as f64 <= allowed, "{} of {}", spent, allowed);
            }
        }
    }
}
