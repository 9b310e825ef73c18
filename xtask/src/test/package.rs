//! Installs the Debian package into an empty folder, runs what is in it, and purges it. Called by `cargo xtask test --full`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::report::Verdict;
use crate::Outcome;
use crate::package;
use crate::tools::{find, require, succeed};

/// The release binary has to be built.
pub(super) fn run(may_install: bool) -> Outcome<Verdict> {
    let cargo_deb = match package::cargo_deb(may_install) {
        Ok(cargo_deb) => cargo_deb,
        Err(error) => return Ok(Verdict::Skipped(error.to_string())),
    };
    let package = package::debian(&cargo_deb, Path::new(package::RELEASE_BINARY), Path::new(MADE))?;
    if !rustix::process::geteuid().is_root() {
        return Ok(Verdict::Skipped("only root can install a package".to_owned()));
    }
    if let Err(error) = require("systemd-sysusers") {
        return Ok(Verdict::Skipped(error.to_string()));
    }
    let root = new_root()?;
    install(&root, &package)?;
    let evenkeel = root.join("usr/bin/evenkeel");
    succeed(Command::new(&evenkeel).arg("--version"))?;
    let config = root.join("etc/evenkeel/evenkeel.toml");
    succeed(Command::new(&evenkeel).args(["check", "-c"]).arg(&config))?;
    has_user(&root)?;
    unit_is_right(&root)?;
    purge(&root)?;
    Ok(Verdict::Passed)
}

/// An empty machine, as far as dpkg is concerned: the one that we run on stays as it is.
fn new_root() -> Outcome<PathBuf> {
    // Left by an earlier run.
    drop(fs::remove_dir_all(ROOT));
    fs::create_dir_all(Path::new(ROOT).join("var/lib/dpkg"))?;
    fs::write(Path::new(ROOT).join("var/lib/dpkg/status"), "")?;
    Ok(fs::canonicalize(ROOT)?)
}

fn install(root: &Path, package: &Path) -> Outcome<()> {
    // What it depends on is not in there, but on this machine.
    succeed(dpkg(root).args(["--force-depends", "--install"]).arg(package))
}

/// Maintainer scripts are run from outside, because there is no shell inside; they honour `DPKG_ROOT`.
fn dpkg(root: &Path) -> Command {
    let mut dpkg = Command::new("dpkg");
    dpkg.arg("--root").arg(root).arg("--force-script-chrootless");
    dpkg
}

fn has_user(root: &Path) -> Outcome<()> {
    let users = fs::read_to_string(root.join("etc/passwd"))?;
    match users.lines().any(|line| line.starts_with("evenkeel:")) {
        true => Ok(()),
        false => Err("the package has made no user".into()),
    }
}

/// As far as this machine's systemd can tell.
fn unit_is_right(root: &Path) -> Outcome<()> {
    let Some(program) = find("systemd-analyze") else {
        println!("systemd-analyze is not installed, so nobody has read the unit");
        return Ok(());
    };
    let installed = fs::read_to_string(root.join("usr/lib/systemd/system/evenkeel.service"))?;
    // It is read as if it were this machine's, whose other units it refers to; but what it starts is not in this machine's /usr/bin.
    let unit = root.join("evenkeel.service");
    let binary = root.join("usr/bin/evenkeel").display().to_string();
    fs::write(&unit, installed.replace("/usr/bin/evenkeel", &binary))?;
    succeed(Command::new(&program).args(["verify", "--man=no"]).arg(&unit))?;
    let mut security = Command::new(&program);
    security.args(["security", "--no-pager", "--offline=true", EXPOSURE_MAX]).arg(unit);
    succeed(&mut security)
}

fn purge(root: &Path) -> Outcome<()> {
    succeed(dpkg(root).args(["--purge", "evenkeel"]))?;
    for left in ["usr/bin/evenkeel", "etc/evenkeel", "usr/lib/systemd/system/evenkeel.service"] {
        if root.join(left).exists() {
            return Err(format!("the package leaves {left} behind").into());
        }
    }
    Ok(fs::remove_dir_all(root)?)
}

const MADE: &str = "target/package/tested";

const ROOT: &str = "target/package/root";

/// Tenths of systemd's measure: what the unit's own comment says.
const EXPOSURE_MAX: &str = "--threshold=15";
