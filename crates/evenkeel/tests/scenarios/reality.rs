//! What is simulated beside what real processes do: origins, the balancer and the load client play the scenario that the
//! simulator is then asked about.

use std::fs;
use std::process::Command;

use evenkeel_testkit::Process;
use serde_json::Value;
use tempfile::TempDir;

use crate::running::{BINARY, LONG, Running, run};

/// What happens, in both.
const EVENT: &str = "slow s2@1s..3s=x8";

#[test]
fn the_simulator_says_what_real_processes_then_do() {
    let origins = origins();
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

/// Three in one process, which takes its time as the simulated ones do.
struct Origins {
    _process: Process,
    addresses: Vec<String>,
}

fn origins() -> Origins {
    let line = "origin 0 0 0 --name s --delay 40ms --delay-distribution exponential --concurrency 4 --queue 1000 --event";
    let mut command = Command::new(BINARY);
    let process = Process::spawn(command.args(line.split(' ')).arg(EVENT)).unwrap();
    process.wait_for_lines("listening on", 3, LONG).unwrap();
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
    let ended = run(&words);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}
