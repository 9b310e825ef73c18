//! Moments that processes of one machine can compare: what a ledger and the journals of its origins are written in.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Microseconds since 1970. Nobody sets the clock while a ledger is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

impl Moment {
    /// This one.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(since.as_micros().try_into().unwrap_or(u64::MAX))
    }

    /// How long after `earlier` it is; nothing if it is before.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The moment `length` later.
    #[must_use]
    pub fn after(self, length: Duration) -> Self {
        Self(self.0.saturating_add(length.as_micros().try_into().unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_a_line() {
        let moment = Moment(1_000_000);
        let later = moment.after(Duration::from_millis(5));
        assert_eq!(later, Moment(1_005_000));
        assert_eq!(later.since(moment), Duration::from_millis(5));
        assert_eq!(moment.since(later), Duration::ZERO);
        assert!(Moment::now() > moment);
    }
}
