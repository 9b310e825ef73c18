//! A story in one sentence, for a person who has no time for the rest.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Attempt, Bar, Full, Kind, Story, Then};
use crate::reason::Reason;
use crate::retry::Why;

impl Story {
    /// What happened and why, such as `Failed with 502 after 1.2 ms: a:1 refused the connection, then b:1 closed …`.
    pub fn sentence(&self) -> String {
        let (took, status) = (shown(self.total), self.end());
        let mut text = match (self.kind, self.failure) {
            (_, Some(reason)) if self.attempts.is_empty() => {
                return self.refusal(reason);
            }
            (Kind::Failed, Some(_)) => format!("Failed with {status} after {took}"),
            (Kind::Failed | Kind::Slow, None) => format!("Answered {status} after {took}"),
            (Kind::Rescued, _) => format!("Went well with {status} after {took}"),
            (_, Some(reason)) => return format!("{} That was after {took}.", reason.sentence()),
            (Kind::Client, None) => format!("Ended with {status} after {took}"),
        };
        let waited = self.wait.as_ref().and_then(|wait| wait.waited);
        let waited = waited.map(|waited| format!("it waited {} for room", shown(waited)));
        let clauses = waited.into_iter().chain(self.attempts.iter().map(Attempt::clause));
        for (position, clause) in clauses.enumerate() {
            let glue = if position == 0 { ": " } else { ", then " };
            text.push_str(glue);
            text.push_str(&clause);
        }
        if let Some(why) = self.attempts.last().and_then(|last| last.then.refusal()) {
            // Writing to a string cannot fail.
            let _ = write!(text, "; {why}");
        }
        text.push('.');
        text
    }
}

impl Attempt {
    /// What came of it, such as `a:1 refused the connection`.
    pub fn clause(&self) -> String {
        let Self { endpoint, status, call, failure, detail, .. } = self;
        match (failure, status) {
            (Some(reason), None) => match detail {
                Some(detail) => format!("{endpoint} {}: {detail}", deed(*reason)),
                None => format!("{endpoint} {}", deed(*reason)),
            },
            (Some(reason), Some(status)) => match call {
                // Every answer to a call begins in the same way.
                Some(_) => format!("{endpoint} began to answer and {}", deed(*reason)),
                None => format!("{endpoint} began to answer {status} and {}", deed(*reason)),
            },
            (None, Some(status)) => match call {
                Some(call) => format!("{endpoint} answered {}", call.name()),
                None => format!("{endpoint} answered {status}"),
            },
            (None, None) if self.then == Then::Overtaken => {
                format!("{endpoint} was slower than the other attempt")
            }
            (None, None) => format!("{endpoint} came to nothing"),
        }
    }
}

impl Then {
    /// Why there was no other attempt, if there was a choice.
    pub fn refusal(self) -> Option<&'static str> {
        Some(match self {
            Self::Passed | Self::Again { .. } | Self::Overtaken | Self::Hopeless => return None,
            Self::NoTime => "there was no time left for another attempt",
            Self::NobodyLeft => "no other endpoint was left to try",
            Self::NoRoom => {
                "no other endpoint had room, and a further attempt does not wait for it"
            }
            Self::Not(Why::NotListed) => "`retry.on` does not list this failure",
            Self::Not(Why::AnswerBegun) => "the client had a part of the answer already",
            Self::Not(Why::NotIdempotent) => {
                "it was not tried again, as doing it twice may do harm (the method is not idempotent)"
            }
            Self::Not(Why::BodyGone) => {
                "it was not tried again, as its body was too long to be kept (`retry.body`)"
            }
            Self::Not(Why::AttemptsSpent) => "`retry.attempts` allows no more",
            Self::Not(Why::BudgetSpent) => {
                "the budget for retries is spent (`retry.budget`): too many requests were tried again"
            }
        })
    }
}

impl Bar {
    /// In a few words.
    pub fn words(self) -> String {
        match self {
            Self::NoAddress => "its name is not resolved".to_owned(),
            Self::Draining => "draining".to_owned(),
            Self::ForcedDown => "down, says an operator".to_owned(),
            Self::Down => "down, say the checks".to_owned(),
            Self::Suspected => "suspected to stall".to_owned(),
            Self::Avoided { left } => format!("avoided for {} more", shown(left)),
            Self::Full(full) => full.to_string(),
        }
    }

    pub(super) fn full(self) -> Option<Full> {
        match self {
            Self::Full(full) => Some(full),
            _ => None,
        }
    }
}

/// What an endpoint did, or what befell it.
fn deed(reason: Reason) -> &'static str {
    match reason {
        Reason::ConnectFailed => "refused the connection or could not be reached",
        Reason::ConnectTimeout => "did not accept the connection in time",
        Reason::TlsFailed => "made no secure connection",
        Reason::FirstByteTimeout => "did not begin to answer in time",
        Reason::UpstreamStalled => "said nothing to anybody while others answered",
        Reason::UpstreamIdle => "stopped in the middle of its answer",
        Reason::UpstreamClosed => "closed the connection before its answer was complete",
        Reason::UpstreamMalformed => "gave an answer that breaks the rules of HTTP",
        Reason::UpgradeRefused => "switched to a protocol that nobody offered",
        Reason::ExchangeTimeout => "was asked until the whole exchange had taken too long",
        Reason::DrainTimeout => {
            "was taken out of service, and was not done in the time that is left to it then"
        }
        Reason::Drained => "was taken out of service",
        Reason::Moved => "had more streams than its share while another had joined",
        Reason::NoEndpoint => "has no address",
        Reason::Overloaded => {
            "had as many connections as it may (`limits.connections`), and none had room"
        }
        Reason::OutOfDescriptors => "could not be asked, as we may open no more connections",
        Reason::ClientGone => "was asked until the client went away",
        _ => "was asked until the client had broken the rules or a limit",
    }
}

/// A duration as people read it.
pub(super) fn shown(duration: Duration) -> String {
    let text = format!("{duration:.1?}");
    match text.find(char::is_alphabetic) {
        Some(unit) => format!("{} {}", &text[..unit], &text[unit..]),
        None => text,
    }
}
