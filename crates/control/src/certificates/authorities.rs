//! Authorities whose word is taken on who an endpoint is: those of a file, or those that this machine trusts. Called by
//! `origins`, and by who orders certificates.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls_native_certs::load_native_certs;

use super::parse::{certificates, read_certificate, validity};
use super::problem::Problem;
use super::source::{Refusal, read_file};

/// Authorities, at least one.
#[derive(Debug)]
pub(crate) struct Authorities {
    pub(crate) roots: Arc<RootCertStore>,
    /// What they are made from.
    certificates: Vec<CertificateDer<'static>>,
}

impl PartialEq for Authorities {
    fn eq(&self, other: &Self) -> bool {
        self.certificates == other.certificates
    }
}

impl Authorities {
    /// Those in a file that are good at least until `now`. While one is replaced by another, both may be in it.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn read(file: &Path, now: SystemTime) -> Result<Self, Refusal> {
        let text = read_file(file)?;
        Self::parse(&text, now).map_err(|problem| (file.to_owned(), problem))
    }

    fn parse(text: &[u8], now: SystemTime) -> Result<Self, Problem> {
        let all = certificates(text)?;
        let (mut roots, mut good, mut last) = (RootCertStore::empty(), Vec::new(), None);
        for certificate in all {
            let until = validity(&read_certificate(&certificate)?)?.1;
            last = last.max(Some(until));
            if now <= until {
                roots.add(certificate.clone()).map_err(|_| Problem::NotACertificate)?;
                good.push(certificate);
            }
        }
        match last {
            Some(last) if roots.is_empty() => Err(Problem::Expired(last)),
            _ => Ok(Self { roots: Arc::new(roots), certificates: good }),
        }
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
        let mut roots = RootCertStore::empty();
        // What is no authority among so many keeps nobody from trusting the others.
        roots.add_parsable_certificates(certificates.iter().cloned());
        if roots.is_empty() {
            return Err((system_place(), Problem::NothingTrusted));
        }
        Ok(Self { roots: Arc::new(roots), certificates })
    }
}

/// Where they are looked for, as people know it.
fn system_place() -> PathBuf {
    let told = env::var_os("SSL_CERT_FILE").or_else(|| env::var_os("SSL_CERT_DIR"));
    told.map_or_else(|| PathBuf::from("/etc/ssl/certs"), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use rcgen::date_time_ymd;

    use super::super::fixture::{chain, good, made};
    use super::super::problem::Part;
    use super::*;

    fn parse(text: &str) -> Result<usize, Problem> {
        Authorities::parse(text.as_bytes(), SystemTime::now()).map(|it| it.roots.len())
    }

    #[test]
    fn all_that_is_good_in_a_file_is_trusted() {
        let ([leaf, middle, root], key) = chain("a.test");
        let old = made(&["a"], |params| params.not_after = date_time_ymd(2020, 1, 1)).cert;
        let later = made(&["a"], |params| params.not_before = date_time_ymd(2090, 1, 1)).cert;
        let expired = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_577_836_800);
        for (text, expected) in [
            (root.clone(), Ok(1)),
            // Whoever signs for itself is its own authority.
            (good("a.test").cert, Ok(1)),
            (format!("{root}{middle}{leaf}"), Ok(3)),
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
