//! Runs the tests of packages, and those that fail once more. Called by `cargo xtask test`.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::Stdio;

use super::report::{Counted, Tally, Verdict};
use super::results;
use crate::Outcome;
use crate::tools::cargo;

/// More failures than this are no accident.
const AGAIN_AT_MOST: usize = 4;

/// Every test of `packages`, doc tests included. The few that fail are run once more, alone: most of them talk with real processes on a
/// machine that others use, too. One that passes then is unsteady, and the report says so: the test or the program is to be mended.
pub(super) fn run(packages: &[&str], environment: &[(&str, &str)]) -> Outcome<Verdict> {
    let skipped_file = Path::new("target/skipped.txt");
    fs::create_dir_all("target")?;
    fs::write(skipped_file, "")?;
    let skipped_path = skipped_file.canonicalize()?.display().to_string();
    let environment = &[environment, &[(SKIPPED_FILE, &skipped_path)]].concat();
    let mut ran = test(packages, &[], environment)?;
    let mut unsteady = Vec::new();
    if (1..=AGAIN_AT_MOST).contains(&ran.failures.len()) && ran.failures.len() == ran.tally.failed {
        println!("\nonce more, each alone: {}\n", ran.failures.join(", "));
        let names: Vec<&str> = ran.failures.iter().map(String::as_str).collect();
        let alone = [&["--exact", "--test-threads", "1"], &names[..]].concat();
        let again = test(packages, &alone, environment)?;
        if again.tally.failed == 0 && again.tally.passed >= names.len() {
            ran.tally.passed += std::mem::take(&mut ran.tally.failed);
            unsteady = ran.failures;
        }
    }
    let skipped = results::parse_skipped(&fs::read_to_string(skipped_file)?);
    Ok(Verdict::Counted(Counted { tally: ran.tally, skipped, unsteady }))
}

#[derive(Default)]
struct Ran {
    tally: Tally,
    /// The names of the tests that failed.
    failures: Vec<String>,
}

fn test(packages: &[&str], options: &[&str], environment: &[(&str, &str)]) -> Outcome<Ran> {
    let mut test = cargo();
    test.args(["test", "--no-fail-fast"]).args(packages).arg("--").args(options);
    let mut child = test.envs(environment.iter().copied()).stdout(Stdio::piped()).spawn()?;
    let mut ran = Ran::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line?;
            io::stdout().write_all(&[line.as_slice(), b"\n"].concat())?;
            let line = String::from_utf8_lossy(&line);
            ran.tally += results::parse_summary(&line).unwrap_or_default();
            ran.failures.extend(results::parse_failure(&line).map(str::to_owned));
        }
    }
    let status = child.wait()?;
    if !status.success() && ran.tally.failed == 0 {
        // It did not compile, or a test program died before its summary.
        ran.tally.failed += 1;
    }
    Ok(ran)
}

const SKIPPED_FILE: &str = evenkeel_testkit::skip::SKIPPED_FILE;
