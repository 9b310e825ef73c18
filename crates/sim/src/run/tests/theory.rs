//! The engine against queueing theory: where a closed formula exists, it is met.

use super::*;
use crate::report::Point;

/// One endpoint with so many slots, for work of 10 ms on average at a share of what it can do; the mean time, in works.
fn mean(slots: u32, share: f64, work: &str, requests: u64) -> f64 {
    let rps = share * f64::from(slots) * 100.0;
    let scenario = Scenario {
        endpoints: EndpointModel::several(1, Some(slots)),
        load: Load { requests, ..poisson(rps, 10_000_000) },
        work: work.parse().unwrap(),
        health: None,
        limits: unlimited(),
        ..Scenario::default()
    };
    report(&scenario, Algorithm::RoundRobin).latency.unwrap().mean.as_secs_f64() / 0.01
}

#[track_caller]
fn assert_near(measured: f64, theory: f64, tolerance: f64) {
    let off = (measured / theory - 1.0).abs();
    assert!(off < tolerance, "{measured} where theory says {theory}");
}

#[test]
fn one_slot_is_a_queue_by_erlang_or_by_pollaczek_and_khinchin() {
    assert_near(mean(1, 0.5, "exp:10ms", 300_000), 2.0, 0.02);
    assert_near(mean(1, 0.8, "exp:10ms", 600_000), 5.0, 0.05);
    // M/D/1: half the wait.
    assert_near(mean(1, 0.8, "fixed:10ms", 300_000), 3.0, 0.05);
}

#[test]
fn ten_slots_wait_as_erlang_c_says() {
    assert_near(mean(10, 0.9, "exp:10ms", 600_000), 1.6687, 0.03);
    assert_near(mean(10, 0.7, "exp:10ms", 300_000), 1.0739, 0.02);
}

/// A share of what `count` endpoints with a slot each can do.
fn slots(count: u32, share: f64, requests: u64) -> Scenario {
    let rps = f64::from(count) * 100.0 * share;
    Scenario {
        endpoints: EndpointModel::several(count as usize, Some(1)),
        load: Load { requests, ..poisson(rps, (requests as f64 / rps) as u64) },
        health: None,
        limits: unlimited(),
        ..Scenario::default()
    }
}

/// The mean time, in works, of those who came after the first tenth of the time: queues begin empty, which theory does not.
fn settled_mean(report: &Report) -> f64 {
    let points = &report.series.points[report.series.points.len() / 10..];
    let requests: u64 = points.iter().map(|point| point.requests).sum();
    let time = |point: &Point| point.mean.unwrap().as_secs_f64() * point.requests as f64;
    points.iter().map(time).sum::<f64>() / requests as f64 / 0.01
}

#[test]
fn two_choices_among_a_hundred_are_worth_what_mitzenmacher_says() {
    // The limits for many queues ('The power of two choices in randomized load balancing', 1996): a hundred are a little worse.
    let table = [
        (0.9, Algorithm::Random, 10.0, 0.05),
        (0.9, Algorithm::TwoChoices, 2.6141, 0.05),
        (0.95, Algorithm::Random, 20.0, 0.1),
        (0.95, Algorithm::TwoChoices, 3.3830, 0.1),
    ];
    for (share, algorithm, theory, tolerance) in table {
        let report = report(&slots(100, share, 1_000_000), algorithm);
        assert_near(settled_mean(&report), theory, tolerance);
        assert_near(report.utilisation.unwrap(), share, 0.01);
    }
}

#[test]
fn least_request_is_between_two_choices_and_one_common_queue() {
    let report = report(&slots(10, 0.9, 300_000), Algorithm::LeastRequest);
    let mean = report.latency.unwrap().mean.as_secs_f64() / 0.01;
    // M/M/10, and the limit of two choices (Mitzenmacher 1996).
    assert!((1.6687..2.6141).contains(&mean), "{mean}");
}

#[test]
fn in_flight_is_the_rate_times_the_time_as_little_says() {
    // By hash some endpoint gets more than it can do.
    for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| !algorithm.hashes()) {
        let scenario = slots(10, 0.9, 100_000);
        let report = report(&scenario, algorithm);
        let rate = report.requests as f64 / scenario.load.duration.as_secs_f64();
        assert_near(report.in_flight.mean, rate * report.latency.unwrap().mean.as_secs_f64(), 0.01);
    }
}
