//! Who an event means, and from when to when it holds. Asked by `script`, once for a run.

use std::collections::HashMap;
use std::time::Duration;

use evenkeel_plan::time::Time;

use super::{Affliction, Cold, Holds, NEVER, Span};
use crate::event::{Change, Effect, Event, Target};
use crate::mistake::Mistake;
use crate::scenario::{EndpointModel, Scenario};

/// Finds names and ends.
pub(super) struct Resolver<'a> {
    scenario: &'a Scenario,
    positions: HashMap<&'a str, usize>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(
        scenario: &'a Scenario,
        endpoints: &'a [EndpointModel],
    ) -> Result<Self, Mistake> {
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

    pub(super) fn afflictions(&self) -> Result<Vec<Affliction>, Mistake> {
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

    pub(super) fn spans(&self) -> Result<Vec<Vec<Span>>, Mistake> {
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

/// When it begins.
pub(super) fn begin(event: &Event) -> Time {
    Time::START.after(event.from)
}

/// When it is over by its own word.
pub(super) fn end(event: &Event) -> Time {
    event.until.map_or(NEVER, |until| Time::START.after(until))
}

/// How often one event may make an endpoint come and go.
const FLAPS_MAX: u128 = 1000;
