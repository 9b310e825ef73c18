use proptest::prelude::*;

use super::window::{Count, Window};
use super::*;
use crate::limits::{OUTLIER_FAILURES_MIN, OUTLIER_PEERS_MIN, OUTLIER_STALL_ATTEMPTS_MIN};

fn millis(millis: u64) -> Time {
    Time::START.after(Duration::from_millis(millis))
}

fn second(second: u64) -> Time {
    millis(1_000 * second)
}

fn many(answered: u32, failed: u32) -> Observed {
    Observed { answered, failed, in_a_row: None }
}

/// Nothing but rates.
fn rates() -> Settings {
    Settings { consecutive: None, stall: None, ..Settings::default() }
}

fn swept(records: &mut [Record], now: Time, settings: &Settings) -> Vec<(usize, Verdict)> {
    let mut verdicts = Vec::new();
    sweep(records, now, settings, &mut verdicts);
    verdicts
}

fn label(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Eject { cause, .. } => cause.name(),
        Verdict::Readmit => "readmit",
        Verdict::Suspect { cause } => cause.name(),
        Verdict::Clear => "clear",
    }
}

/// Of the first endpoint.
fn verdict(records: &mut [Record], now: Time, settings: &Settings) -> String {
    let verdicts = swept(records, now, settings);
    let own = verdicts.into_iter().filter(|(position, _)| *position == 0);
    own.map(|(_, verdict)| label(verdict)).collect::<Vec<_>>().join(" ")
}

/// An endpoint and two others that answer, as they are at second 100.
fn trio(failed: u32) -> [Record; 3] {
    let mut records = [Record::default(); 3];
    for record in &mut records[1..] {
        record.observe(Observed::ANSWERED, second(100), &Settings::default());
    }
    records[0].observe(many(0, failed), second(100), &Settings::default());
    records
}

fn silent(record: &mut Record, from: u64, until: u64, p99: Option<Duration>) {
    let attempts = OUTLIER_STALL_ATTEMPTS_MIN;
    let waiting = Waiting { attempts, heard: second(1), p99, ..Waiting::default() };
    record.observe_waiting(waiting, millis(from));
    record.observe_waiting(waiting, millis(until));
}

/// Every state that an endpoint can be in, crossed with everything that can be seen of it.
#[test]
fn every_state_and_event_leads_where_the_table_says() {
    let settings = Settings::default();
    let now = second(100);
    let suspect = || {
        let mut records = trio(0);
        silent(&mut records[0], 98_000, 99_500, None);
        assert_eq!(verdict(&mut records, millis(99_500), &settings), "stall");
        records
    };
    let ejected = |at: u64| {
        let mut records = trio(5);
        assert_eq!(verdict(&mut records, second(at), &settings), "consecutive_failures");
        records
    };
    let states = [
        ("well", trio(0)),
        ("one short", trio(4)),
        ("suspect", suspect()),
        ("ejected", ejected(99)),
        ("due", ejected(90)),
    ];
    let see = |event: &str, record: &mut Record| match event {
        "answered" => record.observe(Observed::ANSWERED, now, &settings),
        "failed" => record.observe(Observed::FAILED, now, &settings),
        "mixed" => record.observe(many(1, 5), now, &settings),
        "five failed" => record.observe(many(0, 5), now, &settings),
        "five counted" => {
            record.observe(Observed { in_a_row: Some(5), ..many(1, 5) }, now, &settings);
        }
        "silence" => silent(record, 98_900, 100_000, None),
        "a byte" => record.observe_waiting(Waiting { heard: now, ..Waiting::default() }, now),
        _ => {}
    };
    let columns = [
        "nothing",
        "answered",
        "failed",
        "mixed",
        "five failed",
        "five counted",
        "silence",
        "a byte",
    ];
    const ROW: &str = "consecutive_failures";
    #[rustfmt::skip]
    let table = [
        // nothing        answered   failed     mixed      five       counted    silence    a byte
        ("well",      ["", "",        "",        "",        ROW,       ROW,       "stall",   ""]),
        ("one short", ["", "",        ROW,       "",        ROW,       ROW,       "stall",   ""]),
        ("suspect",   ["", "",        "",        "",        ROW,       ROW,       "",        "clear"]),
        ("ejected",   ["", "",        "",        "",        "",        "",        "",        ""]),
        ("due",       ["readmit"; 8]),
    ];
    for ((name, records), (row, verdicts)) in states.into_iter().zip(table) {
        assert_eq!(name, row);
        for (event, expected) in columns.into_iter().zip(verdicts) {
            let mut records = records;
            see(event, &mut records[0]);
            let before = records[0].state();
            assert_eq!(verdict(&mut records, now, &settings), expected, "{row}, {event}");
            let is_as_said = match (expected, records[0].state()) {
                ("", after) => after == before,
                (ROW, State::Ejected { until }) => until > now,
                ("stall", State::Suspect { since }) => since == now,
                ("readmit" | "clear", State::Well) => true,
                _ => false,
            };
            assert!(is_as_said, "{row}, {event}: {:?}", records[0]);
        }
    }
}

