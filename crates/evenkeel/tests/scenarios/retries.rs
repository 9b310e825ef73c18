//! What is tried again, and how often.

use evenkeel_testkit::{Origin, Request, Script};

use crate::hostile_arena::post;
use crate::running::{GET, LONG, Running, named};

/// A cluster that takes its endpoints in turn, with these keys.
fn cluster(endpoints: &[&Origin], keys: &str) -> Running {
    let endpoints: Vec<String> =
        endpoints.iter().map(|origin| format!("\"{}\"", origin.address())).collect();
    Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = \"api\"\n[cluster.api]\nendpoints = [{}]\n\
         balance = \"round-robin\"\nhealth = false\n{keys}\n",
        endpoints.join(", ")
    ))
}

fn always(script: Script) -> Origin {
    Origin::start(move |_: &Request| script.clone()).unwrap()
}

fn status(status: &str) -> Script {
    Script::new().send(format!("HTTP/1.1 {status}\r\nContent-Length: 4\r\n\r\nsick"))
}

/// A request that may be done twice, with a body of so many bytes.
fn put(bytes: usize) -> Vec<u8> {
    let head = format!("PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: {bytes}\r\n\r\n");
    [head.into_bytes(), body(bytes).into_bytes()].concat()
}

fn body(bytes: usize) -> String {
    "0123456789abcdef".chars().cycle().take(bytes).collect()
}

#[test]
fn what_one_endpoint_fails_another_does_and_the_client_sees_nothing_of_it() {
    for script in [
        status("502 Bad Gateway"),
        status("503 Service Unavailable"),
        status("504 Gateway Timeout"),
        Script::new().close(),
        Script::new().reset(),
        Script::new().send("HTTP/1.1 2").close(),
    ] {
        let (sick, well) = (always(script), named("well"));
        let running = cluster(&[&sick, &well], "");
        let mut client = running.connect();
        for _ in 0..6 {
            let response = client.exchange(GET, LONG).unwrap();
            assert_eq!((response.status, response.text().as_str()), (200, "well"));
        }
        // Whoever steps in has had its turn.
        assert_eq!((sick.request_count(), well.request_count()), (6, 6));
        let name = well.address().to_string();
        running.wait_for_metric("evenkeel_upstream_retries_total", &name, 6);
    }
}

#[test]
fn an_answer_that_is_the_last_one_reaches_the_client_as_it_is() {
    let sick = always(status("503 Service Unavailable"));
    let running = cluster(&[&sick], "");
    let response = running.connect().exchange(GET, LONG).unwrap();
    assert_eq!((response.status, response.text().as_str()), (503, "sick"));
    assert_eq!(sick.request_count(), 3, "where there is no other, the same is asked again");
    let other = always(status("500 Internal Server Error"));
    let running = cluster(&[&other], "");
    assert_eq!(running.connect().exchange(GET, LONG).unwrap().status, 500);
    assert_eq!(other.request_count(), 1, "its own errors are the application's");
}

#[test]
fn what_may_not_be_done_twice_is_answered_with_its_failure() {
    let (sick, well) = (always(status("503 Service Unavailable")), named("well"));
    let running = cluster(&[&sick, &well], "");
    let mut client = running.connect();
    let ask = post("Content-Length: 4\r\n", "body");
    let mut seen: Vec<u16> = (0..4).map(|_| client.exchange(&ask, LONG).unwrap().status).collect();
    seen.sort_unstable();
    assert_eq!(seen, [200, 200, 503, 503]);
    assert_eq!((sick.request_count(), well.request_count()), (2, 2));
}

#[test]
fn a_body_is_sent_again_from_its_beginning_as_far_as_it_was_kept() {
    let well = Origin::start(|request: &Request| Script::ok(&request.body)).unwrap();
    let sick = always(Script::new().reset());
    let running = cluster(&[&sick, &well], "");
    for bytes in [1, 1000, 64 * 1024] {
        for _ in 0..2 {
            let response = running.connect().exchange(&put(bytes), LONG).unwrap();
            assert_eq!((response.status, response.text() == body(bytes)), (200, true), "{bytes}");
        }
    }
    let mut seen: Vec<u16> = (0..2)
        .map(|_| running.connect().exchange(&put(64 * 1024 + 1), LONG).unwrap().status)
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, [200, 502]);
    let chunked = "PUT / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n\
                   3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n";
    for _ in 0..2 {
        let response = running.connect().exchange(chunked.as_bytes(), LONG).unwrap();
        assert_eq!((response.status, response.text().as_str()), (200, "abcdefg"));
    }
}

#[test]
fn no_more_is_tried_again_than_the_budget_gives() {
    let sick = [(); 2].map(|()| always(status("503 Service Unavailable")));
    let running = cluster(
        &[&sick[0], &sick[1]],
        "retry = { budget = \"20%\", budget_min = \"0/s\", backoff = \"1ms\" }",
    );
    let mut client = running.connect();
    for _ in 0..100 {
        assert_eq!(client.exchange(GET, LONG).unwrap().status, 503);
    }
    let count: usize = sick.iter().map(Origin::request_count).sum();
    assert!((101..=120).contains(&count), "{count}");
}

#[test]
fn nothing_is_tried_again_where_that_is_switched_off() {
    let (sick, well) = (always(Script::new().reset()), named("well"));
    let running = cluster(&[&sick, &well], "retry = \"off\"");
    let mut seen: Vec<u16> =
        (0..4).map(|_| running.connect().exchange(GET, LONG).unwrap().status).collect();
    seen.sort_unstable();
    assert_eq!(seen, [200, 200, 502, 502]);
}

#[test]
fn a_session_is_not_taken_from_its_endpoint_by_an_error() {
    let moody = || {
        Origin::start(|request: &Request| match request.target.as_str() {
            "/sick" => status("503 Service Unavailable"),
            _ => Script::ok("well"),
        })
        .unwrap()
    };
    let origins = [moody(), moody()];
    let sticky = "sticky = { cookie = \"ek\", keys = [\"0123456789abcdef\"] }";
    let running = cluster(&[&origins[0], &origins[1]], sticky);
    let mut client = running.connect();
    let field = client.exchange(GET, LONG).unwrap().header("set-cookie").unwrap().to_owned();
    let cookie = field.split(';').next().unwrap();
    let request = format!("GET /sick HTTP/1.1\r\nHost: test\r\nCookie: {cookie}\r\n\r\n");
    let response = client.exchange(request.as_bytes(), LONG).unwrap();
    assert_eq!((response.status, response.header("set-cookie")), (503, None));
    let mut counts = origins.each_ref().map(Origin::request_count);
    counts.sort_unstable();
    assert_eq!(counts, [0, 2]);
}
