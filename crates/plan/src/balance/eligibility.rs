//! Who of a cluster may get work at all, before an algorithm is asked: the rules, and the count of endpoints that they go by.
//! The roster follows them; `control` takes the census for metrics and status.

use std::time::Duration;

use crate::endpoint::{Endpoint, Labels};

/// Who may get work.
#[derive(Clone, Debug, PartialEq)]
pub struct Eligibility {
    /// The share of endpoints that are well, 0 to 1, under which all are used: that nearly all should have failed at once is less
    /// likely than that the checks are wrong, and the few that are left could not do the work of all. 0 for never.
    pub panic_below: f64,
    /// How an endpoint that is new, or was not well, gets back to its share; `None` for at once.
    pub slow_start: Option<SlowStart>,
    /// Whether endpoints that are near come first; `None` for not.
    pub zone: Option<ZonePreference>,
    /// What an endpoint has to be labelled with, each of these.
    pub labels: Labels,
}

impl Default for Eligibility {
    fn default() -> Self {
        Self { panic_below: 0.34, slow_start: None, zone: None, labels: Labels::default() }
    }
}

/// How an endpoint gets back to its share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlowStart {
    /// After so long it weighs what it weighs.
    pub time: Duration,
    /// How: 1 for evenly, more for faster in the beginning, less for slower; above 0.
    pub aggression: f64,
}

impl SlowStart {
    /// How an endpoint comes back that had been ejected, where nothing else is said: it may still be what it was ejected for.
    pub const AFTER_EJECTION: Self = Self { time: Duration::from_secs(10), aggression: 1.0 };

    /// The share of its weight that an endpoint has after having been fit for `age`, from [`SLOW_START_MIN`] to 1.
    pub(super) fn factor(self, age: Duration) -> f64 {
        let progress = age.as_secs_f64() / self.time.as_secs_f64().max(f64::MIN_POSITIVE);
        progress.min(1.0).powf(1.0 / self.aggression).clamp(SLOW_START_MIN, 1.0)
    }
}

/// Work stays in one zone for as long as that can do it.
#[derive(Clone, Debug, PartialEq)]
pub struct ZonePreference {
    /// Ours.
    pub zone: Box<str>,
    /// The share of our zone's endpoints, 0 to 1, that have to be well for it to get everything.
    pub threshold: f64,
}

/// How the endpoints of one cluster stand. Backups are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// In service: with an address and a weight, and not drained.
    pub all: usize,
    /// Of these, fit for work.
    pub well: usize,
    /// Whether so few are that all are used.
    pub panics: bool,
}

impl Eligibility {
    /// The endpoints that may get work, were they well, with their positions.
    pub(super) fn in_service<'a>(
        &'a self,
        endpoints: &'a [Endpoint],
    ) -> impl Iterator<Item = (u32, &'a Endpoint)> {
        let wanted = |endpoint: &Endpoint| endpoint.is_in_service() && self.wants(endpoint);
        (0..).zip(endpoints).filter(move |(_, endpoint)| wanted(endpoint))
    }

    /// Whether an endpoint has the labels.
    pub(super) fn wants(&self, endpoint: &Endpoint) -> bool {
        self.labels.iter().all(|label| endpoint.labels.contains(label))
    }

    /// Whether so few are well that all are used; never as long as there are backups to do the work.
    pub(super) fn panics(&self, all: usize, well: usize, backups_well: usize) -> bool {
        backups_well == 0 && all > 0 && (well as f64) < self.panic_below * all as f64
    }
}

/// Nobody begins with less than this share of its weight: without work it could not get warm.
const SLOW_START_MIN: f64 = 0.1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_start_rises_from_a_tenth_to_all_and_aggression_bends_it() {
        let at = |aggression, seconds| {
            let slow_start = SlowStart { time: Duration::from_secs(10), aggression };
            (slow_start.factor(Duration::from_secs(seconds)) * 1000.0).round()
        };
        assert_eq!(
            [0, 1, 5, 10, 99].map(|age| at(1.0, age)),
            [100.0, 100.0, 500.0, 1000.0, 1000.0]
        );
        assert_eq!((at(2.0, 5), at(0.5, 5)), (707.0, 250.0));
        let never = SlowStart { time: Duration::ZERO, aggression: 1.0 };
        assert_eq!(never.factor(Duration::from_nanos(1)), 1.0);
    }

    #[test]
    fn one_of_three_is_too_few_and_one_of_two_is_not() {
        let rules = Eligibility::default();
        let panics = |all, well| rules.panics(all, well, 0);
        assert_eq!(
            [(3, 1), (2, 1), (3, 2), (3, 0), (0, 0)].map(|(all, well)| panics(all, well)),
            [true, false, false, true, false]
        );
        assert!(!rules.panics(3, 0, 1));
        let off = Eligibility { panic_below: 0.0, ..Eligibility::default() };
        assert!(!off.panics(3, 0, 0));
    }
}
