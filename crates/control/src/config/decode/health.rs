//! `health`: `false`, a path, or a table. Without it endpoints are checked by connecting to them.

use std::ops::RangeInclusive;
use std::time::Duration;

use evenkeel_plan::health::{CheckKind, HealthCheck};
use toml::de::DeValue;

use super::super::diagnostic::{Code, Diagnostic, quoted};
use super::super::section::{Field, Section};
use super::super::units;

/// Reads the check; `None` when it is switched off.
pub(super) fn read(field: Option<Field<'_>>) -> Option<HealthCheck> {
    let Some(field) = field else { return Some(HealthCheck::default()) };
    let check = match field.value() {
        DeValue::Boolean(false) => return None,
        DeValue::String(_) => field.parsed("a string", http_check),
        DeValue::Table(_) => field.table(table),
        _ => field.wrong_type("a path, a table, or false"),
    };
    Some(check.unwrap_or_default())
}

/// The check that asks for `path` and leaves the rest at its defaults.
pub(in super::super) fn http_check(path: &str) -> Result<HealthCheck, Diagnostic> {
    let path = parse_path(path)?;
    let kind = CheckKind::Http {
        method: METHOD_DEFAULT.into(),
        path,
        host: None,
        status: vec![STATUS_DEFAULT],
    };
    Ok(HealthCheck { kind, ..HealthCheck::default() })
}

fn table(section: &mut Section<'_>) -> HealthCheck {
    let default = HealthCheck::default();
    let interval = section.good_duration("interval", default.interval);
    let timeout = section.good_duration("timeout", default.timeout);
    if let (Some(interval), Some(timeout)) = (interval, timeout) {
        warn_of_overlap(section, interval, timeout);
    }
    let jitter = section.optional("jitter");
    HealthCheck {
        kind: kind(section),
        interval: interval.unwrap_or(default.interval),
        timeout: timeout.unwrap_or(default.timeout),
        jitter: jitter
            .and_then(|field| field.parsed("a share in quotes", units::parse_share))
            .unwrap_or(default.jitter),
        fall: section.integer("fall", IN_A_ROW, default.fall),
        rise: section.integer("rise", IN_A_ROW, default.rise),
    }
}

fn warn_of_overlap(section: &mut Section<'_>, interval: Duration, timeout: Duration) {
    if interval >= timeout {
        return;
    }
    let written = section.optional("interval").or_else(|| section.optional("timeout"));
    let span = written.map_or_else(|| section.span(), |field| field.span());
    let (interval, timeout) = (units::format_duration(interval), units::format_duration(timeout));
    section.report(
        Diagnostic::new(
            Code::IntervalBelowTimeout,
            format!("checks every {interval} may take {timeout} each"),
        )
        .label("the interval is below the timeout")
        .help("a hanging endpoint would be asked again before the last check is over; make `timeout` shorter")
        .at(span),
    );
}

fn kind(section: &mut Section<'_>) -> CheckKind {
    let kind = section.optional("kind").and_then(|field| field.word(&["tcp", "http"], &[]));
    let fields = ["path", "host", "method", "status"].map(|key| section.optional(key));
    if kind == Some("tcp") || kind.is_none() && fields.iter().all(Option::is_none) {
        for field in fields.iter().flatten() {
            field.report_misplaced(
                "a check of kind `tcp` only connects; leave out `kind` to send a request",
            );
        }
        return CheckKind::Tcp;
    }
    let [_, host, method, status] = fields;
    let path = section.required("path", "as in `path = \"/health\"`");
    let path = path.and_then(|field| field.parsed("a path in a string", parse_path));
    let method = method.and_then(|field| field.parsed("a string", parse_method));
    CheckKind::Http {
        method: method.unwrap_or_else(|| METHOD_DEFAULT.into()),
        path: path.unwrap_or_else(|| "/".into()),
        host: host.and_then(|field| field.parsed("a string", parse_host)),
        status: status.as_ref().map_or_else(|| vec![STATUS_DEFAULT], statuses),
    }
}

pub(super) fn parse_path(text: &str) -> Result<Box<str>, Diagnostic> {
    // What may stand in a request's target (RFC 9112 §3.2.1): a space or a newline would let the config forge requests.
    let is_good =
        text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if is_good {
        return Ok(text.into());
    }
    Err(Diagnostic::new(Code::BadRequestPart, format!("{} is not a path", quoted(text)))
        .label("wants a path")
        .help("it starts with a slash, as in \"/health\"; write other than ASCII letters with %XX"))
}

fn parse_method(text: &str) -> Result<Box<str>, Diagnostic> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-') {
        return Ok(text.into());
    }
    Err(Diagnostic::new(Code::BadRequestPart, format!("{} is not a method", quoted(text)))
        .label("wants a method")
        .help("in capital letters, as in \"GET\" or \"HEAD\""))
}

fn parse_host(text: &str) -> Result<Box<str>, Diagnostic> {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:[]".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_good) {
        return Ok(text.into());
    }
    Err(Diagnostic::new(Code::BadRequestPart, format!("{} cannot be a Host field", quoted(text)))
        .label("wants a name")
        .help("as in \"app.example.com\" or \"app.example.com:8080\""))
}

fn statuses(field: &Field<'_>) -> Vec<RangeInclusive<u16>> {
    let items = field.items("a status");
    if items.is_empty() {
        field.report(bad_status("there is no status that passes").label("is empty"));
    }
    items.iter().filter_map(|item| item.parsed("a string", parse_status)).collect()
}

fn parse_status(text: &str) -> Result<RangeInclusive<u16>, Diagnostic> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let status = |digits: &str| {
        digits.parse::<u16>().ok().filter(|status| digits.len() == 3 && STATUS.contains(status))
    };
    match (status(first), status(last)) {
        (Some(first), Some(last)) if first <= last => Ok(first..=last),
        _ => Err(bad_status(&format!("{} is not a status", quoted(text))).label("wants a status")),
    }
}

fn bad_status(what: &str) -> Diagnostic {
    Diagnostic::new(Code::BadStatus, what)
        .help("statuses from 100 to 599, or ranges of them, as in [\"200-299\", \"401\"]")
}

/// The statuses that exist (RFC 9110 §15).
const STATUS: RangeInclusive<u16> = 100..=599;

/// Unless it is told otherwise, a check asks with this method.
pub(in super::super) const METHOD_DEFAULT: &str = "GET";

/// Unless it is told otherwise, a check passes with these statuses.
pub(in super::super) const STATUS_DEFAULT: RangeInclusive<u16> = 200..=399;

/// More in a row would take minutes to notice anything.
const IN_A_ROW: RangeInclusive<u64> = 1..=100;
