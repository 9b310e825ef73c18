//! What can be said only about a config as a whole: references, names and addresses used twice, clusters of nothing.

use std::collections::{BTreeSet, HashMap, HashSet};

use evenkeel_plan::tls::Origination;
use toml::Spanned;

use super::diagnostic::{Code, Diagnostic, Sink, Span, quoted};
use super::draft::{ClusterDraft, Draft, EndpointsDraft, ListenerDraft, Target};
use super::model::EndpointConfig;
use super::suggest;

mod acme;
mod binds;
mod rebalance;
mod routes;
mod versions;
mod ways;

/// Checks everything.
pub(super) fn check(draft: &Draft, sink: &Sink) {
    if draft.listeners.is_empty() {
        sink.report(no_listener());
    }
    for cluster in clusters(draft) {
        check_endpoints(cluster, sink);
    }
    check_references(draft, sink);
    check_zone(draft, sink);
    check_ways(draft, sink);
    routes::check(draft, sink);
    binds::check(draft, sink);
    acme::check(draft, sink);
}

fn clusters(draft: &Draft) -> impl Iterator<Item = &ClusterDraft> {
    draft.clusters.iter().chain(draft.listeners.iter().filter_map(own))
}

fn own(listener: &ListenerDraft) -> Option<&ClusterDraft> {
    match &listener.target {
        Target::Own(cluster) => Some(cluster),
        Target::Named(_) | Target::Missing => None,
    }
}

/// What a cluster says has to go with what comes to it.
fn check_ways(draft: &Draft, sink: &Sink) {
    let ways = ways::ways(draft);
    for cluster in &draft.clusters {
        let ways = ways.get(cluster.name.get_ref().as_str());
        rebalance::check(cluster, ways, sink);
        if let Some(ways) = ways {
            versions::check(cluster, ways, sink);
        }
    }
    versions::check_own(draft, sink);
}

fn no_listener() -> Diagnostic {
    Diagnostic::new(Code::NoListener, "there is nothing to listen on").help(
        "the shortest config is:\n\n           \
         [listener.web]\n           bind = \":8080\"\n           \
         to = [\"127.0.0.1:9001\", \"127.0.0.1:9002\"]",
    )
}

// === Endpoints ===

fn check_endpoints(cluster: &ClusterDraft, sink: &Sink) {
    let EndpointsDraft { list, written, span } = &cluster.endpoints;
    let name = quoted(cluster.name.get_ref());
    check_duplicates(list, &name, sink);
    if cluster.tls.as_ref().is_some_and(|tls| tls.server_name.is_none()) {
        check_names(list, sink);
    }
    let all = |is: fn(&EndpointConfig) -> bool| {
        list.len() == *written && list.iter().all(|endpoint| is(endpoint.get_ref()))
    };
    let problem = if *written == 0 {
        Diagnostic::new(Code::NoEndpoints, format!("cluster {name} has no endpoints"))
            .label("is empty")
            .help("as in [\"10.0.0.1:8080\", \"10.0.0.2:8080\"]")
    } else if all(|endpoint| endpoint.weight == 0) {
        Diagnostic::new(
            Code::AllWeightsZero,
            format!("no endpoint of cluster {name} weighs anything"),
        )
        .label("every weight is 0")
        .help("an endpoint of weight 0 gets no work; give at least one a weight")
    } else if all(|endpoint| endpoint.backup) {
        Diagnostic::new(Code::OnlyBackups, format!("cluster {name} has only backups"))
            .label("every endpoint is a backup")
            .help("they will be used as if none were; leave out `backup`")
    } else {
        return;
    };
    sink.report(problem.at(span.clone()));
}

fn check_duplicates(list: &[Spanned<EndpointConfig>], cluster: &str, sink: &Sink) {
    let mut seen: HashMap<&str, Span> = HashMap::new();
    for endpoint in list {
        let name = endpoint.get_ref().name.as_str();
        let Some(first) = seen.get(name) else {
            seen.insert(name, endpoint.span());
            continue;
        };
        let message = format!("cluster {cluster} has endpoint {} twice", quoted(name));
        let problem = Diagnostic::new(Code::DuplicateEndpoint, message)
            .label("already listed")
            .help("to give it more work, give it a weight")
            .related(first.clone(), "first here");
        sink.report(problem.at(endpoint.span()));
    }
}

/// Who is to prove who they are needs a name that can be in a certificate.
fn check_names(list: &[Spanned<EndpointConfig>], sink: &Sink) {
    for endpoint in list {
        let name = &endpoint.get_ref().name;
        if Origination::host_name(name).is_some() {
            continue;
        }
        let message = format!("no certificate can be for {}", quoted(&endpoint.get_ref().host));
        let problem =
            Diagnostic::new(Code::BadRequestPart, message).label("cannot prove who it is").help(
                "say whom it has to prove to be, as in `tls = { server_name = \"api.internal\" }`",
            );
        sink.report(problem.at(endpoint.span()));
    }
}

