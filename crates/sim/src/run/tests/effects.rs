//! What each event does.

use std::ops::Range;

use evenkeel_plan::balance::hash::HashKey;
use evenkeel_plan::balance::{Balancing, Eligibility, Sticky};

use super::*;
use crate::report::{AfflictionReport, Point};
use crate::resilience::Resilience;

/// Five endpoints with room for all, 100 requests a second of 10 ms each; a minute, so that a point is half a second.
fn calm() -> Scenario {
    Scenario {
        endpoints: EndpointModel::several(5, None),
        work: Distribution::Fixed(MS * 10),
        load: even(100.0, 60),
        resilience: Resilience::off(),
        limits: unlimited(),
        ..Scenario::default()
    }
}

fn of(events: &[&str], algorithm: Algorithm) -> Report {
    report(&with_events(&calm(), events), algorithm)
}

/// The points of these seconds.
fn points(report: &Report, seconds: Range<usize>) -> &[Point] {
    &report.series.points[seconds.start * 2..seconds.end * 2]
}

fn chosen(report: &Report, endpoint: usize, seconds: Range<usize>) -> u32 {
    points(report, seconds).iter().map(|point| point.attempts[endpoint]).sum()
}

fn errors(report: &Report, seconds: Range<usize>) -> u64 {
    points(report, seconds).iter().map(|point| point.errors).sum()
}

fn slowest(report: &Report, seconds: Range<usize>) -> Duration {
    points(report, seconds).iter().filter_map(|point| point.p99).max().unwrap()
}

fn affliction(report: &Report) -> &AfflictionReport {
    &report.afflictions[0]
}

#[test]
fn without_events_nothing_happens() {
    let report = of(&[], Algorithm::RoundRobin);
    assert_eq!((report.requests, report.answered, report.retries), (5_999, 5_999, 0));
    assert_eq!((report.errors.total(), report.latency.unwrap().max), (0, MS * 10));
    assert!(report.afflictions.is_empty());
}

#[test]
fn slow_multiplies_the_time_of_work_that_begins() {
    let report = of(&["slow s2@10s..20s=x8"], Algorithm::RoundRobin);
    assert_eq!(slowest(&report, 0..9), MS * 10);
    assert_eq!(slowest(&report, 11..19), MS * 80);
    assert_eq!(slowest(&report, 21..60), MS * 10);
    // Round-robin goes on as before.
    assert_eq!((affliction(&report).noticed, affliction(&report).share_during), (None, 0.2));
    assert_eq!(affliction(&report).recovered, Some(Duration::ZERO));
}

#[test]
fn least_request_notices_a_slow_endpoint_soon_and_its_end_as_well() {
    let busy = Scenario { load: even(2_000.0, 60), ..calm() };
    let report = report(&with_events(&busy, &["slow s2@10s..20s=x8"]), Algorithm::LeastRequest);
    let AfflictionReport { noticed, recovered, share_during, .. } = affliction(&report);
    assert!(
        noticed.unwrap() < Duration::from_secs(1) && recovered.unwrap() < Duration::from_secs(1)
    );
    assert!(*share_during < 0.06, "{share_during}");
}

#[test]
fn slow_multiplies_what_is_left_of_running_work() {
    let one = Scenario {
        endpoints: EndpointModel::several(1, None),
        work: Distribution::Fixed(Duration::from_secs(10)),
        load: Load { requests: 1, ..even(1.0, 60) },
        ..calm()
    };
    // It comes at 1 s. 4 s are done by 5 s; of the 6 s left one is done by 8 s, at a third of the speed; 5 s are left.
    let slow = with_events(&one, &["slow s1@5s..8s=x3"]);
    assert_eq!(report(&slow, Algorithm::Random).latency.unwrap().max, Duration::from_secs(12));
    let frozen = with_events(&one, &["freeze s1@5s..8s"]);
    assert_eq!(report(&frozen, Algorithm::Random).latency.unwrap().max, Duration::from_secs(13));
}

#[test]
fn a_dead_endpoint_refuses_is_avoided_and_noticed_by_the_checks() {
    let report = of(&["kill s4@15s", "revive s4@30s"], Algorithm::RoundRobin);
    // At 15 s, 10 ms after the last, s4 may have been at work on one request at most.
    assert!(report.errors.lost <= 1 && report.errors.total() == report.errors.lost);
    // It is tried once a second until the third failed check.
    assert!((1..=8).contains(&report.retries), "{}", report.retries);
    assert_eq!((chosen(&report, 3, 23..30), errors(&report, 16..60)), (0, 0));
    assert_eq!(affliction(&report).noticed, Some(Duration::ZERO));
    let recovered = affliction(&report).recovered.unwrap();
    assert!((Duration::from_secs(1)..Duration::from_secs(6)).contains(&recovered), "{recovered:?}");
    assert!(chosen(&report, 3, 40..50) == 200);
}

