//! The simulator and the balancer agree: under the same load every algorithm gives every endpoint the same share in both.

use std::net::Ipv4Addr;
use std::process::Command;
use std::thread;

use evenkeel_plan::balance::Algorithm;
use evenkeel_testkit::{Client, Process};
use serde_json::Value;

use crate::running::{BINARY, GET, LONG, Running, named, run};

/// How the load was shared out.
#[derive(Debug)]
struct Shares {
    requests: f64,
    /// Of each endpoint, 0 to 1.
    parts: [f64; 3],
}

impl Shares {
    fn counted(counts: [u64; 3]) -> Self {
        let requests = counts.iter().sum::<u64>() as f64;
        Self { requests, parts: counts.map(|count| count as f64 / requests) }
    }

    /// As the simulator has it for endpoints of these names and of weights 1, 2 and 3.
    fn simulated(algorithm: Algorithm, [a, b, c]: &[String; 3], load: &[&str]) -> Self {
        let endpoints = format!("{a},{b}*2,{c}*3");
        let line = ["simulate", "--algorithms", algorithm.name(), "--endpoints", &endpoints];
        let report = json(&[&line, load, &["--json", "-"]].concat());
        let run = &report["algorithms"][0];
        let parts = [a, b, c].map(|name| run["share"][name].as_f64().unwrap());
        Self { requests: run["requests"].as_f64().unwrap(), parts }
    }

    /// Five standard deviations apart at most, where each share is that of so many draws. Who looks at what endpoints do sees the
    /// machine, too, and what else it has to do: there it is half of what lies between its shares and those by weight alone.
    fn assert_agree(&self, other: &Self, algorithm: Algorithm) {
        let looks = !algorithm.hashes() && !BLIND.contains(&algorithm);
        for (one, another) in self.parts.iter().zip(other.parts) {
            let variance = another * (1.0 - another) * (1.0 / self.requests + 1.0 / other.requests);
            let apart = (one - another).abs();
            let allowed = if looks { 0.14 } else { 5.0 * variance.sqrt() };
            assert!(apart < allowed, "{}: {self:?}, simulated {other:?}", algorithm.name());
        }
    }
}

fn json(line: &[&str]) -> Value {
    let ended = run(line);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{line:?}");
    serde_json::from_str(&ended.stdout).unwrap()
}

/// A balancer over endpoints of weights 1, 2 and 3.
fn balancer(algorithm: Algorithm, [a, b, c]: &[String; 3]) -> Running {
    Running::serve(&[a, &format!("{b}*2"), &format!("{c}*3"), "--balance", algorithm.name()])
}

#[test]
fn by_hash_clients_are_shared_out_as_the_simulator_says() {
    for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| algorithm.hashes()) {
        let origins = [named("a"), named("b"), named("c")];
        // Where a key belongs depends on the names, so the simulator's endpoints have the same.
        let names = origins.each_ref().map(|origin| origin.address().to_string());
        let running = balancer(algorithm, &names);
        for client in (0..CLIENTS).map(|number| Ipv4Addr::from_bits(FIRST.to_bits() + number)) {
            let mut client = Client::connect_from(client, running.address).unwrap();
            for _ in 0..2 {
                assert_eq!(client.exchange(GET, LONG).unwrap().status, 200);
            }
        }
        let requests = origins.each_ref().map(|origin| origin.request_count() as u64);
        assert!(requests.iter().all(|count| count.is_multiple_of(2)), "clients stay: {requests:?}");
        let shares = Shares::counted(requests.map(|count| count / 2));
        let load = ["--keys", "uniform:1000000", "--rps", "1000", "--concurrency", "any"];
        shares.assert_agree(&Shares::simulated(algorithm, &names, &load), algorithm);
    }
}

#[test]
fn by_load_and_by_turns_requests_are_shared_out_as_the_simulator_says() {
    // All at the same time: they mostly wait for their origins.
    thread::scope(|scope| {
        for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| !algorithm.hashes()) {
            scope.spawn(move || compare_under_load(algorithm));
        }
    });
}

/// Two endpoints take 100 ms for an answer, and the one that weighs the most takes twice as long: so long that what a machine adds on
/// its own counts for little, and so differently that it matters who looks at endpoints.
fn compare_under_load(algorithm: Algorithm) {
    let origins = [("a", "100ms"), ("b", "100ms"), ("c", "200ms")].map(|(name, delay)| {
        let line = ["origin", "0", "--name", name, "--delay", delay];
        Process::spawn(Command::new(BINARY).args(line)).unwrap()
    });
    let running = balancer(algorithm, &origins.each_ref().map(address_of));
    let url = format!("http://{}", running.address);
    let line = ["load", &url, "--quiet", "--json", "--rate", "200", "-n", "1000"];
    let summary = json(&line);
    assert_eq!(summary["statuses"]["200"], 1000, "{summary}");
    let shares =
        Shares::counted(["a", "b", "c"].map(|name| summary["origins"][name].as_u64().unwrap()));
    let load = ["--rps", "200", "--seconds", "60", "--concurrency", "any"];
    let work = ["--service", "fixed:100ms", "--speeds", "1,1,0.5"];
    let names = ["a", "b", "c"].map(str::to_owned);
    let simulated = Shares::simulated(algorithm, &names, &[&load[..], &work].concat());
    shares.assert_agree(&simulated, algorithm);
}

/// Where an `evenkeel origin` listens.
fn address_of(origin: &Process) -> String {
    let line = origin.wait_for_line("listening on http://", LONG).unwrap();
    line.split_whitespace().find_map(|word| word.strip_prefix("http://")).unwrap().to_owned()
}

/// Those that do not look at what endpoints do.
const BLIND: [Algorithm; 2] = [Algorithm::RoundRobin, Algorithm::Random];

/// How many clients come, and ask twice.
const CLIENTS: u32 = 1000;

/// The address of the first.
const FIRST: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 1);
