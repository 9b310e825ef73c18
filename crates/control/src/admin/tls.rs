//! How a listener's TLS stands: types of the [`Status`](super::Status), and how they are filled. Called by `snapshot`.

use std::path::Path;
use std::time::SystemTime;

use evenkeel_plan::Listener;
use evenkeel_plan::tls::Handshake;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::snapshot::unix_seconds;
use crate::certificates::{Known, Nearness, Parsed, Refused, View};

/// How a listener speaks TLS with its clients.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TlsStatus {
    /// Handshakes so far.
    pub handshakes: HandshakesStatus,
    /// What clients may be shown; those that end first come first. Of more than a hundred these.
    pub certificates: Vec<CertificateStatus>,
    /// How many certificates there are.
    pub certificate_count: usize,
    /// Files and directories that cannot be used as they are. Of more than a hundred the first.
    pub problems: Vec<CertificateProblem>,
    /// How many of these there are.
    pub problem_count: usize,
}

/// Handshakes that have ended, by what they came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HandshakesStatus {
    /// Both sides have proved themselves anew.
    pub full: u64,
    /// The client has shown a ticket of an earlier one.
    pub resumed: u64,
    /// One side did not like what the other said.
    pub refused: u64,
    /// The client left in the middle.
    pub closed: u64,
    /// It took too long.
    pub timeout: u64,
}

/// One certificate that is in use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CertificateStatus {
    /// Whom it is for, in the order in which it names them. Of more than twenty the first.
    pub names: Vec<String>,
    /// How many names it has.
    pub name_count: usize,
    /// The file that it came from.
    pub file: String,
    /// From when on it is good, in seconds of Unix time.
    pub not_before_unix_seconds: f64,
    /// Until when it is good, in seconds of Unix time.
    pub not_after_unix_seconds: f64,
    /// How near that is.
    pub state: CertificateState,
    /// The kind of its key, such as `ECDSA P-256` or `RSA 2048`.
    pub key: String,
    /// Who has signed it: the organisation and the name, as the certificate has them.
    pub issuer: String,
}

/// How near the end of a certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CertificateState {
    /// Nobody needs to care.
    Good,
    /// 14 days or less are left: whatever renews it should have done so.
    EndsSoon,
    /// 3 days or less are left.
    EndsVerySoon,
    /// Clients refuse it. It stays in use until there is a better one.
    Expired,
}

/// A file or directory that cannot be used as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificateProblem {
    /// Which.
    pub file: String,
    /// What is wrong with it, for a person, such as `has expired: it was valid until 2026-11-22 08:33 UTC`.
    pub problem: String,
    /// What to do about it, for a person.
    pub help: String,
    /// Whether what was good in it before is still in use.
    pub kept: bool,
}

/// How it stands with `listener`; `None` if it does not speak TLS.
pub(super) fn tls_status(listener: &Listener, known: &Known, now: SystemTime) -> Option<TlsStatus> {
    let View { in_use, refused } = View::of(known, &listener.name)?;
    let count = |handshake: Handshake| {
        listener.counters.sum(|shard| shard.handshakes[handshake as usize].count())
    };
    Some(TlsStatus {
        handshakes: HandshakesStatus {
            full: count(Handshake::Full),
            resumed: count(Handshake::Resumed),
            refused: count(Handshake::Refused),
            closed: count(Handshake::Closed),
            timeout: count(Handshake::TimedOut),
        },
        certificate_count: in_use.len(),
        certificates: in_use.into_iter().take(LISTED_MAX).map(|it| certificate(it, now)).collect(),
        problem_count: refused.len(),
        problems: refused.into_iter().take(LISTED_MAX).map(problem).collect(),
    })
}

fn certificate((file, parsed): (&Path, &Parsed), now: SystemTime) -> CertificateStatus {
    let Parsed { certificate, about, .. } = parsed;
    let (from, until) = certificate.validity;
    CertificateStatus {
        names: certificate.names.iter().take(NAMES_MAX).map(str::to_owned).collect(),
        name_count: certificate.names.iter().count(),
        file: file.display().to_string(),
        not_before_unix_seconds: unix_seconds(from),
        not_after_unix_seconds: unix_seconds(until),
        state: Nearness::of(certificate, now).into(),
        key: about.key.clone(),
        issuer: about.issuer.clone(),
    }
}

fn problem(refused: Refused<'_>) -> CertificateProblem {
    let Refused { file, problem, is_kept } = refused;
    CertificateProblem {
        file: file.display().to_string(),
        problem: problem.to_string(),
        help: problem.help().to_owned(),
        kept: is_kept,
    }
}

impl From<Nearness> for CertificateState {
    fn from(nearness: Nearness) -> Self {
        match nearness {
            Nearness::Far => Self::Good,
            Nearness::Soon => Self::EndsSoon,
            Nearness::Near => Self::EndsVerySoon,
            Nearness::Over => Self::Expired,
        }
    }
}

/// A dashboard gets the status every second: ten thousand certificates would be more than everything else.
const LISTED_MAX: usize = 100;

/// Some are for hundreds.
const NAMES_MAX: usize = 20;
