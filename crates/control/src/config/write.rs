//! A config as TOML: what `serve --save` writes. Only what differs from the defaults, in the shortest form.

use std::collections::HashSet;

use evenkeel_plan::access::{AccessFormat, AccessLog, Kept};
use evenkeel_plan::balance::{Algorithm, SlowStart};
use evenkeel_plan::cluster::{HttpVersion, PoolLimits, UpstreamTimeouts};
use evenkeel_plan::endpoint::Labels;
use evenkeel_plan::overload::{Adapts, Limits};
use evenkeel_plan::resilience::Resilience;

use super::decode::{AGGRESSION_DEFAULT, DRAIN_DEFAULT};
use super::model::{
    AccessConfig, AccessPath, AdminBind, BalanceConfig, ClusterConfig, Config, CookieConfig,
    EligibilityConfig, EndpointConfig, ListenerConfig, LogLevel, StickyConfig, WorkerCount,
};
use super::units::{format_duration, format_share};
use super::words::{ACCESS_FORMATS, HTTP_VERSIONS, KEPT, word_for};

mod acme;
mod admission;
mod health;
mod listener;
mod resilience;
mod route;
mod table;
mod tls;

use acme::acme_table;
use health::add_health;
use listener::listener_table;
use route::route_table;
use table::{Table, list, name, string};

/// Writes `config` so that reading it gives the same config, but for secrets, which are masked, and for what a file cannot say:
/// a preferred admin address becomes a fixed one, and parts of a millisecond are lost.
pub fn to_toml(config: &Config) -> String {
    let mut text = HEADER.to_owned();
    push(&mut text, "", &top_table(config));
    let own = own_clusters(config);
    for listener in &config.listeners {
        let cluster = config.clusters.iter().find(|cluster| sends_to(listener, cluster));
        let own = cluster.filter(|cluster| own.contains(cluster.name.as_str()));
        push(
            &mut text,
            &format!("[listener.{}]", name(&listener.name)),
            &listener_table(listener, own),
        );
    }
    for route in &config.routes {
        push(&mut text, "[[route]]", &route_table(route, config.listeners.len()));
    }
    for cluster in config.clusters.iter().filter(|cluster| !own.contains(cluster.name.as_str())) {
        push(&mut text, &format!("[cluster.{}]", name(&cluster.name)), &cluster_table(cluster));
    }
    for acme in &config.acme {
        push(&mut text, &format!("[acme.{}]", name(&acme.name)), &acme_table(acme));
    }
    push(&mut text, "[admin]", &admin_table(config));
    push(&mut text, "[log]", &log_table(config));
    text
}

/// A piece of a config: its title, such as `listener web`, and its keys with their values as they are written.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) title: String,
    pub(super) keys: Vec<(String, String)>,
}

impl Part {
    /// What is written for `key`, if it is written.
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.keys.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }
}

/// All of `config` in pieces, but for the endpoints of its clusters: what the diff compares. Other than in a file, every cluster
/// has a piece of its own.
pub(super) fn parts(config: &Config) -> Vec<Part> {
    let mut parts = vec![part(String::new(), top_table(config))];
    for listener in &config.listeners {
        parts.push(part(format!("listener {}", listener.name), listener_table(listener, None)));
    }
    for route in &config.routes {
        // Two listeners may have routes of one name.
        let title = format!("route {} of {}", route.label(), route.listeners.join(", "));
        // The title says which listeners, so that how many there are makes no difference.
        parts.push(part(title, route_table(route, 1)));
    }
    for cluster in &config.clusters {
        let mut part = part(format!("cluster {}", cluster.name), cluster_table(cluster));
        part.keys.retain(|(key, _)| key != ENDPOINTS);
        parts.push(part);
    }
    for acme in &config.acme {
        parts.push(part(format!("acme {}", acme.name), acme_table(acme)));
    }
    parts.push(part("admin".to_owned(), admin_table(config)));
    parts.push(part("log".to_owned(), log_table(config)));
    parts
}

fn part(title: String, table: Table) -> Part {
    Part { title, keys: table.into_keys() }
}

fn top_table(config: &Config) -> Table {
    let mut top = Table::default();
    if let WorkerCount::Fixed(count) = config.workers {
        top.add("workers", count);
    }
    top.add_duration("drain", config.drain, DRAIN_DEFAULT);
    if let Some(zone) = &config.zone {
        top.add("zone", string(zone));
    }
    top
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
    let mut users = config.listeners.iter().filter(|listener| sends_to(listener, cluster));
    let is_routed =
        config.routes.iter().flat_map(|route| &route.to).any(|(to, _)| *to == cluster.name);
    let plain = cluster.eligibility == EligibilityConfig::default()
        && cluster.sticky.is_none()
        && cluster.tls.is_none()
        && cluster.http == HttpVersion::default()
        && cluster.timeouts == UpstreamTimeouts::default()
        && cluster.deadline_header.is_none()
        && cluster.pool == PoolLimits::default()
        && cluster.resilience == Resilience::default()
        && cluster.limits == Limits::default()
        && cluster.rebalance.is_none();
    plain
        && !is_routed
        && users.next().is_some_and(|user| user.name == cluster.name)
        && users.next().is_none()
}

