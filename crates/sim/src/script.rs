//! The events of a scenario, resolved: what holds for which endpoint, from when to when. `run` asks at every moment at which
//! something changes, and so does `evenkeel origin`, which makes the same happen to real processes.

use std::time::Duration;

use evenkeel_plan::time::Time;

use crate::event::{Change, Effect, Event, Target};
use crate::load::Load;
use crate::mistake::Mistake;
use crate::rate::{Rate, RateChange, RateCurve};
use crate::scenario::{ENDPOINTS_MAX, EndpointModel, Scenario};
use crate::units::DURATION_MAX;

mod resolver;

use resolver::{Resolver, begin, end};

/// Who takes part, and what happens to whom.
#[derive(Debug)]
pub struct Script {
    /// Those of the scenario, and those that join later.
    pub(crate) endpoints: Vec<EndpointModel>,
    /// For each endpoint.
    spans: Vec<Vec<Span>>,
    moments: Vec<Time>,
    /// What a good balancer would notice, in the order of the events.
    pub(crate) afflictions: Vec<Affliction>,
    pub(crate) rates: RateCurve,
}

/// Something that makes endpoints bad ones, for a while.
#[derive(Debug)]
pub(crate) struct Affliction {
    pub(crate) event: Event,
    pub(crate) from: Time,
    /// The far end of time for what never ends.
    pub(crate) until: Time,
    /// For each endpoint, whether it suffers.
    pub(crate) afflicts: Vec<bool>,
}

/// What holds for an endpoint at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Condition {
    /// Whether it belongs to the cluster.
    pub(crate) present: bool,
    /// Whether it refuses connections, and has lost what it had.
    pub dead: bool,
    /// Whether it does nothing and says nothing, though it accepts.
    pub frozen: bool,
    /// Whether it answers what comes with an error, after [`FAST_FAIL_AFTER`](crate::FAST_FAIL_AFTER).
    pub fails_fast: bool,
    /// How many times as long all work takes; more than 0.
    pub slow: f64,
    /// The share of errors that events ask for, 0 to 1.
    pub errors: f64,
    pub(crate) cold: Option<Cold>,
}

/// A cache that has to warm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cold {
    pub(crate) since: Time,
    pub(crate) factor: f64,
    pub(crate) warm_up: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    from: Time,
    until: Time,
    holds: Holds,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Holds {
    Absent,
    Dead,
    Frozen,
    FailingFast,
    Slow(f64),
    Errors(f64),
    Cold(Cold),
}

impl Cold {
    /// How many times as long work takes that begins at `now`.
    pub(crate) fn factor(self, now: Time) -> f64 {
        let passed = now.since(self.since).as_secs_f64() / self.warm_up.as_secs_f64();
        1.0 + (self.factor - 1.0) * (1.0 - passed).max(0.0)
    }
}

impl Condition {
    /// That of an endpoint to which nothing happens.
    pub const WELL: Self = Self {
        present: true,
        dead: false,
        frozen: false,
        fails_fast: false,
        slow: 1.0,
        errors: 0.0,
        cold: None,
    };

    fn with(mut self, holds: Holds) -> Self {
        match holds {
            Holds::Absent => self.present = false,
            Holds::Dead => self.dead = true,
            Holds::Frozen => self.frozen = true,
            Holds::FailingFast => self.fails_fast = true,
            Holds::Slow(factor) => self.slow *= factor,
            Holds::Errors(share) => self.errors = self.errors.max(share),
            Holds::Cold(cold) => self.cold = Some(cold),
        }
        self
    }
}

