//! What is simulated: endpoints, load and chance. Written by whoever calls [`run`](crate::run).

use std::time::Duration;

use evenkeel_plan::balance::Algorithm;
use fastrand::Rng;

use crate::service::{Service, exponential};

/// One cluster under one load. Equal scenarios give equal reports.
#[derive(Debug)]
pub struct Scenario {
    /// How endpoints are chosen.
    pub algorithm: Algorithm,
    /// The endpoints of the cluster.
    pub endpoints: Vec<EndpointModel>,
    /// When requests arrive, however long answers take (open loop).
    pub arrivals: Arrivals,
    /// How many requests arrive in all.
    pub requests: u64,
    /// Where all chance comes from. Arrivals have a stream of their own, so two algorithms under one seed meet the same load.
    pub seed: u64,
}

/// An endpoint of the simulated cluster.
#[derive(Debug)]
pub struct EndpointModel {
    /// Names it in the report.
    pub name: String,
    /// Its weight, as in the config; 0 takes no work.
    pub weight: u32,
    /// How long it takes for a request.
    pub service: Service,
}

/// How arrivals are spaced. The first is at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrivals {
    /// All the same distance apart.
    Even {
        /// The distance.
        gap: Duration,
    },
    /// As independent people come: in bursts and lulls.
    Poisson {
        /// The distance on average.
        mean_gap: Duration,
    },
}

impl Arrivals {
    /// How long after one arrival the next one is.
    pub(crate) fn gap(self, random: &mut Rng) -> Duration {
        match self {
            Self::Even { gap } => gap,
            Self::Poisson { mean_gap } => exponential(mean_gap, random),
        }
    }
}
