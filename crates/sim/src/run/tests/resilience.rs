//! What the plan's machines against failures do for clients.

use evenkeel_plan::balance::Balancing;
use evenkeel_plan::retry::RetryPolicy;

use super::*;
use crate::resilience::Resilience;

/// Five endpoints with room for all, 500 requests a second of 10 ms each, and no checks, which would see some of it.
fn unchecked(events: &[&str], resilience: Resilience) -> Scenario {
    let calm = Scenario {
        endpoints: EndpointModel::several(5, None),
        work: Distribution::Fixed(MS * 10),
        load: even(500.0, 60),
        health: None,
        resilience,
        ..Scenario::default()
    };
    with_events(&calm, events)
}

fn outlier() -> Resilience {
    Resilience { outlier: Resilience::full().outlier, ..Resilience::off() }
}

fn breaker() -> Resilience {
    Resilience { breaker: Resilience::full().breaker, ..Resilience::off() }
}

fn retry() -> Resilience {
    Resilience { retry: Resilience::full().retry, ..Resilience::off() }
}

/// Requests that ended badly; attempts at the third endpoint within these seconds.
fn damage(report: &Report, seconds: std::ops::Range<usize>) -> (u64, u32) {
    let points = &report.series.points[seconds.start * 2..seconds.end * 2];
    (report.errors.total(), points.iter().map(|point| point.attempts[2]).sum())
}

#[test]
fn where_nothing_fails_nothing_is_done() {
    for algorithm in Algorithm::ALL {
        let without = report(&unchecked(&[], Resilience::off()), algorithm);
        assert_eq!(report(&unchecked(&[], Resilience::full()), algorithm), without);
    }
}

#[test]
fn an_endpoint_that_fails_is_ejected_and_tried_again_later() {
    let failing = unchecked(&["errors s3@10s..30s=100%"], outlier());
    let report = report(&failing, Algorithm::RoundRobin);
    // It is ejected at the next look, at once again when it comes back after ten seconds, and then for twice that time.
    let (errors, attempts) = damage(&report, 12..20);
    assert!((10..=100).contains(&errors), "{errors}");
    assert_eq!((attempts, report.endpoints[2].ejections), (0, 2));
    let (_, ramp) = damage(&report, 41..46);
    assert!((100..=350).contains(&ramp), "it comes back little by little: {ramp}");
    let (_, attempts) = damage(&report, 50..60);
    assert!((990..=1010).contains(&attempts), "{attempts}");
}

#[test]
fn half_of_the_endpoints_is_all_that_is_ejected() {
    // They share a sweep.
    let at_first = unchecked(&["errors s1,s2,s3@10s..12s=100%"], outlier());
    let sum: u64 = report(&at_first, Algorithm::Random).endpoints.iter().map(|e| e.ejections).sum();
    assert_eq!(sum, 2);
}

#[test]
fn a_breaker_opens_sooner_than_a_sweep_comes_and_closes_after_three_trials() {
    let failing = unchecked(&["errors s3@10s..30s=100%"], breaker());
    let report = report(&failing, Algorithm::RoundRobin);
    // 9 of 10 seconds were well when it begins to fail, so half of the window has to pass.
    let (errors, attempts) = damage(&report, 17..24);
    assert!((400..=1_100).contains(&errors), "{errors}");
    assert!(attempts <= 3, "{attempts}");
    let (_, attempts) = damage(&report, 45..55);
    assert!((990..=1010).contains(&attempts), "{attempts}");
}

#[test]
fn what_failed_is_sent_again_as_far_as_the_budget_goes() {
    let few = unchecked(&["errors s3@10s..30s=50%"], retry());
    let report_few = report(&few, Algorithm::RoundRobin);
    // 50 a second of 500; the second attempt goes elsewhere.
    assert_eq!(report_few.errors.total(), 0);
    assert!(report_few.retries.abs_diff(1_000) < 100, "{}", report_few.retries);
    let many = unchecked(&["errors all@10s=100%"], retry());
    let report_many = report(&many, Algorithm::RoundRobin);
    let per_second = report_many.retries as f64 / 50.0;
    assert!((100.0..=125.0).contains(&per_second), "{per_second}");
    let mut once = few;
    once.resilience.retry = Some(RetryPolicy { attempts: 1, ..RetryPolicy::default() });
    let report_once = report(&once, Algorithm::RoundRobin);
    assert_eq!((report_once.retries, report_once.errors.total() > 800), (0, true));
}

#[test]
fn a_wait_before_a_retry_counts_and_may_outlast_the_client() {
    let retry = RetryPolicy { backoff: MS * 200, ..RetryPolicy::default() };
    let resilience = Resilience { retry: Some(retry), ..Resilience::off() };
    let failing = unchecked(&["errors s3@10s..30s=50%"], resilience);
    let slowest = report(&failing, Algorithm::RoundRobin).latency.unwrap().max;
    assert!(slowest > MS * 200 && slowest <= MS * 220, "{slowest:?}");
    let hasty = Scenario { timeout: MS * 100, ..failing };
    let errors = report(&hasty, Algorithm::RoundRobin).errors;
    // Six tenths of the waits are too long.
    assert!(errors.timed_out.abs_diff(600) < 100, "{errors:?}");
    assert_eq!(errors.total(), errors.timed_out);
}

#[test]
fn one_that_freezes_is_suspected_and_what_waits_there_moves_on() {
    let freezes = ["freeze s3@10s..30s"];
    let waits = report(&unchecked(&freezes, Resilience::off()), Algorithm::RoundRobin);
    assert!(waits.latency.unwrap().p99 > Duration::from_secs(1));
    let full = report(&unchecked(&freezes, Resilience::full()), Algorithm::RoundRobin);
    assert_eq!(full.errors.total(), 0);
    assert!(full.latency.unwrap().max < Duration::from_secs(4), "{:?}", full.latency);
    // What moves on has failed, which gets it ejected.
    assert_eq!(damage(&full, 14..21), (0, 0));
    let (_, attempts) = damage(&full, 53..60);
    assert!((690..=710).contains(&attempts), "{attempts}");
}

#[test]
fn a_black_hole_does_little_harm_to_whoever_retries_and_ejects() {
    let hole = |resilience| {
        let scenario = unchecked(&["fast-fail s3@10s..30s"], resilience);
        report(&scenario, Algorithm::LeastRequest).error_share()
    };
    let shares = [Resilience::off(), outlier(), Resilience::full()].map(hole);
    assert!(shares[0] > 0.1 && shares[1] < 0.03 && shares[2] < 0.005, "{shares:?}");
}

#[test]
fn with_all_breakers_open_requests_go_somewhere_all_the_same() {
    let failing = unchecked(&["errors all@10s..30s=100%"], breaker());
    let report = report(&failing, Algorithm::PeakEwma);
    assert_eq!((report.errors.no_endpoint, report.errors.answered), (0, 10_000));
    assert_eq!(report.errors.total(), 10_000);
}

#[test]
fn each_balancer_finds_out_for_itself() {
    let scenario = Scenario {
        balancers: 3,
        balancing: Balancing::default(),
        ..unchecked(&["errors s3@10s..15s=100%"], outlier())
    };
    assert_eq!(report(&scenario, Algorithm::Random).endpoints[2].ejections, 3);
}
