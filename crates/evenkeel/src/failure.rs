//! How a command ends when it could not do what it was asked for. Made by `serve`, `run` and `check`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use evenkeel_control::config::Report;

use crate::balancer::StartError;
use crate::stderr;
use crate::terminal::wants_colour;

/// Why a command failed, and so its exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The config cannot be used.
    Config(Report),
    /// Something else went wrong: the sentence says what, and what to do.
    Running(String),
}

/// Ends a command: says on stderr what went wrong, if anything did.
pub(crate) fn exit_code(done: Result<(), Failure>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Config(report)) => {
            print_report(&report);
            wrong_config()
        }
        Err(Failure::Running(sentence)) => {
            stderr::say(&format!("error: {sentence}"));
            stderr::finish();
            ExitCode::FAILURE
        }
    }
}

/// The exit code of whatever finds a config that cannot be used.
pub(crate) fn wrong_config() -> ExitCode {
    ExitCode::from(WRONG_CONFIG)
}

/// Shows errors or warnings about a config; prints nothing if there are none.
pub(crate) fn print_report(report: &Report) {
    if !report.is_empty() {
        let text = report.render(wants_colour(&io::stderr()));
        // The same: a closed stderr has no reader.
        let _ = write!(io::stderr(), "{text}");
    }
}

// === impl Failure ===

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::Running(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Running(error.to_string())
    }
}

/// `EX_CONFIG` of sysexits.h, which systemd shows by name, and by which a unit can tell 'do not restart'.
const WRONG_CONFIG: u8 = 78;
