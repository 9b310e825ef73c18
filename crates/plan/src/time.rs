//! Time as a value: everything in `plan` and `sim` is told what time it is, so virtual time is just another argument.

use std::time::Duration;

/// Nanoseconds since the process, or the simulation, started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The moment at which everything began.
    pub const START: Self = Self(0);

    /// A moment that never comes.
    pub const END: Self = Self(u64::MAX);

    /// The moment `nanos` nanoseconds after the start.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the start.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// How many nanoseconds ago `earlier` was; 0 when it lies ahead.
    pub const fn nanos_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This moment moved by `duration`; the far end of time rather than an overflow.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }

    /// The moment so long before this one; the start rather than one before it.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_runs_backwards_or_over() {
        let late = Time::from_nanos(10);
        assert_eq!(Time::START.since(late), Duration::ZERO);
        assert_eq!(late.since(Time::from_nanos(3)), Duration::from_nanos(7));
        assert_eq!(late.after(Duration::MAX), Time::from_nanos(u64::MAX));
        assert_eq!(late.before(Duration::from_nanos(3)), Time::from_nanos(7));
        assert_eq!(late.before(Duration::MAX), Time::START);
    }
}
