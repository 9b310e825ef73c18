//! Why a check failed, for people and for metrics. Made by `probe`, told by `health`.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use evenkeel_proto::grpc::Status;

use crate::config::format_duration;

/// Why a check failed. Displayed, it completes the sentence "the endpoint is down: …".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nobody listens there.
    Refused,
    /// No connection for another reason, in the words of the system.
    Unreachable(String),
    /// We could not even try, for a lack of our own: this says nothing about the endpoint.
    Untried(String),
    /// A program cannot be run, and will not be before somebody has changed something: this says nothing about the endpoint, either.
    Unrunnable(String),
    /// There was no connection after so long.
    ConnectTimedOut(Duration),
    /// There was a connection, but no whole answer after so long.
    NoAnswer(Duration),
    /// There was a connection, but no TLS after so long.
    NoHandshake(Duration),
    /// A program had not ended after so long.
    StillRunning(Duration),
    /// The endpoint closed or reset the connection before it had answered.
    Closed,
    /// It did so without a word, and was asked in HTTP/2, which it may not speak.
    SaidNothing,
    /// The answer breaks a rule of its protocol; the text says which.
    Malformed(&'static str),
    /// Something of the answer is longer than so many bytes.
    TooLarge(&'static str, usize),
    /// Another status than wanted.
    Status {
        /// What came.
        status: u16,
        /// What would have passed.
        expected: Vec<RangeInclusive<u16>>,
    },
    /// A good status, but this text is not in the body.
    Body(Box<str>),
    /// The TLS handshake failed: what was wrong with it.
    Tls(String),
    /// The endpoint speaks another version of HTTP than it is asked in: how that shows.
    Version(&'static str),
    /// HTTP/2 failed, in the words of h2.
    Http2(String),
    /// The call failed.
    GrpcStatus {
        /// Its status, which is not 0.
        code: u32,
        /// What the endpoint says about it; may be empty.
        message: String,
    },
    /// The call went well, and says this instead of `SERVING`.
    NotServing(&'static str),
    /// A program failed.
    Program {
        /// How it ended.
        ending: Ending,
        /// What it had to say; may be empty.
        words: String,
    },
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// By itself, with this status.
    Status(i32),
    /// By this signal.
    Signal(i32),
}

impl Failure {
    /// The kind of failure, as metrics label it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Refused => "connect_refused",
            Self::Unreachable(_) => "connect_failed",
            Self::Untried(_) | Self::Unrunnable(_) => "untried",
            Self::ConnectTimedOut(_) => "connect_timeout",
            Self::NoAnswer(_) | Self::NoHandshake(_) | Self::StillRunning(_) => "timeout",
            Self::Closed | Self::SaidNothing => "closed",
            Self::Malformed(_) => "malformed",
            Self::TooLarge(..) => "too_large",
            Self::Status { .. } => "status",
            Self::Body(_) => "body",
            Self::Tls(_) => "tls",
            Self::Http2(_) => "http2",
            Self::Version(_) => "version",
            Self::GrpcStatus { .. } => "grpc_status",
            Self::NotServing(_) => "not_serving",
            Self::Program { .. } => "exit",
        }
    }

    /// Whether it says nothing about the endpoint, because the check was not made.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self, Self::Untried(_) | Self::Unrunnable(_))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let within =
            |what: &str, limit: &Duration| format!("{what} within {}", format_duration(*limit));
        match self {
            Self::Refused => f.write_str("connection refused"),
            Self::Unreachable(why) => write!(f, "cannot connect: {why}"),
            Self::Untried(why) | Self::Unrunnable(why) => {
                write!(f, "the check could not be made: {why}")
            }
            Self::ConnectTimedOut(limit) => {
                write!(f, "connect timed out after {}", format_duration(*limit))
            }
            Self::NoAnswer(limit) => f.write_str(&within("no answer", limit)),
            Self::NoHandshake(limit) => f.write_str(&within("no TLS handshake", limit)),
            Self::StillRunning(limit) => {
                write!(f, "still running after {}", format_duration(*limit))
            }
            Self::Closed => f.write_str("connection closed before the answer"),
            Self::SaidNothing => {
                f.write_str("connection closed without a word, when it was asked in HTTP/2")
            }
            Self::Malformed(rule) => write!(f, "malformed answer: {rule}"),
            Self::TooLarge(what, bytes) => write!(f, "{what} is longer than {bytes} bytes"),
            Self::Status { status, expected } => {
                write!(f, "status {status}, expected {}", ranges(expected))
            }
            Self::Body(text) => write!(f, "the body does not contain {text:?}"),
            Self::Tls(why) => write!(f, "TLS handshake failed: {why}"),
            Self::Http2(why) => write!(f, "HTTP/2 failed: {why}"),
            Self::Version(how) => f.write_str(how),
            Self::GrpcStatus { code, message } => {
                write!(f, "gRPC status {code} ({}){}", grpc_name(*code), after_colon(message))
            }
            Self::NotServing(status) => f.write_str(status),
            Self::Program { ending, words } => write!(f, "{ending}{}", after_colon(words)),
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "exit status {status}"),
            Self::Signal(signal) => write!(f, "ended by signal {signal}"),
        }
    }
}

fn after_colon(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(": {words}") }
}

/// `200-399, 418`.
fn ranges(ranges: &[RangeInclusive<u16>]) -> String {
    let written = ranges.iter().map(|range| match (range.start(), range.end()) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    });
    written.collect::<Vec<_>>().join(", ")
}

/// The name of a status of gRPC.
fn grpc_name(code: u32) -> &'static str {
    match Status::new(code) {
        Status::OTHER => "unknown to us",
        status => status.name(),
    }
}
