//! A config as TOML: what `serve --save` writes. Only what differs from the defaults, in the shortest form.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use evenkeel_plan::balance::Algorithm;
use evenkeel_plan::cluster::{PoolLimits, UpstreamTimeouts};
use evenkeel_plan::health::{CheckKind, HealthCheck};
use evenkeel_plan::listener::{DownstreamLimits, DownstreamTimeouts};

use super::decode::{DRAIN_DEFAULT, METHOD_DEFAULT, STATUS_DEFAULT};
use super::model::{
    AdminBind, ClusterConfig, Config, EndpointConfig, ListenerConfig, LogLevel, WorkerCount,
};
use super::units::{format_share, format_size};

mod table;

use table::{Table, list, name, string};

/// Writes `config` so that reading it gives the same config, but for two things that a file cannot say: a preferred admin
/// address becomes a fixed one, and parts of a millisecond are lost.
pub fn to_toml(config: &Config) -> String {
    let mut text = HEADER.to_owned();
    let mut top = Table::default();
    if let WorkerCount::Fixed(count) = config.workers {
        top.add("workers", count);
    }
    top.add_duration("drain", config.drain, DRAIN_DEFAULT);
    push(&mut text, "", &top);
    let own = own_clusters(config);
    for listener in &config.listeners {
        let cluster = config.clusters.iter().find(|cluster| cluster.name == listener.to);
        let own = cluster.filter(|cluster| own.contains(cluster.name.as_str()));
        push(
            &mut text,
            &format!("[listener.{}]", name(&listener.name)),
            &listener_table(listener, own),
        );
    }
    for cluster in config.clusters.iter().filter(|cluster| !own.contains(cluster.name.as_str())) {
        push(&mut text, &format!("[cluster.{}]", name(&cluster.name)), &cluster_table(cluster));
    }
    push(&mut text, "[admin]", &admin_table(config.admin));
    let mut log = Table::default();
    log.add_unless(
        "level",
        string(config.log_level.name()),
        config.log_level == LogLevel::default(),
    );
    push(&mut text, "[log]", &log);
    text
}

fn push(text: &mut String, header: &str, table: &Table) {
    if table.is_empty() {
        return;
    }
    let header = if header.is_empty() { String::new() } else { format!("{header}\n") };
    text.push_str(&format!("\n{header}{}", table.lines()));
}

/// The clusters that can be written into their listeners. A file lists these after all others, in the order of the
/// listeners; so only the last ones of the config can be, as far as they are in that order.
fn own_clusters(config: &Config) -> HashSet<&str> {
    let mut listeners = config.listeners.iter().rev();
    let in_order = |cluster: &&ClusterConfig| {
        is_own(config, cluster) && listeners.any(|listener| listener.name == cluster.name)
    };
    config.clusters.iter().rev().take_while(in_order).map(|cluster| cluster.name.as_str()).collect()
}

fn is_own(config: &Config, cluster: &ClusterConfig) -> bool {
    let mut users = config.listeners.iter().filter(|listener| listener.to == cluster.name);
    let plain =
        cluster.timeouts == UpstreamTimeouts::default() && cluster.pool == PoolLimits::default();
    plain && users.next().is_some_and(|user| user.name == cluster.name) && users.next().is_none()
}

fn listener_table(listener: &ListenerConfig, own: Option<&ClusterConfig>) -> Table {
    let mut table = Table::default();
    table.add("bind", list(listener.binds.iter().map(|bind| string(&bind.to_string())).collect()));
    match own {
        Some(cluster) => add_use(&mut table, "to", cluster),
        None => table.add("to", string(&listener.to)),
    }
    let trusted = listener.trusted_proxies.iter().map(|network| string(&network.to_string()));
    table.add_unless(
        "trusted_proxies",
        list(trusted.collect()),
        listener.trusted_proxies.is_empty(),
    );
    table.add_table("timeouts", &downstream_timeouts(&listener.timeouts));
    table.add_table("limits", &head_limits(&listener.limits));
    table
}

fn cluster_table(cluster: &ClusterConfig) -> Table {
    let mut table = Table::default();
    add_use(&mut table, "endpoints", cluster);
    table.add_table("timeouts", &upstream_timeouts(&cluster.timeouts));
    table.add_table("pool", &pool(&cluster.pool));
    table
}

