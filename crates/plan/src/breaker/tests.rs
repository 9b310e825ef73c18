use std::sync::Barrier;
use std::sync::atomic::AtomicU32;
use std::thread;

use proptest::prelude::*;

use super::*;
use crate::limits::{BREAKER_MIN_REQUESTS_MAX, BREAKER_TRIALS_MAX};

const WELL: Outcome = Outcome { failed: false, took: Duration::from_millis(1) };
const FAILED: Outcome = Outcome { failed: true, took: Duration::from_millis(1) };
const SLOW: Outcome = Outcome { failed: false, took: Duration::from_secs(5) };

fn settings() -> Settings {
    Settings { trials: 2, ..Settings::default() }
}

fn second(second: u64) -> Time {
    Time::START.after(Duration::from_secs(second))
}

fn after(mut state: State, events: &[Event], now: Time) -> State {
    for &event in events {
        state = state.after(event, now, &settings());
    }
    state
}

/// A breaker that has just been opened by twenty failures.
fn opened(now: Time, settings: &Settings) -> Breaker {
    let breaker = Breaker::default();
    for _ in 0..20 {
        let permit = breaker.ask(now, settings).unwrap();
        breaker.report(permit, FAILED, now, settings);
    }
    assert_eq!(breaker.state().phase().name(), "open");
    breaker
}

/// Every state that can be reached with two trials, crossed with every event. `given passed` stands for a half-open state.
#[test]
fn every_state_and_event_leads_where_the_table_says() {
    let closed = State::unpack(0);
    let ordinary = closed.ask(Time::START, &settings()).1.unwrap();
    let open = closed.after(Event::Trip(ordinary), second(100), &settings());
    let early = second(105);
    let late = second(200);
    let (half, trial) = open.ask(second(111), &settings());
    let trial = trial.unwrap();
    let (ask, pass) = (Event::Ask, Event::Pass(trial));
    let (fail, abandon) = (Event::Fail(trial), Event::Abandon(trial));
    let now = second(112);
    let states = [
        ("closed", closed),
        ("open", open),
        ("0 0", after(half, &[abandon], now)),
        ("1 0", half),
        ("1 1", after(half, &[pass], now)),
        ("2 0", after(half, &[ask], now)),
        ("2 1", after(half, &[ask, pass], now)),
    ];
    let columns = [
        ("ask early", ask, early),
        ("ask", ask, now),
        ("ask late", ask, late),
        ("trip", Event::Trip(ordinary), now),
        ("pass", pass, now),
        ("pass late", pass, late),
        ("fail", fail, now),
        ("fail late", fail, late),
        ("abandon", abandon, now),
        ("abandon late", abandon, late),
    ];
    #[rustfmt::skip]
    let table = [
        // ask early  ask       ask late  trip      pass      pass late  fail      fail late  abandon   abandon late
        ("closed", ["closed", "closed", "closed", "open",   "closed", "closed", "closed", "closed", "closed", "closed"]),
        ("open",   ["open",   "1 0",    "1 0",    "open",   "open",   "open",   "open",   "open",   "open",   "open"]),
        ("0 0",    ["1 0",    "1 0",    "1 0",    "0 0",    "1 1",    "1 1",    "open",   "open",   "0 0",    "0 0"]),
        ("1 0",    ["2 0",    "2 0",    "2 0",    "1 0",    "1 1",    "1 1",    "open",   "open",   "0 0",    "1 0"]),
        ("1 1",    ["2 1",    "2 1",    "2 1",    "1 1",    "closed", "closed", "open",   "open",   "1 1",    "1 1"]),
        ("2 0",    ["2 0",    "2 0",    "1 0",    "2 0",    "2 1",    "2 1",    "open",   "open",   "1 0",    "2 0"]),
        ("2 1",    ["2 1",    "2 1",    "2 1",    "2 1",    "closed", "closed", "open",   "open",   "1 1",    "2 1"]),
    ];
    for ((name, state), (row, successors)) in states.into_iter().zip(table) {
        assert_eq!((name, label(state).as_str()), (row, row));
        for ((event, what, when), successor) in columns.into_iter().zip(successors) {
            assert_eq!(label(state.after(what, when, &settings())), successor, "{row}, {event}");
        }
        let gone = after(closed, &[Event::Trip(ordinary)], now).ask(late, &settings()).1.unwrap();
        let next = after(half, &[fail], now).ask(late, &settings()).1.unwrap();
        for stranger in [next, if state == closed { gone } else { ordinary }] {
            for event in [Event::Pass, Event::Fail, Event::Abandon, Event::Trip] {
                assert_eq!(state.after(event(stranger), now, &settings()), state, "{row}");
            }
        }
    }
}

