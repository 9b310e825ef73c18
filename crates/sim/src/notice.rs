//! How fast afflictions are noticed, and how fast their end is: counts choices in ticks of time. `tally` tells it of every
//! choice.

use std::time::Duration;

use evenkeel_plan::time::Time;

use crate::report::AfflictionReport;
use crate::script::{Affliction, Script};

/// Watches over the choices of a run.
#[derive(Debug)]
pub(crate) struct Notice {
    tick: Duration,
    /// Choices in each tick.
    all: Vec<u32>,
    watches: Vec<Watch>,
}

/// Of one affliction, in the script's order.
#[derive(Debug)]
struct Watch {
    /// For each endpoint.
    afflicts: Vec<bool>,
    /// Choices of the afflicted in each tick.
    hits: Vec<u32>,
    /// Their share of the weights: what is due to them.
    due: f64,
}

impl Notice {
    /// For a load that lasts so long, at so many requests a second.
    pub(crate) fn new(script: &Script, duration: Duration, rate: f64) -> Self {
        let hundredth = Duration::try_from_secs_f64(10.0 / rate.max(1e-6)).unwrap_or(duration);
        let tick = TICK_MIN.max(hundredth).max(duration / TICKS_MAX);
        let ticks = (duration.as_nanos().div_ceil(tick.as_nanos())) as usize;
        let watch = |affliction: &Affliction| Watch {
            afflicts: affliction.afflicts.clone(),
            hits: vec![0; ticks],
            due: due(script, affliction),
        };
        let watches: Vec<Watch> = script.afflictions.iter().map(watch).collect();
        Self { tick, all: vec![0; if watches.is_empty() { 0 } else { ticks }], watches }
    }

    /// The endpoint at `position` was chosen.
    pub(crate) fn chosen(&mut self, position: usize, now: Time) {
        if self.watches.is_empty() {
            return;
        }
        let tick = self.tick_of(now);
        let Some(all) = self.all.get_mut(tick) else { return };
        *all += 1;
        for watch in &mut self.watches {
            watch.hits[tick] += u32::from(watch.afflicts[position]);
        }
    }

    /// What came of each affliction.
    pub(crate) fn report(&self, script: &Script) -> Vec<AfflictionReport> {
        let report = |(watch, affliction)| self.report_of(watch, affliction);
        self.watches.iter().zip(&script.afflictions).map(report).collect()
    }

    fn report_of(&self, watch: &Watch, affliction: &Affliction) -> AfflictionReport {
        let ends = self.all.len();
        let begin = self.tick_of(affliction.from).min(ends);
        let end = self.tick_of(affliction.until).min(ends);
        let before = self.share(watch, begin.saturating_sub(10 * WINDOW), begin);
        let share_before = before.filter(|share| *share > 0.0).unwrap_or(watch.due);
        let noticed = self.noticed(watch, begin, end, share_before / 2.0);
        let recovered = (affliction.until.since(Time::START) < self.tick * ends as u32)
            .then(|| self.recovered(watch, end, share_before * 0.8))
            .flatten();
        AfflictionReport {
            event: affliction.event.clone(),
            share_before,
            share_during: self.share(watch, begin, end).unwrap_or(0.0),
            noticed: noticed.map(|ticks| self.tick * ticks as u32),
            recovered: recovered.map(|ticks| self.tick * ticks as u32),
        }
    }

    /// How many ticks after `begin` no window had so much any more.
    fn noticed(&self, watch: &Watch, begin: usize, end: usize, much: f64) -> Option<usize> {
        let last = end.saturating_sub(WINDOW).max(begin);
        let has_much = |&from: &usize| {
            self.share(watch, from, (from + WINDOW).min(end)).is_some_and(|share| share >= much)
        };
        match (begin..=last).rev().find(has_much) {
            None => Some(0),
            Some(from) => (from < last).then(|| from + 1 - begin),
        }
    }

    /// How many ticks after `end` a window had enough again.
    fn recovered(&self, watch: &Watch, end: usize, enough: f64) -> Option<usize> {
        let has_enough = |&from: &usize| {
            self.share(watch, from, from + WINDOW).is_some_and(|share| share >= enough)
        };
        let last = self.all.len().checked_sub(WINDOW)?;
        (end..=last).find(has_enough).map(|from| from - end)
    }

    /// The share of the afflicted in these ticks; `None` where nobody was chosen.
    fn share(&self, watch: &Watch, from: usize, until: usize) -> Option<f64> {
        let sum =
            |counts: &[u32]| counts[from..until].iter().map(|&count| u64::from(count)).sum::<u64>();
        let all = sum(&self.all);
        (all > 0).then(|| sum(&watch.hits) as f64 / all as f64)
    }

    fn tick_of(&self, now: Time) -> usize {
        usize::try_from(now.as_nanos() as u128 / self.tick.as_nanos()).unwrap_or(usize::MAX)
    }
}

/// The share of the weights that the afflicted have, among those who are there when it begins.
fn due(script: &Script, affliction: &Affliction) -> f64 {
    let (mut theirs, mut all) = (0.0, 0.0);
    for (position, endpoint) in script.endpoints.iter().enumerate() {
        if script.condition(position, affliction.from).present {
            let weight = f64::from(endpoint.weight);
            all += weight;
            theirs += if affliction.afflicts[position] { weight } else { 0.0 };
        }
    }
    if all > 0.0 { theirs / all } else { 0.0 }
}

/// How many ticks are looked at together.
const WINDOW: usize = 10;

/// How short a tick is at most times.
const TICK_MIN: Duration = Duration::from_millis(100);

/// How many there may be, for long runs.
const TICKS_MAX: u32 = 10_000;
