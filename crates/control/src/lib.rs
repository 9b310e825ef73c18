//! Writes the plan: config, health probes, name resolution, the admin API, and the conductor that owns the publisher.
//!
//! The binary starts it on a thread and a runtime of its own, so that nothing here can slow the data path.

mod access_log;
mod acme;
pub mod admin;
mod certificates;
pub mod conductor;
pub mod config;
pub mod events;
mod fittings;
#[cfg(test)]
mod fixture;
mod health;
mod in_force;
mod journal;
mod outliers;
mod overrides;
mod overview;
mod panics;
mod persist;
mod probe;
mod rebalance;
mod resolve;
mod start;
mod state_directory;
mod task;
mod watch;
mod whole_file;

pub use fittings::SetLevel;
pub use start::{Control, Setup, StartError, View, start};
