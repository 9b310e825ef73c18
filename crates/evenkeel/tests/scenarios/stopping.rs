//! Signals: the first drains, the second stops at once.

use std::process::Command;
use std::time::Duration;

use evenkeel_testkit::process::Signal;
use evenkeel_testkit::{Client, Gate, Origin, Process, Request, Script, get, wait_until};

use crate::running::{GET, LONG, Running, end, named};

/// An origin that answers when the gate opens.
fn gated(gate: &Gate) -> Origin {
    let gate = gate.clone();
    Origin::start(move |_: &Request| Script::new().wait_for(&gate).followed_by(Script::ok("late")))
        .unwrap()
}

/// Sends a request that the origin has got, and holds.
fn held(running: &Running, origin: &Origin) -> Client {
    let mut client = running.connect();
    client.send(GET).unwrap();
    origin.wait_for_requests(1, LONG).unwrap();
    client
}

fn wait_for_draining(process: &Process) -> String {
    process.wait_for_line("draining: ", LONG).unwrap()
}

#[test]
fn each_stop_signal_lets_the_running_exchange_finish() {
    for signal in [Signal::TERM, Signal::INT, Signal::QUIT] {
        let gate = Gate::new();
        let origin = gated(&gate);
        let mut running = Running::serve(&[&origin.address().to_string()]);
        let mut client = held(&running, &origin);
        running.process.signal(signal).unwrap();
        let line = wait_for_draining(&running.process);
        assert!(line.contains("waiting for 1 exchange, at most 30 s; again to stop at once"));
        assert!(running.process.is_running().unwrap());
        gate.open();
        let response = client.read_response(LONG).unwrap();
        assert_eq!((response.status, response.text().as_str()), (200, "late"));
        assert_eq!(client.read_to_end(LONG).unwrap(), b"");
        assert_eq!(end(running.process).code, Some(0), "{signal:?}");
    }
}

#[test]
fn a_draining_balancer_accepts_nothing_new_and_is_not_ready() {
    let gate = Gate::new();
    let origin = gated(&gate);
    let running = Running::serve(&[&origin.address().to_string()]);
    assert_eq!(get(running.admin, "/readyz").unwrap().status, 200);
    let mut client = held(&running, &origin);
    running.process.signal(Signal::TERM).unwrap();
    wait_for_draining(&running.process);
    wait_until(LONG, || Client::connect(running.address).is_err()).unwrap();
    assert_eq!(get(running.admin, "/readyz").unwrap().status, 503);
    assert_eq!(running.status()["draining"], true);
    gate.open();
    assert_eq!(client.read_response(LONG).unwrap().status, 200);
    assert_eq!(end(running.process).code, Some(0));
}

#[test]
fn an_idle_connection_does_not_hold_up_the_end() {
    let origin = named("a");
    let running = Running::serve(&[&origin.address().to_string()]);
    let mut idle = running.connect();
    assert_eq!(idle.exchange(GET, LONG).unwrap().status, 200);
    let _silent = running.connect();
    running.wait_for_metric("evenkeel_listener_connections_total", "", 2);
    running.process.signal(Signal::TERM).unwrap();
    let mut process = running.process;
    // Far below the 30 s that it may wait for exchanges.
    assert_eq!(process.exit_status(Duration::from_secs(10)).unwrap().code(), Some(0));
    assert_eq!(idle.read_to_end(LONG).unwrap(), b"");
}

/// Whoever keeps a connection cannot know that we stop, and its next request may be on its way already.
#[test]
fn a_request_on_a_kept_connection_in_the_moment_of_a_stop_is_answered() {
    let origin = named("a");
    let running = Running::serve(&[&origin.address().to_string()]);
    let mut kept: Vec<_> = (0..20).map(|_| running.connect()).collect();
    for client in &mut kept {
        assert_eq!(client.exchange(GET, LONG).unwrap().status, 200);
    }
    running.process.signal(Signal::TERM).unwrap();
    for client in &mut kept {
        assert_eq!(client.exchange(GET, LONG).unwrap().status, 200);
    }
    assert_eq!(end(running.process).code, Some(0));
}

#[test]
fn a_second_signal_stops_at_once() {
    let gate = Gate::new();
    let origin = gated(&gate);
    let mut running = Running::serve(&[&origin.address().to_string()]);
    let mut client = held(&running, &origin);
    running.process.signal(Signal::TERM).unwrap();
    wait_for_draining(&running.process);
    assert!(running.process.is_running().unwrap());
    // Whoever loses patience sends it again and again; those of the first second count as one with the first.
    wait_until(LONG, || {
        let _ = running.process.signal(Signal::INT);
        !running.process.is_running().unwrap()
    })
    .unwrap();
    let ended = end(running.process);
    assert_eq!(ended.code, Some(0));
    assert!(ended.stderr.contains("stopped at once, which cut 1 exchange"), "{ended:?}");
    assert!(client.read_response(LONG).is_err(), "there was no answer to give");
    gate.open();
}

