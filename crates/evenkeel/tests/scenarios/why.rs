//! A request that failed, was slow, or needed more than one attempt can be told afterwards by its identity; any other leaves nothing.

use evenkeel_testkit::{Gate, Origin, Request, Script, get, wait_until};
use serde_json::Value;

use crate::running::{Ended, GET, LONG, Running, expect_failure, named, refusing, run, scripted};

/// A cluster that takes its endpoints in turn, with these keys.
fn cluster(endpoints: &[&str], keys: &str) -> Running {
    Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = \"api\"\n[cluster.api]\nendpoints = {endpoints:?}\n\
         balance = \"round-robin\"\nhealth = false\n{keys}\n",
    ))
}

fn ask(running: &Running, path: &str) -> (u16, Value) {
    let response = get(running.admin, path).unwrap();
    (response.status, serde_json::from_slice(&response.body).unwrap())
}

fn list(running: &Running) -> Vec<Value> {
    let (status, list) = ask(running, "/api/v1/why");
    assert_eq!(status, 200, "{list}");
    list["stories"].as_array().unwrap().clone()
}

fn why(running: &Running, words: &[&str]) -> Ended {
    run(&[&["why"], words, &["--admin", &running.admin.to_string()]].concat())
}

/// Sends a request, and returns the status and the identity in its answer.
fn send(running: &Running, request: &[u8]) -> (u16, String) {
    let response = running.connect().exchange(request, LONG).unwrap();
    (response.status, response.header("x-request-id").unwrap().to_owned())
}

/// The story of a request; it is written when the answer is out, so maybe a moment later.
fn story(running: &Running, id: &str) -> Value {
    let path = format!("/api/v1/why/{id}");
    wait_until(LONG, || ask(running, &path).0 == 200).unwrap();
    ask(running, &path).1
}

