//! More requests than the endpoints of a cluster may have: who waits, who gets in, and who is refused. Origins hold their answers until the
//! test has seen what it waits for, so everything here is a count.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use evenkeel_testkit::wait::pause;
use evenkeel_testkit::{Client, Gate, Origin, Request, Response, Script, wait_until};
use serde_json::json;

use crate::running::{LONG, Running, in_new_directory, run};

/// A balancer with one worker in front of `origins`, with these limits: who is called first gets in first. Of two who are called at about the
/// same time either may be first where workers share the work.
fn in_order(origins: &[&Origin], limits: &str) -> Running {
    Running::from_toml_with(1, &toml(origins, limits))
}

/// A balancer with two workers in front of `origins`, with these limits.
fn limited(origins: &[&Origin], limits: &str) -> Running {
    Running::from_toml_with(2, &toml(origins, limits))
}

fn toml(origins: &[&Origin], limits: &str) -> String {
    let endpoints: Vec<String> =
        origins.iter().map(|origin| format!("\"{}\"", origin.address())).collect();
    format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = \"api\"\ntrusted_proxies = [\"127.0.0.2\"]\n\
         [cluster.api]\nendpoints = [{}]\nlimits = {{ {limits} }}\n",
        endpoints.join(", ")
    )
}

/// An origin that holds back what is asked of `/held` until the gate is open, and answers everything else at once.
fn holding(gate: &Gate) -> Origin {
    let gate = gate.clone();
    let answer = move |request: &Request| match request.target.as_str() {
        "/held" => Script::new().wait_for(&gate).followed_by(Script::ok("held")),
        target => Script::ok(target),
    };
    Origin::start(answer).unwrap()
}

/// Sends a request without waiting for its answer.
fn send(running: &Running, target: &str, fields: &str) -> Client {
    let mut client = running.connect();
    send_by(&mut client, target, fields);
    client
}

fn send_by(client: &mut Client, target: &str, fields: &str) {
    let request = format!("GET {target} HTTP/1.1\r\nHost: test\r\n{fields}\r\n");
    client.send(request.as_bytes()).unwrap();
}

fn wait_for_pending(running: &Running, count: u64) {
    let pending = || running.status()["clusters"][0]["pending"].as_u64().unwrap();
    wait_until(LONG, || pending() == count)
        .unwrap_or_else(|error| panic!("{} wait, not {count}: {error}", pending()));
}

fn answer(client: &mut Client) -> Response {
    client.read_response(LONG).unwrap()
}

/// The targets of what has come to the origin, in their order.
fn targets(origin: &Origin) -> Vec<String> {
    origin.requests().into_iter().map(|request| request.target).collect()
}

fn assert_shed(answer: &Response, reason: &str) {
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.text().contains(reason), "{}", answer.text());
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[test]
fn no_origin_ever_has_more_requests_than_it_may_whoever_sends_them() {
    let most = Arc::new(AtomicUsize::new(0));
    let origins = [(), ()].map(|()| {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&most));
        let answer = move |_: &Request| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            pause(Duration::from_millis(2));
            now.fetch_sub(1, Ordering::SeqCst);
            Script::ok("a")
        };
        Origin::start(answer).unwrap()
    });
    let running = limited(&[&origins[0], &origins[1]], "requests = 2, pending_wait = \"60s\"");
    thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| {
                let mut client = running.connect();
                for _ in 0..20 {
                    send_by(&mut client, "/", "");
                    assert_eq!(answer(&mut client).status, 200);
                }
            });
        }
    });
    assert_eq!(most.load(Ordering::SeqCst), 2);
    wait_for_pending(&running, 0);
    running.wait_for_metric("evenkeel_upstream_inflight", "", 0);
    assert_eq!(running.metric("evenkeel_cluster_shed_total", ""), 0);
    assert!(running.metric("evenkeel_cluster_pending_seconds_count", "") > 0);
}

