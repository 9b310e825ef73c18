//! Whether two listeners, or a listener and the admin API, want the same address, and whether a listener sends to itself.

use std::collections::HashSet;
use std::net::IpAddr;

use evenkeel_plan::listener::Bind;
use toml::Spanned;

use super::super::diagnostic::{Code, Diagnostic, Sink, quoted};
use super::super::draft::{Draft, ListenerDraft, Target};
use super::super::model::{AdminBind, EndpointConfig};

/// Checks all addresses that are listened on.
pub(super) fn check(draft: &Draft, sink: &Sink) {
    let mut taken: Vec<(&ListenerDraft, &Spanned<Bind>)> = Vec::new();
    for listener in &draft.listeners {
        for bind in &listener.binds {
            let clash = taken.iter().find(|(_, other)| overlap(other.get_ref(), bind.get_ref()));
            if let Some((owner, other)) = clash {
                sink.report(duplicate(owner, other, bind));
            }
            check_admin(draft, bind, sink);
            taken.push((listener, bind));
        }
        check_loop(draft, listener, sink);
    }
}

fn duplicate(owner: &ListenerDraft, other: &Spanned<Bind>, bind: &Spanned<Bind>) -> Diagnostic {
    let owner = quoted(owner.name.get_ref());
    Diagnostic::new(
        Code::DuplicateBind,
        format!("`{}` is taken by listener {owner}", bind.get_ref()),
    )
    .label(format!("overlaps with `{}`", other.get_ref()))
    .related(other.span(), "taken here")
    .help("a connection can arrive at one listener only; choose another port or address")
    .at(bind.span())
}

fn check_admin(draft: &Draft, bind: &Spanned<Bind>, sink: &Sink) {
    let AdminBind::Fixed(admin) = &draft.admin else { return };
    if admin.port() == 0 || !overlap(&Bind::Only(*admin), bind.get_ref()) {
        return;
    }
    let message = format!("`{}` is taken by the admin API", bind.get_ref());
    let problem = Diagnostic::new(Code::DuplicateBind, message)
        .label(format!("overlaps with `{admin}`"))
        .help("choose another port, or move the admin API: `[admin]` `bind = \"127.0.0.1:9901\"`");
    let problem = match &draft.admin_span {
        Some(span) => problem.related(span.clone(), "taken here"),
        None => problem,
    };
    sink.report(problem.at(bind.span()));
}

/// Whether one socket would get connections meant for the other.
fn overlap(a: &Bind, b: &Bind) -> bool {
    match (a, b) {
        (Bind::Any(a), Bind::Any(b)) => a == b,
        (Bind::Any(port), Bind::Only(address)) | (Bind::Only(address), Bind::Any(port)) => {
            *port == address.port()
        }
        (Bind::Only(a), Bind::Only(b)) => {
            let either = |ip: IpAddr| ip.is_unspecified() && a.is_ipv4() == b.is_ipv4();
            a.port() == b.port() && (a.ip() == b.ip() || either(a.ip()) || either(b.ip()))
        }
        (Bind::Inherited(a), Bind::Inherited(b)) => a == b,
        // Where an inherited socket listens is not known here.
        (Bind::Inherited(_), _) | (_, Bind::Inherited(_)) => false,
    }
}

/// A request that comes back to the listener that sent it goes round until every port is used up.
fn check_loop(draft: &Draft, listener: &ListenerDraft, sink: &Sink) {
    let own = match &listener.target {
        Target::Own(own) => Some(own.as_ref()),
        Target::Named(_) | Target::Missing => None,
    };
    let names = names_from(draft, listener);
    let named = draft.clusters.iter().filter(|each| names.contains(each.name.get_ref().as_str()));
    for endpoint in named.chain(own).flat_map(|cluster| &cluster.endpoints.list) {
        if listener.binds.iter().any(|bind| leads_back(endpoint.get_ref(), bind.get_ref())) {
            let name = quoted(listener.name.get_ref());
            let problem =
                Diagnostic::new(Code::SendsToItself, format!("listener {name} sends to itself"))
                    .label("is the listener's own address")
                    .help("requests would go round in a circle; write the port of the endpoint");
            sink.report(problem.at(endpoint.span()));
        }
    }
}

/// The clusters that `listener` names, itself or in its routes.
fn names_from<'d>(draft: &'d Draft, listener: &'d ListenerDraft) -> HashSet<&'d str> {
    let routes = draft.routes.iter().filter(|route| route.may_be_of(listener.name.get_ref()));
    let routed = routes.flat_map(|route| &route.to).map(|(name, _)| name.get_ref().as_str());
    match &listener.target {
        Target::Named(name) => routed.chain([name.get_ref().as_str()]).collect(),
        Target::Own(_) | Target::Missing => routed.collect(),
    }
}

fn leads_back(endpoint: &EndpointConfig, bind: &Bind) -> bool {
    let ip = match endpoint.host.as_str() {
        "localhost" => Some(IpAddr::from([127, 0, 0, 1])),
        host => host.parse::<IpAddr>().ok(),
    };
    let Some(ip) = ip else { return false };
    match bind {
        Bind::Any(port) => *port == endpoint.port && ip.is_loopback(),
        Bind::Only(address) => {
            let everywhere = address.ip().is_unspecified() && ip.is_loopback();
            address.port() == endpoint.port && (address.ip() == ip || everywhere)
        }
        Bind::Inherited(_) => false,
    }
}
