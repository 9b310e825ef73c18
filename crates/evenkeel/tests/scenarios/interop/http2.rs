//! HTTP/2 towards endpoints, and WebSockets over either version on either side.

use super::programs::{both, node, program, python, script, succeed};
use super::servers::Server;
use crate::running::Running;

/// A balancer that asks these endpoints over HTTP/2 only.
pub(super) fn before(servers: &[&Server]) -> Running {
    between("", servers, "http = \"2\"")
}

/// A balancer before these endpoints, with these keys of its listener and those of its cluster.
pub(super) fn between(listener: &str, servers: &[&Server], cluster: &str) -> Running {
    let endpoints: Vec<String> =
        servers.iter().map(|server| format!("\"{}\"", server.address)).collect();
    Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = \"origin\"\n{listener}\n\
         [cluster.origin]\nendpoints = [{}]\nhealth = false\nbalance = \"round-robin\"\n{cluster}\n",
        endpoints.join(", ")
    ))
}

#[test]
fn curl_asks_node_over_http_2_by_either_version() {
    let name = "curl_asks_node_over_http_2_by_either_version";
    let Some((curl, server)) = both(program(name, "curl"), || Server::node_http2(name)) else {
        return;
    };
    let running = before(&[&server]);
    let body = vec![b'x'; 9 << 20];
    let file = server.path("body");
    std::fs::write(&file, &body).unwrap();
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let url = |path: &str| format!("http://{}{path}", running.address);
        let ask = |words: &[&str], path: &str| {
            let mut curl = std::process::Command::new(&curl);
            curl.args(["--silent", "--max-time", "60", version]).args(words).arg(url(path));
            succeed(&mut curl).stdout.trim_end().to_owned()
        };
        let head =
            ask(&["-H", "Cookie: a=1", "-H", "Connection: x-hop", "-H", "X-Hop: 1"], "/head");
        let head: serde_json::Value = serde_json::from_str(&head).unwrap();
        assert_eq!(head[":authority"], running.address.to_string());
        assert_eq!((&head[":scheme"], &head["cookie"]), (&"http".into(), &"a=1".into()));
        assert!(head.get("connection").is_none() && head["x-request-id"].is_string(), "{head}");
        let trailers = ask(&["-i", "-H", "TE: trailers"], "/trailers");
        assert!(trailers.contains("body") && trailers.contains("x-sum: 42"), "{trailers}");
        let early = ask(&["-i"], "/early");
        assert!(early.contains(" 103") && early.contains("late"), "{early}");
        let echoed = ask(&["--data-binary", &format!("@{}", file.display())], "/echo");
        assert!(echoed.as_bytes() == body, "{} bytes", echoed.len());
        assert_eq!(ask(&["-H", "Expect: 100-continue", "--data", "small"], "/echo"), "small");
        assert_eq!(
            ask(&["-H", "Transfer-Encoding: chunked", "--data", "pieces"], "/echo"),
            "pieces"
        );
    }
    running.wait_for_metric("evenkeel_upstream_inflight", "", 0);
    running.wait_for_metric("evenkeel_upstream_connects_total", "result=\"ok\"", 1);
}

#[test]
fn h2load_asks_nghttpd_over_few_connections() {
    let name = "h2load_asks_nghttpd_over_few_connections";
    let nghttpd = || Server::nghttpd(name, &["--no-tls"]);
    let Some((h2load, server)) = both(program(name, "h2load"), nghttpd) else { return };
    std::fs::write(server.path("small"), "").unwrap();
    let running = before(&[&server]);
    let mut load = std::process::Command::new(h2load);
    load.args(["-n", "5000", "-c", "8", "-m", "25"])
        .arg(format!("http://{}/small", running.address));
    let said = succeed(&mut load).stdout;
    assert!(said.contains("5000 succeeded, 0 failed"), "{said}");
    // 200 at once, of which one connection takes 100.
    let connects = running.metric("evenkeel_upstream_connects_total", "result=\"ok\"");
    assert!((2..=4).contains(&connects), "{connects}");
}

#[test]
fn websockets_over_http_2_reach_endpoints_of_either_version() {
    let name = "websockets_over_http_2_reach_endpoints_of_either_version";
    let Some((_, server)) = both(node(name), || Server::node_http2(name)) else { return };
    let Some(older) = Server::websockets(name) else { return };
    for running in [before(&[&server]), older.behind_us()] {
        let mut client = node(name).unwrap();
        client.arg(script("ws_http2_client.mjs")).arg(running.address.to_string());
        assert_eq!(succeed(&mut client).stdout, "talked\nother protocols: 501\n");
        running.wait_for_metric("evenkeel_upstream_inflight", "", 0);
        running.wait_for_metric("evenkeel_listener_connections_active", "", 0);
    }
}

#[test]
fn a_websocket_of_http_1_reaches_an_endpoint_of_http_2() {
    let name = "a_websocket_of_http_1_reaches_an_endpoint_of_http_2";
    let Some((mut client, server)) = both(python(name), || Server::node_http2(name)) else {
        return;
    };
    let running = before(&[&server]);
    client.arg(script("ws_echo.py")).arg(running.address.to_string());
    assert_eq!(succeed(&mut client).stdout, "talked\nrefused: 403\n");
    running.wait_for_metric("evenkeel_upstream_inflight", "", 0);
}
