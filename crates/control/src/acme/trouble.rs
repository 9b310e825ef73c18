//! Why an order came to nothing, for people.

use std::error::Error as StdError;
use std::{fmt, io};

use evenkeel_plan::tls::trouble;
use instant_acme::{Error, Problem};
use tokio::task::JoinError;

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    reason: String,
    /// Whether the authority wants to be left alone for a while.
    pub(super) is_refused_for_now: bool,
    /// Whether it knows nothing of our account.
    pub(super) is_account_lost: bool,
}

impl Trouble {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_refused_for_now: false, is_account_lost: false }
    }

    /// What was done on another thread came to no end.
    pub(super) fn of_work(error: &JoinError) -> Self {
        if error.is_panic() { Self::panicked() } else { Self::new("it was stopped") }
    }

    /// A mistake of ours.
    pub(super) fn panicked() -> Self {
        Self::new("evenkeel has made a mistake, of which a panic in its log tells more")
    }

    /// What the authority says.
    pub(super) fn of_problem(problem: &Problem) -> Self {
        let kind = problem.r#type.as_deref().unwrap_or_default();
        let kind = kind.rsplit(':').next().unwrap_or_default();
        let detail = problem.detail.as_deref().unwrap_or("it does not say why");
        let details = problem.subproblems.iter().filter_map(|each| each.detail.as_deref());
        let mut reason = detail.to_owned();
        for each in details.take(SUBPROBLEMS_MAX) {
            reason.push_str("; ");
            reason.push_str(each);
        }
        if !kind.is_empty() {
            reason.push_str(&format!(" ({kind})"));
        }
        Self {
            reason: one_line(&reason),
            is_refused_for_now: kind == "rateLimited",
            is_account_lost: kind == "accountDoesNotExist",
        }
    }

    /// The same of one of several names.
    pub(super) fn about(self, name: &str) -> Self {
        Self { reason: format!("{name}: {}", self.reason), ..self }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        if let Error::Api(problem) = &error {
            return Self::of_problem(problem);
        }
        // The reason why a connection failed is told by what is behind it.
        let mut reason = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = of_tls(cause).unwrap_or_else(|| cause.to_string());
            if !reason.contains(&text) {
                reason = format!("{reason}: {text}");
            }
            source = cause.source();
        }
        Self::new(one_line(&reason))
    }
}

/// What is wrong with TLS, in words, if it is that. An error of a socket has it inside, and not behind it.
fn of_tls(error: &(dyn StdError + 'static)) -> Option<String> {
    let outside = error.downcast_ref::<io::Error>();
    match error.downcast_ref::<rustls::Error>() {
        Some(error) => Some(trouble(error)),
        None => of_tls(outside?.get_ref()?),
    }
}

/// Texts of others are one line in the log, and not a long one.
fn one_line(text: &str) -> String {
    let plain: String =
        text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    match plain.char_indices().nth(REASON_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &plain[..end]),
        None => plain,
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// An order may have a problem for each of its names.
const SUBPROBLEMS_MAX: usize = 5;

const REASON_CHARS_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::{CertificateError, OtherError};

    use super::*;

    /// The log said "Other(OtherError(CaUsedAsEndEntity))".
    #[test]
    fn a_certificate_of_the_authority_that_cannot_be_trusted_is_told_in_words() {
        let other = OtherError(Arc::new(webpki::Error::CaUsedAsEndEntity));
        let wrong = rustls::Error::InvalidCertificate(CertificateError::Other(other));
        let words = trouble(&wrong);
        let socket = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, wrong));
        let error = Error::Other(Box::new(Behind(socket)));
        assert_eq!(Trouble::from(error).to_string(), format!("no connection: {words}"));
        assert!(words.starts_with("its certificate is one of an authority"), "{words}");
    }

    /// What says no more than that there was something.
    #[derive(Debug)]
    struct Behind(io::Error);

    impl fmt::Display for Behind {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("no connection")
        }
    }

    impl StdError for Behind {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }

    fn problem(json: &str) -> Trouble {
        Trouble::of_problem(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn the_authoritys_words_are_told_in_one_line() {
        let plain = problem(
            r#"{ "type": "urn:ietf:params:acme:error:connection", "detail": "refused\nby a.example" }"#,
        );
        assert_eq!(plain, Trouble::new("refused by a.example (connection)"));
        assert_eq!(problem("{}"), Trouble::new("it does not say why"));
        let limited = problem(
            r#"{ "type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many" }"#,
        );
        assert!(limited.is_refused_for_now);
        let long = problem(&format!(r#"{{ "detail": "{}" }}"#, "ä".repeat(600)));
        assert_eq!(long.to_string().chars().count(), REASON_CHARS_MAX + 1);
    }
}
