//! Whether any stream of a cluster can move that is to. `check` calls it.

use evenkeel_plan::cluster::HttpVersion;
use evenkeel_plan::rebalance::{Kind, Kinds};
use toml::Spanned;

use super::super::diagnostic::{Code, Diagnostic, Sink, quoted};
use super::super::draft::ClusterDraft;
use super::ways::Ways;

/// Checks a cluster to which these ways lead, if any do.
pub(super) fn check(cluster: &ClusterDraft, ways: Option<&Ways<'_>>, sink: &Sink) {
    let Some(settings) = &cluster.rebalance else { return };
    let kinds = settings.get_ref().kinds;
    let problem = comes_back(cluster)
        .or_else(|| divided(cluster, ways?))
        .or_else(|| without_kinds(cluster, ways?, kinds));
    if let Some(problem) = problem {
        sink.report(problem.label("has no effect").at(settings.span()));
    }
}

fn comes_back(cluster: &ClusterDraft) -> Option<Diagnostic> {
    let why = match &cluster.sticky {
        Some(_) => "`sticky` keeps clients where they are",
        None if cluster.balance.algorithm.hashes() => "`balance` sends each to the same endpoint",
        None => return None,
    };
    let help =
        "a client whose stream ended would come back to where it was; leave out one of the two";
    Some(stays(why).help(help))
}

fn divided(cluster: &ClusterDraft, ways: &Ways<'_>) -> Option<Diagnostic> {
    let labels = ways.labels?;
    let name = quoted(cluster.name.get_ref());
    let problem = stays(&format!("routes choose among the endpoints of cluster {name} by labels"))
        .related(labels.span(), "the labels are here")
        .help("nobody knows which of them could go where; give those endpoints a cluster of their own, or leave out `rebalance`");
    Some(problem)
}

fn without_kinds(cluster: &ClusterDraft, ways: &Ways<'_>, listed: Kinds) -> Option<Diagnostic> {
    let possible = possible(cluster, ways);
    let mut both = Kind::ALL.into_iter().filter(|kind| listed.contains(*kind));
    // One that lists none is mistaken in another way.
    if listed == Kinds::default() || both.any(|kind| possible.contains(kind)) {
        return None;
    }
    let name = quoted(cluster.name.get_ref());
    let listed = names(listed, "and");
    let problem = stays(&format!("those of cluster {name} are of other kinds than {listed}"));
    let problem = match (ways.requests, ways.streams) {
        (None, Some(_)) => problem.help(
            "its streams are of the kind `tcp`, which just end: where clients are ready for that, list it, as in `rebalance = { pace = \"1/s\", kinds = [\"tcp\"] }`",
        ),
        _ => {
            let possible = names(possible, "or");
            problem.help(format!("what may be there is {possible}: list it in the `kinds` of its table"))
        }
    };
    let listener = ways.requests.or(ways.streams)?;
    Some(problem.related(listener.name.span(), "what goes there comes from here"))
}

/// The kinds that may be there.
fn possible(cluster: &ClusterDraft, ways: &Ways<'_>) -> Kinds {
    let has_requests = ways.requests.is_some();
    let http = cluster.http.as_ref().map(Spanned::get_ref);
    let is_possible = |kind: &Kind| match kind {
        Kind::WebSocket => has_requests,
        // A call that is translated from gRPC-Web stays.
        Kind::Grpc => ways.has_http2,
        // RFC 9113 §8.6: in HTTP/2 there are none.
        Kind::Upgrade => has_requests && http != Some(&HttpVersion::Http2),
        Kind::Tcp => ways.streams.is_some(),
    };
    Kind::ALL.into_iter().filter(is_possible).collect()
}

/// As in "`websocket`, `grpc` or `upgrade`".
fn names(kinds: Kinds, joint: &str) -> String {
    let names = Kind::ALL.into_iter().filter(|kind| kinds.contains(*kind));
    let names: Vec<String> = names.map(|kind| format!("`{}`", kind.name())).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} {joint} {last}", others.join(", ")),
        None => String::new(),
    }
}

fn stays(why: &str) -> Diagnostic {
    Diagnostic::new(Code::StreamsStay, format!("no stream moves, as {why}"))
}