#[test]
fn a_rate_needs_enough_attempts_and_three_endpoints_are_enough() {
    let table = [
        ((13, 6), ""),
        ((14, 6), "failure_rate"),
        ((15, 5), ""),
        ((0, 19), ""),
        ((0, 20), "failure_rate"),
        ((70, 30), "failure_rate"),
        ((71, 29), ""),
        ((1_000, 0), ""),
    ];
    for ((answered, failed), expected) in table {
        let mut records = trio(0);
        records[0].observe(many(answered, failed), second(100), &rates());
        assert_eq!(verdict(&mut records, second(100), &rates()), expected, "{answered} {failed}");
    }
}

#[test]
fn every_rule_can_be_off_and_nonsense_ejects_nobody() {
    let off = Settings { failure_rate: None, deviations: None, ..rates() };
    let nonsense = Settings { failure_rate: Some(f64::NAN), ..rates() };
    let none = Settings { max_ejected: 0.0, ..Settings::default() };
    let unknown = Settings { max_ejected: f64::NAN, ..Settings::default() };
    let zero = Settings { failure_rate: Some(0.0), ..rates() };
    for (settings, answered, failed) in
        [(off, 0, 100), (nonsense, 0, 100), (none, 0, 100), (unknown, 0, 100), (zero, 100, 0)]
    {
        let mut records = trio(0);
        records[0].observe(many(answered, failed), second(100), &settings);
        silent(&mut records[0], 90_000, 100_000, None);
        let settings = Settings { stall: None, ..settings };
        assert_eq!(verdict(&mut records, second(100), &settings), "", "{settings:?}");
    }
}

/// The first of some endpoints fails `failed` times in a hundred, the others do not.
fn compared(endpoints: usize, failed: u32, others: u32) -> String {
    let settings = Settings { failure_rate: None, ..rates() };
    let mut records = vec![Record::default(); endpoints];
    for (position, record) in records.iter_mut().enumerate() {
        let failed = if position == 0 { failed } else { others };
        record.observe(many(100 - failed, failed), second(1), &settings);
    }
    verdict(&mut records, second(1), &settings)
}

#[test]
fn an_endpoint_is_compared_with_enough_peers_and_small_differences_are_none() {
    assert_eq!(compared(OUTLIER_PEERS_MIN, 20, 0), "success_rate");
    assert_eq!(compared(OUTLIER_PEERS_MIN - 1, 20, 0), "");
    // A twentieth below the mean of ten is 5.6 of a hundred.
    assert_eq!((compared(10, 5, 0).as_str(), compared(10, 6, 0).as_str()), ("", "success_rate"));
    assert_eq!(compared(10, 20, 20), "");
    // 4 of 20 are few enough to be chance, though a fifth is far from the mean.
    let settings = Settings { failure_rate: None, ..rates() };
    for (failed, expected) in
        [(OUTLIER_FAILURES_MIN - 1, ""), (OUTLIER_FAILURES_MIN, "success_rate")]
    {
        let mut records = [Record::default(); 6];
        for record in &mut records[1..] {
            record.observe(many(20, 0), second(1), &settings);
        }
        records[0].observe(many(20 - failed, failed), second(1), &settings);
        assert_eq!(verdict(&mut records, second(1), &settings), expected);
    }
}

