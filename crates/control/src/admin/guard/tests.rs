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

#[test]
fn changes_need_this_machine_or_the_token() {
    let token = Secret::new("0123456789abcdef");
    let (here, there) = (network("127.0.0.1"), network("192.0.2.7"));
    let local = ("host", "localhost:9900");
    let named = ("host", "lb.example:9900");
    let right = ("authorization", "Bearer 0123456789abcdef");
    let wrong = ("authorization", "bearer 0123456789abcdeX");
    let short = ("authorization", "Bearer 0123456789abcde");
    let table: [Row<'_>; 19] = [
        (Peer::Path, &[local], false, 200),
        (Peer::Path, &[local, wrong], true, 401),
        (here, &[local], false, 200),
        (here, &[local], true, 401),
        (here, &[local, right], true, 200),
        (Peer::Path, &[local], true, 200),
        (network("::ffff:127.0.0.1"), &[local], false, 200),
        // A name that was rebound to loopback, on a socket that is open to a network.
        (here, &[named], false, 403),
        (here, &[named, ("origin", "http://lb.example:9900")], false, 403),
        (here, &[named, right], true, 200),
        (there, &[local], false, 403),
        (there, &[named], true, 401),
        (there, &[named, wrong], true, 401),
        (there, &[named, short], true, 401),
        (there, &[named, right], true, 200),
        (there, &[named, right], false, 401),
        (here, &[local, ("origin", "http://evil.example")], true, 403),
        (here, &[local, ("sec-fetch-site", "cross-site")], true, 403),
        (here, &[local, right, ("origin", "null")], true, 403),
    ];
    for (peer, fields, configured, expected) in table {
        let outcome = may_change(peer, &headers(fields), configured.then_some(&token));
        let status = outcome.err().map_or(200, |problem| problem.status().as_u16());
        assert_eq!(status, expected, "{peer:?} {fields:?} {configured}");
    }
}

#[test]
fn a_page_of_our_own_is_no_stranger() {
    for origin in ["http://localhost:9900", "https://LOCALHOST:9900"] {
        let fields =
            [("host", "localhost:9900"), ("origin", origin), ("sec-fetch-site", "same-origin")];
        assert!(has_our_origin(&headers(&fields)), "{origin}");
    }
    for origin in ["http://localhost", "http://localhost:9901", "localhost:9900", "file://"] {
        let fields = [("host", "localhost:9900"), ("origin", origin)];
        assert!(!has_our_origin(&headers(&fields)), "{origin}");
    }
}

/// Who asks, with which fields, whether a token is configured, and the answer's status.
type Row<'a> = (Peer, &'a [(&'a str, &'a str)], bool, u16);

fn network(address: &str) -> Peer {
    Peer::Network(address.parse().unwrap())
}

fn headers(fields: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name: axum::http::HeaderName = name.parse().unwrap();
        headers.append(name, value.parse().unwrap());
    }
    headers
}

fn asked(bound: &str, hosts: &[&str]) -> bool {
    let fields: Vec<(&str, &str)> = hosts.iter().map(|host| ("host", *host)).collect();
    is_meant_for(&Address::Tcp(bound.parse().unwrap()), &headers(&fields))
}
