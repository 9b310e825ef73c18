//! Certificates of every kind, and the authorities that sign them.

use std::path::Path;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType,
    date_time_ymd,
};

/// Signs certificates.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate with its key, in PEM.
#[derive(Clone)]
pub(super) struct Made {
    pub(super) cert: String,
    pub(super) key: String,
}

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Its own certificate.
    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    pub(super) fn sign(&self, params: &CertificateParams) -> Made {
        let key = KeyPair::generate().unwrap();
        Made::new(&params.signed_by(&key, &self.issuer).unwrap(), &key)
    }
}

impl Made {
    fn new(cert: &Certificate, key: &KeyPair) -> Self {
        Self { cert: cert.pem(), key: key.serialize_pem() }
    }

    /// Writes `NAME.crt` and `NAME.key`, each in one move.
    pub(super) fn put(&self, directory: &Path, name: &str) {
        for (extension, text) in [("key", &self.key), ("crt", &self.cert)] {
            let file = directory.join(name).with_extension(extension);
            super::put(&file, text);
        }
    }
}

/// For these names and addresses; the first is the subject's, too.
pub(super) fn for_names(names: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::default();
    let san = |name: &&str| match name.parse() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) => SanType::DnsName((*name).try_into().unwrap()),
    };
    params.subject_alt_names = names.iter().map(san).collect();
    params.distinguished_name.push(DnType::CommonName, names[0].replace('\0', "-"));
    params
}

/// For this name, but only for a time that is long past.
pub(super) fn expired(name: &str) -> CertificateParams {
    let mut params = for_names(&[name]);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2021, 1, 1);
    params
}

/// One that nobody else has signed.
pub(super) fn self_signed(params: &CertificateParams) -> Made {
    let key = KeyPair::generate().unwrap();
    Made::new(&params.self_signed(&key).unwrap(), &key)
}
