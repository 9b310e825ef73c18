//! Authorities whose word is taken on who somebody is: on endpoints, those of a file or those that this machine trusts; on clients, those
//! of files. The files are followed for the store; whoever orders certificates reads its own.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::RootCertStore;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::CertificateDer;
use rustls::server::ParsedCertificate;
use rustls_native_certs::load_native_certs;
use x509_parser::certificate::X509Certificate;

use super::endpoint_verifier::EndpointVerifier;
use super::followed::{Content, FileKind};
use super::parse::{certificates, check_strength, read_certificate, validity};
use super::problem::Problem;
use super::signature::is_signed_by;
use super::source::{Refusal, read_file};

/// Those whose word is taken on who an endpoint is, from some moment on.
#[derive(Debug)]
pub(crate) struct Authorities {
    verifier: Arc<EndpointVerifier>,
    /// What it is made from.
    authorities: Vec<Authority>,
}

/// What is in a file with authorities: at least one. With `ALONE` a certificate that nobody else has signed may stand for itself, although
/// it may not sign others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AuthorityFile<const ALONE: bool>(pub(super) Vec<Authority>);

/// Who signs clients' certificates.
pub(super) type ClientAuthorities = AuthorityFile<false>;

/// Who signs endpoints' certificates. Of what is spoken with inside, many have signed themselves.
pub(super) type EndpointAuthorities = AuthorityFile<true>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Authority {
    pub(super) der: CertificateDer<'static>,
    pub(super) until: SystemTime,
    /// Whether it is none: it stands for itself, and may not sign others.
    is_alone: bool,
}

// === impl Authorities ===

impl Authorities {
    /// Those in a file that are good at least until `now`. While one is replaced by another, both may be in it.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn read(file: &Path, now: SystemTime) -> Result<Self, Refusal> {
        let parsed = EndpointAuthorities::parse(&read_file(file)?, now);
        let parsed = parsed.map_err(|problem| (file.to_owned(), problem))?;
        Ok(Self::of(parsed.good(now).cloned().collect()))
    }

    /// Those that this machine trusts, as they are now.
    ///
    /// # Errors
    ///
    /// There are none.
    pub(crate) fn of_system() -> Result<Self, Refusal> {
        let mut certificates = load_native_certs().certs;
        // In the order of a directory's entries, which nobody has promised to keep.
        certificates.sort_by(|a, b| a.as_ref().cmp(b.as_ref()));
        certificates.dedup();
        // What is no authority among so many keeps nobody from trusting the others; and of these nobody looks at times.
        certificates.retain(|der| RootCertStore::empty().add(der.clone()).is_ok());
        if certificates.is_empty() {
            return Err((system_place(), Problem::NothingTrusted));
        }
        let until = SystemTime::UNIX_EPOCH;
        let authority = |der| Authority { der, until, is_alone: false };
        Ok(Self::of(certificates.into_iter().map(authority).collect()))
    }

    /// These; nobody is trusted if there are none.
    pub(super) fn of(authorities: Vec<Authority>) -> Self {
        let of_kind = |is_alone| {
            let some = authorities.iter().filter(move |it| it.is_alone == is_alone);
            some.map(|it| it.der.clone())
        };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(of_kind(false));
        let verifier = Arc::new(EndpointVerifier::new(roots, of_kind(true).collect()));
        Self { verifier, authorities }
    }

    /// What the library asks about who is spoken with.
    pub(crate) fn verifier(&self) -> Arc<dyn ServerCertVerifier> {
        Arc::<EndpointVerifier>::clone(&self.verifier)
    }
}

impl PartialEq for Authorities {
    fn eq(&self, other: &Self) -> bool {
        self.authorities == other.authorities
    }
}

/// Where they are looked for, as people know it.
fn system_place() -> PathBuf {
    let told = env::var_os("SSL_CERT_FILE").or_else(|| env::var_os("SSL_CERT_DIR"));
    told.map_or_else(|| PathBuf::from("/etc/ssl/certs"), PathBuf::from)
}

// === impl AuthorityFile ===

impl<const ALONE: bool> AuthorityFile<ALONE> {
    /// Those that have not expired.
    pub(super) fn good(&self, now: SystemTime) -> impl Iterator<Item = &Authority> {
        self.0.iter().filter(move |it| now <= it.until)
    }
}

