//! The events of a scenario, resolved: what holds for which endpoint, from when to when. `run` asks at every moment at which
//! something changes.

use std::collections::HashMap;
use std::time::Duration;

use evenkeel_plan::time::Time;

use crate::event::{Change, Effect, Event, Target};
use crate::mistake::Mistake;
use crate::rate::{Rate, RateChange, RateCurve};
use crate::scenario::{ENDPOINTS_MAX, EndpointModel, Scenario};

/// Who takes part, and what happens to whom.
#[derive(Debug)]
pub(crate) struct Script {
    /// Those of the scenario, and those that join later.
    pub(crate) endpoints: Vec<EndpointModel>,
    /// For each endpoint.
    spans: Vec<Vec<Span>>,
    /// When something changes for endpoints, in order, without the start.
    pub(crate) moments: Vec<Time>,
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
pub(crate) struct Condition {
    /// Whether it belongs to the cluster.
    pub(crate) present: bool,
    pub(crate) dead: bool,
    pub(crate) frozen: bool,
    pub(crate) fails_fast: bool,
    /// How many times as long all work takes.
    pub(crate) slow: f64,
    /// The share of errors that events ask for.
    pub(crate) errors: f64,
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
    const WELL: Self = Self {
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
        let mut resolver = Resolver::new(scenario, &endpoints)?;
        let afflictions = resolver.afflictions()?;
        let spans = resolver.spans()?;
        let mut moments: Vec<Time> =
            spans.iter().flatten().flat_map(|span| [span.from, span.until]).collect();
        moments.retain(|&moment| moment > Time::START && moment < NEVER);
        moments.sort_unstable();
        moments.dedup();
        let rates = RateCurve::new(scenario.load.rps, &rate_changes(&scenario.events));
        Ok(Self { endpoints, spans, moments, afflictions, rates })
    }

    /// What holds for the endpoint at `position` at `now`.
    pub(crate) fn condition(&self, position: usize, now: Time) -> Condition {
        let holds = |span: &&Span| span.from <= now && now < span.until;
        let spans = self.spans[position].iter().filter(holds);
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

fn begin(event: &Event) -> Time {
    Time::START.after(event.from)
}

fn end(event: &Event) -> Time {
    event.until.map_or(NEVER, |until| Time::START.after(until))
}

/// Finds names and ends.
struct Resolver<'a> {
    scenario: &'a Scenario,
    positions: HashMap<&'a str, usize>,
}

impl<'a> Resolver<'a> {
    fn new(scenario: &'a Scenario, endpoints: &'a [EndpointModel]) -> Result<Self, Mistake> {
        let mut positions = HashMap::new();
        for (position, endpoint) in endpoints.iter().enumerate() {
            if positions.insert(endpoint.name.as_str(), position).is_some() {
                return Err(Mistake::new(format!("two endpoints are named `{}`", endpoint.name)));
            }
        }
        Ok(Self { scenario, positions })
    }

    /// The events that happen to endpoints, with whom they happen to.
    fn effects(&self) -> impl Iterator<Item = (&'a Event, Result<Vec<usize>, Mistake>, Effect)> {
        self.scenario.events.iter().filter_map(|event| match &event.change {
            Change::Endpoints(target, effect) => {
                Some((event, self.targets(target, event), *effect))
            }
            Change::Rate(_) | Change::Surge(_) => None,
        })
    }

    fn targets(&self, target: &Target, event: &Event) -> Result<Vec<usize>, Mistake> {
        let Target::Named(names) = target else { return Ok((0..self.positions.len()).collect()) };
        let find = |name: &String| {
            self.positions.get(name.as_str()).copied().ok_or_else(|| {
                let known: Vec<&str> =
                    self.scenario.endpoints.iter().take(5).map(|e| e.name.as_str()).collect();
                let problem =
                    format!("there is no endpoint `{name}`; there are {}", known.join(", "));
                Mistake::new(problem)
                    .within(&event.to_string(), &format!("slow {}@10s=x8", known[0]))
            })
        };
        names.iter().map(find).collect()
    }

    fn afflictions(&mut self) -> Result<Vec<Affliction>, Mistake> {
        let mut afflictions = Vec::new();
        for (event, targets, effect) in self.effects() {
            if matches!(effect, Effect::Revive | Effect::Add | Effect::Remove) {
                continue;
            }
            let targets = targets?;
            let until = match effect {
                Effect::Cold { warm_up, .. } => begin(event).after(warm_up),
                // Of several that are revived at different times, the last to come back ends it.
                Effect::Kill => {
                    targets.iter().map(|&one| self.end_of_kill(event, one)).max().unwrap_or(NEVER)
                }
                _ => end(event),
            };
            let mut afflicts = vec![false; self.positions.len()];
            targets.into_iter().for_each(|position| afflicts[position] = true);
            afflictions.push(Affliction {
                event: event.clone(),
                from: begin(event),
                until,
                afflicts,
            });
        }
        Ok(afflictions)
    }

