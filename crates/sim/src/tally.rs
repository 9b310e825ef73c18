//! What is counted while a simulation runs. `run` tells it what happens, and it makes the report of it.

use std::time::Duration;

use evenkeel_plan::balance::Algorithm;
use evenkeel_plan::time::Time;

use crate::histogram::{Coarse, Fine, Histogram};
use crate::notice::Notice;
use crate::origin::Origin;
use crate::report::{EndpointReport, Errors, InFlight, KeysReport, Latency, Point, Report, Series};
use crate::scenario::Scenario;
use crate::script::Script;

/// Why an attempt failed, or a request that was never attempted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Refused,
    Lost,
    /// Found to stall, it was left for another endpoint.
    Stalled,
    TimedOut,
    Answered,
    NoEndpoint,
    QueueFull,
    /// No endpoint had room for it, and no more might wait.
    Overloaded,
    /// It waited for room in vain.
    PendingTimeout,
}

/// The counts of a run.
#[derive(Debug)]
pub(crate) struct Tally {
    requests: u64,
    retries: u64,
    errors: Errors,
    latency: Fine,
    keys: KeysReport,
    /// For each client the endpoint that took its last request, plus 1.
    homes: Vec<u32>,
    in_flight: u64,
    peak: u64,
    /// The sum over all requests of how long they were there while others arrived: in flight on average, times the duration.
    presence: Duration,
    end: Time,
    /// When arrivals end.
    closing: Time,
    endpoints: Vec<EndpointTally>,
    step: Duration,
    points: Vec<PointTally>,
    notice: Notice,
}

#[derive(Clone, Debug, Default)]
struct EndpointTally {
    attempts: u64,
    failures: u64,
    ejections: u64,
    latency: Coarse,
}

#[derive(Clone, Debug, Default)]
struct PointTally {
    point: Point,
    latency: Coarse,
}

impl Tally {
    pub(crate) fn new(scenario: &Scenario, script: &Script) -> Self {
        let duration = scenario.load.duration;
        let count = script.endpoints.len();
        let point = Point { attempts: vec![0; count], ..Point::default() };
        Self {
            requests: 0,
            retries: 0,
            errors: Errors::default(),
            latency: Fine::default(),
            keys: KeysReport::default(),
            homes: Vec::new(),
            in_flight: 0,
            peak: 0,
            presence: Duration::ZERO,
            end: Time::START,
            closing: Time::START.after(duration),
            endpoints: vec![EndpointTally::default(); count],
            step: (duration / scenario.points).max(Duration::from_nanos(1)),
            points: vec![
                PointTally { point, latency: Coarse::default() };
                scenario.points as usize
            ],
            notice: Notice::new(script, duration, scenario.load.mean_rate()),
        }
    }

    /// How many points the series has; at least 1.
    pub(crate) fn points(&self) -> usize {
        self.points.len()
    }

    /// When the point number `number` is over.
    pub(crate) fn point_end(&self, number: usize) -> Time {
        Time::START.after(self.step * (number + 1) as u32)
    }

    /// A request has arrived.
    pub(crate) fn arrived(&mut self, now: Time) {
        self.requests += 1;
        self.in_flight += 1;
        self.peak = self.peak.max(self.in_flight);
        self.point(now).point.requests += 1;
    }

    /// The endpoint at `position` was chosen, for a request for the first time or again.
    pub(crate) fn chosen(&mut self, position: usize, again: bool, now: Time) {
        self.retries += u64::from(again);
        self.endpoints[position].attempts += 1;
        if now < self.closing {
            self.point(now).point.attempts[position] += 1;
        }
        self.notice.chosen(position, now);
    }

    /// The endpoint at `position` has taken a request of `client`.
    pub(crate) fn taken(&mut self, position: usize, client: u32) {
        let client = client as usize;
        if client >= self.homes.len() {
            self.homes.resize(client + 1, 0);
        }
        let home = position as u32 + 1;
        let last = std::mem::replace(&mut self.homes[client], home);
        self.keys.returned += u64::from(last != 0);
        self.keys.moved += u64::from(last != 0 && last != home);
    }

    /// Whether the key was remembered where the work begins.
    pub(crate) fn remembered(&mut self, hit: bool) {
        self.keys.cache_hits += u64::from(hit);
        self.keys.cache_misses += u64::from(!hit);
    }

    /// An attempt at the endpoint at `position` has failed.
    pub(crate) fn failed(&mut self, position: usize) {
        self.endpoints[position].failures += 1;
    }

