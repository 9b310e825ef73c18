//! How a listener shakes hands: the TLS library's configuration, but for its tickets. Asked by the listener's terms.

use std::sync::{Arc, LazyLock};

use evenkeel_plan::listener::Protocol;
use evenkeel_plan::tls::{ACME_TLS, Certificates, Challenges};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};

use crate::config::{TlsConfig, TlsVersion};

/// A listener's side of handshakes by `tls` that shows `certificates`, and has `verifier` judge those of clients; without one it does not ask for them.
///
/// # Errors
///
/// The library cannot do what it was built for.
pub(super) fn terminate(
    certificates: Arc<Certificates>,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    tls: &TlsConfig,
) -> Result<ServerConfig, rustls::Error> {
    let versions: &[&SupportedProtocolVersion] = match tls.min_version {
        TlsVersion::Tls12 => &[&TLS13, &TLS12],
        TlsVersion::Tls13 => &[&TLS13],
    };
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&PROVIDER))
        .with_protocol_versions(versions)?
        .with_client_cert_verifier(verifier.unwrap_or_else(WebPkiClientVerifier::no_client_auth))
        .with_cert_resolver(certificates);
    // Whoever names none takes whatever a client would speak: what is in a stream is not for us to know.
    if tls.carries == Protocol::Http {
        let known = if tls.http2 { &ALPN[..] } else { &ALPN[1..] };
        config.alpn_protocols = known.iter().map(|it| it.to_vec()).collect();
    }
    // Each costs a signature of bytes; browsers that open several connections at once share one well enough.
    config.send_tls13_tickets = 1;
    // What tickets are for it would do again, for old clients, behind a lock that all workers share.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

/// The same for an authority that asks whether a name is ours: it is shown an answer or nothing, and nothing is remembered of it.
///
/// # Errors
///
/// The library cannot do what it was built for.
pub(super) fn challenge(challenges: &Arc<Challenges>) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&PROVIDER))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::<Challenges>::clone(challenges));
    config.alpn_protocols = vec![ACME_TLS.to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Arc::new(config))
}

/// What requests can be spoken by over TLS, the best first.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The library's choice: ephemeral keys and authenticated encryption only, post-quantum key exchange first.
pub(super) static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(default_provider()));
