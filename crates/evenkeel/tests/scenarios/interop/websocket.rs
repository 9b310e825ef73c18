//! WebSocket through us: the library `websockets` on both sides, Node on both sides, and Chromium.

use std::fs;
use std::path::Path;

use evenkeel_testkit::{Process, wait_until};
use serde_json::Value;

use super::browser::{chromium, trusting};
use super::programs::{VERY_LONG, both, node, python, script, succeed};
use super::servers::Server;
use crate::running::LONG;
use crate::tls::{Certificate, secured};

#[test]
fn websockets_on_both_sides() {
    let name = "websockets_on_both_sides";
    let Some((mut client, server)) = both(python(name), || Server::websockets(name)) else {
        return;
    };
    let running = server.behind_us();
    client.arg(script("ws_client.py")).arg(running.address.to_string());
    let passed = succeed(&mut client).stdout;
    assert_eq!(passed.lines().last(), Some("forbidden"), "{passed}");
    running.wait_for_metric("evenkeel_listener_connections_active", "", 0);
    running.wait_for_metric("evenkeel_upstream_inflight", "", 0);
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
}

#[test]
fn node_is_given_a_tunnel() {
    let name = "node_is_given_a_tunnel";
    let Some((mut client, server)) = both(node(name), || Server::node(name)) else { return };
    let running = server.behind_us();
    client.arg(script("client.mjs")).arg(running.address.to_string());
    // And ordinary requests beside it and after it.
    let checks = ["methods", "upgrade", "upload", "upgrade", "methods"];
    let passed = succeed(client.args(checks)).stdout;
    assert_eq!(passed.lines().collect::<Vec<_>>(), checks);
    running.wait_for_metric("evenkeel_listener_connections_active", "", 0);
    running.wait_for_metric("evenkeel_upstream_inflight", "", 0);
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
}

#[test]
fn chromium_opens_a_websocket() {
    let name = "chromium_opens_a_websocket";
    let Some(((mut chromium, _profile), server)) =
        both(chromium(name), || Server::websockets(name))
    else {
        return;
    };
    let running = server.behind_us();
    let browser = Process::spawn(chromium.arg(format!("http://{}/page", running.address))).unwrap();
    let verdict = server.process.wait_for_line("verdict: ", VERY_LONG);
    let verdict = verdict.unwrap_or_else(|error| panic!("{error}: {}", browser.stderr()));
    let expected = "verdict: all is well, the page came by http/1.1";
    assert_eq!(verdict, expected, "{}", browser.stderr());
}

/// RFC 8441: on the connection that the page came by.
#[test]
fn chromium_opens_a_websocket_over_http_2() {
    let name = "chromium_opens_a_websocket_over_http_2";
    let servers = || both(Server::websockets(name), || Server::node_http2(name));
    let Some((_, (page, other))) = both(chromium(name), servers) else { return };
    let (mut visits, mut shared) = (0, 0);
    // It leaves a connection when the machine's network changes, as other tests make it do.
    while shared < 2 && visits < 6 {
        let (endpoint, version) = [(&page.address, "1"), (&other.address, "2")][shared];
        visits += 1;
        let (mut chromium, profile) = chromium(name).unwrap();
        let log = profile.path().join("access.log");
        let shown = Certificate::of(&["localhost"]);
        let keys = format!(
            "[[route]]\npath = \"/socket\"\nto = \"sockets\"\n\
             [cluster.sockets]\nendpoints = [\"{endpoint}\"]\nhttp = \"{version}\"\n\
             [log]\naccess = {{ format = \"json\", path = \"{}\" }}",
            log.display()
        );
        let running = secured(&page.address, &shown, &keys);
        let url = format!("https://localhost:{}/page", running.address.port());
        let browser = Process::spawn(trusting(&mut chromium, &shown).arg(url)).unwrap();
        let verdict = page.process.wait_for_lines("verdict: ", visits, VERY_LONG);
        let verdict = verdict.unwrap_or_else(|error| panic!("{error}: {}", browser.stderr()));
        let expected = "verdict: all is well, the page came by h2";
        assert_eq!(verdict, expected, "{}", browser.stderr());
        let [page, socket] = ["/page", "/socket"].map(|path| logged(&log, path));
        assert_eq!(page["network.protocol.version"], "2", "{page}");
        assert_eq!(socket["evenkeel.endpoint"], **endpoint, "{socket}");
        if page["client.port"] == socket["client.port"] {
            assert_eq!(socket["network.protocol.version"], "2", "{socket}");
            shared += 1;
        }
    }
    assert_eq!(shared, 2, "WebSockets came by connections of their own");
}

/// What the access log says about the only request for `path`.
fn logged(log: &Path, path: &str) -> Value {
    let mut found = Vec::new();
    let lines = || fs::read_to_string(log).unwrap_or_default();
    let written = wait_until(LONG, || {
        let lines = lines();
        let all = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        found = all.filter(|line| line["url.path"] == path).collect();
        !found.is_empty()
    });
    written.unwrap_or_else(|error| panic!("{error}: {path} {}", lines()));
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}
