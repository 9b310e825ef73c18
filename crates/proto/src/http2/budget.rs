//! How often something may happen: a bucket of tokens, and credit that useful work has earned. Called by the guard for each frame
//! that costs us more than it costs the peer.

use super::limits::Rate;

/// What is left of one budget. A new one is full.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Budget {
    /// When the bucket is full again, in nanoseconds of the caller's clock: the one number from which its level follows.
    full_at: u64,
    /// What useful work has earned; spent first.
    credit: u32,
}

/// The most credit that is kept, in the unit of the budget. Enough for a window of 64 MiB in frames that are all answered at once;
/// still a bound on what somebody can save up for later.
pub(super) const CREDIT_MAX: u32 = 1 << 18;

impl Budget {
    /// Earns credit.
    #[inline]
    pub(super) fn earn(&mut self, credit: u32) {
        self.credit = self.credit.saturating_add(credit).min(CREDIT_MAX);
    }

    /// Takes `price` from the credit, or else one token from the bucket as it is at `now`. Returns whether there was either.
    /// A clock that goes backwards only fills nothing.
    pub(super) fn spend(&mut self, price: u32, rate: Rate, now: u64) -> bool {
        if let Some(rest) = self.credit.checked_sub(price) {
            self.credit = rest;
            return true;
        }
        let full_at = self.full_at.max(now).saturating_add(rate.interval_nanos());
        let is_left = full_at - now <= rate.burst_nanos();
        if is_left {
            self.full_at = full_at;
        }
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate::new(3, 10);

    fn spent(budget: &mut Budget, now: u64) -> usize {
        (0..100).take_while(|_| budget.spend(1, RATE, now)).count()
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut budget = Budget::default();
        for (milliseconds, expected) in [(0, 3), (99, 0), (100, 1), (300, 2), (10_000, 3)] {
            let now = 5_000_000_000 + milliseconds * 1_000_000;
            assert_eq!(spent(&mut budget, now), expected, "after {milliseconds} ms");
        }
    }

    #[test]
    fn credit_is_spent_first_and_bounded() {
        let mut budget = Budget::default();
        budget.earn(2);
        assert_eq!(spent(&mut budget, 0), 5);
        budget.earn(u32::MAX);
        budget.earn(u32::MAX);
        let spends = (0..=CREDIT_MAX).take_while(|_| budget.spend(1, RATE, 0)).count();
        assert_eq!(spends, CREDIT_MAX as usize);
    }

    #[test]
    fn no_clock_makes_it_overflow() {
        let mut budget = Budget::default();
        for now in [u64::MAX, 0, u64::MAX - 1, 1] {
            let _ = budget.spend(1, Rate::new(u32::MAX, 1), now);
            let _ = budget.spend(1, Rate::new(0, 0), now);
        }
    }
}
