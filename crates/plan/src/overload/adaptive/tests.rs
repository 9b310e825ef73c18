use std::collections::VecDeque;

use super::*;
use crate::balance::hash::stable::mix;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1000 * MS;

/// An endpoint that works on so many requests at a time, in the order in which they came, and clients that have so much patience.
struct World {
    adaptive: Adaptive,
    adapts: Adapts,
    /// How many it works on at a time; `usize::MAX` for any number.
    width: usize,
    /// How long it works on one, in nanoseconds.
    service: fn(&mut u64) -> u64,
    /// In nanoseconds.
    patience: u64,
    /// When each place is free.
    places: Vec<u64>,
    /// When each request in flight was sent and will be answered.
    in_flight: Vec<(u64, u64)>,
    /// When those came that wait for room.
    queue: VecDeque<u64>,
    /// How many may.
    pending: usize,
    now: u64,
    random: u64,
    seen: Seen,
    tally: Tally,
}

/// What became of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    answered: u64,
    given_up: u64,
    /// How many looks found a limit.
    limited: u64,
    /// How many times somebody found no room at once.
    queued: u64,
    /// How many were refused, because there was no room to wait in, or after they had waited for as long as they may.
    refused: u64,
}

impl World {
    fn new(adapts: Adapts, width: usize, service: fn(&mut u64) -> u64) -> Self {
        Self {
            adaptive: Adaptive::default(),
            adapts,
            width,
            service,
            patience: u64::MAX,
            places: Vec::new(),
            in_flight: Vec::new(),
            queue: VecDeque::new(),
            pending: 1024,
            now: 0,
            random: 1,
            seen: Seen::default(),
            tally: Tally::default(),
        }
    }

    /// Passes so many seconds with so many requests in each. Returns what became of requests in that time.
    fn pass(&mut self, seconds: u64, rate: u64) -> Tally {
        self.tally = Tally::default();
        let mut due = 0;
        for _ in 0..seconds * SECOND / MS {
            self.now += MS;
            due += rate;
            self.end_those_who_are_done();
            for _ in 0..due / 1000 {
                self.queue.push_back(self.now);
            }
            due %= 1000;
            self.admit();
            if self.now.is_multiple_of(250 * MS) {
                self.look();
            }
        }
        self.tally
    }

    fn end_those_who_are_done(&mut self) {
        let Self { now, patience, seen, tally, .. } = self;
        self.in_flight.retain(|&(sent, answered)| {
            if answered <= *now && answered - sent <= *patience {
                seen.answers += 1;
                seen.took += Duration::from_nanos(answered - sent);
                tally.answered += 1;
                return false;
            }
            // The endpoint does not know, and works on it all the same.
            let has_left = *now - sent > *patience;
            seen.given_up += u64::from(has_left);
            tally.given_up += u64::from(has_left);
            !has_left
        });
        let before = self.queue.len();
        self.queue.retain(|came| *now - came <= *patience);
        tally.given_up += (before - self.queue.len()) as u64;
        let before = self.queue.len();
        self.queue.retain(|came| *now - came <= 5 * SECOND);
        tally.refused += (before - self.queue.len()) as u64;
    }

    /// The newest first, as where the queue is long.
    fn admit(&mut self) {
        let is_bounded = self.width < usize::MAX;
        self.places.resize(if is_bounded { self.width } else { 1 }, 0);
        let limit = self.adaptive.limit().map_or(usize::MAX, |limit| limit as usize);
        while self.in_flight.len() < limit
            && let Some(_) = self.queue.pop_back()
        {
            let takes = (self.service)(&mut self.random);
            let place = self.places.iter_mut().min().unwrap();
            let begins = if is_bounded { self.now.max(*place) } else { self.now };
            *place = begins + takes;
            self.in_flight.push((self.now, begins + takes));
        }
        while self.queue.len() > self.pending {
            self.queue.pop_front();
            self.tally.refused += 1;
        }
        self.seen.was_full |= !self.queue.is_empty();
        self.tally.queued += u64::from(!self.queue.is_empty());
    }

    /// From now on it takes so many milliseconds for each.
    fn takes(&mut self, millis: u64) {
        self.service = match millis {
            5 => |_| 5 * MS,
            20 => |_| 20 * MS,
            50 => |_| 50 * MS,
            200 => |_| 200 * MS,
            1000 => |_| SECOND,
            _ => steady,
        };
    }

    fn look(&mut self) {
        let waiting = u32::try_from(self.in_flight.len()).unwrap();
        let seen = Seen { waiting, ..std::mem::take(&mut self.seen) };
        self.adaptive.look(&seen, self.adapts, Time::from_nanos(self.now));
        self.tally.limited += u64::from(self.adaptive.limit().is_some());
    }
}