fn sends_to(listener: &ListenerConfig, cluster: &ClusterConfig) -> bool {
    listener.to.as_deref() == Some(&cluster.name)
}

fn cluster_table(cluster: &ClusterConfig) -> Table {
    let mut table = Table::default();
    add_use(&mut table, ENDPOINTS, cluster);
    add_eligibility(&mut table, &cluster.eligibility);
    if let Some(sticky) = &cluster.sticky {
        table.add("sticky", written_sticky(sticky));
    }
    if let Some(tls) = &cluster.tls {
        table.add("tls", tls::origination(tls));
    }
    let http = string(word_for(&HTTP_VERSIONS, &cluster.http));
    table.add_unless("http", http, cluster.http == HttpVersion::default());
    table.add_table("timeouts", &upstream_timeouts(&cluster.timeouts));
    if let Some(name) = &cluster.deadline_header {
        table.add("deadline_header", string(name));
    }
    table.add_table("pool", &pool(&cluster.pool));
    resilience::add(&mut table, &cluster.resilience);
    table.add_table("limits", &limits(&cluster.limits));
    if let Some(settings) = &cluster.rebalance {
        table.add("rebalance", resilience::rebalance(settings).inline());
    }
    table
}

fn limits(limits: &Limits) -> Table {
    let default = Limits::default();
    let mut table = Table::default();
    if let Some(connections) = limits.connections {
        table.add("connections", connections);
    }
    if let Some(requests) = limits.requests {
        table.add("requests", requests);
    }
    table.add_unless("pending", limits.pending, limits.pending == default.pending);
    table.add_duration("pending_wait", limits.pending_wait, default.pending_wait);
    match limits.adaptive {
        Adapts::InNeed => {}
        Adapts::Always => table.add("adaptive", true),
        Adapts::Never => table.add("adaptive", false),
    }
    if let Some(name) = &limits.priority {
        table.add("priority", string(&format!("header:{name}")));
    }
    table
}

/// The keys that a cluster and a listener with endpoints of its own have in common.
fn add_use(table: &mut Table, key: &'static str, cluster: &ClusterConfig) {
    let endpoints: Vec<String> = cluster.endpoints.iter().map(endpoint).collect();
    table.add(key, format!("[{}]", endpoints.join(", ")));
    let is_default = cluster.balance == BalanceConfig::default();
    table.add_unless("balance", balance(&cluster.balance), is_default);
    add_health(table, &cluster.health, cluster.tls.is_some());
}

/// The name of the algorithm, with what it goes by where that is not the default.
fn balance(balance: &BalanceConfig) -> String {
    let default = BalanceConfig::from(balance.algorithm);
    let algorithm = string(balance.algorithm.name());
    let mut table = Table::default();
    table.add("algorithm", &algorithm);
    let sources = balance.key.sources().iter().map(|source| string(&source.to_string()));
    table.add_unless("key", list(sources.collect()), balance.key == default.key);
    table.add_unless("vnodes", balance.vnodes, balance.vnodes == default.vnodes);
    let entries = balance.table_size.entries();
    table.add_unless("table_size", entries, balance.table_size == default.table_size);
    if let Some(factor) = balance.bounded_load {
        table.add("bounded_load", format!("{factor:?}"));
    }
    if balance.algorithm == Algorithm::Prequal {
        table.add("path", string(&balance.load_path));
    }
    if table.len() == 1 { algorithm } else { table.inline() }
}

fn add_eligibility(table: &mut Table, eligibility: &EligibilityConfig) {
    let default = EligibilityConfig::default();
    if let Some(SlowStart { time, aggression }) = eligibility.slow_start {
        let time = string(&format_duration(time));
        let mut keys = Table::default();
        keys.add("time", &time);
        keys.add("aggression", format!("{aggression:?}"));
        let is_even = aggression.total_cmp(&AGGRESSION_DEFAULT).is_eq();
        table.add("slow_start", if is_even { time } else { keys.inline() });
    }
    let mut add_share = |key: &'static str, share: Option<f64>, default: Option<f64>| {
        let written = share.map_or_else(|| "off".to_owned(), format_share);
        table.add_unless(key, string(&written), share == default);
    };
    let panic_below = eligibility.panic_below;
    let panics = (panic_below > 0.0).then_some(panic_below);
    add_share("panic_below", panics, Some(default.panic_below));
    add_share("prefer_zone", eligibility.prefer_zone, default.prefer_zone);
}

