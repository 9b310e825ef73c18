//! `slow_start`, `panic_below` and `prefer_zone`: which endpoints of a cluster come into question.

use evenkeel_plan::balance::SlowStart;
use toml::de::DeValue;

use super::super::model::EligibilityConfig;
use super::super::section::{Field, Section, parse_wait};

/// Reads these keys of a cluster.
pub(super) fn read(section: &mut Section<'_>) -> EligibilityConfig {
    let default = EligibilityConfig::default();
    let mut share = |key, default| section.share_or_off(key, default);
    EligibilityConfig {
        panic_below: share("panic_below", Some(default.panic_below)).unwrap_or(0.0),
        prefer_zone: share("prefer_zone", default.prefer_zone),
        slow_start: section.optional("slow_start").and_then(slow_start),
    }
}

fn slow_start(field: Field<'_>) -> Option<SlowStart> {
    if let DeValue::Table(_) = field.value() {
        return field.table(table)?;
    }
    let evenly = |time| SlowStart { time, aggression: AGGRESSION_DEFAULT };
    field.parsed("a duration in quotes, \"off\", or a table", |text| match text {
        "off" => Ok(None),
        _ => parse_wait(text).map(|time| Some(evenly(time))),
    })?
}

fn table(section: &mut Section<'_>) -> Option<SlowStart> {
    let time =
        section.required("time", "as in `slow_start = { time = \"30s\", aggression = 2.0 }`");
    let aggression = section
        .optional("aggression")
        .and_then(|field| field.number(AGGRESSION_MIN..=AGGRESSION_MAX));
    let time = time?.parsed("a duration in quotes", parse_wait)?;
    Some(SlowStart { time, aggression: aggression.unwrap_or(AGGRESSION_DEFAULT) })
}

/// Evenly.
pub(in super::super) const AGGRESSION_DEFAULT: f64 = 1.0;

/// Below it an endpoint would get next to nothing for nearly the whole time.
pub(in super::super) const AGGRESSION_MIN: f64 = 0.1;

/// Above it, nearly all of its share at once.
pub(in super::super) const AGGRESSION_MAX: f64 = 10.0;
