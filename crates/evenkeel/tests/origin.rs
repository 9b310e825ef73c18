//! Scenarios of `evenkeel origin`: the real binary, asked over real sockets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its own functions too")]

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use evenkeel_testkit::process::Signal;
use evenkeel_testkit::{Client, get, wait_until};
use serde_json::{Value, json};

#[path = "origin/started.rs"]
mod started;

use started::{LONG, Origins, end, run};

/// Leaves one request in service at an origin that serves one at a time.
fn occupy(address: SocketAddr) -> Client {
    let mut client = Client::connect(address).unwrap();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    // Refused work shows that the first request is in service.
    wait_until(LONG, || get(address, "/").unwrap().text() == "overloaded\n").unwrap();
    client
}

#[test]
fn every_answer_says_who_gave_it() {
    let origins = Origins::start(2, &["--name", "api"]);
    for (address, name) in origins.addresses.iter().zip(["api-1", "api-2"]) {
        for path in ["/", "/health", "/echo"] {
            let answer = get(*address, path).unwrap();
            assert_eq!((answer.status, answer.header("X-Origin")), (200, Some(name)), "{path}");
        }
    }
    let unnamed = Origins::start(1, &[]);
    let answer = get(unnamed.addresses[0], "/").unwrap();
    assert_eq!(answer.header("X-Origin"), Some(unnamed.addresses[0].to_string().as_str()));
}

#[test]
fn the_body_has_the_size_that_was_asked_for() {
    let origins = Origins::start(1, &["--body", "1MiB"]);
    let answer = get(origins.addresses[0], "/anything").unwrap();
    assert_eq!(answer.body.len(), 1 << 20);

    let mut client = Client::connect(origins.addresses[0]).unwrap();
    client.send(b"HEAD / HTTP/1.0\r\n\r\n").unwrap();
    let head = client.read_response_to("HEAD", LONG).unwrap();
    assert_eq!(head.header("Content-Length"), Some("1048576"));
    assert_eq!(client.read_to_end(LONG).unwrap(), b"");
}

#[test]
fn echo_says_what_arrived() {
    let origins = Origins::start(1, &["--name", "api"]);
    let request = b"PUT /echo?a=%20b HTTP/1.1\r\nHost: a\r\nX-Two: 1\r\nX-Two: 2\r\n\
                    Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\n---\r\n0\r\n\r\n";
    let mut client = Client::connect(origins.addresses[0]).unwrap();
    let answer = client.exchange(request, LONG).unwrap();
    let echo: Value = serde_json::from_slice(&answer.body).unwrap();
    let expected = json!({
        "name": "api",
        "method": "PUT",
        "target": "/echo?a=%20b",
        "version": "HTTP/1.1",
        "headers": [["host", "a"], ["x-two", "1"], ["x-two", "2"], ["transfer-encoding", "chunked"]],
        "body_length": 8,
    });
    assert_eq!(echo, expected);
}

#[test]
fn health_is_neither_delayed_nor_failed_nor_refused() {
    let options = ["--delay", "1h", "--fail", "100%", "--concurrency", "1"];
    let origins = Origins::start(1, &options);
    let _in_service = occupy(origins.addresses[0]);
    assert_eq!(get(origins.addresses[0], "/health").unwrap().status, 200);

    let unwell = Origins::start(1, &["--unhealthy"]);
    assert_eq!(get(unwell.addresses[0], "/health").unwrap().status, 503);
    assert_eq!(get(unwell.addresses[0], "/").unwrap().status, 200);
}

#[test]
fn failures_have_the_status_that_was_asked_for() {
    let origins = Origins::start(1, &["--fail", "100%", "--fail-status", "418"]);
    let answer = get(origins.addresses[0], "/").unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (418, "failed on purpose\n"));
}

#[test]
fn term_finishes_the_running_exchange_and_exits_with_0() {
    let options = ["--delay", "500ms", "--concurrency", "1"];
    let Origins { process, addresses } = Origins::start(1, &options);
    let mut running = occupy(addresses[0]);

    process.signal(Signal::TERM).unwrap();
    assert_eq!(running.read_response(LONG).unwrap().status, 200);
    let ended = end(process);
    assert_eq!(ended.code, Some(0));
    assert!(ended.stdout.contains("drained"), "{}", ended.stdout);
    assert!(TcpStream::connect(addresses[0]).is_err());
}

#[test]
fn a_second_signal_does_not_wait() {
    let options = ["--delay", "1h", "--concurrency", "1"];
    let Origins { process, addresses } = Origins::start(1, &options);
    let _running = occupy(addresses[0]);

    process.signal(Signal::INT).unwrap();
    // The closed port shows that the first signal was seen; two at once would be one.
    wait_until(LONG, || TcpStream::connect(addresses[0]).is_err()).unwrap();
    process.signal(Signal::INT).unwrap();
    assert_eq!(end(process).code, Some(0));
}

#[test]
fn usr1_kills_and_revives_on_the_same_port() {
    let Origins { process, addresses } = Origins::start(1, &["--name", "api"]);
    process.signal(Signal::USR1).unwrap();
    process.wait_for_line("api killed", LONG).unwrap();
    assert!(TcpStream::connect(addresses[0]).is_err());
    process.signal(Signal::USR1).unwrap();
    process.wait_for_line("api revived", LONG).unwrap();
    assert_eq!(get(addresses[0], "/").unwrap().status, 200);
}

#[test]
fn events_happen_to_those_that_they_name_from_the_first_request_on() {
    let events = ["--event", "kill s2@50ms..100ms", "--event", "errors api-1@0s=100%"];
    let Origins { process, addresses } =
        Origins::start(2, &[&["--name", "api"], &events[..]].concat());
    for path in ["/health", "/load"] {
        assert_eq!(get(addresses[1], path).unwrap().status, 200);
    }
    assert!(process.wait_for_line("killed", Duration::from_millis(200)).is_err());
    get(addresses[1], "/").unwrap();
    process.wait_for_line("api-2 killed", LONG).unwrap();
    process.wait_for_line("api-2 revived", LONG).unwrap();
    assert_eq!(get(addresses[1], "/").unwrap().status, 200);
    assert_eq!(get(addresses[0], "/").unwrap().text(), "failed on purpose\n");
    assert_eq!(process.stdout().matches("killed").count(), 1);
}

#[test]
fn a_port_in_use_ends_with_1_and_says_what_to_do() {
    let origins = Origins::start(1, &[]);
    let address = origins.addresses[0];
    let refused = run(&["origin", &address.to_string()]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
    let complaint = refused.stderr;
    assert!(complaint.contains(&format!("cannot listen on {address}: the port is in use")));
    assert!(complaint.contains("write 0 for a free one"), "{complaint}");
}

#[test]
fn wrong_usage_ends_with_2() {
    for arguments in [
        &["origin"][..],
        &["origin", "http"],
        &["origin", "0", "--delay", "5"],
        &["origin", "0", "--event", "add s2@1s"],
        &["origin", "0", "--event", "kill s2@1s"],
    ] {
        assert_eq!(run(arguments).code, Some(2), "{arguments:?}");
    }
}
