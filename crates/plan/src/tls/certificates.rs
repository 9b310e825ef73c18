//! The certificates of a listener, and which of them a client is shown: the one for the name that it asks for, else the one for a `*` in place
//! of that name's first label, else the first of all; where there are several for a name, the first that the client can check, those with
//! elliptic curves before RSA, which costs many times as much to sign with.

use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use foldhash::HashMap;
use rustls::SignatureAlgorithm;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::Names;

/// A certificate with its key.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// What the library shows and signs with.
    pub key: Arc<CertifiedKey>,
    /// Whom it is good for.
    pub names: Names,
    /// From when on it is good, and until when.
    pub validity: (SystemTime, SystemTime),
}

/// All that a listener has, in the order of its config. Read by every handshake, replaced as a whole.
#[derive(Debug, Default)]
pub struct Certificates(ArcSwap<Index>);

#[derive(Debug, Default)]
struct Index {
    /// Those for each exact name, and for each name behind a `*.`; the cheapest to sign with first.
    exact: HashMap<Box<str>, Vec<Arc<Certificate>>>,
    wildcard: HashMap<Box<str>, Vec<Arc<Certificate>>>,
    /// Those for whoever asks for no name, or one that no certificate is for: the first, and what has all its names.
    default: Vec<Arc<Certificate>>,
}

impl Certificates {
    /// With those.
    pub fn new(certificates: &[Arc<Certificate>]) -> Self {
        Self(ArcSwap::from_pointee(Index::of(certificates)))
    }

    /// From now on it is these that are shown. Nothing that was begun with another one ends.
    pub fn replace(&self, certificates: &[Arc<Certificate>]) {
        self.0.store(Arc::new(Index::of(certificates)));
    }

    /// Whether what is shown to whoever asks for `server_name` is good for `host` as well. Where that may be one of several, each has to be.
    pub(super) fn cover(&self, server_name: Option<&str>, host: &str) -> bool {
        let index = self.0.load();
        let shown = index.find(server_name);
        !shown.is_empty() && shown.iter().all(|certificate| certificate.names.cover(host))
    }

    /// What is shown to a client that asks for `server_name`, and can check what `is_fit`. A client that can check none of it is told so by
    /// who tries; `None` if there is nothing at all.
    fn choose(
        &self,
        server_name: Option<&str>,
        is_fit: impl Fn(&CertifiedKey) -> bool,
    ) -> Option<Arc<CertifiedKey>> {
        let index = self.0.load();
        let candidates = index.find(server_name);
        let fit = candidates.iter().find(|certificate| is_fit(&certificate.key));
        fit.or(candidates.first()).map(|certificate| Arc::clone(&certificate.key))
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        self.choose(hello.server_name(), |key| key.key.choose_scheme(schemes).is_some())
    }
}

impl Index {
    fn of(certificates: &[Arc<Certificate>]) -> Self {
        let mut index = Self::default();
        for certificate in certificates {
            for name in certificate.names.iter() {
                let (map, name) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut index.wildcard, parent),
                    None => (&mut index.exact, name),
                };
                let entry = map.entry(name.into()).or_default();
                if !entry.iter().any(|other| Arc::ptr_eq(other, certificate)) {
                    entry.push(Arc::clone(certificate));
                }
            }
        }
        let first = certificates.first().map(|first| &first.names);
        let same = certificates.iter().filter(|it| Some(&it.names) == first);
        index.default = same.cloned().collect();
        // A stable sort: among those that cost the same, the order of the config decides.
        let maps = [&mut index.exact, &mut index.wildcard];
        let lists = maps.into_iter().flat_map(HashMap::values_mut).chain([&mut index.default]);
        lists.for_each(|list| list.sort_by_key(|it| it.is_rsa()));
        index
    }

    fn find(&self, server_name: Option<&str>) -> &[Arc<Certificate>] {
        let Some(name) = server_name else { return &self.default };
        // The dot of the root, which some clients ask with although they must not (RFC 6066 §3).
        let name = name.strip_suffix('.').unwrap_or(name);
        // Nearly all ask in lower case already.
        let name = match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => &name.to_ascii_lowercase(),
            false => name,
        };
        let parent = name.split_once('.').map_or("", |(_, parent)| parent);
        let found = self.exact.get(name).or_else(|| self.wildcard.get(parent));
        found.unwrap_or(&self.default)
    }
}

impl Certificate {
    fn is_rsa(&self) -> bool {
        self.key.key.algorithm() == SignatureAlgorithm::RSA
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};
    use rustls::SignatureScheme;
    use rustls::crypto::aws_lc_rs::sign::any_supported_type;
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

    use super::*;

    /// One for these names.
    fn certificate(names: &[&str], is_rsa: bool) -> Arc<Certificate> {
        let algorithm = if is_rsa { &PKCS_RSA_SHA256 } else { &PKCS_ECDSA_P256_SHA256 };
        let key = KeyPair::generate_for(algorithm).unwrap();
        let chain = CertificateParams::default().self_signed(&key).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = any_supported_type(&key).unwrap();
        let validity = (SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH);
        let key = Arc::new(CertifiedKey::new(vec![chain.der().clone()], key));
        Arc::new(Certificate { key, names: Names::new(names.iter().copied()), validity })
    }

