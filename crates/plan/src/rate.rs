//! How often something may happen: rates, the limits that keep them, and the table in which a limit remembers who came how often.
//!
//! The algorithm is GCRA, the generic cell rate algorithm (ITU-T I.371 §A; B. Leach, "Rate Limiting, Cells, and GCRA", 2015, whose
//! names these are): a leaky bucket of which one moment is all that has to be remembered, the *theoretical arrival time*. The
//! exchange asks a limit for each request, and a listener for each connection; `control` makes them.

use std::fmt;
use std::time::Duration;

mod key;
mod limit;
mod table;

pub use key::{Prefixes, RateKey};
pub(crate) use limit::ask;
pub use limit::{RateLimit, Told};
pub use table::RateTable;

/// So many in a unit of time, such as 100 in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    /// At least 1, and no more than [`Per::count_max`].
    pub count: u32,
    /// In how much time.
    pub per: Per,
}

/// A unit of time that rates are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Per {
    /// `/s`
    Second,
    /// `/m`
    Minute,
    /// `/h`
    Hour,
}

impl Per {
    /// Every unit, the shortest first.
    pub const ALL: [Self; 3] = [Self::Second, Self::Minute, Self::Hour];

    /// As a rate is written: `s`, `m` or `h`.
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "m",
            Self::Hour => "h",
        }
    }

    /// The most that a rate may have in this unit: one every ten microseconds.
    pub const fn count_max(self) -> u32 {
        // An hour has 3.6 × 10⁹ µs, so that this fits.
        (self.micros() / INTERVAL_MIN_MICROS) as u32
    }

    const fn micros(self) -> u64 {
        match self {
            Self::Second => 1_000_000,
            Self::Minute => 60 * 1_000_000,
            Self::Hour => 3600 * 1_000_000,
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, self.per.letter())
    }
}

/// A rate, and how many may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    rate: Rate,
    burst: u32,
    /// Between two of them at that rate, in microseconds.
    interval: u64,
}

impl Quota {
    /// `burst` of them may come at once, and `rate` says how fast they come back. The time between two of them is kept in whole
    /// microseconds, rounded up: never is more let through than the rate says, and at 10,000 a second at most 1 % less.
    /// What is 0 counts as 1.
    pub fn new(rate: Rate, burst: u32) -> Self {
        let interval = rate.per.micros().div_ceil(u64::from(rate.count.max(1)));
        Self { rate, burst: burst.max(1), interval }
    }

    /// The rate.
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// How many may come at once.
    pub const fn burst(&self) -> u32 {
        self.burst
    }

    /// How long it takes until `burst` of them may come again, after so many have.
    pub const fn window(&self) -> Duration {
        Duration::from_micros(self.depth())
    }

    /// The same in microseconds: at most 2³² intervals of 2³² µs.
    const fn depth(&self) -> u64 {
        self.interval.saturating_mul(self.burst as u64)
    }

    /// What is said about `cost` more at `now`, and the theoretical arrival time after it, if that is `tat` before; in microseconds.
    fn judge(&self, tat: u64, now: u64, cost: u32) -> (Verdict, u64) {
        let owed = tat.saturating_sub(now);
        let charged = owed.saturating_add(self.interval.saturating_mul(u64::from(cost)));
        let allowed = charged <= self.depth();
        let owed = if allowed { charged } else { owed };
        let left = self.depth().saturating_sub(owed);
        let remaining = left / self.interval;
        // Until one more is there than remains, or all that were asked for.
        let wanted = if allowed { remaining + 1 } else { u64::from(cost) };
        let needed = self.interval.saturating_mul(wanted).min(self.depth());
        let verdict = Verdict {
            allowed,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            reset_after: Duration::from_micros(owed),
            retry_after: Duration::from_micros(needed.saturating_sub(left)),
        };
        (verdict, now.saturating_add(owed))
    }
}

/// What a limit says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it may happen. If so, it has been counted.
    pub allowed: bool,
    /// How many more may happen now.
    pub remaining: u32,
    /// Until everything is as if nobody had ever come.
    pub reset_after: Duration,
    /// Until more may happen than `remaining` says; if this one may not, until it may. What costs more than a whole burst is
    /// never allowed, and this is the time until a burst is.
    pub retry_after: Duration,
}

/// The shortest time between two that a rate may ask for, in microseconds: below, rounding it would be felt.
const INTERVAL_MIN_MICROS: u64 = 10;

#[cfg(test)]
mod tests;