/// The keys are not shown.
fn written_sticky(sticky: &StickyConfig) -> String {
    let cookie = match sticky {
        StickyConfig::Cookie(cookie) => cookie,
        StickyConfig::Key(source) => return string(&source.to_string()),
    };
    let default = CookieConfig::default();
    let mut table = Table::default();
    table.add("cookie", string(&cookie.name));
    let ttl = cookie.ttl.map_or_else(|| "off".to_owned(), format_duration);
    table.add_unless("ttl", string(&ttl), cookie.ttl == default.ttl);
    let keys = cookie.keys.iter().map(|_| string(MASK));
    table.add_unless("keys", list(keys.collect()), cookie.keys.is_empty());
    table.add_unless("path", string(&cookie.path), cookie.path == default.path);
    if let Some(domain) = &cookie.domain {
        table.add("domain", string(domain));
    }
    let same_site = string(cookie.same_site.name());
    table.add_unless("same_site", same_site, cookie.same_site == default.same_site);
    table.add_unless("secure", cookie.secure, cookie.secure == default.secure);
    table.add_unless("http_only", cookie.http_only, cookie.http_only == default.http_only);
    table.add_duration("drain", cookie.drain, default.drain);
    table.inline()
}

fn endpoint(endpoint: &EndpointConfig) -> String {
    let mut table = Table::default();
    table.add("address", string(&endpoint.name));
    table.add_unless("weight", endpoint.weight, endpoint.weight == 1);
    table.add_unless("backup", endpoint.backup, !endpoint.backup);
    table.add_unless("priority", endpoint.priority, endpoint.priority == 0);
    if let Some(zone) = &endpoint.zone {
        table.add("zone", string(zone));
    }
    table.add_unless("labels", labels(&endpoint.labels), endpoint.labels.is_empty());
    if table.len() == 1 { string(&endpoint.name) } else { table.inline() }
}

/// Labels as they are written.
pub(super) fn labels(labels: &Labels) -> String {
    let mut table = Table::default();
    for (label, value) in labels {
        table.add(name(label), string(value));
    }
    table.inline()
}

fn upstream_timeouts(timeouts: &UpstreamTimeouts) -> Table {
    let default = UpstreamTimeouts::default();
    let mut table = Table::default();
    table.add_duration("connect", timeouts.connect, default.connect);
    table.add_duration("tls", timeouts.tls, default.tls);
    table.add_duration("first_byte", timeouts.first_byte, default.first_byte);
    table.add_duration("idle", timeouts.idle, default.idle);
    if let Some(exchange) = timeouts.exchange {
        table.add("exchange", string(&format_duration(exchange)));
    }
    table
}

fn pool(limits: &PoolLimits) -> Table {
    let default = PoolLimits::default();
    let mut table = Table::default();
    table.add_duration("idle", limits.idle, default.idle);
    table.add_unless("max_idle", limits.max_idle, limits.max_idle == default.max_idle);
    if let Some(max_age) = limits.max_age {
        table.add("max_age", string(&format_duration(max_age)));
    }
    if let Some(max_requests) = limits.max_requests {
        table.add("max_requests", max_requests);
    }
    table
}

fn admin_table(config: &Config) -> Table {
    let mut table = Table::default();
    match &config.admin {
        AdminBind::Off => table.add("bind", false),
        AdminBind::Unix(path) => table.add("bind", string(&format!("unix:{}", path.display()))),
        AdminBind::Fixed(address) | AdminBind::Preferred(address) => {
            let bind = string(&address.to_string());
            table.add_unless("bind", bind, *address == AdminBind::DEFAULT_ADDRESS);
        }
    }
    if config.admin_token.is_some() {
        table.add("token", string(MASK));
    }
    table
}

fn log_table(config: &Config) -> Table {
    let mut table = Table::default();
    let level = config.log_level;
    table.add_unless("level", string(level.name()), level == LogLevel::default());
    if let Some(access) = &config.access {
        add_access(&mut table, access);
    }
    table
}

/// In the shortest form: a format alone needs no table, and the default one not even a name.
fn add_access(table: &mut Table, access: &AccessConfig) {
    let log = access.log;
    let mut keys = Table::default();
    let format = string(word_for(&ACCESS_FORMATS, &log.format));
    keys.add_unless("format", &format, log.format == AccessFormat::default());
    if let AccessPath::File(path) = &access.path {
        keys.add("path", string(&path.to_string_lossy()));
    }
    keys.add_unless("keep", string(word_for(&KEPT, &log.keep)), log.keep == Kept::default());
    let only_format =
        AccessConfig { log: AccessLog { keep: Kept::default(), ..log }, ..AccessConfig::default() };
    match keys.len() {
        0 => table.add("access", true),
        1 if *access == only_format => table.add("access", format),
        _ => table.add_table("access", &keys),
    }
}

/// What stands for a secret.
pub(crate) const MASK: &str = "****************";

const ENDPOINTS: &str = "endpoints";

const HEADER: &str = "\
# An Evenkeel config. Keys that are not here have their defaults.
# `evenkeel check -c FILE` says what is wrong with it, `evenkeel run -c FILE` runs it.
";

#[cfg(test)]
mod tests;
