//! Who may come in, and how often: rate limits, networks, and the number of connections. The rates are so slow that nothing comes
//! back while a test runs: what is let through is a burst, exactly.

use std::fs;
use std::net::Ipv4Addr;

use evenkeel_testkit::process::Signal;
use evenkeel_testkit::{Client, Origin, Response, wait_until};

use crate::running::{GET, LONG, Running, named};

/// A balancer in front of `origin`, with these keys in its listener and these tables behind it.
fn behind(origin: &Origin, keys: &str, tables: &str) -> Running {
    Running::from_toml_with(2, &toml(origin, keys, tables))
}

fn toml(origin: &Origin, keys: &str, tables: &str) -> String {
    let address = origin.address();
    format!("[listener.web]\nbind = \"{{bind}}\"\nto = \"{address}\"\n{keys}\n{tables}")
}

fn ask(client: &mut Client, fields: &str) -> Response {
    let request = format!("GET / HTTP/1.1\r\nHost: test\r\n{fields}\r\n");
    client.exchange(request.as_bytes(), LONG).unwrap()
}

/// How many of `tries` requests are let through; every other is refused as it should be.
fn let_through(running: &Running, fields: &str, tries: usize) -> usize {
    let mut client = running.connect();
    let answers = (0..tries).map(|_| ask(&mut client, fields).status);
    let through = |status: &u16| match status {
        200 => true,
        429 => false,
        other => panic!("answered {other}"),
    };
    answers.filter(through).count()
}

#[test]
fn a_burst_is_let_through_and_the_rest_is_told_when_to_come_back() {
    let origin = named("a");
    let running = behind(&origin, "rate_limit = { rate = \"1/h\", burst = 5 }", "");
    let mut client = running.connect();
    for _ in 0..5 {
        let answer = ask(&mut client, "");
        assert_eq!((answer.status, answer.text().as_str()), (200, "a"));
        assert_eq!(answer.header("ratelimit"), None);
    }
    // The same connection goes on, and others are no way out.
    let refused = ask(&mut client, "Accept: application/json\r\n");
    assert_eq!(refused.status, 429);
    assert!(refused.text().contains("\"reason\":\"rate_limited\""), "{}", refused.text());
    let seconds: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((3000..=3600).contains(&seconds), "{seconds}");
    assert_eq!(refused.header("ratelimit-policy"), Some("\"listener\";q=5;w=18000"));
    let limit = format!("\"listener\";r=0;t={seconds}");
    assert_eq!(refused.header("ratelimit"), Some(limit.as_str()));
    assert_eq!(let_through(&running, "", 10), 0);
    assert_eq!(origin.request_count(), 5);
    running.wait_for_metric("evenkeel_failures_total", "reason=\"rate_limited\"", 11);
    running.wait_for_metric("evenkeel_rate_limited_total", "dry_run=\"false\"", 11);
    assert_eq!(running.status()["listeners"][0]["admission"]["limited"], 11);
}

#[test]
fn a_refused_body_does_not_reach_the_endpoint_and_ends_the_connection() {
    let origin = named("a");
    let running = behind(&origin, "rate_limit = \"1/h\"", "");
    assert_eq!(let_through(&running, "", 1), 1);
    let mut client = running.connect();
    let request = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nabcde";
    let answer = client.exchange(request, LONG).unwrap();
    assert_eq!((answer.status, answer.header("connection")), (429, Some("close")));
    assert_eq!(client.read_to_end(LONG).unwrap(), b"");
    assert_eq!(origin.request_count(), 1);
}

#[test]
fn clients_are_told_what_remains_where_that_is_wanted() {
    let origin = named("a");
    let limit = "rate_limit = { rate = \"1/h\", burst = 3, headers = true }";
    let running = behind(&origin, limit, "");
    let mut client = running.connect();
    for left in ["2", "1", "0"] {
        let answer = ask(&mut client, "");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("ratelimit-policy"), Some("\"listener\";q=3;w=10800"));
        let limit = answer.header("ratelimit").unwrap();
        assert!(limit.starts_with(&format!("\"listener\";r={left};t=3")), "{limit}");
        assert_eq!(answer.header("retry-after"), None);
    }
    assert_eq!(ask(&mut client, "").status, 429);
}

#[test]
fn a_dry_run_refuses_nobody_and_is_seen_everywhere() {
    let origin = named("a");
    let limit = "rate_limit = { rate = \"1/h\", burst = 2, dry_run = true }";
    let running = behind(&origin, limit, "[log]\naccess = true\n");
    assert_eq!(let_through(&running, "", 5), 5);
    running.wait_for_metric("evenkeel_rate_limited_total", "dry_run=\"true\"", 3);
    assert_eq!(running.metric("evenkeel_rate_limited_total", "dry_run=\"false\""), 0);
    assert_eq!(running.status()["listeners"][0]["admission"]["dry_run"], 3);
    let said = || running.process.stdout().matches("\"evenkeel.dry_run\":\"rate_limited\"").count();
    wait_until(LONG, || said() == 3).unwrap();
}