#[test]
fn the_least_share_of_successes_is_the_mean_less_the_deviations() {
    let failed = [0, 10, 20, 30, 40];
    let records = failed.map(|failed| {
        let mut record = Record::default();
        record.observe(many(100 - failed, failed), second(1), &rates());
        record
    });
    // Mean 0.8, variance (0.04 + 0.01 + 0 + 0.01 + 0.04) / 5 = 0.02.
    let least = Peers::of(&records, second(1), &rates()).least.unwrap();
    assert!((least - (0.8 - 1.9 * 0.02_f64.sqrt())).abs() < 1e-12, "{least}");
}

#[test]
fn ejections_that_follow_each_other_are_longer_up_to_a_bound_and_calm_shortens_them() {
    let settings = Settings { eject_max: Duration::from_secs(35), ..Settings::default() };
    let mut records = trio(0);
    let mut eject_at = |now: Time| {
        records[0].observe(many(0, 5), now, &settings);
        let verdicts = swept(&mut records, now, &settings);
        let Some((0, Verdict::Eject { until, .. })) = verdicts.last() else {
            panic!("{verdicts:?}")
        };
        let length = until.since(now).as_secs();
        swept(&mut records, *until, &settings);
        (*until, length)
    };
    let mut now = second(100);
    for length in [10, 20, 30, 35, 35, 35] {
        assert_eq!(eject_at(now).1, length);
        now = now.after(Duration::from_secs(length));
    }
    // Less than a window of calm changes nothing, each full one takes a step.
    for (calm, length) in [(9_999, 35), (10_000, 35), (20_000, 30), (35_000, 10), (3_600_000, 10)] {
        let (until, took) = eject_at(now.after(Duration::from_millis(calm)));
        assert_eq!(took, length, "{calm}");
        now = until;
    }
}

#[test]
fn calm_begins_when_an_ejection_ends_however_late_that_is_noticed() {
    for (noticed, steps) in [(110_000, 1), (119_999, 1), (120_000, 0)] {
        let mut records = trio(5);
        swept(&mut records, second(100), &Settings::default());
        assert_eq!(records[0].ejections(), 1);
        swept(&mut records, millis(noticed), &Settings::default());
        assert_eq!((records[0].state(), records[0].ejections()), (State::Well, steps));
        swept(&mut records, second(120), &Settings::default());
        assert_eq!(records[0].ejections(), 0);
    }
}

#[test]
fn failures_from_before_an_ejection_do_not_count_after_it() {
    let settings = Settings::default();
    let mut records = trio(0);
    let counted = |failed, in_a_row| Observed { answered: 0, failed, in_a_row: Some(in_a_row) };
    records[0].observe(counted(30, 30), second(100), &settings);
    assert_eq!(verdict(&mut records, second(100), &settings), "consecutive_failures");
    records[0].observe(counted(3, 33), second(101), &settings);
    assert_eq!(verdict(&mut records, second(110), &settings), "readmit");
    records[0].observe(counted(4, 37), second(111), &settings);
    assert_eq!(verdict(&mut records, second(111), &settings), "");
    records[0].observe(counted(1, 38), second(112), &settings);
    assert_eq!(verdict(&mut records, second(112), &settings), "consecutive_failures");
}

#[test]
fn only_as_many_as_allowed_are_ejected_and_the_worst_go_first() {
    let settings = rates();
    let mut records = [Record::default(); 5];
    for (record, failed) in records.iter_mut().zip([30, 90, 0, 70, 50]) {
        record.observe(many(100 - failed, failed), second(1), &settings);
    }
    let positions = |verdicts: Vec<(usize, Verdict)>| -> Vec<usize> {
        verdicts.into_iter().map(|(position, _)| position).collect()
    };
    assert_eq!(positions(swept(&mut records, second(1), &settings)), [1, 3]);
    assert_eq!(positions(swept(&mut records, second(2), &settings)), []);
}