    /// Outlier detection has ejected the endpoint at `position`.
    pub(crate) fn ejected(&mut self, position: usize) {
        self.endpoints[position].ejections += 1;
    }

    /// The endpoint at `position` has answered well a request that came at `arrived`.
    pub(crate) fn answered(&mut self, position: usize, arrived: Time, now: Time) {
        self.latency.add(now.since(arrived));
        self.endpoints[position].latency.add(now.since(arrived));
        self.point(arrived).latency.add(now.since(arrived));
        self.finished(arrived, now);
    }

    /// A request that came at `arrived` has come to a bad end.
    pub(crate) fn ended_badly(&mut self, failure: Failure, arrived: Time, now: Time) {
        let errors = &mut self.errors;
        *match failure {
            Failure::Refused => &mut errors.refused,
            Failure::Lost | Failure::Stalled => &mut errors.lost,
            Failure::TimedOut => &mut errors.timed_out,
            Failure::Answered => &mut errors.answered,
            Failure::NoEndpoint => &mut errors.no_endpoint,
            Failure::QueueFull => &mut errors.queue_full,
            Failure::Overloaded => &mut errors.overloaded,
            Failure::PendingTimeout => &mut errors.pending_timeout,
        } += 1;
        self.point(arrived).point.errors += 1;
        if failure == Failure::TimedOut {
            self.latency.add(now.since(arrived));
            self.point(arrived).latency.add(now.since(arrived));
        }
        self.finished(arrived, now);
    }

    /// How things stand when the point number `number` is over.
    pub(crate) fn sample(&mut self, number: usize, waiting: u64) {
        self.points[number].point.in_flight = self.in_flight;
        self.points[number].point.waiting = waiting;
    }

    /// Sums up.
    pub(crate) fn report(
        self,
        algorithm: Algorithm,
        script: &Script,
        origins: &[Origin],
    ) -> Report {
        let duration = self.closing.since(Time::START);
        let all: u64 = self.endpoints.iter().map(|endpoint| endpoint.attempts).sum();
        let utilisation = |origins: &[Origin]| {
            let sums = origins.iter().try_fold((0.0, 0.0), |(busy, room), origin| {
                Some((busy + origin.busy_seconds(), room + origin.slot_seconds()?))
            });
            sums.filter(|(_, room)| *room > 0.0).map(|(busy, room)| busy / room)
        };
        let endpoint = |(position, tally): (usize, &EndpointTally)| EndpointReport {
            name: script.endpoints[position].name.clone(),
            attempts: tally.attempts,
            share: tally.attempts as f64 / all.max(1) as f64,
            answered: tally.latency.count(),
            failures: tally.failures,
            ejections: tally.ejections,
            latency: latency(&tally.latency),
            peak_in_flight: origins[position].peak(),
            utilisation: utilisation(&origins[position..=position]),
        };
        Report {
            algorithm,
            requests: self.requests,
            answered: self.endpoints.iter().map(|endpoint| endpoint.latency.count()).sum(),
            errors: self.errors,
            retries: self.retries,
            latency: latency(&self.latency),
            keys: self.keys,
            in_flight: InFlight {
                peak: self.peak,
                mean: self.presence.as_secs_f64() / duration.as_secs_f64(),
            },
            utilisation: utilisation(origins),
            end: self.end,
            endpoints: self.endpoints.iter().enumerate().map(endpoint).collect(),
            afflictions: self.notice.report(script),
            series: Series {
                step: self.step,
                points: self.points.into_iter().map(PointTally::point).collect(),
            },
        }
    }

    fn finished(&mut self, arrived: Time, now: Time) {
        self.in_flight -= 1;
        self.presence += now.min(self.closing).since(arrived);
        self.end = now;
    }

    fn point(&mut self, at: Time) -> &mut PointTally {
        let number = (u128::from(at.as_nanos()) / self.step.as_nanos()) as usize;
        // What is left over by the division belongs to the last.
        let last = self.points.len() - 1;
        &mut self.points[number.min(last)]
    }
}

impl PointTally {
    fn point(self) -> Point {
        let (mean, p50, p99) =
            (self.latency.mean(), self.latency.permille(500), self.latency.permille(990));
        Point { mean, p50, p99, ..self.point }
    }
}

fn latency<const B: u32>(histogram: &Histogram<B>) -> Option<Latency> {
    Some(Latency {
        mean: histogram.mean()?,
        p50: histogram.permille(500)?,
        p90: histogram.permille(900)?,
        p99: histogram.permille(990)?,
        p999: histogram.permille(999)?,
        max: histogram.most(),
    })
}
