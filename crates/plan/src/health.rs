//! Active checks: what to check, and the rise-and-fall machine that turns outcomes into a standing.
//!
//! `control` runs the probes and owns one [`RiseFall`] for each (cluster, endpoint, check); [`overall`] makes one standing of those
//! of an endpoint.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::vitals::Standing;

/// One way in which the endpoints of a cluster are checked.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthCheck {
    /// What a probe does.
    pub kind: CheckKind,
    /// From the start of one probe to the start of the next.
    pub interval: Duration,
    /// The same while outcomes speak against the standing; `None` for a quarter of `interval`, but at least 250 ms. It is
    /// never more than `interval`, see [`HealthCheck::pace`].
    pub fast_interval: Option<Duration>,
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
    /// A TLS handshake completes. Whose certificate it is, and whether it is any good, is asked only if the cluster speaks TLS itself: by
    /// its rules.
    Tls {
        /// The name that is asked for (SNI); the endpoint's own where it has one, if absent.
        server_name: Option<Box<str>>,
    },
    /// A request is answered with one of these statuses, and with this text.
    Http {
        /// The request's method.
        method: Box<str>,
        /// The request's target.
        path: Box<str>,
        /// The `Host` field; the endpoint's own name when absent.
        host: Option<Box<str>>,
        /// The statuses that pass.
        status: Vec<RangeInclusive<u16>>,
        /// What has to be in the first [`crate::limits::CHECKED_BODY_BYTES_MAX`] bytes of the body; `None` for anything.
        body: Option<Box<str>>,
    },
    /// `grpc.health.v1.Health/Check`, over HTTP/2, says that a service is `SERVING`.
    Grpc {
        /// Which service; empty for the server as a whole.
        service: Box<str>,
        /// The `:authority`; the endpoint's own name when absent.
        host: Option<Box<str>>,
    },
    /// A program ends with status 0.
    Exec {
        /// The program's path, then its arguments: never empty.
        command: Vec<Box<str>>,
    },
}

/// The name of the check, as reasons of endpoints with several of them say it: `tcp`, `http /health`, `grpc shop.Cart`.
impl fmt::Display for CheckKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, what) = match self {
            Self::Tcp => ("tcp", ""),
            Self::Tls { server_name } => ("tls", server_name.as_deref().unwrap_or_default()),
            Self::Http { path, .. } => ("http", &**path),
            Self::Grpc { service, .. } => ("grpc", &**service),
            Self::Exec { command } => ("exec", command.first().map_or("", |program| &**program)),
        };
        f.write_str(kind)?;
        if what.is_empty() { Ok(()) } else { write!(f, " {what}") }
    }
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            kind: CheckKind::Tcp,
            interval: Duration::from_secs(2),
            fast_interval: None,
            timeout: Duration::from_secs(1),
            jitter: 0.2,
            fall: 3,
            rise: 2,
        }
    }
}

impl HealthCheck {
    /// From the start of one probe to the start of the next, before any jitter, where `machine` stands. Outcomes that speak
    /// against a standing are followed up quickly, so that `fall` and `rise` cost little time and the usual pace little work.
    pub fn pace(&self, machine: &RiseFall) -> Duration {
        if machine.against() == 0 {
            return self.interval;
        }
        let fast = self.fast_interval.unwrap_or_else(|| (self.interval / 4).max(FAST_INTERVAL_MIN));
        fast.min(self.interval)
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

/// Where an endpoint stands whose checks stand so: down as long as any of them says so, and otherwise up as soon as any does.
pub fn overall(standings: impl IntoIterator<Item = Standing>) -> Standing {
    standings.into_iter().fold(Standing::Unchecked, |overall, standing| match (overall, standing) {
        (Standing::Down, _) | (_, Standing::Down) => Standing::Down,
        (Standing::Up, _) | (_, Standing::Up) => Standing::Up,
        (Standing::Unchecked, Standing::Unchecked) => Standing::Unchecked,
    })
}

/// Unless the config says otherwise, an uncertain endpoint is not checked more often than this: a check costs it something, too.
const FAST_INTERVAL_MIN: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests;