/// Work that is to stay near goes nowhere near if nothing is.
fn check_zone(draft: &Draft, sink: &Sink) {
    let Some(zone) = &draft.zone else { return };
    let endpoints = || clusters(draft).flat_map(|cluster| &cluster.endpoints.list);
    let zones = || endpoints().filter_map(|endpoint| endpoint.get_ref().zone.as_deref());
    let all_read =
        clusters(draft).all(|cluster| cluster.endpoints.list.len() == cluster.endpoints.written);
    if !all_read || zones().any(|each| each == zone.get_ref()) {
        return;
    }
    let message = format!("no endpoint is in zone {}", quoted(zone.get_ref()));
    let problem = Diagnostic::new(Code::ZoneWithoutEndpoints, message);
    let all: BTreeSet<&str> = zones().collect();
    let help = match all.len() {
        0 => "say where they are, as in `{ address = \"10.0.0.1:8080\", zone = \"eu-1\" }`"
            .to_owned(),
        _ => format!(
            "they are in {}",
            all.into_iter().take(SHOWN_MAX).collect::<Vec<_>>().join(", ")
        ),
    };
    let problem = problem.label("is ours").help(help);
    sink.report(problem.at(zone.span()));
}

// === References ===

fn check_references(draft: &Draft, sink: &Sink) {
    let clusters: HashMap<&str, &ClusterDraft> =
        draft.clusters.iter().map(|cluster| (cluster.name.get_ref().as_str(), cluster)).collect();
    let mut used = HashSet::new();
    let mut all_found = true;
    for (name, whose) in references(draft) {
        match clusters.get_key_value(name.get_ref().as_str()) {
            Some((&name, _)) => _ = used.insert(name),
            None => {
                all_found = false;
                sink.report(unknown_cluster(draft, &whose, name));
            }
        }
    }
    all_found &= draft.routes.iter().all(|route| !route.to.is_empty());
    for listener in &draft.listeners {
        match &listener.target {
            Target::Named(_) => {}
            Target::Missing => {
                all_found &= !draft.routes.is_empty() || listener.redirect_to_https.is_some();
            }
            Target::Own(own) => {
                all_found &= own.endpoints.list.len() == own.endpoints.written;
                if let Some(cluster) = clusters.get(own.name.get_ref().as_str()) {
                    sink.report(collision(cluster, own));
                }
            }
        }
    }
    // What looks unused may be what a wrong `to` was meant to be.
    let unused =
        draft.clusters.iter().filter(|cluster| !used.contains(cluster.name.get_ref().as_str()));
    for cluster in unused.filter(|_| all_found) {
        let message = format!("nothing sends to cluster {}", quoted(cluster.name.get_ref()));
        let problem = Diagnostic::new(Code::UnusedCluster, message).label("is not used");
        let help =
            format!("a listener or a route sends to it with `to = \"{}\"`", cluster.name.get_ref());
        sink.report(problem.help(help).at(cluster.name.span()));
    }
}

/// The names of clusters that listeners and routes lead to, and whose they are.
fn references(draft: &Draft) -> impl Iterator<Item = (&Spanned<String>, String)> {
    let listeners = draft.listeners.iter().filter_map(|listener| match &listener.target {
        Target::Named(name) => {
            Some((name, format!("listener {}", quoted(listener.name.get_ref()))))
        }
        Target::Own(_) | Target::Missing => None,
    });
    let routes = draft.routes.iter().flat_map(|route| {
        route.to.iter().map(|(name, _)| (name, format!("route {}", quoted(&route.label()))))
    });
    listeners.chain(routes)
}

fn cluster<'a>(draft: &'a Draft, name: &str) -> Option<&'a ClusterDraft> {
    draft.clusters.iter().find(|cluster| cluster.name.get_ref() == name)
}

fn collision(cluster: &ClusterDraft, own: &ClusterDraft) -> Diagnostic {
    let name = own.name.get_ref();
    let message = format!("there are two clusters of the name {}", quoted(name));
    Diagnostic::new(Code::NameCollision, message)
        .label("also the name of a listener's own endpoints")
        .related(own.name.span(), "the listener is here")
        .help(format!("rename one of them, or write `to = \"{name}\"` in the listener"))
        .at(cluster.name.span())
}

fn unknown_cluster(draft: &Draft, whose: &str, name: &Spanned<String>) -> Diagnostic {
    let word = name.get_ref().as_str();
    let message = format!("{whose} sends to cluster {}, which does not exist", quoted(word));
    let problem = Diagnostic::new(Code::UnknownCluster, message).at(name.span());
    let names: Vec<&str> =
        draft.clusters.iter().map(|cluster| cluster.name.get_ref().as_str()).collect();
    if let Some(cluster) =
        suggest::closest(word, names.iter().copied()).and_then(|name| cluster(draft, name))
    {
        return problem
            .label(format!("did you mean `{}`?", cluster.name.get_ref()))
            .related(cluster.name.span(), "it is here");
    }
    let problem = problem.label("unknown");
    if draft.listeners.iter().filter_map(own).any(|own| own.name.get_ref() == word) {
        return problem.help(format!(
            "the endpoints of listener `{word}` are its own; to share them, move them to a `[cluster.NAME]`"
        ));
    }
    match names.as_slice() {
        [] if word.contains('.') => {
            problem.help(format!("if it is an endpoint, add its port: \"{word}:8080\""))
        }
        [] => problem.help(format!(
            "add a `[cluster.{word}]`, or, if it is an endpoint, its port: \"{word}:8080\""
        )),
        _ => problem.help(format!("there are: {}", names.join(", "))),
    }
}

/// A list that a person can look through.
const SHOWN_MAX: usize = 10;
