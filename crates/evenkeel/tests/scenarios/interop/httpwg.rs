//! The suite `httpwg`, which asks a server for what RFC 9113 says, one frame wrong at a time.

use std::process::Command;

use evenkeel_testkit::{Origin, Process, Request, Script};

use super::programs::{VERY_LONG, program};
use crate::running::Running;

#[test]
fn httpwg_finds_the_rules_of_http_2_kept() {
    let Some(httpwg) = program("httpwg_finds_the_rules_of_http_2_kept", "httpwg") else { return };
    let origin = Origin::start(|_: &Request| Script::ok("the body of an answer")).unwrap();
    let running = Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = [\"{}\"]\nhealth = false\n",
        origin.address()
    ));
    let mut command = Command::new(httpwg);
    command.args(["--address", &running.address.to_string()]);
    command.args(["--connect-timeout", "1000", "--frame-timeout", "1000"]);
    // It starts a server, and ends it: ours runs already.
    command.args(["--", "/bin/sleep", "600"]).env("SEQUENTIAL", "1").env("NO_COLOR", "1");
    let mut process = Process::spawn(&mut command).unwrap();
    process.exit_status(VERY_LONG).unwrap();
    let report = [process.stdout(), process.stderr()].concat();
    let passed = report.lines().filter_map(|line| line.split_once("Test passed: "));
    let passed: Vec<&str> = passed.map(|(_, name)| name.trim()).collect();
    let expected = passed.iter().filter(|name| !MAY_FAIL.contains(name)).count();
    assert_eq!(expected, TESTS - MAY_FAIL.len(), "{passed:#?}\n{report}");
}

/// How many there are.
const TESTS: usize = 107;

/// After a GOAWAY with a code that nobody knows it wants a PING answered. The library leaves whoever leaves with an error, and an unknown code is
/// none that says otherwise (RFC 9113 §7 lets it be treated as INTERNAL_ERROR).
const MAY_FAIL: &[&str] =
    &["RFC 9113 :: 7. error codes :: sends goaway frame with unknown error code"];
