//! `cargo xtask bench scale`: what ten thousand routes and endpoints with checks cost, beside two endpoints, in one run. What grows with
//! them grows in a plain build as well, so one is measured.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use evenkeel_testkit::{Client, Process, get, ports, usage, wait_until};

use super::contender::{self, Contender};
use super::flavour::{self, Flavour};
use super::load::{self, Load, Target};
use super::stats::Summary;
use super::{config, raise_descriptor_limit};
use crate::Outcome;
use crate::tools;

#[derive(Args)]
pub(crate) struct Options {
    /// How many routes, and how many endpoints
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1000..=50_000))]
    many: u32,
    /// Interleaved rounds; medians are reported
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seconds of load per round
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
}

pub(crate) fn run(options: &Options) -> Outcome {
    tools::require_all(&["wrk"].into())?;
    let flavour = contender::given().map_or(Flavour::Plain, |_| Flavour::Given);
    let _alone = flavour::build(flavour, &[Contender::Evenkeel])?;
    raise_descriptor_limit()?;
    let [origin] = ports::free_ports()?;
    let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, origin)).to_string();
    let _origin =
        Process::spawn(Command::new(Contender::Evenkeel.program()?).args(["origin", &everywhere]))?;
    let mut few = Running::start("two", |listen, admin| two(listen, admin, origin))?;
    let mut many = Running::start("many", |listen, admin| {
        ten_thousand(listen, admin, origin, options.many, 0)
    })?;
    let (version, said) = (Contender::Evenkeel.version()?, flavour.said());
    let mut text =
        format!("Evenkeel {version} ({said}).\n\n| | two endpoints | many |\n|---|---|---|\n");
    many.rest(options.many)?;
    for (what, figure) in FIGURES {
        let (few, many) = (figure(&few)?, figure(&many)?);
        writeln!(text, "| {what} | {few} | {many} |")?;
        eprintln!("{what}: {few}, {many}");
    }
    let more = |listen, admin| ten_thousand(listen, admin, origin, options.many, 1);
    let (little, large) =
        (few.reload(|listen, admin| two(listen, admin, origin))?, many.reload(more)?);
    writeln!(text, "| a reload that adds an endpoint | – | {} |", seconds(large))?;
    writeln!(
        text,
        "| a reload of the same | {} | {} |",
        seconds(little),
        seconds(many.reload(more)?)
    )?;
    load(options, [&few, &many], &mut text)?;
    writeln!(text, "| /metrics after the load | {} | {} |", few.metrics()?, many.metrics()?)?;
    println!("{text}");
    Ok(true)
}

/// What is measured before any load.
type Figure = fn(&Running) -> Outcome<String>;

const FIGURES: [(&str, Figure); 6] = [
    ("start, until it accepts", |one| Ok(seconds(one.accepts))),
    ("start, until every endpoint is checked", |one| Ok(seconds(one.ready))),
    ("memory (PSS)", |one| {
        Ok(format!("{:.1} MiB", usage::pss_bytes(one.process.pid())? as f64 / f64::from(1 << 20)))
    }),
    ("checks, of a core", Running::checks),
    ("/metrics", Running::metrics),
    ("/api/v1/status", |one| one.page("/api/v1/status")),
];

/// CPU time of the worker for each answer, in turns.
fn load(options: &Options, [few, many]: [&Running; 2], text: &mut String) -> Outcome<()> {
    let by_host = Some("h77.example.com");
    let cases = [
        ("a default of two endpoints", few, None),
        ("a route to a cluster of a hundredth of a half", many, by_host),
        ("the default, a cluster of half of all", many, None),
    ];
    let mut rounds = cases.map(|_| Vec::new());
    for round in 0..=options.rounds {
        for ((_, one, host), all) in cases.iter().zip(&mut rounds) {
            let us = one.loaded(*host, options.seconds)?;
            // The first makes connections.
            if round > 0 {
                all.push(us);
            }
        }
    }
    writeln!(
        text,
        "\n| worker CPU for each answer, to | µs | of two endpoints, median of rounds |\n|---|---|---|"
    )?;
    for ((what, ..), all) in cases.iter().zip(&rounds) {
        let ratios = all.iter().zip(&rounds[0]).map(|(one, first)| one / first).collect();
        let (Some(us), Some(ratio)) = (Summary::of(all.clone()), Summary::of(ratios)) else {
            continue;
        };
        writeln!(
            text,
            "| {what} | {:.2} ({:.2} to {:.2}) | {:.3} |",
            us.median, us.min, us.max, ratio.median
        )?;
    }
    writeln!(text, "\n| | two endpoints | many |\n|---|---|---|")?;
    Ok(())
}

/// A balancer that runs.
struct Running {
    process: Process,
    config: PathBuf,
    listen: u16,
    admin: SocketAddr,
    accepts: Duration,
    ready: Duration,
}