#[test]
fn the_identity_in_the_answer_leads_to_every_endpoint_that_failed_and_how() {
    let (refusing, resets) = (refusing(), scripted(Script::new().reset()));
    let resets = resets.address().to_string();
    let running = cluster(&[&refusing, &resets], "");
    let (status, id) = send(&running, b"GET /a?token=secret HTTP/1.1\r\nHost: www\r\n\r\n");
    assert_eq!(status, 502);
    let story = story(&running, &id);
    let summary = &story["summary"];
    for (key, value) in [
        ("request_id", id.as_str()),
        ("kind", "failed"),
        ("method", "GET"),
        ("path", "/a"),
        ("host", "www"),
        ("cluster", "api"),
    ] {
        assert_eq!(summary[key], value, "{key}");
    }
    assert_eq!(summary["status"], 502);
    assert!(!story.to_string().contains("secret"), "{story}");
    let attempts = story["attempts"].as_array().unwrap();
    let of = |endpoint: &str, reason: &str| {
        let fits = |it: &&Value| it["endpoint"] == endpoint && it["reason"] == reason;
        attempts.iter().find(fits).unwrap_or_else(|| panic!("no {reason} of {endpoint}: {story}"))
    };
    assert!(of(&refusing, "connect_failed")["connected_seconds"].is_null());
    assert!(of(&resets, "upstream_closed")["connected_seconds"].is_number());
    let (last, before) = attempts.split_last().unwrap();
    assert!(before.iter().all(|attempt| attempt["then"] == "again"), "{story}");
    assert_eq!((&last["then"], last["why_no_other"].is_string()), (&"end".into(), true), "{story}");
    let candidates = story["candidates"].as_array().unwrap();
    assert_eq!(candidates.len(), 2, "{story}");
    let avoided = candidates.iter().find(|each| each["endpoint"] == *refusing).unwrap();
    assert!(avoided["barred"].as_str().unwrap().starts_with("avoided for "), "{story}");

    let told = why(&running, &[&id]);
    assert_eq!(told.code, Some(0), "{told:?}");
    for part in [&*id, &refusing, &resets, "502", "refused the connection", "closed the connection"]
    {
        assert!(told.stdout.contains(part), "no {part:?} in {}", told.stdout);
    }
    let json = why(&running, &[&id, "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&json.stdout).unwrap(), story);
    let listed = why(&running, &["--cluster", "api", "--status", "502"]);
    assert!(listed.stdout.contains(&id) && listed.stdout.contains("GET www/a"), "{listed:?}");
}

#[test]
fn who_found_no_room_is_told_by_which_limit_and_how_long_it_waited() {
    let gate = Gate::new();
    let held = gate.clone();
    let answer = move |_: &Request| Script::new().wait_for(&held).followed_by(Script::ok("held"));
    let origins = [(); 2].map(|()| Origin::start(answer.clone()).unwrap());
    let [one, two] = origins.each_ref().map(|origin| origin.address().to_string());
    let limits = "limits = { requests = 1, pending = 1, pending_wait = \"700ms\" }";
    let running = cluster(&[&one, &two], limits);
    let mut busy = [(); 2].map(|()| running.connect());
    busy.iter_mut().for_each(|client| client.send(GET).unwrap());
    origins.iter().for_each(|origin| origin.wait_for_requests(1, LONG).unwrap());
    let mut waits = running.connect();
    waits.send(GET).unwrap();
    let pending = || running.status()["clusters"][0]["pending"] == 1;
    wait_until(LONG, pending).unwrap();

    let (status, id) = send(&running, GET);
    assert_eq!(status, 503);
    let refused = story(&running, &id);
    let barred = |story: &Value| {
        let candidates = story["candidates"].as_array().unwrap().clone();
        candidates.into_iter().map(|each| each["barred"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(barred(&refused), ["full: 1 of 1 (`limits.requests`)"; 2], "{refused}");
    let wait = &refused["wait"];
    assert_eq!((&wait["waited_seconds"], &wait["pending"]), (&Value::Null, &1.into()), "{wait}");
    let told = why(&running, &[&id]).stdout;
    let words = "no endpoint had room (`limits.requests = 1`), and as many waited as may (`limits.pending = 1`).";
    assert!(told.contains(words), "{told}");
    assert!(!told.contains('✓'), "{told}");

    let answer = waits.read_response(LONG).unwrap();
    let timed_out = story(&running, answer.header("x-request-id").unwrap());
    assert_eq!(timed_out["summary"]["reason"], "pending_timeout");
    assert!(timed_out["wait"]["waited_seconds"].as_f64().unwrap() >= 0.7, "{timed_out}");
    let sentence = timed_out["summary"]["sentence"].as_str().unwrap();
    assert!(sentence.contains("may wait no longer (`limits.pending_wait = 700ms`)"), "{sentence}");
    gate.open();
    assert!(busy.iter_mut().all(|client| client.read_response(LONG).unwrap().status == 200));
}

#[test]
fn whom_a_rule_refused_is_told_whose_rule_it_was() {
    let well = named("well");
    let endpoint = well.address().to_string();
    let running = Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = \"api\"\nrate_limit = \"2/h\"\n\
         [[route]]\npath = \"/inside\"\nto = \"api\"\ndeny = [\"127.0.0.0/8\"]\n\
         [cluster.api]\nendpoints = [{endpoint:?}]\n"
    ));
    let (status, id) = send(&running, b"GET /inside HTTP/1.1\r\nHost: www\r\n\r\n");
    assert_eq!(status, 403);
    assert_eq!(story(&running, &id)["rule"]["of"], "route");
    let told = why(&running, &[&id]).stdout;
    for part in [
        "by the route /inside: its `allow` and `deny` do not let in 127.0.0.1.",
        "route     /inside\n",
    ] {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
    assert_eq!(send(&running, GET).0, 200);
    let (status, id) = send(&running, GET);
    assert_eq!(status, 429);
    assert_eq!(story(&running, &id)["rule"]["of"], "listener");
    let told = why(&running, &[&id]).stdout;
    for part in [
        "by the listener web, before a route was looked for: its `rate_limit` allows 2/h, and 2 at once.",
        "route     none was looked for: the listener refused it\n",
    ] {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
}

#[test]
fn a_request_that_goes_well_at_once_leaves_nothing_and_asking_for_it_says_so() {
    let well = named("well");
    let running = cluster(&[&well.address().to_string()], "");
    let (status, id) = send(&running, GET);
    assert_eq!(status, 200);
    // What comes after it is there, so it has had its time.
    let (status, malformed) = send(&running, b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(status, 400);
    assert_eq!(story(&running, &malformed)["summary"]["kind"], "client");
    assert_eq!(list(&running).len(), 1, "{:?}", list(&running));
    let unknown = why(&running, &[&id]);
    expect_failure(&unknown, 1, &["nothing is remembered about the request", "since the start"]);
    let (status, _) = ask(&running, &format!("/api/v1/why/{id}"));
    assert_eq!(status, 404);
}

#[test]
fn a_request_that_another_endpoint_has_saved_and_one_that_was_slow_are_told_as_well() {
    let (sick, gate) = (scripted(Script::new().reset()), Gate::new());
    let waits = gate.clone();
    let slow = Origin::start(move |request: &Request| match request.target.as_str() {
        "/slow" => Script::new().wait_for(&waits).followed_by(Script::ok("late")),
        _ => Script::ok("well"),
    })
    .unwrap();
    let (sick, slow_name) = (sick.address().to_string(), slow.address().to_string());
    let running = cluster(&[&sick, &slow_name], "");
    let (status, id) = send(&running, GET);
    assert_eq!(status, 200);
    let saved = story(&running, &id);
    assert_eq!(saved["summary"]["kind"], "rescued", "{saved}");
    assert_eq!(saved["attempts"][0]["endpoint"], sick);
    assert_eq!(saved["attempts"][0]["reason"], "upstream_closed");
    assert_eq!(
        (&saved["attempts"][1]["status"], &saved["attempts"][1]["then"]),
        (&200.into(), &"passed".into())
    );

    let running = cluster(&[&slow_name], "");
    let mut client = running.connect();
    client.send(b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let lasts = || {
        ask(&running, "/api/v1/exchanges").1["connections"][0]["exchange"]["running_seconds"]
            .as_f64()
    };
    wait_until(LONG, || lasts().is_some_and(|seconds| seconds > 1.0)).unwrap();
    gate.open();
    let response = client.read_response(LONG).unwrap();
    let slow = story(&running, response.header("x-request-id").unwrap());
    assert_eq!(slow["summary"]["kind"], "slow", "{slow}");
    let attempt = &slow["attempts"][0];
    assert_eq!((&attempt["endpoint"], &attempt["status"]), (&Value::from(slow_name), &200.into()));
    assert!(attempt["first_byte_seconds"].as_f64().unwrap() > 1.0, "{slow}");
    for (kind, count) in [("slow", 1), ("failed", 0)] {
        let listed = ask(&running, &format!("/api/v1/why?kind={kind}")).1;
        assert_eq!(listed["stories"].as_array().unwrap().len(), count, "{listed}");
        let told = why(&running, &["--kind", kind]);
        assert_eq!(told.stdout.contains("GET test/slow"), count == 1, "{}", told.stdout);
    }
    assert_eq!(ask(&running, "/api/v1/why?kind=bad").0, 400);
}

#[test]
fn ten_thousand_failures_leave_no_more_than_there_is_room_for() {
    let running = cluster(&[&refusing()], "");
    let mut client = running.connect();
    for _ in 0..100 {
        client.send(&GET.repeat(100)).unwrap();
        for _ in 0..100 {
            assert_eq!(client.read_response(LONG).unwrap().status, 502);
        }
    }
    let failed = || ask(&running, "/api/v1/why?limit=2000").1;
    wait_until(LONG, || {
        let reach = &failed()["reaches"][0];
        reach["kept"].as_u64().unwrap() + reach["forgotten"].as_u64().unwrap() == 10_000
    })
    .unwrap();
    let list = failed();
    assert_eq!(list["reaches"][0]["kept"], 256);
    assert_eq!(list["stories"].as_array().unwrap().len(), 256);
    let help = why(&running, &["nobody-has-this"]);
    expect_failure(&help, 1, &["what failed is known for the last "]);
}
