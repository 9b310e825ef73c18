//! When the next check is due: pure, so that jitter is tested without waiting. Called by `health::checker`.

use std::time::Duration;

use evenkeel_plan::health::HealthCheck;

/// From the start of one check to the start of the next: the interval, moved either way by at most its share of jitter.
/// `random` is drawn evenly from 0 to 1.
pub(super) fn pause(check: &HealthCheck, random: f64) -> Duration {
    let share = (check.jitter.clamp(0.0, 1.0) * (2.0 * random - 1.0)).clamp(-1.0, 1.0);
    check.interval.mul_f64(1.0 + share).max(PAUSE_MIN)
}

/// Full jitter on a short interval may draw a pause of nothing, which would check without a breath.
const PAUSE_MIN: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
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
            assert_eq!(pause(&check, random), Duration::from_millis(millis), "{jitter} {random}");
        }
    }
}
