//! What is counted where.

use hyper::header::HeaderValue;

use super::*;

fn answered(status: u16, origin: &str, latency_ms: u64) -> Outcome {
    let origin = HeaderValue::from_str(origin).ok();
    outcome(Ok(Answer { status, origin, body_bytes: 13 }), latency_ms)
}

fn failed(kind: FailureKind, latency_ms: u64) -> Outcome {
    outcome(Err(Failure { kind, detail: format!("{kind:?}") }), latency_ms)
}

fn outcome(result: Result<Answer, Failure>, latency_ms: u64) -> Outcome {
    Outcome { result, latency: Duration::from_millis(latency_ms), lag: Duration::ZERO }
}

fn is_about(duration: Duration, millis: u64) -> bool {
    duration.as_micros().abs_diff(u128::from(millis) * 1000) <= u128::from(millis)
}

#[test]
fn answers_count_by_status_and_origin() {
    let mut tally = Tally::new().unwrap();
    for (status, origin) in [(200, "a"), (200, "b"), (503, "a"), (200, "a")] {
        tally.record(&answered(status, origin, 1));
    }
    assert_eq!(tally.statuses, BTreeMap::from([(200, 3), (503, 1)]));
    assert_eq!(tally.origins, BTreeMap::from([("a".to_owned(), 3), ("b".to_owned(), 1)]));
    assert_eq!((tally.finished(), tally.body_bytes), (4, 52));
}

#[test]
fn timeouts_are_slow_and_refusals_are_not_fast() {
    let mut tally = Tally::new().unwrap();
    for _ in 0..98 {
        tally.record(&answered(200, "a", 10));
    }
    for _ in 0..2 {
        tally.record(&failed(FailureKind::Timeout, 5_000));
    }
    for _ in 0..1000 {
        tally.record(&failed(FailureKind::Refused, 0));
    }
    assert!(is_about(tally.latency_at(0.5), 10));
    assert!(is_about(tally.latency_at(0.99), 5_000));
    assert_eq!((tally.answered(), tally.failed()), (98, 1002));
    assert_eq!(tally.details[&FailureKind::Refused], "Refused");
}

#[test]
fn names_from_the_network_are_bounded() {
    let mut tally = Tally::new().unwrap();
    for number in 0..MOST_ORIGINS + 10 {
        tally.record(&answered(200, &number.to_string(), 1));
    }
    assert_eq!(tally.origins.len(), MOST_ORIGINS + 1);
    assert_eq!(tally.origins[OTHER_ORIGINS], 10);
}

#[test]
fn an_interval_holds_only_what_came_after() {
    let mut tally = Tally::new().unwrap();
    tally.record(&answered(200, "a", 1));
    tally.record(&failed(FailureKind::Reset, 1));
    let earlier = tally.clone();
    tally.record(&answered(503, "b", 40));
    let interval = tally.since(&earlier);
    assert_eq!(interval.statuses, BTreeMap::from([(503, 1)]));
    assert_eq!(interval.origins, BTreeMap::from([("b".to_owned(), 1)]));
    assert_eq!(interval.failed(), 0);
    assert!(is_about(interval.latency_at(0.0), 40));
}

#[test]
fn only_a_lag_that_matters_counts_as_delayed() {
    let mut tally = Tally::new().unwrap();
    for lag_micros in [0, 900, 1_100, 7_000] {
        let lag = Duration::from_micros(lag_micros);
        tally.record(&Outcome { lag, ..answered(200, "a", 8) });
    }
    assert_eq!((tally.delayed, tally.longest_lag), (2, Duration::from_millis(7)));
}
