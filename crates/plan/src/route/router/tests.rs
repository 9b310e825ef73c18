use std::sync::Arc;

use evenkeel_proto::tls::{ClientHelloReader, HELLO_BYTES_MAX};
use proptest::prelude::*;

use super::*;
use crate::counters::Sharded;
use crate::route::{Targets, default_name};

/// A route from patterns as people write them: `*`, `a.b`, `*.a.b`; `/*`, `/v1`, `/v1/*`.
fn route(host: &str, path: &str) -> Route {
    let host = match host.strip_prefix("*.") {
        _ if host == "*" => HostPattern::Any,
        Some(parent) => HostPattern::Below(parent.into()),
        None => HostPattern::Exact(host.into()),
    };
    let path = match path.strip_suffix("/*") {
        Some("") => PathPattern::Any,
        Some(parent) => PathPattern::Below(parent.into()),
        None => PathPattern::Exact(path.into()),
    };
    Route {
        name: default_name(&host, &path, &[]).into(),
        host,
        path,
        alpn: Box::default(),
        admission: None,
        to: Targets::one(0),
        exchange_timeout: None,
        grpc_web: false,
        counters: Arc::new(Sharded::new(1)),
    }
}

fn router(patterns: &[(&str, &str)]) -> Router {
    Router::new(patterns.iter().map(|(host, path)| route(host, path)).collect())
}

fn found<'a>(router: &'a Router, authority: &str, path: &str) -> &'a str {
    router.find(Some(authority.as_bytes()), path.as_bytes()).map_or("none", |route| &route.name)
}

#[test]
fn the_most_specific_route_wins() {
    let router = router(&[
        ("*", "/*"),
        ("*", "/v1/*"),
        ("*.example.com", "/*"),
        ("*.eu.example.com", "/v1/*"),
        ("api.example.com", "/v1"),
        ("api.example.com", "/v1/*"),
        ("api.example.com", "/v1/users/*"),
    ]);
    for (authority, path, expected) in [
        ("api.example.com", "/v1", "api.example.com/v1"),
        ("api.example.com", "/v1/", "api.example.com/v1/*"),
        ("api.example.com", "/v1/a/b", "api.example.com/v1/*"),
        ("api.example.com", "/v1/users", "api.example.com/v1/users/*"),
        ("api.example.com", "/v1/users/7", "api.example.com/v1/users/*"),
        ("api.example.com", "/v1/usersx", "api.example.com/v1/*"),
        // The host has no route for these paths.
        ("api.example.com", "/v10", "*.example.com/*"),
        ("api.example.com", "/", "*.example.com/*"),
        ("a.eu.example.com", "/v1/x", "*.eu.example.com/v1/*"),
        ("a.eu.example.com", "/v2", "*.example.com/*"),
        ("a.b.eu.example.com", "/v1", "*.eu.example.com/v1/*"),
        ("eu.example.com", "/v1", "*.example.com/*"),
        // Not below itself.
        ("example.com", "/v1", "/v1/*"),
        ("badexample.com", "/", "/*"),
        (".example.com", "/", "/*"),
        ("", "/v1/x", "/v1/*"),
        ("elsewhere", "*", "/*"),
    ] {
        assert_eq!(found(&router, authority, path), expected, "{authority}{path}");
    }
}

#[test]
fn case_port_and_the_dot_of_the_root_make_no_difference_to_a_host() {
    let router =
        router(&[("a.example.com", "/*"), ("*.example.org", "/*"), ("[::1]", "/*"), ("::1", "/*")]);
    for (authority, expected) in [
        ("A.Example.COM", "a.example.com/*"),
        ("a.example.com:8080", "a.example.com/*"),
        ("a.example.com.", "a.example.com/*"),
        ("a.EXAMPLE.com.:80", "a.example.com/*"),
        ("X.example.ORG.:80", "*.example.org/*"),
        ("[::1]:8080", "[::1]/*"),
        ("a.example.com..", "none"),
        ("a.example.com.evil", "none"),
    ] {
        assert_eq!(found(&router, authority, "/"), expected, "{authority}");
    }
}

