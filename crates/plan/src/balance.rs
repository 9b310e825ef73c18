//! Choosing an endpoint: the contract, what all algorithms share, and the list of algorithms.
//!
//! The exchange in `proxy` and the simulator call [`Balancer::pick`]: the roster says who may get work at all, and an algorithm
//! chooses among them. A new algorithm is one file, one arm of [`Algorithm`], and one row in the table test.

use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_proto::head::RequestHead;

use crate::endpoint::{Endpoint, Life};
use crate::limits::TRIES_MAX;
use crate::time::Time;

mod algorithm;
mod around;
mod candidates;
mod eligibility;
pub mod hash;
mod hashing;
mod least_request;
mod peak_ewma;
mod prequal;
mod random;
mod roster;
mod round_robin;
mod sticky;
mod two_choices;

pub use algorithm::Algorithm;
pub use eligibility::{Census, Eligibility, SlowStart, ZonePreference};
pub use prequal::Load;
pub use sticky::{SameSite, Session, SessionCookie, SessionKey, Sticky};

use around::Around;
use candidates::Candidates;
use hash::maglev::TableSize;
use hash::{HashKey, Node, ring};
use prequal::Probes;
use roster::Roster;
use round_robin::Turns;
use sticky::Sessions;

/// How the endpoints of a cluster are chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Balancing {
    /// By what rule.
    pub algorithm: Algorithm,
    /// Algorithms by hash: what tells requests apart; the client for `client-ip`.
    pub key: HashKey,
    /// `ring-hash`: how many points an endpoint of middling weight has, [`ring::VNODES_MIN`] to [`ring::VNODES_MAX`].
    pub vnodes: u32,
    /// `maglev` and `client-ip`: how many entries the table has.
    pub table_size: TableSize,
    /// `prequal`: the path at which endpoints say how much they have to do.
    pub load_path: Box<str>,
    /// Algorithms by hash: how many times its share of what is in flight an endpoint may have, at least 1; `None` for any.
    pub bounded_load: Option<f64>,
    /// What makes the requests of a session go to one endpoint.
    pub sticky: Option<Sticky>,
    /// Among which of them.
    pub eligibility: Eligibility,
}

impl Default for Balancing {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::default(),
            key: HashKey::default(),
            vnodes: ring::VNODES_DEFAULT,
            table_size: TableSize::default(),
            load_path: LOAD_PATH.into(),
            bounded_load: None,
            sticky: None,
            eligibility: Eligibility::default(),
        }
    }
}

/// The path at which `evenkeel origin` says how much it has to do.
pub const LOAD_PATH: &str = "/load";

/// A balancer, built slowly with the plan for the endpoints of one cluster, picking fast.
#[derive(Debug)]
pub struct Balancer {
    balancing: Balancing,
    rule: Box<dyn Balance>,
    sessions: Option<Sessions>,
    /// Of each endpoint, side by side: whoever picks among many looks at few of them, and has what they are in no cache.
    lives: Box<[Arc<Life>]>,
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
    /// Prequal: what endpoints have said.
    probes: Probes,
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
    /// The hash of the request's key, for algorithms that go by it; see [`Balancer::key`].
    pub key: Option<u64>,
    /// The session that the request belongs to; see [`Balancer::session`].
    pub session: Option<Session>,
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
    pub fn new(balancing: Balancing, endpoints: &[Endpoint]) -> Self {
        let nodes: Vec<Node<'_>> = (0..)
            .zip(endpoints)
            .filter(|(_, endpoint)| balancing.eligibility.wants(endpoint))
            .map(|(position, endpoint)| Node {
                name: &endpoint.name,
                weight: endpoint.weight,
                position,
            })
            .collect();
        if let Some(first) = endpoints.first() {
            first.life.vitals.cluster().count_in_flight(balancing.bounded_load.is_some());
        }
        let sessions = balancing.sticky.as_ref();
        Self {
            rule: algorithm::build(&balancing, &nodes),
            sessions: sessions.map(|sticky| Sessions::new(sticky, endpoints, &nodes)),
            lives: endpoints.iter().map(|endpoint| Arc::clone(&endpoint.life)).collect(),
            balancing,
        }
    }

    /// What it was built from.
    pub fn balancing(&self) -> &Balancing {
        &self.balancing
    }

