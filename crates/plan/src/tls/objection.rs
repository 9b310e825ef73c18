//! Why a handshake with a client was refused. Found and counted by `proxy`, shown by `control`.

use rustls::{CertificateError, Error, PeerIncompatible};

use crate::mention::{Mention, NOW_AND_THEN};
use crate::time::Time;

/// What one side did not like about the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objection {
    /// What the client says is not TLS.
    NotTls,
    /// It speaks no version that we do.
    Version,
    /// It has no cipher, group or signature in common with us.
    Cipher,
    /// It offers protocols by ALPN of which we speak none.
    Protocol,
    /// It has shown no certificate where one is required.
    NoCertificate,
    /// Its certificate is signed by nobody that is believed.
    UnknownAuthority,
    /// Its certificate has expired, or is not valid yet.
    Expired,
    /// Its certificate was taken back.
    Revoked,
    /// The revocation list of its authority is outdated.
    ListOutdated,
    /// Its authority has no revocation list, and others have one.
    ListMissing,
    /// Something else is wrong with its certificate.
    BadCertificate,
    /// The client has sent an alert: it does not like us.
    ByClient,
    /// Anything else.
    Other,
}

/// When somebody was told of each, last.
#[derive(Debug, Default)]
pub struct Told([Mention; Objection::COUNT]);

impl Objection {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 13] = [
        Self::NotTls,
        Self::Version,
        Self::Cipher,
        Self::Protocol,
        Self::NoCertificate,
        Self::UnknownAuthority,
        Self::Expired,
        Self::Revoked,
        Self::ListOutdated,
        Self::ListMissing,
        Self::BadCertificate,
        Self::ByClient,
        Self::Other,
    ];

    /// What the library means by `error`.
    pub fn of(error: &Error) -> Self {
        match error {
            Error::InvalidCertificate(problem) => Self::of_certificate(problem),
            Error::NoCertificatesPresented => Self::NoCertificate,
            Error::NoApplicationProtocol => Self::Protocol,
            Error::AlertReceived(_) => Self::ByClient,
            Error::PeerIncompatible(
                PeerIncompatible::Tls12NotOffered
                | PeerIncompatible::Tls12NotOfferedOrEnabled
                | PeerIncompatible::SupportedVersionsExtensionRequired,
            ) => Self::Version,
            Error::PeerIncompatible(_) => Self::Cipher,
            _ => Self::Other,
        }
    }

    fn of_certificate(problem: &CertificateError) -> Self {
        match problem {
            CertificateError::UnknownIssuer => Self::UnknownAuthority,
            CertificateError::Revoked => Self::Revoked,
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Self::Expired,
            CertificateError::ExpiredRevocationList
            | CertificateError::ExpiredRevocationListContext { .. } => Self::ListOutdated,
            CertificateError::UnknownRevocationStatus => Self::ListMissing,
            _ => Self::BadCertificate,
        }
    }

    /// As metrics and the log name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotTls => "not_tls",
            Self::Version => "version",
            Self::Cipher => "cipher",
            Self::Protocol => "alpn",
            Self::NoCertificate => "no_certificate",
            Self::UnknownAuthority => "unknown_ca",
            Self::Expired => "certificate_expired",
            Self::Revoked => "certificate_revoked",
            Self::ListOutdated => "crl_outdated",
            Self::ListMissing => "crl_missing",
            Self::BadCertificate => "bad_certificate",
            Self::ByClient => "by_client",
            Self::Other => "other",
        }
    }

    /// Whether it is about who the client is: strangers of every kind knock at a public port, but whoever is asked for a certificate is known
    /// to somebody.
    pub const fn is_of_certificate(self) -> bool {
        matches!(
            self,
            Self::NoCertificate
                | Self::UnknownAuthority
                | Self::Expired
                | Self::Revoked
                | Self::ListOutdated
                | Self::ListMissing
                | Self::BadCertificate
        )
    }
}

impl Told {
    /// Whether somebody is to be told: not of every client, but as long as it goes on.
    pub fn is_news(&self, objection: Objection, now: Time) -> bool {
        self.0[objection as usize].is_due(now, NOW_AND_THEN)
    }
}

#[cfg(test)]
mod tests {
    use rustls::AlertDescription;

    use super::*;

    #[test]
    fn each_has_its_number_and_a_name_of_its_own() {
        for (number, objection) in Objection::ALL.into_iter().enumerate() {
            assert_eq!(objection as usize, number);
            let same = Objection::ALL.iter().filter(|it| it.name() == objection.name());
            assert_eq!(same.count(), 1, "{objection:?}");
        }
    }

    #[test]
    fn what_the_library_says_has_its_name() {
        let certificate = Error::InvalidCertificate;
        for (error, name, is_of_certificate) in [
            (Error::NoCertificatesPresented, "no_certificate", true),
            (certificate(CertificateError::UnknownIssuer), "unknown_ca", true),
            (certificate(CertificateError::Revoked), "certificate_revoked", true),
            (certificate(CertificateError::Expired), "certificate_expired", true),
            (certificate(CertificateError::ExpiredRevocationList), "crl_outdated", true),
            (certificate(CertificateError::UnknownRevocationStatus), "crl_missing", true),
            (certificate(CertificateError::BadSignature), "bad_certificate", true),
            (Error::NoApplicationProtocol, "alpn", false),
            (PeerIncompatible::Tls12NotOfferedOrEnabled.into(), "version", false),
            (PeerIncompatible::NoCipherSuitesInCommon.into(), "cipher", false),
            (Error::AlertReceived(AlertDescription::UnknownCA), "by_client", false),
            (Error::DecryptError, "other", false),
        ] {
            let objection = Objection::of(&error);
            let found = (objection.name(), objection.is_of_certificate());
            assert_eq!(found, (name, is_of_certificate), "{error}");
        }
    }

    #[test]
    fn somebody_is_told_of_each_by_itself() {
        let (told, now) = (Told::default(), Time::START.after(NOW_AND_THEN));
        assert!(told.is_news(Objection::Revoked, now));
        assert!(!told.is_news(Objection::Revoked, now));
        assert!(told.is_news(Objection::Expired, now));
    }
}
