//! A network of our own, with an origin at the other end of a cable that can be pulled: what is sent then vanishes, and nobody
//! says so. Called by `stage`, within what [`play`] starts.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Play;
use super::report;
use super::row::Row;
use super::scenario::Scenario;
use crate::Outcome;
use crate::bench::contender::Contender;
use crate::tools::{require, succeed};

/// Plays `scenario` in a network of its own, by another process of this program.
pub(super) fn play(scenario: &Scenario, contender: Contender, play: &Play<'_>) -> Outcome<Row> {
    if let Err(error) = can_be_had() {
        let why = format!("there is no network of its own to be had here: {error}");
        return Ok(Row::skipped(scenario, contender, &why));
    }
    let form = if play.pace.is_long { "long" } else { "short" };
    let who = contender.program_name();
    let written = format!("target/faults/{form}/{}-{who}.json", scenario.name);
    // Left by an earlier run.
    drop(fs::remove_file(&written));
    fs::create_dir_all(Path::new(&written).parent().ok_or("no folder")?)?;
    let mut command = Command::new(require("unshare")?);
    command.args(["--user", "--map-root-user", "--net", "--"]).arg(super::own_program()?);
    command.args(["faults", "--only", scenario.name, "--json", &written]);
    command.args(["--inside", who]).env("EVENKEEL", play.evenkeel);
    if play.pace.is_long {
        command.arg("--long");
    }
    let output = command.output()?;
    let Ok(text) = fs::read_to_string(&written) else {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("it ended with {}: {said}", output.status).into());
    };
    report::read_row(scenario, contender, &serde_json::from_str(&text)?)
}

fn can_be_had() -> Outcome<()> {
    let mut command = Command::new(require("unshare")?);
    command.args(["--user", "--map-root-user", "--net", "--", "unshare", "--net"]);
    require("nsenter")?;
    let mut command = {
        command.arg(require("ip")?);
        command
    };
    succeed(command.args(["link", "show"]).stdout(Stdio::null()).stderr(Stdio::null()))
}

/// Connects us with the process `pid`, which has a network of its own. We have one, too.
pub(super) fn lay(pid: u32) -> Outcome<()> {
    ip(&["link", "set", "lo", "up"])?;
    ip(&["link", "add", "near", "type", "veth", "peer", "name", "far", "netns", &pid.to_string()])?;
    ip(&["address", "add", &format!("{NEAR}/30"), "dev", "near"])?;
    ip(&["link", "set", "near", "up"])?;
    far_ip(pid, &["address", "add", &format!("{FAR}/30"), "dev", "far"])?;
    plug(pid, true)
}

/// Pulls the cable at its far end, or plugs it in.
pub(super) fn plug(pid: u32, plugged: bool) -> Outcome<()> {
    far_ip(pid, &["link", "set", "far", if plugged { "up" } else { "down" }])
}

fn ip(words: &[&str]) -> Outcome<()> {
    succeed(Command::new(require("ip")?).args(words))
}

fn far_ip(pid: u32, words: &[&str]) -> Outcome<()> {
    let mut command = Command::new(require("nsenter")?);
    command.args(["--net", "--target", &pid.to_string()]).arg(require("ip")?);
    succeed(command.args(words))
}

const NEAR: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);

/// Where the origin at the far end is.
pub(super) const FAR: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 2);