#[test]
fn of_three_the_first_is_served_the_second_waits_and_one_is_refused() {
    let gate = Gate::new();
    let origin = holding(&gate);
    let limits = "requests = 1, pending = 1, pending_wait = \"600s\"";
    let running = limited(&[&origin], limits);
    let mut first = send(&running, "/held", "");
    origin.wait_for_requests(1, LONG).unwrap();
    let mut second = send(&running, "/second", "");
    wait_for_pending(&running, 1);
    let mut third = send(&running, "/third", "");
    assert_shed(&answer(&mut third), "overloaded");
    running.wait_for_metric("evenkeel_cluster_pending", "cluster=\"api\"", 1);
    gate.open();
    assert_eq!(answer(&mut first).text(), "held");
    assert_eq!(answer(&mut second).text(), "/second");
    assert_eq!(targets(&origin), ["/held", "/second"]);
    running.wait_for_metric("evenkeel_cluster_shed_total", "reason=\"overloaded\"", 1);
    // Who was refused may come again on the same connection.
    send_by(&mut third, "/third", "");
    assert_eq!(answer(&mut third).text(), "/third");
}

#[test]
fn nobody_waits_for_longer_than_is_said() {
    let gate = Gate::new();
    let origin = holding(&gate);
    let running = limited(&[&origin], "requests = 1, pending_wait = \"200ms\"");
    let mut first = send(&running, "/held", "");
    origin.wait_for_requests(1, LONG).unwrap();
    let mut second = send(&running, "/second", "");
    assert_shed(&answer(&mut second), "pending_timeout");
    wait_for_pending(&running, 0);
    gate.open();
    assert_eq!(answer(&mut first).text(), "held");
    running.wait_for_metric("evenkeel_cluster_shed_total", "reason=\"pending_timeout\"", 1);
    let cluster = &running.status()["clusters"][0];
    assert_eq!(cluster["shed"], json!({ "overloaded": 0, "pending_timeout": 1 }));
    let endpoint = &cluster["endpoints"][0];
    assert_eq!((&endpoint["limit"], &endpoint["adaptive_limit"]), (&json!(1), &json!(null)));
    assert_eq!(targets(&origin), ["/held"]);
}

#[test]
fn the_oldest_gets_in_first_while_the_queue_is_short_and_the_newest_while_it_is_long() {
    // A tenth of the wait makes it long: an hour, or a second.
    for (wait, tenth, expected) in [
        ("10h", Duration::ZERO, ["/held", "/1", "/2", "/3"]),
        ("10s", Duration::from_secs(1), ["/held", "/3", "/2", "/1"]),
    ] {
        let gate = Gate::new();
        let origin = holding(&gate);
        let limits = format!("requests = 1, pending_wait = \"{wait}\"");
        let running = in_order(&[&origin], &limits);
        let mut held = send(&running, "/held", "");
        origin.wait_for_requests(1, LONG).unwrap();
        let began = Instant::now();
        let mut waiting: Vec<Client> = (1..=2)
            .map(|number| {
                let client = send(&running, &format!("/{number}"), "");
                wait_for_pending(&running, number);
                client
            })
            .collect();
        // The first to wait came in no later than it was seen.
        let seen = began.elapsed();
        wait_until(LONG, || began.elapsed() > seen + tenth).unwrap();
        waiting.push(send(&running, "/3", ""));
        wait_for_pending(&running, 3);
        gate.open();
        assert_eq!(answer(&mut held).status, 200);
        waiting.iter_mut().for_each(|client| assert_eq!(answer(client).status, 200));
        assert_eq!(targets(&origin), expected, "{wait}");
    }
}

#[test]
fn a_client_that_leaves_frees_its_place_and_nothing_is_sent_for_it() {
    let gate = Gate::new();
    let origin = holding(&gate);
    let running = limited(&[&origin], "requests = 1, pending = 1, pending_wait = \"600s\"");
    let mut first = send(&running, "/held", "");
    origin.wait_for_requests(1, LONG).unwrap();
    for leave in [drop, |client: Client| client.finish_sending().unwrap()] {
        let gone = send(&running, "/gone", "");
        wait_for_pending(&running, 1);
        leave(gone);
        wait_for_pending(&running, 0);
    }
    let mut second = send(&running, "/second", "");
    wait_for_pending(&running, 1);
    gate.open();
    assert_eq!(answer(&mut first).status, 200);
    assert_eq!(answer(&mut second).text(), "/second");
    assert_eq!(targets(&origin), ["/held", "/second"]);
    running.wait_for_metric("evenkeel_upstream_inflight", "", 0);
}

