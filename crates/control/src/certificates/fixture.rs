//! Certificates of every kind, for the tests of this module.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};

use super::{Known, Proposal, Store, Unusable};
use crate::config::{CertificateSource, Config, FilePlace, TlsConfig};

/// A certificate and its key, in PEM.
#[derive(Clone, Debug, Default)]
pub(crate) struct Made {
    pub(crate) cert: String,
    pub(crate) key: String,
}

/// A certificate that nobody else has signed, after `change`.
pub(crate) fn made(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Made {
    let mut params = params(names);
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    Made { cert: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

/// A good one.
pub(crate) fn good(name: &str) -> Made {
    made(&[name], |_| {})
}

/// The certificate, the authority that has signed it, and the root; and the key.
pub(crate) fn chain(name: &str) -> ([String; 3], String) {
    let authority = |name: &str| {
        let mut params = params(&[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };
    let [root_key, middle_key, key] = [(); 3].map(|()| KeyPair::generate().unwrap());
    let root = authority("root").self_signed(&root_key).unwrap();
    let by_root = Issuer::new(authority("root"), &root_key);
    let middle = authority("middle").signed_by(&middle_key, &by_root).unwrap();
    let by_middle = Issuer::new(authority("middle"), &middle_key);
    let leaf = params(&[name]).signed_by(&key, &by_middle).unwrap();
    ([leaf.pem(), middle.pem(), root.pem()], key.serialize_pem())
}

fn params(names: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.subject_alt_names =
        names.iter().map(|name| SanType::DnsName((*name).try_into().unwrap())).collect();
    params
}

/// What `openssl req -x509` makes for a.example with these arguments, too.
pub(crate) fn by_openssl(arguments: &str) -> Made {
    let folder = tempfile::tempdir().unwrap();
    let [cert, key] = ["cert", "key"].map(|name| folder.path().join(name));
    let output = Command::new("openssl")
        .args(["req", "-x509", "-subj", "/CN=a", "-addext", "subjectAltName=DNS:a.example"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(arguments.split(' '))
        .args(["-keyout".as_ref(), key.as_os_str(), "-out".as_ref(), cert.as_os_str()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let [cert, key] = [cert, key].map(|file| fs::read_to_string(file).unwrap());
    Made { cert, key }
}

/// Writes `NAME.crt` and `NAME.key`, which nobody else may read.
pub(crate) fn write(folder: &Path, name: &str, made: &Made) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(format!("{name}.crt")), &made.cert).unwrap();
    let key = folder.join(format!("{name}.key"));
    fs::write(&key, &made.key).unwrap();
    fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
}

/// The directory as a source.
pub(crate) fn directory(folder: &Path) -> CertificateSource {
    CertificateSource::Directory(place(folder.to_owned()))
}

/// Two files as a source.
pub(crate) fn files(cert: PathBuf, key: PathBuf) -> CertificateSource {
    CertificateSource::Files { cert: place(cert), key: Some(place(key)) }
}

/// How a listener with these speaks TLS if it says nothing more.
pub(crate) fn tls(certificates: Vec<CertificateSource>) -> TlsConfig {
    TlsConfig::new(certificates)
}

pub(crate) fn place(path: PathBuf) -> FilePlace {
    FilePlace { written: path.to_string_lossy().into_owned(), path }
}

/// With nothing read for it yet.
pub(crate) fn propose(store: &Store, config: &Config) -> Result<Proposal, Unusable> {
    store.propose(config, &Known::default(), SystemTime::now())
}

/// What becomes known when `config` is put in force.
pub(crate) fn put(store: &Store, config: &Config) {
    store.commit(propose(store, config).unwrap());
}

/// So many days from now.
pub(crate) fn in_days(days: u64) -> SystemTime {
    SystemTime::now() + Duration::from_secs(days * 24 * 3600)
}
