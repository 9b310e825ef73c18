//! What the metrics and the status count is what clients and endpoints counted, exactly.

use std::fs;
use std::process::Command;

use evenkeel_testkit::{Gate, Origin, Process, Request, Script, skipped};

use crate::running::{GET, LONG, Running, end, in_new_directory, named};

/// Answers with the status that the path names.
fn by_path() -> Origin {
    Origin::start(|request: &Request| {
        Script::status(request.target[1..].parse().unwrap_or(200), "answer")
    })
    .unwrap()
}

#[test]
fn requests_are_counted_by_class_and_method() {
    let origin = by_path();
    let running = Running::serve(&[&origin.address().to_string()]);
    let mut client = running.connect();
    for (method, status, count) in
        [("GET", 200, 7), ("POST", 404, 3), ("GET", 302, 2), ("PUT", 500, 1)]
    {
        for _ in 0..count {
            let head =
                format!("{method} /{status} HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n");
            let request = format!("{head}\r\nabcde");
            assert_eq!(client.exchange(request.as_bytes(), LONG).unwrap().status, status);
        }
    }
    drop(client);
    running.wait_for_metric("evenkeel_listener_connections_active", "", 0);
    let requests = |labels: &str| running.metric("evenkeel_requests_total", labels);
    assert_eq!(requests("code_class=\"2xx\",method=\"GET\""), 7);
    assert_eq!(requests("code_class=\"4xx\",method=\"POST\""), 3);
    assert_eq!(requests("code_class=\"3xx\",method=\"GET\""), 2);
    assert_eq!(requests("code_class=\"5xx\",method=\"PUT\""), 1);
    assert_eq!(requests(""), 13);
    running.wait_for_metric("evenkeel_listener_connections_total", "", 1);
    running.wait_for_metric("evenkeel_request_duration_seconds_count", "", 13);
    running.wait_for_metric("evenkeel_upstream_first_byte_seconds_count", "", 13);
    running.wait_for_metric("evenkeel_bytes_total", "dir=\"in\"", 13 * 5);
    running.wait_for_metric("evenkeel_bytes_total", "dir=\"out\"", 13 * 6);
    running.wait_for_metric("evenkeel_upstream_requests_total", "code_class=\"2xx\"", 7);
    running.wait_for_metric("evenkeel_upstream_connects_total", "result=\"ok\"", 1);
    running.wait_for_metric("evenkeel_upstream_reuses_total", "", 12);
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
}

#[test]
fn the_status_tells_the_same_as_json() {
    let (origin, other) = (by_path(), named("other"));
    let backup = format!("!{}", other.address());
    let running = Running::serve(&[&origin.address().to_string(), &backup]);
    let mut client = running.connect();
    for path in ["/200", "/404", "/200"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
        client.exchange(request.as_bytes(), LONG).unwrap();
    }
    // The counters move when the last byte is out, which may be after the client has it.
    running.wait_for_metric("evenkeel_requests_total", "", 3);
    let status = running.status();
    assert_eq!((&status["ready"], &status["draining"]), (&true.into(), &false.into()));
    assert_eq!(status["workers"], 1);
    let listener = &status["listeners"][0];
    assert_eq!(listener["binds"][0], running.address.to_string());
    assert_eq!((&listener["connections"], &listener["active"]), (&1.into(), &1.into()));
    assert_eq!(listener["requests"]["2xx"], 2);
    assert_eq!(listener["requests"]["4xx"], 1);
    let endpoints = &status["clusters"][0]["endpoints"];
    assert_eq!(endpoints[0]["name"], origin.address().to_string());
    assert_eq!((&endpoints[0]["state"], &endpoints[0]["requests"]), (&"up".into(), &3.into()));
    assert_eq!((&endpoints[0]["failures"], &endpoints[0]["in_flight"]), (&0.into(), &0.into()));
    assert!(endpoints[0]["latency"]["mean_seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(endpoints[0]["last_check"]["passed"], true);
    assert_eq!((&endpoints[1]["backup"], &endpoints[1]["requests"]), (&true.into(), &0.into()));
}

#[test]
fn metrics_equal_what_wrk_counted() {
    let name = "metrics_equal_what_wrk_counted";
    let (_directory, script) = in_new_directory("count.lua").unwrap();
    fs::write(&script, STOP_AFTER_500).unwrap();
    let origins = [named("a"), named("b")];
    let words = origins.each_ref().map(|origin| origin.address().to_string());
    let running = Running::serve(&words.each_ref().map(String::as_str));
    let url = format!("http://{}/", running.address);
    // A thread for each connection: it stops with nothing in flight.
    let line = ["-t4", "-c4", "-d4s", "-s", &script, &url];
    let wrk = match Process::spawn(Command::new("wrk").args(line)) {
        Ok(wrk) => end(wrk),
        Err(error) => return skipped(name, &error.to_string()),
    };
    assert_eq!(wrk.code, Some(0), "{wrk:?}");
    let counted = wrk.stdout.lines().find_map(|line| line.strip_prefix("counted ")).unwrap();
    let counted: u64 = counted.parse().unwrap();
    assert_eq!(counted, 2000, "{}", wrk.stdout);
    running.wait_for_metric(
        "evenkeel_requests_total",
        "code_class=\"2xx\",method=\"GET\"",
        counted,
    );
    running.wait_for_metric("evenkeel_requests_total", "", counted);
    running.wait_for_metric("evenkeel_upstream_requests_total", "code_class=\"2xx\"", counted);
    let answered: usize = origins.iter().map(Origin::request_count).sum();
    assert_eq!(answered as u64, counted);
}

#[test]
fn a_client_that_leaves_in_the_middle_is_counted_as_gone_and_holds_nothing() {
    let gate = Gate::new();
    let held = gate.clone();
    let origin = Origin::start(move |_: &Request| {
        Script::new().wait_for(&held).followed_by(Script::ok("late"))
    })
    .unwrap();
    let running = Running::serve(&[&origin.address().to_string()]);
    let mut client = running.connect();
    client.send(GET).unwrap();
    origin.wait_for_requests(1, LONG).unwrap();
    assert_eq!(running.endpoint(0)["in_flight"], 1);
    client.reset().unwrap();
    running.wait_for_metric("evenkeel_failures_total", "reason=\"client_gone\"", 1);
    gate.open();
    running.wait_for_metric("evenkeel_listener_connections_active", "", 0);
    assert_eq!(running.endpoint(0)["in_flight"], 0);
    assert_eq!(running.get("/").text(), "late");
}

const STOP_AFTER_500: &str = "\
local answered = 0
function response(status)
  answered = answered + 1
  if answered == 500 then wrk.thread:stop() end
end
function done(summary)
  io.write('counted ' .. summary.requests .. '\\n')
end
";
