//! Scenarios of `evenkeel load`: the real binary against real origins.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its own functions too")]

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};

use evenkeel_testkit::process::Signal;
use evenkeel_testkit::{Origin, Request, Script};
use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};
use serde_json::{Value, json};

#[path = "origin/started.rs"]
mod started;

use started::{LONG, Origins, end, run, start};

/// Runs load to its end and reads its JSON.
fn load(address: SocketAddr, path: &str, arguments: &[&str]) -> Value {
    let url = format!("http://{address}{path}");
    let line = [&["load", &url, "--json", "--quiet"], arguments].concat();
    let ended = run(&line);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{line:?}");
    serde_json::from_str(&ended.stdout).unwrap()
}

/// An origin that always plays the same.
fn scripted(script: Script) -> Origin {
    Origin::start(move |_: &Request| script.clone()).unwrap()
}

#[test]
fn a_closed_loop_sends_exactly_what_it_is_told_over_kept_connections() {
    let origins = Origins::start(1, &["--name", "api", "--body", "100"]);
    let summary = load(origins.addresses[0], "/", &["-n", "500", "-c", "4"]);
    assert_eq!(summary["mode"], "closed");
    assert_eq!(summary["requests"], 500);
    assert_eq!(summary["statuses"], json!({ "200": 500 }));
    assert_eq!(summary["origins"], json!({ "api": 500 }));
    assert_eq!(summary["body_bytes"], 50_000);
    assert_eq!(summary["connections_opened"], 4);

    origins.process.signal(Signal::TERM).unwrap();
    let told = end(origins.process).stdout;
    assert!(told.contains("api drained, 500 requests answered"), "{told}");
}

#[test]
fn an_open_loop_keeps_its_rate() {
    let origins = Origins::start(1, &[]);
    let arguments = ["--rate", "200/s", "--arrivals", "even", "--duration", "1s"];
    let summary = load(origins.addresses[0], "/", &arguments);
    assert_eq!(summary["mode"], "open");
    assert_eq!(summary["requests"], 200);
    assert_eq!(summary["unsent"], 0);
    let elapsed = summary["elapsed_seconds"].as_f64().unwrap();
    assert!(elapsed > 0.99, "200 even starts take 995 ms, not {elapsed}");
}

#[test]
fn the_series_has_each_second_with_what_should_have_started_in_it() {
    let origins = Origins::start(1, &["--delay", "1ms", "--event", "errors s1@1500ms=100%"]);
    let arguments = ["--rate", "100/s", "--arrivals", "even", "--duration", "3s"];
    let summary = load(origins.addresses[0], "/", &arguments);
    assert_eq!(summary["step"], 1.0);
    let series = summary["series"].as_array().unwrap();
    let [first, second, third] = &series[..] else { panic!("{summary}") };
    for (moment, at) in [(first, 0.0), (second, 1.0), (third, 2.0)] {
        assert_eq!((&moment["at"], &moment["requests"]), (&json!(at), &json!(100)), "{summary}");
    }
    // The origin's clock begins with the first request, a little later than ours, so the second in between is mixed.
    let failed = |moment: &Value| moment["errors"].as_u64().unwrap();
    assert_eq!((failed(first), failed(third)), (0, 100), "{summary}");
    assert_eq!(summary["statuses"]["503"], failed(second) + failed(third));
    assert!(first["p50"].as_f64().unwrap() >= 0.001);
}

#[test]
fn a_slow_origin_cannot_hide_behind_the_client() {
    // One connection and 50 ms an answer make 20 a second; 100 a second are asked for. The last of
    // 50 should start at 490 ms and is answered at 2500 ms.
    let origins = Origins::start(1, &["--delay", "50ms"]);
    let arguments = ["--rate", "100", "--arrivals", "even", "-n", "50", "-c", "1"];
    let summary = load(origins.addresses[0], "/", &arguments);
    let latency = |name: &str| summary["latency_seconds"][name].as_f64().unwrap();
    assert!(latency("min") >= 0.05);
    assert!(latency("p50") > 0.9, "{summary}");
    assert!(latency("max") > 1.9, "{summary}");
    assert!(summary["delayed"].as_u64().unwrap() >= 48, "{summary}");
    assert!(summary["crowded"].as_u64().unwrap() >= 40, "{summary}");
    assert!(summary["longest_delay_seconds"].as_f64().unwrap() > 1.8);
    assert_eq!(summary["connections_opened"], 1);
}

#[test]
fn what_cannot_start_in_time_is_counted_as_unsent() {
    let origins = Origins::start(1, &["--delay", "400ms"]);
    let arguments =
        ["-r", "100", "--arrivals", "even", "-d", "200ms", "--timeout", "1s", "-c", "1"];
    let summary = load(origins.addresses[0], "/", &arguments);
    let count = |name: &str| summary[name].as_u64().unwrap();
    assert_eq!(count("requests") + count("unsent"), 20);
    assert!(count("unsent") >= 15, "{summary}");
}

