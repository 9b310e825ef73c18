//! A certificate for this machine alone, so that `evenkeel serve https:8443 …` works without preparation. The binary has it made where a
//! command line wants TLS; a config file does not get it by itself, and nothing in production can run on it by accident.
//!
//! It has signed itself and is no authority: whoever trusts it trusts this key for these names, and nothing else that could be signed
//! with it.

use std::ffi::OsString;
use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};

use super::parse::{Purpose, is_dns_name};
use super::source::Pair;
use crate::config::{CertificateSource, FilePlace};
use crate::state_directory::state_directory;
use crate::whole_file::write_whole;

/// Where it is kept: the same files at each start, so that a browser asks once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevelopmentCertificate {
    folder: PathBuf,
}

impl DevelopmentCertificate {
    /// In the directory that a service manager has made for us (`STATE_DIRECTORY`), or else where the user's data are
    /// (`XDG_DATA_HOME`, or `.local/share` in `HOME`), as `variable` says; without all of these where those of the system are.
    pub fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let named = |name: &str| {
            let path = PathBuf::from(variable(name)?);
            path.is_absolute().then_some(path)
        };
        let data = || named("XDG_DATA_HOME").or_else(|| Some(named("HOME")?.join(".local/share")));
        let folder = state_directory(&variable).or_else(|| Some(data()?.join("evenkeel")));
        folder.map_or_else(Self::default, |folder| Self { folder: folder.join("development") })
    }

    /// The certificate.
    pub fn chain(&self) -> PathBuf {
        self.folder.join("localhost.crt")
    }

    /// Its key, which nobody else may read.
    pub fn key(&self) -> PathBuf {
        self.folder.join("localhost.key")
    }

    /// Both, as a config names them.
    pub fn source(&self) -> CertificateSource {
        let place =
            |path: PathBuf| FilePlace { written: path.to_string_lossy().into_owned(), path };
        CertificateSource::Files { cert: place(self.chain()), key: Some(place(self.key())) }
    }

    /// Makes it, if it is not there, cannot be used, or ends soon: for `localhost`, its addresses, and this machine, which is called
    /// `host`.
    ///
    /// # Errors
    ///
    /// It cannot be written, or the system has no random bytes.
    pub fn ensure(&self, host: &str, now: SystemTime) -> io::Result<()> {
        if self.is_good(now) {
            return Ok(());
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        // The files of two that start at once must not be mixed; closing it lets the other go on.
        let lock = self.folder.join("lock");
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(lock)?;
        lock.lock()?;
        if self.is_good(now) {
            return Ok(());
        }
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params(host, now).self_signed(&key).map_err(io::Error::other)?;
        write_whole(&self.key(), key.serialize_pem().as_bytes(), 0o600)?;
        write_whole(&self.chain(), certificate.pem().as_bytes(), 0o644)
    }

    /// Whether it can go on being used.
    fn is_good(&self, now: SystemTime) -> bool {
        let pair = Pair { chain: self.chain(), key: self.key(), purpose: Purpose::Server };
        pair.read(now).is_ok_and(|parsed| {
            let certificate = parsed.certificate;
            certificate.names.cover(LOCALHOST) && certificate.validity.1 > now + REPLACED_BEFORE
        })
    }
}

impl Default for DevelopmentCertificate {
    /// Where the system keeps such things.
    fn default() -> Self {
        Self { folder: "/var/lib/evenkeel/development".into() }
    }
}

fn params(host: &str, now: SystemTime) -> CertificateParams {
    let moment = |at: SystemTime| {
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        date_time_ymd(1970, 1, 1) + Duration::from_secs(since.as_secs())
    };
    let host =
        Some(host.to_ascii_lowercase()).filter(|host| host != LOCALHOST && is_dns_name(host));
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "Evenkeel, for development");
    // There may be those of several machines in a list of what is trusted.
    name.push(DnType::OrganizationalUnitName, host.as_deref().unwrap_or(LOCALHOST));
    let names = [Some(LOCALHOST.to_owned()), host].into_iter().flatten();
    let names = names.filter_map(|name| name.try_into().ok()).map(SanType::DnsName);
    let addresses = ["127.0.0.1", "::1"].into_iter().filter_map(|address| address.parse().ok());
    let mut params = CertificateParams::default();
    params.distinguished_name = name;
    params.subject_alt_names = names.chain(addresses.map(SanType::IpAddress)).collect();
    params.not_before = moment(now - BEGINS_BEFORE);
    params.not_after = moment(now + GOOD_FOR);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

const LOCALHOST: &str = "localhost";

/// The clocks of virtual machines and of containers' hosts differ by more than seconds.
const BEGINS_BEFORE: Duration = Duration::from_hours(1);

/// With the hour before less than the 397 days that browsers take (CA/Browser Forum, Baseline Requirements §6.3.2, before 2026).
const GOOD_FOR: Duration = Duration::from_hours(396 * 24);

/// What is made anew at a start does not end while that runs; and the log begins to warn later than that.
const REPLACED_BEFORE: Duration = Duration::from_hours(30 * 24);

#[cfg(test)]
mod tests;
