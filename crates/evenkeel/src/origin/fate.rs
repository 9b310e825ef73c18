//! What events do to the origins of a process, and when. Followed by `command`.

use std::sync::Arc;
use std::time::Instant;

use evenkeel_plan::time::Time;
use evenkeel_sim::{Condition, Script};
use tokio::sync::Notify;
use tokio::time::sleep;

/// The events, and how far they have come.
pub(super) struct Fate {
    script: Script,
    requested: Arc<Notify>,
    /// When the first request came; nothing happens before.
    began: Option<Instant>,
    /// How many of the script's moments are over.
    passed: usize,
}

impl Fate {
    /// That of origins that tell `requested` of their requests.
    pub(super) fn new(script: Script, requested: Arc<Notify>) -> Self {
        Fate { script, requested, began: None, passed: 0 }
    }

    /// Waits for the next moment at which something changes, and says which it is; for ever after the last. Whoever stops
    /// waiting misses nothing.
    pub(super) async fn next(&mut self) -> Time {
        let Some(began) = self.began else {
            self.requested.notified().await;
            self.began = Some(Instant::now());
            return Time::START;
        };
        let Some(&moment) = self.script.moments().get(self.passed) else {
            return std::future::pending().await;
        };
        sleep(moment.since(Time::START).saturating_sub(began.elapsed())).await;
        self.passed += 1;
        moment
    }

    /// What holds at `now` for the origin at `position`.
    pub(super) fn condition(&self, position: usize, now: Time) -> Condition {
        self.script.condition(position, now)
    }
}
