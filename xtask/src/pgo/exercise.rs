//! What the instrumented binary does so that there is a profile of it: the benchmarks, and what they leave out.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use evenkeel_testkit::{Process, ports, wait_until};

use super::profiles::Profiles;
use crate::Outcome;
use crate::bench::profiled;
use crate::tools::succeed;

/// Runs all of it. Each process writes what it has done to a file of its own in `folder` when it ends; one that does not is an error.
pub(super) fn run(binary: &Path, folder: &Path) -> Outcome<()> {
    let exercise = Exercise { binary, profiles: Profiles::within(folder) };
    exercise.benchmarks()?;
    println!("and what they leave out");
    exercise.rest(&folder.with_extension("toml"))
}

struct Exercise<'a> {
    binary: &'a Path,
    profiles: Profiles,
}

impl Exercise<'_> {
    fn benchmarks(&self) -> Outcome<()> {
        for (name, mut bench) in profiled::commands()? {
            println!("{name}, for the profile");
            let done = succeed(self.profiles.set(&mut bench).env("EVENKEEL", self.binary));
            done.map_err(|error| format!("{name}, for the profile: {error}"))?;
        }
        Ok(())
    }

    /// The rest, by a balancer whose config is written to `file`.
    fn rest(&self, file: &Path) -> Outcome<()> {
        let ports = ports::free_ports()?.map(|port: u16| port.to_string());
        fs::write(file, config(&ports))?;
        let [web, stream, a, b, _] = &ports;
        let file = file.display().to_string();
        let mut origins = self.start(&["origin", a, b, "--delay", "1ms"])?;
        let mut balancer = self.start(&["run", "--workers", "1", "-c", &file])?;
        for port in [a, b, web, stream] {
            let address = (Ipv4Addr::LOCALHOST, port.parse::<u16>()?);
            let listens = wait_until(START_WITHIN, || TcpStream::connect(address).is_ok());
            listens.map_err(|error| format!("port {port}: {error}: {}", balancer.stderr()))?;
        }
        self.loads(web, stream)?;
        self.profiles.end(&mut balancer, "evenkeel run")?;
        self.profiles.end(&mut origins, "evenkeel origin")
    }

    /// One after the other.
    fn loads(&self, web: &str, stream: &str) -> Outcome<()> {
        for (port, path, more) in LOADS {
            let port = if *port == "stream" { stream } else { web };
            let url = format!("http://127.0.0.1:{port}{path}");
            let load = ["load", &url, "--quiet", "--duration", "2s", "--connections", "32"];
            let mut load = self.start(&[&load, *more].concat())?;
            self.profiles.wait(&mut load, &format!("evenkeel load {url}"))?;
        }
        Ok(())
    }

    fn start(&self, arguments: &[&str]) -> Outcome<Process> {
        let mut command = Command::new(self.binary);
        Ok(Process::spawn(self.profiles.set(command.args(arguments)))?)
    }
}

/// With these ports in it.
fn config(ports: &[String; 5]) -> String {
    let fill = |config: String, (name, port): (&&str, &String)| config.replace(name, port);
    PORTS.iter().zip(ports).fold(CONFIG.to_owned(), fill)
}

/// Which of the listeners, what is asked for there, and what else `evenkeel load` is told.
const LOADS: &[(&str, &str, &[&str])] = &[
    ("web", "/", &[]),
    ("web", "/", &["--body", "64KiB"]),
    ("web", "/app/one", &["--header", "Host: a.test", "--header", "Cookie: theme=dark; id=1"]),
    ("web", "/hash/one", &["--header", "User-Agent: exercise", "--header", "Accept: */*"]),
    ("web", "/none", &["--header", "Host: other.test"]),
    ("stream", "/", &[]),
];

/// As [`CONFIG`] calls them.
const PORTS: [&str; 5] = ["{web}", "{stream}", "{a}", "{b}", "{dead}"];

const CONFIG: &str = r#"
[listener.web]
bind = "127.0.0.1:{web}"
rate_limit = "100000/s"
to = "plain"

[listener.stream]
bind = "127.0.0.1:{stream}"
protocol = "tcp"
to = "plain"

[[route]]
listener = "web"
host = "a.test"
path = "/app/*"
to = { sticky = 90, plain = 10 }

[[route]]
listener = "web"
path = "/hash/*"
to = "hash"
rate_limit = { rate = "100000/s", key = ["header:user-agent", "path"] }

[cluster.plain]
endpoints = ["127.0.0.1:{a}", "127.0.0.1:{b}", "127.0.0.1:{dead}"]
balance = "least-request"
health = "/health"

[cluster.sticky]
endpoints = ["127.0.0.1:{a}", "127.0.0.1:{b}"]
sticky = { cookie = "session" }

[cluster.hash]
endpoints = ["127.0.0.1:{a}", "127.0.0.1:{b}"]
balance = "maglev"

[admin]
bind = false

[log]
access = { path = "/dev/null" }
"#;

const START_WITHIN: Duration = Duration::from_secs(20);
