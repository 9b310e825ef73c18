//! Who may get work now, kept by each worker from pick to pick: choosing among ten thousand must not take a look at each.
//!
//! It is made anew when an endpoint may have become fit or unfit, which [`ClusterVitals::changes`] tells, and at a moment that is known
//! beforehand: when somebody is avoided no longer, or has warmed up a little more.
//!
//! [`ClusterVitals::changes`]: crate::vitals::ClusterVitals::changes

use std::time::Duration;

use fastrand::Rng;

use super::hash::stable::fraction;
use super::{Eligibility, Pick, SlowStart, Tried};
use crate::endpoint::Endpoint;
use crate::time::Time;

mod levels;
mod lots;

use levels::{Levels, Use};
use lots::Lots;

/// Who may get work, and how much of it.
#[derive(Clone, Debug)]
pub(super) struct Roster {
    pub(super) members: Vec<Member>,
    /// Of each member.
    pub(super) shares: Vec<Share>,
    /// Whether members may be chosen that are not well, because they are all there is.
    pub(super) takes_unwell: bool,
    /// Whether nothing has changed since it was made, so that whoever was well is.
    pub(super) is_current: bool,
    /// Whether somebody has only a part of its weight, because it warms up.
    pub(super) warms: bool,
    /// Whether it is for one exchange that has tried all others, and not for the next pick.
    pub(super) is_spare: bool,
    /// Counts up with each time it is made.
    pub(super) version: u64,
    /// The place among the members of each endpoint, by position; [`NOBODY`] for those that are none.
    places: Vec<u32>,
    /// What is drawn from; none where all weigh the same.
    lots: Lots,
    /// What all members weigh.
    weights: u64,
    levels: Levels,
    /// What [`crate::vitals::ClusterVitals::changes`] said; `None` before the first time.
    changes: Option<u64>,
    /// When it was made.
    made: Time,
    /// When it has to be made anew at the latest.
    until: Time,
}

/// An endpoint that may get work: what every pick looks at, and so no more than that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    /// Where it stands in the cluster.
    pub(super) position: u32,
    /// How much an attempt counts there, more where the weight is small: 1 at one of average weight.
    pub(super) burden: f32,
}

/// How much of the work a member shall have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    /// Relative to the others, in units of no meaning; at least 1.
    pub(super) weight: u64,
    /// The part of its weight that it has while it warms up, 0 to 1.
    pub(super) warmth: f32,
}

impl Roster {
    /// An empty one with room for all of `count` endpoints.
    pub(super) fn new(count: usize) -> Self {
        Self {
            members: Vec::with_capacity(count),
            shares: Vec::with_capacity(count),
            takes_unwell: false,
            is_current: false,
            warms: false,
            is_spare: false,
            version: 0,
            places: vec![NOBODY; count],
            lots: Lots::new(count),
            weights: 0,
            levels: Levels::default(),
            changes: None,
            made: Time::START,
            until: Time::END,
        }
    }

    /// Whether all are used because so few are well.
    pub(super) fn panics(&self) -> bool {
        self.levels.panics()
    }

    /// An empty one for what is left to an exchange.
    pub(super) fn spare(count: usize) -> Self {
        Self { is_spare: true, ..Self::new(count) }
    }

    /// Makes it anew if it is out of date. That of a large cluster may lag behind by as long as it takes to make some ten of it, lest
    /// a cluster in trouble has us do nothing else; whoever picks looks whether a member is still well.
    #[inline]
    pub(super) fn refresh(&mut self, rules: &Eligibility, request: &Pick<'_>) {
        let Some(first) = request.endpoints.first() else { return };
        let changes = first.life.vitals.cluster().changes();
        if self.changes != Some(changes) || request.now >= self.until {
            self.catch_up(changes, rules, request);
        }
    }

    #[cold]
    fn catch_up(&mut self, changes: u64, rules: &Eligibility, request: &Pick<'_>) {
        let lag = LAG_PER_ENDPOINT * u32::try_from(request.endpoints.len()).unwrap_or(u32::MAX);
        if self.changes.is_none() || request.now.since(self.made) >= lag {
            self.changes = Some(changes);
            self.list_best(rules, request);
        }
        self.is_current = self.changes == Some(changes);
    }

