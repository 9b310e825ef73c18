//! Choosing an endpoint: the contract, what all algorithms share, and the list of algorithms.
//!
//! The exchange in `proxy` and the simulator call [`Balance::pick`]. A new algorithm is one file, one arm of
//! [`Algorithm`], and one row in the table test.

use std::fmt::Debug;

use crate::endpoint::Endpoint;
use crate::limits::TRIES_MAX;
use crate::time::Time;

mod around;
mod least_request;
mod random;
mod round_robin;

use around::{Around, ByWeight};
use least_request::LeastRequest;
use random::Random;
use round_robin::RoundRobin;

/// An algorithm, built slowly with the plan for the endpoints of one cluster, picking fast.
pub trait Balance: Debug + Send + Sync {
    /// The algorithm that this is.
    fn algorithm(&self) -> Algorithm;

    /// What worker number `worker` has to remember between picks. Workers start at different positions, so that they do
    /// not all begin with the same endpoint.
    fn worker_state(&self, worker: usize, endpoints: &[Endpoint]) -> WorkerState;

    /// Chooses an endpoint; `None` when none can be used. Allocates nothing, waits for nothing.
    fn pick(&self, state: &mut WorkerState, request: &Pick<'_>) -> Option<Choice>;
}

/// The algorithms by their names in config.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// The endpoint with the fewest attempts in flight for its weight.
    #[default]
    LeastRequest,
    /// Any endpoint, in proportion to its weight.
    Random,
    /// One after the other, smoothly interleaved and exact by weight.
    RoundRobin,
}

impl Algorithm {
    /// Every algorithm, in the order in which help texts list them.
    pub const ALL: [Self; 3] = [Self::RoundRobin, Self::Random, Self::LeastRequest];

    /// The name in config, on the command line and in the status.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LeastRequest => "least-request",
            Self::Random => "random",
            Self::RoundRobin => "round-robin",
        }
    }

    /// The algorithm of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Builds the balancer.
    pub fn build(self) -> Box<dyn Balance> {
        match self {
            Self::LeastRequest => Box::new(LeastRequest),
            Self::Random => Box::new(Random),
            Self::RoundRobin => Box::new(RoundRobin),
        }
    }
}

/// What a worker remembers about one cluster between two picks.
#[derive(Clone, Debug, Default)]
pub struct WorkerState {
    /// Smooth round-robin: how much each endpoint is owed, in units of weight.
    owed: Vec<i64>,
    /// Algorithms that sample: where to look first.
    around: Around,
    /// Those that sample where weights differ: who is drawn how often.
    by_weight: ByWeight,
    /// Whether all endpoints weigh the same.
    has_one_weight: bool,
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

impl<'a> Pick<'a> {
    /// The endpoints to choose among, with their positions: usable, not tried, and of the best rank that there is.
    fn candidates(&self) -> impl Iterator<Item = (usize, &'a Endpoint)> + Clone {
        let (endpoints, tried, now) = (self.endpoints, self.tried, self.now);
        let rank = move |(position, endpoint): (usize, &Endpoint)| {
            let fit = endpoint.is_usable() && !tried.contains(position);
            fit.then(|| Rank {
                avoided: endpoint.life.vitals.is_avoided(now),
                backup: endpoint.backup,
            })
        };
        let best = endpoints.iter().enumerate().filter_map(rank).min();
        endpoints.iter().enumerate().filter(move |&entry| rank(entry) == best && best.is_some())
    }

    /// The endpoint at a position, if it may be used and there can be none of better rank.
    fn at_best(&self, position: usize) -> Option<(usize, &'a Endpoint)> {
        let endpoint = self.endpoints.get(position)?;
        let fit = endpoint.is_usable()
            && !endpoint.backup
            && !endpoint.life.vitals.is_avoided(self.now)
            && !self.tried.contains(position);
        fit.then_some((position, endpoint))
    }
}

/// The order in which endpoints come into question: those that refused a moment ago come last, even after the backups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    avoided: bool,
    backup: bool,
}

/// What a balancer chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// A position in [`Pick::endpoints`].
    pub position: usize,
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
