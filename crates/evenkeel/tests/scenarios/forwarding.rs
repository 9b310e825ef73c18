//! What endpoints are told about the client: the truth, whatever the client says, unless it is one of our own proxies.

use evenkeel_testkit::{Request, Response};

use crate::running::{LONG, Running, named};

const CLAIMS: &str = "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n\
                      X-Forwarded-Host: claimed.example\r\nX-Request-ID: claimed-id\r\n";

/// Sends `fields` through a balancer that trusts `trusted`; returns what the endpoint got and what the client got.
fn forwarded(trusted: &str, fields: &str) -> (Request, Response) {
    let origin = named("a");
    let running = Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = [\"{}\"]\ntrusted_proxies = [{trusted}]\n",
        origin.address()
    ));
    let request = format!("GET /path?query HTTP/1.1\r\nHost: web.example\r\n{fields}\r\n");
    let response = running.connect().exchange(request.as_bytes(), LONG).unwrap();
    (origin.requests().remove(0), response)
}

#[track_caller]
fn assert_fields(request: &Request, expected: &[(&str, &[&str])]) {
    for (name, values) in expected {
        let got: Vec<&str> = request.fields.all(name).collect();
        assert_eq!(got, *values, "{name}");
    }
}

/// RFC 9562 §5.7: eight, four, four, four and twelve digits, of which the thirteenth is the version.
fn is_uuid_v7(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    let digits = text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    lengths == [8, 4, 4, 4, 12] && digits && text.as_bytes()[14] == b'7'
}

#[test]
fn a_stranger_is_not_believed() {
    let (request, response) = forwarded("", CLAIMS);
    assert_eq!(request.target, "/path?query");
    assert_fields(
        &request,
        &[
            ("host", &["web.example"]),
            ("x-forwarded-for", &["127.0.0.1"]),
            ("x-forwarded-proto", &["http"]),
            ("x-forwarded-host", &["web.example"]),
            ("via", &["1.1 evenkeel"]),
        ],
    );
    let ids: Vec<&str> = request.fields.all("x-request-id").collect();
    assert!(ids.len() == 1 && is_uuid_v7(ids[0]), "{ids:?}");
    assert_eq!(response.header("x-request-id"), Some(ids[0]));
    assert_eq!(response.header("via"), Some("1.1 evenkeel"));
}

#[test]
fn what_other_networks_may_say_a_stranger_may_not() {
    let (request, _) = forwarded("\"10.0.0.0/8\", \"2001:db8::/32\"", CLAIMS);
    assert_fields(&request, &[("x-forwarded-for", &["127.0.0.1"])]);
}

#[test]
fn a_trusted_proxy_is_believed_and_added_to() {
    let (request, response) = forwarded("\"127.0.0.0/8\"", CLAIMS);
    assert_fields(
        &request,
        &[
            ("x-forwarded-for", &["203.0.113.9, 127.0.0.1"]),
            ("x-forwarded-proto", &["https"]),
            ("x-forwarded-host", &["claimed.example"]),
            ("x-request-id", &["claimed-id"]),
        ],
    );
    assert_eq!(response.header("x-request-id"), Some("claimed-id"));
}

#[test]
fn every_request_has_an_identity_of_its_own_and_they_sort_by_time() {
    let origin = named("a");
    let running = Running::serve(&[&origin.address().to_string()]);
    let mut client = running.connect();
    let mut ids = Vec::new();
    for _ in 0..50 {
        let response = client.exchange(crate::running::GET, LONG).unwrap();
        ids.push(response.header("x-request-id").unwrap().to_owned());
    }
    let milliseconds: Vec<&str> = ids.iter().map(|id| &id[..13]).collect();
    assert!(milliseconds.is_sorted(), "{ids:?}");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 50);
}

#[test]
fn fields_for_one_hop_end_here_and_cannot_take_ours_with_them() {
    let fields = "Connection: keep-alive, X-Secret, X-Forwarded-For, Host\r\nX-Secret: 1\r\n\
                  Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: gzip;q=0.5\r\n\
                  Upgrade: websocket\r\nX-Kept:  spaced \r\nX-Kept: twice\r\nCookie: a=b\r\n";
    let (request, _) = forwarded("", fields);
    assert_fields(
        &request,
        &[
            ("x-secret", &[]),
            ("keep-alive", &[]),
            ("proxy-connection", &[]),
            ("te", &[]),
            ("upgrade", &[]),
            ("host", &["web.example"]),
            ("x-forwarded-for", &["127.0.0.1"]),
            ("x-kept", &["spaced", "twice"]),
            ("cookie", &["a=b"]),
        ],
    );
}

#[test]
fn via_tells_the_version_and_keeps_the_hops_before() {
    let origin = named("a");
    let running = Running::serve(&[&origin.address().to_string()]);
    let request = b"GET / HTTP/1.0\r\nVia: 1.1 other\r\n\r\n";
    assert_eq!(running.connect().exchange(request, LONG).unwrap().status, 200);
    assert_fields(&origin.requests()[0], &[("via", &["1.1 other", "1.0 evenkeel"])]);
}
