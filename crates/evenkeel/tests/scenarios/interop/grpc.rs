//! Calls of gRPC by two libraries, Google's for Python and tonic: each is the client, and each is the server.

use std::process::Command;

use super::http2::{before, between};
use super::programs::{both, program, python, script, succeed};
use super::servers::Server;

#[test]
fn grpcio_on_both_sides() {
    let name = "grpcio_on_both_sides";
    play(name, grpcio, || Server::grpc(name));
}

#[test]
fn tonic_on_both_sides() {
    let name = "tonic_on_both_sides";
    play(name, tonic, || Server::tonic(name, false));
}

#[test]
fn tonic_asks_grpcio() {
    let name = "tonic_asks_grpcio";
    play(name, tonic, || Server::grpc(name));
}

#[test]
fn grpcio_asks_tonic() {
    let name = "grpcio_asks_tonic";
    play(name, grpcio, || Server::tonic(name, false));
}

/// All checks, and the last one when the server is gone.
#[track_caller]
fn play(name: &str, client: fn(&str) -> Option<Command>, server: impl FnOnce() -> Option<Server>) {
    let Some((mut asks, server)) = both(client(name), server) else { return };
    let running = before(&[&server]);
    let address = running.address.to_string();
    assert_passes(asks.arg(&address), CHECKS);
    running.wait_for_metric("evenkeel_upstream_inflight", "", 0);
    drop(server);
    assert_passes(client(name).unwrap().arg(address), &["unavailable"]);
}

#[test]
fn calls_over_tls_reach_tonic_over_tls() {
    let name = "calls_over_tls_reach_tonic_over_tls";
    let clients = both(tonic(name), || grpcio(name));
    let Some((_, server)) = both(clients, || Server::tonic(name, true)) else { return };
    let [certificate, key, authority] = ["a.crt", "a.key", "ca.pem"].map(|file| server.path(file));
    let listener = format!(
        "protocol = \"https\"\ncertificates = [{{ cert = \"{}\", key = \"{}\" }}]",
        certificate.display(),
        key.display()
    );
    for version in ["2", "auto"] {
        let cluster = format!("http = \"{version}\"\ntls = {{ ca = \"{}\" }}", authority.display());
        let running = between(&listener, &[&server], &cluster);
        for client in [tonic, grpcio] {
            let mut client = client(name).unwrap();
            client.arg(format!("localhost:{}", running.address.port()));
            assert_passes(client.env("AUTHORITY", &authority), CHECKS);
        }
        running.wait_for_metric("evenkeel_upstream_inflight", "", 0);
    }
}

/// One connection of a client, and each of its calls goes to another endpoint.
#[test]
fn calls_of_grpc_are_balanced_one_by_one() {
    let name = "calls_of_grpc_are_balanced_one_by_one";
    let Some((mut client, first)) = both(grpcio(name), || Server::grpc(name)) else { return };
    let second = Server::grpc(name).unwrap();
    let running = before(&[&first, &second]);
    assert_passes(client.arg(running.address.to_string()), &["many"]);
    for server in [&first, &second] {
        let label = format!("endpoint=\"{}\"", server.address);
        let calls = running.metric("evenkeel_upstream_requests_total", &label);
        assert!((95..=105).contains(&calls), "{label} {calls}");
    }
    running.wait_for_metric("evenkeel_listener_connections_total", "", 1);
}

#[track_caller]
fn assert_passes(client: &mut Command, checks: &[&str]) {
    let passed = succeed(client.args(checks)).stdout;
    assert_eq!(passed.lines().collect::<Vec<_>>(), checks);
}

fn grpcio(test: &str) -> Option<Command> {
    let mut command = python(test)?;
    command.arg(script("grpc_client.py"));
    Some(command)
}

fn tonic(test: &str) -> Option<Command> {
    let mut command = Command::new(program(test, "tonic-echo")?);
    command.arg("ask");
    Some(command)
}

const CHECKS: &[&str] = &["kinds", "turns", "large", "failure", "deadline", "cancellation", "many"];