impl Running {
    fn start(name: &str, config: impl Fn(u16, u16) -> String) -> Outcome<Self> {
        let [listen, admin] = ports::free_ports()?;
        let path = Path::new(config::DIRECTORY).join(format!("scale-{name}.toml"));
        fs::write(&path, config(listen, admin))?;
        let begun = Instant::now();
        let process = Process::spawn(
            Command::new(Contender::Evenkeel.program()?)
                .args(["run", "--workers", "1", "-c"])
                .arg(&path),
        )?;
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        wait_until(WITHIN, || TcpStream::connect(address(listen)).is_ok())?;
        let accepts = begun.elapsed();
        wait_until(WITHIN, || get(address(admin), "/readyz").is_ok_and(|it| it.status == 200))?;
        let ready = begun.elapsed();
        Ok(Self { process, config: path, listen, admin: address(admin), accepts, ready })
    }

    /// Waits until all endpoints are found to be up, which takes a second round of checks.
    fn rest(&self, endpoints: u32) -> Outcome<()> {
        let all_up = |text: &str| text.matches("\"state\":\"up\"").count() >= endpoints as usize;
        Ok(wait_until(WITHIN, || {
            get(self.admin, "/api/v1/status").is_ok_and(|response| all_up(&response.text()))
        })?)
    }

    /// How much of a core control takes while nobody asks for anything.
    #[expect(clippy::disallowed_methods, reason = "there is nothing to wait for but time")]
    fn checks(&self) -> Outcome<String> {
        let (before, begun) = (usage::threads_time(self.process.pid(), "control")?, Instant::now());
        thread::sleep(Duration::from_secs(5));
        let spent = usage::threads_time(self.process.pid(), "control")? - before;
        Ok(format!("{:.1} %", 100.0 * spent.as_secs_f64() / begun.elapsed().as_secs_f64()))
    }

    fn metrics(&self) -> Outcome<String> {
        self.page("/metrics")
    }

    fn page(&self, path: &str) -> Outcome<String> {
        let begun = Instant::now();
        let response = get(self.admin, path)?;
        let (took, bytes) = (begun.elapsed(), response.body.len());
        Ok(format!("{}, {:.2} MB", seconds(took), bytes as f64 / 1e6))
    }

    /// Rewrites the config, and waits until it is in force. The watch may be faster: then nothing is different any more.
    fn reload(&mut self, config: impl Fn(u16, u16) -> String) -> Outcome<Duration> {
        fs::write(&self.config, config(self.listen, self.admin.port()))?;
        let begun = Instant::now();
        let request = format!(
            "POST /api/v1/reload HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n\r\n",
            self.admin
        );
        let response = Client::connect(self.admin)?.exchange(request.as_bytes(), WITHIN)?;
        if response.status == 200 {
            Ok(begun.elapsed())
        } else {
            Err(format!("the reload was refused: {}", response.text()).into())
        }
    }

    /// CPU time of the worker for each answer, in µs.
    fn loaded(&self, host: Option<&'static str>, seconds: u32) -> Outcome<f64> {
        let before = usage::threads_time(self.process.pid(), "worker")?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.listen));
        let load = Load { host, ..Load::kept(32) };
        let counted = load::run(&Target::clear(address), load, seconds)?;
        if let Some(fault) = counted.fault {
            return Err(fault.into());
        }
        let spent = usage::threads_time(self.process.pid(), "worker")? - before;
        let us = spent.as_secs_f64() * 1e6 / counted.answers as f64;
        eprintln!("  {:<12} {us:>6.2} µs", host.unwrap_or("default"));
        Ok(us)
    }
}

fn two(listen: u16, admin: u16, origin: u16) -> String {
    let (top, endpoints) = (top(listen, admin), list(0..2, origin));
    format!("{top}\n[cluster.c0]\nendpoints = [{endpoints}]\n")
}

/// So many endpoints, half of them in one cluster and the others in a hundred, and so many routes to these.
fn ten_thousand(listen: u16, admin: u16, origin: u16, many: u32, more: u32) -> String {
    let half = many / 2;
    let mut text = top(listen, admin);
    let _ = write!(text, "\n[cluster.c0]\nendpoints = [{}]\n", list(0..half + more, origin));
    for cluster in 0..100 {
        let (first, last) = (half + cluster * half / 100, half + (cluster + 1) * half / 100);
        let endpoints = list(first + 1..last + 1, origin);
        let _ = write!(text, "\n[cluster.c{}]\nendpoints = [{endpoints}]\n", cluster + 1);
    }
    for route in 0..many {
        let (path, cluster) = (route % 7, 1 + route % 100);
        // One that is found by its host alone.
        let path = if route == 77 { String::new() } else { format!("path = \"/v{path}/*\"\n") };
        let _ = write!(
            text,
            "\n[[route]]\nhost = \"h{route}.example.com\"\n{path}to = \"c{cluster}\"\n"
        );
    }
    text
}

fn top(listen: u16, admin: u16) -> String {
    format!(
        "[admin]\nbind = \"127.0.0.1:{admin}\"\n\n[listener.web]\nbind = \"127.0.0.1:{listen}\"\nto = \"c0\"\n"
    )
}

/// Addresses of loopback, which has sixteen million of them.
fn list(numbers: std::ops::Range<u32>, origin: u16) -> String {
    let address = |number: u32| {
        let [_, a, b, c] = (number + 0x0001_0001).to_be_bytes();
        format!("\"127.{a}.{b}.{c}:{origin}\"")
    };
    numbers.map(address).collect::<Vec<_>>().join(", ")
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

const WITHIN: Duration = Duration::from_secs(60);
