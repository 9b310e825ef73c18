//! Endpoints that do worse than they should: ejected, suspected, broken off, hedged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use evenkeel_testkit::{Client, Gate, Origin, Request, Script};
use serde_json::Value;

use crate::running::{GET, LONG, Running, named};

/// A cluster that takes its endpoints in turn, unchecked, with these keys.
fn cluster(endpoints: &[&Origin], keys: &str) -> Running {
    let endpoints: Vec<String> =
        endpoints.iter().map(|origin| format!("\"{}\"", origin.address())).collect();
    Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = \"api\"\n[cluster.api]\nendpoints = [{}]\n\
         balance = \"round-robin\"\nhealth = false\n{keys}\n",
        endpoints.join(", ")
    ))
}

/// Answers 500 to every second request.
fn half_sick() -> Origin {
    let count = AtomicUsize::new(0);
    let script = move |_: &Request| {
        let is_even = count.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        if is_even {
            Script::new()
                .send("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\nsick")
        } else {
            Script::ok("well")
        }
    };
    Origin::start(script).unwrap()
}

/// What the status says about an endpoint.
fn endpoint(running: &Running, origin: &Origin) -> Value {
    let status = running.status();
    let endpoints = status["clusters"][0]["endpoints"].as_array().unwrap().clone();
    let name = origin.address().to_string();
    endpoints.into_iter().find(|it| it["name"] == *name).unwrap()
}

/// Sends requests until `done` holds; returns how many it took.
fn send_until(running: &Running, mut done: impl FnMut() -> bool) -> usize {
    let (begun, mut client) = (Instant::now(), running.connect());
    for count in 1.. {
        client.exchange(GET, LONG).unwrap();
        if count % 5 == 0 && done() {
            return count;
        }
        assert!(begun.elapsed() < LONG, "it never came to that");
    }
    unreachable!()
}

#[test]
fn one_that_answers_500_every_second_time_is_ejected_and_says_why() {
    let (sick, well) = (half_sick(), [named("a"), named("b")]);
    let running = cluster(&[&sick, &well[0], &well[1]], "breaker = \"off\"");
    send_until(&running, || endpoint(&running, &sick)["state"] == "ejected");
    let reason = endpoint(&running, &sick)["reason"].as_str().unwrap().to_owned();
    assert!(
        reason.starts_with("ejected for 10 s: ") && reason.contains(" attempts failed"),
        "{reason}"
    );
    let before = sick.request_count();
    let mut client = running.connect();
    for _ in 0..50 {
        assert_eq!(client.exchange(GET, LONG).unwrap().status, 200);
    }
    assert_eq!(sick.request_count(), before, "it gets nothing");
    let name = sick.address().to_string();
    running.wait_for_metric("evenkeel_upstream_ejected", &name, 1);
    assert!(running.metric("evenkeel_upstream_faults_total", &name) >= 6);
}

#[test]
fn where_all_fail_alike_nobody_is_ejected_and_all_go_on_getting_work() {
    let sick = [half_sick(), half_sick()];
    let running = cluster(&[&sick[0], &sick[1]], "breaker = \"off\"");
    // Four looks, each with more than enough failures.
    let second = |running: &Running| running.status()["uptime_seconds"].as_f64().unwrap();
    let begun = second(&running);
    let sent = send_until(&running, || second(&running) > begun + 1.2);
    assert!(sent > 50, "{sent}");
    assert_eq!(running.metric("evenkeel_upstream_transitions_total", "ejected"), 0);
    let counts = sick.each_ref().map(Origin::request_count);
    assert!(counts[0].abs_diff(counts[1]) <= 1, "{counts:?}");
}

