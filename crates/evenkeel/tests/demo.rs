//! `evenkeel demo` from outside: the real binary, its lines and its JSON.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its own functions too")]

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use evenkeel_testkit::Process;
use evenkeel_testkit::process::Signal;
use serde_json::Value;

/// What a run of the binary came to.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn start(arguments: &[&str]) -> Process {
    Process::spawn(Command::new(env!("CARGO_BIN_EXE_evenkeel")).args(arguments)).unwrap()
}

fn end(mut process: Process) -> Ended {
    let code = process.exit_status(LONG).unwrap().code();
    Ended { code, stdout: process.stdout(), stderr: process.stderr() }
}

fn names(summary: &Value) -> Vec<&str> {
    let endpoints = summary["endpoints"].as_array().unwrap();
    endpoints.iter().map(|endpoint| endpoint["name"].as_str().unwrap()).collect()
}

/// What happened to `endpoint`, in order.
fn kinds<'a>(summary: &'a Value, endpoint: &str) -> Vec<&'a str> {
    let events = summary["events"].as_array().unwrap().iter();
    let its = events.filter(|event| event["endpoint"] == endpoint);
    its.map(|event| event["kind"].as_str().unwrap()).collect()
}

/// What its load counts has come by TLS: the balancer answers clear text there with 400.
#[test]
fn by_https_it_works_from_nothing_too() {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
    command.args(["demo", "--https", "--seconds", "4", "--rate", "100", "--json", "--plain"]);
    command.env_remove("STATE_DIRECTORY").env("XDG_DATA_HOME", home.path());
    let ended = end(Process::spawn(&mut command).unwrap());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let file = home.path().join("evenkeel/development/localhost.crt");
    let hint = format!("curl --cacert {} https://127.0.0.1:", file.display());
    assert!(ended.stderr.contains(&hint), "{}", ended.stderr);
    let summary: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(summary["load"]["origins"]["B"].as_u64() > Some(20), "{summary}");
}

#[test]
fn a_death_is_noticed_and_hardly_felt() {
    // Killed after 3 s and revived after 6: the checks need less than 2 s for either.
    let ended = end(start(&["demo", "--seconds", "9", "--rate", "300", "--json", "--plain"]));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let summary: Value = serde_json::from_str(&ended.stdout).unwrap();
    let count = |name: &str| summary[name].as_u64().unwrap();

    assert!(count("requests") > 1000, "2700 were due: {summary}");
    assert_eq!(names(&summary), ["A", "B", "C", "D"]);
    assert_eq!(kinds(&summary, "A"), ["killed", "down", "revived", "up"], "{summary}");
    for other in ["B", "C", "D"] {
        assert_eq!(kinds(&summary, other), [""; 0], "{other}: {summary}");
    }
    for (position, name) in names(&summary).into_iter().enumerate() {
        let endpoint = &summary["endpoints"][position];
        assert!(endpoint["requests"].as_u64() > Some(50), "{name}: {summary}");
        assert!(summary["load"]["origins"][name].as_u64() > Some(20), "{name}: {summary}");
        assert!(endpoint["p50_seconds"].as_f64() > Some(0.0), "{name}: {summary}");
    }
    // B and C never failed; what the dead one held in its hands is all that can be lost.
    for position in [1, 2] {
        assert_eq!(summary["endpoints"][position]["failures"], 0, "{summary}");
    }
    // What an endpoint answered is a request of the load; only what was under way when it ended may be missing there.
    let endpoints = summary["endpoints"].as_array().unwrap().iter();
    let answered: u64 = endpoints.map(|endpoint| endpoint["requests"].as_u64().unwrap()).sum();
    let ended = count("requests") - count("lost");
    assert!(answered.abs_diff(ended) < 100, "{answered} of {ended}: {summary}");
    assert!(count("lost") * 100 < count("requests"), "{summary}");
    assert!(count("errors") * 10 < count("requests"), "only one is flaky: {summary}");
}

#[test]
fn the_slow_one_gets_less_unless_everybody_gets_the_same() {
    let share_of_slow = |balance: &str| {
        let arguments = ["demo", "--seconds", "4", "--json", "--balance", balance];
        let summary: Value = serde_json::from_str(&end(start(&arguments)).stdout).unwrap();
        assert_eq!(summary["algorithm"], balance);
        summary["endpoints"][2]["share"].as_f64().unwrap()
    };
    assert!(share_of_slow("least-request") < 0.2);
    assert!(share_of_slow("round-robin") > 0.2);
}

#[test]
fn a_signal_ends_it_with_a_summary() {
    let process = start(&["demo", "--plain"]);
    process.wait_for_line("p99", LONG).unwrap();
    process.signal(Signal::TERM).unwrap();
    let ended = end(process);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let row = ended.stdout.lines().find(|line| line.starts_with("D flaky"));
    assert_eq!(row.map(|row| row.split_whitespace().count()), Some(10), "{}", ended.stdout);
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_without_a_complaint() {
    let started = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
        .args(["demo", "--plain", "--seconds", "40"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.contains("curl http://127.0.0.1:"), "{first}");
    // The pipe is closed by now, and its next line is due in a second.
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &[][..]));
    assert!(started.elapsed() < Duration::from_secs(20), "it went on for {:?}", started.elapsed());
}

#[test]
fn the_config_it_shows_passes_the_check() {
    let shown = end(start(&["demo", "--show-config", "--balance", "round-robin"]));
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("demo.toml");
    std::fs::write(&path, &shown.stdout).unwrap();
    let checked = end(start(&["check", "-c", path.to_str().unwrap()]));
    assert_eq!(checked.code, Some(0), "{}{}", checked.stderr, shown.stdout);
}

#[test]
fn wrong_usage_ends_with_2() {
    for arguments in [&["demo", "--seconds", "3"][..], &["demo", "--balance", "best"]] {
        assert_eq!(end(start(arguments)).code, Some(2), "{arguments:?}");
    }
}

/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);
