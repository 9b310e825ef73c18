//! When something that may happen often is mentioned: at once, and now and then for as long as it goes on. Asked by whoever writes the log.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::time::Time;

/// When it was mentioned last, in nanoseconds; 0 for never.
#[derive(Debug, Default)]
pub struct Mention(AtomicU64);

/// Often enough for whoever looks at the log to see that it goes on.
pub const NOW_AND_THEN: Duration = Duration::from_secs(60);

impl Mention {
    /// Whether it is to be mentioned now, having been so `every` so long at most. Of several threads one gets to say it.
    pub fn is_due(&self, now: Time, every: Duration) -> bool {
        // Whoever comes in the first nanosecond is told of a little later.
        let due = |last: u64| {
            let is_due = last == 0 || now.since(Time::from_nanos(last)) >= every;
            is_due.then_some(now.as_nanos())
        };
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, due).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_at_once_and_then_now_and_then() {
        let mention = Mention::default();
        let due: Vec<u64> = (1..=130)
            .filter(|&second| {
                let now = Time::START.after(Duration::from_secs(second));
                let is_due = mention.is_due(now, NOW_AND_THEN);
                // Another thread comes in the same moment.
                assert!(!mention.is_due(now, NOW_AND_THEN));
                is_due
            })
            .collect();
        assert_eq!(due, [1, 61, 121]);
    }
}
