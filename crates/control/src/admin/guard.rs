//! Refuses what a web page made a browser send, and changes by strangers. Runs before every path of the admin API.
//!
//! DNS rebinding turns any name into a loopback address, but the browser still says the name in `Host`; a form or a script of
//! another page says in `Origin` where it comes from.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use super::socket::Address;
use crate::config::Secret;
use crate::overview::Overview;

/// Who has connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// By a path of the file system, whose rights let it.
    Path,
    /// From this address.
    Network(IpAddr),
}

/// What the guard looks at.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    pub(super) bound: Address,
    pub(super) overview: Arc<Overview>,
}

pub(super) async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    if !is_meant_for(&guard.bound, request.headers()) {
        return Problem::new(StatusCode::MISDIRECTED_REQUEST, REFUSAL)
            .help(WAY_OUT)
            .into_response();
    }
    if is_change(request.method()) {
        if request.uri().query().is_some() {
            return Problem::new(StatusCode::BAD_REQUEST, "a change takes nothing in its URL")
                .help("what is wanted stands in the body, as JSON; docs/openapi.json says how")
                .into_response();
        }
        let config = guard.overview.in_force.config();
        let token = config.as_ref().and_then(|config| config.admin_token.as_ref());
        // A request without a peer was not accepted by us.
        let peer = request.extensions().get().copied().unwrap_or(Peer::Network(UNKNOWN));
        if let Err(problem) = may_change(peer, request.headers(), token) {
            return problem.into_response();
        }
    }
    next.run(request).await
}

fn is_change(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD)
}

/// On loopback only the names that cannot be rebound are taken: addresses and `localhost`. Whoever binds another address has
/// opened it to a network on purpose, and scrapers there use names.
fn is_meant_for(bound: &Address, headers: &HeaderMap) -> bool {
    match bound {
        Address::Tcp(address) if address.ip().to_canonical().is_loopback() => names_us(headers),
        Address::Tcp(_) | Address::Unix(_) => true,
    }
}

/// Whether `Host` says what no other machine's name can be made to mean.
fn names_us(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        // Every browser sends a Host; an HTTP/1.0 health check may not.
        (None, _) => true,
        (Some(host), None) => host.to_str().is_ok_and(is_local),
        (Some(_), Some(_)) => false,
    }
}

/// A change needs the token, if there is one: whoever comes from loopback may be a proxy that speaks for a stranger. Without a
/// token it has to come from this machine, and not from a web page of another one. A path's rights are enough.
fn may_change(peer: Peer, headers: &HeaderMap, token: Option<&Secret>) -> Result<(), Problem> {
    if !has_our_origin(headers) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "a web page of another origin asks for this",
        )
        .help(
            "changes are taken from the dashboard itself, and from programs that send no Origin",
        ));
    }
    if let Some(offered) = bearer(headers) {
        return match token {
            Some(token) if is_same(offered, token.reveal()) => Ok(()),
            Some(_) => Err(wrong_token("the token is not the one that is configured")),
            None => Err(wrong_token("a token was sent, but none is configured")),
        };
    }
    match peer {
        Peer::Path => Ok(()),
        Peer::Network(_) if token.is_some() => Err(wrong_token("changes need the token")),
        Peer::Network(address) if address.to_canonical().is_loopback() && names_us(headers) => {
            Ok(())
        }
        Peer::Network(_) => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "changes over a network need a token, and none is configured",
        )
        .help("set `token` in [admin], or ask on the machine itself")),
    }
}

fn wrong_token(what: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, what)
        .help("send `Authorization: Bearer TOKEN` with the `token` of [admin]; the commands take it from EVENKEEL_TOKEN")
}

/// Whether the request comes from no page, or from one of ours.
fn has_our_origin(headers: &HeaderMap) -> bool {
    let says = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if says("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return false;
    }
    let host = says("host").unwrap_or_default();
    says("origin").is_none_or(|origin| {
        let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        authority.is_some_and(|authority| !host.is_empty() && authority.eq_ignore_ascii_case(host))
    })
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Takes as long for a token that is nearly right as for one that is all wrong.
fn is_same(offered: &str, token: &str) -> bool {
    let (offered, token) = (offered.as_bytes(), token.as_bytes());
    let differences = offered.iter().zip(token).fold(0, |sum, (a, b)| sum | (a ^ b));
    differences == 0 && offered.len() == token.len()
}

fn is_local(host: &str) -> bool {
    let name = without_port(host);
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    // RFC 6761 §6.3: `localhost` and all below it are loopback.
    address.parse::<IpAddr>().is_ok() || name == "localhost" || name.ends_with(".localhost")
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Nobody's loopback.
const UNKNOWN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

const REFUSAL: &str = "the Host of this request is not an address or localhost";

const WAY_OUT: &str = "the admin API listens on loopback and answers only to those, \
    so that no web page can read it through a name of its own";

#[cfg(test)]
mod tests;
