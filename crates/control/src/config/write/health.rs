//! `health` as it is written.

use std::ops::RangeInclusive;

use evenkeel_plan::health::{CheckKind, HealthCheck};

use super::super::decode::{METHOD_DEFAULT, STATUS_DEFAULT, usual_check};
use super::super::units::{format_duration, format_share};
use super::table::{Table, list, string};

/// Adds it, unless it is as by default.
pub(super) fn add_health(table: &mut Table, checks: &[HealthCheck], has_tls: bool) {
    match checks {
        [] => table.add("health", false),
        [check] if *check == usual_check(has_tls) => {}
        checks => {
            let written = checks.iter().map(|check| written(check, has_tls));
            table.add("health", list(written.collect()));
        }
    }
}

/// A path where that says it all.
fn written(check: &HealthCheck, has_tls: bool) -> String {
    let kind = kind(&check.kind, has_tls);
    let pace = pace(check);
    match &check.kind {
        CheckKind::Http { path, .. } if kind.len() == 1 && pace.is_empty() => string(path),
        // It can be left out where there is anything else.
        CheckKind::Tcp if pace.is_empty() => "{ kind = \"tcp\" }".to_owned(),
        CheckKind::Tls { server_name: None } if pace.is_empty() => "{ kind = \"tls\" }".to_owned(),
        _ => kind.with(pace).inline(),
    }
}

fn kind(kind: &CheckKind, has_tls: bool) -> Table {
    let mut table = Table::default();
    match kind {
        CheckKind::Tcp => table.add_unless("kind", string("tcp"), !has_tls),
        CheckKind::Tls { server_name } => {
            table.add_unless("kind", string("tls"), has_tls);
            add_some(&mut table, "server_name", server_name.as_deref());
        }
        CheckKind::Http { method, path, host, status, body } => {
            table.add("path", string(path));
            add_some(&mut table, "host", host.as_deref());
            table.add_unless("method", string(method), &**method == METHOD_DEFAULT);
            let ranges = list(status.iter().map(range).collect());
            table.add_unless("status", ranges, *status == [STATUS_DEFAULT]);
            add_some(&mut table, "body", body.as_deref());
        }
        CheckKind::Grpc { service, host } => {
            table.add("kind", string("grpc"));
            table.add_unless("service", string(service), service.is_empty());
            add_some(&mut table, "host", host.as_deref());
        }
        CheckKind::Exec { command } => {
            table.add("kind", string("exec"));
            table.add("command", list(command.iter().map(|part| string(part)).collect()));
        }
    }
    table
}

fn add_some(table: &mut Table, key: &'static str, value: Option<&str>) {
    if let Some(value) = value {
        table.add(key, string(value));
    }
}

fn range(range: &RangeInclusive<u16>) -> String {
    match (range.start(), range.end()) {
        (first, last) if first == last => string(&first.to_string()),
        (first, last) => string(&format!("{first}-{last}")),
    }
}

fn pace(check: &HealthCheck) -> Table {
    let default = HealthCheck::default();
    let mut table = Table::default();
    table.add_duration("interval", check.interval, default.interval);
    if let Some(fast) = check.fast_interval {
        table.add("fast_interval", string(&format_duration(fast)));
    }
    table.add_duration("timeout", check.timeout, default.timeout);
    let same = check.jitter.total_cmp(&default.jitter).is_eq();
    table.add_unless("jitter", string(&format_share(check.jitter)), same);
    table.add_unless("fall", check.fall, check.fall == default.fall);
    table.add_unless("rise", check.rise, check.rise == default.rise);
    table
}
