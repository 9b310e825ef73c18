use std::sync::atomic::{AtomicU32, Ordering};

use clap::Parser as _;
use evenkeel_control::admin::{EndpointStatus, Status};
use evenkeel_testkit::{Origin, Request, Script};

use super::*;
use crate::status::fixture;

#[derive(clap::Parser)]
struct Line {
    #[command(subcommand)]
    operation: Operation,
}

/// Does what the words say, at the API that listens at the origin.
fn order(api: &Origin, words: &[&str]) -> Result<(), Failure> {
    let admin = format!("--admin={}", api.address());
    let words = [&["evenkeel"], words, &[&admin]].concat();
    Line::try_parse_from(words).unwrap().operation.carry_out()
}

/// An API with two clusters, of which one has an endpoint with a port of its own. Changes are answered with `answer`.
fn api(answer: (u16, &'static str)) -> Origin {
    let status = fixture::status(vec![
        fixture::cluster("api", &["10.0.0.1:8080", "10.0.0.1:9001"]),
        fixture::cluster("web", &["10.0.0.1:8080"]),
    ]);
    Origin::start(move |request: &Request| match request.method.as_str() {
        "GET" => Script::ok(serde_json::to_string(&status).unwrap()),
        _ => Script::status(answer.0, answer.1),
    })
    .unwrap()
}

/// The last request: its method, its target and its body.
fn last(api: &Origin) -> String {
    let request = api.requests().pop().unwrap();
    let body = String::from_utf8(request.body.clone()).unwrap();
    format!("{} {} {body}", request.method, request.target).trim_end().to_owned()
}

fn sentence(done: Result<(), Failure>) -> String {
    match done {
        Err(Failure::Running(sentence)) => sentence,
        Err(Failure::Denied(refusal)) => refusal.to_string(),
        other => panic!("no refusal: {other:?}"),
    }
}

const CHANGED: (u16, &str) =
    (200, r#"{"result":"applied","changes":["~ it"],"warnings":[],"generation":2,"revision":"r"}"#);

#[test]
fn every_command_orders_its_change() {
    let api = api(CHANGED);
    let at = "/api/v1/clusters";
    let of = |cluster: &str, endpoint: &str| format!("{at}/{cluster}/endpoints/{endpoint}");
    let only = of("api", "10.0.0.1%3A9001");
    for (words, request) in [
        (&["drain", "9001"][..], format!("PUT {only}/state {{\"state\":\"drain\"}}")),
        (&["drain", "9001", "--undo"], format!("PUT {only}/state {{\"state\":\"auto\"}}")),
        (&["mark", "9001", "down"], format!("PUT {only}/state {{\"state\":\"down\"}}")),
        (&["weight", "9001", "3"], format!("PUT {only}/weight {{\"weight\":3}}")),
        (&["weight", "9001", "--undo"], format!("DELETE {only}/weight")),
        (&["remove", "9001"], format!("DELETE {only}")),
        (
            &["remove", "8080", "--cluster", "web"],
            format!("DELETE {}", of("web", "10.0.0.1%3A8080")),
        ),
        (
            &["add", "web", "9004", "--weight", "2"],
            format!("POST {at}/web/endpoints {{\"address\":\"9004\",\"weight\":2}}"),
        ),
        (
            &["add", "9004", "--cluster", "web"],
            format!("POST {at}/web/endpoints {{\"address\":\"9004\"}}"),
        ),
        (&["add", "web/9004"], format!("POST {at}/web/endpoints {{\"address\":\"9004\"}}")),
    ] {
        order(&api, words).unwrap();
        assert_eq!(last(&api), request, "{words:?}");
    }
}

#[test]
fn nothing_is_ordered_while_it_is_not_clear_of_whom() {
    let api = api(CHANGED);
    let refusal = sentence(order(&api, &["drain", "8080"]));
    assert!(refusal.contains("--cluster api"), "{refusal}");
    let refusal = sentence(order(&api, &["add", "9004"]));
    assert!(refusal.contains("evenkeel add api 9004"), "{refusal}");
    assert!(api.requests().iter().all(|request| request.method == "GET"));
}

#[test]
fn the_api_says_why_not() {
    let api = api((409, r#"{"error":"it is the last endpoint","help":"add another one first"}"#));
    let refusal = sentence(order(&api, &["remove", "9001"]));
    assert_eq!(refusal, "it is the last endpoint\n  add another one first");
}

#[test]
fn a_drain_waits_until_nothing_is_in_flight_and_not_for_ever() {
    let asked = AtomicU32::new(0);
    let api = Origin::start(move |request: &Request| {
        // The first asks who is meant; three more find something in flight.
        let in_flight = 4_u32.saturating_sub(asked.fetch_add(1, Ordering::Relaxed));
        match request.method.as_str() {
            "GET" => Script::ok(serde_json::to_string(&in_flight_of("a:1", in_flight)).unwrap()),
            _ => Script::status(CHANGED.0, CHANGED.1),
        }
    })
    .unwrap();
    order(&api, &["drain", "a:1", "--wait"]).unwrap();
    assert!(api.request_count() >= 4, "{}", api.request_count());

    let stuck = Origin::start(|request: &Request| match request.method.as_str() {
        "GET" => Script::ok(serde_json::to_string(&in_flight_of("a:1", 2)).unwrap()),
        _ => Script::status(CHANGED.0, CHANGED.1),
    });
    let stuck = stuck.unwrap();
    let refusal = sentence(order(&stuck, &["drain", "a:1", "--wait", "--timeout", "10ms"]));
    let expected = "after 10.0 ms there are still 2 in flight at a:1\n  it stays drained; ";
    assert!(refusal.starts_with(expected), "{refusal}");
    assert!(refusal.contains("evenkeel drain a:1 --undo"), "{refusal}");
}

fn in_flight_of(name: &str, in_flight: u32) -> Status {
    let mut cluster = fixture::cluster("api", &[]);
    cluster.endpoints = vec![EndpointStatus { in_flight, ..fixture::endpoint(name) }];
    fixture::status(vec![cluster])
}

#[test]
fn a_reload_asks_for_what_is_wanted_and_a_refused_one_is_a_wrong_config() {
    let applied = api(CHANGED);
    order(&applied, &["reload", "--clear"]).unwrap();
    assert_eq!(last(&applied), "POST /api/v1/reload {\"clear\":true,\"persist\":false}");
    let refused = api((422, r#"{"error":"error: unknown key\n --> a.toml:1:1\n","help":null}"#));
    let report = match order(&refused, &["reload"]) {
        Err(Failure::Refused(report)) => report.to_string(),
        other => panic!("not refused: {other:?}"),
    };
    assert_eq!(report, "error: unknown key\n --> a.toml:1:1");
}
