//! Clients that are slow on purpose, by the hundred: they lose their connections, hold little memory, and nobody else notices.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use evenkeel_testkit::{Client, Origin, Process, Request, Script, wait_until};

use crate::interop::programs::program;
use crate::running::{BINARY, GET, LONG, Running, free_address, in_new_directory, named};

#[test]
fn slow_heads_end_with_408_and_nobody_else_waits() {
    let name = "slow_heads_end_with_408_and_nobody_else_waits";
    let (origin, words) = (named("well"), ["-H", "-i", "1", "-x", "24"]);
    let Some(running) = attack(name, &origin, &words, "/") else { return };
    assert_mostly(&running, "header_timeout");
}

#[test]
fn slow_bodies_end_with_408_and_nobody_else_waits() {
    let name = "slow_bodies_end_with_408_and_nobody_else_waits";
    let (origin, words) = (named("well"), ["-B", "-i", "30", "-s", "100000"]);
    let Some(running) = attack(name, &origin, &words, "/") else { return };
    assert_mostly(&running, "body_timeout");
}

#[test]
fn slow_readers_are_left_and_nobody_else_waits() {
    let name = "slow_readers_are_left_and_nobody_else_waits";
    // More than the kernel takes for a client that reads nothing.
    let large = vec![b'x'; 4 << 20];
    let origin = Origin::start(move |request: &Request| match request.target.as_str() {
        "/large" => Script::ok(&large),
        _ => Script::ok("well"),
    })
    .unwrap();
    let words = ["-X", "-w", "1", "-y", "256", "-n", "30", "-z", "5"];
    let Some(running) = attack(name, &origin, &words, "/large") else { return };
    assert_mostly(&running, "write_timeout");
}

/// Lets slowhttptest do its worst, while a good client asks all the time: every one of its requests is answered with 200.
fn attack(test: &str, origin: &Origin, words: &[&str], path: &str) -> Option<Running> {
    let slowhttptest = program(test, "slowhttptest")?;
    let running = Running::from_toml(&waiting(origin, "2s"));
    let url = format!("http://{}{path}", running.address);
    let mut command = Command::new(slowhttptest);
    let crowd = CROWD.to_string();
    command.args(["-c", &crowd, "-r", &crowd, "-l", "10", "-p", "60", "-u", &url]).args(words);
    let mut attacker = Process::spawn(&mut command).unwrap();
    let (mut kept, mut answered) = (running.connect(), 0);
    while attacker.is_running().unwrap() {
        assert_eq!(kept.exchange(GET, LONG).unwrap().text(), "well");
        assert_eq!(running.get("/").status, 200);
        answered += 1;
        pause();
    }
    assert!(answered > 10, "only {answered} requests during the attack");
    drop(kept);
    running.wait_for_metric("evenkeel_listener_connections_active", "", 0);
    running.wait_for_metric("evenkeel_upstream_inflight", "", 0);
    Some(running)
}

/// Every one of the crowd is accounted for. On a machine that is busy enough some are still there when the attack ends, and
/// leave by themselves.
#[track_caller]
fn assert_mostly(running: &Running, reason: &str) {
    let all = running.metric("evenkeel_failures_total", "");
    let these = running.metric("evenkeel_failures_total", reason);
    assert!(all >= CROWD && these >= CROWD / 2, "{these} {reason} of {all} failures");
}

/// A config for clients that get `patience` for whatever they do.
fn waiting(origin: &Origin, patience: &str) -> String {
    format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = [\"{}\"]\nhealth = false\n\
         timeouts = {{ header = \"{patience}\", body = \"{patience}\", write = \"{patience}\" }}\n",
        origin.address()
    )
}

/// Leaves the machine to the others for a moment.
fn pause() {
    let until = Instant::now() + Duration::from_millis(20);
    wait_until(LONG, || Instant::now() >= until).unwrap();
}

#[test]
fn a_client_that_stops_within_a_head_or_a_body_costs_little_memory() {
    let idle = memory_per_client(b"");
    let head = memory_per_client(b"GET / HTTP/1.1\r\nHost: test\r\nX-Slow: aaaa");
    let body = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\nthe first bytes";
    let body = memory_per_client(body);
    println!("memory per connection: {idle} bytes idle, {head} in a head, {body} in a body");
    assert!(idle < 4 << 10, "{idle} bytes for each idle connection");
    assert!(head < 16 << 10, "{head} bytes for each connection that stops in a head");
    assert!(body < 32 << 10, "{body} bytes for each connection that stops in a body");
}

/// What a new balancer grows by for each client that sends `beginning` and then nothing.
fn memory_per_client(beginning: &[u8]) -> u64 {
    let origin = named("well");
    let (_directory, file) = in_new_directory("evenkeel.toml").unwrap();
    let address = free_address();
    let toml = waiting(&origin, "10m").replace("{bind}", &address.to_string());
    fs::write(&file, toml + "[admin]\nbind = \"127.0.0.1:0\"\n").unwrap();
    let mut command = Command::new(BINARY);
    // Huge pages come in steps of 2 MiB, which hide what a hundred clients cost.
    command.args(["run", "--workers", "1", "-c", &file]).env("MIMALLOC_ALLOW_THP", "0");
    let running = Running::start(&mut command, address);
    // The first few also pay for what is there once.
    let _first = stopped(&running, beginning, 0);
    let before = running.process.anonymous_bytes().unwrap();
    let _others = stopped(&running, beginning, SLOW);
    let after = running.process.anonymous_bytes().unwrap();
    after.saturating_sub(before) / SLOW
}

/// Clients that stop after `beginning`, beside `already` others.
fn stopped(running: &Running, beginning: &[u8], already: u64) -> Vec<Client> {
    let mut clients: Vec<Client> = (0..SLOW).map(|_| running.connect()).collect();
    for client in &mut clients {
        client.send(beginning).unwrap();
    }
    running.wait_for_metric("evenkeel_listener_connections_active", "", SLOW + already);
    // The one worker has then read what was sent before.
    assert_eq!(running.get("/").status, 200);
    running.wait_for_metric("evenkeel_listener_connections_active", "", SLOW + already);
    clients
}

/// As many slow clients as fit into the 1024 descriptors that a program ordinarily has, with their upstream connections.
const CROWD: u64 = 300;

/// As many as fit into this program's, beside those of the tests that run at the same time.
const SLOW: u64 = 100;