fn label(state: State) -> String {
    match state.phase() {
        Phase::HalfOpen { given, passed, .. } => format!("{given} {passed}"),
        other => other.name().to_owned(),
    }
}

#[test]
fn an_open_breaker_admits_nothing_before_its_time_and_a_trial_at_it() {
    let breaker = opened(second(3), &settings());
    let Phase::Open { until } = breaker.state().phase() else { panic!("not open") };
    let rounding = until.since(second(13));
    assert!(until >= second(13) && rounding < Duration::from_millis(2), "{rounding:?}");
    let before = Time::from_nanos(until.as_nanos() - 1);
    assert!(!breaker.state().admits(before, &settings()));
    assert_eq!(breaker.ask(before, &settings()), None);
    assert!(breaker.state().admits(until, &settings()));
    assert!(breaker.ask(until, &settings()).unwrap().is_trial());
}

#[test]
fn rates_count_from_min_requests_on_and_reaching_them_is_enough() {
    let slow = Settings { slow_rate: Some(0.5), failure_rate: None, ..Settings::default() };
    let off = Settings { failure_rate: None, ..Settings::default() };
    let nan = Settings { failure_rate: Some(f64::NAN), ..Settings::default() };
    let zero = Settings { failure_rate: Some(0.0), ..Settings::default() };
    let table = [
        (Settings::default(), FAILED, 19, 0, "closed"),
        (Settings::default(), FAILED, 20, 0, "open"),
        (Settings::default(), FAILED, 9, 11, "closed"),
        (Settings::default(), FAILED, 10, 10, "open"),
        (Settings::default(), SLOW, 20, 0, "closed"),
        (slow, SLOW, 10, 10, "open"),
        (slow, SLOW, 9, 11, "closed"),
        (slow, FAILED, 20, 0, "closed"),
        (off, FAILED, 100, 0, "closed"),
        (nan, FAILED, 100, 0, "closed"),
        (zero, FAILED, 0, 100, "closed"),
    ];
    for (settings, bad, bads, wells, phase) in table {
        let breaker = Breaker::default();
        let outcomes = (0..bads).map(|_| bad).chain((0..wells).map(|_| WELL));
        for outcome in outcomes {
            let permit = breaker.ask(second(1), &settings).unwrap();
            breaker.report(permit, outcome, second(1), &settings);
        }
        assert_eq!(breaker.state().phase().name(), phase, "{bads} {bad:?}, {wells} {settings:?}");
    }
}

#[test]
fn the_report_that_moves_the_phase_says_so_and_no_other_does() {
    let breaker = Breaker::default();
    let phases: Vec<Option<&str>> = (0..21)
        .map(|_| breaker.ask(second(1), &settings()).unwrap())
        .collect::<Vec<_>>()
        .into_iter()
        .map(|permit| breaker.report(permit, FAILED, second(1), &settings()))
        .map(|state| state.map(|state| state.phase().name()))
        .collect();
    assert_eq!(phases[..19], [None; 19]);
    assert_eq!(phases[19..], [Some("open"), None]);
    let trials = [0, 1].map(|_| breaker.ask(second(20), &settings()).unwrap());
    let closed = trials.map(|trial| breaker.report(trial, WELL, second(20), &settings()));
    assert_eq!(closed.map(|state| state.map(|state| state.phase())), [None, Some(Phase::Closed)]);
}