impl Script {
    /// Checks all of `scenario` and resolves its events.
    pub(crate) fn of(scenario: &Scenario) -> Result<Self, Mistake> {
        scenario.check_values()?;
        let endpoints = everybody(scenario)?;
        let resolver = Resolver::new(scenario, &endpoints)?;
        let afflictions = resolver.afflictions()?;
        let spans = resolver.spans()?;
        let mut moments: Vec<Time> =
            spans.iter().flatten().flat_map(|span| [span.from, span.until]).collect();
        moments.retain(|&moment| moment > Time::START && moment < NEVER);
        moments.sort_unstable();
        moments.dedup();
        let rates = RateCurve::new(scenario.load.rps, &rate_changes(&scenario.events));
        check_crowd(scenario, &rates)?;
        Ok(Self { endpoints, spans, moments, afflictions, rates })
    }

    /// The same for `count` endpoints named `s1`, `s2` and so on, of which nothing else is known.
    ///
    /// # Errors
    /// The first mistake: too many endpoints, an event of one that is not there.
    pub fn of_events(count: usize, events: Vec<Event>) -> Result<Self, Mistake> {
        // What has no end goes on as long as anything can; nobody comes, so that this costs nothing.
        let load = Load { duration: DURATION_MAX, rps: 0.0, ..Load::default() };
        let endpoints = EndpointModel::several(count, None);
        Self::of(&Scenario { endpoints, load, events, ..Scenario::default() })
    }

    /// When something changes for endpoints, in order, without the start.
    pub fn moments(&self) -> &[Time] {
        &self.moments
    }

    /// What holds for the endpoint at `position` at `now`; nothing happens to one that is not there.
    pub fn condition(&self, position: usize, now: Time) -> Condition {
        let holds = |span: &&Span| span.from <= now && now < span.until;
        let spans = self.spans.get(position).into_iter().flatten().filter(holds);
        spans.fold(Condition::WELL, |condition, span| condition.with(span.holds))
    }

    /// Whether anything ever happens to the endpoint at `position`.
    pub(crate) fn concerns(&self, position: usize) -> bool {
        !self.spans[position].is_empty()
    }
}

/// Those of the scenario, and a copy of the first for every unknown name that an event adds.
fn everybody(scenario: &Scenario) -> Result<Vec<EndpointModel>, Mistake> {
    let mut endpoints = scenario.endpoints.clone();
    let first = scenario.endpoints.first().cloned();
    for event in &scenario.events {
        let Change::Endpoints(Target::Named(names), Effect::Add) = &event.change else { continue };
        for name in names {
            if let (false, Some(first)) = (endpoints.iter().any(|e| e.name == *name), &first) {
                endpoints.push(EndpointModel { name: name.clone(), ..first.clone() });
            }
        }
    }
    if endpoints.len() > ENDPOINTS_MAX {
        return Err(Mistake::new(format!("there may be at most {ENDPOINTS_MAX} endpoints")));
    }
    Ok(endpoints)
}

fn rate_changes(events: &[Event]) -> Vec<RateChange> {
    let change = |event: &Event| {
        let to = match event.change {
            Change::Rate(rate) => Rate::Per(rate),
            Change::Surge(factor) => Rate::Times(factor),
            Change::Endpoints(..) => return None,
        };
        Some(RateChange { from: begin(event), until: end(event), to })
    };
    events.iter().filter_map(change).collect()
}

/// Bounds what may be in flight, and so the memory of a run.
fn check_crowd(scenario: &Scenario, rates: &RateCurve) -> Result<(), Mistake> {
    let patience = scenario.timeout.min(scenario.load.duration).as_secs_f64();
    let crowd = (rates.highest() * patience).min(scenario.load.requests as f64);
    if crowd <= IN_FLIGHT_MAX {
        return Ok(());
    }
    let problem = format!(
        "{crowd:.0} requests may be in flight at once, and at most {IN_FLIGHT_MAX} can be simulated; \
         lower the rate, the number of requests or how long clients wait"
    );
    Err(Mistake::new(problem))
}

/// The end of what does not end.
pub(crate) const NEVER: Time = Time::from_nanos(u64::MAX);

/// How many requests there is memory for: some two gigabytes.
const IN_FLIGHT_MAX: f64 = 1e7;

#[cfg(test)]
mod tests;