#[test]
fn a_path_is_case_sensitive_and_is_covered_by_whole_segments() {
    let router = router(&[("*", "/a/b/*"), ("*", "/a/b/c")]);
    for (path, expected) in [
        ("/a/b", "/a/b/*"),
        ("/a/b/", "/a/b/*"),
        ("/a/b/c", "/a/b/c"),
        ("/a/b/c/", "/a/b/*"),
        ("/A/b", "none"),
        ("/a/bc", "none"),
        ("/a", "none"),
        ("/a//b", "none"),
        ("/a%2Fb", "none"),
        ("", "none"),
    ] {
        assert_eq!(found(&router, "any", path), expected, "{path}");
    }
}

#[test]
fn a_request_without_a_host_has_the_routes_of_any_host() {
    let router = router(&[("a.b", "/*"), ("*", "/x")]);
    let find = |path: &str| router.find(None, path.as_bytes()).map(|route| &*route.name);
    assert_eq!((find("/x"), find("/y")), (Some("/x"), None));
}

#[test]
fn a_name_that_is_too_long_to_be_one_has_the_routes_of_any_host() {
    let router = router(&[("*.example.com", "/*"), ("*", "/x")]);
    let long = |bytes: usize| format!("{}.example.com", "a".repeat(bytes - ".example.com".len()));
    assert_eq!(found(&router, &long(HOST_BYTES_MAX), "/x"), "*.example.com/*");
    assert_eq!(found(&router, &long(HOST_BYTES_MAX + 1), "/x"), "/x");
}

#[test]
fn without_routes_there_is_none() {
    assert_eq!(found(&router(&[]), "a", "/"), "none");
}

/// What covers the request, said as plainly as the page for users says it.
fn rank(route: &Route, host: &str, path: &str) -> Option<(usize, usize)> {
    let host = match &route.host {
        HostPattern::Any => 0,
        HostPattern::Below(parent) if host.len() <= parent.len() + 1 => return None,
        HostPattern::Below(parent) => {
            host.ends_with(&format!(".{parent}")).then_some(parent.len())?
        }
        HostPattern::Exact(exact) => (host == &**exact).then_some(usize::MAX)?,
    };
    let path = match &route.path {
        PathPattern::Any => 0,
        PathPattern::Below(parent) => {
            let rest = path.strip_prefix(&**parent)?;
            (rest.is_empty() || rest.starts_with('/')).then_some(parent.len())?
        }
        PathPattern::Exact(exact) => (path == &**exact).then_some(usize::MAX)?,
    };
    Some((host, path))
}

fn hosts() -> impl Strategy<Value = String> {
    proptest::collection::vec("[ab]{1,2}", 1..5).prop_map(|labels| labels.join("."))
}

fn paths() -> impl Strategy<Value = String> {
    proptest::collection::vec("[ab]{0,2}", 1..5)
        .prop_map(|segments| format!("/{}", segments.join("/")))
}

fn patterns() -> impl Strategy<Value = (String, String)> {
    let host = prop_oneof![
        Just("*".to_owned()),
        hosts(),
        hosts().prop_map(|parent| format!("*.{parent}"))
    ];
    let below = paths().prop_map(|parent| format!("{}/*", parent.trim_end_matches('/')));
    (host, prop_oneof![paths(), below, Just("/*".to_owned())])
}

proptest! {
    #[test]
    fn the_router_finds_what_going_through_all_routes_finds(
        patterns in proptest::collection::vec(patterns(), 0..40),
        requests in proptest::collection::vec((hosts(), paths()), 1..40),
    ) {
        let routes = || patterns.iter().map(|(host, path)| route(host, path));
        let router = Router::new(routes().collect());
        for (host, path) in requests {
            let ranked = routes().filter_map(|route| Some((rank(&route, &host, &path)?, route.name)));
            let best = ranked.max_by_key(|(rank, _)| *rank).map(|(_, name)| name);
            let found = router.find(Some(host.as_bytes()), path.as_bytes());
            prop_assert_eq!(found.map(|route| &route.name), best.as_ref(), "{}{}", host, path);
        }
    }
}

/// A route for streams of TLS.
fn stream_route(host: &str, alpn: &[&str]) -> Route {
    let route = route(host, "/*");
    let alpn: Box<[Box<str>]> = alpn.iter().map(|&protocol| protocol.into()).collect();
    Route { name: default_name(&route.host, &route.path, &alpn).into(), alpn, ..route }
}

