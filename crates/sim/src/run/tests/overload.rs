//! What limits do where there is more work than endpoints can do.

use proptest::prelude::*;

use super::*;
use crate::resilience::Resilience;

/// Three endpoints that work on two requests at a time, for 100 ms: 60 a second together. Clients leave after a second.
fn three() -> Scenario {
    Scenario {
        endpoints: EndpointModel::several(3, Some(2)),
        work: Distribution::Fixed(MS * 100),
        load: poisson(48.0, 60),
        timeout: Duration::from_secs(1),
        health: None,
        ..Scenario::default()
    }
}

/// Of those that came in these seconds, how many were answered per second; and the most that ever waited then.
fn goodput(report: &Report, seconds: std::ops::Range<usize>) -> (f64, u64) {
    let length = seconds.len() as f64;
    let points = &report.series.points[seconds.start * 2..seconds.end * 2];
    let answered: u64 = points.iter().map(|point| point.requests - point.errors).sum();
    (answered as f64 / length, points.iter().map(|point| point.waiting).max().unwrap())
}

#[test]
fn at_ten_times_the_load_endpoints_do_what_they_can_if_they_are_limited_and_little_if_not() {
    let surge = with_events(&three(), &["surge x10@20s"]);
    for algorithm in [Algorithm::PeakEwma, Algorithm::RoundRobin, Algorithm::LeastRequest] {
        for seed in 1..=3 {
            let default = Scenario { seed, ..surge.clone() };
            let few = Limits { pending: 30, ..Limits::default() };
            let few = Scenario { limits: few, ..default.clone() };
            let never = Scenario { limits: unlimited(), ..default.clone() };
            let [default, few, never] = [default, few, never]
                .map(|scenario| goodput(&report(&scenario, algorithm), 30..60));
            let said = format!("{algorithm:?} {seed}: {default:?} {few:?} {never:?}");
            assert!(default.0 > 50.0 && few.0 > 50.0 && never.0 < 10.0, "{said}");
            assert!(few.1 < 60 && never.1 > 400, "{said}");
        }
    }
}

#[test]
fn who_finds_all_endpoints_full_waits_for_as_long_and_as_many_as_may() {
    // They come at 50, 100 and 150 ms.
    let one = Scenario {
        endpoints: EndpointModel::several(1, None),
        work: Distribution::Fixed(MS * 110),
        load: Load { requests: 3, ..even(20.0, 1) },
        resilience: Resilience::off(),
        health: None,
        ..Scenario::default()
    };
    let (second, minute) = (MS * 1000, MS * 60_000);
    for (requests, pending, wait, patience, outcome, slowest) in [
        (2, 10, second * 5, minute, [3, 0, 0, 0], 120),
        (1, 10, second * 5, minute, [3, 0, 0, 0], 230),
        (1, 1, second * 5, minute, [2, 1, 0, 0], 170),
        (1, 0, second * 5, minute, [1, 2, 0, 0], 110),
        // Where somebody has waited for a tenth of what each may, the newest comes first.
        (1, 10, MS * 100, minute, [2, 0, 1, 0], 120),
        (1, 10, second * 5, MS * 150, [1, 0, 0, 2], 150),
    ] {
        let limits =
            Limits { requests: Some(requests), pending, pending_wait: wait, ..unlimited() };
        let report =
            report(&Scenario { limits, timeout: patience, ..one.clone() }, Algorithm::LeastRequest);
        let Errors { overloaded, pending_timeout, timed_out, .. } = report.errors;
        let came = [report.answered, overloaded, pending_timeout, timed_out];
        let slowest = MS * slowest;
        assert_eq!((came, report.latency.unwrap().max), (outcome, slowest), "{pending} {wait:?}");
    }
}

#[test]
fn each_balancer_has_limits_of_its_own_whatever_it_hears_of_others() {
    for gossip in [None, Some(MS * 100)] {
        let limits = Limits { requests: Some(3), ..unlimited() };
        let scenario = Scenario { balancers: 2, gossip, limits, ..three() };
        let report = report(&with_events(&scenario, &["surge x10@20s"]), Algorithm::LeastRequest);
        let peaks = report.endpoints.iter().map(|endpoint| endpoint.peak_in_flight);
        assert_eq!(peaks.collect::<Vec<_>>(), [6, 6, 6]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_more_are_at_an_endpoint_and_no_more_wait_than_may(
        (requests, pending, wait) in (1_u32..6, 0_u32..40, 1_u32..3_000),
        (count, slots, algorithm) in (1_usize..5, prop::option::of(1_u32..4), prop::sample::select(&Algorithm::ALL[..])),
        adaptive in prop::sample::select(vec![Adapts::Never, Adapts::InNeed, Adapts::Always]),
        seed in any::<u64>(),
    ) {
        let limits = Limits { requests: Some(requests), pending, pending_wait: MS * wait, adaptive, ..Limits::default() };
        let scenario = Scenario { endpoints: EndpointModel::several(count, slots), limits, seed, ..three() };
        let scenario = with_events(&scenario, &["surge x10@10s..20s", "slow s1@5s..25s=x4", "add s9@15s"]);
        let first = report(&scenario, algorithm);
        prop_assert!(first.endpoints.iter().all(|endpoint| endpoint.peak_in_flight <= requests));
        // And the one that has just come.
        let most = u64::from(requests) * (count as u64 + 1) + u64::from(pending) + 1;
        prop_assert!(first.in_flight.peak <= most, "{} of {most}", first.in_flight.peak);
        prop_assert_eq!(first.answered + first.errors.total(), first.requests);
        prop_assert_eq!(first, report(&scenario, algorithm));
    }
}
