//! The `evenkeel` binary: reads the command line, runs one command, exits with its code.

use std::process::ExitCode;

mod admin_client;
mod alarm;
mod balancer;
mod check;
mod cli;
mod completions;
mod demo;
mod development;
mod failure;
mod load;
mod man;
mod operate;
mod origin;
mod payload;
mod refusal_words;
mod reload_words;
mod route_words;
mod run;
mod schema;
mod screen;
mod serve;
mod service;
mod simulate;
mod state_words;
mod status;
mod stderr;
mod table;
mod terminal;
mod tone;
mod top;
mod units;
mod why;
mod workers;

/// The system's own allocator takes a lock where workers meet, and gives memory back late.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::Cli::read().run()
}
