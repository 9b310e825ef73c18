//! The admin API shows what is in flight: connections, and the exchanges on them.

use std::process::Command;

use evenkeel_testkit::process::Signal;
use evenkeel_testkit::{Client, Gate, Origin, Request, Script, get, wait_until};
use serde_json::Value;

use crate::running::{BINARY, GET, LONG, Running, end, free_address, named};

/// An origin that answers when the gate opens.
fn gated(gate: &Gate) -> Origin {
    let gate = gate.clone();
    Origin::start(move |_: &Request| Script::new().wait_for(&gate).followed_by(Script::ok("late")))
        .unwrap()
}

fn ask(running: &Running, path: &str) -> Value {
    let response = get(running.admin, path).unwrap();
    assert_eq!(response.status, 200, "{}", response.text());
    serde_json::from_slice(&response.body).unwrap()
}

fn exchanges(running: &Running) -> Value {
    ask(running, "/api/v1/exchanges")
}

/// The answer once it says that there are `total`.
fn wait_for_total(running: &Running, path: &str, total: usize) -> Value {
    let reached = wait_until(LONG, || ask(running, path)["total"] == total);
    reached.unwrap_or_else(|error| panic!("{error}: {}", ask(running, path)));
    ask(running, path)
}

#[test]
fn an_exchange_that_waits_for_its_endpoint_is_listed_until_it_is_over() {
    let gate = Gate::new();
    let origin = gated(&gate);
    let running = Running::serve(&[&origin.address().to_string()]);
    let mut client = running.connect();
    client
        .send(
            b"GET /a/b?token=secret HTTP/1.1\r\nHost: www.example.com\r\nCookie: s=secret\r\n\
              Authorization: Bearer secret\r\n\r\n",
        )
        .unwrap();
    origin.wait_for_requests(1, LONG).unwrap();
    let text = get(running.admin, "/api/v1/exchanges").unwrap().text();
    assert!(!text.contains("secret"), "{text}");
    let seen: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&seen["total"], &seen["shown"]), (&1.into(), &1.into()));
    assert_eq!(seen["silent_workers"], Value::Array(Vec::new()));
    let connection = &seen["connections"][0];
    assert_eq!((&connection["worker"], &connection["requests"]), (&0.into(), &1.into()));
    assert_eq!(connection["listener"], "web");
    assert_eq!(connection["client"], client.stream().local_addr().unwrap().to_string());
    let exchange = &connection["exchange"];
    for (key, value) in [
        ("method", "GET"),
        ("target", "/a/b"),
        ("host", "www.example.com"),
        ("cluster", "web"),
        ("endpoint", &origin.address().to_string()),
        ("phase", "asking"),
    ] {
        assert_eq!(exchange[key], value, "{key}");
    }
    assert_eq!(exchange["attempts"], 1);
    let request_id = exchange["request_id"].as_str().unwrap();
    assert_eq!(origin.requests()[0].header("x-request-id"), Some(request_id));
    let before = exchange["running_seconds"].as_f64().unwrap();
    wait_until(LONG, || {
        let later = &exchanges(&running)["connections"][0]["exchange"]["running_seconds"];
        later.as_f64().unwrap() > before
    })
    .unwrap();
    gate.open();
    assert_eq!(client.read_response(LONG).unwrap().text(), "late");
    wait_for_total(&running, "/api/v1/exchanges", 0);
}

#[test]
fn an_idle_connection_is_listed_without_an_exchange_and_is_gone_when_it_is_closed() {
    let origin = named("a");
    let running = Running::serve(&[&origin.address().to_string()]);
    let mut client = running.connect();
    for _ in 0..3 {
        assert_eq!(client.exchange(GET, LONG).unwrap().status, 200);
    }
    wait_for_total(&running, "/api/v1/exchanges", 0);
    let seen = ask(&running, "/api/v1/connections");
    assert_eq!((&seen["total"], &seen["shown"]), (&1.into(), &1.into()));
    let connection = &seen["connections"][0];
    assert_eq!((&connection["exchange"], &connection["requests"]), (&Value::Null, &3.into()));
    assert!(connection["open_seconds"].as_f64().unwrap() < LONG.as_secs_f64());
    drop(client);
    wait_for_total(&running, "/api/v1/connections", 0);
}

