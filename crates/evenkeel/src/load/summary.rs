//! What a run of load came to, and its JSON form; pure. Made by [`Load::summary`](super::Load::summary).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::client::FailureKind;
use super::{Arrivals, Counted, Moment, Pace, Settings, Tally};

/// The result of a run. Its JSON keys are an interface: they may be added to, not changed.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) url: String,
    /// `open` or `closed`.
    pub(crate) mode: &'static str,
    /// What an open loop was asked for; null in a closed one.
    pub(crate) target_rate: Option<f64>,
    /// How it spaced its starts; null in a closed one.
    pub(crate) arrivals: Option<&'static str>,
    /// The bound.
    pub(crate) connections: u32,
    /// How many were opened over the whole time.
    pub(crate) connections_opened: u64,
    pub(crate) elapsed_seconds: f64,
    /// Finished requests: answered and failed.
    pub(crate) requests: u64,
    /// Complete answers, with any status.
    pub(crate) answered: u64,
    /// Of these, the ones with 2xx or 3xx.
    pub(crate) welcome: u64,
    pub(crate) failed: u64,
    /// Complete answers a second.
    pub(crate) rate: f64,
    /// Of answers and timeouts; in an open loop from the time the request should have started.
    pub(crate) latency_seconds: Latency,
    /// Complete answers by status.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// Failures by kind; every kind is there.
    pub(crate) errors: BTreeMap<&'static str, u64>,
    /// What the system said to the first of a kind, where there was something to say.
    pub(crate) error_details: BTreeMap<&'static str, String>,
    /// Complete answers by `X-Origin`.
    pub(crate) origins: BTreeMap<String, u64>,
    /// Requests of an open loop that started more than a millisecond late.
    pub(crate) delayed: u64,
    pub(crate) longest_delay_seconds: f64,
    /// How often a start of an open loop had to wait because every connection was busy.
    pub(crate) crowded: u64,
    /// Requests of an open loop that were given up before they started.
    pub(crate) unsent: u64,
    /// Bytes of the answers' bodies.
    pub(crate) body_bytes: u64,
    /// How long a point of the series is, in seconds: 1, or more if the run was long.
    pub(crate) step: f64,
    /// How it went over time.
    pub(crate) series: Vec<Moment>,
}

/// How long answers took, in seconds.
#[derive(Debug, Serialize)]
pub(crate) struct Latency {
    pub(crate) min: f64,
    pub(crate) mean: f64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    #[serde(rename = "p99.9")]
    pub(crate) p99_9: f64,
    pub(crate) max: f64,
}

impl Summary {
    pub(super) fn new(
        settings: &Settings,
        counted: &Counted,
        elapsed: Duration,
        connections_opened: u64,
    ) -> Self {
        let Counted { tally, series } = counted;
        let (mode, target_rate, arrivals) = match settings.pace {
            Pace::Closed => ("closed", None, None),
            Pace::Open { rate, arrivals } => {
                ("open", Some(rate.per_second()), Some(arrivals.name()))
            }
        };
        let elapsed_seconds = elapsed.as_secs_f64();
        Summary {
            url: settings.target.url().to_owned(),
            mode,
            target_rate,
            arrivals,
            connections: settings.connections,
            connections_opened,
            elapsed_seconds,
            requests: tally.finished(),
            answered: tally.answered(),
            welcome: tally.welcome(),
            failed: tally.failed(),
            rate: quotient(tally.answered() as f64, elapsed_seconds),
            latency_seconds: Latency::of(tally),
            errors: FailureKind::ALL.map(|kind| (kind.name(), count(tally, kind))).into(),
            error_details: details(tally),
            statuses: tally.statuses.clone(),
            origins: tally.origins.clone(),
            delayed: tally.delayed,
            longest_delay_seconds: tally.longest_lag.as_secs_f64(),
            crowded: tally.crowded,
            unsent: tally.unsent,
            body_bytes: tally.body_bytes,
            step: series.step().as_secs_f64(),
            series: series.moments(),
        }
    }

    /// As one JSON object on several lines.
    pub(crate) fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }
}

impl Latency {
    fn of(tally: &Tally) -> Self {
        let at = |share| tally.latency_at(share).as_secs_f64();
        Latency {
            min: at(0.0),
            mean: tally.mean_latency().as_secs_f64(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: at(1.0),
        }
    }
}

impl Arrivals {
    fn name(self) -> &'static str {
        match self {
            Arrivals::Poisson => "poisson",
            Arrivals::Even => "even",
        }
    }
}

fn count(tally: &Tally, kind: FailureKind) -> u64 {
    tally.failures.get(&kind).copied().unwrap_or(0)
}

fn details(tally: &Tally) -> BTreeMap<&'static str, String> {
    let said = tally.details.iter().filter(|(_, detail)| !detail.is_empty());
    said.map(|(kind, detail)| (kind.name(), detail.clone())).collect()
}

/// Zero where there is nothing to divide by.
pub(super) fn quotient(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