#[test]
fn a_breaker_that_closes_has_forgotten_what_opened_it() {
    let quick = Settings { cool_down: Duration::from_secs(1), trials: 1, ..Settings::default() };
    let breaker = opened(second(0), &quick);
    let straggler = Breaker::default().ask(second(0), &quick).unwrap();
    let trial = breaker.ask(second(2), &quick).unwrap();
    breaker.report(trial, WELL, second(2), &quick);
    for _ in 0..100 {
        breaker.report(straggler, FAILED, second(2), &quick);
    }
    let permit = breaker.ask(second(2), &quick).unwrap();
    breaker.report(permit, FAILED, second(2), &quick);
    assert_eq!(breaker.state().phase(), Phase::Closed);
}

#[test]
fn a_trial_is_slow_only_where_slowness_counts() {
    for (slow_rate, phase) in [(None, "closed"), (Some(0.5), "open")] {
        let settings = Settings { slow_rate, trials: 1, ..Settings::default() };
        let breaker = opened(second(0), &settings);
        let trial = breaker.ask(second(20), &settings).unwrap();
        breaker.report(trial, SLOW, second(20), &settings);
        assert_eq!(breaker.state().phase().name(), phase);
    }
}

#[test]
fn the_window_forgets_and_a_full_slice_keeps_its_rates() {
    let length = Duration::from_secs(7);
    let one = |failed| Count { total: 1, failed, slow: 0 };
    let window = Window::default();
    window.add(one(1), second(0), length);
    assert_eq!(window.count(Time::from_nanos(6_999_999_999), length), one(1));
    assert_eq!(window.count(second(7), length), Count::default());
    // The same place in the ring, one round later.
    window.add(one(0), second(7), length);
    assert_eq!(window.count(second(7), length), one(0));
    for _ in 0..1_000_000 {
        window.add(one(1), second(8), length);
        window.add(one(0), second(8), length);
    }
    let full = window.count(second(8), length);
    assert!(full.total > BREAKER_MIN_REQUESTS_MAX, "{full:?}");
    assert!((f64::from(full.failed) / f64::from(full.total) - 0.5).abs() < 0.01, "{full:?}");
}

#[test]
fn the_ends_of_time_and_empty_durations_overflow_nothing() {
    let never = Time::from_nanos(u64::MAX);
    let nothing = Settings {
        window: Duration::ZERO,
        cool_down: Duration::ZERO,
        trials: 0,
        ..Settings::default()
    };
    let longest = Settings {
        window: Duration::MAX,
        cool_down: Duration::MAX,
        trials: u8::MAX,
        ..Settings::default()
    };
    for settings in [nothing, longest] {
        for now in [Time::START, never] {
            let breaker = opened(now, &settings);
            let asked = breaker.ask(never, &settings);
            assert!(asked.is_some_and(Permit::is_trial));
        }
    }
}

#[test]
fn a_breaker_is_one_cache_line() {
    assert_eq!((size_of::<Breaker>(), align_of::<Breaker>()), (64, 64));
}

#[test]
fn threads_that_ask_at_once_get_each_permit_once() {
    const THREADS: usize = 4;
    for round in 0..200 {
        let settings = Settings { trials: 1 + round % 5, ..Settings::default() };
        let breaker = opened(second(0), &settings);
        let (start, given) = (Barrier::new(THREADS), AtomicU32::new(0));
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    start.wait();
                    let asks = (0..3).filter_map(|_| breaker.ask(second(20), &settings));
                    given.fetch_add(asks.count() as u32, Ordering::Relaxed);
                });
            }
        });
        assert_eq!(given.into_inner(), u32::from(settings.trials));
    }
}

