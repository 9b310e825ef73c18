//! Who gets which request: shares, backups, and what happens when endpoints die and come back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use evenkeel_testkit::{Client, Gate, Origin, Request, Script};

use crate::running::{GET, LONG, Running, named, refusing};

/// The text of each of `count` answers, one after the other on one connection.
fn answers(client: &mut Client, count: usize) -> Vec<String> {
    let answer = |_| {
        let response = client.exchange(GET, LONG).unwrap();
        assert_eq!(response.status, 200, "{}", response.text());
        response.text()
    };
    (0..count).map(answer).collect()
}

fn shares(answers: &[String]) -> BTreeMap<&str, usize> {
    let mut shares = BTreeMap::new();
    for answer in answers {
        *shares.entry(answer.as_str()).or_default() += 1;
    }
    shares
}

/// A config whose checks take well under a second to notice anything.
fn watchful(endpoints: &str) -> String {
    format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = [{endpoints}]\n\
         health = {{ interval = \"100ms\", timeout = \"100ms\", fall = 2, rise = 2 }}\n"
    )
}

#[test]
fn round_robin_is_exact_in_every_ten_requests() {
    let origins = [named("a"), named("b"), named("c")];
    let [a, b, c] = origins.each_ref().map(|origin| origin.address().to_string());
    let [a, b, c] = [format!("{a}*5"), format!("{b}*3"), format!("{c}*2")];
    let running = Running::serve(&[&a, &b, &c, "--balance", "round-robin"]);
    let answers = answers(&mut running.connect(), 100);
    for ten in answers.chunks(10) {
        assert_eq!(shares(ten), BTreeMap::from([("a", 5), ("b", 3), ("c", 2)]), "{ten:?}");
    }
    // Smooth: the heaviest is interleaved with the others, not served in a row.
    assert!(answers.windows(3).all(|three| three != ["a", "a", "a"]), "{answers:?}");
    assert_eq!(origins.each_ref().map(Origin::request_count), [50, 30, 20]);
}

#[test]
fn round_robin_is_exact_over_several_connections_of_a_worker() {
    let (a, b) = (named("a"), named("b"));
    let words = [&a.address().to_string(), &b.address().to_string(), "--balance", "round-robin"];
    let running = Running::serve(&words);
    let mut clients: Vec<Client> = (0..5).map(|_| running.connect()).collect();
    for _ in 0..4 {
        for client in &mut clients {
            assert_eq!(client.exchange(GET, LONG).unwrap().status, 200);
        }
    }
    assert_eq!((a.request_count(), b.request_count()), (10, 10));
}

#[test]
fn random_keeps_to_the_weights_in_the_long_run() {
    let (a, b) = (named("a"), named("b"));
    let heavy = format!("{}*3", a.address());
    let words = [heavy.as_str(), &b.address().to_string(), "--balance", "random"];
    let running = Running::serve(&words);
    answers(&mut running.connect(), 1000);
    // 750 are expected; 100 away from it is more than seven standard deviations.
    assert!((650..850).contains(&a.request_count()), "{}", a.request_count());
    assert_eq!(a.request_count() + b.request_count(), 1000);
}

#[test]
fn least_request_avoids_the_endpoint_that_is_busy() {
    let gate = Gate::new();
    let held = gate.clone();
    let slow = |request: &Request| request.target == "/slow";
    let play = move |request: &Request| match slow(request) {
        true => Script::new().wait_for(&held).followed_by(Script::ok("slow")),
        false => Script::ok("quick"),
    };
    let origins = [Origin::start(play.clone()).unwrap(), Origin::start(play).unwrap()];
    let words = origins.each_ref().map(|origin| origin.address().to_string());
    let running = Running::serve(&words.each_ref().map(String::as_str));
    let mut waiting = running.connect();
    waiting.send(b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    evenkeel_testkit::wait_until(LONG, || {
        origins.iter().map(Origin::request_count).sum::<usize>() == 1
    })
    .unwrap();
    let busy = origins.iter().position(|origin| origin.request_count() == 1).unwrap();
    answers(&mut running.connect(), 20);
    assert_eq!(origins[busy].request_count(), 1);
    assert_eq!(origins[1 - busy].request_count(), 20);
    assert_eq!(running.endpoint(busy)["in_flight"], 1);
    gate.open();
    assert_eq!(waiting.read_response(LONG).unwrap().text(), "slow");
}

#[test]
fn an_endpoint_that_is_added_warms_up_beside_those_that_were_there() {
    let origins = [named("a"), named("b"), named("c")];
    let addresses = origins.each_ref().map(|origin| format!("\"{}\"", origin.address()));
    let toml = |count: usize| {
        format!(
            "[listener.web]\nbind = \"{{bind}}\"\nto = \"api\"\n[cluster.api]\nendpoints = [{}]\n\
             balance = \"round-robin\"\nslow_start = \"1m\"\n",
            addresses[..count].join(", ")
        )
    };
    let running = Running::from_toml(&toml(2));
    let mut client = running.connect();
    answers(&mut client, 10);
    running.rewrite(&toml(3));
    running.reload();
    answers(&mut client, 210);
    // It begins with a tenth of its weight.
    let counts = origins.each_ref().map(Origin::request_count);
    assert_eq!(counts.iter().sum::<usize>(), 220);
    assert!((8..=25).contains(&counts[2]), "{counts:?}");
}

#[test]
fn an_endpoint_that_weighs_nothing_gets_nothing() {
    let (a, b) = (named("a"), named("b"));
    let weightless = format!("{}*0", a.address());
    for balance in ["round-robin", "random", "least-request"] {
        let words = [weightless.as_str(), &b.address().to_string(), "--balance", balance];
        let running = Running::serve(&words);
        answers(&mut running.connect(), 20);
        assert_eq!(a.request_count(), 0, "{balance}");
    }
}

#[test]
fn a_backup_works_only_while_nobody_else_can() {
    let (mut first, spare) = (named("first"), named("spare"));
    let toml = watchful(&format!(
        "\"{}\", {{ address = \"{}\", backup = true }}",
        first.address(),
        spare.address()
    ));
    let running = Running::from_toml(&toml);
    running.wait_for_state(0, "up");
    assert_eq!(shares(&answers(&mut running.connect(), 10)), BTreeMap::from([("first", 10)]));
    first.stop().unwrap();
    assert_eq!(shares(&answers(&mut running.connect(), 10)), BTreeMap::from([("spare", 10)]));
    running.wait_for_state(0, "down");
    first.restart().unwrap();
    running.wait_for_state(0, "up");
    assert_eq!(shares(&answers(&mut running.connect(), 10)), BTreeMap::from([("first", 10)]));
}

#[test]
fn an_endpoint_that_dies_is_passed_over_before_any_check_notices() {
    let (mut dying, other) = (named("dying"), named("other"));
    let words =
        [&dying.address().to_string(), &other.address().to_string(), "--balance", "round-robin"];
    let running = Running::serve(&words);
    let mut client = running.connect();
    // Leaves connections to both in the pool.
    assert_eq!(answers(&mut client, 10).len(), 10);
    dying.stop().unwrap();
    assert_eq!(shares(&answers(&mut client, 50)), BTreeMap::from([("other", 50)]));
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
}

#[test]
fn a_post_too_is_passed_on_when_a_connection_is_refused() {
    let (mut dying, other) = (named("dying"), named("other"));
    let words =
        [&dying.address().to_string(), &other.address().to_string(), "--balance", "round-robin"];
    let running = Running::serve(&words);
    dying.stop().unwrap();
    let mut client = running.connect();
    for _ in 0..10 {
        let post = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody";
        let response = client.exchange(post, LONG).unwrap();
        assert_eq!((response.status, response.text().as_str()), (200, "other"));
    }
    assert!(other.requests().iter().all(|request| request.body == b"body"));
}

#[test]
fn when_all_are_down_they_are_tried_all_the_same_and_the_cluster_says_that_it_panics() {
    let running = Running::serve(&[&refusing(), &refusing()]);
    running.wait_for_state(0, "down");
    running.wait_for_state(1, "down");
    assert_eq!(running.get("/").status, 502);
    running.wait_for_metric("evenkeel_cluster_panicking", "cluster=\"web\"", 1);
    running.process.wait_for_line("cluster panics", LONG).unwrap();
}

#[test]
fn when_all_are_down_and_none_is_to_be_tried_the_answer_is_503_at_once_with_the_reason() {
    let toml = format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = \"api\"\n\
         [cluster.api]\nendpoints = [\"{}\", \"{}\"]\npanic_below = \"off\"\n",
        refusing(),
        refusing()
    );
    let running = Running::from_toml(&toml);
    running.wait_for_state(0, "down");
    running.wait_for_state(1, "down");
    let mut client = running.connect();
    let started = Instant::now();
    let response = client.exchange(GET, LONG).unwrap();
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(response.status, 503);
    assert!(response.text().contains("No endpoint is up"), "{}", response.text());
    assert_eq!(client.exchange(GET, LONG).unwrap().status, 503, "the connection lives on");
    running.wait_for_metric("evenkeel_failures_total", "reason=\"no_endpoint_up\"", 2);
}

#[test]
fn a_route_with_labels_goes_to_those_that_have_them() {
    let (old, new) = (named("old"), named("new"));
    let toml = format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = \"api\"\n\
         [[route]]\npath = \"/v2/*\"\nto = \"api\"\nlabels = {{ version = \"2\" }}\n\
         [cluster.api]\nbalance = \"round-robin\"\nendpoints = [\n\
         {{ address = \"{}\", labels = {{ version = \"1\" }} }},\n\
         {{ address = \"{}\", labels = {{ version = \"2\" }} }},\n]\n",
        old.address(),
        new.address()
    );
    let running = Running::from_toml(&toml);
    for _ in 0..4 {
        assert_eq!(running.get("/v2/users").text(), "new");
    }
    let any: BTreeSet<String> = (0..4).map(|_| running.get("/").text()).collect();
    assert_eq!(any.len(), 2, "{any:?}");
}

