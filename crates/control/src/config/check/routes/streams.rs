//! What streams do not have: paths on a listener for TLS that is passed on, nothing at all on one for bytes; and protocols of ALPN on one
//! for requests. And what clusters go by that streams lead to. `check::routes` calls it.

use std::collections::{HashMap, HashSet};

use evenkeel_plan::balance::hash::KeySource;
use evenkeel_plan::listener::Protocol;
use evenkeel_plan::route::HostPattern;
use toml::Spanned;

use super::super::super::diagnostic::{Code, Diagnostic, Sink, Span, quoted};
use super::super::super::draft::{
    ClusterDraft, ListenerDraft, OriginationDraft, RouteDraft, Target,
};
use super::super::super::model::StickyConfig;

/// Checks that `route` goes by what comes in by `listener`.
pub(super) fn check(listener: &ListenerDraft, route: &RouteDraft, sink: &Sink) {
    let name = quoted(listener.name.get_ref());
    let misplaced = |span: &Span, message: String, help: &str| {
        let problem = Diagnostic::new(Code::MisplacedKey, message);
        sink.report(problem.label("does not belong here").help(help).at(span.clone()));
    };
    let patterns = route.patterns.as_ref();
    if let (Some(Protocol::Tls), Some(grpc_web)) = (listener.protocol, &route.grpc_web) {
        let message = format!("nobody sees what calls are in the streams of listener {name}");
        misplaced(&grpc_web.span(), message, "`grpc_web` is for routes of requests");
    }
    match listener.protocol {
        None => {}
        Some(Protocol::Tcp) => {
            let message = format!("nothing tells the streams of listener {name} apart");
            misplaced(
                &route.span,
                message,
                "with `protocol = \"tcp\"` a listener takes `to`, and no routes",
            );
        }
        Some(Protocol::Tls) => {
            if let Some(path) = patterns.and_then(|patterns| patterns.path_text.as_ref()) {
                let message = format!("the streams of listener {name} have no path that is seen");
                misplaced(
                    &path.span(),
                    message,
                    "with `protocol = \"tls\"` routes go by `host` and `alpn`",
                );
            }
            if let Some(HostPattern::Exact(host)) = patterns.map(|patterns| &patterns.host)
                && (host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok())
            {
                let message = format!("no client asks for {} by TLS", quoted(host));
                let problem = Diagnostic::new(Code::UnreachableRoute, message)
                    .label("is never asked for")
                    .help("server names are names (RFC 6066 §3); who connects to an address names none");
                sink.report(problem.at(route.span.clone()));
            }
        }
        Some(Protocol::Http) => {
            if let Some(span) = patterns.and_then(|patterns| patterns.alpn_span.as_ref()) {
                let message = format!("the requests of listener {name} do not go by protocols");
                misplaced(
                    span,
                    message,
                    "`alpn` is for listeners with `protocol = \"tls\"`; routes for requests go by `host` and `path`",
                );
            }
        }
    }
}

/// Checks that the clusters to which the streams of `listener` go choose by something that streams have.
pub(super) fn check_clusters<'d>(
    listener: &'d ListenerDraft,
    routes: impl Iterator<Item = &'d RouteDraft>,
    clusters: &HashMap<&str, &'d ClusterDraft>,
    sink: &Sink,
) {
    let has_host = match listener.protocol {
        None | Some(Protocol::Http) => return,
        Some(Protocol::Tcp) => false,
        Some(Protocol::Tls) => true,
    };
    let own = match &listener.target {
        Target::Own(own) => Some((&own.name, &**own)),
        Target::Named(_) | Target::Missing => None,
    };
    let find = |name: &'d Spanned<String>| Some((name, *clusters.get(name.get_ref().as_str())?));
    let all = led_to(listener, routes).filter_map(find).chain(own);
    let mut seen = HashSet::new();
    for (name, cluster) in all.filter(|(name, _)| seen.insert(name.get_ref())) {
        if let Some(what) = lacking(cluster, has_host) {
            sink.report(without(listener, name, cluster, what));
        }
        if let (Some(Protocol::Tls), Some(tls)) = (listener.protocol, &cluster.tls) {
            sink.report(twice(listener, name, tls));
        }
    }
}

/// The clusters that `listener` and its `routes` name.
fn led_to<'d>(
    listener: &'d ListenerDraft,
    routes: impl Iterator<Item = &'d RouteDraft>,
) -> impl Iterator<Item = &'d Spanned<String>> {
    let named = match &listener.target {
        Target::Named(name) => Some(name),
        Target::Own(_) | Target::Missing => None,
    };
    named.into_iter().chain(routes.flat_map(|route| &route.to).map(|(name, _)| name))
}

/// What `cluster` goes by that streams do not have.
fn lacking(cluster: &ClusterDraft, has_host: bool) -> Option<&'static str> {
    let has = |source: &KeySource| match source {
        KeySource::Client => true,
        KeySource::Host => has_host,
        KeySource::Path | KeySource::Header(_) | KeySource::Cookie(_) | KeySource::Query(_) => {
            false
        }
    };
    match &cluster.sticky {
        Some(StickyConfig::Cookie(_)) => return Some("`sticky` by a cookie"),
        Some(StickyConfig::Key(source)) if !has(source) => return Some("`sticky`"),
        _ => {}
    }
    let hashes = cluster.balance.algorithm.hashes();
    (hashes && !cluster.balance.key.sources().iter().any(has)).then_some("the `key` of `balance`")
}

fn without(
    listener: &ListenerDraft,
    name: &Spanned<String>,
    cluster: &ClusterDraft,
    what: &str,
) -> Diagnostic {
    let (listener, cluster_name) = (quoted(listener.name.get_ref()), quoted(name.get_ref()));
    let message =
        format!("streams of listener {listener} have nothing that cluster {cluster_name} goes by");
    let problem = Diagnostic::new(Code::NothingToGoBy, message)
        .label(format!("{what} is about requests"))
        .help("streams can stay with an endpoint by `sticky = \"client\"`")
        .at(name.span());
    // A listener's own cluster has its name.
    match cluster.name.span() {
        span if span == name.span() => problem,
        span => problem.related(span, "the cluster is here"),
    }
}

/// The endpoint would have to take TLS off twice: nearly nobody means that.
fn twice(listener: &ListenerDraft, name: &Spanned<String>, tls: &OriginationDraft) -> Diagnostic {
    let (listener, cluster) = (quoted(listener.name.get_ref()), quoted(name.get_ref()));
    let message = format!("the TLS that listener {listener} passes on is put into TLS once more");
    let help = format!(
        "take `tls` out of cluster {cluster}; or take it off here, by `protocol = \"tcp\"` with `certificates`"
    );
    Diagnostic::new(Code::TlsInTls, message)
        .label("is spoken TLS with")
        .help(help)
        .at(name.span())
        .related(tls.trust.span(), "`tls` is here")
}
