//! Writes the plan: config, health probes, name resolution, the admin API, and the conductor that owns the publisher.
//!
//! The binary starts it on a thread and a runtime of its own, so that nothing here can slow the data path.

mod access_log;
pub mod admin;
pub mod conductor;
pub mod config;
#[cfg(test)]
mod fixture;
mod health;
mod journal;
mod overview;
mod probe;
mod resolve;
mod start;
mod task;

pub use start::{Control, StartError, View, start};