#[test]
fn an_endpoint_that_is_killed_and_revived_is_noticed_both_times() {
    let (mut dying, other) = (named("dying"), named("other"));
    let toml = watchful(&format!("\"{}\", \"{}\"", dying.address(), other.address()));
    let running = Running::from_toml(&(toml + "balance = \"round-robin\"\n"));
    running.wait_for_state(0, "up");
    dying.stop().unwrap();
    running.wait_for_state(0, "down");
    let reason = running.endpoint(0)["reason"].clone();
    assert_eq!(reason, "connection refused (2 of 2)");
    running.process.wait_for_line("endpoint is down", LONG).unwrap();
    let before = dying.request_count();
    assert_eq!(shares(&answers(&mut running.connect(), 10)), BTreeMap::from([("other", 10)]));
    dying.restart().unwrap();
    running.wait_for_state(0, "up");
    let shown = running.endpoint(0)["reason"].clone();
    assert_eq!(shown, "passed (2 of 2)");
    answers(&mut running.connect(), 10);
    assert_eq!(dying.request_count(), before + 5);
}

#[test]
fn a_health_path_that_fails_takes_an_endpoint_down_with_its_status() {
    let sick = Origin::start(|request: &Request| match request.target.as_str() {
        "/health" => Script::status(503, "no"),
        _ => Script::ok("sick"),
    })
    .unwrap();
    let well = named("well");
    let words = [&sick.address().to_string(), &well.address().to_string(), "--health", "/health"];
    let running = Running::serve(&words);
    assert_eq!(running.endpoint(0)["state"], "down");
    assert_eq!(running.endpoint(0)["last_check"]["detail"], "status 503, expected 200-399");
    assert_eq!(shares(&answers(&mut running.connect(), 10)), BTreeMap::from([("well", 10)]));
}
