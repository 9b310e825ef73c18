//! What an authority that is about to issue a certificate is answered when it asks whether a name is ours. Filled in by `control` while
//! an order runs; asked by each handshake that is about nothing else, and by requests for paths below `/.well-known/acme-challenge/`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// All answers, for all listeners. Outlives plans.
#[derive(Debug, Default)]
pub struct Challenges {
    /// Whether there are any, so that requests need not look where nothing is.
    is_pending: AtomicBool,
    pending: ArcSwap<Vec<Pending>>,
}

/// What somebody who asks is to find.
#[derive(Clone, Debug)]
pub enum Pending {
    /// By a request in clear text (RFC 8555 §8.3).
    Http {
        /// The end of the path.
        token: Box<str>,
        /// The body of the answer.
        answer: Arc<str>,
    },
    /// In a handshake (RFC 8737 §3).
    Tls {
        /// The name that it is about, in lower case.
        name: Box<str>,
        /// What proves that it is ours.
        certificate: Arc<CertifiedKey>,
    },
}

impl Challenges {
    /// From now on it is these that are answered.
    pub fn replace(&self, pending: Vec<Pending>) {
        let is_pending = !pending.is_empty();
        self.pending.store(Arc::new(pending));
        self.is_pending.store(is_pending, Ordering::Release);
    }

    /// What a request for `path` is answered; `None` if it is a request as any other.
    pub fn answer(&self, path: &[u8]) -> Option<Arc<str>> {
        if !self.is_pending.load(Ordering::Acquire) {
            return None;
        }
        let wanted = path.strip_prefix(PATH)?;
        self.pending.load().iter().find_map(|pending| match pending {
            Pending::Http { token, answer } if token.as_bytes() == wanted => {
                Some(Arc::clone(answer))
            }
            _ => None,
        })
    }

    /// What is shown to who asks whether `wanted` is ours.
    fn certificate(&self, wanted: &str) -> Option<Arc<CertifiedKey>> {
        self.pending.load().iter().find_map(|pending| match pending {
            Pending::Tls { name, certificate } if name.eq_ignore_ascii_case(wanted) => {
                Some(Arc::clone(certificate))
            }
            _ => None,
        })
    }
}

impl ResolvesServerCert for Challenges {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.certificate(hello.server_name()?)
    }
}

/// Where authorities ask (RFC 8555 §8.3).
const PATH: &[u8] = b"/.well-known/acme-challenge/";

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use rustls::crypto::aws_lc_rs::sign::any_supported_type;
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

    use super::*;

    fn http(token: &str, answer: &str) -> Pending {
        Pending::Http { token: token.into(), answer: answer.into() }
    }

    fn tls(name: &str) -> Pending {
        let key = KeyPair::generate().unwrap();
        let chain = CertificateParams::default().self_signed(&key).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = CertifiedKey::new(vec![chain.der().clone()], any_supported_type(&key).unwrap());
        Pending::Tls { name: name.into(), certificate: Arc::new(key) }
    }

    #[test]
    fn only_what_is_pending_is_answered() {
        let challenges = Challenges::default();
        let path = b"/.well-known/acme-challenge/abc";
        assert_eq!(challenges.answer(path), None);
        challenges.replace(vec![http("abc", "abc.x"), http("de", "de.x"), tls("a.example")]);
        for (path, answer) in [
            (&path[..], Some("abc.x")),
            (b"/.well-known/acme-challenge/de", Some("de.x")),
            (b"/.well-known/acme-challenge/a.example", None),
            (b"/.well-known/acme-challenge/ab", None),
            (b"/.well-known/acme-challenge/abc?", None),
            (b"/.well-known/acme-challenge/", None),
            (b"/.well-known/acme-challenge", None),
            (b"/abc", None),
            (b"*", None),
        ] {
            assert_eq!(challenges.answer(path).as_deref(), answer, "{path:?}");
        }
        challenges.replace(Vec::new());
        assert_eq!(challenges.answer(path), None);
    }

    #[test]
    fn a_certificate_is_for_its_name_in_any_case() {
        let challenges = Challenges::default();
        assert!(challenges.certificate("a.example").is_none());
        challenges.replace(vec![tls("a.example"), http("b.example", "x")]);
        for (name, is_there) in
            [("a.example", true), ("A.Example", true), ("b.example", false), ("", false)]
        {
            assert_eq!(challenges.certificate(name).is_some(), is_there, "{name}");
        }
    }
}
