//! Ties: routes of one listener that nothing tells apart. `check::routes` calls it.

use std::collections::HashMap;

use evenkeel_plan::listener::Protocol;
use evenkeel_plan::route::{HostPattern, PathPattern, default_name};
use toml::Spanned;

use super::super::super::diagnostic::{Code, Diagnostic, Sink, Span, quoted};
use super::super::super::draft::{ListenerDraft, Patterns, RouteDraft, Target};

/// What routes have taken so far, by listener.
#[derive(Default)]
pub(super) struct Taken<'d> {
    listeners: HashMap<&'d str, TakenAt<'d>>,
    /// Where `to` of a listener is, which takes what no route does.
    defaults: HashMap<&'d str, Span>,
}

/// What routes have taken of one listener, and where they are.
#[derive(Default)]
struct TakenAt<'d> {
    /// By host, path, and one of the protocols, if it is for certain ones only.
    patterns: HashMap<(&'d HostPattern, &'d PathPattern, Option<&'d str>), Span>,
    names: HashMap<String, Span>,
}

impl<'d> Taken<'d> {
    /// Whether a route is for the listener called `name`.
    pub(super) fn has_routes(&self, name: &str) -> bool {
        self.listeners.contains_key(name)
    }

    /// Notes that `to` of `listener` takes what no route does.
    pub(super) fn reserve_default(&mut self, listener: &'d ListenerDraft) {
        let span = match &listener.target {
            Target::Named(name) => name.span(),
            Target::Own(cluster) => cluster.endpoints.span.clone(),
            Target::Missing => return,
        };
        self.defaults.insert(listener.name.get_ref(), span);
    }

    /// Notes what `route` takes of `listener`, or reports what it ties with.
    pub(super) fn add(&mut self, listener: &'d ListenerDraft, route: &'d RouteDraft, sink: &Sink) {
        let name = listener.name.get_ref().as_str();
        let taken = self.listeners.entry(name).or_default();
        let Some(patterns) = &route.patterns else { return };
        let Patterns { host, path, alpn, .. } = patterns;
        let keys: Vec<_> = match &**alpn {
            [] => vec![(host, path, None)],
            alpn => alpn.iter().map(|protocol| (host, path, Some(&**protocol))).collect(),
        };
        let is_default = keys == [(&HostPattern::Any, &PathPattern::Any, None)];
        let default = self.defaults.get(name).filter(|_| is_default);
        if let Some(default) = default {
            sink.report(tie_with_default(listener, route, default));
        } else if let Some((key, first)) =
            keys.iter().find_map(|key| Some((key, taken.patterns.get(key)?)))
        {
            sink.report(tie(listener, route, *key, first));
        } else {
            let label = route.label();
            taken.patterns.extend(keys.into_iter().map(|key| (key, route.span.clone())));
            match taken.names.get(&label) {
                Some(first) => sink.report(same_name(listener, route, first)),
                None => _ = taken.names.insert(label, route.span.clone()),
            }
        }
    }
}

fn tie(
    listener: &ListenerDraft,
    route: &RouteDraft,
    (host, path, protocol): (&HostPattern, &PathPattern, Option<&str>),
    first: &Span,
) -> Diagnostic {
    let alpn: Option<Box<str>> = protocol.map(Box::from);
    let what = default_name(host, path, alpn.as_slice());
    let listener = quoted(listener.name.get_ref());
    let message = format!("listener {listener} has two routes for {}", quoted(&what));
    Diagnostic::new(Code::DuplicateRoute, message)
        .label("is the second")
        .related(first.clone(), "the first is here")
        .help("which one a request takes must not be left to chance; to divide requests, write `to = { api = 95, api-next = 5 }`")
        .at(route.span.clone())
}

fn tie_with_default(listener: &ListenerDraft, route: &RouteDraft, default: &Span) -> Diagnostic {
    let name = quoted(listener.name.get_ref());
    let message = format!("listener {name} sends everything to two places");
    Diagnostic::new(Code::DuplicateRoute, message)
        .label("is for any host and path")
        .related(default.clone(), "and so is `to` of the listener")
        .help(match listener.protocol {
            Some(Protocol::Tls) => "give the route a `host` or `alpn`, or remove one of the two",
            _ => "give the route a `host` or a `path`, or remove one of the two",
        })
        .at(route.span.clone())
}

fn same_name(listener: &ListenerDraft, route: &RouteDraft, first: &Span) -> Diagnostic {
    let name = quoted(listener.name.get_ref());
    let message = format!("listener {name} has two routes called {}", quoted(&route.label()));
    let span = route.name.as_ref().map_or_else(|| route.span.clone(), Spanned::span);
    Diagnostic::new(Code::DuplicateRoute, message)
        .label("is taken")
        .related(first.clone(), "by this one")
        .help("metrics and logs could not tell them apart; leave out `name`, or choose another one")
        .at(span)
}
