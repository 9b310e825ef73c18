//! `cargo xtask bench http1`, `tls`, `http2` and `grpc`: CPU time per answer, syscalls per answer and memory per idle
//! connection of Evenkeel and of others that do equal work, side by side in one run.

use std::fs;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

mod calls;
mod case;
mod config;
pub(crate) mod contender;
mod equal_work;
mod flavour;
mod load;
mod memory;
pub(crate) mod profiled;
mod programs;
mod protocol;
mod report;
mod resumption;
mod rounds;
mod running;
pub(crate) mod scale;
mod stats;
mod syscalls;
mod tls;

use crate::Outcome;
use crate::tools;
use contender::Contender;
use flavour::Flavour;
use protocol::Protocol;
use report::Report;

#[derive(Args)]
pub(crate) struct Options {
    /// Whom to measure against: nginx and HAProxy, or Envoy (from PyPI) as well
    #[arg(long, value_enum, default_value = "usual")]
    peers: Peers,
    /// Measure these and no others
    #[arg(long, value_enum, value_delimiter = ',', conflicts_with = "peers")]
    only: Vec<Contender>,
    /// Run these passes and no others
    #[arg(long, value_enum, value_delimiter = ',')]
    pass: Vec<Pass>,
    /// Interleaved rounds per case; medians are reported
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seconds of load per round
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Three rounds of one second: to see that it works, not to quote
    #[arg(long)]
    quick: bool,
    /// Measure what `cargo build --release` makes, and not what packages hold: the build takes a third of the time. `EVENKEEL=FILE` names
    /// any other binary, and cannot go with it
    #[arg(long)]
    plain: bool,
    /// Also write everything measured to this file
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Peers {
    /// nginx and HAProxy
    Usual,
    /// and Envoy
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Pass {
    /// Short answers over kept connections
    Small,
    /// 1 MiB answers over kept connections
    Large,
    /// A new connection for each request
    Connect,
    /// System calls per answer, under strace
    Syscalls,
    /// Memory per idle connection
    Memory,
}

/// In clear text.
pub(crate) fn http1(options: &Options) -> Outcome {
    run(options, Protocol::Http1)
}

/// Over TLS with clients, in clear text with the origins.
pub(crate) fn tls(options: &Options) -> Outcome {
    run(options, Protocol::Tls(()))
}

/// HTTP/2 over TLS with clients, HTTP/1 in clear text with the origins.
pub(crate) fn http2(options: &Options) -> Outcome {
    run(options, Protocol::Http2(()))
}

/// Calls of gRPC, over HTTP/2 in clear text with clients and origins.
pub(crate) fn grpc(options: &Options) -> Outcome {
    run(options, Protocol::Grpc)
}

fn run(options: &Options, protocol: Protocol<()>) -> Outcome {
    let flavour = Flavour::of(options.plain, contender::given().is_some())?;
    let contenders = options.contenders();
    tools::require_all(&programs::of(&protocol, &contenders, |pass| options.wants(pass)))?;
    if contenders.contains(&Contender::Envoy) {
        Contender::Envoy.program()?;
    }
    let _alone = flavour::build(flavour, &contenders)?;
    let protocol = &protocol.set_up()?;
    raise_descriptor_limit()?;

    let mut report = Report::new(protocol, &contenders, flavour)?;
    if let Some(tls) = protocol.resumed().filter(|_| options.wants(Pass::Connect)) {
        report.load(resumption::check(tls)?);
    }
    for &contender in &contenders {
        report.equal_work(contender, &equal_work::check(contender, protocol)?);
    }
    for &case in protocol.cases().iter().filter(|case| options.wants(case.pass())) {
        report.case(case, rounds::run(case, protocol, &contenders, options.timing())?);
    }
    for &contender in &contenders {
        if options.wants(Pass::Syscalls) {
            report.syscalls(contender, syscalls::count(contender, protocol));
        }
        if options.wants(Pass::Memory) && protocol.measures_memory() {
            report.memory(contender, memory::measure(contender, protocol));
        }
    }
    println!("{}", report.markdown());
    if let Some(path) = &options.json {
        fs::write(path, serde_json::to_string_pretty(&report.json())?)?;
    }
    Ok(report.is_sound())
}

/// How long to measure.
#[derive(Clone, Copy)]
struct Timing {
    rounds: u32,
    seconds: u32,
}

impl Options {
    fn contenders(&self) -> Vec<Contender> {
        match (self.only.as_slice(), self.peers) {
            ([], Peers::Usual) => vec![Contender::Evenkeel, Contender::Nginx, Contender::Haproxy],
            ([], Peers::All) => Contender::value_variants().to_vec(),
            (only, _) => only.to_vec(),
        }
    }

    fn wants(&self, pass: Pass) -> bool {
        self.pass.is_empty() || self.pass.contains(&pass)
    }

    fn timing(&self) -> Timing {
        if self.quick {
            Timing { rounds: 3, seconds: 1 }
        } else {
            Timing { rounds: self.rounds, seconds: self.seconds }
        }
    }
}

/// The memory pass holds thousands of connections, here and in what we start.
fn raise_descriptor_limit() -> Outcome<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?)
}
