//! What was wrong where there is no TLS with an endpoint, in words for people that complete "api.test:443 made no secure connection: …".
//! Asked by `proxy` for requests, and by `control` for checks; by `proxy` also of clients whose certificates are refused.

use std::fmt::Write as _;
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error, ExtendedKeyPurpose, PeerIncompatible};

/// What the library says, as somebody would say it who has seen the endpoint's certificate. In one line, at most [`WORDS_BYTES_MAX`] bytes
/// long, and whatever is in the certificate without anything that a terminal would obey.
pub fn trouble(error: &Error) -> String {
    let words = match error {
        Error::InvalidCertificate(problem) => certificate(problem),
        Error::AlertReceived(alert) => refusal(*alert),
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => {
            "the answer is not TLS".to_owned()
        }
        Error::NoCertificatesPresented => "it has shown no certificate".to_owned(),
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => OLD_VERSION.to_owned(),
        other => other.to_string(),
    };
    printable(&words)
}

/// What is wrong with the certificate that it has shown.
fn certificate(problem: &CertificateError) -> String {
    let said = match problem {
        CertificateError::ExpiredContext { time, not_after } => {
            let ago = days(since(*time, *not_after));
            return format!("its certificate has expired, {ago} ago");
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            let left = days(since(*not_before, *time));
            return format!("its certificate is not valid yet, but will be in {left}");
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names = names(presented);
            return format!("its certificate is for {names}, not for {}", expected.to_str());
        }
        CertificateError::Expired => "has expired",
        CertificateError::NotValidYet => "is not valid yet",
        CertificateError::NotValidForName => "is for another name",
        CertificateError::UnknownIssuer => "is signed by nobody that we trust (unknown issuer)",
        CertificateError::BadEncoding => "cannot be read",
        CertificateError::BadSignature => "has a signature that is not genuine",
        CertificateError::Revoked => "is revoked",
        CertificateError::InvalidPurposeContext {
            required: ExtendedKeyPurpose::ClientAuth,
            ..
        } => "is not meant for clients",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "is not meant for servers"
        }
        CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. } => {
            "cannot be judged: the revocation list of its authority is outdated"
        }
        CertificateError::UnknownRevocationStatus => {
            "cannot be judged: its authority has no revocation list"
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "is signed in a way that can be forged, or that we do not know"
        }
        CertificateError::Other(other) if other.to_string().contains(AUTHORITY) => {
            "is one of an authority (CA:TRUE), which no server may show"
        }
        other => return format!("its certificate cannot be trusted: {other}"),
    };
    format!("its certificate {said}")
}

/// What it does not like about us, by its alert (RFC 8446 §6.2).
fn refusal(alert: AlertDescription) -> String {
    let said = match alert {
        AlertDescription::CertificateRequired => "it wants a certificate of ours",
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied => "it does not take our certificate",
        AlertDescription::ProtocolVersion => OLD_VERSION,
        AlertDescription::NoApplicationProtocol => "it speaks no protocol that we offer",
        AlertDescription::UnrecognisedName => "it does not know the name that it is asked for",
        AlertDescription::HandshakeFailure => {
            "it has no cipher in common with us, or wants a certificate of ours"
        }
        _ => "it has refused the handshake",
    };
    // As the RFC calls it, but for the capitals.
    format!("{said} (alert {alert:?})")
}

/// The names of a certificate. The library writes each with its kind around it.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| {
        let (_, name) = name.split_once('(').unwrap_or(("", name));
        name.trim_end_matches(')').trim_matches('"').to_owned()
    };
    let shown: Vec<String> = presented.iter().take(NAMES_MAX).map(bare).collect();
    let mut text = shown.join(", ");
    match presented.len() {
        0 => text.push_str("no name"),
        all if all > NAMES_MAX => {
            // Writing to a string cannot fail.
            let _ = write!(text, " and {} more", all - NAMES_MAX);
        }
        _ => {}
    }
    text
}

fn since(late: UnixTime, early: UnixTime) -> Duration {
    Duration::from_secs(late.as_secs().saturating_sub(early.as_secs()))
}

