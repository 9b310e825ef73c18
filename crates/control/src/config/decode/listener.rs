//! `[listener.NAME]`: where to accept, and what may come in there.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use evenkeel_plan::cluster::{PoolLimits, UpstreamTimeouts};
use evenkeel_plan::listener::{Bind, DownstreamLimits, DownstreamTimeouts};
use evenkeel_plan::overload::Limits;
use evenkeel_plan::resilience::Resilience;
use evenkeel_proto::http1::FIELDS_MAX;
use ipnet::IpNet;
use toml::Spanned;

use super::super::diagnostic::{Code, Diagnostic};
use super::super::draft::{ClusterDraft, ListenerDraft, Target};
use super::super::model::EligibilityConfig;
use super::super::section::{Field, Section};
use super::super::words::UNUSUAL_NAMES;
use super::super::{address, units};
use super::{admission, balance, endpoint, errors, health, paths, stream, tls};

/// Reads one listener.
pub(super) fn read(
    name: Spanned<String>,
    section: &mut Section<'_>,
    has_routes: bool,
) -> ListenerDraft {
    let protocol = match section.optional("protocol") {
        Some(field) => field.word(&PROTOCOLS, &PROTOCOLS_LATER),
        None => Some("http"),
    };
    let redirect = tls::redirect(section, protocol);
    let needs_target = !has_routes && redirect.is_none();
    stream::refuse_keys(section, protocol);
    let clear = tls::clear(section, protocol);
    let binds = binds(section);
    let http2 = section.optional("http2").and_then(|field| field.boolean()).unwrap_or(true);
    ListenerDraft {
        binds,
        protocol: stream::carries(protocol),
        http2,
        target: target(&name, section, needs_target),
        admission: admission::read(section),
        connections: admission::connections(section),
        trusted_proxies: trusted_proxies(section),
        timeouts: section
            .table("timeouts", |section| timeouts(section, protocol, clear))
            .unwrap_or_default(),
        limits: section.table("limits", |section| limits(section, http2)).unwrap_or_default(),
        paths: section.table("paths", paths::read).unwrap_or_default(),
        header_names: section
            .optional("header_names")
            .and_then(|field| field.choice(&UNUSUAL_NAMES))
            .unwrap_or_default(),
        errors: section.table("errors", errors::read).unwrap_or_default(),
        tls: tls::read(section, protocol),
        redirect_to_https: redirect.flatten(),
        hsts: tls::hsts(section, protocol),
        name,
    }
}

fn binds(section: &mut Section<'_>) -> Vec<Spanned<Bind>> {
    let Some(field) = section.required("bind", "as in `bind = \":8080\"`") else {
        return Vec::new();
    };
    let items = field.items("an address");
    if items.is_empty() {
        let problem =
            Diagnostic::new(Code::MissingKey, format!("{} listens nowhere", section.title()));
        field.report(problem.label("is empty").help("as in `bind = \":8080\"`"));
    }
    let read = |item: &Field<'_>| {
        let bind = item.parsed("a string", address::parse_bind)?;
        Some(Spanned::new(item.span(), bind))
    };
    items.iter().filter_map(read).collect()
}

/// A name leads to a cluster; anything with a port, or a list, is endpoints, and then the keys of a cluster that people
/// want most may stand here, too.
fn target(name: &Spanned<String>, section: &mut Section<'_>, is_needed: bool) -> Target {
    let (balance, health) = (section.optional("balance"), section.optional("health"));
    let to = if is_needed { section.required("to", TO_HELP) } else { section.optional("to") };
    let Some(to) = to else {
        for field in [&balance, &health].into_iter().flatten().filter(|_| !is_needed) {
            field.report_misplaced("it belongs to the `[cluster.NAME]` that a route sends to");
        }
        return Target::Missing;
    };
    if let Some(cluster) = to.value().as_str().filter(|text| is_cluster_name(text)) {
        for field in [&balance, &health].into_iter().flatten() {
            field.report_misplaced(&format!(
                "it belongs to `[cluster.{cluster}]`, to which this listener sends"
            ));
        }
        return Target::Named(Spanned::new(to.span(), cluster.to_owned()));
    }
    Target::Own(Box::new(ClusterDraft {
        name: name.clone(),
        endpoints: endpoint::list(&to),
        balance: balance::read(balance),
        eligibility: EligibilityConfig::default(),
        sticky: None,
        health: health::read(health, false),
        tls: None,
        http: None,
        timeouts: UpstreamTimeouts::default(),
        deadline_header: None,
        pool: PoolLimits::default(),
        resilience: Resilience::default(),
        retried_calls: None,
        limits: Limits::default(),
        rebalance: None,
    }))
}

/// Whether `to` names a cluster. An address whose port was forgotten does not: its mistake is the port.
pub(super) fn is_cluster_name(to: &str) -> bool {
    let is_port = to.bytes().all(|byte| byte.is_ascii_digit());
    !is_port && !to.contains(':') && to.parse::<IpAddr>().is_err()
}

