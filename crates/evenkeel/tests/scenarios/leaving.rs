//! Clients that leave before they were answered.

use std::time::Duration;

use evenkeel_testkit::{Gate, Origin, Request, Script, wait_until};

use crate::running::{GET, LONG, Running, named};

#[test]
fn a_client_that_leaves_while_the_endpoint_thinks_cancels_its_work() {
    let gate = Gate::new();
    let held = gate.clone();
    let thinking = Origin::start(move |_: &Request| Script::new().wait_for(&held)).unwrap();
    let running = Running::serve(&[&thinking.address().to_string()]);
    let mut client = running.connect();
    client.send(GET).unwrap();
    thinking.wait_for_requests(1, LONG).unwrap();
    drop(client);
    // The balancer must close its connection, although nobody has answered.
    running.wait_for_metric("evenkeel_upstream_inflight", "", 0);
    gate.open();
    wait_until(LONG, || thinking.open_connection_count() == 0).unwrap();
    running.wait_for_metric("evenkeel_failures_total", "reason=\"client_gone\"", 1);
}

#[test]
fn a_client_that_leaves_while_an_answer_pauses_cancels_the_rest_of_it() {
    let gate = Gate::new();
    let held = gate.clone();
    let begun = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf.";
    let pausing =
        Origin::start(move |_: &Request| Script::new().send(begun).wait_for(&held)).unwrap();
    let running = Running::serve(&[&pausing.address().to_string()]);
    let mut client = running.connect();
    client.send(GET).unwrap();
    pausing.wait_for_requests(1, LONG).unwrap();
    drop(client);
    running.wait_for_metric("evenkeel_upstream_inflight", "", 0);
    gate.open();
}

#[test]
fn a_client_that_has_said_all_and_ends_its_half_is_answered_if_that_takes_no_time() {
    let origin = named("quick");
    let running = Running::serve(&[&origin.address().to_string()]);
    let mut client = running.connect();
    client.send(GET).unwrap();
    client.finish_sending().unwrap();
    let response = client.read_response(Duration::from_secs(5)).unwrap();
    assert_eq!((response.status, response.text().as_str()), (200, "quick"));
}

#[test]
fn a_client_that_has_sent_its_next_request_already_is_still_there() {
    let gate = Gate::new();
    let held = gate.clone();
    let slow = Origin::start(move |request: &Request| match request.target.as_str() {
        "/second" => Script::ok("second"),
        _ => {
            Script::new().wait_for(&held).send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst")
        }
    })
    .unwrap();
    let running = Running::serve(&[&slow.address().to_string()]);
    let mut client = running.connect();
    client.send(GET).unwrap();
    slow.wait_for_requests(1, LONG).unwrap();
    // Read by nobody before the first is answered; long enough for somebody to have looked.
    client.send(b"GET /second HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let waited = running.status()["uptime_seconds"].as_f64().unwrap() + 0.8;
    wait_until(LONG, || running.status()["uptime_seconds"].as_f64().unwrap() > waited).unwrap();
    gate.open();
    assert_eq!(client.read_response(LONG).unwrap().text(), "first");
    assert_eq!(client.read_response(LONG).unwrap().text(), "second");
}
