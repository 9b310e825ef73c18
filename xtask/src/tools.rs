//! Finds the programs that the other commands need; what is missing is installed by [`debian`], [`node`] and [`python`].

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;

mod debian;
mod node;
mod python;

use crate::Outcome;

pub(crate) use debian::install_missing;
pub(crate) use node::install_packages;
pub(crate) use python::{from_python, install_requirements, install_requirements_of_python2};

/// The path of `program`: what the environment variable of its name says, or the search path.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    if let Some(path) = env::var_os(variable(program)) {
        return Some(path.into());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    // Debian keeps daemons where an ordinary user's path does not look.
    let others = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let ours = Path::new(python::ENVIRONMENT).join("bin");
    let directories = env::split_paths(&path).chain(others).chain([ours]);
    directories.map(|directory| directory.join(program)).find(|path| path.is_file())
}

/// The path of `program`, or an error that says how to get it.
pub(crate) fn require(program: &str) -> Outcome<PathBuf> {
    Ok(find(program).ok_or_else(|| not_installed(&[program]))?)
}

/// Installs those of `programs` that are missing, if it may; an error says how to get what cannot be had so.
pub(crate) fn require_all(programs: &BTreeSet<&str>) -> Outcome<()> {
    let programs: Vec<&str> = programs.iter().copied().collect();
    match install_missing(&programs).as_slice() {
        [] => Ok(()),
        missing => Err(not_installed(missing).into()),
    }
}

fn not_installed(programs: &[&str]) -> String {
    let variables: Vec<String> = programs.iter().map(|program| variable(program)).collect();
    let (names, variables) = (programs.join(", "), variables.join(", "));
    match programs {
        [_] => format!("{names} is not installed; install it, or name its path in {variables}"),
        _ => {
            format!("{names} are not installed; install them, or name their paths in {variables}")
        }
    }
}

/// Names the path of `program`, if it is set.
fn variable(program: &str) -> String {
    program.to_uppercase().replace('-', "_")
}

/// A program that a crate of its own name brings: installed already, or put into a folder of its own if
/// that is allowed.
pub(crate) fn from_cargo(program: &str, may_install: bool) -> Outcome<PathBuf> {
    from_crate(program, program, may_install)
}

/// The same of a crate with another name.
pub(crate) fn from_crate(name: &str, program: &str, may_install: bool) -> Outcome<PathBuf> {
    if let Some(program) = find(program) {
        return Ok(program);
    }
    let path = Path::new(CARGO_TOOLS).join("bin").join(program);
    if may_install && !path.is_file() {
        println!("installing {program}");
        let install = ["install", "--quiet", "--locked", name, "--root", CARGO_TOOLS];
        succeed(cargo().args(install))?;
    }
    if path.is_file() { Ok(path) } else { Err(format!("{program} is not installed").into()) }
}

/// Installs what the package in this folder of ours brings, as it is now. It is no member of the workspace, and built in a folder of its own.
pub(crate) fn from_folder(folder: &str) -> Outcome<()> {
    let mut install = cargo();
    install.args(["install", "--quiet", "--locked", "--debug", "--path", folder]);
    let name = Path::new(folder).file_name().unwrap_or_default();
    let build = Path::new("target/tools").join(name);
    succeed(install.args(["--root", CARGO_TOOLS, "--target-dir"]).arg(build))
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// What this machine is called as a target.
pub(crate) fn host() -> Outcome<String> {
    let output = Command::new("rustc").args(["--print", "host-tuple"]).output()?;
    let host = String::from_utf8(output.stdout)?.trim().to_owned();
    if host.is_empty() { Err("rustc does not say what machine this is".into()) } else { Ok(host) }
}

/// Has `folder` for this process alone, among those who ask for it, as long as what this returns lives. Who comes second waits.
pub(crate) fn alone_in(folder: &Path) -> Outcome<File> {
    fs::create_dir_all(folder)?;
    let lock = File::open(folder)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            eprintln!("waits for another xtask to be done in {}", folder.display());
            lock.lock()?;
        }
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    Ok(lock)
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

const CARGO_TOOLS: &str = "target/tools/cargo";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_missing_is_said_at_once() {
        let one = "wrk is not installed; install it, or name its path in WRK";
        assert_eq!(not_installed(&["wrk"]), one);
        let two =
            "ab, gnutls-cli are not installed; install them, or name their paths in AB, GNUTLS_CLI";
        assert_eq!(not_installed(&["ab", "gnutls-cli"]), two);
    }
}
