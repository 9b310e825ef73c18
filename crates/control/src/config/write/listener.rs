//! `[listener.NAME]` as it is written.

use std::ops::RangeInclusive;

use evenkeel_plan::listener::{DownstreamLimits, DownstreamTimeouts};
use evenkeel_proto::field::UnusualNames;
use evenkeel_proto::path::{Ambiguity, EmptySegments, PathRules};

use super::super::model::{ClusterConfig, ErrorsConfig, ListenerConfig};
use super::super::units::format_size;
use super::super::words::{AMBIGUITY, EMPTY_SEGMENTS, UNUSUAL_NAMES, word_for};
use super::add_use;
use super::admission::{add_admission, add_connections};
use super::table::{Table, list, string};
use super::tls::add_tls;

/// The keys of a listener; with those of `own`, a cluster that is written into it.
pub(super) fn listener_table(listener: &ListenerConfig, own: Option<&ClusterConfig>) -> Table {
    let mut table = Table::default();
    table.add("bind", list(listener.binds.iter().map(|bind| string(&bind.to_string())).collect()));
    add_tls(&mut table, listener);
    match (own, &listener.to) {
        (Some(cluster), _) => add_use(&mut table, "to", cluster),
        (None, Some(to)) => table.add("to", string(to)),
        (None, None) => {}
    }
    add_connections(&mut table, &listener.connections);
    add_admission(&mut table, &listener.admission);
    let trusted = listener.trusted_proxies.iter().map(|network| string(&network.to_string()));
    table.add_unless(
        "trusted_proxies",
        list(trusted.collect()),
        listener.trusted_proxies.is_empty(),
    );
    table.add_unless("http2", listener.http2, listener.http2);
    table.add_table("timeouts", &timeouts(&listener.timeouts));
    table.add_table("limits", &limits(&listener.limits));
    table.add_table("paths", &paths(&listener.paths));
    let names = string(word_for(&UNUSUAL_NAMES, &listener.header_names));
    table.add_unless("header_names", names, listener.header_names == UnusualNames::default());
    table.add_table("errors", &errors(&listener.errors));
    table
}

fn timeouts(timeouts: &DownstreamTimeouts) -> Table {
    let default = DownstreamTimeouts::default();
    let mut table = Table::default();
    table.add_duration("tls", timeouts.tls, default.tls);
    table.add_duration("header", timeouts.header, default.header);
    table.add_duration("body", timeouts.body, default.body);
    table.add_duration("keep_alive", timeouts.keep_alive, default.keep_alive);
    table.add_duration("write", timeouts.write, default.write);
    table.add_duration("tunnel", timeouts.tunnel, default.tunnel);
    table
}

fn limits(limits: &DownstreamLimits) -> Table {
    let default = DownstreamLimits::default();
    let mut table = Table::default();
    let mut add_size = |key: &'static str, bytes: usize, default: usize| {
        table.add_unless(key, string(&format_size(bytes as u64)), bytes == default);
    };
    add_size("header_bytes", limits.header_bytes, default.header_bytes);
    add_size("target_bytes", limits.target_bytes, default.target_bytes);
    let is_default = limits.header_count == default.header_count;
    table.add_unless("header_count", limits.header_count, is_default);
    table.add_unless("streams", limits.streams, limits.streams == default.streams);
    if let Some(bytes) = limits.body {
        table.add("body", string(&format_size(bytes)));
    }
    table
}

fn paths(rules: &PathRules) -> Table {
    let mut table = Table::default();
    let ambiguities = [
        ("encoded_slash", rules.encoded_slash),
        ("encoded_nul", rules.encoded_nul),
        ("backslash", rules.backslash),
        ("overlong_utf8", rules.overlong_utf8),
        ("bad_escape", rules.bad_escape),
        ("dot_segments", rules.dot_segments),
    ];
    for (key, rule) in ambiguities {
        table.add_unless(key, string(word_for(&AMBIGUITY, &rule)), rule == Ambiguity::default());
    }
    let empty = rules.empty_segments;
    let word = string(word_for(&EMPTY_SEGMENTS, &empty));
    table.add_unless("empty_segments", word, empty == EmptySegments::default());
    table
}

fn errors(errors: &ErrorsConfig) -> Table {
    let mut pages = Table::default();
    for page in &errors.pages {
        pages.add(statuses(&page.page.statuses), string(&page.file));
    }
    let mut table = Table::default();
    table.add_unless("reason_header", errors.reason_header, !errors.reason_header);
    table.add_table("pages", &pages);
    table
}

/// A status, or the class that it is the first of.
fn statuses(statuses: &RangeInclusive<u16>) -> String {
    let first = statuses.start();
    if first == statuses.end() { first.to_string() } else { format!("{}xx", first / 100) }
}
