//! The dashboard in Chromium: what it shows, what its buttons do, and that it finds a balancer again that was gone.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use evenkeel_testkit::Process;

use super::browser::chromium;
use super::programs::{VERY_LONG, both, node, script};
use crate::running::{BINARY, Running, free_address, in_new_directory, named};
use crate::tls::Certificate;

#[test]
fn chromium_shows_the_dashboard_and_its_buttons_work() {
    let name = "chromium_shows_the_dashboard_and_its_buttons_work";
    let Some(((chromium, _profile), mut node)) = both(chromium(name), || node(name)) else {
        return;
    };
    let (a, b) = (named("a"), named("b"));
    let [address, secure, admin] = [(); 3].map(|()| free_address());
    let (directory, file) = in_new_directory("evenkeel.toml").unwrap();
    fs::write(&file, config([address, secure, admin], [a.address(), b.address()])).unwrap();
    let certificate = Certificate::of(&["a.test"]);
    for (name, text) in [
        ("a.crt", &certificate.pem),
        ("a.key", &certificate.key),
        ("ca.pem", &certificate.authority_pem),
    ] {
        fs::write(directory.path().join(name), text).unwrap();
    }
    let run = || Running::start(Command::new(BINARY).args(["run", "-c", &file]), address);
    let running = run();

    node.arg(script("dashboard.mjs")).args([&admin.to_string(), &address.to_string(), &file]);
    node.arg(chromium.get_program()).args(chromium.get_args());
    for (name, value) in chromium.get_envs() {
        if let Some(value) = value {
            node.env(name, value);
        }
    }
    let mut checks = Process::spawn(&mut node).unwrap();
    let wait = |line: &str| {
        let reached = checks.wait_for_line(line, VERY_LONG);
        reached.unwrap_or_else(|error| panic!("{error}: {}{}", checks.stdout(), checks.stderr()));
    };
    wait("now stop the balancer");
    drop(running);
    wait("now start it again");
    let _running = run();
    let code = checks.exit_status(VERY_LONG).unwrap();
    assert_eq!(code.code(), Some(0), "{}{}", checks.stdout(), checks.stderr());
    assert_eq!(checks.stdout().lines().last(), Some("survives"), "{}", checks.stdout());
}

/// Round robin, so that it is known who answers.
fn config(own: [SocketAddr; 3], endpoints: [SocketAddr; 2]) -> String {
    let ([address, secure, admin], [a, b]) = (own, endpoints);
    format!(
        "workers = 1\n\
         [listener.web]\nbind = \"{address}\"\nto = \"api\"\n\
         [listener.secure]\nbind = \"{secure}\"\nprotocol = \"https\"\nto = \"api\"\n\
         certificates = {{ cert = \"a.crt\", key = \"a.key\" }}\n\
         tls = {{ client_auth = \"optional\", client_ca = \"ca.pem\" }}\n\
         [cluster.api]\nendpoints = [\"{a}\", \"{b}\"]\nbalance = \"round-robin\"\n\
         health = {{ path = \"/\", interval = \"200ms\" }}\n\
         [admin]\nbind = \"{admin}\"\n"
    )
}
