//! `retry`: what is tried again that failed, and how often.

use std::ops::RangeInclusive;

use evenkeel_plan::budget::Allowance;
use evenkeel_plan::retry::{RetryPolicy, Trigger, Triggers};
use toml::de::DeValue;

use super::super::diagnostic::{Code, Diagnostic};
use super::super::section::{Field, Section};
use super::super::units::{format_size, parse_rate, parse_share, parse_size};

/// Reads it.
pub(super) fn read(field: Option<Field<'_>>) -> RetryPolicy {
    let Some(field) = field else { return RetryPolicy::default() };
    if let DeValue::Table(_) = field.value() {
        return field.table(table).unwrap_or_default();
    }
    // Whatever else it says is reported, and then it does not matter what it means.
    field.word(&["off"], &[]);
    RetryPolicy { attempts: 1, ..RetryPolicy::default() }
}

fn table(section: &mut Section<'_>) -> RetryPolicy {
    let default = RetryPolicy::default();
    let mut number = |key, expected: &str, parse: fn(&str) -> Result<f64, Diagnostic>, usual| {
        let field = section.optional(key);
        field.and_then(|field| field.parsed(expected, parse)).unwrap_or(usual)
    };
    let budget = Allowance {
        share: number("budget", "a share in quotes", parse_share, default.budget.share),
        per_second: number("budget_min", "a rate in quotes", parse_rate, default.budget.per_second),
    };
    let body = section.optional("body");
    RetryPolicy {
        attempts: section.integer("attempts", ATTEMPTS, default.attempts),
        on: section.optional("on").map_or(default.on, |field| triggers(&field)),
        budget,
        backoff: section.duration("backoff", default.backoff),
        body: body
            .and_then(|body| body.parsed("a size in quotes", parse_body))
            .unwrap_or(default.body),
    }
}

fn triggers(field: &Field<'_>) -> Triggers {
    let words = Trigger::ALL.map(|trigger| (trigger.name(), trigger));
    field.items("a failure").iter().filter_map(|item| item.choice(&words)).collect()
}

fn parse_body(text: &str) -> Result<u64, Diagnostic> {
    let bytes = parse_size(text)?;
    if bytes <= BODY_BYTES_MAX {
        return Ok(bytes);
    }
    Err(Diagnostic::new(Code::OutOfBounds, "`body` is out of bounds")
        .label(format!("wants at most {}", format_size(BODY_BYTES_MAX)))
        .help("so much is kept in memory for every request with a body that is under way"))
}

/// 1 is the first attempt and no other.
const ATTEMPTS: RangeInclusive<u64> = 1..=16;

/// What a thousand uploads at once may cost: a gigabyte.
const BODY_BYTES_MAX: u64 = 1 << 20;
