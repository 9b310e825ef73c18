//! Published experiments, and what an algorithm that looks at latency must not do to endpoints that are well.

use super::*;

/// The experiment of 'Beyond Round Robin' (Buoyant 2016): eleven servers that answer in 167 ms, 1000 requests a second for a
/// minute, and half a minute in which one of them takes 2 s. The share of requests that are answered within a second.
fn answered_within_a_second(algorithm: Algorithm) -> f64 {
    let scenario = Scenario {
        endpoints: EndpointModel::several(11, None),
        load: poisson(1000.0, 60),
        work: Distribution::Normal { mean: MS * 167, deviation: MS * 5 },
        ..Scenario::default()
    };
    let report = report(&with_events(&scenario, &["slow s4@15s..45s=x12"]), algorithm);
    let slow: u32 = report.series.points[30..90].iter().map(|point| point.attempts[3]).sum();
    1.0 - f64::from(slow) / report.requests as f64
}

#[test]
fn beyond_round_robin_is_where_buoyant_found_it() {
    let table = [
        (Algorithm::RoundRobin, 0.950..0.958),
        (Algorithm::LeastRequest, 0.990..0.997),
        (Algorithm::TwoChoices, 0.990..0.997),
        (Algorithm::PeakEwma, 0.999..1.0),
    ];
    for (algorithm, published) in table {
        let share = answered_within_a_second(algorithm);
        assert!(published.contains(&share), "{algorithm:?} {share}");
    }
}

/// Five endpoints for work of 10 ms, at so many requests a second for a minute.
fn five(slots: u32, rps: f64, seed: u64) -> Scenario {
    Scenario {
        endpoints: EndpointModel::several(5, Some(slots)),
        load: poisson(rps, 60),
        seed,
        ..Scenario::default()
    }
}

/// From nearly idle to nearly all that they can do. With even less to do, one slow answer in ten seconds is enough to tell
/// equals apart, which costs nobody anything.
const LOADS: [(u32, f64); 4] = [(10, 100.0), (10, 400.0), (1, 450.0), (10, 4_000.0)];

#[test]
fn peak_ewma_leaves_none_of_equal_endpoints_without_work() {
    for (slots, rps) in LOADS {
        for seed in 1..=3 {
            let report = report(&five(slots, rps, seed), Algorithm::PeakEwma);
            let least = report.endpoints.iter().map(|endpoint| endpoint.share).fold(1.0, f64::min);
            assert!(least > 0.8 / 5.0, "{slots} {rps} {seed}: {least}");
        }
    }
}

#[test]
fn peak_ewma_gives_one_that_has_recovered_its_share_again() {
    for (slots, rps) in LOADS {
        for event in ["slow s1@10s..20s=x20", "slow s1@10s..20s=x100", "freeze s1@10s..12s"] {
            let report = report(&with_events(&five(slots, rps, 1), &[event]), Algorithm::PeakEwma);
            let recovered = report.afflictions[0].recovered.unwrap();
            assert!(recovered < Duration::from_secs(20), "{slots} {rps} {event}: {recovered:?}");
        }
    }
}

#[test]
fn peak_ewma_gives_one_that_is_twenty_times_as_slow_next_to_nothing() {
    for (slots, rps) in [(10, 400.0), (10, 4_000.0), (100, 4_000.0)] {
        let mut scenario = five(slots, rps, 1);
        scenario.endpoints[0].speed = 0.05;
        let share = report(&scenario, Algorithm::PeakEwma).endpoints[0].share;
        assert!(share < 0.01, "{slots} {rps}: {share}");
    }
}

/// After 'Load is not what you should balance' (NSDI '24): a hundred balancers that know nothing of each other, and a hundred
/// endpoints, half of them half as fast.
fn hundred_balancers(share: f64, algorithm: Algorithm) -> Duration {
    let mut endpoints = EndpointModel::several(100, Some(8));
    endpoints.iter_mut().step_by(2).for_each(|endpoint| endpoint.speed = 0.5);
    let scenario = Scenario {
        endpoints,
        load: poisson(share * 7_500.0, 15),
        work: Distribution::Normal { mean: MS * 80, deviation: MS * 80 },
        balancers: 100,
        timeout: Duration::from_secs(5),
        health: None,
        ..Scenario::default()
    };
    report(&scenario, algorithm).latency.unwrap().p99
}

#[test]
fn the_order_of_prequals_tables_is_met() {
    use Algorithm::{PeakEwma, Prequal, RoundRobin, TwoChoices};
    for share in [0.7, 0.9] {
        let order = [Prequal, PeakEwma, TwoChoices, RoundRobin];
        let p99 = order.map(|algorithm| hundred_balancers(share, algorithm));
        assert!(p99.is_sorted(), "{share} {p99:?}");
        assert!(p99[0] * 3 < p99[2] * 2, "{share} {p99:?}");
    }
}

#[test]
fn prequal_does_not_wait_for_answers_of_one_that_hangs() {
    for event in ["freeze s1@10s..20s", "kill s1@10s..20s"] {
        let report = report(&with_events(&five(10, 400.0, 1), &[event]), Algorithm::Prequal);
        let affliction = &report.afflictions[0];
        assert!(affliction.share_during < 0.05, "{event} {affliction:?}");
        assert!(affliction.recovered.unwrap() < Duration::from_secs(8), "{event} {affliction:?}");
    }
}