    /// The first revival after it, unless it ends by itself.
    fn end_of_kill(&self, kill: &Event, position: usize) -> Time {
        let revives = self.effects().filter(|(event, targets, effect)| {
            *effect == Effect::Revive
                && event.from > kill.from
                && targets.as_ref().is_ok_and(|targets| targets.contains(&position))
        });
        revives.map(|(event, ..)| begin(event)).chain([end(kill)]).min().unwrap_or(NEVER)
    }

    fn spans(&self) -> Result<Vec<Vec<Span>>, Mistake> {
        let mut spans = vec![Vec::new(); self.positions.len()];
        let mut comings: Vec<Vec<(Time, bool)>> = vec![Vec::new(); self.positions.len()];
        for (event, targets, effect) in self.effects() {
            let (from, until) = (begin(event), end(event));
            for position in targets? {
                let spans = &mut spans[position];
                let mut hold = |holds| spans.push(Span { from, until, holds });
                match effect {
                    Effect::Slow(factor) => hold(Holds::Slow(factor)),
                    Effect::Freeze => hold(Holds::Frozen),
                    Effect::Errors(share) => hold(Holds::Errors(share)),
                    Effect::FastFail => hold(Holds::FailingFast),
                    Effect::Kill => {
                        let until = self.end_of_kill(event, position);
                        spans.push(Span { from, until, holds: Holds::Dead });
                    }
                    Effect::Flap(period) => spans.extend(self.flaps(event, period)?),
                    Effect::Cold { factor, warm_up } => {
                        let cold = Holds::Cold(Cold { since: from, factor, warm_up });
                        spans.push(Span { from, until: from.after(warm_up), holds: cold });
                    }
                    Effect::Add | Effect::Remove => {
                        let comes = effect == Effect::Add;
                        comings[position].push((from, comes));
                        comings[position].extend(event.until.map(|_| (until, !comes)));
                    }
                    // It has ended the kills already.
                    Effect::Revive => self.check_revival(event, position)?,
                }
            }
        }
        for (spans, comings) in spans.iter_mut().zip(comings) {
            spans.extend(absences(comings));
        }
        Ok(spans)
    }

    fn flaps(&self, event: &Event, period: Duration) -> Result<Vec<Span>, Mistake> {
        let last = end(event).min(Time::START.after(self.scenario.load.duration));
        if last.since(begin(event)).as_nanos() / period.as_nanos().max(1) > FLAPS_MAX {
            let problem = Mistake::new(format!("it flaps more than {FLAPS_MAX} times"));
            return Err(problem.within(&event.to_string(), "flap s2@10s..40s=2s"));
        }
        let starts = std::iter::successors(Some(begin(event)), |from| Some(from.after(period)));
        let span =
            |from: Time| Span { from, until: from.after(period / 2).min(last), holds: Holds::Dead };
        Ok(starts.take_while(|from| *from < last).map(span).collect())
    }

    fn check_revival(&self, revival: &Event, position: usize) -> Result<(), Mistake> {
        let kills = |(event, targets, effect): (&Event, Result<Vec<usize>, Mistake>, Effect)| {
            effect == Effect::Kill
                && event.from < revival.from
                && targets.is_ok_and(|targets| targets.contains(&position))
        };
        if self.effects().any(kills) {
            return Ok(());
        }
        let problem = Mistake::new("nobody is dead by a `kill` before it");
        Err(problem.within(&revival.to_string(), "revive s4@25s"))
    }
}

/// When an endpoint is away that comes (true) and goes (false) at these times. One that comes first was not there before.
fn absences(mut comings: Vec<(Time, bool)>) -> Vec<Span> {
    comings.sort_unstable_by_key(|(at, _)| *at);
    let mut gone = comings.first().and_then(|(_, comes)| comes.then_some(Time::START));
    let mut spans = Vec::new();
    let mut absent = |from, until| spans.push(Span { from, until, holds: Holds::Absent });
    for (at, comes) in comings {
        match (gone, comes) {
            (Some(from), true) => {
                absent(from, at);
                gone = None;
            }
            (None, false) => gone = Some(at),
            _ => {}
        }
    }
    if let Some(from) = gone {
        absent(from, NEVER);
    }
    spans
}

/// The end of what does not end.
pub(crate) const NEVER: Time = Time::from_nanos(u64::MAX);

/// How often one event may make an endpoint come and go.
const FLAPS_MAX: u128 = 1000;

#[cfg(test)]
mod tests;
