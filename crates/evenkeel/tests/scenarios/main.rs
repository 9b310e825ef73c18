//! Scenarios of the balancer: the real binary between real clients and real origins. One program, so that it links once.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its own functions too"
)]

mod running;

mod access_log;
mod bad_input;
mod balancing;
mod counting;
mod descriptors;
mod forwarding;
mod interop;
mod kept_config;
mod messages;
mod pooled;
mod slow_clients;
mod stopping;
mod upgrades;
