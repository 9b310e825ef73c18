//! Whether routes lead from listeners that exist, do not tie, and can be reached. Whether clusters exist, `check` says itself.

use std::collections::HashMap;

use evenkeel_plan::route::{HostPattern, PathPattern};
use evenkeel_proto::path::{PathRules, normalise};
use toml::Spanned;

use super::super::diagnostic::{Code, Diagnostic, Sink, Span, quoted};
use super::super::draft::{Draft, ListenerDraft, Patterns, RouteDraft, Target};
use super::super::suggest;

/// Checks all routes, and that each listener leads somewhere.
pub(super) fn check(draft: &Draft, sink: &Sink) {
    let mut taken = Taken::default();
    for listener in &draft.listeners {
        taken.reserve_default(listener);
    }
    let mut all_found = true;
    for route in &draft.routes {
        let listeners = listeners_of(draft, route, sink);
        all_found &= listeners.is_some();
        let listeners = listeners.unwrap_or_default();
        check_weights(route, sink);
        let Some(patterns) = &route.patterns else { continue };
        for listener in &listeners {
            taken.add(listener, route, patterns, sink);
        }
        check_reachable(&listeners, patterns, sink);
    }
    // A route whose listener is not known may be meant for any.
    for listener in draft.listeners.iter().filter(|_| all_found && !draft.routes.is_empty()) {
        let leads_nowhere = matches!(listener.target, Target::Missing);
        if leads_nowhere && !taken.listeners.contains_key(listener.name.get_ref().as_str()) {
            sink.report(no_target(listener));
        }
    }
}

fn no_target(listener: &ListenerDraft) -> Diagnostic {
    let name = listener.name.get_ref();
    let message = format!("listener {} has neither `to` nor a route", quoted(name));
    Diagnostic::new(Code::MissingKey, message)
        .label("leads nowhere")
        .help(format!("add `to = \"…\"` here, or `listener = \"{name}\"` to a `[[route]]`"))
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

// === Ties ===

/// What routes have taken so far, by listener.
#[derive(Default)]
struct Taken<'d> {
    listeners: HashMap<&'d str, TakenAt<'d>>,
    /// Where `to` of a listener is, which takes what no route does.
    defaults: HashMap<&'d str, Span>,
}

/// What routes have taken of one listener, and where they are.
#[derive(Default)]
struct TakenAt<'d> {
    patterns: HashMap<(&'d HostPattern, &'d PathPattern), Span>,
    names: HashMap<String, Span>,
}

impl<'d> Taken<'d> {
    fn reserve_default(&mut self, listener: &'d ListenerDraft) {
        let span = match &listener.target {
            Target::Named(name) => name.span(),
            Target::Own(cluster) => cluster.endpoints.span.clone(),
            Target::Missing => return,
        };
        self.defaults.insert(listener.name.get_ref(), span);
    }

    fn add(
        &mut self,
        listener: &'d ListenerDraft,
        route: &RouteDraft,
        patterns: &'d Patterns,
        sink: &Sink,
    ) {
        let name = listener.name.get_ref().as_str();
        let taken = self.listeners.entry(name).or_default();
        let key = (&patterns.host, &patterns.path);
        let is_default = key == (&HostPattern::Any, &PathPattern::Any);
        let default = self.defaults.get(name).filter(|_| is_default);
        if let Some(default) = default {
            sink.report(tie_with_default(listener, route, default));
        } else if let Some(first) = taken.patterns.get(&key) {
            sink.report(tie(listener, route, patterns, first));
        } else {
            let label = route.label();
            taken.patterns.insert(key, route.span.clone());
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
    patterns: &Patterns,
    first: &Span,
) -> Diagnostic {
    let what = evenkeel_plan::route::default_name(&patterns.host, &patterns.path);
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
        .help("give the route a `host` or a `path`, or remove one of the two")
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

// === Reach ===

/// Requests are matched in normal form, so a path that is not in it is one that nobody can ask for.
fn check_reachable(listeners: &[&ListenerDraft], patterns: &Patterns, sink: &Sink) {
    let (path, tail) = match &patterns.path {
        PathPattern::Any => return,
        PathPattern::Exact(path) => (path, ""),
        PathPattern::Below(parent) => (parent, "/*"),
    };
    let Some(text) = &patterns.path_text else { return };
    let rules: Vec<&PathRules> = listeners.iter().map(|listener| &listener.paths).collect();
    if rules.is_empty() || rules.iter().any(|rules| is_normal(path, rules)) {
        return;
    }
    let message = format!("no request can have the path {}", quoted(text.get_ref()));
    let problem = Diagnostic::new(Code::UnreachableRoute, message).label("is never asked for");
    let problem = match path.split_once('?') {
        Some((path, _)) => {
            let help =
                format!("routes look at the path only; leave out the query: \"{path}{tail}\"");
            problem.help(help)
        }
        None => match rules.iter().find_map(|rules| normal_form(path, rules)) {
            Some(normal) => problem.help(format!(
                "paths are compared in normal form, in which this one is \"{normal}{tail}\""
            )),
            None => problem
                .help("requests for it are answered with 400; `paths` of the listener says why"),
        },
    };
    sink.report(problem.at(text.span()));
}

fn is_normal(path: &str, rules: &PathRules) -> bool {
    !path.contains('?') && normal_form(path, rules).is_some_and(|normal| normal == path)
}

/// `path` as it is matched; `None` if requests for it are refused.
fn normal_form(path: &str, rules: &PathRules) -> Option<String> {
    let mut bytes: Vec<u8> = Vec::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            // RFC 3986 §2: no request has these as they are.
            b'!'..=b'~' if byte != b'#' => bytes.push(byte),
            _ => bytes.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    let length = normalise(&mut bytes, rules).ok()?;
    bytes.truncate(length);
    String::from_utf8(bytes).ok()
}
