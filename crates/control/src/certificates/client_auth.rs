//! Which clients' certificates are taken: the lists of what authorities have taken back, and the verifier that the TLS library asks. Made by
//! the store of files that are followed.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use aws_lc_rs::digest::{Context, SHA256};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::pem::SectionKind;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use webpki::OwnedCertRevocationList;
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use super::authorities::{Authority, ClientAuthorities};
use super::followed::{Content, FileKind, Followed};
use super::parse::{read_certificate, sections, system_time};
use super::problem::{Part, Problem};
use super::signature::is_signed_by;
use super::source::Refusal;
use super::terminate::PROVIDER;
use crate::config::ClientAuthConfig;

/// What authorities have taken back; at least one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Revocations {
    lists: Vec<CertificateRevocationListDer<'static>>,
    /// When the first of the next ones is due; `None` if nobody says.
    due: Option<SystemTime>,
}

/// How the clients of one listener prove who they are.
#[derive(Clone, Debug)]
pub(super) struct ClientAuth {
    is_required: bool,
    authorities: Vec<Authority>,
    revocations: Vec<Arc<Revocations>>,
    /// Whether one of the lists is outdated, so that nobody can say any more whose certificates are good.
    is_outdated: bool,
}

/// Asks the library, and takes nobody's certificates when the last authority has expired: of these the library looks at no times.
#[derive(Debug)]
struct Verifier {
    library: Arc<dyn ClientCertVerifier>,
    until: SystemTime,
}

// === impl Revocations ===

impl Content for Revocations {
    const KIND: FileKind = FileKind::Revocations;
    const BYTES_MAX: usize = 64 * 1024 * 1024;

    fn parse(bytes: &[u8], now: SystemTime) -> Result<Self, Problem> {
        let sections = sections(bytes, Part::Chain).map_err(|problem| match problem {
            // Many are handed out in DER, and there is another way out than with certificates.
            Problem::Garbled(_) => Problem::NoList,
            other => other,
        })?;
        let sections = sections.into_iter();
        let lists: Vec<_> = sections
            .filter(|(kind, _)| *kind == SectionKind::Crl)
            .map(|(_, der)| CertificateRevocationListDer::from(der))
            .collect();
        let mut dues = Vec::new();
        for list in &lists {
            dues.extend(judge_list(list, now)?);
        }
        if lists.is_empty() {
            Err(Problem::NoList)
        } else {
            Ok(Self { lists, due: dues.into_iter().min() })
        }
    }

    fn until(&self) -> Option<SystemTime> {
        self.due
    }

    fn has_aged(&self, before: SystemTime, now: SystemTime) -> bool {
        self.due.is_some_and(|due| before < due && due <= now)
    }

    /// The library asks no list about its signature before a client comes, and then refuses the client.
    fn clash(&self, authorities: &[Arc<ClientAuthorities>]) -> Option<Problem> {
        let authorities = authorities.iter().flat_map(|file| &file.0);
        let authorities: Vec<_> =
            authorities.filter_map(|it| read_certificate(&it.der).ok()).collect();
        let mut stranger = None;
        let mut is_of_any = false;
        for list in &self.lists {
            let Ok((_, parsed)) = CertificateRevocationList::from_der(list) else { continue };
            let issuer = parsed.issuer();
            // One that takes over from another may have its name.
            let mut same_name =
                authorities.iter().filter(|it| it.subject().as_raw() == issuer.as_raw()).peekable();
            if same_name.peek().is_none() {
                stranger.get_or_insert_with(|| issuer.to_string());
            } else if same_name.any(|it| is_signed_by(list, it.public_key())) {
                is_of_any = true;
            } else {
                return Some(Problem::ForgedList(issuer.to_string()));
            }
        }
        // Beside one of theirs there may be those of authorities between them and clients, which clients send.
        stranger.filter(|_| !is_of_any).map(Problem::ForeignList)
    }

    fn decay(&self, now: SystemTime) -> Option<Problem> {
        self.due.filter(|due| *due <= now).map(Problem::Outdated)
    }
}

/// When the next one is due, if it says so.
fn judge_list(
    list: &CertificateRevocationListDer<'_>,
    now: SystemTime,
) -> Result<Option<SystemTime>, Problem> {
    let Ok(([], parsed)) = CertificateRevocationList::from_der(list) else {
        return Err(unusable("it is not well-formed"));
    };
    // RFC 5280 §5.1.2.1: one of version 1 does not say so.
    if parsed.version().is_none() {
        return Err(unusable("it is of version 1"));
    }
    OwnedCertRevocationList::from_der(list).map_err(|why| match why {
        webpki::Error::UnsupportedDeltaCrl => unusable("it has only what has changed"),
        webpki::Error::UnsupportedIndirectCrl => unusable("it is for several authorities"),
        other => unusable(&other.to_string()),
    })?;
    let from = system_time(parsed.last_update().timestamp());
    if let Some(from) = from.filter(|from| now < *from) {
        return Err(Problem::NotYetValid(from));
    }
    // One that is outdated is no reason to refuse everything else: the library lets nobody in by it.
    Ok(parsed.next_update().and_then(|due| system_time(due.timestamp())))
}

