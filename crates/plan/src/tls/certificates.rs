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

    /// Whether what is shown to whoever asks for `server_name` is good for `host` as well.
    pub(super) fn cover(&self, server_name: Option<&str>, host: &str) -> bool {
        self.0.load().find(server_name).iter().any(|certificate| certificate.names.cover(host))
    }

    /// What is shown to a client that asks for `server_name`, and can check what `is_fit`; `None` if nothing is.
    fn choose(
        &self,
        server_name: Option<&str>,
        is_fit: impl Fn(&CertifiedKey) -> bool,
    ) -> Option<Arc<CertifiedKey>> {
        let index = self.0.load();
        let fit = index.find(server_name).iter().find(|certificate| is_fit(&certificate.key));
        fit.map(|certificate| Arc::clone(&certificate.key))
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
