//! How much time is left, as endpoints are told it.

use std::time::Duration;

use evenkeel_testkit::{Gate, Origin, Request, Script};

use crate::running::{LONG, Running};

/// Answers with what it was told.
fn told() -> Origin {
    Origin::start(|request: &Request| Script::ok(request.header("x-time-left").unwrap_or("none")))
        .unwrap()
}

fn running(origin: &Origin, trusted: &str, keys: &str) -> Running {
    Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = \"api\"\ntrusted_proxies = [{trusted}]\n[cluster.api]\n\
         endpoints = \"{}\"\nhealth = false\n{keys}\n",
        origin.address()
    ))
}

const KEYS: &str =
    "deadline_header = \"X-Time-Left\"\ntimeouts = { exchange = \"30s\", first_byte = \"20s\" }";

fn ask(running: &Running, fields: &str) -> String {
    let request = format!("GET / HTTP/1.1\r\nHost: test\r\n{fields}\r\n");
    running.connect().exchange(request.as_bytes(), LONG).unwrap().text()
}

#[test]
fn an_endpoint_is_told_what_is_left_of_the_time_for_the_exchange() {
    let origin = told();
    let strict = running(&origin, "", KEYS);
    for fields in ["", "x-time-left: 5\r\n", "X-TIME-LEFT: 99999999\r\n"] {
        let left: u64 = ask(&strict, fields).parse().unwrap();
        assert!((20_000..=30_000).contains(&left), "{fields:?} {left}");
    }
    let silent = running(&origin, "", "");
    assert_eq!(ask(&silent, "x-time-left: 5\r\n"), "5", "to us a field as any");
}

#[test]
fn a_trusted_proxy_may_shorten_the_time_but_not_lengthen_it() {
    let origin = told();
    let running = running(&origin, "\"127.0.0.0/8\"", KEYS);
    let left: u64 = ask(&running, "x-time-left: 9000\r\n").parse().unwrap();
    assert!((1..=9_000).contains(&left), "{left}");
    for nonsense in ["99999999", "soon", "-1", ""] {
        let left: u64 = ask(&running, &format!("x-time-left: {nonsense}\r\n")).parse().unwrap();
        assert!((20_000..=30_000).contains(&left), "{nonsense:?} {left}");
    }
}

#[test]
fn the_time_that_a_trusted_proxy_gives_is_kept() {
    let gate = Gate::new();
    let held = gate.clone();
    let origin = Origin::start(move |_: &Request| Script::new().wait_for(&held)).unwrap();
    let running = running(&origin, "\"127.0.0.0/8\"", KEYS);
    let request = "GET / HTTP/1.1\r\nHost: test\r\nX-Time-Left: 200\r\n\r\n";
    let response = running.connect().exchange(request.as_bytes(), Duration::from_secs(15)).unwrap();
    assert_eq!(response.status, 504);
    running.wait_for_metric("evenkeel_failures_total", "exchange_timeout", 1);
    gate.open();
}
