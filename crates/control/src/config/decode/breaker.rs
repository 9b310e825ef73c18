//! `breaker`: when an endpoint that fails, or is slow, gets nothing for a while, and then a few attempts on trial.

use std::ops::RangeInclusive;

use evenkeel_plan::breaker::Settings;
use evenkeel_plan::limits::{BREAKER_MIN_REQUESTS_MAX, BREAKER_TRIALS_MAX};

use super::super::section::{Field, Section};
use super::table_or_off;

/// Reads it; `None` where there is none.
pub(super) fn read(field: Option<Field<'_>>) -> Option<Settings> {
    table_or_off(field, Settings::default(), table)
}

fn table(section: &mut Section<'_>) -> Settings {
    let default = Settings::default();
    Settings {
        failure_rate: section.share_or_off("failure_rate", default.failure_rate),
        slow_rate: section.share_or_off("slow_rate", default.slow_rate),
        slow: section.duration("slow", default.slow),
        min_requests: section.integer("min_requests", MIN_REQUESTS, default.min_requests),
        window: section.duration("window", default.window),
        cool_down: section.duration("cool_down", default.cool_down),
        trials: section.integer("trials", TRIALS, default.trials),
    }
}

const MIN_REQUESTS: RangeInclusive<u64> = 1..=BREAKER_MIN_REQUESTS_MAX as u64;

const TRIALS: RangeInclusive<u64> = 1..=BREAKER_TRIALS_MAX as u64;
