//! `outlier`: which endpoints do worse than they should, and get nothing for a while.

use std::ops::RangeInclusive;

use evenkeel_plan::outlier::Settings;

use super::super::section::{Field, Section};
use super::table_or_off;

/// Reads it; `None` where nobody looks.
pub(super) fn read(field: Option<Field<'_>>) -> Option<Settings> {
    table_or_off(field, Settings::default(), table)
}

fn table(section: &mut Section<'_>) -> Settings {
    let default = Settings::default();
    let consecutive = |field: &Field<'_>| field.integer(CONSECUTIVE);
    let deviations = |field: &Field<'_>| field.number(DEVIATIONS_MIN..=DEVIATIONS_MAX);
    Settings {
        consecutive: section.or_off("consecutive", default.consecutive, consecutive),
        failure_rate: section.share_or_off("failure_rate", default.failure_rate),
        deviations: section.or_off("deviations", default.deviations, deviations),
        min_requests: section.integer("min_requests", MIN_REQUESTS, default.min_requests),
        window: section.duration("window", default.window),
        eject: section.duration("eject", default.eject),
        eject_max: section.duration("eject_max", default.eject_max),
        max_ejected: section
            .share_or_off("max_ejected", Some(default.max_ejected))
            .unwrap_or_default(),
        stall: section.duration_or_off("stall", default.stall),
    }
}

/// In a row.
const CONSECUTIVE: RangeInclusive<u64> = 1..=10_000;

const MIN_REQUESTS: RangeInclusive<u64> = 1..=1_000_000;

/// Less than this, and half of any cluster are outliers.
pub(in super::super) const DEVIATIONS_MIN: f64 = 0.5;

/// More than this, and none ever is.
pub(in super::super) const DEVIATIONS_MAX: f64 = 10.0;