    /// What worker number `worker` has to remember between picks. Workers start at different positions, so that they do
    /// not all begin with the same endpoint.
    pub fn worker_state(&self, worker: usize, endpoints: &[Endpoint]) -> WorkerState {
        let turns = Turns::new(worker, endpoints.len());
        let memory = Memory { turns, around: Around::default(), probes: Probes::new() };
        WorkerState {
            roster: Roster::new(endpoints.len()),
            spare: Roster::spare(endpoints.len()),
            memory,
        }
    }

    /// Whether it looks at requests: [`Balancer::key`] or [`Balancer::session`] may have something to say.
    pub fn goes_by_requests(&self) -> bool {
        self.sessions.is_some() || self.balancing.algorithm.hashes()
    }

    /// The hash of a request's key, if the algorithm goes by one and the request has it. `client` is the client's address as far as it can be
    /// believed.
    pub fn key(&self, head: &RequestHead, client: IpAddr) -> Option<u64> {
        let hashes = self.balancing.algorithm.hashes();
        hashes.then(|| self.balancing.key.hash(head, client)).flatten()
    }

    /// The session that a request belongs to; `None` if there are none here, or it is its first. `wall` is the time since 1970.
    pub fn session(&self, head: &RequestHead, client: IpAddr, wall: Duration) -> Option<Session> {
        self.sessions.as_ref()?.of(head, client, wall)
    }

    /// Whether a request's session goes on at the endpoint where it was, as far as that stands well.
    pub fn keeps(&self, session: Session, endpoints: &[Endpoint], now: Time) -> bool {
        let (Session::At { position, .. }, Some(sessions)) = (session, &self.sessions) else {
            return false;
        };
        endpoints.get(position).is_some_and(|endpoint| {
            self.balancing.eligibility.wants(endpoint)
                && endpoint.keeps_sessions(sessions.drain(), now)
        })
    }

    /// The value of the `Set-Cookie` field that makes the session of a request go on at the endpoint that was chosen; `None` where it does
    /// so anyway.
    pub fn cookie(
        &self,
        choice: Choice,
        session: Option<Session>,
        wall: Duration,
    ) -> Option<String> {
        let stays = Session::At { position: choice.position, renew: false };
        if session == Some(stays) {
            return None;
        }
        self.sessions.as_ref()?.cookie(choice.position, wall)
    }

    /// Chooses an endpoint; `None` when none can be used. Allocates nothing, waits for nothing.
    pub fn pick(&self, state: &mut WorkerState, request: &Pick<'_>) -> Option<Choice> {
        let WorkerState { roster, spare, memory } = state;
        let eligibility = &self.balancing.eligibility;
        roster.refresh(eligibility, request);
        if let Some(position) = self.resume(roster, request) {
            return Some(Choice { position });
        }
        let mut choose = |roster: &Roster| {
            let candidates = Candidates { roster, lives: &self.lives, request };
            let member = self.rule.pick(memory, &candidates)?;
            Some(Choice { position: candidates.position(member) })
        };
        choose(roster).or_else(|| {
            spare.list_rest(eligibility, request, roster.panics());
            choose(spare)
        })
    }

    /// Where the request's session was, if it can go on there.
    fn resume(&self, roster: &Roster, request: &Pick<'_>) -> Option<usize> {
        let sessions = self.sessions.as_ref()?;
        match (request.session?, sessions) {
            (session @ Session::At { position, .. }, _) => {
                let goes_on = !request.tried.contains(position)
                    && self.keeps(session, request.endpoints, request.now);
                goes_on.then_some(position)
            }
            (Session::By(hash), Sessions::Key(_, ring)) => {
                let candidates = Candidates { roster, lives: &self.lives, request };
                let member = hashing::find(ring, hash, &candidates, |_| true)?;
                Some(candidates.position(member))
            }
            (Session::By(_), Sessions::Cookie(..)) => None,
        }
    }

    /// How the work is shared out now: the weight of each endpoint as far as its level and zone get any, and the part of it that it has while it
    /// warms up. `None` where nobody is as he should be, and whoever is the least bad has to do.
    pub fn shares(&self, endpoints: &[Endpoint], now: Time) -> Option<Vec<(f64, f64)>> {
        let mut roster = Roster::new(endpoints.len());
        let tried = &Tried::default();
        let pick = Pick { endpoints, tried, now, random: 0, key: None, session: None };
        roster.refresh(&self.balancing.eligibility, &pick);
        (!roster.takes_unwell).then(|| roster.weights_of_all(endpoints.len()))
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
