//! Which version of HTTP the endpoints of a cluster are asked in, and what is said of calls of gRPC, which there are in HTTP/2 alone. `check`
//! calls it.

use evenkeel_plan::cluster::HttpVersion;
use evenkeel_plan::listener::Protocol;
use toml::Spanned;

use super::super::diagnostic::{Code, Diagnostic, Sink, Span, quoted};
use super::super::draft::{ClusterDraft, Draft, ListenerDraft, Target};
use super::ways::Ways;

/// Checks a cluster to which these ways lead.
pub(super) fn check(cluster: &ClusterDraft, ways: &Ways<'_>, sink: &Sink) {
    match (ways.requests, ways.streams, &cluster.http) {
        (Some(_), ..) => check_calls(cluster, sink),
        (None, Some(listener), Some(http)) => {
            sink.report(never_asked(cluster, http.span(), listener));
        }
        _ => {}
    }
    if let Some(span) = &cluster.retried_calls
        && let Some(problem) = never_tried_again(cluster, ways)
    {
        sink.report(problem.at(span.clone()));
    }
}

/// Checks those that are a listener's own.
pub(super) fn check_own(draft: &Draft, sink: &Sink) {
    for listener in &draft.listeners {
        if let (None | Some(Protocol::Http), Target::Own(own)) =
            (listener.protocol, &listener.target)
        {
            check_calls(own, sink);
        }
    }
}

/// A check that makes a call says nothing about endpoints that get none: over HTTP/1 there are no calls of gRPC.
fn check_calls(cluster: &ClusterDraft, sink: &Sink) {
    for span in cluster.health.calls.iter().filter(|_| is_http1(cluster)) {
        let name = quoted(cluster.name.get_ref());
        let message = format!(
            "cluster {name} is checked by a call of gRPC, and gets its requests in HTTP/1.1, in which there are none"
        );
        let problem = Diagnostic::new(Code::CallsOverHttp1, message)
            .label("passes where calls fail")
            .help("give the cluster `http = \"2\"`, as its servers of gRPC need it")
            .at(span.clone());
        sink.report(match &cluster.http {
            Some(http) => problem.related(http.span(), "`http` is here"),
            None => problem,
        });
    }
}

/// Whether endpoints are surely asked in HTTP/1.1.
fn is_http1(cluster: &ClusterDraft) -> bool {
    match cluster.http.as_ref().map(Spanned::get_ref) {
        None | Some(HttpVersion::Http1) => true,
        Some(HttpVersion::Auto) => cluster.tls.is_none(),
        Some(HttpVersion::Http2) => false,
    }
}

fn never_asked(cluster: &ClusterDraft, span: Span, listener: &ListenerDraft) -> Diagnostic {
    let name = quoted(cluster.name.get_ref());
    let message = format!("only streams lead to cluster {name}, and what is in them is not ours");
    Diagnostic::new(Code::HttpWithoutEffect, message)
        .label("is about requests")
        .help("leave it out")
        .at(span)
        .related(listener.name.span(), "the streams come from here")
}

/// Why no call of gRPC can end, or that of no server, so that another attempt is made for its status; `None` if one can. Whether a client has HTTP/2 is not ours to know.
fn never_tried_again(cluster: &ClusterDraft, ways: &Ways<'_>) -> Option<Diagnostic> {
    let name = quoted(cluster.name.get_ref());
    let problem = |message: String| {
        Diagnostic::new(Code::NeverTriedAgain, message).label("is the outcome of no attempt")
    };
    match (ways.requests, ways.streams) {
        (None, Some(listener)) => {
            let message =
                format!("only streams lead to cluster {name}, and no call of gRPC in them is seen");
            let problem = problem(message).help("leave it out");
            Some(problem.related(listener.name.span(), "the streams come from here"))
        }
        (Some(listener), _) if !ways.has_calls() => {
            let message = format!(
                "requests come to cluster {name} in HTTP/1.1, in which there are no calls of gRPC"
            );
            let problem = problem(message).help(
                "leave out `http2 = false` of the listener, as clients of gRPC need HTTP/2; for those of gRPC-Web, write `grpc_web = true` in a `[[route]]` to the cluster",
            );
            Some(problem.related(listener.name.span(), "they come from here"))
        }
        _ if is_http1(cluster) => {
            let message = format!(
                "cluster {name} gets its requests in HTTP/1.1, which servers of gRPC do not speak"
            );
            let help = "give the cluster `http = \"2\"`, as its servers of gRPC need it";
            // There are gateways that answer calls over HTTP/1.1.
            let problem = problem(message).label("hardly ever happens there").help(help);
            Some(match &cluster.http {
                Some(http) => problem.related(http.span(), "`http` is here"),
                None => problem,
            })
        }
        _ => None,
    }
}