#[test]
fn the_important_get_in_first_if_their_word_is_believed() {
    let gate = Gate::new();
    let origin = holding(&gate);
    let limits =
        "requests = 1, pending = 4, pending_wait = \"600s\", priority = \"header:x-priority\"";
    let running = in_order(&[&origin], limits);
    let mut held = send(&running, "/held", "");
    origin.wait_for_requests(1, LONG).unwrap();
    let trusted = Ipv4Addr::new(127, 0, 0, 2);
    let mut clients = Vec::new();
    for (number, (target, said, is_trusted)) in (1..).zip([
        ("/low", "low", true),
        ("/normal", "normal", true),
        ("/stranger", "high", false),
        ("/high", "high", true),
    ]) {
        let mut client = match is_trusted {
            true => Client::connect_from(trusted, running.address).unwrap(),
            false => running.connect(),
        };
        send_by(&mut client, target, &format!("X-Priority: {said}\r\n"));
        wait_for_pending(&running, number);
        clients.push(client);
    }
    // There is no room left, and the least important makes some.
    let mut urgent = Client::connect_from(trusted, running.address).unwrap();
    send_by(&mut urgent, "/urgent", "X-Priority: high\r\n");
    assert_shed(&answer(&mut clients.remove(0)), "overloaded");
    wait_for_pending(&running, 4);
    gate.open();
    assert_eq!(answer(&mut held).status, 200);
    assert_eq!(answer(&mut urgent).status, 200);
    clients.iter_mut().for_each(|client| assert_eq!(answer(client).status, 200));
    assert_eq!(targets(&origin), ["/held", "/high", "/urgent", "/normal", "/stranger"]);
}

#[test]
fn a_reload_that_allows_more_lets_in_who_waits() {
    let gate = Gate::new();
    let origin = holding(&gate);
    let running = limited(&[&origin], "requests = 1");
    let mut held = send(&running, "/held", "");
    origin.wait_for_requests(1, LONG).unwrap();
    let mut waiting = [send(&running, "/1", ""), send(&running, "/2", "")];
    wait_for_pending(&running, 2);
    running.rewrite(&toml(&[&origin], "requests = 2"));
    assert_eq!(running.reload(), ["~ cluster api: limits { requests = 1 } → { requests = 2 }"]);
    waiting.iter_mut().for_each(|client| assert_eq!(answer(client).status, 200));
    wait_for_pending(&running, 0);
    running.rewrite(&toml(&[&origin], "requests = 1, pending = 0"));
    running.reload();
    assert_shed(&answer(&mut send(&running, "/3", "")), "overloaded");
    running.rewrite(&toml(&[&origin], ""));
    running.reload();
    assert_eq!(answer(&mut send(&running, "/4", "")).text(), "/4");
    gate.open();
    assert_eq!(answer(&mut held).status, 200);
}

#[test]
fn where_one_is_full_another_gets_the_request() {
    for algorithm in ["round-robin", "random", "peak-ewma", "maglev"] {
        let gate = Gate::new();
        let held = [holding(&gate), holding(&gate)];
        let endpoints = toml(&[&held[0], &held[1]], "requests = 1, pending = 0");
        let running =
            Running::from_toml_with(2, &format!("{endpoints}balance = \"{algorithm}\"\n"));
        let mut clients = [send(&running, "/held", ""), send(&running, "/held", "")];
        held.iter().for_each(|origin| origin.wait_for_requests(1, LONG).unwrap());
        assert_shed(&answer(&mut send(&running, "/third", "")), "overloaded");
        gate.open();
        clients.iter_mut().for_each(|client| assert_eq!(answer(client).status, 200));
    }
}

/// An origin that says `a` and knows how many connections it ever had at once. One that has ended before another is there does not count, so
/// there is one thread that looks at all.
struct Counting {
    address: SocketAddr,
    seen: Arc<Seen>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    /// How many were open at once.
    most: AtomicUsize,
    accepted: AtomicUsize,
    stops: AtomicBool,
}

impl Counting {
    fn start() -> Self {
        let port = evenkeel_testkit::ports::free_port().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (address, seen) = (listener.local_addr().unwrap(), Arc::<Seen>::default());
        let shared = Arc::clone(&seen);
        let thread = Some(thread::spawn(move || shared.serve(&listener)));
        Self { address, seen, thread }
    }

    fn most(&self) -> usize {
        self.seen.most.load(Ordering::SeqCst)
    }

