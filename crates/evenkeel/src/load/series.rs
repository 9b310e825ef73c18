//! How a run went over time, for its JSON; pure. `drive` records, the summary reads, and `evenkeel simulate --measured` shows.

use std::time::Duration;

use evenkeel_sim::{Coarse, POINTS_MAX};
use serde::{Deserialize, Serialize};

use super::tally::Outcome;

/// What became of the requests that should have started within each step, from the beginning of the run on. A step is a second,
/// and longer if there would be more of them than a simulation can have; each takes at most 15 KiB.
#[derive(Debug)]
pub(super) struct Series {
    step: Duration,
    points: Vec<Point>,
}

#[derive(Debug, Default)]
struct Point {
    requests: u64,
    errors: u64,
    latency: Coarse,
}

/// One step. Its fields are those of a point in the series of `evenkeel simulate --json`, and mean the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Moment {
    /// When it begins, in seconds since the beginning of the run.
    pub(crate) at: f64,
    /// How many requests should have started within it, and are finished.
    pub(crate) requests: u64,
    /// How many of them failed, or were answered with 5xx.
    pub(crate) errors: u64,
    /// In seconds, as are the next two; of all that were no errors, and of timeouts. Null if there were none.
    pub(crate) mean: Option<f64>,
    /// Off by at most 1.6 %, as is the next.
    pub(crate) p50: Option<f64>,
    /// 99 in 100 were no slower.
    pub(crate) p99: Option<f64>,
}

impl Series {
    /// Counts one finished request that should have started at `due`, counted from the beginning.
    pub(super) fn record(&mut self, due: Duration, outcome: &Outcome) {
        let point = self.point(due);
        point.requests += 1;
        point.errors += u64::from(outcome.is_error());
        // A fast error is no fast answer.
        if !outcome.is_error() || outcome.is_timeout() {
            point.latency.add(outcome.latency);
        }
    }

    /// How long each point is.
    pub(super) fn step(&self) -> Duration {
        self.step
    }

    /// All points up to the last in which there was anything.
    pub(super) fn moments(&self) -> Vec<Moment> {
        let step = self.step.as_secs_f64();
        let moment = |(number, point): (usize, &Point)| point.moment(number as f64 * step);
        self.points.iter().enumerate().map(moment).collect()
    }

    fn point(&mut self, at: Duration) -> &mut Point {
        while at.as_nanos() / self.step.as_nanos() >= u128::from(POINTS_MAX) {
            self.coarsen();
        }
        let number = (at.as_nanos() / self.step.as_nanos()) as usize;
        if number >= self.points.len() {
            self.points.resize_with(number + 1, Point::default);
        }
        &mut self.points[number]
    }

    /// Makes one point of each two.
    fn coarsen(&mut self) {
        self.step *= 2;
        let mut points = std::mem::take(&mut self.points).into_iter();
        while let Some(mut point) = points.next() {
            if let Some(next) = points.next() {
                point.absorb(&next);
            }
            self.points.push(point);
        }
    }
}

impl Default for Series {
    fn default() -> Self {
        Series { step: Duration::from_secs(1), points: Vec::new() }
    }
}

impl Point {
    fn absorb(&mut self, other: &Point) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.latency.absorb(&other.latency);
    }

    fn moment(&self, at: f64) -> Moment {
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
        Moment {
            at,
            requests: self.requests,
            errors: self.errors,
            mean: seconds(self.latency.mean()),
            p50: seconds(self.latency.permille(500)),
            p99: seconds(self.latency.permille(990)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::client::{Answer, Failure, FailureKind};
    use super::*;

    fn outcome(status: u16, millis: u64) -> Outcome {
        let result = Ok(Answer { status, origin: None, body_bytes: 0 });
        Outcome { result, latency: Duration::from_millis(millis), lag: Duration::ZERO }
    }

    fn failed(kind: FailureKind, millis: u64) -> Outcome {
        let result = Err(Failure { kind, detail: String::new() });
        Outcome { result, ..outcome(200, millis) }
    }

    #[test]
    fn a_request_counts_when_it_should_have_started_and_errors_are_not_fast() {
        let mut series = Series::default();
        let mut record = |at, outcome| series.record(Duration::from_millis(at), &outcome);
        record(2_999, outcome(200, 10));
        record(2_000, outcome(404, 30));
        record(999, outcome(503, 1));
        record(0, failed(FailureKind::Refused, 1));
        record(3_000, failed(FailureKind::Timeout, 5_000));
        let moment =
            |at, requests, errors, mean, p50, p99| Moment { at, requests, errors, mean, p50, p99 };
        let expected = [
            moment(0.0, 2, 2, None, None, None),
            moment(1.0, 0, 0, None, None, None),
            moment(2.0, 2, 0, Some(0.02), Some(0.01), Some(0.03)),
            moment(3.0, 1, 1, Some(5.0), Some(5.0), Some(5.0)),
        ];
        let rounded = series.moments().into_iter().map(|it| Moment {
            p50: it.p50.map(|seconds| (seconds * 100.0).round() / 100.0),
            ..it
        });
        assert_eq!(rounded.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_long_run_has_longer_steps_and_loses_nothing() {
        let mut series = Series::default();
        for second in 0..5_000 {
            series.record(Duration::from_secs(second), &outcome(200, 1 + second / 1_000));
        }
        let moments = series.moments();
        assert_eq!((series.step(), moments.len()), (Duration::from_secs(16), 313));
        assert_eq!(moments.iter().map(|moment| moment.requests).sum::<u64>(), 5_000);
        assert_eq!((moments[312].at, moments[312].requests), (4_992.0, 8));
        assert_eq!((moments[0].mean, moments[312].mean), (Some(0.001), Some(0.005)));

        series.record(Duration::MAX, &outcome(200, 1));
        assert!(series.moments().len() <= 600);
    }
}
