//! Who may come in, as it is written.

use evenkeel_plan::rate::{Prefixes, Quota, RateKey};
use ipnet::IpNet;

use super::super::model::{
    AdmissionConfig, ConnectionRateConfig, ConnectionsConfig, RateLimitConfig,
};
use super::table::{Table, list, string};

/// Adds what is asked of requests.
pub(super) fn add_admission(table: &mut Table, admission: &AdmissionConfig) {
    let networks = |networks: &[IpNet]| {
        list(networks.iter().map(|network| string(&network.to_string())).collect())
    };
    table.add_unless("allow", networks(&admission.allow), admission.allow.is_empty());
    table.add_unless("deny", networks(&admission.deny), admission.deny.is_empty());
    let limits = list(admission.limits.iter().map(limit).collect());
    table.add_unless("rate_limit", limits, admission.limits.is_empty());
}

/// Adds what a listener says about the number of connections.
pub(super) fn add_connections(table: &mut Table, connections: &ConnectionsConfig) {
    if let Some(max) = connections.max {
        table.add("max_connections", max);
    }
    if let Some(max) = connections.per_client {
        table.add("max_connections_per_client", max);
    }
    if let Some(rate) = &connections.rate {
        table.add("connection_rate", connection_rate(rate));
    }
}

fn limit(limit: &RateLimitConfig) -> String {
    let default = RateLimitConfig::new(limit.quota);
    let mut table = quota(limit.quota);
    let RateKey { sources, prefixes } = &limit.key;
    let key = list(sources.iter().map(|source| string(&source.to_string())).collect());
    table.add_unless("key", key, *sources == default.key.sources);
    add_prefixes(&mut table, *prefixes);
    table.add_unless("dry_run", limit.dry_run, limit.dry_run == default.dry_run);
    table.add_unless("headers", limit.headers, limit.headers == default.headers);
    table.add_unless("entries", limit.entries, limit.entries == default.entries);
    short(&table, limit.quota)
}

fn connection_rate(rate: &ConnectionRateConfig) -> String {
    let mut table = quota(rate.quota);
    add_prefixes(&mut table, rate.prefixes);
    let default = ConnectionRateConfig::new(rate.quota).entries;
    table.add_unless("entries", rate.entries, rate.entries == default);
    short(&table, rate.quota)
}

fn quota(quota: Quota) -> Table {
    let mut table = Table::default();
    table.add("rate", string(&quota.rate().to_string()));
    table.add_unless("burst", quota.burst(), quota.burst() == quota.rate().count);
    table
}

fn add_prefixes(table: &mut Table, prefixes: Prefixes) {
    let default = Prefixes::default();
    table.add_unless("ipv4_prefix", prefixes.v4, prefixes.v4 == default.v4);
    table.add_unless("ipv6_prefix", prefixes.v6, prefixes.v6 == default.v6);
}

/// The rate alone, if there is nothing else to say.
fn short(table: &Table, quota: Quota) -> String {
    if table.len() == 1 { string(&quota.rate().to_string()) } else { table.inline() }
}