    fn curve(names: &[&str]) -> Arc<Certificate> {
        certificate(names, false)
    }

    /// Which of `all` is shown to a client that can check signatures of these schemes.
    fn shown(
        all: &[Arc<Certificate>],
        certificates: &Certificates,
        server_name: Option<&str>,
        schemes: &[SignatureScheme],
    ) -> Option<usize> {
        let is_fit = |key: &CertifiedKey| key.key.choose_scheme(schemes).is_some();
        let key = certificates.choose(server_name, is_fit)?;
        all.iter().position(|certificate| Arc::ptr_eq(&certificate.key, &key))
    }

    #[test]
    fn an_exact_name_comes_before_a_star_and_a_star_before_the_first_of_all() {
        let all = [
            curve(&["first.example"]),
            curve(&["*.example.com", "Example.com"]),
            curve(&["www.example.com"]),
            curve(&["www.example.com", "*.example.com"]),
            curve(&["*.b.example.com"]),
        ];
        let certificates = Certificates::new(&all);
        for (name, expected) in [
            (None, 0),
            (Some("unknown.example"), 0),
            (Some("first.example"), 0),
            (Some("example.com"), 1),
            (Some("api.example.com"), 1),
            (Some("API.Example.COM"), 1),
            (Some("www.example.com"), 2),
            (Some("WWW.example.com"), 2),
            (Some("a.b.example.com"), 4),
            (Some("b.example.com"), 1),
            (Some("x.a.b.example.com"), 0),
            (Some("*.example.com"), 1),
            (Some("www.example.com."), 2),
            (Some(""), 0),
            (Some("."), 0),
        ] {
            assert_eq!(shown(&all, &certificates, name, CURVES), Some(expected), "{name:?}");
        }
    }

    #[test]
    fn curves_come_before_rsa_where_the_client_can_check_both() {
        let all = [
            certificate(&["a.example"], true),
            certificate(&["a.example"], false),
            certificate(&["only-rsa.example"], true),
        ];
        let certificates = Certificates::new(&all);
        let both = [CURVES, RSA].concat();
        let a = Some("a.example");
        let only = Some("only-rsa.example");
        for (name, schemes, expected) in [
            (a, &both[..], Some(1)),
            (a, CURVES, Some(1)),
            (a, RSA, Some(0)),
            // Who tries is told that there is nothing in common.
            (a, &[], Some(1)),
            // Whoever asks for no name gets the first, and that is two of the same names.
            (None, &both, Some(1)),
            (None, RSA, Some(0)),
            (only, &both, Some(2)),
            // Another name's would be refused anyhow.
            (only, CURVES, Some(2)),
        ] {
            assert_eq!(shown(&all, &certificates, name, schemes), expected, "{name:?} {schemes:?}");
        }
    }

    #[test]
    fn what_is_replaced_is_not_shown_any_more() {
        let (old, new) = ([curve(&["a.example"])], [curve(&["b.example"]), curve(&["a.example"])]);
        let certificates = Certificates::new(&old);
        assert_eq!(shown(&old, &certificates, Some("a.example"), CURVES), Some(0));
        certificates.replace(&new);
        assert_eq!(shown(&new, &certificates, Some("a.example"), CURVES), Some(1));
        assert_eq!(shown(&new, &certificates, None, CURVES), Some(0));
        certificates.replace(&[]);
        assert!(certificates.choose(Some("a.example"), |_| true).is_none());
        assert!(certificates.choose(None, |_| true).is_none());
        assert!(!certificates.cover(None, "a.example"));
    }

    #[test]
    fn only_what_a_client_was_shown_covers_what_it_asks_for() {
        let all = [curve(&["a.example", "b.example"]), curve(&["*.example.com"])];
        let certificates = Certificates::new(&all);
        for (name, host, is_covered) in [
            (Some("a.example"), "b.example", true),
            (Some("a.example"), "www.example.com", false),
            (Some("www.example.com"), "API.example.com", true),
            (Some("www.example.com"), "a.example", false),
            (Some("unknown.example"), "a.example", true),
            (Some("unknown.example"), "unknown.example", false),
            (None, "b.example", true),
            (None, "www.example.com", false),
        ] {
            assert_eq!(certificates.cover(name, host), is_covered, "{name:?} {host}");
        }
    }

    /// RFC 9110 §7.4: it is the one that was shown that has to be good for the host.
    #[test]
    fn where_one_of_several_is_shown_all_have_to_cover() {
        let both = [
            certificate(&["a.example", "b.example"], false),
            certificate(&["a.example", "c.example"], true),
        ];
        let certificates = Certificates::new(&both);
        for (host, is_covered) in [("a.example", true), ("b.example", false), ("c.example", false)]
        {
            assert_eq!(certificates.cover(Some("a.example"), host), is_covered, "{host}");
        }
    }

    const CURVES: &[SignatureScheme] = &[SignatureScheme::ECDSA_NISTP256_SHA256];
    const RSA: &[SignatureScheme] = &[SignatureScheme::RSA_PSS_SHA256];
}
