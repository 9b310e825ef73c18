//! Starts the real balancer for a scenario, and looks at it from outside; used by every module here.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use evenkeel_testkit::ports::free_port;
use evenkeel_testkit::{Client, Origin, Process, Request, Response, Script, get, wait_until};
use serde_json::Value;
use tempfile::TempDir;

/// A balancer that has printed its picture. Dropping it kills it.
pub(crate) struct Running {
    pub(crate) process: Process,
    /// Where its (only) listener listens.
    pub(crate) address: SocketAddr,
    /// Where its admin API listens.
    pub(crate) admin: SocketAddr,
    /// Where its config is, if it has one; goes with it.
    folder: Option<TempDir>,
}

/// What a run of the binary came to.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Running {
    /// `evenkeel serve` on a free port, with one worker, so that what is exact per worker is exact.
    pub(crate) fn serve(words: &[&str]) -> Self {
        let address = free_address();
        let listen = address.to_string();
        let line = ["serve", &listen, "--admin", "127.0.0.1:0", "--workers", "1"];
        Self::start(Command::new(BINARY).args(line).args(words), address)
    }

    /// `evenkeel run` from a file in which `{bind}` stands for a free address.
    pub(crate) fn from_toml(toml: &str) -> Self {
        Self::from_toml_with(1, toml)
    }

    /// The same with so many workers.
    pub(crate) fn from_toml_with(workers: usize, toml: &str) -> Self {
        let address = free_address();
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("evenkeel.toml");
        fs::write(&file, toml.replace("{bind}", &address.to_string()) + ADMIN).unwrap();
        let mut command = Command::new(BINARY);
        command.args(["run", "--workers", &workers.to_string(), "-c"]).arg(file);
        Self { folder: Some(directory), ..Self::start(&mut command, address) }
    }

    /// Its config file.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.as_ref().unwrap().path().join("evenkeel.toml")
    }

    /// Replaces its config as an editor does, in one move; with its own addresses as before.
    pub(crate) fn rewrite(&self, toml: &str) {
        let text = toml.replace("{bind}", &self.address.to_string()) + ADMIN;
        let draft = self.config().with_extension("draft");
        fs::write(&draft, text).unwrap();
        fs::rename(draft, self.config()).unwrap();
    }

    /// What the admin API answers to `method` on `path` with a body of JSON, which may be empty: the status, and JSON.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}",
            self.admin
        );
        let response = Client::connect(self.admin).unwrap().exchange(request.as_bytes(), LONG);
        let response = response.unwrap();
        (response.status, serde_json::from_slice(&response.body).unwrap_or_default())
    }

    /// Asks for a reload, which has to succeed; returns what it changed.
    pub(crate) fn reload(&self) -> Vec<String> {
        let (status, answer) = self.ask("POST", "/api/v1/reload", "");
        assert_eq!(status, 200, "{answer}");
        serde_json::from_value(answer["changes"].clone()).unwrap()
    }

    /// Starts `command`, which has to listen on `address`, and waits for its picture.
    pub(crate) fn start(command: &mut Command, address: SocketAddr) -> Self {
        Self::of(Process::spawn(command).unwrap(), address)
    }

    /// The balancer that `process` is, once it has printed its picture.
    pub(crate) fn of(process: Process, address: SocketAddr) -> Self {
        let line = process.wait_for_line("admin http://", LONG).unwrap();
        let word = line.split_whitespace().find_map(|word| word.strip_prefix("http://"));
        let admin = word.unwrap().parse().unwrap();
        Self { process, address, admin, folder: None }
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address).unwrap()
    }

    /// One GET on a connection of its own.
    pub(crate) fn get(&self, path: &str) -> Response {
        get(self.address, path).unwrap()
    }

    pub(crate) fn status(&self) -> Value {
        serde_json::from_slice(&get(self.admin, "/api/v1/status").unwrap().body).unwrap()
    }

    /// The endpoint at `position` in the first cluster, as the status has it.
    pub(crate) fn endpoint(&self, position: usize) -> Value {
        self.status()["clusters"][0]["endpoints"][position].clone()
    }

    pub(crate) fn wait_for_state(&self, position: usize, state: &str) {
        let reached = wait_until(LONG, || self.endpoint(position)["state"] == state);
        reached.unwrap_or_else(|error| panic!("{error}: {}", self.endpoint(position)));
    }

    /// The sum of all series of a metric that have `label`, such as `code_class="2xx"`; "" takes all.
    pub(crate) fn metric(&self, name: &str, label: &str) -> u64 {
        let text = get(self.admin, "/metrics").unwrap().text();
        let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
        let values = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
        values.sum()
    }

    pub(crate) fn wait_for_metric(&self, name: &str, label: &str, value: u64) {
        let reached = wait_until(LONG, || self.metric(name, label) == value);
        reached.unwrap_or_else(|error| {
            panic!("{name} {label} is {}, not {value}: {error}", self.metric(name, label))
        });
    }
}