impl<const ALONE: bool> Content for AuthorityFile<ALONE> {
    const KIND: FileKind =
        if ALONE { FileKind::EndpointAuthorities } else { FileKind::ClientAuthorities };
    const BYTES_MAX: usize = 1024 * 1024;

    fn parse(bytes: &[u8], now: SystemTime) -> Result<Self, Problem> {
        let read = |der| Authority::read(der, ALONE);
        let found = Self(certificates(bytes)?.into_iter().map(read).collect::<Result<_, _>>()?);
        found.decay(now).map_or(Ok(found), Err)
    }

    fn until(&self) -> Option<SystemTime> {
        self.0.iter().map(|it| it.until).max()
    }

    fn has_aged(&self, before: SystemTime, now: SystemTime) -> bool {
        self.0.iter().any(|it| before <= it.until && it.until < now)
    }

    fn decay(&self, now: SystemTime) -> Option<Problem> {
        let last = self.until()?;
        (last < now).then_some(Problem::Expired(last))
    }
}

impl Authority {
    fn read(der: CertificateDer<'static>, may_be_alone: bool) -> Result<Self, Problem> {
        let certificate = read_certificate(&der)?;
        check_strength(&certificate)?;
        // The library takes whatever it is given for an authority.
        let is_alone = !certificate.is_ca();
        if is_alone && !(may_be_alone && stands_for_itself(&der, &certificate)) {
            return Err(Problem::NoAuthority(certificate.subject().to_string()));
        }
        let (_, until) = validity(&certificate)?;
        RootCertStore::empty().add(der.clone()).map_err(|_| Problem::NotACertificate)?;
        Ok(Self { der, until, is_alone })
    }
}

/// Whether it has signed itself, and the library can look at its names: in one of version 1 it cannot.
fn stands_for_itself(der: &CertificateDer<'_>, certificate: &X509Certificate<'_>) -> bool {
    certificate.subject() == certificate.issuer()
        && is_signed_by(der, certificate.public_key())
        && ParsedCertificate::try_from(der).is_ok()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, Issuer, KeyPair, date_time_ymd};

    use super::super::fixture::{by_openssl, chain, good, made};
    use super::super::problem::Part;
    use super::*;

    /// Its issuer has the same name, and another key.
    fn said_to_be_its_own() -> String {
        let params = CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
        let [key, other] = [(); 2].map(|()| KeyPair::generate().unwrap());
        params.signed_by(&key, &Issuer::from_params(&params, &other)).unwrap().pem()
    }

    fn parse(text: &str) -> Result<usize, Problem> {
        let now = SystemTime::now();
        EndpointAuthorities::parse(text.as_bytes(), now).map(|it| it.good(now).count())
    }

    #[test]
    fn all_that_is_good_in_a_file_is_trusted() {
        let ([leaf, middle, root], key) = chain("a.test");
        let old = made(&["a"], |params| params.not_after = date_time_ymd(2020, 1, 1)).cert;
        let later = made(&["a"], |params| params.not_before = date_time_ymd(2090, 1, 1)).cert;
        let expired = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_577_836_800);
        let no_authority = Problem::NoAuthority("CN=rcgen self signed cert".to_owned());
        for (text, expected) in [
            (root.clone(), Ok(1)),
            // Whoever has signed itself is trusted as itself.
            (good("a.test").cert, Ok(1)),
            // By its names only.
            (said_to_be_its_own(), Err(no_authority.clone())),
            (format!("{root}{middle}"), Ok(2)),
            (format!("{root}{middle}{leaf}"), Err(no_authority)),
            (by_openssl("-nodes -newkey rsa:1024").cert, Err(Problem::WeakKey(1024))),
            (format!("{old}{root}{later}"), Ok(2)),
            (old, Err(Problem::Expired(expired))),
            (String::new(), Err(Problem::Garbled(Part::Chain))),
            (key, Err(Problem::NoCertificate)),
            (root[..root.len() / 2].to_owned(), Err(Problem::Truncated(Part::Chain))),
        ] {
            assert_eq!(parse(&text), expected, "{text}");
        }
    }
}
