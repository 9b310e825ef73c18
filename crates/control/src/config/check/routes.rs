//! Whether routes lead from listeners that exist, do not tie, and can be reached. Whether clusters exist, `check` says itself.

use std::collections::HashMap;

use evenkeel_plan::cluster::HttpVersion;
use evenkeel_plan::listener::Protocol;
use toml::Spanned;

use super::super::diagnostic::{Code, Diagnostic, Sink, quoted};
use super::super::draft::{ClusterDraft, Draft, EndpointsDraft, ListenerDraft, RouteDraft, Target};
use super::super::model::EndpointConfig;
use super::super::suggest;

mod reach;
mod streams;
mod ties;

use ties::Taken;

/// Checks all routes, and that each listener leads somewhere.
pub(super) fn check(draft: &Draft, sink: &Sink) {
    let mut taken = Taken::default();
    for listener in &draft.listeners {
        taken.reserve_default(listener);
    }
    let clusters = draft.clusters.iter().map(|cluster| (cluster.name.get_ref().as_str(), cluster));
    let clusters: HashMap<&str, &ClusterDraft> = clusters.collect();
    let mut all_found = true;
    for route in &draft.routes {
        let listeners = listeners_of(draft, route, sink);
        all_found &= listeners.is_some();
        let listeners = listeners.unwrap_or_default();
        check_weights(route, sink);
        check_labels(route, &clusters, sink);
        check_grpc_web(route, &clusters, sink);
        for listener in &listeners {
            taken.add(listener, route, sink);
            streams::check(listener, route, sink);
        }
        if let Some(patterns) = &route.patterns {
            reach::check(&listeners, patterns, sink);
        }
    }
    for listener in &draft.listeners {
        let routes = draft.routes.iter().filter(|route| route.may_be_of(listener.name.get_ref()));
        streams::check_clusters(listener, routes, &clusters, sink);
    }
    // A route whose listener is not known may be meant for any.
    for listener in draft.listeners.iter().filter(|_| all_found && !draft.routes.is_empty()) {
        let leads_nowhere =
            matches!(listener.target, Target::Missing) && listener.redirect_to_https.is_none();
        if leads_nowhere && !taken.has_routes(listener.name.get_ref()) {
            sink.report(no_target(listener));
        }
    }
}

fn no_target(listener: &ListenerDraft) -> Diagnostic {
    let name = listener.name.get_ref();
    let message = format!("listener {} has neither `to` nor a route", quoted(name));
    Diagnostic::new(Code::MissingKey, message)
        .label("leads nowhere")
        .help(match listener.protocol {
            Some(Protocol::Tcp) => "add `to = \"…\"` here".to_owned(),
            _ => format!("add `to = \"…\"` here, or `listener = \"{name}\"` to a `[[route]]`"),
        })
        .at(listener.name.span())
}

/// The listeners that `route` is for; `None` if they are not known.
fn listeners_of<'d>(
    draft: &'d Draft,
    route: &RouteDraft,
    sink: &Sink,
) -> Option<Vec<&'d ListenerDraft>> {
    let Some(names) = &route.listeners else {
        if draft.listeners.len() > 1 {
            sink.report(listener_missing(draft, route));
            return None;
        }
        return Some(draft.listeners.iter().collect());
    };
    let find = |name: &Spanned<String>| {
        let mut listeners = draft.listeners.iter();
        let found = listeners.find(|listener| listener.name.get_ref() == name.get_ref());
        if found.is_none() {
            sink.report(unknown_listener(draft, name));
        }
        found
    };
    let mut found: Vec<&ListenerDraft> = Vec::new();
    let mut all = !names.is_empty();
    for name in names {
        match find(name) {
            None => all = false,
            Some(listener) if found.iter().any(|other| std::ptr::eq(*other, listener)) => {
                let message = format!("a route names listener {} twice", quoted(name.get_ref()));
                let problem = Diagnostic::new(Code::DuplicateRoute, message);
                sink.report(problem.label("already listed").at(name.span()));
            }
            Some(listener) => found.push(listener),
        }
    }
    all.then_some(found)
}

