//! What is counted while load runs; pure. `drive` records, the progress and the summary read.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::{CreationError, Histogram};

use super::client::{Answer, Failure, FailureKind};

/// One finished request.
pub(super) struct Outcome {
    pub(super) result: Result<Answer, Failure>,
    /// From the time it should have started.
    pub(super) latency: Duration,
    /// How much later than that it did start.
    pub(super) lag: Duration,
}

impl Outcome {
    /// Whether it failed, or was answered with 5xx.
    pub(super) fn is_error(&self) -> bool {
        self.result.as_ref().map_or(true, |answer| answer.status >= 500)
    }

    /// Whether it took too long.
    pub(super) fn is_timeout(&self) -> bool {
        matches!(&self.result, Err(failure) if failure.kind == FailureKind::Timeout)
    }
}

/// Whether an answer with this status does what was asked for, or leads to where it is.
pub(super) fn is_welcome(status: u16) -> bool {
    (200..400).contains(&status)
}

/// Counts and latencies of the requests finished so far.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    latency_nanos: Histogram<u64>,
    /// Complete answers by status.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// What failed, by why.
    pub(crate) failures: BTreeMap<FailureKind, u64>,
    /// Complete answers by their `X-Origin`.
    pub(crate) origins: BTreeMap<String, u64>,
    /// How many started more than a millisecond late.
    pub(crate) delayed: u64,
    /// The worst of these.
    pub(crate) longest_lag: Duration,
    /// How often a start had to wait because every connection was busy.
    pub(crate) crowded: u64,
    /// How many of the schedule were given up when the time was over.
    pub(crate) unsent: u64,
    /// Bytes of answers' bodies.
    pub(crate) body_bytes: u64,
    /// What the system said to the first of each kind of failure.
    pub(crate) details: BTreeMap<FailureKind, String>,
}

impl Tally {
    /// Nothing counted yet. The error cannot happen with the bounds given here.
    pub(super) fn new() -> Result<Self, CreationError> {
        let latency_nanos =
            Histogram::new_with_bounds(SHORTEST_NANOS, LONGEST_NANOS, SIGNIFICANT_DIGITS)?;
        Ok(Tally {
            latency_nanos,
            statuses: BTreeMap::new(),
            failures: BTreeMap::new(),
            origins: BTreeMap::new(),
            delayed: 0,
            longest_lag: Duration::ZERO,
            crowded: 0,
            unsent: 0,
            body_bytes: 0,
            details: BTreeMap::new(),
        })
    }

    /// Counts one finished request.
    pub(super) fn record(&mut self, outcome: &Outcome) {
        match &outcome.result {
            Ok(answer) => self.record_answer(answer),
            Err(failure) => self.record_failure(failure),
        }
        // A timeout took at least that long; without it the slowest would be left out. The other
        // failures say nothing about how fast answers are.
        if outcome.result.is_ok() || outcome.is_timeout() {
            let nanos = u64::try_from(outcome.latency.as_nanos()).unwrap_or(u64::MAX);
            self.latency_nanos.saturating_record(nanos);
        }
        if outcome.lag > TOLERATED_LAG {
            self.delayed += 1;
            self.longest_lag = self.longest_lag.max(outcome.lag);
        }
    }

    fn record_answer(&mut self, answer: &Answer) {
        *self.statuses.entry(answer.status).or_default() += 1;
        self.body_bytes += answer.body_bytes;
        let Some(Ok(name)) = answer.origin.as_ref().map(|name| name.to_str()) else { return };
        if let Some(count) = self.origins.get_mut(name) {
            *count += 1;
        } else if self.origins.len() < MOST_ORIGINS {
            self.origins.insert(name.to_owned(), 1);
        } else {
            *self.origins.entry(OTHER_ORIGINS.to_owned()).or_default() += 1;
        }
    }

    fn record_failure(&mut self, failure: &Failure) {
        *self.failures.entry(failure.kind).or_default() += 1;
        self.details.entry(failure.kind).or_insert_with(|| failure.detail.clone());
    }

    /// Complete answers, with any status.
    pub(crate) fn answered(&self) -> u64 {
        self.statuses.values().sum()
    }

    /// Complete answers with 2xx or 3xx.
    pub(crate) fn welcome(&self) -> u64 {
        let welcome = self.statuses.iter().filter(|(status, _)| is_welcome(**status));
        welcome.map(|(_, count)| count).sum()
    }

    /// Requests without a complete answer.
    pub(crate) fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// Finished requests.
    pub(crate) fn finished(&self) -> u64 {
        self.answered() + self.failed()
    }

    /// The latency that this share (0 to 1) of answers and timeouts did not exceed; zero if there
    /// were none.
    pub(crate) fn latency_at(&self, share: f64) -> Duration {
        Duration::from_nanos(self.latency_nanos.value_at_quantile(share))
    }

    /// The mean of the same.
    pub(crate) fn mean_latency(&self) -> Duration {
        Duration::from_nanos(self.latency_nanos.mean() as u64)
    }

    /// What was counted after `earlier`, a former state of this tally. `longest_lag` and `details`
    /// stay those of the whole.
    pub(crate) fn since(&self, earlier: &Tally) -> Tally {
        let mut interval = self.clone();
        // It fails only if `earlier` is no former state; then the whole is still true.
        let _ = interval.latency_nanos.subtract(&earlier.latency_nanos);
        subtract(&mut interval.statuses, &earlier.statuses);
        subtract(&mut interval.failures, &earlier.failures);
        subtract(&mut interval.origins, &earlier.origins);
        interval.delayed = self.delayed.saturating_sub(earlier.delayed);
        interval.crowded = self.crowded.saturating_sub(earlier.crowded);
        interval.unsent = self.unsent.saturating_sub(earlier.unsent);
        interval.body_bytes = self.body_bytes.saturating_sub(earlier.body_bytes);
        interval
    }
}

fn subtract<K: Ord>(counts: &mut BTreeMap<K, u64>, earlier: &BTreeMap<K, u64>) {
    for (key, count) in counts.iter_mut() {
        *count = count.saturating_sub(earlier.get(key).copied().unwrap_or(0));
    }
    counts.retain(|_, count| *count > 0);
}

/// Waking and sending on a busy machine may take this long; it is no fault of the target.
const TOLERATED_LAG: Duration = Duration::from_millis(1);

/// Below this, loopback itself is not.
const SHORTEST_NANOS: u64 = 1_000;

/// An hour; what is longer counts as this.
const LONGEST_NANOS: u64 = 3_600_000_000_000;

/// 0.1 % of the value is finer than any two runs agree.
const SIGNIFICANT_DIGITS: u8 = 3;

/// A bound on names that come from the network.
const MOST_ORIGINS: usize = 256;

const OTHER_ORIGINS: &str = "(others)";

#[cfg(test)]
mod tests;
