//! Takes samples of the running demo: from the load what clients see, from the balancer's status
//! what it did. Asked by `performance`.

use std::collections::VecDeque;
use std::time::Duration;

use evenkeel_control::View;
use evenkeel_control::admin::{EndpointStatus, Latency};

use crate::load::{Load, Tally};

use super::cast::FLAKY;
use super::sample::{EndpointSample, Quantiles, Recent, Sample};

/// Remembers the last second, so that a sample can say what was new in it.
#[derive(Default)]
pub(super) struct Meter {
    marks: VecDeque<Mark>,
}

/// The counts at one moment.
struct Mark {
    at: Duration,
    tally: Tally,
    /// By endpoint.
    answers: Vec<u64>,
}

impl Meter {
    /// Measures now.
    pub(super) fn sample(&mut self, load: &Load, view: &View) -> Sample {
        let (at, tally) = (load.elapsed(), load.tally());
        // The demo has one cluster.
        let clusters = view.status().clusters;
        let endpoints = clusters.into_iter().flat_map(|cluster| cluster.endpoints).collect();
        self.forget_before(at.saturating_sub(WINDOW));
        let sample = self.compare(at, &tally, endpoints);
        let answers = sample.endpoints.iter().map(|endpoint| endpoint.answers).collect();
        self.marks.push_back(Mark { at, tally, answers });
        sample
    }

    /// Drops marks, but keeps the youngest that is a whole window old.
    fn forget_before(&mut self, begin: Duration) {
        while self.marks.get(1).is_some_and(|mark| mark.at <= begin) {
            self.marks.pop_front();
        }
    }

    fn compare(&self, at: Duration, tally: &Tally, endpoints: Vec<EndpointStatus>) -> Sample {
        let since = self.marks.front();
        let period = at.saturating_sub(since.map_or(Duration::ZERO, |mark| mark.at));
        let per_second = |count: u64| count as f64 / period.as_secs_f64().max(SHORTEST_SECONDS);
        let (errors, lost) = (errors(tally), lost(tally));
        let recent = since.map_or_else(|| tally.clone(), |mark| tally.since(&mark.tally));
        let endpoint = |(position, status): (usize, EndpointStatus)| {
            let before = since.and_then(|mark| mark.answers.get(position)).copied().unwrap_or(0);
            // An attempt without an answer was made again elsewhere, or lost; to clients it is no request of its own.
            let answers = status.requests.saturating_sub(status.failures);
            // The status counts what got no answer. Only one of the cast answers with errors.
            let answered_errors = if position == FLAKY { errors } else { 0 };
            EndpointSample {
                state: status.state,
                reason: status.reason,
                in_flight: status.in_flight,
                answers,
                failures: status.failures + answered_errors,
                rate: per_second(answers.saturating_sub(before)),
                latency: status.latency.map(quantiles),
            }
        };
        Sample {
            at,
            requests: tally.finished(),
            errors,
            lost,
            recent: Recent {
                rate: per_second(recent.finished()),
                p50: recent.latency_at(0.5),
                p99: recent.latency_at(0.99),
            },
            endpoints: endpoints.into_iter().enumerate().map(endpoint).collect(),
        }
    }
}

/// Requests without an answer of an origin: nothing came, or the balancer answered itself.
fn lost(tally: &Tally) -> u64 {
    tally.failed() + own_answers(tally)
}

/// Requests that an origin answered with 5xx. What the balancer answers itself is 5xx too.
fn errors(tally: &Tally) -> u64 {
    let all: u64 = tally.statuses.range(500..).map(|(_, count)| count).sum();
    all.saturating_sub(own_answers(tally))
}

/// Answers without `X-Origin`: those that the balancer gave because it had none to pass on.
fn own_answers(tally: &Tally) -> u64 {
    tally.answered().saturating_sub(tally.origins.values().sum())
}

fn quantiles(latency: Latency) -> Quantiles {
    let duration = |seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default();
    Quantiles { p50: duration(latency.p50_seconds), p99: duration(latency.p99_seconds) }
}

/// What `recent` means.
const WINDOW: Duration = Duration::from_secs(1);

/// A rate over less would only be noise.
const SHORTEST_SECONDS: f64 = 0.05;
