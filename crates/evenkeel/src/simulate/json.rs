//! What came of a simulation, for programs; pure. docs/simulate.md lists the fields. Written by `command`.
//!
//! Nothing in it depends on when it was made or in which order hash maps are: equal seeds give equal bytes.

use std::time::Duration;

use evenkeel_plan::balance::Algorithm;
use evenkeel_sim::{
    AfflictionReport, Change, EndpointModel, EndpointReport, Errors, Event, Latency, Point, Report,
    Target,
};
use serde::{Serialize, Serializer};

use crate::load;

use super::assertion::Assertion;
use super::measured::Measured;
use super::outcome::{Outcome, worst};
use super::shares;
use super::words;

/// All of it. Times are seconds, and shares are of 1.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    scenario: Option<&'a str>,
    story: Option<&'a str>,
    cluster: Option<&'a str>,
    facts: Vec<String>,
    seed: u64,
    seconds: f64,
    load: Option<f64>,
    endpoints: Vec<Model<'a>>,
    events: Vec<Happening>,
    algorithms: Vec<Run<'a>>,
    measured: Option<Beside<'a>>,
    recommendation: Option<Advice<'a>>,
    assertions: Vec<Verdict>,
}

#[derive(Serialize)]
struct Model<'a> {
    name: &'a str,
    weight: u32,
    backup: bool,
    concurrency: Option<u32>,
    queue: Option<u32>,
    speed: f64,
}

#[derive(Serialize)]
struct Happening {
    event: String,
    words: String,
    /// Those to whom it happens; none if it happens to all, or to the load.
    endpoints: Vec<String>,
    from: f64,
    until: f64,
}

#[derive(Serialize)]
struct Run<'a> {
    algorithm: &'a str,
    requests: u64,
    answered: u64,
    #[serde(flatten)]
    latency: Times,
    errors: f64,
    errors_by_kind: Kinds,
    share: Shares<'a>,
    retries: u64,
    keys_moved: f64,
    cache_hits: u64,
    cache_misses: u64,
    noticed: Option<f64>,
    recovered: Option<f64>,
    in_flight_mean: f64,
    in_flight_peak: u64,
    utilisation: Option<f64>,
    end: f64,
    endpoints: Vec<Part<'a>>,
    afflictions: Vec<Affliction>,
    step: f64,
    series: Vec<Moment<'a>>,
}

#[derive(Serialize)]
struct Times {
    mean: Option<f64>,
    p50: Option<f64>,
    p90: Option<f64>,
    p99: Option<f64>,
    p999: Option<f64>,
    max: Option<f64>,
}

#[derive(Serialize)]
struct Kinds {
    refused: u64,
    lost: u64,
    timed_out: u64,
    answered: u64,
    no_endpoint: u64,
    queue_full: u64,
    overloaded: u64,
    pending_timeout: u64,
}

#[derive(Serialize)]
struct Part<'a> {
    name: &'a str,
    attempts: u64,
    answered: u64,
    failures: u64,
    #[serde(flatten)]
    latency: Times,
    in_flight_peak: u32,
    utilisation: Option<f64>,
}

#[derive(Serialize)]
struct Affliction {
    event: String,
    share_before: f64,
    share_during: f64,
    noticed: Option<f64>,
    recovered: Option<f64>,
}

#[derive(Serialize)]
struct Moment<'a> {
    at: f64,
    requests: u64,
    errors: u64,
    mean: Option<f64>,
    p50: Option<f64>,
    p99: Option<f64>,
    in_flight: u64,
    waiting: u64,
    attempts: &'a [u32],
}

/// What was measured.
#[derive(Serialize)]
struct Beside<'a> {
    url: &'a str,
    requests: u64,
    answered: u64,
    #[serde(flatten)]
    latency: Times,
    errors: f64,
    share: Option<Shares<'a>>,
    step: f64,
    series: &'a [load::Moment],
}

#[derive(Serialize)]
struct Advice<'a> {
    algorithm: &'a str,
    because: &'a str,
}

#[derive(Serialize)]
struct Verdict {
    assertion: String,
    holds: bool,
    broken_by: Vec<&'static str>,
}

/// By name, in the order of the endpoints.
struct Shares<'a>(Vec<(&'a str, f64)>);

impl<'a> Document<'a> {
    pub(super) fn new(outcome: &'a Outcome<'_>, assertions: &[Assertion]) -> Self {
        let setting = outcome.setting;
        let scenario = &setting.scenario;
        let happening = |event: &Event| Happening::new(event, scenario.load.duration);
        let verdict = |assertion: &Assertion| Verdict::new(assertion, &outcome.reports);
        Self {
            scenario: setting.named.map(|named| named.name),
            story: setting.story,
            cluster: setting.origin.as_ref().map(|origin| origin.cluster.as_str()),
            facts: words::facts(scenario),
            seed: scenario.seed,
            seconds: scenario.load.duration.as_secs_f64(),
            load: scenario.offered(),
            endpoints: scenario.endpoints.iter().map(Model::new).collect(),
            events: words::in_order(&scenario.events).into_iter().map(happening).collect(),
            algorithms: outcome.reports.iter().map(Run::new).collect(),
            measured: setting.measured.as_ref().map(|it| Beside::new(it, outcome.endpoints())),
            recommendation: outcome.recommendation.as_ref().map(|recommendation| Advice {
                algorithm: recommendation.algorithm.name(),
                because: &recommendation.because,
            }),
            assertions: assertions.iter().map(verdict).collect(),
        }
    }
}

