use proptest::prelude::*;

use super::*;

const NOW: Time = Time::from_nanos(1);
const GONE: Failure = Failure::Reset;
const UNAVAILABLE: Failure = Failure::Status { status: 503, retry_after: None };

const fn status(status: u16) -> Failure {
    Failure::Status { status, retry_after: None }
}

const fn call(code: u8) -> Failure {
    Failure::Grpc { code, pushback: None }
}

fn course(failure: Failure) -> Course {
    Course {
        failure,
        idempotent: true,
        sent: true,
        body_kept: true,
        answered: false,
        attempts: 1,
        tries: 1,
    }
}

fn wait(course: &Course, random: u64) -> Duration {
    match decide(&RetryPolicy::default(), course, &Budget::default(), NOW, random) {
        Decision::Again { after } => after,
        Decision::No(why) => panic!("{why:?}"),
    }
}

/// All failures × idempotent × sent × body kept × answered × attempts × triggers × budget, each against the rules written
/// the other way around: as the list of what must hold for a yes.
#[test]
fn every_course_is_decided_as_the_rules_say() {
    // Every failure, the trigger that it needs, whether it costs budget, whether it counts when bytes were sent and when none
    // were, and whether the endpoint cannot have begun whatever was sent.
    let failures = [
        (Failure::Refused, Some(Trigger::Connect), false, [false, false], false),
        (Failure::Crowded, Some(Trigger::Connect), false, [false, false], false),
        (Failure::ConnectTimeout, Some(Trigger::Connect), true, [true, true], false),
        (Failure::Stale, None, false, [true, false], false),
        (Failure::Reset, Some(Trigger::Reset), true, [true, true], false),
        (Failure::RefusedStream, Some(Trigger::RefusedStream), true, [true, true], true),
        (Failure::FirstByteTimeout, Some(Trigger::GatewayTimeout), true, [true, true], false),
        (Failure::Stalled, None, true, [true, true], false),
        (status(502), Some(Trigger::BadGateway), true, [true, true], false),
        (UNAVAILABLE, Some(Trigger::ServiceUnavailable), true, [true, true], false),
        (status(504), Some(Trigger::GatewayTimeout), true, [true, true], false),
        (status(500), None, true, [true, true], false),
        (status(200), None, true, [true, true], false),
        (call(14), Some(Trigger::GrpcUnavailable), true, [true, true], true),
        (call(4), Some(Trigger::GrpcDeadlineExceeded), true, [true, true], true),
        (call(3), None, true, [true, true], true),
    ];
    let (mut yes, mut no) = (0, [0; 6]);
    for (failure, trigger, charged, counts, unseen) in failures {
        for bits in 0..64_u32 {
            let bit = |position: u32| bits >> position & 1 == 1;
            let (idempotent, sent, body_kept, answered) = (bit(0), bit(1), bit(2), bit(3));
            let (listed, rich) = (bit(4), bit(5));
            for attempts in 0..5 {
                let is_answer = matches!(failure, Failure::Status { .. } | Failure::Grpc { .. });
                let is_known = trigger.is_some() || !is_answer;
                let on = Trigger::ALL
                    .into_iter()
                    .filter(|one| listed || Some(*one) != trigger)
                    .collect();
                let allowance = Allowance { share: 0.0, per_second: if rich { 0.1 } else { 0.0 } };
                let policy = RetryPolicy { on, budget: allowance, ..RetryPolicy::default() };
                let course =
                    Course { idempotent, sent, body_kept, answered, attempts, ..course(failure) };
                let budget = Budget::default();
                let decision = decide(&policy, &course, &budget, NOW, 0);
                let is_spent = rich && !budget.spend(NOW, &allowance);
                let counted = counts[usize::from(!sent)];
                let allowed = is_known && (listed || trigger.is_none()) && !answered;
                let harmless = idempotent || !sent || unseen;
                let in_bounds = !counted || attempts < 3;
                let affordable = rich || !charged;
                let expected = allowed && harmless && body_kept && in_bounds && affordable;
                assert_eq!(matches!(decision, Decision::Again { .. }), expected, "{course:?}");
                assert_eq!(is_spent, expected && charged, "{course:?}");
                match decision {
                    Decision::Again { after } => {
                        assert_eq!(after, Duration::ZERO);
                        yes += 1;
                    }
                    Decision::No(why) => no[why as usize] += 1,
                }
            }
        }
    }
    assert!(yes > 0 && no.iter().all(|&count| count > 0), "{yes} {no:?}");
}