/// As from systemd and shells, which signal the process and its group: it cut what was to finish.
#[test]
fn two_stop_signals_at_once_are_one() {
    let gate = Gate::new();
    let origin = gated(&gate);
    let running = Running::serve(&[&origin.address().to_string()]);
    let mut client = held(&running, &origin);
    running.process.signal(Signal::TERM).unwrap();
    running.process.signal(Signal::INT).unwrap();
    running.process.wait_for_line("signals of the same second count as one", LONG).unwrap();
    gate.open();
    assert_eq!(client.read_response(LONG).unwrap().status, 200);
    let ended = end(running.process);
    assert_eq!(ended.code, Some(0));
    assert!(!ended.stderr.contains("stopped at once"), "{ended:?}");
}

#[test]
fn a_draining_balancer_takes_no_other_config_from_anybody() {
    let gate = Gate::new();
    let origin = gated(&gate);
    let config = |more: &str| {
        format!("[listener.web]\nbind = \"{{bind}}\"\nto = [\"{}\"]\n{more}", origin.address())
    };
    let running = Running::from_toml(&config("health = false\n"));
    let mut client = held(&running, &origin);
    let before = running.status()["generation"].clone();
    running.process.signal(Signal::TERM).unwrap();
    wait_for_draining(&running.process);
    running.rewrite(&config(""));
    running.process.signal(Signal::HUP).unwrap();
    running.process.wait_for_line("nothing is reloaded any more", LONG).unwrap();
    for (method, path, body) in [
        ("POST", "/api/v1/reload", ""),
        ("POST", "/api/v1/clusters/web/endpoints", "{\"address\": \"10.0.0.9:80\"}"),
    ] {
        let (status, answer) = running.ask(method, path, body);
        assert_eq!((status, &answer["error"]), (503, &"the balancer is stopping".into()));
    }
    assert_eq!(running.status()["generation"], before);
    gate.open();
    assert_eq!(client.read_response(LONG).unwrap().status, 200);
    assert_eq!(end(running.process).code, Some(0));
}

/// Such as a file on a network that is gone: the stop waited for it, for ever.
#[test]
fn a_reload_that_hangs_does_not_hold_up_the_end() {
    let origin = named("a");
    let running = Running::from_toml(&format!(
        "drain = \"1s\"\n[listener.web]\nbind = \"{{bind}}\"\nto = [\"{}\"]\n",
        origin.address()
    ));
    std::fs::remove_file(running.config()).unwrap();
    let made = Command::new("mkfifo").arg(running.config()).status().unwrap();
    assert!(made.success());
    running.process.signal(Signal::HUP).unwrap();
    // It can be opened as soon as somebody wants to read it, and has no end while it is open.
    let pipe = std::fs::OpenOptions::new().write(true).open(running.config()).unwrap();
    running.process.signal(Signal::TERM).unwrap();
    assert_eq!(end(running.process).code, Some(0));
    drop(pipe);
}

#[test]
fn a_hangup_without_a_file_stops_nothing_and_is_explained() {
    let running = Running::serve(&[&named("a").address().to_string()]);
    running.process.signal(Signal::HUP).unwrap();
    let told = "this balancer was started from a command line, so there is no file to read";
    running.process.wait_for_line(told, LONG).unwrap();
    assert_eq!(get(running.admin, "/readyz").unwrap().status, 200);
    assert_eq!(running.status()["config"]["refused"], false);
    running.process.signal(Signal::TERM).unwrap();
    assert_eq!(end(running.process).code, Some(0));
}

#[test]
fn when_the_time_for_draining_is_up_the_rest_is_cut_and_that_is_a_failure() {
    let gate = Gate::new();
    let origin = gated(&gate);
    let running = Running::from_toml(&format!(
        "drain = \"300ms\"\n[listener.web]\nbind = \"{{bind}}\"\nto = [\"{}\"]\n",
        origin.address()
    ));
    let _client = held(&running, &origin);
    running.process.signal(Signal::TERM).unwrap();
    let ended = end(running.process);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("at most 0.3 s"), "{ended:?}");
    assert!(ended.stderr.contains("time is up, which cut 1 exchange"), "{ended:?}");
    gate.open();
}
