//! How we shake hands with endpoints: the TLS library's configuration. Made by `origins`, and for checks that judge nobody.

use std::sync::{Arc, LazyLock};

use evenkeel_plan::cluster::HttpVersion;
use evenkeel_plan::tls::Certificate;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use super::authorities::Authorities;
use super::terminate::PROVIDER;

/// A client's side of handshakes that takes the word of `authorities`, or anybody's where there are none, and shows `certificate` to whoever
/// wants one, and offers what `http` stands for. It remembers sessions of its own, by the name that was proved when they began, and those only (RFC 8446 §4.6.1).
///
/// # Errors
///
/// The library cannot do what it was built for.
pub(super) fn originate(
    authorities: Option<&Authorities>,
    certificate: Option<&Certificate>,
    http: HttpVersion,
) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(Arc::clone(&PROVIDER))
        .with_protocol_versions(&[&TLS13, &TLS12])?;
    let verifier = match authorities {
        Some(authorities) => authorities.verifier(),
        None => Arc::new(Unjudged(Arc::clone(&PROVIDER))),
    };
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = match certificate {
        Some(certificate) => {
            let shown = SingleCertAndKey::from(Arc::clone(&certificate.key));
            builder.with_client_cert_resolver(Arc::new(shown))
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = http.protocols().iter().map(|it| it.to_vec()).collect();
    Ok(config)
}

/// One that judges nobody, for checks of endpoints that we speak with in clear text ourselves.
pub(crate) fn unjudged() -> Result<Arc<ClientConfig>, Error> {
    UNJUDGED.clone()
}

static UNJUDGED: LazyLock<Result<Arc<ClientConfig>, Error>> = LazyLock::new(|| {
    let mut config = originate(None, None, HttpVersion::default())?;
    // Whatever is spoken there.
    config.alpn_protocols.clear();
    Ok(Arc::new(config))
});

/// Takes every certificate.
#[derive(Debug)]
struct Unjudged(Arc<CryptoProvider>);

impl ServerCertVerifier for Unjudged {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
