//! The TLS check: a handshake completes. The certificate is not judged. Called by `probe`.

use std::io;
use std::sync::{Arc, LazyLock};

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::words::first_line;
use super::{Failure, Target};

/// Completes a handshake, and says goodbye.
pub(super) async fn shake_hands(
    stream: TcpStream,
    server_name: &ServerName<'static>,
) -> Result<(), Failure> {
    let connector = CONNECTOR.as_ref().map_err(|error| Failure::Untried(error.to_string()))?;
    let mut stream =
        connector.connect(server_name.clone(), stream).await.map_err(|error| refused(&error))?;
    // An endpoint that does not wait for our goodbye is as well as any.
    drop(stream.shutdown().await);
    Ok(())
}

/// Whom to ask for: what the check says, or else the host of the endpoint. An address is not sent (RFC 6066 §3).
pub(super) fn server_name(wanted: Option<&str>, target: &Target) -> ServerName<'static> {
    let name = wanted.unwrap_or(target.host_and_port().0);
    ServerName::try_from(name.to_owned())
        .unwrap_or_else(|_| ServerName::IpAddress(target.address.ip().into()))
}

fn refused(error: &io::Error) -> Failure {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::InvalidMessage(_)) => Failure::Tls("the answer is not TLS".to_owned()),
        Some(error) => Failure::Tls(first_line(error.to_string().as_bytes())),
        None => Failure::Closed,
    }
}

/// Made when the first endpoint is checked by TLS. It knows no earlier session: every check is a whole handshake.
static CONNECTOR: LazyLock<Result<TlsConnector, Error>> = LazyLock::new(|| {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Unjudged(provider)))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
});

/// Takes every certificate. Nothing is sent over such a connection, and nothing is believed that comes from it.
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