#[test]
fn statuses_and_headers_and_bodies_are_seen() {
    let failing = Origins::start(1, &["--fail", "100%"]);
    let summary = load(failing.addresses[0], "/", &["-n", "10"]);
    assert_eq!(summary["statuses"], json!({ "503": 10 }));
    assert_eq!((&summary["answered"], &summary["failed"]), (&10.into(), &0.into()));
    assert_eq!(summary["welcome"], 0);

    // The echo holds the header, so an answer without it would be shorter.
    let echo = Origins::start(1, &["--name", "e"]);
    let size = |arguments: &[&str]| {
        let all = [&["-n", "1"], arguments].concat();
        load(echo.addresses[0], "/echo", &all)["body_bytes"].as_u64().unwrap()
    };
    let field = r#",["x-a","bc"]"#.len() as u64;
    assert_eq!(size(&["-H", "X-A: bc"]), size(&[]) + field);
    // POST, a length of seven digits in the header, and the same in `body_length`.
    let upload = r#",["content-length","1048576"]"#.len() + "1048576".len() - 1 + "POST".len() - 3;
    assert_eq!(size(&["--body", "1MiB"]), size(&[]) + upload as u64);
}

#[test]
fn errors_are_told_apart() {
    // Bound and never listening: it refuses, and nobody else can be given its port.
    let held = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&held, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let refusing = SocketAddr::try_from(getsockname(&held).unwrap()).unwrap();
    let slow = Origins::start(1, &["--delay", "1h"]);
    let resetting = scripted(Script::new().reset());
    let closing = scripted(Script::new().close());
    let garbled = scripted(Script::new().send("SSH-2.0-OpenSSH_9.9\r\n\r\n").close());
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";
    let breaking = scripted(Script::new().send(half).close());
    for (address, kind) in [
        (refusing, "refused"),
        (slow.addresses[0], "timeout"),
        (resetting.address(), "reset"),
        (closing.address(), "reset"),
        (garbled.address(), "garbled"),
        (breaking.address(), "broken_body"),
    ] {
        let url = format!("http://{address}/");
        // Only the slow one needs a short timeout; for the others it is long on a busy machine.
        let timeout = if kind == "timeout" { "100ms" } else { "10s" };
        let ended = run(&["load", &url, "--json", "-q", "-n", "3", "--timeout", timeout]);
        let summary: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(summary["errors"][kind], 3, "{kind}: {summary}");
        assert_eq!(summary["failed"], 3);
        assert_eq!(ended.code, Some(1), "nothing was answered");
        assert!(ended.stderr.contains("answered nothing"));
    }
}

#[test]
fn a_kept_connection_that_was_closed_is_opened_again_without_an_error() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    let closing = scripted(Script::new().send(answer).close());
    let summary = load(closing.address(), "/", &["-n", "20", "-c", "1"]);
    assert_eq!((&summary["answered"], &summary["connections_opened"]), (&20.into(), &20.into()));
}

#[test]
fn the_table_says_what_the_json_says() {
    let origins = Origins::start(1, &["--name", "api"]);
    let url = format!("http://{}/", origins.addresses[0]);
    let table = run(&["load", &url, "-n", "1000"]).stdout;
    let row = |title: &str| {
        let row = table.lines().find(|line| line.starts_with(title));
        row.unwrap_or_else(|| panic!("no {title} in {table}"))
            .split_whitespace()
            .collect::<Vec<_>>()
    };
    assert_eq!(row("requests")[..2], ["requests", "1,000"]);
    assert_eq!(row("latency"), ["latency", "p50", "p90", "p99", "p99.9", "max"]);
    assert_eq!(row("status"), ["status", "200", "1,000", "100.00", "%"]);
    assert_eq!(row("origins")[..5], ["origins", "api", "1,000", "100.00", "%"]);
}

#[test]
fn ctrl_c_ends_early_and_still_sums_up() {
    let origins = Origins::start(1, &[]);
    let url = format!("http://{}/", origins.addresses[0]);
    let process = start(&["load", &url, "--duration", "1h", "--rate", "100", "--json"]);
    // The first line of its progress.
    process.wait_for_line("requests", LONG).unwrap();
    process.signal(Signal::INT).unwrap();
    let ended = end(process);
    assert_eq!(ended.code, Some(0));
    let summary: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(summary["answered"].as_u64().unwrap() > 50, "{summary}");
    assert!(summary["elapsed_seconds"].as_f64().unwrap() < 3000.0);
}

#[test]
fn a_reader_that_has_left_is_no_failure() {
    let origins = Origins::start(1, &[]);
    let url = format!("http://{}/", origins.addresses[0]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
        .args(["load", &url, "--json", "--quiet", "-n", "10"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &[][..]));
}

#[test]
fn wrong_usage_ends_with_2_and_a_name_without_address_with_1() {
    // A label of more than 63 letters is refused without asking the network.
    let nowhere = format!("http://{}.invalid/", "a".repeat(64));
    for (arguments, code, part) in [
        (&["load", "ftp://127.0.0.1/"][..], 2, "only http://"),
        (&["load", "127.0.0.1:80"], 2, "`http://127.0.0.1:80`"),
        (&["load", "http://127.0.0.1/", "--rate", "0"], 2, "above 0"),
        (&["load", &nowhere], 1, ".invalid` has no address"),
    ] {
        let ended = run(arguments);
        assert_eq!(ended.code, Some(code), "{arguments:?}");
        assert!(ended.stderr.contains(part), "{}", ended.stderr);
    }
}
