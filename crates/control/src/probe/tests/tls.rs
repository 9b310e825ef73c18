//! The TLS check, against a server of rustls.

use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::Acceptor;
use tokio_rustls::LazyConfigAcceptor;

use super::*;

#[tokio::test]
async fn a_handshake_passes_whatever_the_certificate_says_and_asks_for_the_name() {
    let ours = Some("shop.example");
    let table = [
        ("db.internal:5432", None, Some("db.internal")),
        ("db.internal:5432", ours, ours),
        ("127.0.0.1:5432", None, None),
        ("[::1]:5432", None, None),
        ("127.0.0.1:5432", ours, ours),
    ];
    for (name, server_name, asked) in table {
        let listener = listen().await;
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(serve(listener));
        let kind = CheckKind::Tls { server_name: server_name.map(Into::into) };
        let check_of = HealthCheck { kind, timeout: LONG, ..HealthCheck::default() };
        let target = Target { name: name.into(), ..target(address, check_of) };
        assert_eq!(check(&target).await, Ok(()), "{name}");
        assert_eq!(server.await.unwrap().as_deref(), asked, "{name} {server_name:?}");
    }
}

#[tokio::test]
async fn what_is_no_handshake_fails_with_the_reason() {
    // A fatal alert (RFC 8446 §6): handshake_failure.
    let alert = b"\x15\x03\x03\x00\x02\x02\x28";
    let hello_of_length_without_end =
        [&b"\x16\x03\x03\x40\x00\x02\xff\xff\xff"[..], &[0; 30_000]].concat();
    let table: [(&[u8], &str); 5] = [
        (b"", "connection closed before the answer"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "TLS handshake failed: the answer is not TLS"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "TLS handshake failed: the answer is not TLS"),
        (
            alert,
            "TLS handshake failed: it has no cipher in common with us, or wants a certificate of ours (alert HandshakeFailure)",
        ),
        (&hello_of_length_without_end, "TLS handshake failed: the answer is not TLS"),
    ];
    for (bytes, reason) in table {
        let listener = listen().await;
        let address = listener.local_addr().unwrap();
        let bytes = bytes.to_vec();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut hello = [0; 4096];
            assert_ne!(stream.read(&mut hello).await.unwrap(), 0);
            // The probe may have seen enough and gone.
            drop(stream.write_all(&bytes).await);
            drop(stream.shutdown().await);
            while stream.read(&mut hello).await.is_ok_and(|read| read > 0) {}
        });
        let kind = CheckKind::Tls { server_name: None };
        let target = target(address, HealthCheck { kind, timeout: LONG, ..HealthCheck::default() });
        assert_eq!(check(&target).await.unwrap_err().to_string(), reason);
        server.await.unwrap();
    }
}

/// Accepts once and completes a handshake, with a certificate for somebody else. Returns the name that was asked for.
async fn serve(listener: TcpListener) -> Option<String> {
    let (stream, _) = listener.accept().await.unwrap();
    let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await.unwrap();
    let name = start.client_hello().server_name().map(str::to_owned);
    let mut stream = start.into_stream(Arc::new(server_config())).await.unwrap();
    // A goodbye, not a broken connection.
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
    name
}

/// A server with a certificate for `somebody.else`.
pub(super) fn server_config() -> ServerConfig {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["somebody.else".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap()
}

const LONG: Duration = Duration::from_secs(20);
