//! Levels of priority: how much of the work each gets. Asked by the roster.
//!
//! A level that is well enough gets everything that those before it leave. What it cannot do spills over to the next; a level can do its
//! work for as long as five of seven of its endpoints are well (Envoy's overprovisioning factor of 1.4).

use super::super::{Census, Eligibility};
use crate::endpoint::Endpoint;
use crate::time::Time;

/// The levels of a cluster, in the order of their priority, and what becomes of each.
#[derive(Clone, Debug, Default)]
pub(super) struct Levels {
    levels: Vec<Level>,
    backups_up: usize,
    panics: bool,
}

/// One level.
#[derive(Clone, Copy, Debug)]
struct Level {
    priority: u8,
    all: usize,
    up: usize,
    well: usize,
    /// What those that are well weigh.
    weight: f64,
    /// The same of our own zone.
    near: Near,
    used: Use,
}

#[derive(Clone, Copy, Debug, Default)]
struct Near {
    all: usize,
    well: usize,
    weight: f64,
}

/// What becomes of a level.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Use {
    /// Its share of all the work, 0 to 1.
    share: f64,
    /// By which the weights of its endpoints are multiplied; 0 if it gets nothing.
    pub(super) scale: f64,
    /// Whether it takes those that are down, too.
    down: bool,
    /// Whether it takes only those that are near.
    near: bool,
}

impl Levels {
    /// Forgets what was decided.
    pub(super) fn clear(&mut self) {
        self.levels.clear();
        self.backups_up = 0;
        self.panics = false;
    }

    /// Counts who is well.
    pub(super) fn count(&mut self, rules: &Eligibility, endpoints: &[Endpoint], now: Time) {
        for (_, endpoint) in rules.in_service(endpoints) {
            let (up, well) = (endpoint.is_up(), endpoint.is_well(now));
            if endpoint.backup {
                self.backups_up += usize::from(up);
                continue;
            }
            let weight = if well { f64::from(endpoint.weight) } else { 0.0 };
            let level = self.at(endpoint.priority);
            level.all += 1;
            level.up += usize::from(up);
            level.well += usize::from(well);
            level.weight += weight;
            if is_near(rules, endpoint) {
                level.near.all += 1;
                level.near.well += usize::from(well);
                level.near.weight += weight;
            }
        }
    }

    /// The level of a priority; there are few, so they are looked for one by one.
    fn at(&mut self, priority: u8) -> &mut Level {
        let place = self.levels.partition_point(|level| level.priority < priority);
        if self.levels.get(place).is_none_or(|level| level.priority != priority) {
            let (near, used) = (Near::default(), Use::default());
            self.levels
                .insert(place, Level { priority, all: 0, up: 0, well: 0, weight: 0.0, near, used });
        }
        &mut self.levels[place]
    }

    /// Decides who gets how much. `false` if nobody is well, so that whoever is left has to do.
    pub(super) fn share_out(&mut self, rules: &Eligibility) -> bool {
        let [all, up, well] = self.totals();
        let able = |figure: fn(&Level) -> usize| -> f64 {
            self.levels.iter().map(|level| level.ability(figure(level))).sum()
        };
        // Who refused a moment ago is still up: it is avoided while others are left, and no reason to panic.
        self.panics = able(|level| level.up) < 1.0 && rules.panics(all, up, self.backups_up);
        let able = able(|level| level.well);
        if self.panics {
            let all = Use { share: 0.0, scale: 1.0, down: true, near: false };
            self.levels.iter_mut().for_each(|level| level.used = all);
            return true;
        }
        let mut left = able.min(1.0);
        for level in &mut self.levels {
            let share = level.ability(level.well).min(left);
            left -= share;
            level.used = level.with_share(share / able.min(1.0), rules);
        }
        well > 0
    }

    /// How many there are, how many of them are up, and how many well.
    fn totals(&self) -> [usize; 3] {
        let figures: [fn(&Level) -> usize; 3] =
            [|level| level.all, |level| level.up, |level| level.well];
        figures.map(|figure| self.levels.iter().map(figure).sum())
    }

    /// Whether all are used because so few are well.
    pub(super) fn panics(&self) -> bool {
        self.panics
    }

    /// The priority of the level that has a part of the work, 0 to 1; `None` if one has all, or nothing was shared out.
    pub(super) fn at_share(&self, part: impl FnOnce() -> f64) -> Option<u8> {
        let used = || self.levels.iter().filter(|level| level.used.share > 0.0);
        used().nth(1)?;
        let mut left = part();
        let found = used().find(|level| {
            left -= level.used.share;
            left < 0.0
        });
        found.or_else(|| used().next_back()).map(|level| level.priority)
    }

    /// What becomes of an endpoint's level; `None` for a backup, and where the level gets nothing.
    pub(super) fn of(&self, endpoint: &Endpoint) -> Option<Use> {
        let level = self.levels.iter().find(|level| level.priority == endpoint.priority)?;
        Some(level.used).filter(|used| used.scale > 0.0 && !endpoint.backup)
    }
}

impl Census {
    /// Counts `endpoints` as they stand at `now`.
    pub(in super::super) fn take(rules: &Eligibility, endpoints: &[Endpoint], now: Time) -> Self {
        let mut levels = Levels::default();
        levels.count(rules, endpoints, now);
        levels.share_out(rules);
        let [all, _, well] = levels.totals();
        Self { all, well, panics: levels.panics() }
    }
}

impl Level {
    /// The share of all the work that so many of it can do, 0 to 1.
    fn ability(&self, fit: usize) -> f64 {
        (OVERPROVISIONING * fit as f64 / self.all.max(1) as f64).min(1.0)
    }

    /// Scales the weights such that they sum up to the share, whatever the endpoints of another level weigh.
    fn with_share(&self, share: f64, rules: &Eligibility) -> Use {
        let threshold = rules.zone.as_ref().map_or(f64::INFINITY, |zone| zone.threshold);
        let near = self.near.well > 0 && self.near.well as f64 >= threshold * self.near.all as f64;
        let weight = if near { self.near.weight } else { self.weight };
        let scale = match share {
            // The only one: weights stay whole numbers, and shares exact.
            1.0.. => 1.0,
            share if weight > 0.0 => share * SHARE_UNIT / weight,
            _ => 0.0,
        };
        Use { share, scale, down: false, near }
    }
}

impl Use {
    /// Whether an endpoint of the level gets work.
    pub(super) fn takes(&self, rules: &Eligibility, endpoint: &Endpoint, now: Time) -> bool {
        let fit = endpoint.is_well(now) || self.down && !endpoint.life.vitals.is_avoided(now);
        fit && (!self.near || is_near(rules, endpoint))
    }
}

fn is_near(rules: &Eligibility, endpoint: &Endpoint) -> bool {
    rules.zone.as_ref().is_some_and(|own| endpoint.zone.as_deref() == Some(&*own.zone))
}

/// So many times as much as it does when all are well can a level do.
const OVERPROVISIONING: f64 = 1.4;

/// What the scaled weights of all levels sum up to, in units of weight: more than a cluster has endpoints.
const SHARE_UNIT: f64 = 1_000_000.0;
