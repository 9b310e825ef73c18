use std::time::Duration;

use evenkeel_plan::balance::Algorithm;

use super::*;
use crate::scenario::Arrivals;
use crate::service::Service;

const MS: Duration = Duration::from_millis(1);

fn model(name: &str, weight: u32, service: Service) -> EndpointModel {
    EndpointModel { name: name.to_owned(), weight, service }
}

/// Two endpoints with a processor each, and a third whose processor is a fifth as fast.
fn two_fast_one_slow(algorithm: Algorithm, seed: u64) -> Scenario {
    Scenario {
        algorithm,
        endpoints: vec![
            model("fast", 1, Service::shared(MS)),
            model("fast too", 1, Service::shared(MS)),
            model("slow", 1, Service::shared(MS * 5)),
        ],
        arrivals: Arrivals::Poisson { mean_gap: MS * 2 },
        requests: 20_000,
        seed,
    }
}

fn answered(report: &Report) -> Vec<u64> {
    report.endpoints.iter().map(|endpoint| endpoint.answered).collect()
}

#[test]
fn round_robin_shares_are_exact_by_weight() {
    let endpoints = [("five", 5), ("three", 3), ("two", 2)];
    let report = run(&Scenario {
        algorithm: Algorithm::RoundRobin,
        endpoints: endpoints
            .map(|(name, weight)| model(name, weight, Service::constant(MS)))
            .into(),
        arrivals: Arrivals::Even { gap: MS },
        requests: 10_000,
        seed: 0,
    });
    assert_eq!(answered(&report), [5_000, 3_000, 2_000]);
}

#[test]
fn least_request_spares_a_slow_endpoint_and_the_clients() {
    let round_robin = run(&two_fast_one_slow(Algorithm::RoundRobin, 1));
    let least_request = run(&two_fast_one_slow(Algorithm::LeastRequest, 1));
    let p99 = |report: &Report| report.latency.unwrap().p99;
    assert!(least_request.endpoints[2].answered < round_robin.endpoints[2].answered);
    assert!(p99(&least_request) < p99(&round_robin), "{least_request:?} {round_robin:?}");
}

#[test]
fn one_seed_gives_one_report_and_another_seed_another() {
    for algorithm in Algorithm::ALL {
        let first = run(&two_fast_one_slow(algorithm, 7));
        assert_eq!(first, run(&two_fast_one_slow(algorithm, 7)), "{algorithm:?}");
        assert_ne!(first, run(&two_fast_one_slow(algorithm, 8)), "{algorithm:?}");
    }
}

#[test]
fn every_request_is_answered_once() {
    for algorithm in Algorithm::ALL {
        let report = run(&two_fast_one_slow(algorithm, 3));
        assert_eq!((report.answered, report.refused), (20_000, 0), "{algorithm:?}");
        assert_eq!(answered(&report).iter().sum::<u64>(), 20_000, "{algorithm:?}");
    }
}

#[test]
fn requests_without_a_usable_endpoint_are_refused_and_counted() {
    let mut scenario = two_fast_one_slow(Algorithm::LeastRequest, 3);
    for endpoint in &mut scenario.endpoints {
        endpoint.weight = 0;
    }
    let report = run(&scenario);
    assert_eq!((report.answered, report.refused, report.latency), (0, 20_000, None));
}

#[test]
fn what_overlaps_is_in_flight_together() {
    let scenario = |requests| Scenario {
        algorithm: Algorithm::RoundRobin,
        endpoints: vec![
            model("long", 1, Service::constant(MS * 100)),
            model("short", 1, Service::constant(MS / 2)),
        ],
        arrivals: Arrivals::Even { gap: MS },
        requests,
        seed: 0,
    };
    // Every other one goes to "long", where it stays for 100 of the gaps: 50 overlap, and the others come and go.
    let report = run(&scenario(1_000));
    let peaks: Vec<u32> = report.endpoints.iter().map(|endpoint| endpoint.peak_in_flight).collect();
    assert_eq!((peaks, report.peak_in_flight), (vec![50, 1], 51));
    assert_eq!(report.endpoints[0].latency.unwrap().p50, MS * 100);
    assert_eq!(report.endpoints[1].latency.unwrap().max, MS / 2);
    // The last to finish is the last but one to arrive: after 998 gaps, and 100 ms of work.
    assert_eq!(report.end, Time::START.after(MS * 1_098));
    assert_eq!(run(&scenario(0)).end, Time::START);
}
