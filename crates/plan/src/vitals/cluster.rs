//! What the endpoints of a cluster have in common. Written through their vitals, read by balancers.

use crate::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use crate::budget::Budget;
use crate::overload::Room;

/// What the endpoints of a cluster have in common, over all workers and plans.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct ClusterVitals {
    /// Counts up whenever an endpoint may have become fit, or unfit.
    changes: AtomicU64,
    /// Attempts in flight to any of them, while somebody wants to know.
    pub(super) in_flight: AtomicU32,
    pub(super) is_counting: AtomicBool,
    /// What requests have earned, and further attempts have spent.
    pub retries: Budget,
    /// What requests have earned, and second attempts while the first waited have spent.
    pub hedges: Budget,
    /// Where requests wait while all endpoints are full.
    pub room: Room,
}

impl ClusterVitals {
    /// A number that is another one as soon as an endpoint may have become fit, or unfit. Whoever reads it sees the change, too.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Said after what has changed was written.
    pub(super) fn change(&self) {
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Whether attempts are counted here too: a word that all workers write for each of them, so only for balancers that
    /// need it. What began before is not counted when it ends.
    pub fn count_in_flight(&self, is_counting: bool) {
        self.is_counting.store(is_counting, Ordering::Relaxed);
    }

    /// How many attempts are running now at all endpoints, as far as they were counted.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }
}
