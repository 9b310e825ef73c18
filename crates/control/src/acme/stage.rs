//! What authorities find when they ask whether a name is ours: answers that are shown for as long as somebody holds on to them. Several
//! orders may show theirs at a time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use evenkeel_plan::tls::{Challenges, Pending};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

use super::trouble::Trouble;

/// Shows answers on all listeners.
#[derive(Debug)]
pub(super) struct Stage {
    challenges: Arc<Challenges>,
    shown: Mutex<Answers>,
}

#[derive(Debug, Default)]
struct Answers {
    /// How many there ever were.
    count: u64,
    all: BTreeMap<u64, Pending>,
}

/// An answer is shown while this lives.
#[derive(Debug)]
pub(super) struct Shown {
    stage: Arc<Stage>,
    number: u64,
}

impl Stage {
    pub(super) fn new(challenges: Arc<Challenges>) -> Self {
        Self { challenges, shown: Mutex::default() }
    }

    /// Shows `pending` to whoever asks.
    pub(super) fn show(self: &Arc<Self>, pending: Pending) -> Shown {
        let mut shown = self.lock();
        shown.count += 1;
        let number = shown.count;
        shown.all.insert(number, pending);
        self.challenges.replace(shown.all.values().cloned().collect());
        Shown { stage: Arc::clone(self), number }
    }

    /// A panic elsewhere must not take the answers with it.
    fn lock(&self) -> MutexGuard<'_, Answers> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        let mut shown = self.stage.lock();
        shown.all.remove(&self.number);
        self.stage.challenges.replace(shown.all.values().cloned().collect());
    }
}

/// What shows in a handshake that `name` is ours, by the `digest` of what the authority wants to see (RFC 8737 §3).
///
/// # Errors
///
/// The name is none.
pub(super) fn proof(name: &str, digest: &[u8]) -> Result<Pending, Trouble> {
    let impossible =
        |error: &dyn std::fmt::Display| Trouble::new(format!("no proof for {name}: {error}"));
    if digest.len() != DIGEST_BYTES {
        return Err(Trouble::new(format!(
            "no proof for {name}: {} bytes are no SHA-256",
            digest.len()
        )));
    }
    let mut params =
        CertificateParams::new(vec![name.to_owned()]).map_err(|error| impossible(&error))?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate().map_err(|error| impossible(&error))?;
    let certificate = params.self_signed(&key).map_err(|error| impossible(&error))?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let key = any_supported_type(&key).map_err(|error| impossible(&error))?;
    let certificate = Arc::new(CertifiedKey::new(vec![certificate.der().clone()], key));
    Ok(Pending::Tls { name: name.into(), certificate })
}

/// Of SHA-256.
const DIGEST_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_shown_for_as_long_as_it_is_held() {
        let challenges: Arc<Challenges> = Arc::default();
        let stage = Arc::new(Stage::new(Arc::clone(&challenges)));
        let http = |token: &str| Pending::Http { token: token.into(), answer: token.into() };
        let is_shown = |token: &str| {
            challenges.answer(format!("/.well-known/acme-challenge/{token}").as_bytes()).is_some()
        };
        let first = stage.show(http("first"));
        let second = stage.show(http("second"));
        assert!(is_shown("first") && is_shown("second"));
        drop(first);
        assert!(!is_shown("first") && is_shown("second"));
        drop(second);
        assert!(!is_shown("first") && !is_shown("second"));
    }

    #[test]
    fn a_proof_has_what_the_authority_wants_to_see() {
        let Pending::Tls { name, certificate } = proof("a.example", &[7; 32]).unwrap() else {
            panic!("another kind of proof");
        };
        assert_eq!(&*name, "a.example");
        let der = certificate.cert[0].as_ref();
        // RFC 8737 §3: id-pe-acmeIdentifier, critical, an octet string in an octet string.
        let extension = [
            &[0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x1f][..],
            &[0x01, 0x01, 0xff, 0x04, 0x22, 0x04, 0x20],
            &[7; 32],
        ]
        .concat();
        assert!(der.windows(extension.len()).any(|window| window == extension));
        assert!(proof("a\u{e4}.example", &[7; 32]).is_err());
        assert!(proof("a.example", &[7; 31]).is_err());
    }
}
