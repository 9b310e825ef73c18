//! Adds up what the steps say, and prints it. Called by `cargo xtask test`.

use std::fmt;
use std::ops::AddAssign;
use std::time::Instant;

use crate::Outcome;

/// How one step ended.
pub(super) enum Verdict {
    Passed,
    /// It could not run, and why.
    Skipped(String),
    /// It ran many tests.
    Counted(Counted),
}

/// What came of many tests.
#[derive(Default)]
pub(super) struct Counted {
    pub(super) tally: Tally,
    /// Those that could not run, as `name: reason`. libtest believes that they passed, as one that skips itself returns.
    pub(super) skipped: Vec<String>,
    /// The names of those that failed, and passed when they were run again.
    pub(super) unsteady: Vec<String>,
}

impl From<Tally> for Counted {
    fn from(tally: Tally) -> Self {
        Self { tally, ..Self::default() }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) skipped: usize,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[derive(Default)]
pub(super) struct Report {
    /// What is in the names of the steps that are run; `None` for all.
    only: Option<String>,
    tally: Tally,
    failed: Vec<String>,
    skipped: Vec<String>,
    unsteady: Vec<String>,
}

impl Report {
    /// Of the steps that have `only` in their name, or of all.
    pub(super) fn new(only: Option<String>) -> Self {
        Self { only, ..Self::default() }
    }

    /// Runs a step under a headline. A failed one does not stop the next.
    pub(super) fn step(&mut self, name: &str, run: impl FnOnce() -> Outcome<Verdict>) {
        if self.only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            return;
        }
        println!("\n=== {name}");
        let started = Instant::now();
        let counted = self.add(name, run());
        println!("=== {name}: {counted} in {:.1} s", started.elapsed().as_secs_f64());
    }

    /// Prints what failed, what was skipped and what is unsteady, then the one closing line. Says if all was well.
    pub(super) fn close(&self) -> bool {
        println!();
        self.failed.iter().for_each(|line| println!("FAILED {line}"));
        self.skipped.iter().for_each(|line| println!("SKIPPED {line}"));
        self.unsteady.iter().for_each(|name| println!("UNSTEADY {name}: failed, and then passed"));
        println!("{}", self.tally);
        self.tally.failed == 0
    }

    fn add(&mut self, name: &str, ended: Outcome<Verdict>) -> Tally {
        let mut counted = Tally::default();
        match ended {
            Ok(Verdict::Passed) => counted.passed = 1,
            Ok(Verdict::Skipped(reason)) => {
                counted.skipped = 1;
                self.skipped.push(format!("{name}: {reason}"));
            }
            Ok(Verdict::Counted(Counted { tally, skipped, unsteady })) => {
                counted = tally;
                counted.passed = counted.passed.saturating_sub(skipped.len());
                counted.skipped += skipped.len();
                if tally.failed > 0 {
                    self.failed.push(format!("{name}: {} of them", tally.failed));
                }
                self.skipped.extend(skipped);
                self.unsteady.extend(unsteady);
            }
            Err(error) => {
                counted.failed = 1;
                self.failed.push(format!("{name}: {error}"));
            }
        }
        self.tally += counted;
        counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_add_up_and_skipped_tests_do_not_count_as_passed() {
        let mut report = Report::default();
        let tally = Tally { passed: 10, failed: 0, skipped: 1 };
        report.step("a", || Ok(Verdict::Passed));
        report.step("b", || Ok(Verdict::Skipped("absent".into())));
        let skipped = vec!["x: absent".into()];
        report.step("c", || Ok(Verdict::Counted(Counted { tally, skipped, ..Counted::default() })));
        assert!(report.close());
        assert_eq!(report.tally.to_string(), "10 passed, 0 failed, 3 skipped");
        assert_eq!(report.skipped, ["b: absent", "x: absent"]);
    }

    #[test]
    fn only_the_steps_that_are_asked_for_are_run() {
        let mut report = Report::new(Some("deb".into()));
        report.step("a deb", || Ok(Verdict::Passed));
        report.step("docs", || Err("was not asked for".into()));
        assert_eq!(report.tally.to_string(), "1 passed, 0 failed, 0 skipped");
    }

    #[test]
    fn a_failed_step_and_a_failed_test_fail_the_whole() {
        let mut report = Report::default();
        report.step("d", || Err("exit status: 1".into()));
        assert!(!report.close());
        let mut report = Report::default();
        let tally = Tally { passed: 3, failed: 2, skipped: 0 };
        report.step("e", || Ok(Verdict::Counted(tally.into())));
        assert!(!report.close());
        assert_eq!(report.failed, ["e: 2 of them"]);
    }
}
