//! Runs every fuzz target for a short while, from the corpus in the repository. Called by `cargo xtask test --full`; without that, only whether
//! they compile is looked at.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::report::{Tally, Verdict};
use crate::Outcome;
use crate::tools::{self, succeed};

/// Nothing else compiles them: they are a workspace of their own, in which a field that is new would be missed until somebody fuzzes.
pub(super) fn check() -> Outcome<Verdict> {
    if let Err(error) = tools::require("c++") {
        return Ok(Verdict::Skipped(error.to_string()));
    }
    let mut check = tools::cargo();
    check.args(["check", "--bins", "--locked", "--manifest-path", "fuzz/Cargo.toml"]);
    succeed(check.args(["--target-dir", TARGET]))?;
    Ok(Verdict::Passed)
}

/// Builds all targets, then runs one after the other. What makes one fail is kept in [`KEPT`].
pub(super) fn run(may_install: bool) -> Outcome<Verdict> {
    let program = match cargo_fuzz(may_install) {
        Ok(program) => program,
        Err(error) => return Ok(Verdict::Skipped(error.to_string())),
    };
    succeed(&mut command(&program, "build", &[]))?;
    let mut tally = Tally::default();
    for target in targets()? {
        println!("--- {target}");
        match short_run(&program, &target) {
            Ok(()) => tally.passed += 1,
            Err(error) => {
                tally.failed += 1;
                println!("--- {target}: {error}; the input is kept in {KEPT}/{target}");
            }
        }
    }
    Ok(Verdict::Counted(tally.into()))
}

/// The targets are the folders of the corpus: one without a corpus would begin with nothing each time.
fn targets() -> Outcome<Vec<String>> {
    let mut targets = Vec::new();
    for entry in fs::read_dir(CORPUS)? {
        targets.push(entry?.file_name().to_string_lossy().into_owned());
    }
    targets.sort();
    Ok(targets)
}

fn short_run(program: &Path, target: &str) -> Outcome<()> {
    // libFuzzer writes what it finds into the first folder, so the repository's stays as it is.
    let found = format!("{FOUND}/{target}");
    fs::create_dir_all(&found)?;
    let corpus = format!("{CORPUS}/{target}");
    let mut run = command(program, "run", &[target, &found, &corpus, "--"]);
    succeed(run.args(LIMITS).arg(format!("-dict={}", dictionary(target))))
}

/// A target that reads something else than HTTP has a dictionary of its own.
fn dictionary(target: &str) -> String {
    let own = format!("fuzz/{target}.dict");
    if Path::new(&own).is_file() { own } else { "fuzz/http1.dict".to_owned() }
}

/// The one toolchain that builds all else has what is needed, but behind a switch that is meant for nightly ones only.
fn command(program: &Path, action: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.env("RUSTC_BOOTSTRAP", "1").args(["fuzz", action, "--target-dir", TARGET]);
    command.args(arguments);
    command
}

/// `cargo-fuzz`: installed already, or put into a folder of its own.
fn cargo_fuzz(may_install: bool) -> Outcome<PathBuf> {
    tools::require("c++")?;
    tools::from_cargo("cargo-fuzz", may_install)
}

/// For each target: long enough to notice what a change has broken, and a bound for each input.
const LIMITS: [&str; 5] = [
    "-max_total_time=20",
    "-max_len=4096",
    "-timeout=20",
    "-len_control=20",
    "-print_final_stats=1",
];

/// Apart from all else, which is built with other flags.
const TARGET: &str = "target/fuzz";

const CORPUS: &str = "fuzz/corpus";

const FOUND: &str = "target/fuzz/found";

/// Where cargo-fuzz keeps what makes a target fail.
const KEPT: &str = "fuzz/artifacts";
