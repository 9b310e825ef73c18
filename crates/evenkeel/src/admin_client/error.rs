//! Why an admin API was of no help: what is wrong, and the way out. Raised by the client, shown by the commands.

use std::fmt;

use evenkeel_control::admin::Explanation;

use super::exchange::Answer;
use super::token::VARIABLE;

/// Why there is no good answer. Its text is a sentence; lines after the first help.
#[derive(Debug)]
pub(crate) enum ClientError {
    /// The arguments or the environment cannot be used.
    Unusable(String),
    /// Nothing answered.
    Unreachable(String),
    /// Something answered that is no admin API of our kind.
    Strange(String),
    /// It wants a token, or another one.
    Denied(String),
    /// The API said no.
    Refused(Refusal),
}

/// What the API says when it says no.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// A sentence, or the report of a config.
    pub(crate) error: String,
    help: Option<String>,
    /// All that it said.
    pub(crate) json: String,
}

// === impl Refusal ===

impl Refusal {
    /// Reads a refusal, if it is one.
    pub(super) fn read(answer: &Answer) -> Option<Self> {
        let Explanation { error, help, .. } = serde_json::from_str(&answer.text).ok()?;
        Some(Refusal { status: answer.status, error, help, json: answer.text.clone() })
    }
}

/// What a 401 or 403 means; `with_token` says whether we have sent one.
pub(super) fn denied(answer: &Answer, with_token: bool) -> String {
    let status = answer.status;
    let said = match Refusal::read(answer) {
        // What to do about it we know better: it speaks to those who write requests themselves.
        Some(refusal) if status == UNAUTHORIZED => refusal.error,
        Some(refusal) => refusal.to_string(),
        None => answer.text.trim().to_owned(),
    };
    let said = if said.is_empty() { format!("the admin API answered {status}") } else { said };
    if with_token {
        format!("{said}\n  the token in {VARIABLE} or --token-file is not the one that it takes")
    } else {
        format!(
            "{said}\n  give the token, if there is one, in {VARIABLE} or with --token-file FILE"
        )
    }
}

/// It wants a token.
const UNAUTHORIZED: u16 = 401;

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.error.trim_end())?;
        match &self.help {
            Some(help) => write!(f, "\n  {help}"),
            None => Ok(()),
        }
    }
}

// === impl ClientError ===

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::Unusable(text)
            | ClientError::Unreachable(text)
            | ClientError::Strange(text)
            | ClientError::Denied(text) => f.write_str(text),
            ClientError::Refused(refusal) => refusal.fmt(f),
        }
    }
}

impl std::error::Error for ClientError {}
