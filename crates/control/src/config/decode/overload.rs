//! `limits` of a cluster: how much work its endpoints get at a time, and what becomes of the rest.

use std::ops::RangeInclusive;

use evenkeel_plan::overload::{Adapts, Limits};
use toml::de::DeValue;

use super::super::diagnostic::{Code, Diagnostic, quoted};
use super::super::section::{Field, Section};

/// Reads it.
pub(super) fn read(section: &mut Section<'_>) -> Limits {
    let default = Limits::default();
    let connections = section.optional("connections");
    let requests = section.optional("requests");
    let adaptive = section.optional("adaptive").and_then(|field| adapts(&field));
    Limits {
        connections: connections.and_then(|field| count_or_off(&field)),
        requests: requests.and_then(|field| count_or_off(&field)),
        pending: section.integer("pending", PENDING, default.pending),
        pending_wait: section.duration("pending_wait", default.pending_wait),
        adaptive: adaptive.unwrap_or(default.adaptive),
        priority: section
            .optional("priority")
            .and_then(|field| field.parsed("a field in quotes, or \"off\"", field_name))
            .flatten(),
    }
}

/// How many; `None` for any number.
fn count_or_off(field: &Field<'_>) -> Option<u32> {
    match field.value() {
        DeValue::String(text) if &**text == "off" => None,
        DeValue::String(_) => field.wrong_type("a number, or \"off\""),
        _ => field.integer(COUNT),
    }
}

/// When a limit follows how long answers take.
fn adapts(field: &Field<'_>) -> Option<Adapts> {
    match field.value() {
        DeValue::String(text) if &**text == "auto" => Some(Adapts::InNeed),
        DeValue::Boolean(true) => Some(Adapts::Always),
        DeValue::Boolean(false) => Some(Adapts::Never),
        _ => field.wrong_type("\"auto\", true or false"),
    }
}

/// Reads `"header:NAME"`, as keys of algorithms by hash are written; `None` for `"off"`.
fn field_name(text: &str) -> Result<Option<Box<str>>, Diagnostic> {
    if text == "off" {
        return Ok(None);
    }
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let name = text.strip_prefix("header:");
    name.filter(|name| !name.is_empty() && name.bytes().all(is_letter))
        .map(|name| Some(name.to_ascii_lowercase().into()))
        .ok_or_else(|| {
            Diagnostic::new(Code::UnknownWord, format!("{} names no field", quoted(text)))
                .label("wants `header:` and the name of a field")
                .help("as in \"header:x-priority\"")
        })
}

/// How many connections or requests an endpoint may have.
const COUNT: RangeInclusive<u64> = 1..=1_000_000;

/// How many requests may wait: each costs its connection, and some kilobytes.
const PENDING: RangeInclusive<u64> = 0..=65_535;
