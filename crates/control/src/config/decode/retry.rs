//! `retry`: what is tried again that failed, and how often.

use std::ops::RangeInclusive;

use evenkeel_plan::budget::Allowance;
use evenkeel_plan::retry::{RetryPolicy, Trigger};
use toml::Spanned;
use toml::de::DeValue;

use super::super::diagnostic::{Code, Diagnostic, Span};
use super::super::section::{Field, Section};
use super::super::suggest;
use super::super::units::{format_size, parse_rate, parse_share, parse_size};

/// Reads it, and where it names a status of gRPC.
pub(super) fn read(field: Option<Field<'_>>) -> (RetryPolicy, Option<Span>) {
    let Some(field) = field else { return Default::default() };
    let help = match field.value() {
        DeValue::Table(_) => return field.table(table).unwrap_or_default(),
        DeValue::String(text) if &**text == "off" => {
            return (RetryPolicy { attempts: 1, ..RetryPolicy::default() }, None);
        }
        DeValue::String(text) => in_a_table(text),
        DeValue::Integer(number) => in_a_table(number.as_str()),
        DeValue::Boolean(true) => {
            "what fails is tried again unless it is \"off\": leave it out".to_owned()
        }
        DeValue::Array(items) => on(items.iter().filter_map(|item| match item.get_ref() {
            DeValue::Integer(number) => Some(number.as_str()),
            value => value.as_str(),
        })),
        _ => return field.wrong_type(WANTED).unwrap_or_default(),
    };
    field.mistyped(WANTED, Some(help)).unwrap_or_default()
}

/// How to write what stands in place of the table.
fn in_a_table(text: &str) -> String {
    match text.parse::<u64>() {
        Ok(0) => "write \"off\"".to_owned(),
        Ok(1) => {
            "the first attempt counts: write \"off\", or `retry = { attempts = 2 }` for one more"
                .to_owned()
        }
        Ok(attempts) if ATTEMPTS.contains(&attempts) => {
            format!("write `retry = {{ attempts = {attempts} }}`: the first attempt counts")
        }
        _ if suggest::translate(text, &["off"]).is_some() => "write \"off\"".to_owned(),
        _ => on(text.split([',', ' '])),
    }
}

/// How to write that these are tried again.
fn on<'t>(words: impl Iterator<Item = &'t str>) -> String {
    let known = Trigger::ALL.map(Trigger::name);
    let mut meant: Vec<&str> = Vec::new();
    for word in words {
        let one = suggest::translate(word, &known).or_else(|| suggest::closest_value(word, &known));
        let all = suggest::several(word, &known).unwrap_or(one.as_slice());
        let new: Vec<&str> = all.iter().copied().filter(|name| !meant.contains(name)).collect();
        meant.extend(new);
    }
    match &*meant {
        [] => "as in `retry = { attempts = 3, on = [\"connect\", \"503\"] }`".to_owned(),
        _ => format!("write `retry = {{ on = [\"{}\"] }}`", meant.join("\", \"")),
    }
}

fn table(section: &mut Section<'_>) -> (RetryPolicy, Option<Span>) {
    let default = RetryPolicy::default();
    let mut number = |key, expected: &str, parse: fn(&str) -> Result<f64, Diagnostic>, usual| {
        let field = section.optional(key);
        field.and_then(|field| field.parsed(expected, parse)).unwrap_or(usual)
    };
    let budget = Allowance {
        share: number("budget", "a share in quotes", parse_share, default.budget.share),
        per_second: number(
            "budget_min",
            "a rate such as \"10/s\"",
            parse_rate,
            default.budget.per_second,
        ),
    };
    let body = section.optional("body");
    let attempts = section.integer("attempts", ATTEMPTS, default.attempts);
    let on = section.optional("on").map(|field| triggers(&field));
    let is_of_grpc = |it: &&Spanned<Trigger>| it.get_ref().name().starts_with("grpc-");
    let calls = on.iter().flatten().find(is_of_grpc).map(Spanned::span);
    let policy = RetryPolicy {
        attempts,
        on: on.map_or(default.on, |on| on.into_iter().map(Spanned::into_inner).collect()),
        budget,
        backoff: section.duration("backoff", default.backoff),
        body: body
            .and_then(|body| body.parsed("a size in quotes", parse_body))
            .unwrap_or(default.body),
    };
    (policy, calls)
}

fn triggers(field: &Field<'_>) -> Vec<Spanned<Trigger>> {
    let words = Trigger::ALL.map(|trigger| (trigger.name(), trigger));
    let read = |item: &Field<'_>| Some(Spanned::new(item.span(), item.choice(&words)?));
    field.items("a failure").iter().filter_map(read).collect()
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

const WANTED: &str = "\"off\" or a table";

/// 1 is the first attempt and no other.
const ATTEMPTS: RangeInclusive<u64> = 1..=16;

/// What a thousand uploads at once may cost: a gigabyte.
const BODY_BYTES_MAX: u64 = 1 << 20;