fn trusted_proxies(section: &mut Section<'_>) -> Vec<IpNet> {
    let Some(field) = section.optional("trusted_proxies") else { return Vec::new() };
    let read = |item: &Field<'_>| {
        let network = item.parsed("a network in a string", address::parse_network)?;
        if network.prefix_len() == 0 {
            item.report(trusts_everybody());
        } else if network.addr() != network.network() {
            item.report(admission::has_host(network));
        }
        Some(network)
    };
    field.items("a network").iter().filter_map(read).collect()
}

fn trusts_everybody() -> Diagnostic {
    Diagnostic::new(Code::TrustsEverybody, "every client is a trusted proxy")
        .label("contains every address")
        .help("any client can now claim any address in X-Forwarded-For; list the networks of your proxies")
}

fn timeouts(
    section: &mut Section<'_>,
    protocol: Option<&str>,
    clear: Option<&str>,
) -> DownstreamTimeouts {
    stream::refuse_timeouts(section, protocol);
    let default = DownstreamTimeouts::default();
    DownstreamTimeouts {
        tls: tls::timeout(section, clear, default.tls),
        header: section.duration("header", default.header),
        body: section.duration("body", default.body),
        keep_alive: section.duration("keep_alive", default.keep_alive),
        write: section.duration("write", default.write),
        tunnel: section.duration("tunnel", default.tunnel),
    }
}

fn limits(section: &mut Section<'_>, http2: bool) -> DownstreamLimits {
    let default = DownstreamLimits::default();
    let limits = DownstreamLimits {
        header_bytes: size(section, "header_bytes", default.header_bytes),
        header_count: section.integer("header_count", HEADER_COUNT, default.header_count),
        target_bytes: size(section, "target_bytes", default.target_bytes),
        body: section.unless_off("body", "a size in quotes", parse_body),
        streams: section.integer("streams", STREAMS, default.streams),
    };
    if limits.target_bytes > limits.header_bytes
        && let Some(field) = section.optional("target_bytes")
    {
        field.report(target_above_head(&limits));
    }
    if let Some(field) = section.optional("streams").filter(|_| !http2) {
        field.report_key(streams_of_none());
    }
    limits
}

fn streams_of_none() -> Diagnostic {
    let message = "connections carry one request at a time here, as all are of HTTP/1.1";
    Diagnostic::new(Code::LimitWithoutEffect, message)
        .label("has no effect")
        .help("it is about connections of HTTP/2, which `http2 = false` of the listener turns off; leave out one of the two")
}

fn target_above_head(limits: &DownstreamLimits) -> Diagnostic {
    let size = |bytes: usize| units::format_size(bytes as u64);
    let (target, head) = (size(limits.target_bytes), size(limits.header_bytes));
    Diagnostic::new(
        Code::TargetAboveHead,
        format!("a target may have {target}, but the head that it is in only {head}"),
    )
    .label("is above `header_bytes`")
    .help("make `header_bytes` larger, or `target_bytes` smaller")
}

fn size(section: &mut Section<'_>, key: &'static str, default: usize) -> usize {
    let (least, most) = HEAD_BYTES;
    let bounded = |text: &str| match units::parse_size(text)?.try_into() {
        Ok(bytes) if (least..=most).contains(&bytes) => Ok(bytes),
        _ => {
            let label = format!(
                "wants {} to {}",
                units::format_size(least as u64),
                units::format_size(most as u64)
            );
            Err(Diagnostic::new(Code::OutOfBounds, format!("`{key}` is out of bounds"))
                .label(label))
        }
    };
    let field = section.optional(key);
    field.and_then(|field| field.parsed("a size in quotes", bounded)).unwrap_or(default)
}

/// No bodies at all is not a size: methods without one would still be answered, and a client learns it from the endpoint.
fn parse_body(text: &str) -> Result<u64, Diagnostic> {
    match units::parse_size(text)? {
        0 => Err(Diagnostic::new(Code::OutOfBounds, "`body` is out of bounds")
            .label("wants at least 1 byte")),
        bytes => Ok(bytes),
    }
}

const TO_HELP: &str =
    "as in `to = [\"10.0.0.1:8080\", \"10.0.0.2:8080\"]`, or `to = \"api\"` with a `[cluster.api]`";

/// What listeners can speak.
pub(in super::super) const PROTOCOLS: [&str; 4] = ["http", "https", stream::TCP, stream::TLS];

/// What they will be able to speak.
pub(in super::super) const PROTOCOLS_LATER: [&str; 1] = ["udp"];

/// Browsers send about 20 fields; below 8 nothing useful gets through, and each costs memory per connection.
const HEADER_COUNT: RangeInclusive<u64> = 8..=FIELDS_MAX as u64;

/// As many as the guard of such a connection knows what to do with.
const STREAMS: RangeInclusive<u64> = 1..=1024;

/// A head is held in memory for every connection that is sending one.
const HEAD_BYTES: (usize, usize) = (256, 1024 * 1024);
