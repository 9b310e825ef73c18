use super::*;

const MS: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);

/// An endpoint that works on `width` requests at a time, each for 100 ms, and has as many in flight as may be while `demand` of them
/// are wanted, for the minute that begins at `now`. Returns the least and the greatest limit of its last seconds.
fn closed_loop(adaptive: &Adaptive, width: u32, demand: u32, mut now: Time) -> (u32, u32) {
    let (mut least, mut most) = (u32::MAX, 0);
    let end = now.after(MINUTE);
    while now < end {
        let in_flight = adaptive.limit().min(demand).max(1);
        let rounds = in_flight.div_ceil(width);
        for place in 0..in_flight {
            let latency = MS * 100 * (place / width + 1);
            adaptive.observe(latency, in_flight, now.after(latency));
        }
        now = now.after(MS * 100 * rounds);
        if end.since(now) < Duration::from_secs(5) {
            (least, most) = (least.min(adaptive.limit()), most.max(adaptive.limit()));
        }
    }
    (least, most)
}

#[test]
fn under_overload_it_settles_a_little_above_what_the_endpoint_can_do() {
    for (width, bound) in [(2, 10), (10, 30), (50, 110)] {
        let adaptive = Adaptive::default();
        let (least, most) = closed_loop(&adaptive, width, 1000, Time::START);
        assert!(least >= width, "{width}: {least} is less than what it can do");
        assert!(most <= bound, "{width}: {most} makes them wait for no good");
    }
}

#[test]
fn one_that_is_not_made_use_of_stays_where_it_is() {
    let adaptive = Adaptive::default();
    assert_eq!(closed_loop(&adaptive, 100, 3, Time::START), (20, 20));
}

#[test]
fn it_grows_again_when_the_endpoint_can_do_more() {
    let adaptive = Adaptive::default();
    let (_, before) = closed_loop(&adaptive, 2, 1000, Time::START);
    let (after, _) = closed_loop(&adaptive, 200, 1000, Time::START.after(MINUTE));
    assert!(after > before * 4, "{before} to {after}");
}

#[test]
fn it_stays_within_its_bounds_whatever_answers_take() {
    for (ratio, expected) in [(0.0, LIMIT_MIN), (f32::MIN_POSITIVE, LIMIT_MIN), (1.0, LIMIT_MAX)] {
        let limit = (0..10_000).fold(LIMIT_FIRST, |limit, _| next_limit(limit, u32::MAX, ratio));
        assert!((limit - expected).abs() <= 2.5, "{ratio}: {limit}");
    }
}

#[test]
fn absurd_latencies_and_a_clock_that_is_behind_do_no_harm() {
    let adaptive = Adaptive::default();
    for (latency, now) in [(Duration::MAX, Time::END), (Duration::ZERO, Time::START)] {
        for _ in 0..20 {
            adaptive.observe(latency, 1, now);
        }
        assert!(adaptive.limit() >= LIMIT_MIN as u32);
    }
}
