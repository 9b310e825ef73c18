//! Load by https: whom the client trusts. `args` and the demo choose, `client` shakes hands by it.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// A client that trusts the certificates in `file`, in PEM: authorities, or those of servers themselves.
///
/// # Errors
///
/// Why nobody could be trusted by it, for a person.
pub(crate) fn trusting(file: &Path) -> Result<Arc<ClientConfig>, String> {
    let name = file.display();
    let unusable = |why: String| format!("{name} does not say whom to trust: {why}");
    let found = CertificateDer::pem_file_iter(file).map_err(|error| unusable(error.to_string()))?;
    let found =
        found.collect::<Result<Vec<_>, _>>().map_err(|error| unusable(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    if roots.add_parsable_certificates(found).0 == 0 {
        return Err(unusable("it has no certificate".to_owned()));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Where Debian, Alpine, Arch and others have the authorities that everybody trusts.
pub(crate) const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