impl Document<'_> {
    /// The same for a page: without what nobody could see there.
    pub(super) fn of_few_endpoints(mut self) -> Self {
        for run in &mut self.algorithms {
            if run.endpoints.len() > DRAWN_MAX {
                run.series.iter_mut().for_each(|moment| moment.attempts = &[]);
            }
        }
        self
    }
}

impl<'a> Model<'a> {
    fn new(model: &'a EndpointModel) -> Self {
        let EndpointModel { name, weight, backup, slots, queue, speed, .. } = model;
        let (weight, backup, speed) = (*weight, *backup, *speed);
        Self { name, weight, backup, concurrency: *slots, queue: *queue, speed }
    }
}

impl Happening {
    fn new(event: &Event, duration: Duration) -> Self {
        let (from, until) = words::band(event, duration);
        let (from, until) = (from.as_secs_f64(), until.as_secs_f64());
        let endpoints = match &event.change {
            Change::Endpoints(Target::Named(names), _) => names.clone(),
            _ => Vec::new(),
        };
        Self { event: event.to_string(), words: words::event(event).1, endpoints, from, until }
    }
}

impl<'a> Run<'a> {
    fn new(report: &'a Report) -> Self {
        let step = report.series.step.as_secs_f64();
        let moment = |(number, point): (usize, &'a Point)| Moment::new(number as f64 * step, point);
        let seconds = |time: Option<Option<Duration>>| time.flatten().map(|it| it.as_secs_f64());
        Self {
            algorithm: Algorithm::name(report.algorithm),
            requests: report.requests,
            answered: report.answered,
            latency: Times::new(report.latency),
            errors: report.error_share(),
            errors_by_kind: Kinds::new(report.errors),
            share: Shares::new(&report.endpoints, &shares::of(report)),
            retries: report.retries,
            keys_moved: report.keys.moved_share(),
            cache_hits: report.keys.cache_hits,
            cache_misses: report.keys.cache_misses,
            noticed: seconds(worst(report, |it| it.noticed)),
            recovered: seconds(worst(report, |it| it.recovered)),
            in_flight_mean: report.in_flight.mean,
            in_flight_peak: report.in_flight.peak,
            utilisation: report.utilisation,
            end: report.end.as_nanos() as f64 / 1e9,
            endpoints: report.endpoints.iter().map(Part::new).collect(),
            afflictions: report.afflictions.iter().map(Affliction::new).collect(),
            step,
            series: report.series.points.iter().enumerate().map(moment).collect(),
        }
    }
}

impl Times {
    fn new(latency: Option<Latency>) -> Self {
        let seconds = |time: fn(Latency) -> Duration| latency.map(|it| time(it).as_secs_f64());
        Self {
            mean: seconds(|it| it.mean),
            p50: seconds(|it| it.p50),
            p90: seconds(|it| it.p90),
            p99: seconds(|it| it.p99),
            p999: seconds(|it| it.p999),
            max: seconds(|it| it.max),
        }
    }
}

impl Kinds {
    fn new(errors: Errors) -> Self {
        let Errors { refused, lost, timed_out, answered, no_endpoint, queue_full, .. } = errors;
        let Errors { overloaded, pending_timeout, .. } = errors;
        Self {
            refused,
            lost,
            timed_out,
            answered,
            no_endpoint,
            queue_full,
            overloaded,
            pending_timeout,
        }
    }
}

impl<'a> Part<'a> {
    fn new(report: &'a EndpointReport) -> Self {
        Self {
            name: &report.name,
            attempts: report.attempts,
            answered: report.answered,
            failures: report.failures,
            latency: Times::new(report.latency),
            in_flight_peak: report.peak_in_flight,
            utilisation: report.utilisation,
        }
    }
}

impl Affliction {
    fn new(report: &AfflictionReport) -> Self {
        Self {
            event: report.event.to_string(),
            share_before: report.share_before,
            share_during: report.share_during,
            noticed: report.noticed.map(|time| time.as_secs_f64()),
            recovered: report.recovered.map(|time| time.as_secs_f64()),
        }
    }
}

impl<'a> Moment<'a> {
    fn new(at: f64, point: &'a Point) -> Self {
        Self {
            at,
            requests: point.requests,
            errors: point.errors,
            mean: point.mean.map(|time| time.as_secs_f64()),
            p50: point.p50.map(|time| time.as_secs_f64()),
            p99: point.p99.map(|time| time.as_secs_f64()),
            in_flight: point.in_flight,
            waiting: point.waiting,
            attempts: &point.attempts,
        }
    }
}

impl<'a> Beside<'a> {
    fn new(measured: &'a Measured, endpoints: &'a [EndpointReport]) -> Self {
        Self {
            url: &measured.url,
            requests: measured.requests,
            answered: measured.requests - measured.errors,
            latency: Times::new(measured.latency),
            errors: measured.error_share(),
            share: measured.shares(endpoints).map(|shares| Shares::new(endpoints, &shares)),
            step: measured.step,
            series: &measured.series,
        }
    }
}

impl<'a> Shares<'a> {
    fn new(endpoints: &'a [EndpointReport], shares: &[f64]) -> Self {
        let names = endpoints.iter().map(|endpoint| endpoint.name.as_str());
        Self(names.zip(shares.iter().copied()).collect())
    }
}

impl Verdict {
    fn new(assertion: &Assertion, reports: &[Report]) -> Self {
        let broken = assertion.broken_by(reports);
        let broken_by: Vec<_> = broken.iter().map(|(report, _)| report.algorithm.name()).collect();
        Self { assertion: assertion.to_string(), holds: broken_by.is_empty(), broken_by }
    }
}

impl Serialize for Shares<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

/// How many endpoints' shares can be drawn over time.
const DRAWN_MAX: usize = 64;