#[test]
fn requests_are_counted_by_what_the_key_says() {
    let origin = named("a");
    let limit = "rate_limit = { rate = \"1/h\", burst = 3, key = \"header:x-api-key\" }";
    let running = behind(&origin, limit, "");
    for (fields, expected) in [
        ("X-Api-Key: one\r\n", 3),
        ("x-api-key: one\r\n", 0),
        ("X-Api-Key: two\r\n", 3),
        // Who has no key is counted by the network, and does not get out of it by saying nothing.
        ("", 3),
        ("X-Api-Key:\r\n", 0),
    ] {
        assert_eq!(let_through(&running, fields, 5), expected, "{fields}");
    }
}

#[test]
fn clients_behind_a_trusted_proxy_are_told_apart_and_those_of_one_network_are_not() {
    let origin = named("a");
    let keys = "rate_limit = { rate = \"1/h\", burst = 2 }\ntrusted_proxies = \"127.0.0.0/8\"";
    let running = behind(&origin, keys, "");
    for (client, expected) in [
        ("192.0.2.1", 2),
        ("192.0.2.1", 0),
        ("192.0.2.2", 2),
        ("2001:db8::1", 2),
        ("2001:db8::ffff:1", 0),
        ("2001:db8:0:1::1", 2),
    ] {
        let fields = format!("X-Forwarded-For: {client}\r\n");
        assert_eq!(let_through(&running, &fields, 4), expected, "{client}");
    }
    let stranger = behind(&origin, "rate_limit = { rate = \"1/h\", burst = 2 }", "");
    assert_eq!(let_through(&stranger, "X-Forwarded-For: 192.0.2.1\r\n", 2), 2);
    assert_eq!(let_through(&stranger, "X-Forwarded-For: 192.0.2.9\r\n", 2), 0);
}

#[test]
fn a_route_has_limits_of_its_own_and_what_one_refuses_counts_in_none_of_its_list() {
    let origin = named("a");
    let route = format!(
        "[cluster.api]\nendpoints = \"{}\"\n[[route]]\npath = \"/login\"\nto = \"api\"\n\
         rate_limit = [{{ rate = \"1/h\", burst = 4 }}, {{ rate = \"1/h\", key = \"header:user\" }}]\n",
        origin.address()
    );
    let running = behind(&origin, "", &route);
    let mut client = running.connect();
    let mut login = |user: &str| {
        let request = format!("GET /login HTTP/1.1\r\nHost: test\r\nUser: {user}\r\n\r\n");
        client.exchange(request.as_bytes(), LONG).unwrap()
    };
    for (user, status, policy) in [
        ("a", 200, None),
        ("a", 429, Some("\"route-2\";q=1;w=3600")),
        ("a", 429, Some("\"route-2\";q=1;w=3600")),
        ("b", 200, None),
        ("c", 200, None),
        ("d", 200, None),
        ("e", 429, Some("\"route-1\";q=4;w=14400")),
    ] {
        let answer = login(user);
        assert_eq!((answer.status, answer.header("ratelimit-policy")), (status, policy), "{user}");
    }
    assert_eq!(let_through(&running, "", 9), 9, "other paths");
    running.wait_for_metric("evenkeel_rate_limited_total", "route=\"/login\"", 3);
    assert_eq!(running.status()["listeners"][0]["routes"][0]["admission"]["limited"], 3);
}

#[test]
fn what_was_counted_survives_a_reload_and_a_changed_limit_applies_at_once() {
    let origin = named("a");
    let limit = |burst: u32| format!("rate_limit = {{ rate = \"1/h\", burst = {burst} }}");
    let running = behind(&origin, &limit(5), "");
    assert_eq!(let_through(&running, "", 4), 4);
    let reload = |keys: &str| {
        let generation = running.status()["generation"].clone();
        running.rewrite(&toml(&origin, keys, ""));
        running.process.signal(Signal::HUP).unwrap();
        wait_until(LONG, || running.status()["generation"] != generation).unwrap();
    };
    reload(&format!("{}\nheader_names = \"keep\"", limit(5)));
    assert_eq!(let_through(&running, "", 4), 1);
    reload(&limit(7));
    assert_eq!(let_through(&running, "", 4), 2);
    reload("");
    assert_eq!(let_through(&running, "", 9), 9);
}

