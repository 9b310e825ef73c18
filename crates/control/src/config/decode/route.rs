//! `[[route]]`: which requests go where. Whether routes fit together, and to listeners and clusters, `check` says.

use std::time::Duration;

use evenkeel_plan::limits::WEIGHT_MAX;
use evenkeel_plan::route::{HostPattern, PathPattern};
use toml::Spanned;
use toml::de::DeValue;

use super::super::diagnostic::{Code, Diagnostic, Span, quoted};
use super::super::draft::{Patterns, RouteDraft};
use super::super::section::{Field, Section, check_name, parse_wait};
use super::listener::is_cluster_name;
use super::{admission, label};

mod patterns;

use patterns::{parse_host, parse_path, parse_protocol};

/// Reads all routes; there need not be any.
pub(super) fn read_all(field: Option<Field<'_>>) -> Vec<RouteDraft> {
    let Some(field) = field else { return Vec::new() };
    let items = field.items("a route");
    items.into_iter().filter_map(|item| item.table(read)).collect()
}

fn read(section: &mut Section<'_>) -> RouteDraft {
    let name = section.optional("name").and_then(|field| text(&field, check_name));
    let listeners = section.optional("listener").map(|field| listeners(&field));
    let patterns = patterns(section);
    let (to, to_span) = match section.required("to", TO_HELP) {
        Some(field) => targets(&field),
        None => (Vec::new(), None),
    };
    let labels = section.optional("labels");
    let labels = labels.map(|field| Spanned::new(field.span(), label::labels(&field)));
    let admission = admission::read(section);
    let exchange_timeout = section.table("timeouts", exchange_timeout).flatten();
    let grpc_web = section.optional("grpc_web");
    let grpc_web =
        grpc_web.and_then(|field| Some(Spanned::new(field.key_span(), field.boolean()?)));
    let span = section.span();
    RouteDraft {
        span,
        name,
        listeners,
        patterns,
        to,
        to_span,
        labels,
        admission,
        exchange_timeout,
        grpc_web,
    }
}

fn text(
    field: &Field<'_>,
    check: impl FnOnce(&str) -> Result<(), Diagnostic>,
) -> Option<Spanned<String>> {
    let text = field.parsed("a string", |text| check(text).map(|()| text.to_owned()))?;
    Some(Spanned::new(field.span(), text))
}

fn listeners(field: &Field<'_>) -> Vec<Spanned<String>> {
    let items = field.items("the name of a listener");
    if items.is_empty() {
        let problem = Diagnostic::new(Code::MissingKey, "a route names no listener");
        field.report(problem.label("is empty").help("as in `listener = \"web\"`"));
    }
    items.iter().filter_map(|item| text(item, |_| Ok(()))).collect()
}

/// All patterns, or `None` if one could not be understood: then nothing can be said about the route.
fn patterns(section: &mut Section<'_>) -> Option<Patterns> {
    let host = match section.optional("host") {
        None => Some(HostPattern::Any),
        Some(field) => field.parsed("a host in a string", parse_host),
    };
    let field = section.optional("path");
    let path = match &field {
        None => Some(PathPattern::Any),
        Some(field) => field.parsed("a path in a string", parse_path),
    };
    let path_text = field.and_then(|field| {
        let text = field.value().as_str()?.to_owned();
        Some(Spanned::new(field.span(), text))
    });
    let alpn_field = section.optional("alpn");
    let alpn_span = alpn_field.as_ref().map(Field::key_span);
    let alpn = match &alpn_field {
        None => Some(Box::default()),
        Some(field) => protocols(field),
    };
    Some(Patterns { host: host?, path: path?, path_text, alpn: alpn?, alpn_span })
}

/// Protocols of ALPN, each once; `None` if one could not be understood.
fn protocols(field: &Field<'_>) -> Option<Box<[Box<str>]>> {
    let items = field.items("the name of a protocol");
    if items.is_empty() {
        let problem = Diagnostic::new(Code::MissingKey, "a route is for no protocol");
        field.report(problem.label("is empty").help("as in `alpn = [\"h2\"]`, or leave it out"));
        return None;
    }
    let mut protocols: Vec<Box<str>> = Vec::new();
    for item in &items {
        let protocol = item.parsed("the name of a protocol in a string", parse_protocol)?;
        if !protocols.contains(&protocol) {
            protocols.push(protocol);
        }
    }
    Some(protocols.into())
}

type Targets = (Vec<(Spanned<String>, u32)>, Option<Span>);

/// One cluster by its name, or a table of clusters with their weights.
fn targets(field: &Field<'_>) -> Targets {
    if !matches!(field.value(), DeValue::Table(_)) {
        let expected = "the name of a cluster, or a table of clusters with their weights";
        let cluster = field.parsed(expected, |text| cluster(text).map(|()| text.to_owned()));
        let to = cluster.map(|cluster| (Spanned::new(field.span(), cluster), 1));
        return (to.into_iter().collect(), None);
    }
    let entries = field.entries("the weight of cluster", TO_HELP);
    if entries.is_empty() {
        let problem = Diagnostic::new(Code::MissingKey, "a route sends nowhere");
        field.report(problem.label("is empty").help(TO_HELP));
    }
    let weight = |(name, field): &(&str, Field<'_>)| {
        let weight = field.integer(0..=u64::from(WEIGHT_MAX))?;
        Some((Spanned::new(field.key_span(), (*name).to_owned()), weight))
    };
    let to: Vec<_> = entries.iter().filter_map(weight).collect();
    let whole = !to.is_empty() && to.len() == entries.len();
    (to, whole.then(|| field.span()))
}

fn cluster(text: &str) -> Result<(), Diagnostic> {
    if is_cluster_name(text) {
        return Ok(());
    }
    let message = format!("a route cannot send to {}: that is no name of a cluster", quoted(text));
    Err(Diagnostic::new(Code::UnknownCluster, message)
        .label("is an endpoint")
        .help("list the endpoints in a `[cluster.NAME]`, and name that here"))
}

fn exchange_timeout(section: &mut Section<'_>) -> Option<Option<Duration>> {
    let field = section.optional("exchange")?;
    field.parsed("a duration in quotes, or \"off\"", |text| match text {
        "off" => Ok(None),
        _ => parse_wait(text).map(Some).map_err(Diagnostic::or_off),
    })
}

const TO_HELP: &str = "as in `to = \"api\"`, or `to = { api = 95, api-next = 5 }`";
