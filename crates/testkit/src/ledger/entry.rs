//! What became of one request. Written by `crew`, counted by `book`.

use std::fmt;
use std::time::Duration;

use crate::moment::Moment;

/// One request, and what became of it.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Which.
    pub id: u64,
    /// What was asked.
    pub method: Method,
    /// When it was due.
    pub due: Moment,
    /// How much later than that it began to be sent.
    pub late: Duration,
    /// From when it was due until all was known about it.
    pub took: Duration,
    /// What became of it.
    pub class: Class,
}

impl Entry {
    /// When all was known about it.
    #[must_use]
    pub fn ended(&self) -> Moment {
        self.due.after(self.took)
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Something that may be asked twice.
    Get,
    /// Something that may not.
    Post,
}

impl Method {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// What became of a request. Exactly one of these is true of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Its own answer came, whole and with the right body, and the right body had arrived.
    Ok,
    /// A status of 400 to 499.
    Refused4xx,
    /// A status of 500, or one above that has no class of its own.
    Failed5xx,
    /// Status 502.
    BadGateway,
    /// Status 503.
    Unavailable,
    /// Status 504.
    GatewayTimeout,
    /// No connection was to be had.
    NotConnected,
    /// The connection ended, by a reset or in order, before the first byte of an answer.
    Reset,
    /// No complete answer by the deadline.
    TimedOut,
    /// The answer ended too early, and that could be seen.
    Truncated,
    /// The answer ended too early, and looked complete. Never allowed.
    TruncatedSilently,
    /// The answer, or a part of it, was to another request, or to none. Never allowed.
    WrongAnswer,
}

impl Class {
    /// Every class, from the best to the worst.
    pub const ALL: [Self; 12] = [
        Self::Ok,
        Self::Refused4xx,
        Self::Failed5xx,
        Self::BadGateway,
        Self::Unavailable,
        Self::GatewayTimeout,
        Self::NotConnected,
        Self::Reset,
        Self::TimedOut,
        Self::Truncated,
        Self::TruncatedSilently,
        Self::WrongAnswer,
    ];

    /// As short as it can be said.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused4xx => "4xx",
            Self::Failed5xx => "500",
            Self::BadGateway => "502",
            Self::Unavailable => "503",
            Self::GatewayTimeout => "504",
            Self::NotConnected => "refused",
            Self::Reset => "reset",
            Self::TimedOut => "timeout",
            Self::Truncated => "cut short",
            Self::TruncatedSilently => "CUT SILENTLY",
            Self::WrongAnswer => "WRONG ANSWER",
        }
    }

    /// Of an answer with this status, other than 200.
    pub(super) fn of_status(status: u16) -> Self {
        match status {
            400..=499 => Self::Refused4xx,
            502 => Self::BadGateway,
            503 => Self::Unavailable,
            504 => Self::GatewayTimeout,
            500..=599 => Self::Failed5xx,
            // No origin of a ledger answers so.
            _ => Self::WrongAnswer,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
