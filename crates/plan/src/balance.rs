//! Choosing an endpoint: the contract, what all algorithms share, and the list of algorithms.
//!
//! The exchange in `proxy` and the simulator call [`Balancer::pick`]: the roster says who may get work at all, and an algorithm
//! chooses among them. A new algorithm is one file, one arm of [`Algorithm`], and one row in the table test.

use std::fmt::Debug;

use crate::endpoint::Endpoint;
use crate::limits::TRIES_MAX;
use crate::time::Time;

mod algorithm;
mod around;
mod candidates;
mod eligibility;
pub mod hash;
mod least_request;
mod peak_ewma;
mod random;
mod roster;
mod round_robin;
mod two_choices;

pub use algorithm::Algorithm;
pub use eligibility::{Census, Eligibility, SlowStart, ZonePreference};

use around::Around;
use candidates::Candidates;
use roster::Roster;
use round_robin::Turns;

/// How the endpoints of a cluster are chosen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Balancing {
    /// By what rule.
    pub algorithm: Algorithm,
    /// Among which of them.
    pub eligibility: Eligibility,
}

/// A balancer, built slowly with the plan for the endpoints of one cluster, picking fast.
#[derive(Debug)]
pub struct Balancer {
    balancing: Balancing,
    rule: Box<dyn Balance>,
}

/// The rule by which one of the candidates is chosen.
trait Balance: Debug + Send + Sync {
    /// Chooses one of `candidates`, by its place among the members of the roster; `None` if it found none that may be used. Allocates
    /// nothing, waits for nothing.
    fn pick(&self, memory: &mut Memory, candidates: &Candidates<'_>) -> Option<usize>;
}

/// What a worker remembers about one cluster between two picks.
#[derive(Clone, Debug)]
pub struct WorkerState {
    /// Who may get work.
    roster: Roster,
    /// The same for one exchange that has tried them all.
    spare: Roster,
    memory: Memory,
}

/// What the algorithms remember.
#[derive(Clone, Debug, Default)]
struct Memory {
    /// Round-robin: whose turn it is.
    turns: Turns,
    /// Algorithms that sample: where to look first.
    around: Around,
}

/// What a balancer may know when it picks.
#[derive(Clone, Copy, Debug)]
pub struct Pick<'a> {
    /// The endpoints that the balancer was built for.
    pub endpoints: &'a [Endpoint],
    /// Those that this exchange has tried already.
    pub tried: &'a Tried,
    /// The time.
    pub now: Time,
    /// A random number, drawn for this pick alone.
    pub random: u64,
}

/// What a balancer chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// A position in [`Pick::endpoints`].
    pub position: usize,
}

// === impl Balancer ===

impl Balancer {
    /// Builds a balancer for `endpoints`, which have to be those of every pick.
    pub fn new(balancing: Balancing, _endpoints: &[Endpoint]) -> Self {
        let rule = balancing.algorithm.build();
        Self { balancing, rule }
    }

    /// What it was built from.
    pub fn balancing(&self) -> &Balancing {
        &self.balancing
    }

    /// What worker number `worker` has to remember between picks. Workers start at different positions, so that they do
    /// not all begin with the same endpoint.
    pub fn worker_state(&self, worker: usize, endpoints: &[Endpoint]) -> WorkerState {
        let memory = Memory { turns: Turns::new(worker, endpoints.len()), ..Memory::default() };
        WorkerState {
            roster: Roster::new(endpoints.len()),
            spare: Roster::spare(endpoints.len()),
            memory,
        }
    }

    /// Chooses an endpoint; `None` when none can be used. Allocates nothing, waits for nothing.
    pub fn pick(&self, state: &mut WorkerState, request: &Pick<'_>) -> Option<Choice> {
        let WorkerState { roster, spare, memory } = state;
        let eligibility = &self.balancing.eligibility;
        roster.refresh(eligibility, request);
        let mut choose = |roster: &Roster| {
            let candidates = Candidates { roster, request };
            let member = self.rule.pick(memory, &candidates)?;
            Some(Choice { position: candidates.position(member) })
        };
        choose(roster).or_else(|| {
            spare.list_rest(eligibility, request);
            choose(spare)
        })
    }

    /// How the endpoints stand, if those that refused a moment ago are given another chance.
    pub fn census(&self, endpoints: &[Endpoint]) -> Census {
        Census::take(&self.balancing.eligibility, endpoints, Time::END)
    }
}

/// The endpoints that one exchange has tried, by position. Holds [`TRIES_MAX`] and needs no memory of its own.
#[derive(Clone, Debug, Default)]
pub struct Tried {
    positions: [u32; TRIES_MAX],
    count: usize,
}

impl Tried {
    /// Remembers `position`, if there is room.
    pub fn insert(&mut self, position: usize) {
        if let (Some(slot), Ok(position)) =
            (self.positions.get_mut(self.count), u32::try_from(position))
        {
            *slot = position;
            self.count += 1;
        }
    }

    /// Whether there is no room for another, and so no other may be tried.
    pub fn is_full(&self) -> bool {
        self.count == TRIES_MAX
    }

    /// Whether `position` was tried.
    pub fn contains(&self, position: usize) -> bool {
        self.positions[..self.count].iter().any(|&tried| tried as usize == position)
    }

    /// How many were tried.
    pub fn count(&self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests;
