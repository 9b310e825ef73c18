//! Why a request is not passed on, for whoever counts and for a person who reads the log. Made by `judge` and where heads are read.

use evenkeel_plan::reason::Reason;
use evenkeel_proto::http1::{FramingError, ParseError};
use evenkeel_proto::path::PathError;
use evenkeel_proto::upgrade::UpgradeError;

/// One reason, and what of the request it is about where that has many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    /// For a person.
    pub(crate) what: Option<&'static str>,
}

impl Refusal {
    pub(crate) fn new(reason: Reason, what: &'static str) -> Self {
        Self { reason, what: Some(what) }
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self { reason, what: None }
    }
}

impl From<ParseError> for Refusal {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::TooManyFields => Self::new(Reason::HeadTooLarge, "it has too many fields"),
            ParseError::TargetTooLong => Reason::TargetTooLong.into(),
            ParseError::UnsupportedVersion => Reason::VersionNotSupported.into(),
            ParseError::Malformed(what) => Self::new(Reason::RequestMalformed, what),
            ParseError::Preface => Self::new(Reason::RequestMalformed, NO_HTTP2),
        }
    }
}

impl From<FramingError> for Refusal {
    fn from(error: FramingError) -> Self {
        match error {
            FramingError::Ambiguous(what) => Self::new(Reason::RequestMalformed, what),
            FramingError::UnknownCoding => {
                Self::new(Reason::NotImplemented, "a transfer coding other than chunked")
            }
        }
    }
}

impl From<PathError> for Refusal {
    fn from(PathError(what): PathError) -> Self {
        Self::new(Reason::PathRefused, what)
    }
}

impl From<UpgradeError> for Refusal {
    fn from(error: UpgradeError) -> Self {
        match error {
            UpgradeError::Malformed(what) => Self::new(Reason::RequestMalformed, what),
            UpgradeError::UnsupportedVersion => Reason::UpgradeRequired.into(),
        }
    }
}

const NO_HTTP2: &str = "HTTP/2 begins so, which has to be what a connection begins with in clear text, or be agreed on by ALPN; `http2 = false` turns it off";
