//! When the next check is due: pure, so that pace and jitter are tested without waiting. Called by `health::checker`.

use std::time::Duration;

use evenkeel_plan::health::{HealthCheck, RiseFall};

/// From the start of one check to the start of the next: the pace at which `machine` wants to know, moved either way by at most its
/// share of jitter. `random` is drawn evenly from 0 to 1.
pub(super) fn pause(check: &HealthCheck, machine: &RiseFall, random: f64) -> Duration {
    let share = (check.jitter.clamp(0.0, 1.0) * (2.0 * random - 1.0)).clamp(-1.0, 1.0);
    check.pace(machine).mul_f64(1.0 + share).max(PAUSE_MIN)
}

/// Full jitter on a short interval may draw a pause of nothing, which would check without a breath.
const PAUSE_MIN: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use evenkeel_plan::health::Outcome;

    use super::*;

    #[test]
    fn a_pause_is_the_interval_give_or_take_the_jitter() {
        let table = [
            (0.2, 0.0, 1_600),
            (0.2, 0.5, 2_000),
            (0.2, 1.0, 2_400),
            (0.0, 1.0, 2_000),
            (1.0, 0.0, 10),
            (1.0, 1.0, 4_000),
            (7.0, 0.0, 10),
        ];
        for (jitter, random, millis) in table {
            let check = HealthCheck { jitter, ..HealthCheck::default() };
            let pause = pause(&check, &RiseFall::default(), random);
            assert_eq!(pause, Duration::from_millis(millis), "{jitter} {random}");
        }
    }

    #[test]
    fn the_pause_is_short_from_the_first_outcome_against_the_standing_to_the_change_or_the_end_of_the_streak()
     {
        use Outcome::{Fail, Pass};
        let check = HealthCheck { jitter: 0.0, ..HealthCheck::default() };
        let mut machine = RiseFall::default();
        let table = [
            // First checks decide.
            (Pass, 2_000),
            // A failure that was none.
            (Fail, 500),
            (Pass, 2_000),
            // Down at the third, and back.
            (Fail, 500),
            (Fail, 500),
            (Fail, 2_000),
            (Fail, 2_000),
            (Pass, 500),
            (Fail, 2_000),
            (Pass, 500),
            (Pass, 2_000),
        ];
        for (number, (outcome, millis)) in table.into_iter().enumerate() {
            machine.observe(outcome, &check);
            assert_eq!(pause(&check, &machine, 0.5), Duration::from_millis(millis), "{number}");
        }
    }
}
