use std::time::Duration;

use evenkeel_plan::overload::{Adapts, Limits};

use super::*;
use crate::distribution::Distribution;
use crate::load::{Arrivals, Load};
use crate::report::Errors;
use crate::scenario::{Cache, EndpointModel};

mod accounting;
mod effects;
mod overload;
mod papers;
mod resilience;
mod theory;

const MS: Duration = Duration::from_millis(1);

/// `seconds` of `rps` requests a second, evenly spaced.
fn even(rps: f64, seconds: u64) -> Load {
    Load {
        arrivals: Arrivals::Constant,
        rps,
        duration: Duration::from_secs(seconds),
        ..Load::default()
    }
}

/// What an endpoint gets that nobody limits: there is no theory of those that are.
fn unlimited() -> Limits {
    Limits { adaptive: Adapts::Never, ..Limits::default() }
}

fn poisson(rps: f64, seconds: u64) -> Load {
    Load { arrivals: Arrivals::Poisson, ..even(rps, seconds) }
}

fn report(scenario: &Scenario, algorithm: Algorithm) -> Report {
    run(scenario, algorithm, &mut |_| {}).unwrap()
}

fn with_events(scenario: &Scenario, events: &[&str]) -> Scenario {
    let events = events.iter().map(|text| text.parse().unwrap()).collect();
    Scenario { events, ..scenario.clone() }
}

#[test]
fn round_robin_shares_are_exact_by_weight() {
    let weigh = |(name, weight)| EndpointModel { weight, ..EndpointModel::new(name, None) };
    let report = report(
        &Scenario {
            endpoints: [("five", 5), ("three", 3), ("two", 2)].map(weigh).into(),
            load: Load { requests: 10_000, ..even(1000.0, 20) },
            ..Scenario::default()
        },
        Algorithm::RoundRobin,
    );
    let answered: Vec<u64> = report.endpoints.iter().map(|endpoint| endpoint.answered).collect();
    assert_eq!(answered, [5_000, 3_000, 2_000]);
    assert!((report.endpoints[0].share - 0.5).abs() < 1e-9);
}

#[test]
fn least_request_spares_a_slow_endpoint_and_the_clients() {
    let mut endpoints = EndpointModel::several(3, Some(1));
    endpoints[2].speed = 0.2;
    let scenario = Scenario { endpoints, load: poisson(150.0, 60), ..Scenario::default() };
    let round_robin = report(&scenario, Algorithm::RoundRobin);
    let least_request = report(&scenario, Algorithm::LeastRequest);
    let p99 = |report: &Report| report.latency.unwrap().p99;
    assert!(least_request.endpoints[2].answered < round_robin.endpoints[2].answered / 2);
    assert!(p99(&least_request) < p99(&round_robin) / 2, "{least_request:?} {round_robin:?}");
}

#[test]
fn one_seed_gives_one_report_and_another_seed_another() {
    let events = ["slow s1@2s..4s=x8", "kill s2@3s", "errors all@1s..5s=10%", "add s6@4s"];
    let scenario = Scenario {
        balancers: 2,
        gossip: Some(MS * 50),
        load: poisson(300.0, 8),
        ..Scenario::default()
    };
    let scenario = with_events(&scenario, &events);
    let other = Scenario { seed: 2, ..scenario.clone() };
    for algorithm in Algorithm::ALL {
        let first = report(&scenario, algorithm);
        assert_eq!(first, report(&scenario, algorithm), "{algorithm:?}");
        assert_ne!(first, report(&other, algorithm), "{algorithm:?}");
    }
}

#[test]
fn every_algorithm_meets_the_same_requests() {
    // With room for all, a request takes as long as its work, wherever it goes.
    let scenario = Scenario {
        endpoints: EndpointModel::several(4, None),
        load: poisson(1000.0, 10),
        ..Scenario::default()
    };
    let latencies = Algorithm::ALL.map(|algorithm| report(&scenario, algorithm).latency);
    assert!(latencies.iter().all(|latency| *latency == latencies[0] && latency.is_some()));
}

#[test]
fn what_overlaps_is_in_flight_together() {
    let mut endpoints = EndpointModel::several(2, None);
    endpoints[1].speed = 200.0;
    let scenario = Scenario {
        endpoints,
        work: Distribution::Fixed(MS * 100),
        load: even(1000.0, 1),
        ..Scenario::default()
    };
    // Every other one goes to the slow one, where it stays for 100 of the gaps: 50 overlap, and the others come and go.
    let report = report(&scenario, Algorithm::RoundRobin);
    let peaks: Vec<u32> = report.endpoints.iter().map(|endpoint| endpoint.peak_in_flight).collect();
    assert_eq!((peaks, report.in_flight.peak), (vec![50, 1], 51));
    assert_eq!(report.endpoints[0].latency.unwrap().p50, MS * 100);
    assert_eq!(report.endpoints[1].latency.unwrap().max, MS / 2);
}

#[test]
fn progress_rises_to_one() {
    let mut told = Vec::new();
    run(&Scenario::default(), Algorithm::Random, &mut |done| told.push(done)).unwrap();
    assert!(told.len() > 100 && told.is_sorted() && told.last() == Some(&1.0));
}

#[test]
fn bad_scenarios_are_refused_and_not_run() {
    let good = Scenario::default();
    let bad = [
        (Scenario { endpoints: Vec::new(), ..good.clone() }, "1 to 10000 endpoints"),
        (Scenario { endpoints: EndpointModel::several(2, Some(0)), ..good.clone() }, "no slot"),
        (Scenario { load: Load { rps: f64::NAN, ..Load::default() }, ..good.clone() }, "a rate is"),
        (Scenario { load: even(1.0, 0), ..good.clone() }, "more than no time"),
        (Scenario { balancers: 0, ..good.clone() }, "1 to 1000 balancers"),
        (Scenario { points: 0, ..good.clone() }, "1 to 600 points"),
        (Scenario { points: 601, ..good.clone() }, "1 to 600 points"),
        (Scenario { timeout: Duration::ZERO, ..good.clone() }, "patience is from 1ms"),
        (Scenario { gossip: Some(Duration::ZERO), ..good.clone() }, "gossip is from 1ms"),
        (Scenario { load: even(1e9, 60), ..good.clone() }, "lower the rate"),
        (Scenario { cache: Some(Cache { keys: u32::MAX, miss: 2.0 }), ..good }, "room for 1 to"),
    ];
    for (scenario, said) in bad {
        let mistake = run(&scenario, Algorithm::Random, &mut |_| {}).unwrap_err().to_string();
        assert!(mistake.contains(said), "{mistake}");
    }
}