/// Under too much load all fail, and whoever were ejected for it would leave even more to the others.
#[test]
fn where_all_fail_alike_only_who_is_clearly_worse_is_an_outlier() {
    // What came of an endpoint's attempts, and of those of the two others together.
    let table = [
        ((70, 30), (200, 0), "failure_rate"),
        ((85, 15), (170, 30), ""),
        ((70, 30), (170, 30), "failure_rate"),
        ((60, 40), (140, 60), ""),
        ((40, 60), (140, 60), "failure_rate"),
        ((10, 90), (20, 180), ""),
        ((0, 100), (100, 100), "failure_rate"),
        ((19, 1), (0, 0), ""),
        ((10, 10), (0, 0), "failure_rate"),
        // Fewer attempts may be worse by chance.
        ((8, 12), (140, 60), ""),
    ];
    for ((answered, failed), (others_answered, others_failed), expected) in table {
        let mut records = [Record::default(); 3];
        records[0].observe(many(answered, failed), second(1), &rates());
        let others = many(others_answered / 2, others_failed / 2);
        records[1..].iter_mut().for_each(|record| record.observe(others, second(1), &rates()));
        let case = (answered, failed, others_answered, others_failed);
        assert_eq!(verdict(&mut records, second(1), &rates()), expected, "{case:?}");
    }
    // In a row: what came before, the others' failures of a hundred, how many are too many.
    let settings = Settings { failure_rate: None, ..Settings::default() };
    for (answered, others_failed, most) in [(0, 0, 5), (95, 0, 5), (95, 10, 24), (0, 60, 14)] {
        for (failed, expected) in [(most - 1, ""), (most, "consecutive_failures")] {
            let mut records = [Record::default(); 2];
            records[1].observe(many(100 - others_failed, others_failed), second(1), &settings);
            records[0].observe(many(answered, 0), second(1), &settings);
            records[0].observe(many(0, failed), second(1), &settings);
            let case = (answered, others_failed, failed);
            assert_eq!(verdict(&mut records, second(1), &settings), expected, "{case:?}");
        }
    }
}

#[test]
fn how_many_may_be_ejected_is_a_share_but_one_of_two() {
    let table = [
        (0.5, 0, 0),
        (0.5, 1, 0),
        (1.0, 1, 1),
        (0.5, 2, 1),
        (0.01, 2, 1),
        (0.0, 2, 0),
        (0.5, 3, 1),
        (0.5, 4, 2),
        (0.29, 100, 29),
        (1.0, 7, 7),
        (9.0, 7, 7),
        (-1.0, 7, 0),
        (f64::NAN, 7, 0),
    ];
    for (max_ejected, endpoints, expected) in table {
        let settings = Settings { max_ejected, ..Settings::default() };
        assert_eq!(settings.ejected_max(endpoints), expected, "{max_ejected} of {endpoints}");
    }
}

#[test]
fn silence_is_a_stall_from_its_bound_on_and_only_while_others_answer() {
    let settings = Settings::default();
    let usual = |millis| Some(Duration::from_millis(millis));
    // When several were first seen to wait, own p99, when another answered, how many wait there.
    let table = [
        (99_001, None, 100_000, 1, ""),
        (99_000, None, 100_000, 1, "stall"),
        (99_000, usual(100), 100_000, 1, "stall"),
        (99_000, usual(101), 100_000, 1, ""),
        (98_990, usual(101), 100_000, 1, "stall"),
        (99_000, None, 98_999, 1, ""),
        (99_000, None, 99_000, 1, "stall"),
        (99_000, None, 98_999, 0, "stall"),
        (99_000, None, 90_001, 0, "stall"),
        (99_000, None, 90_000, 0, ""),
    ];
    for (from, p99, answered, attempts, expected) in table {
        let mut records = [Record::default(); 2];
        silent(&mut records[0], from, 100_000, p99);
        records[1].observe(Observed::ANSWERED, millis(answered), &settings);
        let now = millis(100_000);
        records[1].observe_waiting(Waiting { attempts, ..Waiting::default() }, now);
        let case = (from, p99, answered, attempts);
        assert_eq!(verdict(&mut records, now, &settings), expected, "{case:?}");
    }
}

/// A report that takes two seconds is no sign that who works on it answers nobody.
#[test]
fn the_fewer_wait_the_longer_a_silence_has_to_be() {
    let settings = Settings::default();
    let table = [(1, 2_500), (2, 1_500), (3, 1_000), (4, 1_000), (900, 1_000)];
    for (attempts, least) in table {
        for (quiet, expected) in [(least - 1, ""), (least, "stall")] {
            let mut records = [Record::default(); 2];
            let waiting = Waiting { attempts, is_usual_known: true, ..Waiting::default() };
            for at in [100_000 - quiet, 100_000] {
                records[0].observe_waiting(waiting, millis(at));
            }
            records[1].observe(Observed::ANSWERED, millis(100_000), &settings);
            let case = (attempts, quiet);
            assert_eq!(verdict(&mut records, millis(100_000), &settings), expected, "{case:?}");
        }
    }
}

