//! What to do now: listeners, clusters, endpoints, limits, the balancing algorithms, and the machines of health and resilience.
//!
//! `control` writes a [`Plan`] and publishes it, `proxy` follows it, `sim` runs the same code on virtual time.
//! Everything here is pure: time and randomness are arguments, and there is no socket, no clock and no config syntax.

use std::sync::Arc;
use std::time::Duration;

pub mod access;
pub mod admission;
pub mod alarm;
mod atomic;
pub mod balance;
pub mod binder;
pub mod breaker;
pub mod budget;
pub mod cluster;
pub mod counters;
pub mod endpoint;
pub mod errors;
pub mod health;
pub mod hedge;
pub mod limits;
pub mod lines;
pub mod listener;
pub mod mention;
pub mod outlier;
pub mod overload;
pub mod publish;
pub mod pulse;
pub mod quantile;
pub mod rate;
pub mod reason;
pub mod rebalance;
pub mod resilience;
pub mod retry;
pub mod route;
pub mod sight;
pub mod story;
pub mod time;
pub mod tls;
pub mod vitals;

pub use cluster::Cluster;
pub use endpoint::Endpoint;
pub use listener::Listener;

/// The published state of the world: immutable, replaced as a whole.
#[derive(Debug, Default)]
pub struct Plan {
    /// Counts up with every publish; 0 is the empty plan before the first one.
    pub generation: u64,
    /// The addresses we accept on.
    pub listeners: Vec<Arc<Listener>>,
    /// The named sets of endpoints; a route refers to one by its position here.
    pub clusters: Vec<Arc<Cluster>>,
    /// How long the connections of a listener that is gone may take to end, and what runs at an endpoint that is drained or gone.
    pub drain: Duration,
    /// What is written down about each exchange; `None` for nothing.
    pub access: Option<access::AccessLog>,
    /// What authorities of certificates are answered; goes on from plan to plan.
    pub challenges: Arc<tls::Challenges>,
    /// Raised when an endpoint is suspected to stall, and when one begins to leave or stays after all; goes on from plan to plan.
    pub alarm: alarm::Alarm,
}
