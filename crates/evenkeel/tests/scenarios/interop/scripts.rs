//! Clients that are libraries: Python's `http.client`, `requests` and Node's `http`, each from a script that does one check
//! after the other, against each kind of server.

use std::process::Command;

use super::programs::{both, node, python, script, succeed};
use super::servers::Server;
use crate::running::Running;

#[test]
fn http_client_and_gunicorn() {
    let name = "http_client_and_gunicorn";
    let Some((client, server)) = both(http_client(name), || Server::gunicorn(name)) else { return };
    run(client, &server, &[SITE, &["events", "expect", "pipelined"]]);
}

#[test]
fn http_client_and_node() {
    let name = "http_client_and_node";
    let Some((client, server)) = both(http_client(name), || Server::node(name)) else { return };
    run(client, &server, &[SITE, &["events", "expect", "pipelined"]]);
}

#[test]
fn http_client_and_nginx() {
    let name = "http_client_and_nginx";
    let Some((client, server)) = both(http_client(name), || Server::nginx(name)) else { return };
    run(client, &server, &[FILES, &["ranges", "zipped", "stored"]]);
}

#[test]
fn http_client_and_the_http_1_0_of_http_server() {
    let name = "http_client_and_the_http_1_0_of_http_server";
    let Some((client, server)) = both(http_client(name), || Server::http_server(name)) else {
        return;
    };
    run(client, &server, &[FILES]);
}

#[test]
fn requests_and_uvicorn() {
    let name = "requests_and_uvicorn";
    let Some((client, server)) = both(requests(name), || Server::uvicorn(name)) else { return };
    run(client, &server, &[SITE, &["events"]]);
}

#[test]
fn requests_and_apache() {
    let name = "requests_and_apache";
    let Some((client, server)) = both(requests(name), || Server::apache(name)) else { return };
    run(client, &server, &[&["file", "unchanged", "ranges", "zipped", "stored"]]);
}

#[test]
fn node_and_uvicorn() {
    let name = "node_and_uvicorn";
    let Some((client, server)) = both(node_client(name), || Server::uvicorn(name)) else { return };
    run(client, &server, &[SITE, &["events", "expect"]]);
}

#[test]
fn node_and_node() {
    let name = "node_and_node";
    let Some((client, server)) = both(node_client(name), || Server::node(name)) else { return };
    run(client, &server, &[SITE, &["events", "expect"]]);
}

#[test]
fn node_and_apache() {
    let name = "node_and_apache";
    let Some((client, server)) = both(node_client(name), || Server::apache(name)) else { return };
    run(client, &server, &[FILES, &["ranges"]]);
}

fn http_client(test: &str) -> Option<Command> {
    let mut command = python(test)?;
    command.arg(script("client_http.py"));
    Some(command)
}

fn requests(test: &str) -> Option<Command> {
    let mut command = python(test)?;
    command.arg(script("client_requests.py"));
    Some(command)
}

fn node_client(test: &str) -> Option<Command> {
    let mut command = node(test)?;
    command.arg(script("client.mjs"));
    Some(command)
}

/// Does all the `checks`, and looks at what they came to from our side.
#[track_caller]
fn run(mut client: Command, server: &Server, checks: &[&[&str]]) {
    let running = server.behind_us();
    let checks = checks.concat();
    let ended = succeed(client.arg(running.address.to_string()).args(&checks));
    assert_eq!(ended.stdout.lines().collect::<Vec<_>>(), checks);
    assert_connections_were_kept(&running);
}

/// Every check keeps its connections, but for those that are about something else.
fn assert_connections_were_kept(running: &Running) {
    running.wait_for_metric("evenkeel_listener_connections_active", "", 0);
    let requests = running.metric("evenkeel_requests_total", "");
    let connections = running.metric("evenkeel_listener_connections_total", "");
    assert!(connections <= 10, "{connections} connections for {requests} requests");
    let connects = running.metric("evenkeel_upstream_connects_total", "result=\"ok\"");
    assert!(connects <= 20, "{connects} connections to the server for {requests} requests");
}

/// What every server of the small site and every script can do.
const SITE: &[&str] = &[
    "methods",
    "upload",
    "download",
    "paused",
    "cookies",
    "redirect",
    "compressed",
    "conditional",
    "refuse",
    "closing",
];

/// What every server of files can do.
const FILES: &[&str] = &["file", "unchanged", "directory"];
