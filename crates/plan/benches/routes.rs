//! What it costs to find a route, among one and among ten thousand: `cargo bench -p evenkeel-plan`. docs/performance.md quotes it.
//!
//! `cargo bench -p evenkeel-plan -- host 10000` does nothing but look routes up, under callgrind for example.
//!
//! All cases take turns in each round, so that a noisy moment falls on all of them; medians are shown.

#![allow(clippy::print_stdout, reason = "it prints a table")]

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use evenkeel_plan::counters::Sharded;
use evenkeel_plan::route::{HostPattern, PathPattern, Route, Router, Targets, default_name};

/// Routes, and requests for them that take turns.
struct Case {
    router: Router,
    /// How many different requests there are.
    requests: usize,
    shape: Shape,
    cold: Vec<Duration>,
    warm: Vec<Duration>,
}

/// Routes that differ in one number, and requests for them. `#####` stands for the number.
#[derive(Clone, Copy)]
struct Shape {
    name: &'static str,
    route: fn(&str) -> (HostPattern, PathPattern),
    host: &'static str,
    path: &'static str,
}

impl Case {
    fn new(shape: Shape, routes: usize, requests: usize) -> Self {
        let route = |number| route((shape.route)(&format!("{number:05}")));
        let router = Router::new((0..routes).map(route).collect());
        Self { router, requests, shape, cold: Vec::new(), warm: Vec::new() }
    }

    /// One round: twice the same look-ups, so that the second finds in the caches what it needs as far as that fits.
    fn measure(&mut self) {
        let cold = self.pass();
        let warm = self.pass();
        self.cold.push(cold);
        self.warm.push(warm);
    }

    /// Each request is written where the last one was, as a worker's buffer is warm, too, when a request is in it.
    fn pass(&self) -> Duration {
        let (mut host, mut path) = (Written::new(self.shape.host), Written::new(self.shape.path));
        let began = Instant::now();
        for turn in 0..LOOKUPS {
            // 7919 is a prime: the order has nothing to do with that in memory.
            let number = turn * 7919 % self.requests;
            host.write(number);
            path.write(number);
            let found = self.router.find(Some(black_box(&host.text)), black_box(&path.text));
            assert!(black_box(found).is_some());
        }
        began.elapsed()
    }
}

/// The median, in nanoseconds for each look-up.
fn nanos(rounds: &mut [Duration]) -> f64 {
    rounds.sort();
    rounds[rounds.len() / 2].as_nanos() as f64 / LOOKUPS as f64
}

/// A text in which a number changes.
struct Written {
    text: Vec<u8>,
    digits: Option<usize>,
}

impl Written {
    fn new(text: &str) -> Self {
        Self { text: text.into(), digits: text.find('#') }
    }

    fn write(&mut self, mut number: usize) {
        let Some(start) = self.digits else { return };
        for digit in self.text[start..start + 5].iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
    }
}

/// How much the resident memory grows by a router, for each of its routes; 0 where the system does not say.
fn bytes_per_route() -> usize {
    let resident = || {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or_default()
    };
    let before = resident();
    let router = Router::new(
        (0..10 * MANY).map(|number| route((SHAPES[0].route)(&number.to_string()))).collect(),
    );
    let grown = resident().saturating_sub(before) * 4096;
    black_box(&router);
    grown / (10 * MANY)
}

fn route((host, path): (HostPattern, PathPattern)) -> Route {
    Route {
        name: default_name(&host, &path, &[]).into(),
        host,
        path,
        to: Targets::one(0),
        exchange_timeout: None,
        grpc_web: false,
        admission: None,
        alpn: Box::default(),
        counters: Arc::new(Sharded::new(2)),
    }
}

const SHAPES: [Shape; 3] = [
    Shape {
        name: "host",
        route: |number| {
            let host = format!("host-{number}.example.com");
            (HostPattern::Exact(host.into()), PathPattern::Below("/v1".into()))
        },
        host: "host-#####.example.com:8080",
        path: "/v1/users/7",
    },
    Shape {
        name: "wildcard",
        route: |number| {
            let parent = format!("host-{number}.example.com");
            (HostPattern::Below(parent.into()), PathPattern::Below("/v1".into()))
        },
        host: "a.host-#####.example.com",
        path: "/v1/users/7",
    },
    Shape {
        name: "path",
        route: |number| {
            let parent = format!("/path-{number}/v1");
            (HostPattern::Exact("www.example.com".into()), PathPattern::Below(parent.into()))
        },
        host: "www.example.com",
        path: "/path-#####/v1/users/7",
    },
];

/// So many routes are in use where the others lie idle.
const FEW: usize = 64;
const MANY: usize = 10_000;

/// A round is shorter than the time for which the system lets a program run.
const LOOKUPS: usize = 10_000;
const ROUNDS: usize = 301;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match words.as_slice() {
        [name, routes] => run_alone(name, routes.parse().unwrap_or(1)),
        _ => compare(),
    }
}

/// Nothing but one case, for tools that count what a whole program does.
fn run_alone(name: &str, routes: usize) -> ExitCode {
    let Some(shape) = SHAPES.into_iter().find(|shape| shape.name == name) else {
        println!("wants host, wildcard or path, and how many routes");
        return ExitCode::FAILURE;
    };
    Case::new(shape, routes, routes).pass();
    println!("{LOOKUPS} look-ups by {name} among {routes}");
    ExitCode::SUCCESS
}

fn compare() -> ExitCode {
    let mut groups = SHAPES.map(|shape| {
        [(1, 1), (MANY, FEW), (MANY, MANY)]
            .map(|(routes, requests)| Case::new(shape, routes, requests))
    });
    // Without it this is a run of `cargo test`, which wants to know whether it works and not how fast.
    let rounds = if std::env::args().any(|word| word == "--bench") { ROUNDS } else { 1 };
    for _ in 0..rounds {
        groups.iter_mut().flatten().for_each(Case::measure);
    }
    println!("ns for each look-up, among");
    println!("routes by    1 route   10,000: {FEW} in use   all in use   all in use, cold");
    let mut too_slow = false;
    for group in &mut groups {
        let name = group[0].shape.name;
        let [one, few, all] = group.each_mut().map(|case| nanos(&mut case.warm));
        let cold = nanos(&mut group[2].cold);
        println!("{name:<10} {one:>9.1} {few:>19.1} {all:>12.1} {cold:>18.1}");
        too_slow |= few > 2.0 * one && rounds == ROUNDS;
    }
    println!(
        "memory: {} bytes for each of {} routes by host, for two workers",
        bytes_per_route(),
        10 * MANY
    );
    ExitCode::from(u8::from(too_slow))
}