#[test]
fn a_byte_or_too_few_that_wait_end_a_silence() {
    let settings = Settings::default();
    let silence = Waiting { attempts: 3, ..Waiting::default() };
    let heard = Waiting { heard: millis(99_900), ..silence };
    for (between, expected) in [
        (silence, "stall"),
        (Waiting { attempts: 2, ..silence }, ""),
        (Waiting { attempts: 2, is_usual_known: true, ..silence }, "stall"),
        (heard, ""),
    ] {
        let mut records = trio(0);
        for (waiting, now) in [(silence, second(98)), (between, millis(99_900))] {
            records[0].observe_waiting(waiting, now);
        }
        records[0].observe_waiting(silence, second(100));
        assert_eq!(verdict(&mut records, second(100), &settings), expected);
    }
}

#[test]
fn where_all_fall_silent_the_one_that_answered_last_is_left() {
    let settings = Settings::default();
    let mut records = [Record::default(); 3];
    for (position, record) in records.iter_mut().enumerate() {
        record.observe(Observed::ANSWERED, millis(99_100 + position as u64), &settings);
        silent(record, 99_000, 102_000, None);
    }
    let verdicts = swept(&mut records, second(102), &settings);
    let suspects: Vec<usize> = verdicts.into_iter().map(|(position, _)| position).collect();
    assert_eq!(suspects, [0, 1]);
    assert_eq!(swept(&mut records, second(103), &settings), []);
    // A suspicion does not outlive its rule.
    let off = Settings { stall: None, ..settings };
    let cleared = swept(&mut records, second(104), &off);
    assert_eq!(cleared, [(0, Verdict::Clear), (1, Verdict::Clear)]);
}

#[test]
fn causes_read_as_sentences_and_have_names() {
    let quiet = Duration::from_millis(1_250);
    let table = [
        (Cause::ConsecutiveFailures { failed: 5 }, "5 attempts in a row failed"),
        (Cause::FailureRate { failed: 9, attempts: 20 }, "9 of 20 attempts failed"),
        (
            Cause::SuccessRate { failed: 9, attempts: 20, least: 0.925 },
            "9 of 20 attempts failed, where its peers let expect 7.5% at most",
        ),
        (
            Cause::Stall { waiting: 4, quiet },
            "4 attempts wait and not a byte came for 1.2s, while others answer",
        ),
    ];
    for (cause, sentence) in table {
        assert_eq!(cause.to_string(), sentence);
        assert_eq!(table.iter().filter(|other| other.0.name() == cause.name()).count(), 1);
    }
}

#[test]
fn the_ends_of_time_and_empty_durations_overflow_nothing() {
    let shortest = Settings {
        window: Duration::ZERO,
        eject: Duration::ZERO,
        eject_max: Duration::ZERO,
        stall: Some(Duration::ZERO),
        min_requests: 0,
        consecutive: Some(0),
        ..Settings::default()
    };
    let longest = Settings {
        window: Duration::MAX,
        eject: Duration::MAX,
        eject_max: Duration::MAX,
        ..Settings::default()
    };
    let end = Time::from_nanos(u64::MAX);
    for (settings, until) in [(shortest, Time::START), (longest, end)] {
        let mut records = [Record::default(); 3];
        let mut see_thrice = |now: Time| {
            for _ in 0..3 {
                records[0].observe(many(u32::MAX, u32::MAX), now, &settings);
                swept(&mut records, now, &settings);
            }
            records[0].state()
        };
        assert_eq!(see_thrice(Time::START), State::Ejected { until });
        // Readmitted, ejected until the end of time, and readmitted.
        assert_eq!(see_thrice(end), State::Well);
    }
}

/// What is seen of one endpoint in one step.
#[derive(Clone, Debug)]
struct Part {
    answered: u32,
    failed: u32,
    waiting: u32,
    is_silent: bool,
}

fn part() -> impl Strategy<Value = Part> {
    let some = || prop_oneof![Just(0_u32), 0_u32..30];
    (some(), some(), 0_u32..6, any::<bool>()).prop_map(|(answered, failed, waiting, is_silent)| {
        Part { answered, failed, waiting, is_silent }
    })
}

