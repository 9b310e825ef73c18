//! The algorithms by name. Config and the command line look them up here, the balancer builds them here.

use super::Balance;
use super::least_request::LeastRequest;
use super::peak_ewma::PeakEwma;
use super::random::Random;
use super::round_robin::RoundRobin;
use super::two_choices::TwoChoices;

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
}

impl Algorithm {
    /// Every algorithm, in the order in which help texts list them.
    pub const ALL: [Self; 5] =
        [Self::PeakEwma, Self::LeastRequest, Self::TwoChoices, Self::RoundRobin, Self::Random];

    /// The name in config, on the command line and in the status.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RoundRobin => "round-robin",
            Self::Random => "random",
            Self::LeastRequest => "least-request",
            Self::TwoChoices => "two-choices",
            Self::PeakEwma => "peak-ewma",
        }
    }

    /// The algorithm of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    pub(super) fn build(self) -> Box<dyn Balance> {
        match self {
            Self::RoundRobin => Box::new(RoundRobin),
            Self::Random => Box::new(Random),
            Self::LeastRequest => Box::new(LeastRequest),
            Self::TwoChoices => Box::new(TwoChoices),
            Self::PeakEwma => Box::new(PeakEwma),
        }
    }
}