#[test]
fn whom_outlier_detection_may_not_eject_its_breaker_stops_until_trials_pass() {
    let well_again = Arc::new(AtomicBool::new(false));
    let is_well = Arc::clone(&well_again);
    let sick = Origin::start(move |_: &Request| {
        if is_well.load(Ordering::Relaxed) {
            Script::ok("well")
        } else {
            Script::new()
                .send("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\nsick")
        }
    })
    .unwrap();
    let well = named("a");
    let keys =
        "outlier = \"off\"\nbreaker = { min_requests = 10, cool_down = \"500ms\", trials = 2 }";
    let running = cluster(&[&sick, &well], keys);
    send_until(&running, || endpoint(&running, &sick)["state"] == "tripped");
    let reason = endpoint(&running, &sick)["reason"].as_str().unwrap().to_owned();
    assert!(reason.starts_with("breaker "), "{reason}");
    well_again.store(true, Ordering::Relaxed);
    send_until(&running, || endpoint(&running, &sick)["state"] == "unchecked");
    let name = sick.address().to_string();
    assert_eq!(running.metric("evenkeel_upstream_breaker", &name), 0);
}

#[test]
fn where_all_breakers_are_open_requests_are_answered_all_the_same_and_the_status_says_why() {
    let sick = [half_sick(), half_sick()];
    let keys = "outlier = \"off\"\nbreaker = { failure_rate = \"40%\", min_requests = 10, cool_down = \"1h\" }";
    let running = cluster(&[&sick[0], &sick[1]], keys);
    let why = || running.status()["clusters"][0]["last_resort"].clone();
    send_until(&running, || why() == "all breakers are open: any may get work");
    assert_eq!(running.status()["clusters"][0]["working"], 2);
    let sum = || sick.iter().map(Origin::request_count).sum::<usize>();
    let before = sum();
    let mut client = running.connect();
    (0..20).for_each(|_| drop(client.exchange(GET, LONG).unwrap()));
    assert_eq!(sum() - before, 20);
}

#[test]
fn those_who_wait_for_an_endpoint_that_fell_silent_are_answered_by_another() {
    let silent = Arc::new(AtomicBool::new(false));
    let (is_silent, never) = (Arc::clone(&silent), Gate::new());
    let frozen = Origin::start(move |_: &Request| {
        if is_silent.load(Ordering::Relaxed) {
            Script::new().wait_for(&never)
        } else {
            Script::ok("frozen")
        }
    })
    .unwrap();
    let well = named("well");
    let running = cluster(&[&frozen, &well], "");
    let mut client = running.connect();
    (0..40).for_each(|_| assert_eq!(client.exchange(GET, LONG).unwrap().status, 200));
    silent.store(true, Ordering::Relaxed);
    let clients: Vec<_> = (0..12).map(|_| running.connect()).collect();
    let answers: Vec<String> = thread::scope(|scope| {
        let ask =
            |mut client: Client| scope.spawn(move || client.exchange(GET, LONG).unwrap().text());
        let mut asked: Vec<_> = clients.into_iter().map(ask).collect();
        // Others have to answer in the meantime: where nobody does, it may be us.
        let others = scope.spawn(|| {
            let mut client = running.connect();
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(3) {
                client.exchange(GET, LONG).unwrap();
            }
        });
        let answers = asked.drain(..).map(|it| it.join().unwrap()).collect();
        others.join().unwrap();
        answers
    });
    assert_eq!(answers, vec!["well"; 12]);
    let name = frozen.address().to_string();
    let label = format!("endpoint=\"{name}\",to=\"suspect\"");
    assert!(running.metric("evenkeel_upstream_transitions_total", &label) >= 1);
}

#[test]
fn a_second_attempt_is_sent_while_the_first_one_waits_and_its_answer_counts() {
    let gate = Gate::new();
    let slow = Origin::start(move |_: &Request| {
        Script::new().wait_for(&gate).send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")
    })
    .unwrap();
    let fast = named("fast");
    let keys = "outlier = \"off\"\nhedge = { after = \"20ms\", budget = \"100%\" }";
    let running = cluster(&[&slow, &fast], keys);
    let mut client = running.connect();
    for _ in 0..10 {
        let response = client.exchange(GET, LONG).unwrap();
        assert_eq!((response.status, response.text().as_str()), (200, "fast"));
    }
    let name = fast.address().to_string();
    let won = format!("endpoint=\"{name}\",result=\"won\"");
    // The next turn is the slow one's again whenever the fast one has stepped in.
    assert!(running.metric("evenkeel_upstream_hedges_total", &won) >= 5);
}