fn steady(_random: &mut u64) -> u64 {
    100 * MS
}

/// From an exponential distribution with a mean of 100 ms.
fn exponential(random: &mut u64) -> u64 {
    *random = mix(*random, 7);
    let uniform = (*random >> 11) as f64 / (1_u64 << 53) as f64;
    (-(1.0 - uniform).ln() * (100 * MS) as f64) as u64
}

#[test]
fn ten_times_what_it_can_do_is_limited_soon_and_soon_it_does_what_it_can() {
    let mut world = World::new(Adapts::InNeed, 2, steady);
    world.patience = SECOND;
    assert_eq!(world.pass(10, 18).limited, 0, "it can do 20 in a second");
    world.pass(10, 200);
    let settled = world.pass(10, 200);
    assert!(settled.answered >= 150, "{settled:?}");
    assert!(world.adaptive.limit().unwrap() <= 12, "{:?}", world.adaptive);
    let again = world.pass(60, 200);
    assert!(again.answered >= 1000, "what it takes at best is not forgotten: {again:?}");
}

/// Whatever it got before somebody knew that it was too much it works on, although nobody waits for that any more.
#[test]
fn it_is_found_full_before_it_has_work_for_long() {
    for (usual, rate) in [(2, 200), (10, 200), (18, 200), (20, 200), (2, 25), (18, 25), (20, 25)] {
        let mut world = World::new(Adapts::InNeed, 2, steady);
        world.patience = SECOND;
        world.pass(10, usual);
        world.pass(8, rate);
        let settled = world.pass(4, rate);
        assert!(settled.answered >= 64, "from {usual} to {rate}: {settled:?}");
    }
}

#[test]
fn clients_that_wait_for_ever_are_kept_from_it_as_well() {
    let mut world = World::new(Adapts::InNeed, 2, steady);
    world.pass(10, 18);
    let overload = world.pass(10, 200);
    assert!(overload.limited >= 30 && overload.answered >= 180, "{overload:?}");
}

#[test]
fn the_limit_goes_when_it_is_not_reached_any_more() {
    let mut world = World::new(Adapts::InNeed, 2, steady);
    world.patience = SECOND;
    world.pass(10, 18);
    world.pass(10, 200);
    assert!(world.adaptive.limit().is_some());
    world.pass(15, 10);
    assert_eq!(world.adaptive.limit(), None);
    assert_eq!(world.pass(60, 18).limited, 0);
}

#[test]
fn what_takes_very_different_times_is_not_taken_for_full() {
    let mut world = World::new(Adapts::InNeed, usize::MAX, exponential);
    for rate in [3, 200, 20, 600, 1] {
        assert_eq!(world.pass(60, rate).limited, 0, "at {rate}");
    }
}

#[test]
fn a_burst_at_one_that_had_nothing_to_do_goes_there_at_once() {
    let mut world = World::new(Adapts::InNeed, usize::MAX, steady);
    world.pass(60, 1);
    assert_eq!(world.pass(10, 2000).queued, 0);
}

/// Its database has become slow, say: all takes ten times as long, however little there is to do.
#[test]
fn one_that_is_slow_without_being_full_loses_nothing() {
    for (before, after, rate) in [(100, 1000, 100), (5, 50, 1000), (20, 200, 10)] {
        let mut world = World::new(Adapts::InNeed, usize::MAX, steady);
        world.takes(before);
        world.pass(60, rate);
        world.takes(after);
        let moment = world.pass(30, rate);
        assert!(moment.refused == 0 && moment.limited <= 12, "{before} to {after}: {moment:?}");
        assert_eq!(world.pass(120, rate).limited, 0, "{before} to {after}");
    }
}

/// So slow that every second request is given up.
#[test]
fn one_that_half_of_the_clients_give_up_on_without_its_being_full_answers_the_other_half() {
    for rate in [20, 100, 500] {
        let mut world = World::new(Adapts::InNeed, usize::MAX, |_| 50 * MS);
        world.patience = SECOND;
        world.pass(60, rate);
        world.service = |random| {
            *random = mix(*random, 3);
            800 * MS + (*random >> 20) % (400 * MS)
        };
        let moment = world.pass(15, rate);
        assert!(moment.answered >= 2 * rate && moment.limited <= 50, "{rate}: {moment:?}");
        let after = world.pass(60, rate);
        assert!(after.answered >= 27 * rate && after.limited == 0, "{rate}: {after:?}");
    }
}

/// From a few fast requests in a second to many slow ones.
#[test]
fn work_of_another_kind_loses_nothing() {
    let mut world = World::new(Adapts::InNeed, usize::MAX, |_| MS);
    world.pass(60, 10);
    world.service = |_| 2 * SECOND;
    let moment = world.pass(12, 1000);
    assert!(moment.refused == 0 && moment.answered >= 9000, "{moment:?}");
    assert_eq!(world.pass(60, 1000).limited, 0);
}