fn listener_missing(draft: &Draft, route: &RouteDraft) -> Diagnostic {
    let names = listener_names(draft);
    Diagnostic::new(Code::ListenerMissing, "a route does not say for which listener it is")
        .label("lacks `listener`")
        .help(format!(
            "there are several: {}; as in `listener = \"{}\"`, or a list of them",
            names.join(", "),
            names.first().copied().unwrap_or_default()
        ))
        .at(route.span.clone())
}

fn unknown_listener(draft: &Draft, name: &Spanned<String>) -> Diagnostic {
    let message = format!("there is no listener {}", quoted(name.get_ref()));
    let problem = Diagnostic::new(Code::UnknownListener, message).at(name.span());
    let names = listener_names(draft);
    match suggest::closest(name.get_ref(), names.iter().copied()) {
        Some(known) => problem.label(format!("did you mean `{known}`?")),
        None => problem.label("unknown").help(format!("there are: {}", names.join(", "))),
    }
}

fn listener_names(draft: &Draft) -> Vec<&str> {
    draft.listeners.iter().map(|listener| listener.name.get_ref().as_str()).collect()
}

fn check_weights(route: &RouteDraft, sink: &Sink) {
    let Some(span) = &route.to_span else { return };
    if route.to.iter().all(|(_, weight)| *weight == 0) {
        let message = format!("no cluster of route {} weighs anything", quoted(&route.label()));
        let problem = Diagnostic::new(Code::AllWeightsZero, message)
            .label("every weight is 0")
            .help("a cluster of weight 0 gets no work; give at least one a weight");
        sink.report(problem.at(span.clone()));
    }
}

/// Requests of a route must not go nowhere.
fn check_labels(route: &RouteDraft, clusters: &HashMap<&str, &ClusterDraft>, sink: &Sink) {
    let Some(labels) = &route.labels else { return };
    for (name, _) in &route.to {
        let Some(cluster) = clusters.get(name.get_ref().as_str()) else { continue };
        let EndpointsDraft { list, written, .. } = &cluster.endpoints;
        let has_all = |endpoint: &EndpointConfig| {
            labels.get_ref().iter().all(|label| endpoint.labels.contains(label))
        };
        if list.len() < *written || list.iter().any(|endpoint| has_all(endpoint.get_ref())) {
            continue;
        }
        let message = format!("no endpoint of cluster {} has these labels", quoted(name.get_ref()));
        let problem = Diagnostic::new(Code::NoSuchLabels, message)
            .label(format!("wanted by route {}", quoted(&route.label())))
            .help("as in `endpoints = [{ address = \"10.0.0.1:8080\", labels = { version = \"2\" } }]`")
            .related(cluster.name.span(), "the cluster is here");
        sink.report(problem.at(labels.span()));
    }
}

/// What is translated has to go where gRPC can be spoken.
fn check_grpc_web(route: &RouteDraft, clusters: &HashMap<&str, &ClusterDraft>, sink: &Sink) {
    let Some(grpc_web) = route.grpc_web.as_ref().filter(|it| *it.get_ref()) else { return };
    for (name, _) in &route.to {
        let Some(cluster) = clusters.get(name.get_ref().as_str()) else { continue };
        let http = cluster.http.as_ref().map(|http| *http.get_ref()).unwrap_or_default();
        if http != HttpVersion::Http1 {
            continue;
        }
        let name = quoted(name.get_ref());
        let message =
            format!("endpoints of cluster {name} are asked in HTTP/1.1, which has no gRPC");
        let problem = Diagnostic::new(Code::GrpcOverHttp1, message)
            .label("makes calls of gRPC")
            .help(format!("write `http = \"2\"` in cluster {name}"))
            .related(cluster.name.span(), "the cluster is here");
        sink.report(problem.at(grpc_web.span()));
    }
}
