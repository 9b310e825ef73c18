//! Finds the programs that the other commands need; what is missing is installed by [`debian`] and [`python`].

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

mod debian;
mod python;

use crate::Outcome;

pub(crate) use debian::install_missing;
pub(crate) use python::{from_python, install_requirements, install_requirements_of_python2};

/// The path of `program`: what the environment variable of its name says, or the search path.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let variable = program.to_uppercase().replace('-', "_");
    if let Some(path) = env::var_os(variable) {
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
    let variable = program.to_uppercase().replace('-', "_");
    let missing = format!("{program} is not installed; install it, or name its path in {variable}");
    Ok(find(program).ok_or(missing)?)
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

const CARGO_TOOLS: &str = "target/tools/cargo";