    fn accepted(&self) -> usize {
        self.seen.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.seen.stops.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Seen {
    fn serve(&self, listener: &TcpListener) {
        let mut open: Vec<TcpStream> = Vec::new();
        while !self.stops.load(Ordering::SeqCst) {
            if let Ok((new, _)) = listener.accept() {
                new.set_nonblocking(true).unwrap();
                self.accepted.fetch_add(1, Ordering::SeqCst);
                open.retain(|stream| stream.peek(&mut [0]).is_err());
                open.push(new);
                self.most.fetch_max(open.len(), Ordering::SeqCst);
            }
            pause(Duration::from_micros(200));
            open.retain_mut(|stream| {
                // A request of the tests comes in one piece.
                let mut request = [0; 4096];
                match stream.read(&mut request) {
                    Ok(0) => false,
                    Ok(_) => {
                        stream.write_all(b"HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\na").is_ok()
                    }
                    Err(error) => error.kind() == io::ErrorKind::WouldBlock,
                }
            });
        }
    }
}

/// A balancer with two workers that makes no connections but for requests.
fn connecting(address: SocketAddr, limits: &str) -> String {
    format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = \"api\"\n\
         [cluster.api]\nendpoints = [\"{address}\"]\nhealth = false\nlimits = {{ {limits} }}\n"
    )
}

#[test]
fn no_origin_ever_has_more_connections_than_it_may_whoever_sends_the_requests() {
    let origin = Counting::start();
    let toml = connecting(origin.address, "connections = 2, pending_wait = \"60s\"");
    let running = Running::from_toml_with(2, &toml);
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let mut client = running.connect();
                for _ in 0..20 {
                    send_by(&mut client, "/", "");
                    assert_eq!(answer(&mut client).status, 200);
                }
            });
        }
    });
    assert_eq!(origin.most(), 2);
    assert!(running.metric("evenkeel_upstream_connections", "") <= 2);
    running.wait_for_metric("evenkeel_upstream_limit", "", 2);
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
}

#[test]
fn a_connection_that_lies_idle_at_one_worker_makes_way_for_the_requests_of_another() {
    let origin = Counting::start();
    let running = Running::from_toml_with(2, &connecting(origin.address, "connections = 1"));
    let mut clients: Vec<Client> = (0..16).map(|_| running.connect()).collect();
    for _ in 0..10 {
        for client in &mut clients {
            send_by(client, "/", "");
            assert_eq!(answer(client).status, 200);
        }
    }
    assert_eq!(origin.most(), 1);
    assert!(origin.accepted() > 1, "all clients are at one worker");
    running.wait_for_metric("evenkeel_upstream_connections", "", 1);
}

#[test]
fn a_reload_that_allows_fewer_connections_closes_the_idle_ones_that_are_too_many() {
    let gate = Gate::new();
    let origin = holding(&gate);
    let running = Running::from_toml_with(2, &connecting(origin.address(), ""));
    let mut clients: Vec<Client> = (0..6).map(|_| send(&running, "/held", "")).collect();
    origin.wait_for_requests(6, LONG).unwrap();
    gate.open();
    clients.iter_mut().for_each(|client| assert_eq!(answer(client).status, 200));
    running.wait_for_metric("evenkeel_upstream_connections", "", 6);
    running.rewrite(&connecting(origin.address(), "connections = 2"));
    assert_eq!(running.reload(), ["~ cluster api: limits (default) → { connections = 2 }"]);
    wait_until(LONG, || origin.open_connection_count() <= 2).unwrap();
    assert!(running.metric("evenkeel_upstream_connections", "") <= 2);
    for client in &mut clients {
        send_by(client, "/", "");
        assert_eq!(answer(client).status, 200);
    }
}

/// Every example of the page is a config that `check` takes.
#[test]
fn the_examples_of_the_page_are_right() {
    let page = include_str!("../../../../docs/overload.md");
    let examples: Vec<&str> =
        page.split("```toml\n").skip(1).filter_map(|it| it.split("```").next()).collect();
    assert_eq!(examples.len(), 2);
    for example in examples {
        let (_folder, file) = in_new_directory("evenkeel.toml").unwrap();
        fs::write(&file, example).unwrap();
        let said = run(&["check", "-c", &file]);
        assert!(said.code == Some(0) && !said.stderr.contains("warning"), "{example}\n{said:?}");
    }
}