#[test]
fn a_route_answers_no_network_that_it_denies_or_does_not_allow() {
    let origin = named("a");
    let route = format!(
        "[cluster.api]\nendpoints = \"{}\"\n[[route]]\npath = \"/admin\"\nto = \"api\"\n\
         allow = [\"10.0.0.0/8\", \"fd00::/8\"]\ndeny = \"10.9.0.0/16\"\n",
        origin.address()
    );
    let running = behind(&origin, "trusted_proxies = \"127.0.0.1\"", &route);
    let mut client = running.connect();
    for (address, status) in [
        ("10.1.2.3", 200),
        ("10.9.2.3", 403),
        ("11.1.2.3", 403),
        ("fd00::1", 200),
        ("2001:db8::1", 403),
    ] {
        let fields = format!("Host: test\r\nX-Forwarded-For: {address}\r\n");
        let request = format!("GET /admin HTTP/1.1\r\n{fields}\r\n");
        assert_eq!(client.exchange(request.as_bytes(), LONG).unwrap().status, status, "{address}");
    }
    assert_eq!(ask(&mut client, "X-Forwarded-For: 11.1.2.3\r\n").status, 200);
    running.wait_for_metric("evenkeel_failures_total", "reason=\"denied\"", 3);
    assert_eq!(running.status()["listeners"][0]["routes"][0]["admission"]["denied"], 3);
}

/// A connection from another address of this machine than all others have.
fn from(running: &Running, last: u8) -> Client {
    Client::connect_from(Ipv4Addr::new(127, 0, 0, last), running.address).unwrap()
}

/// Whether a connection is served, or closed without an answer.
fn is_served(client: &mut Client) -> bool {
    // It may be closed before this arrives.
    if client.send(GET).is_err() {
        return false;
    }
    client.read_response(LONG).is_ok_and(|response| response.status == 200)
}

#[test]
fn a_listener_closes_connections_of_networks_that_it_does_not_serve() {
    let origin = named("a");
    let running = behind(&origin, "deny = \"127.0.0.9\"", "");
    assert!(is_served(&mut from(&running, 8)));
    let mut denied = from(&running, 9);
    // Without a reset: this says end, not error.
    assert_eq!(denied.read_to_end(LONG).unwrap(), b"");
    assert!(!is_served(&mut from(&running, 9)));
    running.wait_for_metric("evenkeel_listener_connections_refused_total", "denied", 2);
    assert_eq!(running.status()["listeners"][0]["refused"]["denied"], 2);
    running.process.wait_for_line("refuses connections", LONG).unwrap();

    let running = behind(&origin, "allow = \"127.0.0.8/31\"", "");
    let served = [7, 8, 9, 10].map(|last| is_served(&mut from(&running, last)));
    assert_eq!(served, [false, true, true, false]);
}

#[test]
fn a_client_has_no_more_connections_than_it_may() {
    let origin = named("a");
    let running = behind(&origin, "max_connections_per_client = 3", "");
    let mut held: Vec<Client> = (0..3).map(|_| from(&running, 8)).collect();
    assert!(held.iter_mut().all(is_served));
    assert!(!is_served(&mut from(&running, 8)));
    assert!(is_served(&mut from(&running, 9)), "another client");
    drop(held.pop());
    wait_until(LONG, || is_served(&mut from(&running, 8))).unwrap();
    assert!(held.iter_mut().all(is_served));
    assert!(running.metric("evenkeel_listener_connections_refused_total", "per_client") >= 1);
}

#[test]
fn a_client_opens_no_more_connections_than_its_burst() {
    let origin = named("a");
    let running = behind(&origin, "connection_rate = { rate = \"1/h\", burst = 4 }", "");
    let served = (0..10).filter(|_| is_served(&mut from(&running, 8))).count();
    assert_eq!(served, 4);
    assert!(is_served(&mut from(&running, 9)));
    running.wait_for_metric("evenkeel_listener_connections_refused_total", "\"rate\"", 6);
    let said = || running.process.stderr().matches("refuses connections").count();
    wait_until(LONG, || said() > 0).unwrap();
    assert!(said() < 6, "it says so {} times", said());
}

#[test]
fn connections_beyond_the_most_wait_until_one_ends() {
    let origin = named("a");
    let running = behind(&origin, "max_connections = 2", "");
    let mut held = [running.connect(), running.connect()];
    assert!(held.iter_mut().all(is_served));
    let mut waiting = running.connect();
    waiting.send(GET).unwrap();
    running.process.wait_for_line("accepts no more connections until some end", LONG).unwrap();
    assert_eq!(running.status()["listeners"][0]["active"], 2);
    let [first, mut second] = held;
    drop(first);
    assert_eq!(waiting.read_response(LONG).unwrap().status, 200);
    assert!(is_served(&mut second));
}

/// Every example of the page is a config that `check` takes.
#[test]
fn the_examples_of_the_page_are_right() {
    let page = include_str!("../../../../docs/limits.md");
    let examples: Vec<&str> =
        page.split("```toml fragment\n").skip(1).filter_map(|it| it.split("```").next()).collect();
    assert!(examples.len() >= 4, "{}", examples.len());
    let folder = tempfile::tempdir().unwrap();
    for example in examples {
        let file = folder.path().join("evenkeel.toml");
        let cluster = "[cluster.api]\nendpoints = \"127.0.0.1:9001\"\n";
        fs::write(&file, format!("{example}\n{cluster}")).unwrap();
        let mut check = std::process::Command::new(crate::running::BINARY);
        let said = check.args(["check", "-c"]).arg(&file).output().unwrap();
        let words = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success() && !words.contains("warning"), "{example}\n{words}");
    }
}
