//! What it costs to find the endpoint of a key, among ten and among ten thousand: `cargo bench -p evenkeel-plan --bench hash`.
//!
//! All cases take turns in each round, so that a noisy moment falls on all of them; medians are shown.

#![allow(clippy::print_stdout, reason = "it prints a table")]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use evenkeel_plan::balance::hash::maglev::TableSize;
use evenkeel_plan::balance::hash::ring::VNODES_DEFAULT;
use evenkeel_plan::balance::hash::stable::mix;
use evenkeel_plan::balance::hash::{Maglev, Node, Rendezvous, Ring};

/// A table of so many endpoints, and some of them refused.
struct Case {
    table: Table,
    endpoints: u32,
    refused_percent: u64,
    build: Duration,
    rounds: Vec<Duration>,
}

enum Table {
    Ring(Ring),
    Maglev(Maglev),
    Rendezvous(Rendezvous),
}

impl Table {
    fn new(kind: &str, nodes: &[Node<'_>]) -> Self {
        match kind {
            "ring" => Self::Ring(Ring::new(nodes, VNODES_DEFAULT)),
            "maglev" => Self::Maglev(Maglev::new(nodes, TableSize::default())),
            _ => Self::Rendezvous(Rendezvous::new(nodes)),
        }
    }

    fn lookup(&self, hash: u64, admits: impl FnMut(u32) -> bool) -> Option<u32> {
        match self {
            Self::Ring(table) => table.lookup(hash, admits),
            Self::Maglev(table) => table.lookup(hash, admits),
            Self::Rendezvous(table) => table.lookup(hash, admits),
        }
    }
}

impl Case {
    fn new(kind: &str, endpoints: u32, refused_percent: u64) -> Self {
        let names: Vec<String> =
            (0..endpoints).map(|number| format!("10.0.0.{number}:80")).collect();
        let node = |(position, name)| Node { name, weight: 1, position };
        let nodes: Vec<Node<'_>> = (0..).zip(names.iter().map(String::as_str)).map(node).collect();
        let began = Instant::now();
        let table = Table::new(kind, &nodes);
        let build = began.elapsed();
        Self { table, endpoints, refused_percent, build, rounds: Vec::new() }
    }

    /// One round. Each key waits for the endpoint of the last one, as requests come one by one.
    fn measure(&mut self) {
        let refused = |number| mix(1, number) % 100 < self.refused_percent;
        let refused: Vec<bool> = (0..u64::from(self.endpoints)).map(refused).collect();
        // The work of a round is bounded where a look-up goes through all endpoints.
        let lookups = self.lookups();
        let mut last = 0;
        let began = Instant::now();
        for number in 0..lookups {
            let hash = mix(last, number);
            let found = self.table.lookup(black_box(hash), |position| !refused[position as usize]);
            last = u64::from(found.unwrap_or_default());
        }
        let took = began.elapsed();
        black_box(last);
        self.rounds.push(took);
    }

    fn lookups(&self) -> u64 {
        match self.table {
            Table::Rendezvous(_) => 100_000 / u64::from(self.endpoints),
            _ => 10_000,
        }
    }

    /// The median, in nanoseconds for each look-up.
    fn nanos(&mut self) -> f64 {
        self.rounds.sort();
        self.rounds[self.rounds.len() / 2].as_nanos() as f64 / self.lookups() as f64
    }

    /// Whether it costs more than it may. Nothing is promised of what looks at every endpoint.
    fn is_too_slow(&mut self) -> bool {
        let most = if self.endpoints <= 10 { 100.0 } else { 300.0 };
        !matches!(self.table, Table::Rendezvous(_)) && self.nanos() > most
    }
}

const KINDS: [&str; 3] = ["ring", "maglev", "rendezvous"];
const ROUNDS: usize = 101;

fn main() -> ExitCode {
    let mut groups = KINDS.map(|kind| {
        [(10, 0), (10, 10), (10_000, 0), (10_000, 10)]
            .map(|(endpoints, refused_percent)| Case::new(kind, endpoints, refused_percent))
    });
    // Without it this is a run of `cargo test`, which wants to know whether it works and not how fast.
    let rounds = if std::env::args().any(|word| word == "--bench") { ROUNDS } else { 1 };
    for _ in 0..rounds {
        groups.iter_mut().flatten().for_each(Case::measure);
    }
    println!("ns for each look-up, among");
    println!(
        "table           10   10, 10 % refused   10,000   10,000, 10 % refused   ms to build 10,000"
    );
    for (kind, group) in KINDS.iter().zip(&mut groups) {
        let build = group[2].build.as_secs_f64() * 1000.0;
        let [few, few_refused, many, many_refused] = group.each_mut().map(Case::nanos);
        println!(
            "{kind:<10} {few:>7.1} {few_refused:>18.1} {many:>8.1} {many_refused:>22.1} {build:>20.1}"
        );
    }
    let too_slow = rounds == ROUNDS && groups.iter_mut().flatten().any(Case::is_too_slow);
    ExitCode::from(u8::from(too_slow))
}
