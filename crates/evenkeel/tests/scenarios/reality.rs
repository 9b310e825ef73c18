//! What is simulated beside what real processes do: origins, the balancer and the load client play the scenario that the
//! simulator is then asked about.

use std::fs;
use std::process::Command;

use evenkeel_testkit::Process;
use evenkeel_testkit::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::running::{BINARY, LONG, Running, end, run};

/// What happens, in both.
const EVENT: &str = "slow s2@1s..3s=x8";

#[test]
fn the_simulator_says_what_real_processes_then_do() {
    let origins = origins(3, "--delay 40ms --concurrency 4 --queue 1000", EVENT);
    let balancer =
        Running::serve(&origins.addresses.iter().map(String::as_str).collect::<Vec<_>>());
    let url = format!("http://{}/", balancer.address);
    let load = run(&["load", &url, "--rate", "150", "-d", "4s", "-c", "1000", "-q", "--json"]);
    assert_eq!(load.code, Some(0), "{}", load.stderr);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("real.json");
    fs::write(&file, &load.stdout).unwrap();

    let report = simulated(file.to_str().unwrap());
    let (real, simulated) = (&report["measured"], &report["algorithms"][0]);
    assert_eq!(simulated["algorithm"], "peak-ewma");
    for run in [real, simulated] {
        let requests = run["requests"].as_u64().unwrap();
        assert!((450..750).contains(&requests), "{requests} requests");
        assert_eq!((&run["answered"], &run["errors"]), (&run["requests"], &0.0.into()), "{run}");
        // It was a third before, and would have stayed so with an algorithm that does not notice.
        let [first, slow, third] = ["s1", "s2", "s3"].map(|name| number(&run["share"][name]));
        assert!(slow < 0.3 && slow < first && slow < third, "{}", run["share"]);
    }
    // A machine that is busy with other things makes reality slower, and nothing makes it faster.
    let [real, simulated] = [real, simulated].map(|run| number(&run["p50"]));
    assert!(real > simulated / 2.0, "{real} against {simulated}");
}

#[test]
fn a_slow_node_gets_as_little_as_the_simulator_says() {
    let case = Case { name: "slow-node", event: "slow s2@2s..9s=x8", sick: 1 };
    case.expect_the_same();
}

#[test]
fn a_dead_node_costs_as_little_as_the_simulator_says() {
    let case = Case { name: "dead-node", event: "kill s4@2s..9s", sick: 3 };
    case.expect_the_same();
}

/// Several in one process, which takes its time as the simulated ones do.
struct Origins {
    _process: Process,
    addresses: Vec<String>,
}

fn origins(count: usize, words: &str, event: &str) -> Origins {
    let mut command = Command::new(BINARY);
    command.arg("origin").args(vec!["0"; count]).args(words.split(' '));
    command.args(["--name", "s", "--delay-distribution", "exponential", "--event", event]);
    let process = Process::spawn(&mut command).unwrap();
    process.wait_for_lines("listening on", count, LONG).unwrap();
    let printed = process.stdout();
    let words = printed.split_whitespace();
    let addresses = words.filter_map(|word| word.strip_prefix("http://")).map(str::to_owned);
    Origins { addresses: addresses.collect(), _process: process }
}

/// The same under the algorithm that the balancer has, with what was measured beside it.
fn simulated(measured: &str) -> Value {
    let line = "simulate --endpoints s1,s2,s3 --concurrency 4 --queue 1000 --rps 150 --service exp:40ms --seconds 4 \
                --algorithms peak-ewma --json - --event";
    let mut words: Vec<&str> = line.split_whitespace().collect();
    words.extend([EVENT, "--measured", measured]);
    json(&words)
}

/// A named scenario, in 5 s.
struct Case {
    name: &'static str,
    /// What happens from [`FAULT`] on, until the end.
    event: &'static str,
    /// The number of the endpoint to whom.
    sick: usize,
}

const FAULT: f64 = 2.0;

/// What came of a case, simulated or not.
#[derive(Debug)]
struct Played {
    /// The share of each endpoint before the fault, and while it lasts.
    shares: [Vec<f64>; 2],
    failed: u64,
    /// Attempts that were not the first of their request.
    retries: u64,
    /// The median while it lasts by that before.
    slower: f64,
}

impl Case {
    /// Plays it with processes, and simulates it. Each endpoint does ten requests at once, as in all of these scenarios; how long they take is
    /// spread as an origin can spread it.
    fn play(&self) -> [Played; 2] {
        let origins = origins(5, "--delay 22ms --concurrency 10 --queue 10000", self.event);
        let folder = TempDir::new().unwrap();
        let [log, measured] = ["access.log", "measured.json"].map(|name| folder.path().join(name));
        let running = Running::from_toml(&format!(
            "[listener.web]\nbind = \"{{bind}}\"\nto = \"api\"\n\
             [cluster.api]\nendpoints = {:?}\nhealth = \"/health\"\n\
             [log]\naccess = {{ path = \"{}\" }}\n",
            origins.addresses,
            log.display()
        ));
        let url = format!("http://{}/", running.address);
        let words = ["load", &url, "--rate", "1000", "-d", "5s", "-c", "1000", "-q", "--json"];
        let load = run(&words);
        assert_eq!(load.code, Some(0), "{}", load.stderr);
        fs::write(&measured, &load.stdout).unwrap();
        running.process.signal(Signal::TERM).unwrap();
        assert_eq!(end(running.process).code, Some(0));

        let line =
            "--queue 10000 --service exp:22ms --seconds 5 --algorithms peak-ewma --json - --event";
        let mut words = vec!["simulate", self.name];
        words.extend(line.split(' '));
        words.extend([self.event, "--measured", measured.to_str().unwrap()]);
        let report = json(&words);
        let lines = fs::read_to_string(log).unwrap();
        let lines: Vec<Value> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        [real(&lines, &report["measured"], &origins.addresses), imagined(&report["algorithms"][0])]
    }
}

