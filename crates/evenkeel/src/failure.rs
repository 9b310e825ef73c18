//! How a command ends when it could not do what it was asked for. Made by the commands that balance, check, and talk to a balancer.

use std::io::{self, Write as _};
use std::process::ExitCode;

use evenkeel_control::config::Report;

use crate::admin_client::{ClientError, Refusal};
use crate::balancer::StartError;
use crate::stderr;
use crate::terminal::{has_reader, wants_colour};

/// Why a command failed, and so its exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The config cannot be used.
    Config(Report),
    /// The same, as the balancer reports it that was to put it in force.
    Refused(Refusal),
    /// A balancer was asked for something else, and said no.
    Denied(Refusal),
    /// What was asked for makes no sense: the sentence says why, and what would.
    Usage(String),
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
        Err(Failure::Refused(report)) => complain(&report.to_string(), wrong_config()),
        Err(Failure::Denied(refusal)) => complain(&format!("error: {refusal}"), ExitCode::FAILURE),
        Err(Failure::Usage(sentence)) => {
            complain(&format!("error: {sentence}"), ExitCode::from(WRONG_USAGE))
        }
        Err(Failure::Running(sentence)) => {
            complain(&format!("error: {sentence}"), ExitCode::FAILURE)
        }
    }
}

/// The same for a command that was asked for JSON: then a program reads stdout, and wants to read there what went wrong, too.
pub(crate) fn exit_code_in_json(done: Result<(), Failure>) -> ExitCode {
    let Err(failure) = done else { return ExitCode::SUCCESS };
    let code = match &failure {
        Failure::Config(_) | Failure::Refused(_) => wrong_config(),
        Failure::Usage(_) => ExitCode::from(WRONG_USAGE),
        Failure::Denied(_) | Failure::Running(_) => ExitCode::FAILURE,
    };
    match has_reader(writeln!(io::stdout(), "{}", failure.json().trim_end())) {
        Ok(_) => code,
        Err(error) => complain(&format!("error: {error}"), code),
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

impl Failure {
    /// As the admin API puts it: an object with `error` and `help`.
    fn json(&self) -> String {
        match self {
            Failure::Refused(refusal) | Failure::Denied(refusal) => refusal.json.clone(),
            Failure::Config(report) => {
                let verdict = serde_json::to_value(report.verdict(false)).unwrap_or_default();
                let error = report.render(false);
                serde_json::json!({ "error": error, "help": null, "report": verdict }).to_string()
            }
            Failure::Usage(sentence) | Failure::Running(sentence) => {
                let (error, help) = match sentence.split_once('\n') {
                    Some((error, help)) => (error, Some(joined(help))),
                    None => (sentence.as_str(), None),
                };
                serde_json::json!({ "error": error, "help": help }).to_string()
            }
        }
    }
}

/// Lines that were broken and indented for a terminal, as one.
fn joined(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::Running(error.to_string())
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused(refusal) => Self::Denied(refusal),
            error => Self::Running(error.to_string()),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Running(error.to_string())
    }
}

/// `EX_CONFIG` of sysexits.h, which systemd shows by name, and by which a unit can tell 'do not restart'.
const WRONG_CONFIG: u8 = 78;

/// As clap ends for what it finds itself.
const WRONG_USAGE: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_an_object_with_its_help_on_one_line() {
        let running = Failure::Running("nothing listens there\n  start it,\n  or look".to_owned());
        assert_eq!(
            running.json(),
            r#"{"error":"nothing listens there","help":"start it, or look"}"#
        );
        let bare = Failure::Running("no".to_owned());
        assert_eq!(bare.json(), r#"{"error":"no","help":null}"#);
    }
}
