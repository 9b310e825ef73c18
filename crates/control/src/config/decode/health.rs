//! `health`: `false`, a path, a table, or a list of these. Without it endpoints are checked by connecting to them, and by a handshake
//! where they are spoken TLS with.

use std::ops::RangeInclusive;
use std::time::Duration;

use evenkeel_plan::health::{CheckKind, HealthCheck};
use evenkeel_plan::limits::CHECKS_PER_ENDPOINT_MAX;
use toml::de::DeValue;

use super::super::diagnostic::{Code, Diagnostic};
use super::super::draft::HealthDraft;
use super::super::section::{Field, Section, parse_wait};
use super::super::units;

mod kind;

pub(in super::super) use kind::{KINDS, METHOD_DEFAULT, STATUS_DEFAULT};
pub(super) use kind::{parse_command, parse_path, parse_server_name};

/// Reads the checks; none when they are switched off. `has_tls` says whether the endpoints are spoken TLS with.
pub(super) fn read(field: Option<Field<'_>>, has_tls: bool) -> HealthDraft {
    let Some(field) = field else { return HealthDraft::from(usual(has_tls)) };
    let mut draft = HealthDraft::default();
    match field.value() {
        DeValue::Boolean(false) => {}
        DeValue::Array(_) => list(&field, has_tls, &mut draft),
        _ => one(field, "a path, a table, a list of them, or false", has_tls, &mut draft),
    }
    draft
}

/// The check of endpoints of which the config says nothing else.
pub(in super::super) fn usual(has_tls: bool) -> HealthCheck {
    let kind = if has_tls { CheckKind::Tls { server_name: None } } else { CheckKind::Tcp };
    HealthCheck { kind, ..HealthCheck::default() }
}

fn list(field: &Field<'_>, has_tls: bool, draft: &mut HealthDraft) {
    let items = field.items("a check");
    if items.is_empty() {
        field.report(
            Diagnostic::new(Code::OutOfBounds, "there is no check in the list")
                .label("is empty")
                .help("`health = false` checks nothing"),
        );
    }
    if items.len() > CHECKS_PER_ENDPOINT_MAX {
        field.report(
            Diagnostic::new(Code::OutOfBounds, format!("there are {} checks", items.len()))
                .label(format!("wants at most {CHECKS_PER_ENDPOINT_MAX}")),
        );
    }
    for item in items {
        one(item, "a path or a table", has_tls, draft);
    }
}

/// One that could not be read is as by default, so that nobody takes it for switched off.
fn one(field: Field<'_>, expected: &str, has_tls: bool, draft: &mut HealthDraft) {
    let check = match field.value() {
        DeValue::String(_) => field.parsed("a string", |text| {
            http_check(text).map_err(|problem| match kind::instead_of_path(text) {
                Some(help) => problem.help(help),
                None => problem,
            })
        }),
        DeValue::Table(_) => field.table(|section| table(section, has_tls, draft)),
        DeValue::Boolean(true) => {
            let help = "leave it out: endpoints are checked unless it is false";
            field.mistyped(expected, Some(help.to_owned()))
        }
        _ => field.wrong_type(expected),
    };
    draft.checks.push(check.unwrap_or_else(|| usual(has_tls)));
}

/// The check that asks for `path` and leaves the rest at its defaults.
pub(in super::super) fn http_check(path: &str) -> Result<HealthCheck, Diagnostic> {
    let path = kind::parse_path(path)?;
    let kind = CheckKind::Http {
        method: METHOD_DEFAULT.into(),
        path,
        host: None,
        status: vec![STATUS_DEFAULT],
        body: None,
    };
    Ok(HealthCheck { kind, ..HealthCheck::default() })
}

fn table(section: &mut Section<'_>, has_tls: bool, draft: &mut HealthDraft) -> HealthCheck {
    let default = HealthCheck::default();
    let interval = section.good_duration("interval", default.interval);
    let timeout = section.good_duration("timeout", default.timeout);
    if let (Some(interval), Some(timeout)) = (interval, timeout) {
        warn_of_overlap(section, interval, timeout);
    }
    let fast_interval = section.optional("fast_interval");
    let fast_interval = fast_interval
        .and_then(|field| Some((field.parsed("a duration in quotes", parse_wait)?, field)));
    if let (Some(interval), Some((fast, field))) = (interval, &fast_interval) {
        warn_of_slow_haste(interval, *fast, field);
    }
    let jitter = section.optional("jitter");
    HealthCheck {
        kind: kind::read(section, has_tls, draft),
        interval: interval.unwrap_or(default.interval),
        fast_interval: fast_interval.map(|(fast, _)| fast),
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

fn warn_of_slow_haste(interval: Duration, fast: Duration, field: &Field<'_>) {
    if fast <= interval {
        return;
    }
    let (interval, fast) = (units::format_duration(interval), units::format_duration(fast));
    field.report(
        Diagnostic::new(
            Code::FastAboveInterval,
            format!("checks in a hurry come every {fast}, and all others every {interval}"),
        )
        .label("is above `interval`, which counts instead")
        .help(
            "`fast_interval` is for while it is uncertain how an endpoint stands; make it shorter",
        ),
    );
}

/// More in a row would take minutes to notice anything.
const IN_A_ROW: RangeInclusive<u64> = 1..=100;