#[test]
fn what_a_dying_endpoint_works_on_is_lost_or_sent_again() {
    let long = Scenario { work: Distribution::Fixed(Duration::from_secs(1)), ..calm() };
    let long = with_events(&long, &["kill s4@15s"]);
    let lost = report(&long, Algorithm::RoundRobin);
    assert_eq!((lost.errors.lost, lost.errors.total()), (20, 20));
    let resilience = Resilience { retry: Resilience::full().retry, ..Resilience::off() };
    let saved = report(&Scenario { resilience, ..long }, Algorithm::RoundRobin);
    assert_eq!((saved.errors.total(), saved.answered), (0, saved.requests));
    // The second try starts anew.
    assert!(saved.latency.unwrap().max > Duration::from_millis(1900));
}

#[test]
fn when_everybody_is_dead_all_are_tried_unless_there_is_no_panic() {
    let kill = with_events(&calm(), &["kill all@10s"]);
    let refused = report(&kill, Algorithm::LeastRequest).errors;
    assert!(refused.refused > 4_000 && refused.no_endpoint == 0, "{refused:?}");
    let eligibility = Eligibility { panic_below: 0.0, ..Eligibility::default() };
    let balancing = Balancing { eligibility, ..Balancing::default() };
    let calm = report(&Scenario { balancing, ..kill }, Algorithm::LeastRequest).errors;
    assert!(calm.refused > 100 && calm.no_endpoint > 4_000, "{calm:?}");
}

#[test]
fn a_frozen_endpoint_holds_its_requests_until_the_checks_notice_or_clients_give_up() {
    let patient = of(&["freeze s3@10s..20s"], Algorithm::RoundRobin);
    assert_eq!(patient.errors.total(), 0);
    assert!(patient.latency.unwrap().max > Duration::from_secs(9));
    assert_eq!(chosen(&patient, 2, 19..20), 0);
    let scenario = Scenario { timeout: Duration::from_secs(2), ..calm() };
    let hasty = report(&with_events(&scenario, &["freeze s3@10s..20s"]), Algorithm::RoundRobin);
    assert!(hasty.errors.timed_out > 50 && hasty.errors.total() == hasty.errors.timed_out);
    assert_eq!(hasty.latency.unwrap().max, Duration::from_secs(2));
    // A kernel accepts for a process that hangs.
    let tcp = Scenario { health: Some(evenkeel_plan::health::HealthCheck::default()), ..scenario };
    let tcp = report(&with_events(&tcp, &["freeze s3@10s..20s"]), Algorithm::RoundRobin);
    assert_eq!(chosen(&tcp, 2, 19..20), 20);
}

#[test]
fn errors_are_of_the_share_that_was_asked_for() {
    let report = of(&["errors s1@10s..20s=20%", "errors s2@10s..20s=100%"], Algorithm::RoundRobin);
    assert_eq!(report.errors.total(), report.errors.answered);
    let failures: Vec<u64> = report.endpoints.iter().map(|endpoint| endpoint.failures).collect();
    assert!((25..55).contains(&failures[0]) && (199..=201).contains(&failures[1]), "{failures:?}");
    assert_eq!(failures[2..], [0, 0, 0]);
    let resilience = Resilience { retry: Resilience::full().retry, ..Resilience::off() };
    let again = Scenario { resilience, ..calm() };
    let again = with_events(&again, &["errors s2@10s..20s=100%"]);
    let again = super::report(&again, Algorithm::RoundRobin);
    assert_eq!((again.errors.total(), again.retries), (0, again.endpoints[1].failures));
}

#[test]
fn one_that_flaps_comes_back_each_time() {
    let scenario = Scenario { health: None, ..calm() };
    let report = report(&with_events(&scenario, &["flap s2@10s..40s=10s"]), Algorithm::RoundRobin);
    // Every second one request finds it dead.
    assert!(chosen(&report, 1, 11..15) <= 5, "{}", chosen(&report, 1, 11..15));
    assert_eq!(chosen(&report, 1, 17..20), 60);
    assert!(chosen(&report, 1, 21..25) <= 5);
}

#[test]
fn endpoints_that_come_take_their_share_and_those_that_go_finish() {
    let report = of(&["add s6@20s", "remove s1@20s"], Algorithm::RoundRobin);
    assert_eq!((chosen(&report, 5, 0..20), chosen(&report, 5, 30..40)), (0, 200));
    assert_eq!((chosen(&report, 0, 10..20), chosen(&report, 0, 21..60)), (200, 0));
    assert_eq!((report.endpoints[5].name.as_str(), report.errors.total()), ("s6", 0));
}

#[test]
fn a_black_hole_draws_those_who_look_for_the_idle() {
    let busy = Scenario { load: even(2_000.0, 60), ..calm() };
    let busy = with_events(&busy, &["fast-fail s3@10s..20s"]);
    let share = |algorithm| affliction(&report(&busy, algorithm)).share_during;
    assert!((share(Algorithm::RoundRobin) - 0.2).abs() < 0.01);
    assert!(share(Algorithm::LeastRequest) > 0.4, "{}", share(Algorithm::LeastRequest));
    let report = report(&busy, Algorithm::RoundRobin);
    assert_eq!(report.errors.total(), report.errors.answered);
    assert_eq!(report.latency.unwrap().p50, MS * 10);
}

