//! The project's own commands, called as `cargo xtask …`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks to its terminal"
)]

use std::env;
use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod faults;
mod package;
mod pgo;
mod test;
mod tools;

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about)]
enum Command {
    /// Runs every check, and says what passed, failed and could not run
    Test(test::Options),
    /// Measures Evenkeel beside other proxies doing equal work
    #[command(subcommand)]
    Bench(Bench),
    /// Breaks things on purpose, and accounts for every request
    Faults(faults::Options),
    /// An origin of `faults`, as a process of its own
    #[command(hide = true)]
    StampingOrigin { address: SocketAddr, journal: PathBuf },
    /// Builds the Debian package, or the static binary
    Package(package::Options),
}

#[derive(Subcommand)]
enum Bench {
    /// HTTP/1 on both sides: CPU time, syscalls and memory
    Http1(bench::Options),
    /// The same with TLS to the clients
    Tls(bench::Options),
    /// HTTP/2 over TLS with the clients, HTTP/1 with the origins
    Http2(bench::Options),
    /// Calls of gRPC, over HTTP/2 in clear text on both sides
    Grpc(bench::Options),
    /// Ten thousand routes and endpoints beside two endpoints: time, memory, CPU time, of what `cargo build --release` makes, or
    /// `EVENKEEL=FILE` names
    Scale(bench::scale::Options),
}

/// What a command ends with: whether all was well, or why it could not go on.
type Outcome<T = bool> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match run(&Command::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Outcome {
    // All paths are relative to the workspace's root from here on.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("xtask has no parent")?;
    env::set_current_dir(root)?;
    match command {
        Command::Test(options) => test::run(options),
        Command::Faults(options) => faults::run(options),
        Command::StampingOrigin { address, journal } => {
            Ok(evenkeel_testkit::stamping::main(*address, journal).map(|()| true)?)
        }
        Command::Package(options) => package::run(options),
        Command::Bench(Bench::Http1(options)) => bench::http1(options),
        Command::Bench(Bench::Tls(options)) => bench::tls(options),
        Command::Bench(Bench::Http2(options)) => bench::http2(options),
        Command::Bench(Bench::Grpc(options)) => bench::grpc(options),
        Command::Bench(Bench::Scale(options)) => bench::scale::run(options),
    }
}