fn unusable(why: &str) -> Problem {
    Problem::UnusableList(why.to_owned())
}

/// The authorities that none of the lists is of, with their files, if there are to be lists: their clients are refused.
pub(super) fn unlisted(
    authorities: &[&Path],
    revocations: &[&Path],
    files: &Followed,
    now: SystemTime,
) -> Vec<Refusal> {
    if revocations.is_empty() {
        return Vec::new();
    }
    let good = revocations.iter().filter_map(|file| files.revocations.good(file));
    let lists = good.flat_map(|it| &it.lists);
    let listed: Vec<_> = lists
        .filter_map(|list| CertificateRevocationList::from_der(list).ok())
        .map(|(_, list)| list.issuer().as_raw().to_vec())
        .collect();
    let files =
        authorities.iter().filter_map(|file| Some((file, files.client_authorities.good(file)?)));
    let all = files.flat_map(|(file, it)| it.good(now).map(move |it| (file, it)));
    all.filter_map(|(file, authority)| {
        let certificate = read_certificate(&authority.der).ok()?;
        let subject = certificate.subject();
        let is_listed = listed.iter().any(|issuer| issuer == subject.as_raw());
        (!is_listed).then(|| (file.to_path_buf(), Problem::Unlisted(subject.to_string())))
    })
    .collect()
}

// === impl ClientAuth ===

impl ClientAuth {
    /// By what is good in the files, `now`.
    pub(super) fn new(config: &ClientAuthConfig, files: &Followed, now: SystemTime) -> Self {
        let authorities = config.authorities.iter();
        let authorities = authorities.filter_map(|it| files.client_authorities.good(&it.path));
        let all: Vec<_> = authorities.flat_map(|it| &it.0).cloned().collect();
        let good: Vec<_> = all.iter().filter(|it| now <= it.until).cloned().collect();
        let revocations = config.revocations.iter();
        let revocations = revocations.filter_map(|it| files.revocations.good(&it.path)).cloned();
        let revocations: Vec<_> = revocations.collect();
        Self {
            is_required: config.is_required,
            // If none is good any more the verifier takes nobody's certificate.
            authorities: if good.is_empty() { all } else { good },
            is_outdated: revocations.iter().any(|it| it.decay(now).is_some()),
            revocations,
        }
    }

    /// What the library asks.
    ///
    /// # Errors
    /// The library's: there is no authority.
    pub(super) fn verifier(&self) -> Result<Arc<dyn ClientCertVerifier>, Error> {
        let mut roots = RootCertStore::empty();
        for authority in &self.authorities {
            roots.add(authority.der.clone())?;
        }
        let lists = self.revocations.iter().flat_map(|it| &it.lists).cloned();
        let builder =
            WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&PROVIDER))
                .with_crls(lists)
                .enforce_revocation_expiration();
        let builder = if self.is_required { builder } else { builder.allow_unauthenticated() };
        let library = builder.build().map_err(|error| Error::General(error.to_string()))?;
        let until = self.authorities.iter().map(|it| it.until).max();
        Ok(Arc::new(Verifier { library, until: until.unwrap_or(SystemTime::UNIX_EPOCH) }))
    }
}

/// What tells the authentication of a listener's clients from every other one: a hash of who it is, whether it asks, and all that it believes.
pub(super) fn fingerprint(listener: &str, client_auth: Option<&ClientAuth>) -> [u8; 32] {
    let mut hash = Context::new(&SHA256);
    let mut add = |bytes: &[u8]| {
        hash.update(&(bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    add(listener.as_bytes());
    if let Some(ClientAuth { is_required, authorities, revocations, is_outdated }) = client_auth {
        add(&[u8::from(*is_required), u8::from(*is_outdated)]);
        add(&(authorities.len() as u64).to_be_bytes());
        authorities.iter().for_each(|it| add(&it.der));
        revocations.iter().flat_map(|it| &it.lists).for_each(|it| add(it));
    }
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(hash.finish().as_ref());
    fingerprint
}

// === impl Verifier ===

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.library.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.library.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let until = self.until.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        if now.as_secs() > until.as_secs() {
            return Err(CertificateError::Expired.into());
        }
        self.library.verify_client_cert(certificate, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.library.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.library.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.library.supported_verify_schemes()
    }
}
