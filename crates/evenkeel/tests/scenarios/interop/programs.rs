//! Finds and runs the programs of the interop tests; a test whose program is missing says so, and is skipped.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use evenkeel_testkit::{Process, skipped};

use crate::running::Ended;

/// The path of `name`, also where an ordinary user's search path does not look.
pub(crate) fn program(test: &str, name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // The last is where `cargo xtask test` puts what crates bring.
    let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/tools/cargo/bin");
    let others = ["/usr/sbin", "/usr/local/sbin", ours].map(PathBuf::from);
    let found = env::split_paths(&path).chain(others).map(|directory| directory.join(name));
    let found = found.into_iter().find(|path| path.is_file());
    if found.is_none() {
        skipped(test, &format!("{name} is not installed"));
    }
    found
}

/// Python with the packages of `requirements.txt`, as `cargo xtask test` installs it.
pub(super) fn python(test: &str) -> Option<Command> {
    let environment = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/python");
    // Written when all of them are there.
    if !environment.join("requirements-installed.txt").is_file() {
        skipped(test, "the Python packages of the tests are not installed");
        return None;
    }
    let mut command = Command::new(environment.join("bin/python"));
    // Nothing is written beside the scripts, and what is printed is seen at once.
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUNBUFFERED", "1");
    command.env("PYTHONPATH", script("")).current_dir(script(""));
    Some(command)
}

/// Node.
pub(super) fn node(test: &str) -> Option<Command> {
    Some(Command::new(program(test, "node")?))
}

/// The folder with the packages of npm that `npm/package.json` lists, as `cargo xtask test` installs them.
pub(super) fn packages(test: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/node");
    // Written when all of them are there.
    let is_installed = folder.join("requirements-installed.txt").is_file();
    if !is_installed {
        skipped(test, "the npm packages of the tests are not installed");
    }
    is_installed.then_some(folder)
}

/// The path of a script or page of the interop tests.
pub(super) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(name)
}

/// `first` and then `second`, unless `first` is missing: a test may say only once that it is skipped.
pub(crate) fn both<A, B>(first: Option<A>, second: impl FnOnce() -> Option<B>) -> Option<(A, B)> {
    first.and_then(|first| Some((first, second()?)))
}

/// Runs `command` to its end, which must be a success; returns what it printed.
#[track_caller]
pub(super) fn succeed(command: &mut Command) -> Ended {
    // No proxy of whoever runs the test.
    for variable in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(variable);
    }
    let mut process = Process::spawn(command).unwrap();
    let code = process.exit_status(VERY_LONG).unwrap_or_else(|error| {
        panic!("{error}: {command:?}\n{}\n{}", process.stdout(), process.stderr())
    });
    let ended = Ended { code: code.code(), stdout: process.stdout(), stderr: process.stderr() };
    assert_eq!(ended.code, Some(0), "{command:?}\n{}\n{}", ended.stdout, ended.stderr);
    ended
}

/// For programs that do a hundred requests and move some hundred MiB on a busy machine.
pub(super) const VERY_LONG: Duration = Duration::from_secs(90);
