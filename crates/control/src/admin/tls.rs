//! How TLS stands with clients and with endpoints: types of the [`Status`](super::Status), and how they are filled. Called by `snapshot`.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use evenkeel_plan::Listener;
use evenkeel_plan::tls::{Certificate, Handshake};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::snapshot::unix_seconds;
use crate::certificates::{Beside, FileKind, Known, Nearness, Parsed, Refused, View};

/// How a listener speaks TLS with its clients, or a cluster with its endpoints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TlsStatus {
    /// Handshakes with clients so far; null for a cluster.
    pub handshakes: Option<HandshakesStatus>,
    /// What the others may be shown; those that end first come first. Of more than a hundred these.
    pub certificates: Vec<CertificateStatus>,
    /// How many certificates there are.
    pub certificate_count: usize,
    /// The files beside certificates, in the order of the config.
    pub files: Vec<TlsFileStatus>,
    /// The files of certificates that are still to come from their authority. Of more than a hundred the first.
    pub awaited: Vec<String>,
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
    /// The same of whom it is for, which clients do not look at.
    pub subject: String,
    /// Whether of several it is the one for clients that ask for no name, or for one that no certificate has.
    pub default: bool,
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

/// A file beside certificates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TlsFileStatus {
    /// What it is for.
    pub kind: TlsFileKind,
    /// Which.
    pub file: String,
    /// Until when something in it is good, in seconds of Unix time: when the last of the authorities ends, or the next list is due. Null for
    /// what has no end.
    pub not_after_unix_seconds: Option<f64>,
    /// How near that is. Lists are renewed from day to day: theirs is good until it has expired.
    pub state: CertificateState,
}

/// What a file beside certificates is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TlsFileKind {
    /// It has the authorities that sign clients' certificates.
    ClientAuthorities,
    /// It has the lists of what these have revoked.
    Revocations,
    /// It has the keys for session tickets.
    TicketKeys,
    /// It has the authorities that sign endpoints' certificates.
    EndpointAuthorities,
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
    /// Whether what is in it still counts, but nobody is taken by it: it is too old, or there is no list beside it.
    pub lapsed: bool,
}

/// How it stands with `listener`; `None` if it does not speak TLS.
pub(super) fn listener_tls(
    listener: &Listener,
    known: &Known,
    now: SystemTime,
) -> Option<TlsStatus> {
    let view = View::of_listener(known, &listener.name)?;
    let count = |handshake: Handshake| {
        listener.counters.sum(|shard| shard.handshakes[handshake as usize].count())
    };
    let handshakes = HandshakesStatus {
        full: count(Handshake::Full),
        resumed: count(Handshake::Resumed),
        refused: count(Handshake::Refused),
        closed: count(Handshake::Closed),
        timeout: count(Handshake::TimedOut),
    };
    let default = known.shown_by(&listener.name).first();
    Some(TlsStatus { handshakes: Some(handshakes), ..tls_status(view, default, now) })
}

/// How it stands with `cluster`; `None` if it does not speak TLS with its endpoints.
pub(super) fn cluster_tls(cluster: &str, known: &Known, now: SystemTime) -> Option<TlsStatus> {
    View::of_cluster(known, cluster).map(|view| tls_status(view, None, now))
}

fn tls_status(view: View<'_>, default: Option<&Arc<Certificate>>, now: SystemTime) -> TlsStatus {
    let View { in_use, beside, refused, awaited } = view;
    let default = default.filter(|_| in_use.len() > 1);
    let is_default = |it: &Parsed| default.is_some_and(|that| Arc::ptr_eq(that, &it.certificate));
    let awaited = awaited.into_iter().take(LISTED_MAX).map(|file| file.display().to_string());
    TlsStatus {
        handshakes: None,
        certificate_count: in_use.len(),
        certificates: in_use
            .into_iter()
            .take(LISTED_MAX)
            .map(|it| CertificateStatus { default: is_default(it.1), ..certificate(it, now) })
            .collect(),
        files: beside.into_iter().map(|it| file(it, now)).collect(),
        awaited: awaited.collect(),
        problem_count: refused.len(),
        problems: refused.into_iter().take(LISTED_MAX).map(problem).collect(),
    }
}

fn file(Beside { kind, file, until }: Beside<'_>, now: SystemTime) -> TlsFileStatus {
    let nearness = match until.map_or(Nearness::Far, |until| Nearness::of(until, now)) {
        Nearness::Over => Nearness::Over,
        _ if kind == FileKind::Revocations => Nearness::Far,
        nearness => nearness,
    };
    TlsFileStatus {
        kind: kind.into(),
        file: file.display().to_string(),
        not_after_unix_seconds: until.map(unix_seconds),
        state: nearness.into(),
    }
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
        state: Nearness::of(until, now).into(),
        key: about.key.clone(),
        issuer: about.issuer.clone(),
        subject: about.subject.clone(),
        default: false,
    }
}

fn problem(refused: Refused<'_>) -> CertificateProblem {
    let Refused { file, problem, is_kept, is_lapsed } = refused;
    CertificateProblem {
        file: file.display().to_string(),
        problem: problem.to_string(),
        help: problem.help().to_owned(),
        kept: is_kept,
        lapsed: is_lapsed,
    }
}

impl From<FileKind> for TlsFileKind {
    fn from(kind: FileKind) -> Self {
        match kind {
            FileKind::ClientAuthorities => Self::ClientAuthorities,
            FileKind::Revocations => Self::Revocations,
            FileKind::TicketKeys => Self::TicketKeys,
            FileKind::EndpointAuthorities => Self::EndpointAuthorities,
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificates::Store;
    use crate::certificates::fixture::{directory, good, made, put, tls, write};
    use crate::fixture::config;

    #[test]
    fn of_several_certificates_the_first_of_the_config_is_the_default() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "a", &good("a.example"));
        let mut config = config(&[("web", "api")], &[("api", &["10.0.0.1:80"])]);
        config.listeners[0].tls = Some(tls(vec![directory(folder.path())]));
        let (store, now) = (Store::default(), SystemTime::now());
        let defaults = || {
            let known = store.known();
            let view = View::of_listener(&known, "web").unwrap();
            let status = tls_status(view, known.shown_by("web").first(), now);
            let all = status.certificates.into_iter().map(|it| (it.names[0].clone(), it.default));
            all.collect::<Vec<_>>()
        };
        put(&store, &config);
        assert_eq!(defaults(), [("a.example".to_owned(), false)]);
        // It ends first, and so is listed first.
        let soon = made(&["b.example"], |params| params.not_after = (now + DAY).into());
        write(folder.path(), "b", &soon);
        store.refresh(now);
        let expected = [("b.example".to_owned(), false), ("a.example".to_owned(), true)];
        assert_eq!(defaults(), expected);
    }

    const DAY: std::time::Duration = std::time::Duration::from_hours(24);
}
