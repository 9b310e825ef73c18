//! `hedge`: when a second attempt goes out while the first still waits.

use std::time::Duration;

use evenkeel_plan::budget::Allowance;
use evenkeel_plan::hedge::{After, Hedging};
use toml::de::DeValue;

use super::super::diagnostic::{Code, Diagnostic, quoted};
use super::super::section::{Field, Section, parse_wait};
use super::super::units::parse_share;

/// Reads it; `None` where there is none.
pub(super) fn read(field: Option<Field<'_>>) -> Option<Hedging> {
    let field = field?;
    if let DeValue::Table(_) = field.value() {
        return field.table(table);
    }
    let default = Hedging::default();
    field.parsed(
        "\"off\", a quantile such as \"p95\", a duration, or a table",
        |text| match text {
            "off" => Ok(None),
            _ => parse_after(text).map(|after| Some(Hedging { after, ..default })),
        },
    )?
}

fn table(section: &mut Section<'_>) -> Hedging {
    let default = Hedging::default();
    let after = section
        .optional("after")
        .and_then(|field| field.parsed("a quantile or a duration in quotes", parse_after));
    let share =
        section.optional("budget").and_then(|field| field.parsed("a share in quotes", parse_share));
    let share = share.unwrap_or(default.budget.share);
    Hedging { after: after.unwrap_or(default.after), budget: Allowance { share, ..default.budget } }
}

/// Reads `"p95"`, `"p99.9"` or a duration.
fn parse_after(text: &str) -> Result<After, Diagnostic> {
    let Some(percent) = text.strip_prefix('p') else {
        return parse_wait(text).map(After::Fixed).map_err(|problem| {
            problem.help("a quantile of the time to the first byte, as in \"p95\", or a duration, as in \"30ms\"")
        });
    };
    let number = percent.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let percent = percent.parse::<f64>().ok().filter(|_| number);
    percent
        .filter(|percent| (PERCENT_MIN..=PERCENT_MAX).contains(percent))
        .map(|percent| After::Quantile(percent / 100.0))
        .ok_or_else(|| {
            Diagnostic::new(Code::OutOfBounds, format!("{} is not a quantile", quoted(text)))
                .label("wants \"p50\" to \"p99.9\"")
        })
}

/// Writes what [`parse_after`] reads.
pub(in super::super) fn format_after(
    after: After,
    duration: impl Fn(Duration) -> String,
) -> String {
    match after {
        After::Quantile(quantile) => {
            let written = |digits: usize| format!("p{:.digits$}", quantile * 100.0);
            let exact = |text: &String| parse_after(text).is_ok_and(|read| read == after);
            (0..12).map(written).find(exact).unwrap_or_else(|| written(12))
        }
        After::Fixed(time) => duration(time),
    }
}

/// Below it more than half of all requests would be hedged.
const PERCENT_MIN: f64 = 50.0;

/// What lies above it takes ten thousand answers to be known.
const PERCENT_MAX: f64 = 99.9;
