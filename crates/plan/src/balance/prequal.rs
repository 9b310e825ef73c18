//! Prequal: ask a few endpoints now and then how much they have to do, and choose by what they said (Wydrowski et al., 'Load is not what
//! you should balance', NSDI '24).
//!
//! What endpoints say includes the work of all other balancers, which no count of our own can. Among those that said so lately,
//! the ones with the most in flight are hot: of the others the fastest is chosen, and if all are hot, the one with the least in
//! flight. Probes are not sent from here: whoever picks takes [`WorkerState::next_probe`] and brings the answer to [`WorkerState::probed`].

use std::time::Duration;

use fastrand::Rng;

use super::{Balance, Candidates, Memory, WorkerState};
use crate::time::Time;

/// What an endpoint says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// How many requests it works on, whoever sent them.
    pub in_flight: u32,
    /// How long requests take that come when it has about so many.
    pub latency: Duration,
}

#[derive(Debug)]
pub(super) struct Prequal;

impl Balance for Prequal {
    fn pick(&self, memory: &mut Memory, candidates: &Candidates<'_>) -> Option<usize> {
        let mut random = Rng::with_seed(candidates.request.random);
        let pool = &mut memory.probes;
        pool.want(candidates, &mut random);
        pool.forget_old(candidates.request.now);
        // With fewer, all would go there.
        let known = pool.best(candidates).filter(|_| pool.probes.len() >= PROBES_MIN);
        let Some(best) = known else { return candidates.draw(&mut random) };
        let position = pool.use_up(best);
        candidates.roster.member_at(position)
    }
}

/// What the endpoints have said lately, of each the last word.
#[derive(Clone, Debug, Default)]
pub(super) struct Probes {
    probes: Vec<Probe>,
    /// How much those had in flight that answered last.
    seen: Vec<u32>,
    /// Where the next answer is written.
    next_seen: usize,
    /// With more in flight an endpoint is hot.
    hot_above: u32,
    /// Whom to ask, by position.
    wanted: Vec<u32>,
    /// Who has been asked and has not answered yet.
    asked: Vec<u32>,
    /// Whether the worst goes next, or the oldest.
    worst_goes: bool,
}

#[derive(Clone, Copy, Debug)]
struct Probe {
    position: u32,
    in_flight: u32,
    /// Its latency.
    seconds: f32,
    /// When the answer came.
    at: Time,
}

impl Probe {
    /// What it would cost to go there, where an attempt counts for `burden`: whoever is hot is worse than all that are not.
    fn cost(&self, burden: f32, hot_above: u32) -> f32 {
        let in_flight = self.in_flight as f32 * burden;
        if in_flight > hot_above as f32 { HOT + in_flight } else { self.seconds * burden }
    }
}

impl Probes {
    pub(super) fn new() -> Self {
        Self {
            probes: Vec::with_capacity(PROBES_MAX + 1),
            seen: Vec::with_capacity(SEEN_MAX),
            wanted: Vec::with_capacity(PROBES_PER_PICK),
            asked: Vec::with_capacity(ASKED_MAX),
            ..Self::default()
        }
    }

    /// Chooses whom to ask next, in proportion to the weights.
    fn want(&mut self, candidates: &Candidates<'_>, random: &mut Rng) {
        self.wanted.clear();
        if self.asked.len() == ASKED_MAX {
            return;
        }
        for _ in 0..PROBES_PER_PICK.min(candidates.count()) {
            let Some(member) = candidates.draw(random) else { return };
            let position = candidates.position(member) as u32;
            if !self.wanted.contains(&position) && !self.asked.contains(&position) {
                self.wanted.push(position);
            }
        }
    }

    fn forget_old(&mut self, now: Time) {
        // The oldest comes first.
        while self.probes.first().is_some_and(|oldest| now.since(oldest.at) >= AGE_MAX) {
            self.probes.remove(0);
        }
    }

    /// The place of the probe to go by.
    fn best(&self, candidates: &Candidates<'_>) -> Option<usize> {
        let fit = |probe: &Probe| {
            candidates.roster.member_at(probe.position).filter(|&member| candidates.admits(member))
        };
        let cost = |(place, probe): (usize, &Probe)| {
            let burden = candidates.burden(fit(probe)?);
            Some((place, probe.cost(burden, self.hot_above)))
        };
        let costs = self.probes.iter().enumerate().filter_map(cost);
        costs.reduce(|best, next| if next.1 < best.1 { next } else { best }).map(|best| best.0)
    }

