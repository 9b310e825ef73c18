//! How a command ends when it could not do what it was asked for. Made by the commands that balance, check, and talk to a balancer.

use std::io::{self, Write as _};
use std::process::ExitCode;

use evenkeel_control::config::Report;

use crate::admin_client::ClientError;
use crate::balancer::StartError;
use crate::stderr;
use crate::terminal::wants_colour;

/// Why a command failed, and so its exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The config cannot be used.
    Config(Report),
    /// The same, as the balancer reports it that was to put it in force.
    Refused(String),
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
        Err(Failure::Refused(report)) => complain(&report, wrong_config()),
        Err(Failure::Running(sentence)) => {
            complain(&format!("error: {sentence}"), ExitCode::FAILURE)
        }
    }
}

/// The exit code of whatever finds a config that cannot be used.
pub(crate) fn wrong_config() -> ExitCode {
    ExitCode::from(WRONG_CONFIG)
}

fn complain(text: &str, code: ExitCode) -> ExitCode {
    stderr::say(text.trim_end());
    stderr::finish();
    code
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

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
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
