//! How fast the simulator is: a million requests over a hundred endpoints, under each algorithm.
//!
//! `cargo run --release -p evenkeel-sim --example speed`

use std::time::{Duration, Instant};

use evenkeel_plan::balance::Algorithm;
use evenkeel_sim::{EndpointModel, Load, Scenario, run};

#[expect(clippy::print_stdout, reason = "it is there to print")]
fn main() -> Result<(), evenkeel_sim::Mistake> {
    let scenario = Scenario {
        endpoints: EndpointModel::several(100, Some(1)),
        load: Load {
            rps: 9_000.0,
            duration: Duration::from_secs(120),
            requests: 1_000_000,
            ..Load::default()
        },
        ..Scenario::default()
    };
    for algorithm in Algorithm::ALL {
        let started = Instant::now();
        let report = run(&scenario, algorithm, &mut |_| {})?;
        let mean = report.latency.map(|latency| latency.mean).unwrap_or_default();
        println!(
            "{:<14} {:>8.3} s for {} requests; they took {:.1} ms on average",
            algorithm.name(),
            started.elapsed().as_secs_f64(),
            report.requests,
            mean.as_secs_f64() * 1e3,
        );
    }
    Ok(())
}