/// Runs the binary to its end.
pub(crate) fn run(words: &[&str]) -> Ended {
    end(Process::spawn(Command::new(BINARY).args(words)).unwrap())
}

/// Waits for the end of a started process.
pub(crate) fn end(mut process: Process) -> Ended {
    let code = process.exit_status(LONG).unwrap_or_else(|error| {
        panic!("{error}: {}{}", process.stdout(), process.stderr());
    });
    Ended { code: code.code(), stdout: process.stdout(), stderr: process.stderr() }
}

/// Ends with `code` and with `part` on stderr.
#[track_caller]
pub(crate) fn expect_failure(ended: &Ended, code: i32, parts: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    for part in parts {
        assert!(ended.stderr.contains(part), "no {part:?} in {}", ended.stderr);
    }
}

/// An origin that answers everything with its name.
pub(crate) fn named(name: &'static str) -> Origin {
    Origin::start(move |_: &Request| Script::ok(name)).unwrap()
}

/// An origin that always plays the same.
pub(crate) fn scripted(script: Script) -> Origin {
    Origin::start(move |_: &Request| script.clone()).unwrap()
}

/// A `GET /` that keeps the connection.
pub(crate) const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n";

/// A free address that is told to the balancer, which may not listen on port 0.
pub(crate) fn free_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port().unwrap()))
}

/// An address that refuses connections.
pub(crate) fn refusing() -> String {
    free_address().to_string()
}

/// A directory that goes with the test, and a path in it.
pub(crate) fn in_new_directory(name: &str) -> io::Result<(TempDir, String)> {
    let directory = TempDir::new()?;
    let path = directory.path().join(name).display().to_string();
    Ok((directory, path))
}

/// Ends every config of [`Running::from_toml`].
const ADMIN: &str = "\n[admin]\nbind = \"127.0.0.1:0\"\n";

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_evenkeel");

/// Longer than anything here takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// What `evenkeel load --json` writes of half a minute, as far as `evenkeel simulate --measured` reads it.
pub(crate) const MEASURED: &str = r#"{
  "url": "http://127.0.0.1:8080/",
  "requests": 7000, "failed": 60, "statuses": { "200": 6930, "503": 10 },
  "latency_seconds": { "mean": 0.03, "p50": 0.02, "p90": 0.05, "p99": 0.2, "p99.9": 0.4, "max": 0.5 },
  "origins": { "s1": 2000, "s2": 500, "s3": 1500, "s4": 1500, "s5": 1440 },
  "step": 10.0,
  "series": [
    { "at": 0.0, "requests": 3000, "errors": 0, "mean": 0.02, "p50": 0.01, "p99": 0.1 },
    { "at": 10.0, "requests": 3000, "errors": 70, "mean": 0.04, "p50": 0.03, "p99": 0.4 },
    { "at": 20.0, "requests": 1000, "errors": 0, "mean": 0.02, "p50": 0.01, "p99": 0.1 }
  ]
}"#;
