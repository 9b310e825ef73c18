//! `rebalance`: how long-lived streams move to endpoints that joined later.

use evenkeel_plan::rebalance::{Kind, Kinds, Settings};
use toml::Spanned;
use toml::de::DeValue;

use super::super::diagnostic::{Code, Diagnostic, quoted};
use super::super::section::{Field, Section};
use super::super::units::{parse_duration, parse_rate, parse_share, rate_meant};

/// Reads it; `None` where streams stay.
pub(super) fn read(field: Option<Field<'_>>) -> Option<Spanned<Settings>> {
    let field = field?;
    let (span, is_table) = (field.span(), matches!(field.value(), DeValue::Table(_)));
    let settings = if is_table { field.table(table) } else { short(&field) };
    settings.map(|settings| Spanned::new(span, settings))
}

fn short(field: &Field<'_>) -> Option<Settings> {
    field.parsed("\"off\", a rate such as \"1/s\", or a table", |text| match text {
        "off" => Ok(None),
        _ => pace(text).map(|pace| Some(Settings { pace, ..Settings::default() })),
    })?
}

fn table(section: &mut Section<'_>) -> Settings {
    let default = Settings::default();
    let mut number = |key, expected: &str, parse: fn(&str) -> Result<f64, Diagnostic>, usual| {
        let field = section.optional(key);
        field.and_then(|field| field.parsed(expected, parse)).unwrap_or(usual)
    };
    let pace = number("pace", "a rate such as \"1/s\"", pace, default.pace);
    let margin = number("margin", "a share in quotes", parse_share, default.margin);
    Settings {
        pace,
        margin,
        min_age: section
            .optional("min_age")
            .and_then(|field| field.parsed("a duration in quotes", parse_duration))
            .unwrap_or(default.min_age),
        kinds: section.optional("kinds").map_or(default.kinds, |field| kinds(&field)),
    }
}

fn kinds(field: &Field<'_>) -> Kinds {
    let words = Kind::ALL.map(|kind| (kind.name(), kind));
    let items = field.items("a kind of stream");
    if items.is_empty() && matches!(field.value(), DeValue::Array(_)) {
        let problem = Diagnostic::new(Code::OutOfBounds, "there is no kind of stream in the list")
            .label("is empty");
        field.report(problem.help("leave `rebalance` out, or set it to \"off\", to move nothing"));
    }
    items.iter().filter_map(|item| item.choice(&words)).collect()
}

fn pace(text: &str) -> Result<f64, Diagnostic> {
    match rate_meant(text) {
        // In whatever unit: what would be refused is not to be proposed.
        Some(pace) if !(PACE_MIN..=PACE_MAX).contains(&pace) => {
            let message = format!("{} is out of bounds", quoted(text));
            let problem = Diagnostic::new(Code::OutOfBounds, message);
            Err(problem.label("wants \"0.001/s\" to \"1000/s\"").help(PACE_HELP))
        }
        Some(_) => parse_rate(text),
        None => parse_rate(text).map_err(|problem| problem.help(PACE_HELP)),
    }
}

const PACE_HELP: &str =
    "as in \"1/s\"; \"0.001/s\" is one in a quarter of an hour, and \"off\" moves nothing";

/// One in a quarter of an hour.
const PACE_MIN: f64 = 0.001;

/// What comes faster is a stampede: each comes back with a handshake.
const PACE_MAX: f64 = 1_000.0;