    /// Uses a probe up, and forgets another one: the worst or the oldest by turns, lest only bad ones are left, which nobody uses.
    ///
    /// The paper's formula has a probe used 1.3 times where there are as many as here. Four times are too many: all who heard that
    /// somebody is idle run there, and p99 is four times as long (simulated: a hundred balancers, a hundred endpoints, half of
    /// them half as fast).
    fn use_up(&mut self, place: usize) -> u32 {
        let Probe { position, .. } = self.probes.remove(place);
        if self.probes.len() > KEPT_MIN {
            self.forget_one();
        }
        position
    }

    fn forget_one(&mut self) {
        self.worst_goes = !self.worst_goes;
        let costs = self.probes.iter().map(|probe| probe.cost(1.0, self.hot_above)).enumerate();
        let worst = costs.max_by(|one, other| one.1.total_cmp(&other.1));
        // The oldest comes first.
        let goes = worst.filter(|_| self.worst_goes).map_or(0, |(place, _)| place);
        self.probes.remove(goes);
    }

    fn next(&mut self) -> Option<usize> {
        if self.asked.len() == ASKED_MAX {
            return None;
        }
        let position = self.wanted.pop()?;
        self.asked.push(position);
        Some(position as usize)
    }

    fn answered(&mut self, position: usize, load: Option<Load>, now: Time) {
        self.asked.retain(|&asked| asked as usize != position);
        let Some(load) = load else { return };
        self.note(load.in_flight);
        self.probes.retain(|probe| probe.position as usize != position);
        let (position, seconds) = (position as u32, load.latency.as_secs_f32());
        self.probes.push(Probe { position, in_flight: load.in_flight, seconds, at: now });
        if self.probes.len() > PROBES_MAX {
            self.probes.remove(0);
        }
    }

    /// Moves the bound between hot and cold: a quantile of what was seen last.
    fn note(&mut self, in_flight: u32) {
        match self.seen.get_mut(self.next_seen) {
            Some(place) => *place = in_flight,
            None => self.seen.push(in_flight),
        }
        self.next_seen = (self.next_seen + 1) % SEEN_MAX;
        let mut sorted = [0; SEEN_MAX];
        let sorted = &mut sorted[..self.seen.len()];
        sorted.copy_from_slice(&self.seen);
        let rank = ((sorted.len() - 1) as f64 * HOT_QUANTILE) as usize;
        self.hot_above = *sorted.select_nth_unstable(rank).1;
    }
}

impl WorkerState {
    /// The position of an endpoint that wants to be asked how much it has to do; each is to be followed by [`WorkerState::probed`].
    pub fn next_probe(&mut self) -> Option<usize> {
        self.memory.probes.next()
    }

    /// What the endpoint at `position` has said at `now`; `None` if it said nothing in time.
    pub fn probed(&mut self, position: usize, load: Option<Load>, now: Time) {
        self.memory.probes.answered(position, load, now);
    }
}

/// What is hot is worse than any latency; in seconds.
const HOT: f32 = 1e6;

/// How many answers are kept (the paper's m).
const PROBES_MAX: usize = 16;

/// With fewer the choice is random.
const PROBES_MIN: usize = 2;

/// Down to so many one is forgotten with each pick.
const KEPT_MIN: usize = 4;

/// How many endpoints are asked for each pick (r_probe).
const PROBES_PER_PICK: usize = 3;

/// How many may be asked at once: more picks than that in the time of an answer ask nobody.
const ASKED_MAX: usize = 16;

/// After so long what was said is worth nothing.
const AGE_MAX: Duration = Duration::from_secs(1);

/// How many answers decide who is hot.
const SEEN_MAX: usize = 64;

/// Who has more in flight than this share of the others is hot. The paper has 0.84, and found little difference down to 0. Where work
/// waits in a queue, what is in flight grows together everywhere at such a bound, as long as latencies differ by chance alone: at a
/// load of 0.9 in the same simulation p99 is 3 s at 0.84, and from 0.4 down 0.56 s.
const HOT_QUANTILE: f64 = 0.4;