/// Takes away one reason against another attempt.
type Mend = fn(&mut Course);

#[test]
fn the_reason_that_can_never_change_is_the_one_that_is_given() {
    let hopeless = Course {
        idempotent: false,
        body_kept: false,
        answered: true,
        attempts: 3,
        ..course(status(500))
    };
    let steps: [(Why, Mend); 5] = [
        (Why::AnswerBegun, |course| course.answered = false),
        (Why::NotListed, |course| course.failure = UNAVAILABLE),
        (Why::NotIdempotent, |course| course.idempotent = true),
        (Why::BodyGone, |course| course.body_kept = true),
        (Why::AttemptsSpent, |course| course.attempts = 2),
    ];
    let poor =
        RetryPolicy { budget: Allowance { share: 0.2, per_second: 0.0 }, ..RetryPolicy::default() };
    let mut course = hopeless;
    for (why, mend) in steps {
        assert_eq!(decide(&poor, &course, &Budget::default(), NOW, 0), Decision::No(why));
        mend(&mut course);
    }
    let last = decide(&poor, &course, &Budget::default(), NOW, 0);
    assert_eq!(last, Decision::No(Why::BudgetSpent));
}

#[test]
fn free_attempts_end_at_the_bound_of_endpoints_and_where_retries_are_off() {
    for failure in [Failure::Refused, Failure::Crowded, Failure::Stale] {
        let many = Course { sent: false, attempts: 2, tries: TRIES_MAX - 1, ..course(failure) };
        assert_eq!(wait(&many, u64::MAX), Duration::ZERO);
        let policy = RetryPolicy::default();
        let all = Course { tries: TRIES_MAX, ..many };
        let spent = Decision::No(Why::AttemptsSpent);
        assert_eq!(decide(&policy, &all, &Budget::default(), NOW, 0), spent);
        let single = RetryPolicy { attempts: 1, ..policy };
        assert_eq!(decide(&single, &many, &Budget::default(), NOW, 0), spent);
    }
}

#[test]
fn the_wait_doubles_to_its_bound_and_jitter_takes_any_part_of_it() {
    let longest = |attempts: u32| {
        let patient = RetryPolicy { attempts: u32::MAX, ..RetryPolicy::default() };
        let course = Course { attempts, ..course(GONE) };
        let decision = decide(&patient, &course, &Budget::default(), NOW, u64::MAX);
        let Decision::Again { after } = decision else { panic!("{decision:?}") };
        (after + Duration::from_nanos(1)).as_millis()
    };
    assert_eq!([1, 2, 3, 4, 5, 6, 100].map(longest), [25, 50, 100, 200, 400, 400, 400]);
    assert_eq!(wait(&course(GONE), 0), Duration::ZERO);
    assert_eq!(wait(&course(GONE), 1 << 63), Duration::from_micros(12_500));
    let own = [Failure::Refused, Failure::Crowded, Failure::Stale];
    for failure in own.into_iter().chain([Failure::RefusedStream, Failure::Stalled]) {
        assert_eq!(wait(&course(failure), u64::MAX), Duration::ZERO);
    }
}

#[test]
fn a_pause_that_the_endpoint_asks_for_is_waited_for_up_to_a_bound() {
    for (asked, waited) in [(0, 0), (700, 700), (1_000, 1_000), (1_001, 1_000), (120_000, 1_000)] {
        let retry_after = Some(Duration::from_millis(asked));
        let course = course(Failure::Status { status: 503, retry_after });
        assert_eq!(wait(&course, 0), Duration::from_millis(waited));
        let on = [Trigger::GrpcUnavailable].into_iter().collect();
        let policy = RetryPolicy { on, ..RetryPolicy::default() };
        let course =
            Course { failure: Failure::Grpc { code: 14, pushback: retry_after }, ..course };
        let after = Duration::from_millis(waited);
        let decision = decide(&policy, &course, &Budget::default(), NOW, 0);
        assert_eq!(decision, Decision::Again { after });
    }
}