impl Case {
    /// Reality is as it was simulated. Requests come by chance in both, and not the same ones.
    fn expect_the_same(&self) {
        let [real, simulated] = self.play();
        let told = format!("{real:.3?}\n{simulated:.3?}");
        for (real, simulated) in real.shares.iter().zip(&simulated.shares) {
            // Of five that are alike and have room, whoever is free gets the next one: in two or three seconds that is a fifth of
            // them, give or take 2 points (three standard deviations of the difference are 9). One that nobody noticed would be
            // 20 off.
            for (real, simulated) in real.iter().zip(simulated) {
                assert!((real - simulated).abs() < 0.12, "{told}");
            }
        }
        // It was a fifth before. If it was slow, ten real runs gave it 0.7 to 1.1 %, and ten simulated ones 0.3 to 1.3 %; if it was dead,
        // nobody gave it anything.
        for during in [&real, &simulated].map(|played| played.shares[1][self.sick]) {
            assert!(during < 0.03, "{told}");
        }
        assert_eq!((real.failed, simulated.failed), (0, 0), "{told}");
        // What is under way at one that dies, which is five on average: more if a busy machine lets it lie. Whoever did not notice would
        // have to try 200 a second again.
        assert!(real.retries.abs_diff(simulated.retries) < 40, "{told}");
        // A fifth of all at an eighth of the speed would also make the others wait. Half a second in which a neighbour has the machine does
        // not move the median of several.
        let apart = (real.slower / simulated.slower).ln().abs();
        assert!(apart < 1.5_f64.ln(), "{told}");
    }
}

/// What real processes did: as the access log has it, and the load client.
fn real(lines: &[Value], measured: &Value, addresses: &[String]) -> Played {
    let began = second(&lines[0]);
    let shares = [true, false].map(|before| {
        let lines = lines.iter().filter(|line| (since(began, line) < FAULT) == before);
        let endpoints: Vec<&str> =
            lines.filter_map(|line| line["evenkeel.endpoint"].as_str()).collect();
        let count = |address: &String| endpoints.iter().filter(|name| *name == address).count();
        shares(&addresses.iter().map(|address| count(address) as f64).collect::<Vec<_>>())
    });
    let failed = lines.iter().filter(|line| line["http.response.status_code"] != 200).count();
    let attempts: u64 = lines.iter().map(|line| line["evenkeel.attempts"].as_u64().unwrap()).sum();
    let (failed, retries) = (failed as u64, attempts - lines.len() as u64);
    Played { shares, failed, retries, slower: slower(measured) }
}

/// How much later than `began` a request came, also if that was on the day before.
fn since(began: f64, line: &Value) -> f64 {
    (second(line) - began + DAY / 2.0).rem_euclid(DAY) - DAY / 2.0
}

const DAY: f64 = 24.0 * 3600.0;

/// When a request came, in seconds of its day.
fn second(line: &Value) -> f64 {
    let timestamp = line["timestamp"].as_str().unwrap();
    let [hours, minutes, seconds] = [11..13, 14..16, 17..23].map(|part| timestamp[part].parse());
    let [hours, minutes, seconds]: [f64; 3] = [hours.unwrap(), minutes.unwrap(), seconds.unwrap()];
    (hours * 60.0 + minutes) * 60.0 + seconds
}

fn imagined(report: &Value) -> Played {
    let shares = [true, false].map(|before| {
        let points = points(report, before);
        let attempts = |number: usize| points.iter().map(move |it| number_at(it, number)).sum();
        shares(&(0..5).map(attempts).collect::<Vec<_>>())
    });
    let failed = number(&report["errors"]) * number(&report["requests"]);
    let (failed, retries) = (failed.round() as u64, report["retries"].as_u64().unwrap());
    Played { shares, failed, retries, slower: slower(report) }
}

fn number_at(point: &Value, endpoint: usize) -> f64 {
    number(&point["attempts"][endpoint])
}

fn shares(counts: &[f64]) -> Vec<f64> {
    let all: f64 = counts.iter().sum();
    counts.iter().map(|count| count / all).collect()
}

/// The seconds before the fault, or those after.
fn points(run: &Value, before: bool) -> Vec<&Value> {
    let points = run["series"].as_array().unwrap().iter();
    points.filter(|point| (number(&point["at"]) < FAULT) == before).collect()
}

fn slower(run: &Value) -> f64 {
    let [before, after] = [true, false].map(|before| {
        let mut medians: Vec<f64> =
            points(run, before).iter().map(|point| number(&point["p50"])).collect();
        medians.sort_by(f64::total_cmp);
        medians[medians.len() / 2]
    });
    after / before
}

fn json(words: &[&str]) -> Value {
    let ended = run(words);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}