#[test]
fn the_longest_running_exchange_comes_first_and_a_limit_lists_no_more_but_counts_all() {
    let gate = Gate::new();
    let origin = gated(&gate);
    let running = Running::serve(&[&origin.address().to_string()]);
    // The connection that was opened last has the exchange that began first.
    let mut clients: Vec<Client> = (0..5).map(|_| running.connect()).collect();
    for (position, client) in clients.iter_mut().enumerate().rev() {
        let request = format!("GET /{position} HTTP/1.1\r\nHost: test\r\n\r\n");
        client.send(request.as_bytes()).unwrap();
        origin.wait_for_requests(5 - position, LONG).unwrap();
    }
    let seen = ask(&running, "/api/v1/exchanges?limit=3");
    assert_eq!((&seen["total"], &seen["shown"]), (&5.into(), &3.into()));
    let connections = seen["connections"].as_array().unwrap();
    let targets: Vec<_> = connections.iter().map(|seen| &seen["exchange"]["target"]).collect();
    assert_eq!(targets, ["/4", "/3", "/2"]);
    let of = |listener: &str| ask(&running, &format!("/api/v1/connections?listener={listener}"));
    assert_eq!(of("web")["total"], 5);
    let unknown = get(running.admin, "/api/v1/connections?listener=wbe").unwrap();
    assert_eq!(unknown.status, 404);
    assert!(unknown.text().contains("did you mean web?"), "{}", unknown.text());
    let refused = get(running.admin, "/api/v1/connections?limit=10001").unwrap();
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("from 0 to 10000"), "{}", refused.text());
    gate.open();
}

#[test]
fn a_websocket_is_listed_as_an_exchange_that_is_a_tunnel() {
    let switched = "HTTP/1.1 101 \r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let origin = Origin::start(move |_: &Request| Script::new().send(switched)).unwrap();
    let running = Running::serve(&[&origin.address().to_string()]);
    let mut client = running.connect();
    let handshake = "GET /chat HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    assert_eq!(client.exchange(handshake.as_bytes(), LONG).unwrap().status, 101);
    let seen = exchanges(&running);
    let exchange = &seen["connections"][0]["exchange"];
    assert_eq!((&exchange["phase"], &exchange["target"]), (&"tunnel".into(), &"/chat".into()));
}

#[test]
fn what_is_still_running_can_be_seen_while_it_is_waited_for() {
    let gate = Gate::new();
    let origin = gated(&gate);
    let running = Running::serve(&[&origin.address().to_string()]);
    let mut client = running.connect();
    client.send(GET).unwrap();
    origin.wait_for_requests(1, LONG).unwrap();
    running.process.signal(Signal::TERM).unwrap();
    running.process.wait_for_line("draining: ", LONG).unwrap();
    wait_until(LONG, || Client::connect(running.address).is_err()).unwrap();
    let seen = exchanges(&running);
    assert_eq!((&seen["total"], &seen["silent_workers"]), (&1.into(), &Value::Array(Vec::new())));
    assert_eq!(seen["connections"][0]["exchange"]["phase"], "asking");
    gate.open();
    assert_eq!(client.read_response(LONG).unwrap().status, 200);
    assert_eq!(end(running.process).code, Some(0));
}

#[test]
fn the_connections_of_all_workers_are_seen_also_of_those_that_have_ended() {
    let gate = Gate::new();
    let origin = gated(&gate);
    let address = free_address();
    let (listen, to) = (address.to_string(), origin.address().to_string());
    let line = ["serve", &listen, &to, "--admin", "127.0.0.1:0", "--workers", "3"];
    let running = Running::start(Command::new(BINARY).args(line), address);
    let mut idle: Vec<Client> = (0..30).map(|_| running.connect()).collect();
    let seen = wait_for_total(&running, "/api/v1/connections", 30);
    let workers = seen["connections"].as_array().unwrap().iter().map(|seen| &seen["worker"]);
    assert!(workers.collect::<Vec<_>>().iter().any(|worker| **worker != 0), "{seen}");
    let mut busy = idle.swap_remove(0);
    busy.send(GET).unwrap();
    origin.wait_for_requests(1, LONG).unwrap();
    running.process.signal(Signal::TERM).unwrap();
    // Two of the workers have nothing left to do.
    let seen = wait_for_total(&running, "/api/v1/connections", 1);
    assert_eq!(seen["connections"][0]["exchange"]["method"], "GET");
    wait_until(LONG, || exchanges(&running)["silent_workers"] == Value::Array(Vec::new())).unwrap();
    gate.open();
    assert_eq!(busy.read_response(LONG).unwrap().status, 200);
    assert_eq!(end(running.process).code, Some(0));
}

#[test]
fn nobody_is_disturbed_by_being_looked_at() {
    let body: Vec<u8> = (0..4_000_000_u32).map(|number| number as u8).collect();
    let sent = body.clone();
    let origin = Origin::start(move |_: &Request| Script::ok(&sent)).unwrap();
    let running = Running::serve(&[&origin.address().to_string()]);
    let mut idle = running.connect();
    assert_eq!(idle.exchange(GET, LONG).unwrap().body.len(), body.len());
    std::thread::scope(|scope| {
        let address = running.address;
        let downloading = scope.spawn(move || {
            let mut client = Client::connect(address).unwrap();
            (0..20).all(|_| client.exchange(GET, LONG).unwrap().body == body)
        });
        while !downloading.is_finished() {
            assert!(exchanges(&running)["total"].as_u64().unwrap() <= 1);
        }
        assert!(downloading.join().unwrap());
    });
    assert_eq!(idle.exchange(GET, LONG).unwrap().status, 200);
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
}