/// The keys that a cluster and a listener with endpoints of its own have in common.
fn add_use(table: &mut Table, key: &'static str, cluster: &ClusterConfig) {
    let endpoints: Vec<String> = cluster.endpoints.iter().map(endpoint).collect();
    table.add(key, format!("[{}]", endpoints.join(", ")));
    let balance = cluster.balance;
    table.add_unless("balance", string(balance.name()), balance == Algorithm::default());
    match &cluster.health {
        None => table.add("health", false),
        Some(check) => add_health(table, check),
    }
}

fn endpoint(endpoint: &EndpointConfig) -> String {
    let mut table = Table::default();
    table.add("address", string(&endpoint.name));
    table.add_unless("weight", endpoint.weight, endpoint.weight == 1);
    table.add_unless("backup", endpoint.backup, !endpoint.backup);
    if table.len() == 1 { string(&endpoint.name) } else { table.inline() }
}

fn add_health(table: &mut Table, check: &HealthCheck) {
    let kind = health_kind(&check.kind);
    let bounds = health_bounds(check);
    match &check.kind {
        CheckKind::Http { path, .. } if kind.len() == 1 && bounds.is_empty() => {
            table.add("health", string(path));
        }
        _ => table.add_table("health", &kind.with(bounds)),
    }
}

fn health_kind(kind: &CheckKind) -> Table {
    let mut table = Table::default();
    if let CheckKind::Http { method, path, host, status } = kind {
        table.add("path", string(path));
        if let Some(host) = host {
            table.add("host", string(host));
        }
        table.add_unless("method", string(method), &**method == METHOD_DEFAULT);
        let range = |range: &RangeInclusive<u16>| match (range.start(), range.end()) {
            (first, last) if first == last => string(&first.to_string()),
            (first, last) => string(&format!("{first}-{last}")),
        };
        let ranges = list(status.iter().map(range).collect());
        table.add_unless("status", ranges, *status == [STATUS_DEFAULT]);
    }
    table
}

fn health_bounds(check: &HealthCheck) -> Table {
    let default = HealthCheck::default();
    let mut table = Table::default();
    table.add_duration("interval", check.interval, default.interval);
    table.add_duration("timeout", check.timeout, default.timeout);
    let same = check.jitter.total_cmp(&default.jitter).is_eq();
    table.add_unless("jitter", string(&format_share(check.jitter)), same);
    table.add_unless("fall", check.fall, check.fall == default.fall);
    table.add_unless("rise", check.rise, check.rise == default.rise);
    table
}

fn downstream_timeouts(timeouts: &DownstreamTimeouts) -> Table {
    let default = DownstreamTimeouts::default();
    let mut table = Table::default();
    table.add_duration("header", timeouts.header, default.header);
    table.add_duration("body", timeouts.body, default.body);
    table.add_duration("keep_alive", timeouts.keep_alive, default.keep_alive);
    table.add_duration("write", timeouts.write, default.write);
    table
}

fn head_limits(limits: &DownstreamLimits) -> Table {
    let default = DownstreamLimits::default();
    let size = |bytes: usize| string(&format_size(bytes as u64));
    let mut table = Table::default();
    table.add_unless(
        "header_bytes",
        size(limits.header_bytes),
        limits.header_bytes == default.header_bytes,
    );
    table.add_unless(
        "header_count",
        limits.header_count,
        limits.header_count == default.header_count,
    );
    table.add_unless(
        "target_bytes",
        size(limits.target_bytes),
        limits.target_bytes == default.target_bytes,
    );
    table
}

fn upstream_timeouts(timeouts: &UpstreamTimeouts) -> Table {
    let default = UpstreamTimeouts::default();
    let mut table = Table::default();
    table.add_duration("connect", timeouts.connect, default.connect);
    table.add_duration("first_byte", timeouts.first_byte, default.first_byte);
    table.add_duration("idle", timeouts.idle, default.idle);
    table
}

fn pool(limits: &PoolLimits) -> Table {
    let default = PoolLimits::default();
    let mut table = Table::default();
    table.add_duration("idle", limits.idle, default.idle);
    table.add_unless("max_idle", limits.max_idle, limits.max_idle == default.max_idle);
    table
}

fn admin_table(admin: AdminBind) -> Table {
    let mut table = Table::default();
    match admin {
        AdminBind::Off => table.add("bind", false),
        AdminBind::Fixed(address) | AdminBind::Preferred(address) => {
            let bind = string(&address.to_string());
            table.add_unless("bind", bind, address == AdminBind::DEFAULT_ADDRESS);
        }
    }
    table
}

const HEADER: &str = "\
# An Evenkeel config. Keys that are not here have their defaults.
# `evenkeel check -c FILE` says what is wrong with it, `evenkeel run -c FILE` runs it.
";

#[cfg(test)]
mod tests;
