//! Whether requests can have the path of a route. `check::routes` calls it.

use evenkeel_plan::route::PathPattern;
use evenkeel_proto::path::{PathRules, normalise};

use super::super::super::diagnostic::{Code, Diagnostic, Sink, quoted};
use super::super::super::draft::{ListenerDraft, Patterns};

/// Requests are matched in normal form, so a path that is not in it is one that nobody can ask for.
pub(super) fn check(listeners: &[&ListenerDraft], patterns: &Patterns, sink: &Sink) {
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
