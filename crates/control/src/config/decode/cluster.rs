//! `[cluster.NAME]`: a named set of endpoints, and how to use it.

use std::ops::RangeInclusive;

use evenkeel_plan::cluster::{HttpVersion, PoolLimits, UpstreamTimeouts};
use evenkeel_plan::resilience::Resilience;
use evenkeel_proto::field::{FieldName, is_token};
use toml::Spanned;
use toml::de::DeValue;

use super::super::diagnostic::{Code, Diagnostic, quoted};
use super::super::draft::{ClusterDraft, EndpointsDraft};
use super::super::section::{Section, parse_wait};
use super::super::units::format_duration;
use super::super::words::HTTP_VERSIONS;
use super::{
    balance, breaker, eligibility, endpoint, health, hedge, origination, outlier, overload,
    rebalance, retry, sticky,
};

/// Reads one cluster.
pub(super) fn read(name: Spanned<String>, section: &mut Section<'_>) -> ClusterDraft {
    let endpoints = endpoints(section);
    let tls = origination::read(section.optional("tls"));
    let has_tls = tls.is_some();
    let http = http(section, has_tls);
    let version = http.as_ref().map(|http| *http.get_ref()).unwrap_or_default();
    let balance = balance::read(section.optional("balance"));
    let sticky = sticky::read(section.optional("sticky"));
    let rebalance = rebalance::read(section.optional("rebalance"));
    let (retry, retried_calls) = retry::read(section.optional("retry"));
    ClusterDraft {
        name,
        endpoints,
        balance,
        eligibility: eligibility::read(section),
        sticky,
        health: health::read(section.optional("health"), has_tls),
        tls,
        http,
        timeouts: section
            .table("timeouts", |section| timeouts(section, has_tls))
            .unwrap_or_default(),
        deadline_header: section.unless_off(
            "deadline_header",
            "the name of a field in quotes",
            field_name,
        ),
        pool: section.table("pool", pool).unwrap_or_default(),
        resilience: Resilience {
            retry,
            outlier: outlier::read(section.optional("outlier")),
            breaker: breaker::read(section.optional("breaker")),
            hedge: hedge::read(section.optional("hedge")),
        },
        retried_calls,
        limits: overload::read(section.optional("limits"), version),
        rebalance,
    }
}

fn endpoints(section: &mut Section<'_>) -> EndpointsDraft {
    let help = "as in `endpoints = [\"10.0.0.1:8080\", \"10.0.0.2:8080\"]`";
    match section.required("endpoints", help) {
        Some(field) => endpoint::list(&field),
        // One that could not be read stands for those that are missing, so that their absence is reported once.
        None => EndpointsDraft { list: Vec::new(), written: 1, span: section.span() },
    }
}

fn http(section: &mut Section<'_>, has_tls: bool) -> Option<Spanned<HttpVersion>> {
    let field = section.optional("http")?;
    if let DeValue::Array(_) = field.value() {
        let help = "write one of them; \"auto\" lets each endpoint choose by ALPN";
        return field.mistyped("\"1\" or \"2\" or \"auto\"", Some(help.to_owned()));
    }
    let version = field.choice(&HTTP_VERSIONS)?;
    if version == HttpVersion::Auto && !has_tls {
        let message = "endpoints are asked in HTTP/1.1, as they choose nothing in clear text";
        field.report(
            Diagnostic::new(Code::HttpWithoutEffect, message)
                .label("goes by ALPN, which is a part of TLS")
                .help("give the cluster `tls`; or write \"2\" if all of its endpoints speak HTTP/2 in clear text"),
        );
    }
    Some(Spanned::new(field.span(), version))
}

fn field_name(text: &str) -> Result<String, Diagnostic> {
    let is_free = FieldName::from_bytes(text.as_bytes()) == FieldName::Other
        && !text.eq_ignore_ascii_case("grpc-timeout");
    if is_token(text.as_bytes()) && is_free {
        return Ok(text.to_owned());
    }
    let message = format!("{} cannot be a field for the time that is left", quoted(text));
    Err(Diagnostic::new(Code::BadName, message)
        .label("wants the name of a field that has no other meaning")
        .help("such as \"x-request-timeout-ms\""))
}

fn timeouts(section: &mut Section<'_>, has_tls: bool) -> UpstreamTimeouts {
    let default = UpstreamTimeouts::default();
    let timeouts = UpstreamTimeouts {
        connect: section.duration("connect", default.connect),
        tls: origination::timeout(section, has_tls, default.tls),
        first_byte: section.duration("first_byte", default.first_byte),
        idle: section.duration("idle", default.idle),
        exchange: section.unless_off("exchange", "a duration in quotes", parse_wait),
    };
    warn_of_short_exchange(section, &timeouts);
    timeouts
}

/// Only where both are written: whoever bounds exchanges need not know what the rest is by default.
fn warn_of_short_exchange(section: &mut Section<'_>, timeouts: &UpstreamTimeouts) {
    let (Some(exchange), Some(first_byte), Some(field)) =
        (timeouts.exchange, section.optional("first_byte"), section.optional("exchange"))
    else {
        return;
    };
    if exchange >= timeouts.first_byte {
        return;
    }
    let (exchange, wait) = (format_duration(exchange), format_duration(timeouts.first_byte));
    let message = format!("an exchange ends after {exchange}, and may wait {wait} for an answer");
    field.report(
        Diagnostic::new(Code::ExchangeBelowFirstByte, message)
            .label("is below `first_byte`")
            .related(first_byte.span(), "`first_byte` is here")
            .help("`exchange` is for all of it, so `first_byte` can never be reached; make one of them longer or shorter"),
    );
}

fn pool(section: &mut Section<'_>) -> PoolLimits {
    let default = PoolLimits::default();
    PoolLimits {
        idle: section.duration("idle", default.idle),
        max_idle: section.integer("max_idle", MAX_IDLE, default.max_idle),
        max_age: section.duration_or_off("max_age", default.max_age),
        max_requests: section
            .or_off("max_requests", default.max_requests, |field| field.integer(MAX_REQUESTS)),
    }
}

/// No machine has more ports towards one endpoint. 0 keeps none.
const MAX_IDLE: RangeInclusive<u64> = 0..=65_535;

/// A connection is made for one at least.
const MAX_REQUESTS: RangeInclusive<u64> = 1..=1_000_000_000;
