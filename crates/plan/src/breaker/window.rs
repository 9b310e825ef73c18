//! What the breaker remembers of the last while: a ring of slices, each one word, written by all workers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::time::Time;

/// Attempts, as counted over some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) total: u32,
    pub(super) failed: u32,
    pub(super) slow: u32,
}

/// A ring of slices. What is seen is at least 6/7 of the window, and nothing that is older than the window.
#[derive(Debug, Default)]
pub(super) struct Window([AtomicU64; SLICES]);

/// Seven, so that a breaker fits one cache line.
const SLICES: usize = 7;

/// The bits of one count in a slice, and so of all three; the others tell the time.
const COUNT_BITS: u32 = 13;
const COUNT_MAX: u32 = (1 << COUNT_BITS) - 1;
const ROUND_MASK: u64 = (1 << (64 - 3 * COUNT_BITS)) - 1;

impl Window {
    /// Adds counts of which none may be larger than `total`.
    pub(super) fn add(&self, count: Count, now: Time, window: Duration) {
        let (slice, round) = place(number(now, window));
        let word = &self.0[slice];
        let mut before = word.load(Ordering::Relaxed);
        loop {
            let after = pack(round, sum(read(before, round), count));
            match word.compare_exchange_weak(before, after, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(moved) => before = moved,
            }
        }
    }

    /// What was counted within the window.
    pub(super) fn count(&self, now: Time, window: Duration) -> Count {
        let last = number(now, window);
        let slices = last.saturating_sub(SLICES as u64 - 1)..=last;
        slices.fold(Count::default(), |total, number| {
            let (slice, round) = place(number);
            let count = read(self.0[slice].load(Ordering::Relaxed), round);
            Count {
                total: total.total + count.total,
                failed: total.failed + count.failed,
                slow: total.slow + count.slow,
            }
        })
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        for slice in &self.0 {
            slice.store(0, Ordering::Relaxed);
        }
    }
}

/// The number of the slice that `now` falls into.
fn number(now: Time, window: Duration) -> u64 {
    let window = u64::try_from(window.as_nanos()).unwrap_or(u64::MAX);
    now.as_nanos() / (window / SLICES as u64).max(1)
}

/// Where in the ring a slice is, and in which round of the ring.
fn place(number: u64) -> (usize, u64) {
    ((number % SLICES as u64) as usize, (number / SLICES as u64) & ROUND_MASK)
}

/// The counts of a slice; none if it is of another round.
fn read(word: u64, round: u64) -> Count {
    if word >> (3 * COUNT_BITS) != round {
        return Count::default();
    }
    let part = |position: u32| (word >> (position * COUNT_BITS)) as u32 & COUNT_MAX;
    Count { total: part(0), failed: part(1), slow: part(2) }
}

fn pack(round: u64, count: Count) -> u64 {
    let part = |value: u32, position: u32| u64::from(value) << (position * COUNT_BITS);
    (round << (3 * COUNT_BITS)) | part(count.total, 0) | part(count.failed, 1) | part(count.slow, 2)
}

/// A full slice is halved: its rates stay, and the newer half weighs more.
fn sum(count: Count, more: Count) -> Count {
    let halves = u32::from(count.total + more.total > COUNT_MAX);
    Count {
        total: (count.total >> halves) + more.total,
        failed: (count.failed >> halves) + more.failed,
        slow: (count.slow >> halves) + more.slow,
    }
}
