//! Idle connections to an endpoint: that it closes when we use them again, as every server does now and then, and that we close in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use evenkeel_testkit::{Behaviour, Gate, Origin, Request, Script, wait_until};

use crate::running::{GET, LONG, Running, scripted};

/// Answers the first request of each connection, and closes without an answer at the second.
fn forgetful() -> Origin {
    Origin::start(|request: &Request| match request.index {
        0 => Script::ok(format!("{} {}", request.method, request.body.len())),
        _ => Script::new().close(),
    })
    .unwrap()
}

#[test]
fn what_may_be_done_twice_is_sent_once_more_on_a_new_connection() {
    let origin = forgetful();
    let running = Running::serve(&[&origin.address().to_string()]);
    let mut client = running.connect();
    let put = b"PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n";
    for (request, answer) in [(GET, "GET 0"), (GET, "GET 0"), (put, "PUT 0"), (GET, "GET 0")] {
        let response = client.exchange(request, LONG).unwrap();
        assert_eq!((response.status, response.text().as_str()), (200, answer));
    }
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
}

#[test]
fn what_may_not_be_done_twice_reaches_the_endpoint_once() {
    let origin = forgetful();
    let running = Running::serve(&[&origin.address().to_string()]);
    let mut client = running.connect();
    assert_eq!(client.exchange(GET, LONG).unwrap().status, 200);
    let post = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody";
    assert_eq!(client.exchange(post, LONG).unwrap().status, 502);
    let posts = origin.requests().into_iter().filter(|request| request.method == "POST");
    assert_eq!(posts.count(), 1);
    assert_eq!(client.exchange(GET, LONG).unwrap().status, 200, "the connection lives on");
}

#[test]
fn an_endpoint_that_closes_after_each_answer_without_saying_so_fails_nobody() {
    let origin = scripted(Script::ok("a").close());
    let running = Running::serve(&[&origin.address().to_string()]);
    let mut client = running.connect();
    for _ in 0..200 {
        assert_eq!(client.exchange(GET, LONG).unwrap().text(), "a");
    }
}

#[test]
fn bytes_behind_an_answer_are_not_taken_for_the_next_answer() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let origin = Origin::start(move |_: &Request| {
        let number = counted.fetch_add(1, Ordering::SeqCst);
        let body = number.to_string();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        // In one segment: what comes later may as well come when the connection is in use again.
        let surplus = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
        Script::new().send(head + &body + surplus)
    })
    .unwrap();
    let running = Running::serve(&[&origin.address().to_string()]);
    let mut client = running.connect();
    for number in 0..50 {
        assert_eq!(client.exchange(GET, LONG).unwrap().text(), number.to_string());
    }
}

/// Answers before it has read the request's body, and reads that while its answer goes out.
struct Hasty(Gate);

impl Behaviour for Hasty {
    fn head_arrived(&self, request: &Request) -> Script {
        match request.method.as_str() {
            "POST" => Script::new()
                .send("HTTP/1.1 401 \r\nContent-Length: 10\r\n\r\nhello")
                .wait_for(&self.0)
                .send("world"),
            _ => Script::new(),
        }
    }

    fn answer(&self, request: &Request) -> Script {
        if request.method == "POST" { Script::new() } else { Script::ok("well") }
    }
}

/// It may never read the rest, and take it for the next request.
#[test]
fn a_connection_whose_endpoint_answered_before_the_request_was_complete_is_not_used_again() {
    let gate = Gate::new();
    let origin = Origin::start(Hasty(gate.clone())).unwrap();
    let running = Running::serve(&[&origin.address().to_string()]);
    let mut client = running.connect();
    client.send(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbo").unwrap();
    // The answer has begun; the request is completed before it ends.
    let beginning = client.stream();
    beginning.set_read_timeout(Some(LONG)).unwrap();
    assert_eq!(beginning.peek(&mut [0]).unwrap(), 1);
    client.send(b"dy").unwrap();
    gate.open();
    let response = client.read_response(LONG).unwrap();
    assert_eq!((response.status, response.text().as_str()), (401, "helloworld"));
    assert_eq!(running.get("/").text(), "well");
    let last = origin.requests().into_iter().find(|request| request.method == "GET").unwrap();
    assert_ne!(last.connection, 0);
}

#[test]
fn a_body_that_follows_the_answer_to_head_a_moment_later_is_nobodys_answer() {
    let origin = Origin::start(|request: &Request| match request.method.as_str() {
        "HEAD" => Script::new()
            .send("HTTP/1.1 200 \r\nContent-Length: 40\r\n\r\n")
            .send("HTTP/1.1 200 \r\nContent-Length: 4\r\n\r\nEVIL"),
        _ => Script::ok("well"),
    })
    .unwrap();
    let running = Running::serve(&[&origin.address().to_string()]);
    let mut client = running.connect();
    for _ in 0..50 {
        client
            .send(b"HEAD / HTTP/1.1\r\nHost: test\r\n\r\nGET / HTTP/1.1\r\nHost: test\r\n\r\n")
            .unwrap();
        assert_eq!(client.read_response_to("HEAD", LONG).unwrap().status, 200);
        assert_eq!(client.read_response(LONG).unwrap().text(), "well");
    }
}

#[test]
fn a_connection_that_has_carried_enough_requests_makes_way_for_a_new_one() {
    let origin = scripted(Script::ok("a"));
    let running = Running::from_toml(&format!(
        "listener.web = {{ bind = \"{{bind}}\", to = \"api\" }}\n\
         [cluster.api]\nendpoints = [\"{}\"]\nhealth = false\npool = {{ max_requests = 3 }}\n",
        origin.address()
    ));
    let mut client = running.connect();
    for _ in 0..7 {
        assert_eq!(client.exchange(GET, LONG).unwrap().text(), "a");
    }
    let connections: Vec<usize> = origin.requests().iter().map(|it| it.connection).collect();
    assert_eq!(connections, [0, 0, 0, 1, 1, 1, 2]);
    wait_until(LONG, || origin.open_connection_count() == 1).unwrap();
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
}

#[test]
fn a_connection_that_is_too_old_is_closed_though_it_is_never_idle_for_long() {
    let origin = scripted(Script::ok("a"));
    let running = Running::from_toml(&format!(
        "listener.web = {{ bind = \"{{bind}}\", to = \"api\" }}\n\
         [cluster.api]\nendpoints = [\"{}\"]\nhealth = false\npool = {{ max_age = \"100ms\" }}\n",
        origin.address()
    ));
    let mut client = running.connect();
    wait_until(LONG, || {
        assert_eq!(client.exchange(GET, LONG).unwrap().text(), "a");
        origin.connection_count() == 4
    })
    .unwrap();
    assert!(origin.request_count() > 4, "one connection for each request");
    wait_until(LONG, || origin.open_connection_count() == 0).unwrap();
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
}
