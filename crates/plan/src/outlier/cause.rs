//! Why an endpoint is an outlier: the rules, and their names.

use std::fmt;
use std::time::Duration;

use super::record::Record;
use super::{Settings, window::Count};
use crate::limits::{OUTLIER_FAILURES_MIN, OUTLIER_MARGIN_MIN, OUTLIER_PEERS_MIN};
use crate::time::Time;

/// Why an endpoint is ejected or suspect. Shown, it completes a sentence: "api 10.0.0.1:8080 is ejected: …".
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cause {
    /// Too many attempts in a row failed.
    ConsecutiveFailures {
        /// So many.
        failed: u32,
    },
    /// Too large a share of its attempts within the window failed.
    FailureRate {
        /// So many.
        failed: u32,
        /// Of so many.
        attempts: u32,
    },
    /// Too small a share was answered well, compared with the other endpoints of the cluster.
    SuccessRate {
        /// So many failed.
        failed: u32,
        /// Of so many.
        attempts: u32,
        /// The share that should have been answered well, 0 to 1.
        least: f64,
    },
    /// Attempts wait, and no byte comes, while others answer.
    Stall {
        /// So many wait.
        waiting: u32,
        /// For so long nothing has come.
        quiet: Duration,
    },
}

impl Cause {
    /// The machine-readable name, stable across versions.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConsecutiveFailures { .. } => "consecutive_failures",
            Self::FailureRate { .. } => "failure_rate",
            Self::SuccessRate { .. } => "success_rate",
            Self::Stall { .. } => "stall",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConsecutiveFailures { failed } => write!(f, "{failed} attempts in a row failed"),
            Self::FailureRate { failed, attempts } => {
                write!(f, "{failed} of {attempts} attempts failed")
            }
            Self::SuccessRate { failed, attempts, least } => write!(
                f,
                "{failed} of {attempts} attempts failed, where its peers let expect {:.1}% at most",
                (1.0 - least) * 100.0
            ),
            Self::Stall { waiting, quiet } => write!(
                f,
                "{waiting} {} and not a byte came for {:.1}s, while others answer",
                if *waiting == 1 { "attempt waits" } else { "attempts wait" },
                quiet.as_secs_f64()
            ),
        }
    }
}

/// How the endpoints of a cluster do that are not ejected.
#[derive(Debug)]
pub(super) struct Peers {
    /// All of them together.
    all: Count,
    /// The least share of successes that is no outlier, if there are enough to say: the mean less some standard deviations, as Envoy has
    /// it, but less [`OUTLIER_MARGIN_MIN`] at least.
    pub(super) least: Option<f64>,
}

/// Why an endpoint that has done so much within the window is to be ejected, if it is.
pub(super) fn of(
    record: &Record,
    count: Count,
    peers: &Peers,
    settings: &Settings,
) -> Option<Cause> {
    let others = peers.all.without(count).failure_rate();
    consecutive_failures(record, count, others, settings)
        .or_else(|| failure_rate(count, others, settings))
        .or_else(|| success_rate(count, peers.least?, settings))
}

/// Five in a row come to anybody who has too much to do, as all may have, and then none is worse than the others.
fn consecutive_failures(
    record: &Record,
    count: Count,
    others: f64,
    settings: &Settings,
) -> Option<Cause> {
    let (failed, most) = (record.in_a_row(), settings.consecutive?);
    (failed >= most.max(1) && is_clearly_worse(count, others))
        .then_some(Cause::ConsecutiveFailures { failed })
}

fn failure_rate(count: Count, others: f64, settings: &Settings) -> Option<Cause> {
    let is_too_much = count.failed > 0
        && count.failure_rate() >= settings.failure_rate?
        && is_clearly_worse(count, others);
    let Count { failed, .. } = count;
    (has_enough(count, settings) && is_too_much)
        .then(|| Cause::FailureRate { failed, attempts: count.total() })
}

/// Whether it does worse than others of whose attempts this share fails: it fails twice as often, or succeeds half as often, and that
/// is more than three standard deviations.
fn is_clearly_worse(count: Count, others: f64) -> bool {
    let deviation = (others * (1.0 - others) / f64::from(count.total().max(1))).sqrt();
    let worse = (2.0 * others).min(f64::midpoint(1.0, others));
    count.failure_rate() >= worse.max(others + 3.0 * deviation)
}

fn success_rate(count: Count, least: f64, settings: &Settings) -> Option<Cause> {
    let is_too_little = 1.0 - count.failure_rate() < least && count.failed >= OUTLIER_FAILURES_MIN;
    let Count { failed, .. } = count;
    (has_enough(count, settings) && is_too_little).then(|| Cause::SuccessRate {
        failed,
        attempts: count.total(),
        least,
    })
}

impl Peers {
    pub(super) fn of(records: &[Record], now: Time, settings: &Settings) -> Self {
        let counts = records.iter().filter(|record| !record.is_ejected());
        let counts: Vec<Count> = counts.map(|record| record.count(now, settings)).collect();
        let all = counts.iter().copied().fold(Count::default(), Count::plus);
        Self { all, least: least_success(&counts, settings) }
    }

    /// One that has done so much is ejected.
    pub(super) fn lose(&mut self, count: Count) {
        self.all = self.all.without(count);
    }
}

/// See [`Peers`]; `None` where too few endpoints have enough attempts.
fn least_success(counts: &[Count], settings: &Settings) -> Option<f64> {
    let deviations = settings.deviations?;
    let enough = counts.iter().filter(|&&count| has_enough(count, settings));
    let rates: Vec<f64> = enough.map(|count| 1.0 - count.failure_rate()).collect();
    if rates.len() < OUTLIER_PEERS_MIN {
        return None;
    }
    let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / rates.len() as f64;
    let middle = mean(&mut rates.iter().copied());
    let variance = mean(&mut rates.iter().map(|rate| (rate - middle).powi(2)));
    Some(middle - (deviations * variance.sqrt()).max(OUTLIER_MARGIN_MIN))
}

fn has_enough(count: Count, settings: &Settings) -> bool {
    count.total() >= settings.min_requests.max(1)
}
