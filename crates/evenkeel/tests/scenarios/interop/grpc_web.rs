//! gRPC-Web by clients that others wrote: the gRPC project's own in Chromium, and Connect's in Node, before gRPC's server.

use std::fs;

use super::browser::chromium;
use super::programs::{both, node, packages, script, succeed};
use super::servers::Server;
use crate::running::Running;

/// A balancer with the files of `pages` on its listener, and the calls to `server`, which are translated.
fn before(pages: &str, server: &Server) -> Running {
    Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = \"pages\"\n\
         [[route]]\npath = \"/test.Echo/*\"\nto = \"calls\"\ngrpc_web = true\n\
         [[route]]\npath = \"/test.Other/*\"\nto = \"calls\"\ngrpc_web = true\n\
         [cluster.pages]\nendpoints = [\"{pages}\"]\nhealth = false\n\
         [cluster.calls]\nendpoints = [\"{}\"]\nhttp = \"2\"\nhealth = false\n",
        server.address
    ))
}

#[test]
fn a_page_in_chromium_calls_a_server_of_grpc() {
    let name = "a_page_in_chromium_calls_a_server_of_grpc";
    let Some(packages) = packages(name) else { return };
    let Some(((chromium, _profile), mut node)) = both(chromium(name), || node(name)) else {
        return;
    };
    let Some((server, pages)) = both(Server::grpc(name), || Server::http_server(name)) else {
        return;
    };
    for page in ["grpc_web.html", "grpc_web_page.js"] {
        fs::copy(script(page), pages.path(page)).unwrap();
    }
    let library = packages.join("node_modules/grpc-web/index.esm.js");
    fs::copy(library, pages.path("grpc-web.js")).unwrap();
    let running = before(&pages.address, &server);
    node.arg(script("grpc_web_browser.mjs")).arg(running.address.to_string());
    node.arg(chromium.get_program()).args(chromium.get_args());
    for (name, value) in chromium.get_envs() {
        if let Some(value) = value {
            node.env(name, value);
        }
    }
    let kinds = ["unary", "large", "stream", "failure", "deadline"];
    let passed = |format: &str| kinds.map(|kind| format!("{format} {kind}")).join(", ");
    let verdict = succeed(&mut node).stdout;
    assert_eq!(verdict, format!("{}, {}, text turns\n", passed("binary"), passed("text")));
    running.wait_for_metric("evenkeel_upstream_inflight", "", 0);
}

#[test]
fn the_client_of_connect_calls_a_server_of_grpc() {
    let name = "the_client_of_connect_calls_a_server_of_grpc";
    let Some((packages, server)) = both(packages(name), || Server::grpc(name)) else { return };
    let Some(mut client) = node(name) else { return };
    let running = before(&server.address, &server);
    client.arg(script("grpc_web_connect.mjs")).arg(&packages).arg(running.address.to_string());
    let checks = ["unary", "turns", "unknown"];
    let passed = succeed(client.args(checks)).stdout;
    assert_eq!(passed.lines().collect::<Vec<_>>(), checks);
    running.wait_for_metric("evenkeel_upstream_inflight", "", 0);
    drop(server);
    let mut client = node(name).unwrap();
    client.arg(script("grpc_web_connect.mjs")).arg(&packages).arg(running.address.to_string());
    assert_eq!(succeed(client.arg("unavailable")).stdout, "unavailable\n");
}
