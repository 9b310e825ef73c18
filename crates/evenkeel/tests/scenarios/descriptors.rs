//! Descriptors: as many as may be had, and no harm when there are no more.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use evenkeel_testkit::{Client, wait_until};

use crate::running::{BINARY, GET, LONG, Running, free_address, named};

/// Starts a balancer under `ulimit` of the soft and the hard kind.
fn limited(soft: u32, hard: u32, health: &str) -> (Running, evenkeel_testkit::Origin) {
    let (origin, address) = (named("a"), free_address());
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("evenkeel.toml");
    let toml = format!(
        "workers = 1\n[listener.web]\nbind = \"{address}\"\nto = [\"{}\"]\nhealth = {health}\n\
         [admin]\nbind = \"127.0.0.1:0\"\n",
        origin.address()
    );
    fs::write(&file, toml).unwrap();
    let script = format!("ulimit -Sn {soft} && ulimit -Hn {hard} && exec \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh", BINARY, "run", "-c"]).arg(&file);
    (Running::start(&mut command, address), origin)
}

#[test]
fn the_soft_limit_is_raised_to_the_hard_one() {
    let (running, _origin) = limited(100, 200, "false");
    let limits = fs::read_to_string(format!("/proc/{}/limits", running.process.pid())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[3..5], ["200", "200"], "{line}");
}

#[test]
fn out_of_descriptors_it_serves_what_it_has_and_accepts_again_by_itself() {
    let (running, origin) = limited(LIMIT, LIMIT, "false");
    let mut served: Vec<Client> = (0..5).map(|_| running.connect()).collect();
    exchange_all(&mut served);
    let crowd = crowd(&running);
    let before = running.process.cpu_time().unwrap();
    for_a_while(Duration::from_secs(2), || exchange_all(&mut served));
    let spent = (running.process.cpu_time().unwrap() - before).total();
    assert!(spent < Duration::from_millis(400), "it spins: {spent:?} of CPU time in 2 s");
    let said = running.process.stderr().matches("accepts no more connections").count();
    assert!((1..=3).contains(&said), "it says so {said} times in 2 s");
    drop(crowd);
    let mut newcomer = running.connect();
    assert_eq!(newcomer.exchange(GET, LONG).unwrap().text(), "a");
    exchange_all(&mut served);
    assert_eq!(running.endpoint(0)["failures"], 0);
    assert!(origin.request_count() > 10);
}

#[test]
fn whoever_is_accepted_is_served_for_each_client_needs_two_descriptors() {
    let (running, _origin) = limited(LIMIT, LIMIT, "false");
    let mut clients = crowd(&running);
    for client in &mut clients {
        client.send(GET).unwrap();
    }
    // Those who are not accepted yet are, when these leave.
    for mut client in clients {
        assert_eq!(client.read_response(LONG).unwrap().text(), "a");
    }
    assert_eq!(running.endpoint(0)["failures"], 0);
}

#[test]
fn a_check_that_gets_no_descriptor_is_not_held_against_the_endpoint() {
    let checks = "{ interval = \"50ms\", timeout = \"50ms\", fall = 2, rise = 2 }";
    let (running, _origin) = limited(LIMIT, LIMIT, checks);
    let mut served = [running.connect()];
    exchange_all(&mut served);
    let _crowd = crowd(&running);
    // Time for far more checks than it takes to go down.
    for_a_while(Duration::from_secs(1), || exchange_all(&mut served));
}

fn exchange_all(clients: &mut [Client]) {
    for client in clients {
        assert_eq!(client.exchange(GET, LONG).unwrap().text(), "a");
    }
}

/// More idle connections than there are descriptors: the kernel completes them, whether they are accepted or not. Returns
/// when no more are accepted, which may be before the last descriptor: some are needed for endpoints and checks.
fn crowd(running: &Running) -> Vec<Client> {
    let crowd = (0..100).map(|_| running.connect()).collect();
    let (mut open, mut since) = (0, Instant::now());
    wait_until(LONG, || {
        let now = running.process.open_descriptors().unwrap();
        // A check opens and closes one now and then.
        if now > open {
            (open, since) = (now, Instant::now());
        }
        since.elapsed() > Duration::from_millis(300)
    })
    .unwrap();
    assert!(open > LIMIT as usize / 3, "only {open} descriptors are open");
    crowd
}

/// Does `what` ten times a second.
fn for_a_while(length: Duration, mut what: impl FnMut()) {
    let started = Instant::now();
    while started.elapsed() < length {
        what();
        let next = Instant::now() + Duration::from_millis(100);
        wait_until(LONG, || Instant::now() >= next).unwrap();
    }
}

/// Enough for a start and a few dozen connections.
const LIMIT: u32 = 64;