fn days(time: Duration) -> String {
    match time.as_secs() / (24 * 3600) {
        0 => "less than a day".to_owned(),
        1 => "a day".to_owned(),
        days => format!("{days} days"),
    }
}

/// Only what shows as what it is.
fn printable(words: &str) -> String {
    let mut text = String::new();
    for character in words.chars() {
        let shown = if matches!(character, ' '..='~') { character } else { '?' };
        if text.len() == WORDS_BYTES_MAX - 3 {
            return text + "...";
        }
        text.push(shown);
    }
    text
}

/// As long as texts in a story are at most.
pub const WORDS_BYTES_MAX: usize = crate::sight::TEXT_BYTES_MAX;

/// Of the names in a certificate the first are enough to know it by.
const NAMES_MAX: usize = 3;

/// What the library that looks at certificates calls an authority's that is shown as a server's.
const AUTHORITY: &str = "CaUsedAsEndEntity";

const OLD_VERSION: &str = "it speaks no version of TLS that we do, which are 1.2 and 1.3";

#[cfg(test)]
mod tests {
    use rustls::InvalidMessage;
    use rustls::pki_types::ServerName;

    use super::*;

    #[test]
    fn what_is_wrong_with_a_certificate_is_said_in_words() {
        let at = |days: u64| UnixTime::since_unix_epoch(Duration::from_secs(days * 24 * 3600));
        let expected = ServerName::try_from("api.test").unwrap();
        let for_names = |names: &[&str]| CertificateError::NotValidForNameContext {
            expected: expected.clone(),
            presented: names.iter().map(|name| format!("DnsName(\"{name}\")")).collect(),
        };
        let expired = |days| CertificateError::ExpiredContext { time: at(days), not_after: at(1) };
        for (problem, words) in [
            (expired(1), "its certificate has expired, less than a day ago"),
            (expired(2), "its certificate has expired, a day ago"),
            (expired(9), "its certificate has expired, 8 days ago"),
            (
                CertificateError::NotValidYetContext { time: at(1), not_before: at(3) },
                "its certificate is not valid yet, but will be in 2 days",
            ),
            (for_names(&[]), "its certificate is for no name, not for api.test"),
            (for_names(&["a.test"]), "its certificate is for a.test, not for api.test"),
            (
                for_names(&["a", "b", "c", "d", "e"]),
                "its certificate is for a, b, c and 2 more, not for api.test",
            ),
            (
                for_names(&["api.test\0\x1b[31m\u{202e}"]),
                "its certificate is for api.test??[31m?, not for api.test",
            ),
            (
                CertificateError::InvalidPurposeContext {
                    required: ExtendedKeyPurpose::ClientAuth,
                    presented: Vec::new(),
                },
                "its certificate is not meant for clients",
            ),
            (
                CertificateError::ExpiredRevocationList,
                "its certificate cannot be judged: the revocation list of its authority is outdated",
            ),
            (
                CertificateError::UnknownIssuer,
                "its certificate is signed by nobody that we trust (unknown issuer)",
            ),
        ] {
            assert_eq!(trouble(&Error::InvalidCertificate(problem)), words);
        }
        let long = trouble(&Error::InvalidCertificate(for_names(&["x".repeat(1000).as_str()])));
        assert!(long.len() == WORDS_BYTES_MAX && long.ends_with("..."), "{long}");
    }

    #[test]
    fn what_an_endpoint_does_not_like_is_said_with_its_alert() {
        for (error, words) in [
            (
                Error::AlertReceived(AlertDescription::CertificateRequired),
                "it wants a certificate of ours (alert CertificateRequired)",
            ),
            (
                Error::AlertReceived(AlertDescription::UnknownCA),
                "it does not take our certificate (alert UnknownCA)",
            ),
            (
                Error::AlertReceived(AlertDescription::InternalError),
                "it has refused the handshake (alert InternalError)",
            ),
            (Error::InvalidMessage(InvalidMessage::InvalidContentType), "the answer is not TLS"),
        ] {
            assert_eq!(trouble(&error), words);
        }
    }
}