    /// Lists who is to get work by the rules.
    fn list_best(&mut self, rules: &Eligibility, request: &Pick<'_>) {
        self.begin(rules, request);
        self.levels.count(rules, request.endpoints, request.now);
        if !self.levels.share_out(rules) {
            return self.list_all_that_is_left(rules, request);
        }
        self.takes_unwell = self.levels.panics();
        for (position, endpoint) in rules.in_service(request.endpoints) {
            let wanted = self.levels.of(endpoint);
            let Some(Use { scale, .. }) =
                wanted.filter(|level| level.takes(rules, endpoint, request.now))
            else {
                continue;
            };
            let warmth = self.warmth_of(rules, endpoint, request.now);
            self.push(position, scale * f64::from(endpoint.weight), warmth);
        }
        self.finish();
        if self.members.is_empty() {
            self.list_all_that_is_left(rules, request);
        }
    }

    /// Nobody is as he should be: whoever is the least bad has to do, for every exchange, whatever this one has tried.
    fn list_all_that_is_left(&mut self, rules: &Eligibility, request: &Pick<'_>) {
        let panics = self.levels.panics();
        let tried = &Tried::default();
        self.list_rest(rules, &Pick { tried, ..*request }, panics);
    }

    /// Lists those that were not tried, of the best rank that there is: the rest of an exchange's chances, and all there is where nobody
    /// is well. Those that are down are among them only if all are used.
    pub(super) fn list_rest(&mut self, rules: &Eligibility, request: &Pick<'_>, panics: bool) {
        self.begin(rules, request);
        self.takes_unwell = true;
        let rank = |position: u32, endpoint: &Endpoint| {
            let rank = Rank::of(endpoint, request.now);
            let fit = !request.tried.contains(position as usize)
                && (rank.condition != Condition::Down || panics);
            fit.then_some(rank)
        };
        let ranks = rules
            .in_service(request.endpoints)
            .filter_map(|(position, endpoint)| rank(position, endpoint));
        let best = ranks.min();
        for (position, endpoint) in rules.in_service(request.endpoints) {
            if best.is_some() && rank(position, endpoint) == best {
                let warmth = self.warmth_of(rules, endpoint, request.now);
                self.push(position, f64::from(endpoint.weight), warmth);
            }
        }
        self.finish();
    }

    fn begin(&mut self, rules: &Eligibility, request: &Pick<'_>) {
        for member in self.members.drain(..) {
            self.places[member.position as usize] = NOBODY;
        }
        self.levels.clear();
        self.shares.clear();
        self.lots.clear();
        self.weights = 0;
        self.warms = false;
        self.version += 1;
        self.made = request.now;
        self.until = Time::END;
        for (_, endpoint) in rules.in_service(request.endpoints) {
            let avoided_until = endpoint.life.vitals.avoided_until();
            if avoided_until > request.now {
                self.until = self.until.min(avoided_until);
            }
        }
    }

    fn push(&mut self, position: u32, weight: f64, warmth: f64) {
        let Some(place) = self.places.get_mut(position as usize) else { return };
        *place = self.members.len() as u32;
        debug_assert!(self.members.last().is_none_or(|last| last.position < position), "in order");
        let weight = ((weight * warmth * WEIGHT_UNIT) as u64).max(1);
        self.members.push(Member { position, burden: 1.0 });
        self.shares.push(Share { weight, warmth: warmth as f32 });
        self.weights += weight;
        self.warms |= warmth < 1.0;
    }

    /// The part of its weight that an endpoint has now.
    fn warmth_of(&mut self, rules: &Eligibility, endpoint: &Endpoint, now: Time) -> f64 {
        if !endpoint.is_well(now) {
            return 1.0;
        }
        // Asked in any case: it is how the time at which an endpoint became fit gets known.
        let vitals = &endpoint.life.vitals;
        let since = vitals.fit_since(now);
        let slow_start =
            rules.slow_start.or(vitals.comes_back().then_some(SlowStart::AFTER_EJECTION));
        let (Some(since), Some(slow_start)) = (since, slow_start) else { return 1.0 };
        let age = now.since(since);
        if age >= slow_start.time {
            return 1.0;
        }
        self.until = self.until.min(now.after(RAMP_STEP));
        slow_start.factor(age)
    }

