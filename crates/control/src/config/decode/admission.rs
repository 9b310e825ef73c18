//! Who may come in: `allow`, `deny` and `rate_limit` of listeners and routes, and what a listener says about connections.

use std::ops::RangeInclusive;

use evenkeel_plan::balance::hash::KeySource;
use evenkeel_plan::balance::hash::key::SOURCES_MAX;
use evenkeel_plan::limits::{RATE_LIMITS_MAX, RATE_WINDOW_MAX};
use evenkeel_plan::rate::{Prefixes, Quota, Rate, RateKey, RateTable};
use ipnet::IpNet;
use toml::de::DeValue;

use super::super::diagnostic::{Code, Diagnostic};
use super::super::model::{
    AdmissionConfig, ConnectionRateConfig, ConnectionsConfig, ENTRIES_DEFAULT, RateLimitConfig,
};
use super::super::section::{Field, Section};
use super::super::{address, units};
use super::balance::source;

/// Reads what is asked of requests, and of a listener's connections by their network.
pub(super) fn read(section: &mut Section<'_>) -> AdmissionConfig {
    AdmissionConfig {
        allow: networks(section, "allow"),
        deny: networks(section, "deny"),
        limits: section.optional("rate_limit").map(|field| limits(&field)).unwrap_or_default(),
    }
}

/// Reads what a listener says about the number of connections.
pub(super) fn connections(section: &mut Section<'_>) -> ConnectionsConfig {
    let max = section.optional("max_connections");
    let per_client = section.optional("max_connections_per_client");
    let rate = section.optional("connection_rate");
    ConnectionsConfig {
        max: max.and_then(|field| count_unless(&field, "auto")),
        per_client: per_client.and_then(|field| count_unless(&field, "off")),
        rate: rate.and_then(|field| connection_rate(&field)),
    }
}

/// A number of connections; `None` where `word` stands instead.
fn count_unless(field: &Field<'_>, word: &'static str) -> Option<u32> {
    match field.value() {
        DeValue::String(text) if &**text == word => None,
        DeValue::String(_) => field.wrong_type(&format!("a number, or \"{word}\"")),
        _ => field.integer(1..=u64::from(u32::MAX)),
    }
}

fn networks(section: &mut Section<'_>, key: &'static str) -> Vec<IpNet> {
    let Some(field) = section.optional(key) else { return Vec::new() };
    let read = |item: &Field<'_>| {
        let network = item.parsed("a network in a string", address::parse_network)?;
        if network.addr() != network.network() {
            item.report(has_host(network));
        }
        Some(network)
    };
    field.items("a network").iter().filter_map(read).collect()
}

/// An address with the length of a network's prefix behind it.
pub(super) fn has_host(network: IpNet) -> Diagnostic {
    let (meant, one) = (network.trunc(), network.addr());
    let message = format!("`{network}` is all of `{meant}`");
    Diagnostic::new(Code::NetworkHasHost, message)
        .label("is an address in that network")
        .help(format!("write \"{meant}\" for the network, or \"{one}\" for the one address"))
}

fn limits(field: &Field<'_>) -> Vec<RateLimitConfig> {
    let items = field.items("a limit");
    if items.len() > RATE_LIMITS_MAX {
        let problem = Diagnostic::new(Code::OutOfBounds, "these are too many limits");
        field.report(problem.label(format!("at most {RATE_LIMITS_MAX} may be in one place")));
    }
    items.into_iter().filter_map(limit).collect()
}

/// A rate, or a table with it and the rest.
fn limit(field: Field<'_>) -> Option<RateLimitConfig> {
    if !matches!(field.value(), DeValue::Table(_)) {
        return Some(RateLimitConfig::new(quota_of(rate(&field)?)));
    }
    field.table(|section| {
        let quota = quota(section);
        let key = section.optional("key").and_then(|key| sources(&key));
        let sources = key.unwrap_or_else(|| RateKey::default().sources);
        let key = RateKey { sources, prefixes: prefixes(section) };
        let [dry_run, headers] = ["dry_run", "headers"]
            .map(|key| section.optional(key).and_then(|field| field.boolean()).unwrap_or(false));
        let entries = section.integer("entries", ENTRIES, ENTRIES_DEFAULT);
        Some(RateLimitConfig { quota: quota?, key, dry_run, headers, entries })
    })?
}

fn connection_rate(field: &Field<'_>) -> Option<ConnectionRateConfig> {
    match field.value() {
        DeValue::String(text) if &**text == "off" => None,
        DeValue::String(_) => {
            let read = |text: &str| units::parse_count_rate(text).map_err(Diagnostic::or_off);
            Some(ConnectionRateConfig::new(quota_of(field.parsed("a rate", read)?)))
        }
        DeValue::Table(_) => field.clone().table(|section| {
            let (quota, prefixes) = (quota(section), prefixes(section));
            let entries = section.integer("entries", ENTRIES, ENTRIES_DEFAULT);
            Some(ConnectionRateConfig { quota: quota?, prefixes, entries })
        })?,
        _ => field.wrong_type("a rate in quotes, a table, or \"off\""),
    }
}

/// `rate` and `burst` of a table.
fn quota(section: &mut Section<'_>) -> Option<Quota> {
    let rate = section.required("rate", "as in `rate = \"100/s\"`").and_then(|field| rate(&field));
    let burst = section.optional("burst");
    let rate = rate?;
    let Some(burst) = burst else { return Some(quota_of(rate)) };
    let quota = Quota::new(rate, burst.integer(1..=u64::from(u32::MAX))?);
    if quota.window() > RATE_WINDOW_MAX {
        let message = format!("{} of {rate} take too long to come back", quota.burst());
        let problem = Diagnostic::new(Code::OutOfBounds, message);
        let most = units::format_duration(RATE_WINDOW_MAX);
        burst.report(problem.label(format!("wants what comes back in {most}")));
        return None;
    }
    Some(quota)
}

/// As many at once as come in a unit of time.
fn quota_of(rate: Rate) -> Quota {
    Quota::new(rate, rate.count)
}

fn rate(field: &Field<'_>) -> Option<Rate> {
    field.parsed("a rate in quotes, as in \"100/s\"", units::parse_count_rate)
}

fn prefixes(section: &mut Section<'_>) -> Prefixes {
    let default = Prefixes::default();
    Prefixes {
        v4: section.integer("ipv4_prefix", 0..=32, default.v4),
        v6: section.integer("ipv6_prefix", 0..=128, default.v6),
    }
}

fn sources(field: &Field<'_>) -> Option<Box<[KeySource]>> {
    let items = field.items("a source of the key");
    if !(1..=SOURCES_MAX).contains(&items.len()) {
        let message = format!("a key has {} sources", items.len());
        let problem = Diagnostic::new(Code::OutOfBounds, message);
        field.report(problem.label(format!("wants 1 to {SOURCES_MAX}")));
        return None;
    }
    Some(items.iter().filter_map(|item| item.parsed("a string", source)).collect())
}

/// How many keys a table may have room for.
const ENTRIES: RangeInclusive<u64> = RateTable::ENTRIES_MIN as u64..=RateTable::ENTRIES_MAX as u64;
