//! The algorithms by name. Config and the command line look them up here, the balancer builds them here.

use super::hash::{Maglev, Node, Rendezvous, Ring};
use super::hashing::Hashing;
use super::least_request::LeastRequest;
use super::peak_ewma::PeakEwma;
use super::prequal::Prequal;
use super::random::Random;
use super::round_robin::RoundRobin;
use super::two_choices::TwoChoices;
use super::{Balance, Balancing};

/// The algorithms by their names in config.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// One after the other, smoothly interleaved and exact by weight.
    RoundRobin,
    /// Any endpoint, in proportion to its weight.
    Random,
    /// The endpoint with the fewest attempts in flight for its weight.
    LeastRequest,
    /// Of two that are drawn by weight, the one with fewer attempts in flight for its weight.
    TwoChoices,
    /// Of two that are drawn by weight, the one that will have answered sooner: latency times attempts in flight.
    #[default]
    PeakEwma,
    /// The one that said lately that it would answer first; endpoints are asked now and then.
    Prequal,
    /// By the client's address, so that a client goes to one endpoint.
    ClientIp,
    /// By hash, on a ring on which each endpoint has many points.
    RingHash,
    /// By hash, from a table in which each endpoint has the same number of entries.
    Maglev,
    /// By hash: the endpoint for which the key has the highest random weight.
    Rendezvous,
}

impl Algorithm {
    /// Every algorithm, in the order in which help texts list them.
    pub const ALL: [Self; 10] = [
        Self::PeakEwma,
        Self::Prequal,
        Self::LeastRequest,
        Self::TwoChoices,
        Self::RoundRobin,
        Self::Random,
        Self::ClientIp,
        Self::RingHash,
        Self::Maglev,
        Self::Rendezvous,
    ];

    /// The name in config, on the command line and in the status.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RoundRobin => "round-robin",
            Self::Random => "random",
            Self::LeastRequest => "least-request",
            Self::TwoChoices => "two-choices",
            Self::PeakEwma => "peak-ewma",
            Self::Prequal => "prequal",
            Self::ClientIp => "client-ip",
            Self::RingHash => "ring-hash",
            Self::Maglev => "maglev",
            Self::Rendezvous => "rendezvous",
        }
    }

    /// The algorithm of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Whether it goes by a key of the request.
    pub const fn hashes(self) -> bool {
        matches!(self, Self::ClientIp | Self::RingHash | Self::Maglev | Self::Rendezvous)
    }
}

/// Builds the rule for endpoints of these names and weights.
pub(super) fn build(balancing: &Balancing, nodes: &[Node<'_>]) -> Box<dyn Balance> {
    let bounded_load = balancing.bounded_load;
    match balancing.algorithm {
        Algorithm::RoundRobin => Box::new(RoundRobin),
        Algorithm::Random => Box::new(Random),
        Algorithm::LeastRequest => Box::new(LeastRequest),
        Algorithm::TwoChoices => Box::new(TwoChoices),
        Algorithm::PeakEwma => Box::new(PeakEwma),
        Algorithm::Prequal => Box::new(Prequal),
        Algorithm::RingHash => {
            Box::new(Hashing { table: Ring::new(nodes, balancing.vnodes), bounded_load })
        }
        Algorithm::Maglev | Algorithm::ClientIp => {
            Box::new(Hashing { table: Maglev::new(nodes, balancing.table_size), bounded_load })
        }
        Algorithm::Rendezvous => Box::new(Hashing { table: Rendezvous::new(nodes), bounded_load }),
    }
}
