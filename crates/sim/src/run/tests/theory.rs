//! The engine against queueing theory: where a closed formula exists, it is met.

use super::*;

/// One endpoint with so many slots, for work of 10 ms on average at a share of what it can do; the mean time, in works.
fn mean(slots: u32, share: f64, work: &str, requests: u64) -> f64 {
    let rps = share * f64::from(slots) * 100.0;
    let scenario = Scenario {
        endpoints: EndpointModel::several(1, Some(slots)),
        load: Load { requests, ..poisson(rps, 10_000_000) },
        work: work.parse().unwrap(),
        health: None,
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

/// 0.9 of what `count` endpoints with a slot each can do.
fn nine_tenths(count: u32, requests: u64) -> Scenario {
    Scenario {
        endpoints: EndpointModel::several(count as usize, Some(1)),
        load: Load {
            requests,
            ..poisson(f64::from(count) * 90.0, requests / u64::from(count * 90))
        },
        health: None,
        ..Scenario::default()
    }
}

#[test]
fn random_choice_makes_a_hundred_independent_queues() {
    let report = report(&nine_tenths(100, 1_000_000), Algorithm::Random);
    assert_near(report.latency.unwrap().mean.as_secs_f64() / 0.01, 10.0, 0.05);
    assert_near(report.utilisation.unwrap(), 0.9, 0.01);
}

#[test]
fn least_request_is_between_two_choices_and_one_common_queue() {
    let report = report(&nine_tenths(10, 300_000), Algorithm::LeastRequest);
    let mean = report.latency.unwrap().mean.as_secs_f64() / 0.01;
    // M/M/10, and the limit of two choices (Mitzenmacher 1996).
    assert!((1.6687..2.6141).contains(&mean), "{mean}");
}

#[test]
fn in_flight_is_the_rate_times_the_time_as_little_says() {
    // By hash some endpoint gets more than it can do.
    for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| !algorithm.hashes()) {
        let scenario = nine_tenths(10, 100_000);
        let report = report(&scenario, algorithm);
        let rate = report.requests as f64 / scenario.load.duration.as_secs_f64();
        assert_near(report.in_flight.mean, rate * report.latency.unwrap().mean.as_secs_f64(), 0.01);
    }
}
