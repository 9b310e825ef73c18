//! How TLS is spoken with every contender: by one certificate, and by one cipher suite and one group, which are all
//! that clients offer, so that nobody's preferences matter.

use std::error::Error;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use evenkeel_testkit::Client;
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ServerConfig;
use rustls::{ClientConfig, RootCertStore, version};

use super::config::DIRECTORY;
use super::load::Target;
use crate::Outcome;

/// A certificate in files for the contenders, and clients that trust it.
#[derive(Debug)]
pub(super) struct Tls {
    pub(super) certificate: PathBuf,
    /// HAProxy looks for it under the certificate's name with `.key` behind.
    pub(super) key: PathBuf,
    /// For the load.
    openssl: PathBuf,
    client: Arc<ClientConfig>,
    /// For who judges the load.
    pub(super) server: Arc<ServerConfig>,
}

impl Tls {
    /// For the report.
    pub(super) const TERMS: &str = "\
        TLS 1.3 with TLS_AES_128_GCM_SHA256 and X25519, which is all that clients offer; an ECDSA certificate of P-256; \
        session tickets as each contender gives them by itself, of which clients make no use. New connections are \
        made by ab, in HTTP/1.0.";

    /// Makes a certificate, and writes all files.
    pub(super) fn write() -> Outcome<Self> {
        // The names that the load, the judge of equal work and the idle connections ask for.
        let made = rcgen::generate_simple_self_signed(
            [HOST, "example.test", "idle.test"].map(str::to_owned),
        )?;
        let key = made.signing_key.serialize_der();
        let directory = Path::new(DIRECTORY);
        fs::create_dir_all(directory)?;
        let file = |name: &str, text: &str| -> io::Result<PathBuf> {
            fs::write(directory.join(name), text)?;
            directory.join(name).canonicalize()
        };
        let certificate = made.cert.der();
        Ok(Self {
            certificate: file("tls.crt", &made.cert.pem())?,
            key: file("tls.crt.key", &made.signing_key.serialize_pem())?,
            openssl: file("openssl.cnf", OPENSSL)?,
            client: Arc::new(client(certificate)?),
            server: Arc::new(server(certificate, &key)?),
        })
    }

    pub(super) fn target(&self, port: u16) -> Target {
        Target::tls(HOST, port, self.openssl.clone())
    }

    /// Shakes hands in full.
    pub(super) fn connect(&self, address: SocketAddr) -> io::Result<Client> {
        let name = ServerName::try_from(HOST).map_err(io::Error::other)?;
        Client::connect_tls(address, name, Arc::clone(&self.client))
    }
}

fn client(certificate: &CertificateDer<'static>) -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone())?;
    let provider = CryptoProvider {
        cipher_suites: vec![aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256],
        kx_groups: vec![aws_lc_rs::kx_group::X25519],
        ..aws_lc_rs::default_provider()
    };
    let config = ClientConfig::builder_with_provider(provider.into());
    let config = config.with_protocol_versions(&[&version::TLS13])?.with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// One that gives tickets, and knows them again.
fn server(
    certificate: &CertificateDer<'static>,
    key: &[u8],
) -> Result<ServerConfig, Box<dyn Error>> {
    let config = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into());
    let config = config.with_protocol_versions(&[&version::TLS13])?.with_no_client_auth();
    let key = PrivateKeyDer::try_from(key.to_owned())?;
    let mut config = config.with_single_cert(vec![certificate.clone()], key)?;
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    Ok(config)
}

/// Whom clients ask for. A name, since TLS knows no addresses (RFC 6066 §3).
const HOST: &str = "localhost";

/// The same for OpenSSL as [`client`] has it.
const OPENSSL: &str = "\
openssl_conf = all
[all]
ssl_conf = programs
[programs]
system_default = client
[client]
MinProtocol = TLSv1.3
Ciphersuites = TLS_AES_128_GCM_SHA256
Groups = X25519
";
