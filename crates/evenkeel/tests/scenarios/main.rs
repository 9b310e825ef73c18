//! Scenarios of the balancer: the real binary between real clients and real origins. One program, so that it links once.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its own functions too"
)]

mod running;

mod access_log;
mod acme;
mod admin_doors;
mod bad_input;
mod balancing;
mod client_auth;
mod config_tools;
mod counting;
mod deadlines;
mod descriptors;
mod development;
mod draining;
mod forwarding;
mod grpc;
mod grpc_web;
mod health_checks;
mod hostile_arena;
mod hostile_bodies;
mod hostile_endpoints;
mod hostile_framing;
mod hostile_heads;
mod hostile_judge;
mod hostile_pipelining;
mod hostile_retries;
mod hostile_targets;
mod hostile_upgrade;
mod http1_page;
mod http2;
mod http2_endpoints;
mod in_flight;
mod inherited;
mod interop;
mod kept_config;
mod leaving;
mod limits;
mod messages;
mod moving;
mod notify;
mod operating_cli;
mod origin_tls;
mod outliers;
mod overload;
mod pooled;
mod reality;
mod reloads;
mod reloads_load;
mod retries;
mod routes;
mod sessions;
mod shares;
mod simulate;
mod slow_clients;
mod stopping;
mod streams;
mod tls;
mod upgrades;
mod why;