#[test]
fn threads_that_give_permits_back_never_hold_more_than_there_are_and_lose_none() {
    const THREADS: u64 = 4;
    let settings = Settings { trials: 2, ..Settings::default() };
    let breaker = opened(second(0), &settings);
    let (start, out) = (Barrier::new(THREADS as usize), AtomicU32::new(0));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                start.wait();
                for _ in 0..20_000 {
                    let Some(permit) = breaker.ask(second(20), &settings) else { continue };
                    assert!(out.fetch_add(1, Ordering::SeqCst) < 2);
                    out.fetch_sub(1, Ordering::SeqCst);
                    breaker.abandon(permit, second(20), &settings);
                }
            });
        }
    });
    let left = (0..9).filter_map(|_| breaker.ask(second(20), &settings)).count();
    assert_eq!(left, 2);
}

/// What may happen next to a half-open breaker; the number chooses among the permits that are out.
#[derive(Clone, Debug)]
enum Step {
    Ask,
    Pass(usize),
    Fail(usize),
    Abandon(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Ask),
        2 => any::<usize>().prop_map(Step::Pass),
        1 => any::<usize>().prop_map(Step::Fail),
        2 => any::<usize>().prop_map(Step::Abandon),
        2 => (0_u64..15_000).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn no_more_trials_run_than_there_are_permits_and_none_blocks_for_ever(
        steps in prop::collection::vec(step(), 1..200), trials in 1_u8..5,
    ) {
        let settings = Settings { trials, ..Settings::default() };
        let state = opened(second(0), &settings).state();
        let (mut state, mut now, mut out) = (state, second(0), Vec::<(Permit, Time)>::new());
        for step in steps {
            let end = |event: fn(Permit) -> Event, choice: usize, out: &mut Vec<(Permit, Time)>| {
                (!out.is_empty()).then(|| event(out.swap_remove(choice % out.len()).0))
            };
            let event = match step {
                Step::Wait(millis) => {
                    now = now.after(Duration::from_millis(millis));
                    None
                }
                Step::Ask => {
                    let (next, permit) = state.ask(now, &settings);
                    out.extend(permit.filter(|permit| permit.is_trial()).map(|permit| (permit, now)));
                    state = next;
                    None
                }
                Step::Pass(choice) => end(Event::Pass, choice, &mut out),
                Step::Fail(choice) => end(Event::Fail, choice, &mut out),
                Step::Abandon(choice) => end(Event::Abandon, choice, &mut out),
            };
            if let Some(event) = event {
                state = state.after(event, now, &settings);
            }
            if !matches!(state.phase(), Phase::HalfOpen { .. }) {
                out.clear();
            }
            let running = out.iter().filter(|(_, given)| now.since(*given) < settings.cool_down);
            prop_assert!(running.count() <= usize::from(trials));
            prop_assert_eq!(State::unpack(state.pack()), state);
        }
        prop_assert!(state.admits(now.after(Duration::from_millis(10_002)), &settings));
    }

    #[test]
    fn every_word_is_a_state_and_every_state_a_word(word in any::<u64>()) {
        let state = State::unpack(word);
        prop_assert_eq!(State::unpack(state.pack()), state);
        if let Phase::HalfOpen { given, passed, .. } = state.phase() {
            prop_assert!(given <= BREAKER_TRIALS_MAX && passed <= BREAKER_TRIALS_MAX);
        }
    }

    #[test]
    fn a_window_counts_no_less_than_six_sevenths_and_no_more_than_all_of_its_time(
        gaps in prop::collection::vec(0_u64..3_000, 1..100),
    ) {
        let (length, window) = (Duration::from_secs(7), Window::default());
        let (mut now, mut added) = (Time::START, Vec::new());
        for (position, gap) in gaps.into_iter().enumerate() {
            now = now.after(Duration::from_millis(gap));
            let failed = u32::from(position % 3 == 0);
            window.add(Count { total: 1, failed, slow: 0 }, now, length);
            added.push((now, failed));
            let within = |seconds| added.iter().filter(move |(at, _)| now.since(*at) < Duration::from_secs(seconds));
            let count = window.count(now, length);
            prop_assert!(within(6).count() <= count.total as usize);
            prop_assert!(within(7).count() >= count.total as usize);
            prop_assert!(within(7).map(|(_, failed)| failed).sum::<u32>() >= count.failed);
        }
    }
}
