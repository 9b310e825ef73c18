//! Tells the workers that attempts under way may have to be given up: `control` raises it, workers look at it from time to time.
//!
//! What an endpoint's vitals say is seen when somebody looks at them, and an attempt that waits looks at nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts how often it was raised. All plans of a process share one.
#[derive(Clone, Debug, Default)]
pub struct Alarm(Arc<AtomicU64>);

impl Alarm {
    /// Said after what it is about was written.
    pub fn raise(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }

    /// Another number as soon as it was raised again.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}
