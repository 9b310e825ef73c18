//! A ledger that is closed: what became of all requests, counted. Read by whoever judges.

use std::time::Duration;

use super::Load;
use super::entry::{Class, Entry, Method};
use crate::moment::Moment;

/// What became of all requests of a ledger, in the order in which they were due.
#[derive(Clone, Debug)]
pub struct Book {
    /// What was asked for.
    pub load: Load,
    /// One for each request that was sent.
    pub entries: Vec<Entry>,
    due: u64,
    unsent: u32,
}

impl Book {
    pub(super) fn new(load: Load, entries: Vec<Entry>, due: u64, unsent: u32) -> Self {
        Self { load, entries, due, unsent }
    }

    /// What these entries come to, of whatever load they are.
    #[must_use]
    pub fn of(entries: &[Entry]) -> Self {
        let due = entries.len().try_into().unwrap_or(u64::MAX);
        Self::new(Load::default(), entries.to_vec(), due, 0)
    }

    /// Both as one, of which the other came later.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.entries.extend(other.entries);
        Self { due: self.due + other.due, unsent: self.unsent + other.unsent, ..self }
    }

    /// The entries of requests that were due from `from` on and before `until`.
    #[must_use]
    pub fn between(&self, from: Moment, until: Moment) -> Self {
        let within = |entry: &&Entry| entry.due >= from && entry.due < until;
        let entries: Vec<Entry> = self.entries.iter().filter(within).copied().collect();
        let due = entries.len().try_into().unwrap_or(u64::MAX);
        Self { load: self.load, entries, due, unsent: 0 }
    }

    /// How many were `class`.
    #[must_use]
    pub fn count(&self, class: Class) -> usize {
        self.entries.iter().filter(|entry| entry.class == class).count()
    }

    /// How many of `method` had no success, whatever it was that they had.
    #[must_use]
    pub fn lost(&self, method: Method) -> usize {
        let lost = |entry: &&Entry| entry.method == method && entry.class != Class::Ok;
        self.entries.iter().filter(lost).count()
    }

    /// How many of `method` there were.
    #[must_use]
    pub fn asked(&self, method: Method) -> usize {
        self.entries.iter().filter(|entry| entry.method == method).count()
    }

    /// The classes that there were, other than success, with their counts.
    #[must_use]
    pub fn failures(&self) -> Vec<(Class, usize)> {
        let counts = Class::ALL.into_iter().map(|class| (class, self.count(class)));
        counts.filter(|&(class, count)| class != Class::Ok && count > 0).collect()
    }

    /// The time that `share` (0 to 1) of the requests took at most; zero if there were none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        let mut times: Vec<Duration> = self.entries.iter().map(|entry| entry.took).collect();
        times.sort_unstable();
        // The nearest rank: the smallest time that so many took at most.
        let rank = (share * times.len() as f64).ceil() as usize;
        times.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    /// How many took longer than `bound`, whatever became of them.
    #[must_use]
    pub fn slower_than(&self, bound: Duration) -> usize {
        self.entries.iter().filter(|entry| entry.took > bound).count()
    }

    /// Why what was measured says little: the client itself did not keep up.
    #[must_use]
    pub fn lag(&self) -> Option<String> {
        let missing = self.due.saturating_sub(self.entries.len().try_into().unwrap_or(u64::MAX));
        if missing > 0 {
            return Some(format!(
                "{missing} requests were not sent, {} for want of threads",
                self.unsent
            ));
        }
        let late = self.entries.iter().filter(|entry| entry.late > LATE).count();
        // Rounded up, so that a short ledger may have one.
        let allowed = self.entries.len().div_ceil(LATE_ONE_IN);
        (late > allowed).then(|| {
            format!("{late} of {} requests were sent more than {LATE:?} late", self.entries.len())
        })
    }
}

/// A client that sends its requests later than this is not measuring anybody else.
const LATE: Duration = Duration::from_millis(50);

/// More than one in so many late ones, and the ledger says so.
const LATE_ONE_IN: usize = 50;
