//! Health checks of a real server of HTTP/2, nghttpd, in clear text and over TLS.

use std::fs;

use super::servers::Server;
use crate::running::Running;

const NAME: &str = "checks_ask_in_the_version_of_http_that_the_cluster_says";
const IN_HTTP2: &str = "it answers in HTTP/2, and is asked in HTTP/1.1";

#[test]
fn checks_ask_in_the_version_of_http_that_the_cluster_says() {
    let Some(server) = Server::nghttpd(NAME, &["--no-tls"]) else { return };
    fs::write(server.path("health"), "all is well").unwrap();
    let toml = |version: &str| config(&server, &format!("http = \"{version}\""));
    let running = Running::from_toml(&toml("2"));
    running.wait_for_state(0, "up");
    assert_eq!(running.endpoint(0)["last_check"]["detail"], "passed");
    for (version, state, reason) in [
        ("1", "down", IN_HTTP2),
        ("2", "up", "passed"),
        // Nobody chooses anything in clear text.
        ("auto", "down", IN_HTTP2),
    ] {
        running.rewrite(&toml(version));
        assert_eq!(running.reload().len(), 1);
        running.wait_for_state(0, state);
        assert_eq!(running.endpoint(0)["last_check"]["detail"], reason, "{version}");
    }
}

#[test]
fn checks_over_tls_ask_in_the_version_that_the_endpoint_chooses() {
    let name = "checks_over_tls_ask_in_the_version_that_the_endpoint_chooses";
    let Some(server) = Server::nghttpd(name, &["KEY", "CERTIFICATE"]) else { return };
    fs::write(server.path("health"), "all is well").unwrap();
    let toml = |version: &str| {
        config(&server, &format!("http = \"{version}\"\ntls = {{ verify = false }}"))
    };
    let running = Running::from_toml(&toml("auto"));
    running.wait_for_state(0, "up");
    for (version, state, reason) in [
        // It hangs up on who has not chosen HTTP/2.
        ("1", "down", "connection closed before the answer"),
        ("2", "up", "passed"),
    ] {
        running.rewrite(&toml(version));
        running.reload();
        running.wait_for_state(0, state);
        assert_eq!(running.endpoint(0)["last_check"]["detail"], reason, "{version}");
    }
}

/// A cluster of that server with those keys, whose checks look into the answer's body.
fn config(server: &Server, keys: &str) -> String {
    let pace = "interval = \"100ms\", timeout = \"20s\", fall = 2, rise = 2";
    format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = \"api\"\n[cluster.api]\nendpoints = \"{}\"\n{keys}\n\
         health = {{ path = \"/health\", body = \"is well\", {pace} }}\n",
        server.address
    )
}
