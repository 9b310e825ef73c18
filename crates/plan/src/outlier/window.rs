//! What an endpoint's attempts came to within the last while: a ring of slices.

use std::time::Duration;

use crate::time::Time;

/// Attempts, as counted over some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) answered: u32,
    pub(super) failed: u32,
}

/// A ring of slices. What is seen is at least nine tenths of the window, and nothing that is older than the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Window {
    slices: [Count; SLICES],
    /// The number of the newest slice.
    last: u64,
}

/// Ten: with the default window and a sweep each second, one for each sweep.
const SLICES: usize = 10;

impl Count {
    pub(super) fn total(self) -> u32 {
        self.answered.saturating_add(self.failed)
    }

    /// The share that failed; 0 of nothing.
    pub(super) fn failure_rate(self) -> f64 {
        f64::from(self.failed) / (f64::from(self.answered) + f64::from(self.failed)).max(1.0)
    }

    /// What is left of it without `part`.
    pub(super) fn without(self, part: Self) -> Self {
        Self {
            answered: self.answered.saturating_sub(part.answered),
            failed: self.failed.saturating_sub(part.failed),
        }
    }

    pub(super) fn plus(self, more: Self) -> Self {
        Self {
            answered: self.answered.saturating_add(more.answered),
            failed: self.failed.saturating_add(more.failed),
        }
    }
}

impl Window {
    pub(super) fn add(&mut self, count: Count, now: Time, window: Duration) {
        let number = number(now, window);
        // A window that has become longer starts anew, as its slices are numbered differently.
        if number < self.last || number - self.last >= SLICES as u64 {
            *self = Self { last: number, ..Self::default() };
        }
        while self.last < number {
            self.last += 1;
            self.slices[place(self.last)] = Count::default();
        }
        let slice = &mut self.slices[place(number)];
        *slice = slice.plus(count);
    }

    pub(super) fn count(&self, now: Time, window: Duration) -> Count {
        let newest = number(now, window).max(self.last);
        let seen = newest.saturating_sub(SLICES as u64 - 1)..=self.last;
        let slices = seen.map(|number| self.slices[place(number)]);
        slices.fold(Count::default(), Count::plus)
    }
}

fn number(now: Time, window: Duration) -> u64 {
    let window = u64::try_from(window.as_nanos()).unwrap_or(u64::MAX);
    now.as_nanos() / (window / SLICES as u64).max(1)
}

fn place(number: u64) -> usize {
    (number % SLICES as u64) as usize
}