/// A ClientHello with that name, if there is one, and these protocols.
fn hello(name: Option<&str>, protocols: &[&str]) -> ClientHello {
    let number = |length: usize| u16::try_from(length).unwrap().to_be_bytes();
    let mut extensions = Vec::new();
    if let Some(name) = name {
        let entry = [&[0][..], &number(name.len()), name.as_bytes()].concat();
        let list = [&number(entry.len())[..], &entry].concat();
        extensions.extend([&[0, 0][..], &number(list.len()), &list].concat());
    }
    if !protocols.is_empty() {
        let list =
            protocols.iter().flat_map(|one| [&[one.len() as u8][..], one.as_bytes()].concat());
        let list: Vec<u8> = list.collect();
        let list = [&number(list.len())[..], &list].concat();
        extensions.extend([&[0, 16][..], &number(list.len()), &list].concat());
    }
    let body = [
        &[3, 3][..],
        &[7; 32],
        &[0, 0, 2, 0x13, 0x01, 1, 0],
        &number(extensions.len()),
        &extensions,
    ]
    .concat();
    let message = [&[1, 0][..], &number(body.len()), &body].concat();
    let record = [&[22, 3, 1][..], &number(message.len()), &message].concat();
    ClientHelloReader::new(HELLO_BYTES_MAX).read(&record).unwrap().unwrap()
}

#[test]
fn a_stream_goes_by_its_server_name_and_then_by_its_protocols() {
    let router = Router::new(vec![
        stream_route("db.test", &[]),
        stream_route("db.test", &["h2", "imap"]),
        stream_route("mail.test", &["imap"]),
        stream_route("*.test", &[]),
        stream_route("*.eu.test", &["h2"]),
        stream_route("*", &["acme-tls/1"]),
    ]);
    for (name, protocols, expected) in [
        (Some("db.test"), &[][..], Ok("db.test/*")),
        (Some("db.test"), &["h2"], Ok("db.test[h2,imap]")),
        (Some("db.test"), &["smtp", "imap"], Ok("db.test[h2,imap]")),
        (Some("db.test"), &["smtp"], Ok("db.test/*")),
        (Some("mail.test"), &["imap"], Ok("mail.test[imap]")),
        // The host has no route for these protocols.
        (Some("mail.test"), &["h2"], Ok("*.test/*")),
        (Some("a.eu.test"), &["smtp", "h2"], Ok("*.eu.test[h2]")),
        (Some("a.eu.test"), &[], Ok("*.test/*")),
        (Some("elsewhere"), &["acme-tls/1"], Ok("*[acme-tls/1]")),
        (None, &["acme-tls/1"], Ok("*[acme-tls/1]")),
        (Some("elsewhere"), &["h2"], Err(Alert::NoApplicationProtocol)),
    ] {
        let hello = hello(name, protocols);
        let found = router.route_stream(&hello).map(|route| &*route.name);
        assert_eq!(found, expected, "{name:?} {protocols:?}");
    }
}

/// A client shall learn whether it has the wrong name or the wrong protocol.
#[test]
fn a_stream_without_a_route_is_told_why() {
    let router = Router::new(vec![stream_route("db.test", &["h2"]), stream_route("*.a.test", &[])]);
    for (name, protocols, alert) in [
        (Some("db.test"), &["imap"][..], Alert::NoApplicationProtocol),
        (Some("db.test"), &[], Alert::NoApplicationProtocol),
        (Some("a.test"), &["h2"], Alert::UnrecognizedName),
        (None, &["h2"], Alert::MissingExtension),
    ] {
        let found = router.route_stream(&hello(name, protocols)).map(|route| &*route.name);
        assert_eq!(found, Err(alert), "{name:?} {protocols:?}");
    }
    let router = Router::new(vec![stream_route("*", &[])]);
    assert_eq!(router.route_stream(&hello(None, &[])).map(|route| &*route.name), Ok("/*"));
}

/// What is for some protocols only is not for requests, which name none.
#[test]
fn a_route_for_protocols_takes_no_requests() {
    let router = Router::new(vec![stream_route("*", &["h2"])]);
    assert_eq!(found(&router, "a.test", "/"), "none");
}
