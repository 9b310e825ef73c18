//! WebSocket through us: the library `websockets` on both sides, Node on both sides, and Chromium.

use evenkeel_testkit::Process;

use super::browser::chromium;
use super::programs::{VERY_LONG, both, node, python, script, succeed};
use super::servers::Server;

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
    assert_eq!(verdict, "verdict: all is well", "{}", browser.stderr());
}