    fn finish(&mut self) {
        let Some(first) = self.shares.first() else { return };
        if self.shares.iter().all(|share| share.weight == first.weight) {
            return;
        }
        let mean = self.weights as f64 / self.shares.len() as f64;
        for (member, share) in self.members.iter_mut().zip(&self.shares) {
            member.burden = (mean / share.weight as f64) as f32;
        }
        self.lots.make(self.shares.iter().map(|share| share.weight), mean);
    }

    /// Whether every endpoint is a member, and so its place among them the one that it has in the cluster: they are listed in its order.
    fn has_all(&self) -> bool {
        self.members.len() == self.places.len()
    }

    /// Where a member stands in the cluster.
    pub(super) fn position_of(&self, member: usize) -> u32 {
        if self.has_all() { member as u32 } else { self.members[member].position }
    }

    /// Whether all members weigh the same.
    pub(super) fn is_even(&self) -> bool {
        self.lots.is_empty()
    }

    /// What each of `count` endpoints weighs when it is warm, 0 for those that are no members, and the part of it that it has now.
    pub(super) fn weights_of_all(&self, count: usize) -> Vec<(f64, f64)> {
        let mut weights = vec![(0.0, 1.0); count];
        for (member, share) in self.members.iter().zip(&self.shares) {
            let warmth = f64::from(share.warmth);
            weights[member.position as usize] = (share.weight as f64 / warmth, warmth);
        }
        weights
    }

    /// What all members weigh.
    pub(super) fn weights(&self) -> u64 {
        self.weights
    }

    /// The place among the members of the endpoint at `position`, if it is one.
    pub(super) fn member_at(&self, position: u32) -> Option<usize> {
        if self.has_all() {
            return Some(position as usize).filter(|&member| member < self.members.len());
        }
        let place = *self.places.get(position as usize)?;
        (place != NOBODY).then_some(place as usize)
    }

    /// The priority of the level that has the hash among what it shares with others; `None` if there is no other.
    pub(super) fn level_of(&self, hash: impl FnOnce() -> u64) -> Option<u8> {
        self.levels.at_share(|| fraction(hash()))
    }

    /// A member in proportion to the weights, which should be another one than `first`; where all weigh the same, it is.
    #[inline]
    pub(super) fn draw_other(&self, first: usize, random: &mut Rng) -> Option<usize> {
        if !self.is_even() {
            return self.draw(random);
        }
        let others = self.members.len().checked_sub(1).filter(|others| *others > 0)?;
        let drawn = random.usize(0..others);
        Some(drawn + usize::from(drawn >= first))
    }

    /// A member in proportion to the weights; `None` if there is none.
    #[inline]
    pub(super) fn draw(&self, random: &mut Rng) -> Option<usize> {
        if !self.is_even() {
            return Some(self.lots.draw(random));
        }
        (!self.members.is_empty()).then(|| random.usize(0..self.members.len()))
    }
}

/// The order in which endpoints come into question when nothing else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    condition: Condition,
    backup: bool,
    priority: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Condition {
    Well,
    /// It refused a moment ago.
    Avoided,
    Down,
}

impl Rank {
    fn of(endpoint: &Endpoint, now: Time) -> Self {
        let condition = match (endpoint.is_up(), endpoint.is_well(now)) {
            (false, _) => Condition::Down,
            (true, false) => Condition::Avoided,
            (true, true) => Condition::Well,
        };
        Self { condition, backup: endpoint.backup, priority: endpoint.priority }
    }
}

const NOBODY: u32 = u32::MAX;

/// A weight of 1, so that a part of one is something still.
const WEIGHT_UNIT: f64 = 1024.0;

/// How often the weight of an endpoint that warms up is set anew.
const RAMP_STEP: Duration = Duration::from_millis(100);

/// To make a roster takes some ten nanoseconds for each endpoint: so this is a hundredth of a worker's time.
const LAG_PER_ENDPOINT: Duration = Duration::from_micros(1);