/// Reports that take from less than a second to 40 beside quick calls, 22 of them at once.
#[test]
fn a_page_full_of_slow_reports_beside_quick_calls_loses_nothing() {
    for patience in [u64::MAX, SECOND] {
        let mut world = World::new(Adapts::InNeed, usize::MAX, |_| 5 * MS);
        world.pass(20, 100);
        for report in 0..22 {
            let takes = if report < 10 { (300 + 90 * report) * MS } else { 40 * SECOND };
            world.in_flight.push((world.now, world.now + takes));
        }
        world.patience = patience;
        let moment = world.pass(60, 100);
        assert!(moment.refused == 0 && moment.limited <= 12, "{moment:?}");
        assert!(moment.answered + moment.given_up >= 6000, "{moment:?}");
        let reports = if patience == SECOND { 15 } else { 0 };
        assert!(moment.given_up <= reports, "{moment:?}");
    }
}

/// Uploads and long polls of any length beside quick calls, and a burst of these now and then.
#[test]
fn a_mixture_of_quick_and_slow_work_is_not_taken_for_full() {
    let mut world = World::new(Adapts::InNeed, usize::MAX, |random| {
        *random = mix(*random, 3);
        if (*random >> 40).is_multiple_of(50) { (*random >> 20) % (30 * SECOND) } else { 5 * MS }
    });
    let mut tally = world.pass(60, 100);
    for rate in [500, 100, 900, 50, 200] {
        let part = world.pass(20, rate);
        tally.refused += part.refused;
        tally.limited += part.limited;
    }
    assert!(tally.refused == 0 && tally.limited <= 12, "{tally:?}");
}

#[test]
fn where_there_is_always_one_it_settles_a_little_above_what_the_endpoint_can_do() {
    for (width, bound) in [(2, 12), (10, 40), (50, 150)] {
        let mut world = World::new(Adapts::Always, width, steady);
        world.patience = SECOND;
        world.pass(30, 20 * width as u64);
        let limit = world.adaptive.limit().unwrap();
        assert!((width as u32..=bound).contains(&limit), "{width}: {limit}");
    }
}

#[test]
fn a_limit_that_is_not_reached_stays_where_it_is() {
    let mut world = World::new(Adapts::Always, 100, steady);
    world.pass(60, 30);
    assert_eq!(world.adaptive.limit(), Some(LIMIT_FIRST as u32));
    world.adapts = Adapts::Never;
    world.pass(1, 30);
    assert_eq!(world.adaptive.limit(), None);
}

#[test]
fn a_limit_grows_again_when_the_endpoint_can_do_more() {
    let mut world = World::new(Adapts::Always, 2, steady);
    world.patience = SECOND;
    world.pass(60, 1000);
    let before = world.adaptive.limit().unwrap();
    world.width = 200;
    world.pass(60, 1000);
    assert!(world.adaptive.limit().unwrap() > before * 4, "{before}, {:?}", world.adaptive);
}

/// A limit that is the least there is, and an endpoint that takes ten times as long since.
#[test]
fn one_that_takes_longer_for_good_gets_its_share_again() {
    let mut world = World::new(Adapts::Always, usize::MAX, |_| 10 * MS);
    world.patience = 5 * SECOND;
    world.pass(30, 500);
    world.service = steady;
    world.pass(60, 500);
    let late = world.pass(10, 500);
    assert!(late.answered >= 4500, "{late:?} {:?}", world.adaptive);
}

#[test]
fn a_limit_stays_within_its_bounds_whatever_answers_take() {
    for (ratio, expected) in [(0.0, LIMIT_MIN), (f64::MIN_POSITIVE, LIMIT_MIN), (1.0, LIMIT_MAX)] {
        let limit = (0..10_000).fold(LIMIT_FIRST, |limit, _| next_limit(limit, true, ratio));
        assert!((limit - expected).abs() <= 2.5, "{ratio}: {limit}");
    }
}

#[test]
fn absurd_figures_and_a_clock_that_stands_do_no_harm() {
    for adapts in [Adapts::InNeed, Adapts::Always] {
        let mut adaptive = Adaptive::default();
        for (took, now) in [(Duration::MAX, Time::END), (Duration::ZERO, Time::START)] {
            for figure in [0, 1, u64::MAX] {
                for _ in 0..20 {
                    let waiting = u32::MAX;
                    let (answers, given_up) = (figure, figure);
                    let seen = Seen { answers, took, given_up, waiting, was_full: true };
                    let limit = adaptive.look(&seen, adapts, now);
                    assert!(limit.is_none_or(|limit| limit >= LIMIT_MIN as u32), "{seen:?}");
                }
            }
        }
    }
}