#[test]
fn one_that_is_cold_warms_up_evenly() {
    let report = of(&["cold s2@20s=x5,10s"], Algorithm::RoundRobin);
    let at = [20, 24, 29, 31].map(|second| slowest(&report, second..second + 1).as_millis());
    assert!((47..=50).contains(&at[0]) && (29..=34).contains(&at[1]), "{at:?}");
    assert!((10..=14).contains(&at[2]) && at[3] == 10, "{at:?}");
}

#[test]
fn rates_change_for_as_long_as_they_are_told() {
    let report = of(&["rps 800@20s..30s", "surge x3@40s..50s"], Algorithm::RoundRobin);
    let arrived =
        |seconds| points(&report, seconds).iter().map(|point| point.requests).sum::<u64>();
    let arrived = [10..20, 20..30, 30..40, 40..50].map(arrived);
    let close = |(arrived, expected): (u64, u64)| arrived.abs_diff(expected) <= 2;
    assert!(arrived.into_iter().zip([1_000, 8_000, 1_000, 3_000]).all(close), "{arrived:?}");
}

#[test]
fn a_full_queue_turns_away() {
    let small = EndpointModel { queue: Some(2), ..EndpointModel::new("s1", Some(1)) };
    let scenario = Scenario { endpoints: vec![small], load: even(200.0, 60), ..calm() };
    let report = report(&scenario, Algorithm::LeastRequest);
    // Half of them are too many; the others wait for two before them.
    assert!(report.errors.queue_full.abs_diff(report.requests / 2) < 10, "{:?}", report.errors);
    assert_eq!((report.endpoints[0].peak_in_flight, report.latency.unwrap().max), (3, MS * 30));
    assert!(report.utilisation.unwrap() > 0.99);
    assert!(report.series.points[60].waiting >= 1 && report.series.points[60].in_flight >= 2);
}

#[test]
fn stale_news_of_others_makes_a_herd() {
    let scenario = Scenario {
        endpoints: EndpointModel::several(20, Some(1)),
        load: poisson(1_600.0, 20),
        work: Distribution::Exponential(MS * 10),
        balancers: 16,
        ..Scenario::default()
    };
    let p99 = |gossip| {
        let report = report(&Scenario { gossip, ..scenario.clone() }, Algorithm::LeastRequest);
        report.latency.unwrap().p99
    };
    let (fresh, stale) = (p99(Some(MS)), p99(Some(MS * 500)));
    assert!(fresh * 2 < stale, "{fresh:?} {stale:?}");
}

#[test]
fn a_cache_remembers_what_it_has_room_for() {
    let one = Scenario {
        endpoints: EndpointModel::several(1, None),
        keys: "uniform:100".parse().unwrap(),
        ..calm()
    };
    let cached = |keys| {
        let scenario = Scenario { cache: Some(Cache { keys, miss: 5.0 }), ..one.clone() };
        report(&scenario, Algorithm::RoundRobin)
    };
    let roomy = cached(100);
    assert_eq!((roomy.keys.cache_misses, roomy.keys.cache_hits), (100, roomy.requests - 100));
    let latency = roomy.latency.unwrap();
    assert_eq!((latency.p50, latency.max), (MS * 10, MS * 50));
    let tight = cached(48);
    let misses = tight.keys.cache_misses as f64 / tight.requests as f64;
    assert!((0.49..0.55).contains(&misses), "{misses}");
    assert_eq!((roomy.keys.moved, roomy.keys.returned), (0, roomy.requests - 100));
}

#[test]
fn keys_that_go_elsewhere_are_counted() {
    let report = of(&[], Algorithm::Random);
    // Of five endpoints four are others.
    assert!((report.keys.moved_share() - 0.8).abs() < 0.02, "{}", report.keys.moved_share());
}

#[test]
fn with_cookies_clients_stay_where_they_were_as_long_as_that_is_well() {
    let scenario = Scenario { sessions: true, ..calm() };
    for algorithm in Algorithm::ALL {
        assert_eq!(report(&scenario, algorithm).keys.moved, 0, "{algorithm:?}");
    }
    let sticky = Some(Sticky::Key(HashKey::default()));
    let balancing = Balancing { sticky, ..Balancing::default() };
    assert_eq!(report(&Scenario { balancing, ..calm() }, Algorithm::PeakEwma).keys.moved, 0);
    let killed = with_events(&scenario, &["kill s2@20s..30s"]);
    let keys = report(&killed, Algorithm::RoundRobin).keys;
    // A fifth of a thousand clients moves, once: a cookie says where its client was last.
    assert!((100..=220).contains(&keys.moved), "{keys:?}");
    // Who falls back on a hash comes back with its endpoint, but not while a cookie says otherwise.
    assert!(report(&killed, Algorithm::Maglev).keys.moved < 220);
}
