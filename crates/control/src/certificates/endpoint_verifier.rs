//! Who is taken for an endpoint: whoever an authority has signed for, and whoever shows a certificate that is trusted by itself. Made by
//! [`super::authorities`], asked by the TLS library.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use x509_parser::certificate::X509Certificate;

use super::parse::{read_certificate, validity};
use super::terminate::PROVIDER;

/// Asks the library about what authorities have signed, and knows the others byte for byte.
#[derive(Debug)]
pub(super) struct EndpointVerifier {
    /// `None` if there is no authority: the library would refuse to be made.
    library: Option<Arc<WebPkiServerVerifier>>,
    /// They stand for themselves, and for nobody else: as authorities their keys could sign for every name.
    alone: Vec<CertificateDer<'static>>,
}

impl EndpointVerifier {
    pub(super) fn new(roots: RootCertStore, alone: Vec<CertificateDer<'static>>) -> Self {
        let builder =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&PROVIDER));
        Self { library: builder.build().ok(), alone }
    }
}

impl ServerCertVerifier for EndpointVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.alone.iter().any(|known| known == certificate) {
            return judge_alone(certificate, name, now);
        }
        let library = self.library.as_ref().ok_or(CertificateError::UnknownIssuer)?;
        library.verify_server_cert(certificate, intermediates, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &PROVIDER.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &PROVIDER.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        PROVIDER.signature_verification_algorithms.supported_schemes()
    }
}

/// What is left to be asked of a certificate that is known: whether its time is now, and whether it is for this, and for whom.
fn judge_alone(
    certificate: &CertificateDer<'_>,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<ServerCertVerified, Error> {
    let parsed = read_certificate(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let (from, until) = validity(&parsed).map_err(|_| CertificateError::BadEncoding)?;
    let [not_before, not_after] = [from, until].map(unix_time);
    if now < not_before {
        return Err(CertificateError::NotValidYetContext { time: now, not_before }.into());
    }
    if now > not_after {
        return Err(CertificateError::ExpiredContext { time: now, not_after }.into());
    }
    if !is_for_servers(&parsed) {
        return Err(CertificateError::InvalidPurpose.into());
    }
    verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
    Ok(ServerCertVerified::assertion())
}

/// RFC 5280 §4.2.1.12: where purposes are named it is good for no others.
fn is_for_servers(certificate: &X509Certificate<'_>) -> bool {
    let purposes = certificate.extended_key_usage();
    purposes.is_ok_and(|it| it.is_none_or(|it| it.value.server_auth))
}

fn unix_time(at: SystemTime) -> UnixTime {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixTime::since_unix_epoch(Duration::from_secs(since.as_secs()))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, Issuer, KeyPair, date_time_ymd};
    use rustls::pki_types::pem::PemObject as _;

    use super::super::fixture::{Made, chain, good, made};
    use super::*;

    fn der(pem: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
    }

    fn judged(trusted: &str, shown: &str, name: &str) -> Result<(), Error> {
        let verifier = EndpointVerifier::new(RootCertStore::empty(), vec![der(trusted)]);
        let name = ServerName::try_from(name.to_owned()).unwrap();
        verifier.verify_server_cert(&der(shown), &[], &name, &[], UnixTime::now()).map(drop)
    }

    #[test]
    fn a_certificate_that_is_trusted_by_itself_is_taken_at_its_time_for_its_names_only() {
        let one = good("a.test").cert;
        assert_eq!(judged(&one, &one, "a.test"), Ok(()));
        let wrong_name = judged(&one, &one, "b.test").unwrap_err();
        assert!(wrong_name.to_string().contains("b.test"), "{wrong_name}");
        let past = made(&["a.test"], |it| it.not_after = date_time_ymd(2020, 1, 1)).cert;
        let past = judged(&past, &past, "a.test").unwrap_err();
        assert!(past.to_string().contains("expired"), "{past}");
        let later = made(&["a.test"], |it| it.not_before = date_time_ymd(2090, 1, 1)).cert;
        assert!(judged(&later, &later, "a.test").is_err());
        let client = made(&["a.test"], |it| {
            it.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        });
        assert!(judged(&client.cert, &client.cert, "a.test").is_err());
    }

    /// An endpoint could be anybody: its key signed for every name, and was believed.
    #[test]
    fn the_key_of_a_certificate_that_is_trusted_by_itself_signs_for_nobody() {
        let Made { cert, key } = good("a.test");
        let key = KeyPair::from_pem(&key).unwrap();
        let issuer = Issuer::new(CertificateParams::default(), &key);
        let forged = CertificateParams::new(vec!["b.test".to_owned()]).unwrap();
        let forged = forged.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().pem();
        let refused = Err(CertificateError::UnknownIssuer.into());
        assert_eq!(judged(&cert, &forged, "b.test"), refused);
        // Nor is another of the same key and name the same.
        let again = CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
        let again = again.self_signed(&key).unwrap().pem();
        assert_eq!(judged(&cert, &again, "a.test"), refused);
        assert_eq!(judged(&cert, &chain("a.test").0[0], "a.test"), refused);
    }
}
