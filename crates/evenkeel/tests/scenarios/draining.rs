//! What runs at an endpoint that is drained or removed: it finishes, if it can in time, and is cut after that.

use std::io::{ErrorKind, Read as _};
use std::time::{Duration, Instant};

use evenkeel_testkit::{Client, Gate, Origin, Request, Script, wait_until};

use crate::running::{GET, LONG, Running, named};

/// Two origins whose answers end when the gate is opened, and the balancer before them.
struct Streams {
    origins: [Origin; 2],
    running: Running,
    drain: &'static str,
}

const BEGIN: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n";
const END: &[u8] = b"3\r\nend\r\n0\r\n\r\n";
const WHOLE: &str = "beginend";

/// Says that it has begun, and nothing more until `gate` is open.
fn silent(gate: &Gate) -> Script {
    Script::new().send(BEGIN).wait_for(gate).send(END)
}

/// Says something all the time, for longer than any test waits.
fn talkative() -> Script {
    let piece = |script: Script, _| script.send(*b"4\r\nmore\r\n").pause(Duration::from_millis(5));
    (0..6_000).fold(Script::new().send(BEGIN), piece)
}

impl Streams {
    fn new(
        drain: &'static str,
        script: impl Fn() -> Script + Clone + Send + Sync + 'static,
    ) -> Self {
        let origin = || {
            let script = script.clone();
            Origin::start(move |_: &Request| script()).unwrap()
        };
        let origins = [origin(), origin()];
        let running = Running::from_toml(&config(drain, &[&origins[0], &origins[1]]));
        Self { origins, running, drain }
    }

    /// An answer that has begun, and the number of the endpoint that gives it.
    fn begin(&self) -> (Client, usize) {
        let counts = || [0, 1].map(|number| self.origins[number].request_count());
        let before = counts();
        let mut client = self.running.connect();
        client.send(GET).unwrap();
        wait_until(LONG, || counts() != before).unwrap();
        (client, usize::from(counts()[0] == before[0]))
    }

    /// One at each endpoint, in their order.
    fn begin_both(&self) -> [Client; 2] {
        let ((one, at), (other, _)) = (self.begin(), self.begin());
        if at == 0 { [one, other] } else { [other, one] }
    }

    fn state(&self, number: usize, state: &str) {
        let address = self.origins[number].address();
        let path = format!("/api/v1/clusters/api/endpoints/{address}/state");
        let asked = self.running.ask("PUT", &path, &format!(r#"{{"state": "{state}"}}"#));
        assert_eq!(asked.0, 200, "{}", asked.1);
    }

    /// Puts a config with these endpoints in force.
    fn reload(&self, endpoints: &[&Origin]) {
        self.running.rewrite(&config(self.drain, endpoints));
        self.running.reload();
    }

    /// Of these failures there was one, which is nobody's fault.
    fn expect_drain_timeout(&self) {
        self.running.wait_for_metric("evenkeel_failures_total", "reason=\"drain_timeout\"", 1);
        assert_eq!(self.running.metric("evenkeel_upstream_failures_total", ""), 0);
        self.running.wait_for_metric("evenkeel_upstream_inflight", "", 1);
    }
}

fn config(drain: &str, endpoints: &[&Origin]) -> String {
    let addresses: Vec<String> =
        endpoints.iter().map(|origin| format!("\"{}\"", origin.address())).collect();
    format!(
        "drain = \"{drain}\"\n[listener.web]\nbind = \"{{bind}}\"\nto = \"api\"\n\
         [cluster.api]\nendpoints = [{}]\nbalance = \"round-robin\"\nhealth = false\n",
        addresses.join(", ")
    )
}

/// Until when the balancer has run for so much longer.
fn wait_for(running: &Running, more: Duration) {
    let uptime = || running.status()["uptime_seconds"].as_f64().unwrap();
    let until = uptime() + more.as_secs_f64();
    wait_until(LONG, || uptime() > until).unwrap();
}

#[test]
fn what_runs_at_an_endpoint_that_is_removed_finishes() {
    let gate = Gate::new();
    let held = gate.clone();
    let streams = Streams::new("30s", move || silent(&held));
    let (mut client, at) = streams.begin();
    let other = named("other");
    streams.reload(&[&streams.origins[1 - at], &other]);
    assert_eq!(streams.running.status()["leaving"][0]["in_flight"], 1);
    gate.open();
    assert_eq!(client.read_response(LONG).unwrap().text(), WHOLE);
    let is_gone = || streams.running.status()["leaving"].as_array().unwrap().is_empty();
    wait_until(LONG, is_gone).unwrap();
    assert_eq!(streams.running.metric("evenkeel_failures_total", ""), 0);
}

#[test]
fn an_endless_answer_of_an_endpoint_that_is_drained_is_cut_after_its_time_and_no_other_is() {
    for ends in [true, false] {
        let gate = Gate::new();
        let held = gate.clone();
        let script = move || if ends { silent(&held) } else { talkative() };
        let streams = Streams::new("1s", script);
        let [drained, mut other] = streams.begin_both();
        let began = Instant::now();
        streams.state(0, "drain");
        let mut bytes = Vec::new();
        let mut stream = drained.stream();
        stream.set_read_timeout(Some(LONG)).unwrap();
        // What ends before its end is reset, so that nobody takes it for the whole.
        let error = stream.read_to_end(&mut bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
        assert!(!bytes.ends_with(b"\r\n0\r\n\r\n"));
        streams.expect_drain_timeout();
        gate.open();
        if ends {
            assert_eq!(other.read_response(LONG).unwrap().text(), WHOLE);
        }
    }
}

#[test]
fn a_request_that_waits_at_an_endpoint_that_is_removed_is_refused_after_its_time() {
    let gate = Gate::new();
    let held = gate.clone();
    let streams = Streams::new("1s", move || Script::new().wait_for(&held));
    let [_other, mut waiting] = streams.begin_both();
    streams.reload(&[&streams.origins[0]]);
    let response = waiting.read_response(LONG).unwrap();
    assert_eq!(response.status, 503);
    assert!(response.text().contains("drain_timeout"), "{}", response.text());
    streams.expect_drain_timeout();
    gate.open();
}

#[test]
fn whoever_comes_back_before_that_keeps_what_runs_there() {
    let gate = Gate::new();
    let held = gate.clone();
    let streams = Streams::new("2s", move || silent(&held));
    let mut clients = streams.begin_both();
    streams.state(0, "drain");
    streams.reload(&[&streams.origins[0]]);
    streams.reload(&[&streams.origins[0], &streams.origins[1]]);
    streams.state(0, "auto");
    // The time, and the time over which those are spread that are cut.
    wait_for(&streams.running, Duration::from_millis(3_500));
    gate.open();
    for client in &mut clients {
        assert_eq!(client.read_response(LONG).unwrap().text(), WHOLE);
    }
    assert_eq!(streams.running.metric("evenkeel_failures_total", ""), 0);
}
