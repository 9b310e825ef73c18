use super::*;

fn quota(count: u32, per: Per, burst: u32) -> Quota {
    Quota::new(Rate { count, per }, burst)
}

#[test]
fn a_burst_may_come_at_once_and_then_the_rate_decides() {
    let quota = quota(10, Per::Second, 3);
    let mut tat = 0;
    let now = 5_000_000;
    for remaining in [2, 1, 0] {
        let (verdict, after) = quota.judge(tat, now, 1);
        assert!(verdict.allowed);
        assert_eq!(verdict.remaining, remaining);
        assert_eq!(verdict.reset_after, Duration::from_millis(100 * u64::from(3 - remaining)));
        assert_eq!(verdict.retry_after, Duration::from_millis(100));
        tat = after;
    }
    let (verdict, after) = quota.judge(tat, now, 1);
    assert!(!verdict.allowed);
    assert_eq!((verdict.remaining, after), (0, tat), "a refusal costs nothing");
    assert_eq!(verdict.retry_after, Duration::from_millis(100));
    assert_eq!(verdict.reset_after, Duration::from_millis(300));
    assert!(!quota.judge(tat, now + 99_999, 1).0.allowed);
    assert!(quota.judge(tat, now + 100_000, 1).0.allowed);
    assert!(!quota.judge(tat, now + 100_000, 2).0.allowed);
    assert_eq!(quota.judge(tat, now + 100_000, 2).0.retry_after, Duration::from_millis(100));
}

#[test]
fn what_costs_more_than_a_burst_is_never_allowed() {
    let (verdict, _) = quota(10, Per::Second, 3).judge(0, 1, 4);
    assert!(!verdict.allowed);
    assert_eq!((verdict.remaining, verdict.retry_after), (3, Duration::ZERO));
}

#[test]
fn the_time_between_two_is_rounded_up_to_microseconds() {
    for (count, per, micros) in [
        (1, Per::Hour, 3_600_000_000),
        (7, Per::Minute, 8_571_429),
        (100, Per::Second, 10_000),
        (3, Per::Second, 333_334),
        (Per::Second.count_max(), Per::Second, 10),
        (Per::Hour.count_max(), Per::Hour, 10),
        (0, Per::Second, 1_000_000),
    ] {
        assert_eq!(quota(count, per, 0).window(), Duration::from_micros(micros));
    }
}

#[test]
fn the_largest_numbers_overflow_nothing() {
    let quota = quota(1, Per::Hour, u32::MAX);
    let (verdict, after) = quota.judge(0, u64::MAX - 5, u32::MAX);
    assert!(verdict.allowed);
    assert_eq!(after, u64::MAX);
    assert!(!quota.judge(u64::MAX, 1, u32::MAX).0.allowed);
}

#[test]
fn a_rate_is_written_as_it_is_read() {
    let rates = Per::ALL.map(|per| Rate { count: 5, per }.to_string());
    assert_eq!(rates, ["5/s", "5/m", "5/h"]);
}
