//! Starts the real binary for a scenario, and ends it with the test; used by `origin` and `load`.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use evenkeel_testkit::Process;

/// A running `evenkeel origin`. Dropping it kills it.
pub(crate) struct Origins {
    pub(crate) process: Process,
    /// Where they listen, in the order of their ports.
    pub(crate) addresses: Vec<SocketAddr>,
}

impl Origins {
    /// Starts `count` origins on free ports, and returns when they listen.
    pub(crate) fn start(count: usize, arguments: &[&str]) -> Origins {
        let ports = vec!["0"; count];
        let process = start(&[&["origin"], &ports[..], arguments].concat());
        process.wait_for_lines("listening on", count, LONG).unwrap();
        let printed = process.stdout();
        let words = printed.split_whitespace();
        let addresses = words.filter_map(|word| word.strip_prefix("http://")?.parse().ok());
        let addresses: Vec<SocketAddr> = addresses.collect();
        assert_eq!(addresses.len(), count, "{printed}");
        Origins { process, addresses }
    }
}

/// What a run of the binary came to.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Starts the binary.
pub(crate) fn start(arguments: &[&str]) -> Process {
    Process::spawn(Command::new(env!("CARGO_BIN_EXE_evenkeel")).args(arguments)).unwrap()
}

/// Runs the binary to its end.
pub(crate) fn run(arguments: &[&str]) -> Ended {
    end(start(arguments))
}

/// Waits for the end of a started one.
pub(crate) fn end(mut process: Process) -> Ended {
    let code = process.exit_status(LONG).unwrap().code();
    Ended { code, stdout: process.stdout(), stderr: process.stderr() }
}

/// Longer than anything here takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(30);
