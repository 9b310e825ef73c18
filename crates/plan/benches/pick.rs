//! What it costs to choose an endpoint, among ten and among ten thousand: `cargo bench -p evenkeel-plan --bench pick`.
//!
//! `cargo bench -p evenkeel-plan --bench pick -- peak-ewma 10` does nothing but pick by one algorithm, under callgrind for example.
//!
//! All cases take turns in each round, so that a noisy moment falls on all of them; medians are shown.

#![allow(clippy::print_stdout, reason = "it prints a table")]

use std::collections::VecDeque;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use evenkeel_plan::Endpoint;
use evenkeel_plan::balance::hash::stable::mix;
use evenkeel_plan::balance::{Algorithm, Balancer, Balancing, Load, Pick, Tried, WorkerState};
use evenkeel_plan::endpoint::{Life, LongLease};
use evenkeel_plan::time::Time;
use evenkeel_plan::vitals::Heard;

/// One algorithm at work for one worker.
struct Case {
    algorithm: Algorithm,
    balancer: Balancer,
    endpoints: Vec<Endpoint>,
    state: WorkerState,
    /// What is in flight, the oldest first.
    leases: VecDeque<LongLease>,
    number: u64,
    rounds: Vec<Duration>,
}

impl Case {
    fn new(algorithm: Algorithm, count: u32, weights: Weights) -> Self {
        let cluster = Arc::default();
        let endpoint = |number: u32| Endpoint {
            weight: if weights == Weights::Even { 1 } else { 1 + number % 5 },
            ..Endpoint::new(
                &format!("10.0.0.{number}:80"),
                Some(([10, 0, 0, 1], 80).into()),
                Life::new(1, &cluster),
            )
        };
        let endpoints: Vec<Endpoint> = (0..count).map(endpoint).collect();
        let balancer = Balancer::new(Balancing { algorithm, ..Balancing::default() }, &endpoints);
        let state = balancer.worker_state(0, &endpoints);
        let mut case = Self {
            algorithm,
            balancer,
            endpoints,
            state,
            leases: VecDeque::new(),
            number: 0,
            rounds: Vec::new(),
        };
        // Everybody has answered once, and the roster is there.
        for position in 0..count as usize {
            let life = Arc::clone(&case.endpoints[position].life);
            let mut lease = LongLease::new(life);
            lease.ask(Time::START);
            lease.hear(Heard::Answer, Time::START.after(LATENCY));
        }
        case.round();
        case.rounds.clear();
        case
    }

    /// Picks only; between two blocks of them what was picked begins, and what began before is answered.
    fn round(&mut self) {
        let mut took = Duration::ZERO;
        for _ in 0..BLOCKS {
            let mut chosen = [0; BLOCK];
            let began = Instant::now();
            for place in &mut chosen {
                *place = self.pick();
            }
            took += began.elapsed();
            for position in black_box(chosen) {
                self.begin(position);
            }
        }
        self.rounds.push(took);
    }

    fn now(&self) -> Time {
        Time::START.after(LATENCY * 2 + Duration::from_micros(10) * self.number as u32)
    }

    fn pick(&mut self) -> usize {
        self.number += 1;
        let random = mix(7, self.number);
        let tried = Tried::default();
        let request = Pick {
            endpoints: &self.endpoints,
            tried: &tried,
            now: self.now(),
            random,
            key: Some(random),
            session: None,
        };
        self.balancer.pick(&mut self.state, black_box(&request)).map_or(0, |choice| choice.position)
    }

    fn begin(&mut self, position: usize) {
        let now = self.now();
        let mut lease = LongLease::new(Arc::clone(&self.endpoints[position].life));
        lease.ask(now);
        self.leases.push_back(lease);
        if self.leases.len() > IN_FLIGHT
            && let Some(mut oldest) = self.leases.pop_front()
        {
            oldest.hear(Heard::Answer, now);
        }
        while let Some(position) = self.state.next_probe() {
            let in_flight = self.endpoints[position].life.vitals.in_flight();
            self.state.probed(position, Some(Load { in_flight, latency: LATENCY }), now);
        }
    }

    /// In nanoseconds for each pick.
    fn median(&mut self) -> f64 {
        self.rounds.sort();
        self.rounds[self.rounds.len() / 2].as_nanos() as f64 / (BLOCKS * BLOCK) as f64
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Weights {
    Even,
    Uneven,
}

const LATENCY: Duration = Duration::from_millis(2);
const IN_FLIGHT: usize = 8;
/// Long enough that the clock does not count, and short enough that what is in flight changes about as it does at work.
const BLOCK: usize = 16;
const BLOCKS: usize = 125;
const ROUNDS: usize = 101;
const FEW: u32 = 10;
const MANY: u32 = 10_000;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match words.as_slice() {
        [name, count] => run_alone(name, count.parse().unwrap_or(FEW)),
        _ => compare(),
    }
}

/// Nothing but one case, for tools that count what a whole program does.
fn run_alone(name: &str, count: u32) -> ExitCode {
    let Some(algorithm) = Algorithm::from_name(name) else {
        println!("wants an algorithm, and how many endpoints");
        return ExitCode::FAILURE;
    };
    let mut case = Case::new(algorithm, count, Weights::Even);
    for _ in 0..10 {
        case.round();
    }
    println!("{} picks by {name} among {count}", 11 * BLOCKS * BLOCK);
    ExitCode::SUCCESS
}

fn compare() -> ExitCode {
    let columns = [
        (FEW, Weights::Even, FEW_NANOS_MAX),
        (FEW, Weights::Uneven, FEW_NANOS_MAX),
        (MANY, Weights::Even, MANY_NANOS_MAX),
        (MANY, Weights::Uneven, MANY_NANOS_MAX),
    ];
    let mut rows = Algorithm::ALL
        .map(|algorithm| columns.map(|(count, weights, _)| Case::new(algorithm, count, weights)));
    // Without it this is a run of `cargo test`, which wants to know whether it works and not how fast.
    let rounds = if std::env::args().any(|word| word == "--bench") { ROUNDS } else { 1 };
    for _ in 0..rounds {
        for case in rows.iter_mut().flatten() {
            // The others have filled the caches with what is theirs.
            case.round();
            case.rounds.pop();
            case.round();
        }
    }
    println!("ns for each pick           10   10, weighted   10,000   10,000, weighted");
    let mut too_slow = false;
    for row in &mut rows {
        let algorithm = row[0].algorithm;
        let [few, uneven_few, many, uneven_many] = row.each_mut().map(Case::median);
        let name = algorithm.name();
        println!("{name:<15} {few:>13.0} {uneven_few:>14.0} {many:>8.0} {uneven_many:>18.0}");
        let slow = |nanos: f64, bound: f64| nanos > bound && rounds == ROUNDS;
        // It looks at every endpoint: that is what it is.
        let excepted = algorithm == Algorithm::Rendezvous;
        too_slow |= !excepted && slow(few.max(uneven_few), FEW_NANOS_MAX);
        too_slow |= !excepted && slow(many.max(uneven_many), MANY_NANOS_MAX);
    }
    if too_slow { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What a pick may cost.
const FEW_NANOS_MAX: f64 = 100.0;
const MANY_NANOS_MAX: f64 = 300.0;
