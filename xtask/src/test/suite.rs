//! Runs the tests of packages, and scenarios that fail once more. Called by `cargo xtask test`.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::Stdio;

use super::report::{Counted, Tally, Verdict};
use super::results;
use crate::Outcome;
use crate::tools::cargo;

/// Every test of the project, doc tests included. If a few fail that talk with real processes, on a machine that others use, too, they are run once
/// more, alone. If they pass then they are unsteady, and the report says so: the test or the program is to be mended. What fails elsewhere is
/// wrong, even if a property holds for other random values.
pub(super) fn run_all() -> Outcome<Verdict> {
    let Ran { mut counted, failures } = test(WORKSPACE, &[])?;
    let tally = &mut counted.tally;
    if (1..=AGAIN_AT_MOST).contains(&failures.len()) && failures.len() == tally.failed {
        println!("\nonce more, each alone: {}\n", failures.join(", "));
        let names: Vec<&str> = failures.iter().map(String::as_str).collect();
        let again = test(&[WORKSPACE, SCENARIOS_ALONE, &names].concat(), &[])?.counted.tally;
        // What is not among the scenarios has not passed.
        if again.failed == 0 && again.passed >= names.len() {
            tally.passed += std::mem::take(&mut tally.failed);
            counted.unsteady = failures;
        }
    }
    Ok(Verdict::Counted(counted))
}

/// Every test of `packages`, which cannot fail by chance.
pub(super) fn run(packages: &[&str], environment: &[(&str, &str)]) -> Outcome<Verdict> {
    Ok(Verdict::Counted(test(packages, environment)?.counted))
}

struct Ran {
    counted: Counted,
    /// The names of the tests that failed.
    failures: Vec<String>,
}

fn test(words: &[&str], environment: &[(&str, &str)]) -> Outcome<Ran> {
    let skipped_file = Path::new("target/skipped.txt");
    fs::create_dir_all("target")?;
    fs::write(skipped_file, "")?;
    let mut test = cargo();
    test.args(["test", "--no-fail-fast"]).args(words).stdout(Stdio::piped());
    test.env(evenkeel_testkit::skip::SKIPPED_FILE, skipped_file.canonicalize()?);
    test.envs(environment.iter().copied());
    let mut child = test.spawn()?;
    let (mut tally, mut failures) = (Tally::default(), Vec::new());
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line?;
            io::stdout().write_all(&[line.as_slice(), b"\n"].concat())?;
            let line = String::from_utf8_lossy(&line);
            tally += results::parse_summary(&line).unwrap_or_default();
            failures.extend(results::parse_failure(&line).map(str::to_owned));
        }
    }
    let status = child.wait()?;
    if !status.success() && tally.failed == 0 {
        // It did not compile, or a test program died before its summary.
        tally.failed += 1;
    }
    let skipped = results::parse_skipped(&fs::read_to_string(skipped_file)?);
    Ok(Ran { counted: Counted { tally, skipped, ..Counted::default() }, failures })
}

/// With all packages the second time, too: they decide on the features of what is built.
const WORKSPACE: &[&str] = &["--workspace"];

/// The tests that run the real binary, one after the other; the names of some follow.
const SCENARIOS_ALONE: &[&str] = &["--test", "scenarios", "--", "--exact", "--test-threads", "1"];

/// More failures than this are no accident.
const AGAIN_AT_MOST: usize = 4;
