//! What authorities are asked for by ACME (RFC 8555).

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{FilePlace, Secret};

/// A certificate that an authority issues, and that is renewed in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcmeConfig {
    /// The `web` of `[acme.web]`.
    pub name: String,
    /// Whom it is for: at least one name, in lower case.
    pub names: Vec<String>,
    /// Where the authority says what it can do.
    pub directory: String,
    /// Whom it writes to.
    pub email: Option<String>,
    /// How it is shown that the names are ours.
    pub challenge: ChallengeConfig,
    /// What the certificate's key is.
    pub key: AcmeKey,
    /// Which of the authority's kinds of certificates.
    pub profile: Option<String>,
    /// What binds the account there to one elsewhere.
    pub binding: Option<BindingConfig>,
    /// The authorities that the directory's own certificate is checked by; `None` for those of the system.
    pub ca: Option<FilePlace>,
    /// The directory where keys and certificates are kept; written empty if the config does not say.
    pub state: FilePlace,
}

/// How it is shown that names are ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChallengeConfig {
    /// By an answer to a request in clear text (RFC 8555 §8.3).
    Http01,
    /// By a certificate for a protocol of its own (RFC 8737).
    TlsAlpn01,
    /// By a record in DNS (RFC 8555 §8.4), which a program writes.
    Dns01 {
        /// The program and its arguments; at least the program.
        command: Vec<Box<str>>,
        /// How long it may run.
        timeout: Duration,
        /// How long it takes until the record can be seen everywhere.
        wait: Duration,
    },
}

/// A kind of key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AcmeKey {
    /// The elliptic curve that every client knows.
    #[default]
    P256,
    /// A longer one.
    P384,
    /// For clients from before elliptic curves.
    Rsa2048,
    /// A longer one, with which a handshake costs several times as much.
    Rsa4096,
}

/// An account elsewhere, to which the one of ACME is bound (RFC 8555 §7.3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingConfig {
    /// Which account.
    pub key_id: String,
    /// What proves it, in base64url.
    pub mac_key: Secret,
}

impl AcmeConfig {
    /// The file with the certificate and its key.
    pub(crate) fn file(&self) -> PathBuf {
        acme_file(&self.state.path, &self.name)
    }
}

/// One file, so that a certificate and its key are replaced together.
pub(in crate::config) fn acme_file(state: &Path, name: &str) -> PathBuf {
    state.join(format!("{name}.pem"))
}
