//! Finds the programs that the other commands need, and installs what is missing where it may.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;

/// The path of `program`: what the environment variable of its name says, or the search path.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let variable = program.to_uppercase().replace('-', "_");
    if let Some(path) = env::var_os(variable) {
        return Some(path.into());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    // Debian keeps daemons where an ordinary user's path does not look.
    let others = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let ours = Path::new(PYTHON).join("bin");
    let directories = env::split_paths(&path).chain(others).chain([ours]);
    directories.map(|directory| directory.join(program)).find(|path| path.is_file())
}

/// The path of `program`, or an error that says how to get it.
pub(crate) fn require(program: &str) -> Outcome<PathBuf> {
    let variable = program.to_uppercase().replace('-', "_");
    let missing = format!("{program} is not installed; install it, or name its path in {variable}");
    Ok(find(program).ok_or(missing)?)
}

/// Installs those of `programs` that are missing, from Debian packages of the same names.
/// Returns what is still missing afterwards.
pub(crate) fn install_missing<'a>(programs: &[&'a str]) -> Vec<&'a str> {
    let missing = || -> Vec<&'a str> {
        programs.iter().copied().filter(|program| find(program).is_none()).collect()
    };
    let wanted = missing();
    if wanted.is_empty() || !may_install() {
        return wanted;
    }
    eprintln!("installing {}", wanted.join(", "));
    // The lists of a fresh container are empty or stale.
    if !apt_install(&wanted) && apt_get(&["update"]) {
        apt_install(&wanted);
    }
    missing()
}

/// A program from a Python package, in an environment of its own under `target`.
pub(crate) fn from_python(package: &str, program: &str) -> Outcome<PathBuf> {
    if let Some(path) = find(program) {
        return Ok(path);
    }
    eprintln!("installing {package}");
    let environment = Path::new(PYTHON);
    if !environment.join("bin/pip").is_file() {
        let python = require("python3")?;
        succeed(Command::new(python).args(["-m", "venv"]).arg(environment))?;
    }
    let mut pip = Command::new(environment.join("bin/pip"));
    succeed(pip.args(["install", "--quiet", "--disable-pip-version-check", package]))?;
    Ok(find(program).ok_or_else(|| format!("{package} brings no {program}"))?)
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// Runs `command` with its output shown; an exit code other than 0 is an error.
pub(crate) fn succeed(command: &mut Command) -> Outcome<()> {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or_default().display().to_string();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name}: {status}").into()),
        Err(error) => Err(format!("{name}: {error}").into()),
    }
}

fn may_install() -> bool {
    rustix::process::geteuid().is_root() && find("apt-get").is_some()
}

fn apt_install(packages: &[&str]) -> bool {
    apt_get(&[&["install", "--yes", "--no-install-recommends"], packages].concat())
}

fn apt_get(arguments: &[&str]) -> bool {
    let mut apt_get = Command::new("apt-get");
    apt_get.arg("--quiet=2").args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    succeed(&mut apt_get).is_ok()
}

/// The environment of [`from_python`].
const PYTHON: &str = "target/tools/python";