/// The state that a verdict leads to; `None` if it has no place in this state.
fn successor(state: State, verdict: Verdict, now: Time) -> Option<State> {
    match (state, verdict) {
        (State::Well | State::Suspect { .. }, Verdict::Eject { until, .. }) => {
            Some(State::Ejected { until })
        }
        (State::Well, Verdict::Suspect { .. }) => Some(State::Suspect { since: now }),
        (State::Suspect { .. }, Verdict::Clear) => Some(State::Well),
        (State::Ejected { until }, Verdict::Readmit) if now >= until => Some(State::Well),
        _ => None,
    }
}

proptest! {
    #[test]
    fn never_more_than_allowed_are_ejected_and_verdicts_say_what_becomes_of_records(
        steps in prop::collection::vec((1_u64..20_000, prop::collection::vec(part(), 7)), 1..60),
        endpoints in 1_usize..8, max_ejected in 0.0_f64..1.0,
    ) {
        let settings = Settings { max_ejected, ..Settings::default() };
        let mut records = vec![Record::default(); endpoints];
        let mut now = Time::START;
        for (gap, parts) in steps {
            now = now.after(Duration::from_millis(gap));
            for (record, part) in records.iter_mut().zip(parts) {
                record.observe(many(part.answered, part.failed), now, &settings);
                let heard = if part.is_silent { Time::START } else { now };
                let waiting = Waiting { attempts: part.waiting, heard, ..Waiting::default() };
                record.observe_waiting(waiting, now);
            }
            let mut expected: Vec<State> = records.iter().map(Record::state).collect();
            for (position, verdict) in swept(&mut records, now, &settings) {
                let next = successor(expected[position], verdict, now);
                prop_assert!(next.is_some(), "{:?} of {:?}", verdict, expected[position]);
                expected[position] = next.unwrap();
            }
            let states: Vec<State> = records.iter().map(Record::state).collect();
            prop_assert_eq!(&states, &expected);
            let ejected = records.iter().filter(|record| record.is_ejected()).count();
            let share = (max_ejected * endpoints as f64 + 1e-9).floor() as usize;
            prop_assert!(ejected <= share.max(usize::from(endpoints >= 2)), "{}", ejected);
        }
    }

    #[test]
    fn counters_looked_at_now_and_then_lead_to_the_same_as_single_outcomes(
        outcomes in prop::collection::vec(prop::bool::weighted(0.7), 1..60),
    ) {
        let settings = Settings::default();
        let (mut single, mut counted) = (trio(0), trio(0));
        for &answered in &outcomes {
            let observed = if answered { Observed::ANSWERED } else { Observed::FAILED };
            single[0].observe(observed, second(100), &settings);
        }
        let failed = outcomes.iter().filter(|answered| !**answered).count() as u32;
        let in_a_row = outcomes.iter().rev().take_while(|answered| !**answered).count() as u32;
        let answered = outcomes.len() as u32 - failed;
        let observed = Observed { answered, failed, in_a_row: Some(in_a_row) };
        counted[0].observe(observed, second(100), &settings);
        let verdicts = [single, counted].map(|mut trio| swept(&mut trio, second(100), &settings));
        prop_assert_eq!(&verdicts[0], &verdicts[1]);
    }

    #[test]
    fn a_window_counts_no_less_than_nine_tenths_and_no_more_than_all_of_its_time(
        gaps in prop::collection::vec(0_u64..4_000, 1..100),
    ) {
        let (length, mut window) = (Duration::from_secs(10), Window::default());
        let (mut now, mut added) = (Time::START, Vec::new());
        for gap in gaps {
            now = now.after(Duration::from_millis(gap));
            window.add(Count { answered: 1, failed: 2 }, now, length);
            added.push(now);
            for later in [0, 2_000, 9_500, 20_000] {
                let now = now.after(Duration::from_millis(later));
                let within = |seconds| {
                    let length = Duration::from_secs(seconds);
                    added.iter().filter(|at| now.since(**at) < length).count()
                };
                let count = window.count(now, length);
                prop_assert_eq!(count.failed, 2 * count.answered);
                prop_assert!((within(9)..=within(10)).contains(&(count.answered as usize)));
            }
        }
    }
}
