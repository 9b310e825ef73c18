//! Chromium without a window: a page from files, and one that does by itself whatever a browser does to a server.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evenkeel_testkit::Process;
use tempfile::TempDir;

use super::programs::{VERY_LONG, both, program, succeed};
use super::servers::Server;
use crate::tls::Certificate;

#[test]
fn chromium_shows_a_page_of_nginx() {
    let name = "chromium_shows_a_page_of_nginx";
    let Some(((mut chromium, _profile), server)) = both(chromium(name), || Server::nginx(name))
    else {
        return;
    };
    let running = server.behind_us();
    let url = format!("http://{}/static.html", running.address);
    let page = succeed(chromium.args(["--dump-dom", &url])).stdout;
    assert!(page.contains("styled: true, images: 4"), "{page}");
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
}

#[test]
fn chromium_finds_all_well_on_the_page_of_node() {
    let name = "chromium_finds_all_well_on_the_page_of_node";
    let Some(((mut chromium, _profile), server)) = both(chromium(name), || Server::node(name))
    else {
        return;
    };
    let running = server.behind_us();
    let browser = Process::spawn(chromium.arg(format!("http://{}/page", running.address))).unwrap();
    let verdict = server.process.wait_for_line("verdict: ", VERY_LONG);
    let verdict = verdict.unwrap_or_else(|error| panic!("{error}: {}", browser.stderr()));
    assert_eq!(verdict, "verdict: all is well", "{}", browser.stderr());
}

/// Chromium with a new profile, which goes with the test, and that asks nobody but us.
pub(super) fn chromium(test: &str) -> Option<(Command, TempDir)> {
    let mut command = Command::new(program(test, "chromium")?);
    let profile = TempDir::new().unwrap();
    command.args(FLAGS).arg(format!("--user-data-dir={}", profile.path().display()));
    command.env("HOME", profile.path()).env_remove("DBUS_SESSION_BUS_ADDRESS");
    Some((command, profile))
}

/// Makes it take this certificate, whose authority it does not know.
pub(super) fn trusting<'a>(chromium: &'a mut Command, shown: &Certificate) -> &'a mut Command {
    let key = STANDARD.encode(&shown.key_digest);
    chromium.arg(format!("--ignore-certificate-errors-spki-list={key}"))
}

const FLAGS: &[&str] = &[
    "--headless",
    // It needs what a container does not give.
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-proxy-server",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
];
