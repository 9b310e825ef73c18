use proptest::prelude::*;

use super::*;

fn check() -> HealthCheck {
    HealthCheck { fall: 3, rise: 2, ..HealthCheck::default() }
}

/// Every state that can be reached with `fall = 3` and `rise = 2`, and where each outcome leads.
#[test]
fn every_state_and_outcome_leads_where_the_table_says() {
    use Outcome::{Fail, Pass};
    use Standing::{Down, Unchecked, Up};
    let table = [
        ((Unchecked, 0), Pass, (Up, 0), Some(Up)),
        ((Unchecked, 0), Fail, (Down, 0), Some(Down)),
        ((Up, 0), Pass, (Up, 0), None),
        ((Up, 0), Fail, (Up, 1), None),
        ((Up, 1), Pass, (Up, 0), None),
        ((Up, 1), Fail, (Up, 2), None),
        ((Up, 2), Pass, (Up, 0), None),
        ((Up, 2), Fail, (Down, 0), Some(Down)),
        ((Down, 0), Fail, (Down, 0), None),
        ((Down, 0), Pass, (Down, 1), None),
        ((Down, 1), Fail, (Down, 0), None),
        ((Down, 1), Pass, (Up, 0), Some(Up)),
    ];
    let mut reached = vec![(Unchecked, 0)];
    for ((standing, against), outcome, after, changed) in table {
        let mut machine = RiseFall { standing, against };
        assert_eq!(
            machine.observe(outcome, &check()),
            changed,
            "{standing:?} {against} {outcome:?}"
        );
        assert_eq!(
            (machine.standing, machine.against),
            after,
            "{standing:?} {against} {outcome:?}"
        );
        reached.push(after);
    }
    // The table is closed: whatever it reaches, it also describes for both outcomes.
    for state in reached {
        for outcome in [Pass, Fail] {
            assert!(
                table.iter().any(|row| row.0 == state && row.1 == outcome),
                "{state:?} {outcome:?}"
            );
        }
    }
}

#[test]
fn the_pace_is_fast_only_while_outcomes_speak_against_the_standing() {
    let millis = Duration::from_millis;
    let certain = RiseFall { standing: Standing::Up, against: 0 };
    let uncertain = RiseFall { standing: Standing::Up, against: 1 };
    let coming_back = RiseFall { standing: Standing::Down, against: 1 };
    let table = [
        // interval, fast_interval, machine, pace
        (2_000, None, RiseFall::default(), 2_000),
        (2_000, None, certain, 2_000),
        (2_000, None, uncertain, 500),
        (2_000, None, coming_back, 500),
        (800, None, uncertain, 250),
        (100, None, uncertain, 100),
        (60_000, None, uncertain, 15_000),
        (2_000, Some(10), uncertain, 10),
        (2_000, Some(10), certain, 2_000),
        (2_000, Some(5_000), uncertain, 2_000),
    ];
    for (interval, fast, machine, pace) in table {
        let (interval, fast_interval) = (millis(interval), fast.map(millis));
        let check = HealthCheck { interval, fast_interval, ..HealthCheck::default() };
        assert_eq!(check.pace(&machine), millis(pace), "{interval:?} {fast:?} {machine:?}");
    }
}

#[test]
fn an_endpoint_is_down_as_long_as_any_of_its_checks_says_so() {
    use Standing::{Down, Unchecked, Up};
    let table: [(&[Standing], Standing); 9] = [
        (&[], Unchecked),
        (&[Unchecked], Unchecked),
        (&[Up], Up),
        (&[Down], Down),
        (&[Unchecked, Up], Up),
        (&[Up, Unchecked], Up),
        (&[Unchecked, Down], Down),
        (&[Up, Down, Up], Down),
        (&[Down, Up, Unchecked], Down),
    ];
    for (standings, expected) in table {
        assert_eq!(overall(standings.iter().copied()), expected, "{standings:?}");
    }
}

proptest! {
    #[test]
    fn a_standing_changes_only_after_enough_outcomes_in_a_row(
        outcomes in prop::collection::vec(prop::bool::ANY, 1..200), fall in 1_u32..6, rise in 1_u32..6,
    ) {
        let check = HealthCheck { fall, rise, ..HealthCheck::default() };
        let mut machine = RiseFall::default();
        for (position, &passed) in outcomes.iter().enumerate() {
            let outcome = if passed { Outcome::Pass } else { Outcome::Fail };
            let Some(standing) = machine.observe(outcome, &check) else { continue };
            prop_assert_eq!(standing == Standing::Up, passed);
            let needed = if position == 0 { 1 } else if passed { rise } else { fall };
            let run = outcomes[..=position].iter().rev().take_while(|&&other| other == passed).count();
            prop_assert!(run >= needed as usize);
        }
    }
}
