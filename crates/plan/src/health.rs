//! Active checks: what to check, and the rise-and-fall machine that turns outcomes into a standing.
//!
//! `control` runs the probes and owns one [`RiseFall`] for each (cluster, endpoint, check).

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::vitals::Standing;

/// How the endpoints of a cluster are checked.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthCheck {
    /// What a probe does.
    pub kind: CheckKind,
    /// From the start of one probe to the start of the next.
    pub interval: Duration,
    /// How long a probe may take.
    pub timeout: Duration,
    /// The share of `interval`, 0 to 1, by which each wait is moved at random, so that checks do not march in step.
    pub jitter: f64,
    /// So many failures in a row take an endpoint down.
    pub fall: u32,
    /// So many passes in a row bring it back.
    pub rise: u32,
}

/// What a probe does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckKind {
    /// A connection is accepted.
    Tcp,
    /// A request is answered with one of these statuses.
    Http {
        /// The request's method.
        method: Box<str>,
        /// The request's target.
        path: Box<str>,
        /// The `Host` field; the endpoint's own name when absent.
        host: Option<Box<str>>,
        /// The statuses that pass.
        status: Vec<RangeInclusive<u16>>,
    },
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            kind: CheckKind::Tcp,
            interval: Duration::from_secs(2),
            timeout: Duration::from_secs(1),
            jitter: 0.2,
            fall: 3,
            rise: 2,
        }
    }
}

/// How a probe ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The endpoint did what the check wants.
    Pass,
    /// It did not.
    Fail,
}

/// Turns outcomes into a standing: the first outcome decides at once, after that it takes `fall` failures or `rise`
/// passes in a row, so that one lost packet moves nothing and a flapping endpoint stays where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RiseFall {
    standing: Standing,
    /// How many outcomes in a row spoke against the standing.
    against: u32,
}

impl Default for RiseFall {
    fn default() -> Self {
        Self { standing: Standing::Unchecked, against: 0 }
    }
}

impl RiseFall {
    /// Takes one outcome. Returns the new standing if it changed.
    pub fn observe(&mut self, outcome: Outcome, check: &HealthCheck) -> Option<Standing> {
        let (toward, needed) = match outcome {
            Outcome::Pass => (Standing::Up, check.rise),
            Outcome::Fail => (Standing::Down, check.fall),
        };
        if self.standing == toward {
            self.against = 0;
            return None;
        }
        self.against += 1;
        if self.standing != Standing::Unchecked && self.against < needed {
            return None;
        }
        *self = Self { standing: toward, against: 0 };
        Some(toward)
    }

    /// Where the endpoint stands.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// How many outcomes in a row spoke against the standing.
    pub fn against(&self) -> u32 {
        self.against
    }
}

#[cfg(test)]
mod tests;