#[test]
fn every_trigger_is_found_by_its_name_and_sets_hold_what_was_put_in() {
    for trigger in Trigger::ALL {
        assert_eq!(Trigger::from_name(trigger.name()), Some(trigger));
        let one = Triggers::from_iter([trigger]);
        assert!(Trigger::ALL.into_iter().all(|other| one.contains(other) == (other == trigger)));
        assert_eq!(Triggers::default().contains(trigger), Trigger::USUAL.contains(&trigger));
    }
    assert_eq!(Trigger::from_name("500"), None);
}

#[test]
fn a_call_is_made_again_after_a_status_that_is_listed_and_after_no_other() {
    let names = [
        (1, "grpc-cancelled"),
        (2, "grpc-unknown"),
        (4, "grpc-deadline-exceeded"),
        (8, "grpc-resource-exhausted"),
        (10, "grpc-aborted"),
        (13, "grpc-internal"),
        (14, "grpc-unavailable"),
        (15, "grpc-data-loss"),
    ];
    for code in 0..=u8::MAX {
        let its_own = names.iter().find(|(known, _)| *known == code).map(|(_, name)| *name);
        // As calls are: with a method that is not idempotent, and sent.
        let course = Course { idempotent: false, ..course(call(code)) };
        let decision = |on: Triggers| {
            let policy = RetryPolicy { on, ..RetryPolicy::default() };
            decide(&policy, &course, &Budget::default(), NOW, 0)
        };
        let again = Trigger::ALL.into_iter().filter(|trigger| {
            matches!(decision(Triggers::from_iter([*trigger])), Decision::Again { .. })
        });
        assert!(again.map(Trigger::name).eq(its_own), "{code}");
        assert_eq!(decision(Triggers::default()), Decision::No(Why::NotListed), "{code}");
    }
}

#[test]
fn a_call_has_failed_by_a_status_that_is_not_good_unless_nobody_is_to_try_again() {
    type Row = (&'static [u8], Option<&'static [u8]>, Option<Failure>);
    let millis = |millis| Some(Duration::from_millis(millis));
    let failed = |code, pushback| Some(Failure::Grpc { code, pushback });
    let table: [Row; 12] = [
        (b"14", None, failed(14, None)),
        (b"14", Some(b"0"), failed(14, millis(0))),
        (b"8", Some(b"250"), failed(8, millis(250))),
        (b"255", None, failed(255, None)),
        (b"0", None, None),
        (b"256", None, None),
        (b"", None, None),
        (b"-1", None, None),
        (b"14", Some(b"-1"), None),
        (b"14", Some(b"soon"), None),
        (b"14", Some(b""), None),
        (b"\xff", None, None),
    ];
    for (status, pushback, failure) in table {
        let shown = String::from_utf8_lossy(status);
        assert_eq!(Failure::of_call(status, pushback), failure, "{shown} {pushback:?}");
    }
}

proptest! {
    #[test]
    fn no_wait_is_longer_than_its_bounds(
        attempts in 0_u32..u32::MAX, random in any::<u64>(), nanos in any::<u64>(), asked in any::<u64>(),
    ) {
        let backoff = Duration::from_nanos(nanos);
        let policy = RetryPolicy { attempts: u32::MAX, backoff, ..RetryPolicy::default() };
        let retry_after = Some(Duration::from_nanos(asked));
        let course = Course { attempts, ..course(Failure::Status { status: 503, retry_after }) };
        let decision = decide(&policy, &course, &Budget::default(), NOW, random);
        let Decision::Again { after } = decision else { panic!("{decision:?}") };
        prop_assert!(after <= (backoff * BACKOFF_GROWTH_MAX).max(RETRY_AFTER_MAX));
        prop_assert!(after >= Duration::from_nanos(asked).min(RETRY_AFTER_MAX));
    }

    #[test]
    fn of_requests_that_all_fail_no_more_than_the_budget_are_tried_again(requests in 1_u32..2_000) {
        let (policy, budget) = (RetryPolicy::default(), Budget::default());
        let mut again = 0;
        for number in 0..requests {
            let now = NOW.after(Duration::from_millis(u64::from(number)));
            budget.earn(1, now);
            for attempts in 1..=3 {
                let course = Course { attempts, ..course(GONE) };
                again += u32::from(decide(&policy, &course, &budget, now, 0) != Decision::No(Why::BudgetSpent) && attempts < 3);
            }
        }
        prop_assert!(again <= requests / 5 + 100);
        prop_assert!(again >= (requests / 5 + 100).min(2 * requests) - 1);
    }
}
