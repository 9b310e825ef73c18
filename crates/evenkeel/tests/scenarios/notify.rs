//! What the service manager is told, as systemd would hear it: readiness, reloads, the end, and signs of life.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::Command;

use evenkeel_testkit::process::Signal;
use evenkeel_testkit::{Client, Process};
use tempfile::TempDir;

use crate::running::{
    BINARY, LONG, Running, end, expect_failure, free_address, in_new_directory, named,
};

/// What listens where `NOTIFY_SOCKET` says.
struct Manager {
    socket: UnixDatagram,
    path: String,
    _directory: TempDir,
}

impl Manager {
    fn new() -> Self {
        let (directory, path) = in_new_directory("notify").unwrap();
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(LONG)).unwrap();
        Self { socket, path, _directory: directory }
    }

    /// `evenkeel serve`, which tells us how it is.
    fn serve(&self, endpoint: &str) -> Running {
        let address = free_address();
        let mut command = Command::new(BINARY);
        command.args(["serve", &address.to_string(), endpoint, "--admin", "127.0.0.1:0"]);
        Running::start(command.env("NOTIFY_SOCKET", &self.path), address)
    }

    /// The next message, line by line.
    fn next(&self) -> Vec<String> {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).lines().map(str::to_owned).collect()
    }
}

#[test]
fn it_is_ready_as_soon_as_its_listeners_accept() {
    let (manager, address) = (Manager::new(), free_address());
    let mut command = Command::new(BINARY);
    command.args(["serve", &address.to_string(), "9001", "--admin", "off"]);
    let _process = Process::spawn(command.env("NOTIFY_SOCKET", &manager.path)).unwrap();
    assert_eq!(manager.next(), ["READY=1", &format!("STATUS=accepting on {address}")]);
    Client::connect(address).unwrap();
}

#[test]
fn a_config_that_cannot_be_used_is_never_ready() {
    let (manager, (_directory, file)) = (Manager::new(), in_new_directory("wrong.toml").unwrap());
    fs::write(&file, "nothing").unwrap();
    let mut command = Command::new(BINARY);
    command.args(["run", "-c", &file]).env("NOTIFY_SOCKET", &manager.path);
    expect_failure(&end(Process::spawn(&mut command).unwrap()), 78, &["wrong.toml"]);
    manager.socket.set_nonblocking(true).unwrap();
    assert!(manager.socket.recv(&mut [0; 1]).is_err());
}

#[test]
fn a_hangup_is_answered_with_a_reload_and_its_outcome() {
    let (manager, origin) = (Manager::new(), named("a"));
    let running = manager.serve(&origin.address().to_string());
    manager.next();
    running.process.signal(Signal::HUP).unwrap();
    let begun = manager.next();
    assert_eq!((begun[0].as_str(), begun[2].as_str()), ("RELOADING=1", "STATUS=reloading"));
    let time = begun[1].strip_prefix("MONOTONIC_USEC=").unwrap();
    assert!(time.parse::<u64>().unwrap() > 0);
    let over = manager.next();
    assert_eq!((over.len(), over[0].as_str()), (2, "READY=1"));
    // There is no file to read.
    assert!(over[1].starts_with("STATUS=reload refused, what was in force still is: "), "{over:?}");
}

#[test]
fn a_reload_that_changes_nothing_is_over_too() {
    let (manager, address) = (Manager::new(), free_address());
    let (_directory, file) = in_new_directory("evenkeel.toml").unwrap();
    let toml =
        format!("[listener.web]\nbind = \"{address}\"\nto = \"9001\"\n[admin]\nbind = false\n");
    fs::write(&file, toml).unwrap();
    let mut command = Command::new(BINARY);
    command.args(["run", "-c", &file]).env("NOTIFY_SOCKET", &manager.path);
    let process = Process::spawn(&mut command).unwrap();
    assert_eq!(manager.next()[0], "READY=1");
    process.signal(Signal::HUP).unwrap();
    assert_eq!(manager.next()[0], "RELOADING=1");
    assert_eq!(manager.next(), ["READY=1", "STATUS=reloaded, nothing is different"]);
}

#[test]
fn a_drain_says_that_it_stops_and_asks_for_the_time_it_needs() {
    let (manager, origin) = (Manager::new(), named("a"));
    let running = manager.serve(&origin.address().to_string());
    manager.next();
    running.process.signal(Signal::TERM).unwrap();
    let status = "STATUS=draining: waiting for 0 exchanges, at most 30 s";
    assert_eq!(manager.next(), ["STOPPING=1", "EXTEND_TIMEOUT_USEC=35000000", status]);
    assert_eq!(end(running.process).code, Some(0));
}

#[test]
fn a_watchdog_hears_from_it_again_and_again_until_it_ends() {
    let (manager, address) = (Manager::new(), free_address());
    let mut command = Command::new(BINARY);
    command.args(["serve", &address.to_string(), "9001", "--admin", "off", "--workers", "3"]);
    command.env("NOTIFY_SOCKET", &manager.path).env("WATCHDOG_USEC", "1000000");
    let process = Process::spawn(&mut command).unwrap();
    assert_eq!(manager.next()[0], "READY=1");
    for _ in 0..4 {
        assert_eq!(manager.next(), ["WATCHDOG=1"]);
    }
    process.signal(Signal::TERM).unwrap();
    let mut told = manager.next();
    while told == ["WATCHDOG=1"] {
        told = manager.next();
    }
    assert_eq!(told[0], "STOPPING=1");
}
