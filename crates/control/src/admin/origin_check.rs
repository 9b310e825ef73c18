//! Refuses requests that a web page made a browser send: DNS rebinding turns any name into a loopback address, but the
//! browser still says the name. Runs before every path of the admin API.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

pub(super) async fn check(
    State(bound): State<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    if is_meant_for(bound, request.headers()) {
        return next.run(request).await;
    }
    (StatusCode::MISDIRECTED_REQUEST, REFUSAL).into_response()
}

/// On loopback only the names that cannot be rebound are taken: addresses and `localhost`. Whoever binds another address has
/// opened it to a network on purpose, and scrapers there use names.
fn is_meant_for(bound: SocketAddr, headers: &HeaderMap) -> bool {
    if !bound.ip().to_canonical().is_loopback() {
        return true;
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        // Every browser sends a Host; an HTTP/1.0 health check may not.
        (None, _) => true,
        (Some(host), None) => host.to_str().is_ok_and(is_local),
        (Some(_), Some(_)) => false,
    }
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

const REFUSAL: &str = "The Host of this request is not an address or localhost. \
    The admin API listens on loopback and answers only to those, \
    so that no web page can read it through a name of its own.\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_loopback_only_addresses_and_localhost_are_answered() {
        let table = [
            ("127.0.0.1:9900", true),
            ("127.0.0.1", true),
            ("[::1]:9900", true),
            ("[::1]", true),
            ("localhost:9900", true),
            ("LOCALHOST", true),
            ("localhost.", true),
            ("a.localhost:1", true),
            ("192.0.2.1:9900", true),
            ("evil.example", false),
            ("evil.example:9900", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example", false),
            ("notlocalhost", false),
            ("", false),
        ];
        for (host, expected) in table {
            assert_eq!(asked("127.0.0.1:9900", &[host]), expected, "{host}");
        }
    }

    #[test]
    fn two_hosts_are_refused_and_none_is_not_a_browser() {
        assert!(!asked("[::1]:9900", &["localhost", "localhost"]));
        assert!(asked("[::1]:9900", &[]));
    }

    #[test]
    fn an_address_opened_to_a_network_is_answered_under_any_name() {
        assert!(asked("0.0.0.0:9900", &["evenkeel.internal:9900"]));
    }

    fn asked(bound: &str, hosts: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, host.parse().unwrap());
        }
        is_meant_for(bound.parse().unwrap(), &headers)
    }
}
