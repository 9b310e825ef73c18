//! `limits` of a cluster: how much work its endpoints get at a time, and what becomes of the rest.

use std::ops::RangeInclusive;

use evenkeel_plan::cluster::HttpVersion;
use evenkeel_plan::overload::{Adapts, Limits};
use toml::de::DeValue;

use super::super::diagnostic::{Code, Diagnostic, quoted};
use super::super::section::{Field, Section};

/// Reads it, where endpoints are asked in `http`; `"off"` in its place limits nothing.
pub(super) fn read(field: Option<Field<'_>>, http: HttpVersion) -> Limits {
    let Some(field) = field else { return Limits::default() };
    let read = match field.value() {
        DeValue::String(_) => field
            .word(&["off"], &[])
            .map(|_| Limits { adaptive: Adapts::Never, ..Limits::default() }),
        DeValue::Table(_) => field.table(|section| table(section, http)),
        _ => field.wrong_type("\"off\" or a table"),
    };
    read.unwrap_or_default()
}

fn table(section: &mut Section<'_>, http: HttpVersion) -> Limits {
    let default = Limits::default();
    let count = |field: &Field<'_>| field.integer(COUNT);
    let limits = Limits {
        connections: section.or_off("connections", default.connections, count),
        requests: section.or_off("requests", default.requests, count),
        pending: section.integer("pending", PENDING, default.pending),
        pending_wait: section.duration("pending_wait", default.pending_wait),
        adaptive: section
            .optional("adaptive")
            .and_then(|field| adapts(&field))
            .unwrap_or(default.adaptive),
        priority: section
            .optional("priority")
            .and_then(|field| field.parsed("a field in quotes, or \"off\"", field_name))
            .flatten(),
    };
    if http != HttpVersion::Http2 {
        warn_of_unreachable_limit(section, &limits);
    }
    warn_of_empty_queue(section, &limits, http);
    limits
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

/// Over HTTP/1 each request holds a connection.
fn warn_of_unreachable_limit(section: &mut Section<'_>, limits: &Limits) {
    let (Some(requests), Some(connections)) = (limits.requests, limits.connections) else { return };
    if requests <= connections {
        return;
    }
    let written = section.optional("connections").map(|field| field.span());
    let (Some(field), Some(written)) = (section.optional("requests"), written) else { return };
    let message = format!(
        "an endpoint has at most {connections} connections, and so never {requests} requests"
    );
    field.report(
        Diagnostic::new(Code::LimitWithoutEffect, message)
            .label("is never reached")
            .related(written, "`connections` is here")
            .help("each request in flight holds a connection; leave one of the two out, or let `requests` be the lesser"),
    );
}

/// What is said about who waits does nothing where nobody can.
fn warn_of_empty_queue(section: &mut Section<'_>, limits: &Limits, http: HttpVersion) {
    let is_unlimited = limits.in_flight(http).is_none() && limits.adaptive == Adapts::Never;
    let (keys, why, help): (&[&'static str], _, _) = if is_unlimited {
        let why = match limits.connections {
            None => "nothing limits the endpoints",
            Some(_) => "`connections` limits none over HTTP/2",
        };
        let help = match http {
            HttpVersion::Http2 => "set `requests`, or leave out `adaptive = false`",
            _ => "set `requests` or `connections`, or leave out `adaptive = false`",
        };
        (&["pending", "pending_wait", "priority"], why, help)
    } else if limits.pending == 0 {
        let help = "let some wait, as in `pending = 100`, or leave it out";
        (&["pending_wait", "priority"], "`pending` is 0", help)
    } else {
        return;
    };
    for key in keys {
        let Some(field) = section.optional(key) else { continue };
        let message = format!("no request is ever queued, as {why}: `{key}` has no effect");
        let problem = Diagnostic::new(Code::LimitWithoutEffect, message);
        field.report_key(problem.label("has no effect").help(help));
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
