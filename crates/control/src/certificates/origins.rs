//! What is known of TLS with endpoints: whose word is taken on who they are, and how each cluster shakes hands. A part of what the store
//! knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_plan::tls::{Certificate, Origination};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::authorities::Authorities;
use super::originate::originate;
use super::problem::Finding;
use super::source::Refusal;
use super::store::{Known, Unusable, refused, untaken};
use crate::config::{Config, OriginationConfig, Trust};

/// Of all clusters that speak TLS with their endpoints.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins {
    /// The authorities of this machine, as they were when a config was last put in force; `None` if no cluster asks for them.
    system: Option<Result<Arc<Authorities>, Refusal>>,
    clusters: BTreeMap<String, Originator>,
}

/// A cluster that speaks TLS with its endpoints.
#[derive(Clone, Debug)]
struct Originator {
    config: OriginationConfig,
    authorities: Option<Arc<Authorities>>,
    certificate: Option<Arc<Certificate>>,
    /// What handshakes follow, made of these.
    client: Arc<ClientConfig>,
    origination: Arc<Origination>,
    /// What the library has refused of it, although each of its files is good.
    problem: Option<Refusal>,
}

impl Origins {
    /// How `cluster` shakes hands; `None` if it does not.
    pub(super) fn origination(&self, cluster: &str) -> Option<Arc<Origination>> {
        self.clusters.get(cluster).map(|it| Arc::clone(&it.origination))
    }

    /// What `cluster` shows its endpoints, if it is anything.
    pub(super) fn shown_by(&self, cluster: &str) -> Option<&Arc<Certificate>> {
        self.clusters.get(cluster)?.certificate.as_ref()
    }

    /// What `cluster` is told about TLS; `None` if it does not speak it.
    pub(super) fn config_of(&self, cluster: &str) -> Option<&OriginationConfig> {
        self.clusters.get(cluster).map(|it| &it.config)
    }

    /// The same of all clusters.
    pub(super) fn configs(&self) -> impl Iterator<Item = &OriginationConfig> {
        self.clusters.values().map(|it| &it.config)
    }

    /// What is wrong with clusters although each of their files is good.
    pub(super) fn problems(&self) -> impl Iterator<Item = (&str, &Refusal)> {
        self.clusters.iter().filter_map(|(name, it)| Some((name.as_str(), it.problem.as_ref()?)))
    }

    /// What is wrong with the authorities of this machine.
    pub(super) fn refusal(&self, trust: &Trust) -> Option<&Refusal> {
        self.system.as_ref().filter(|_| *trust == Trust::System)?.as_ref().err()
    }

    /// What is to be said about them if a config is about to trust them.
    pub(super) fn findings(&self, trust: &Trust) -> Option<Finding> {
        self.gather([trust]).refusal(trust).cloned().map(refused)
    }

    /// What would be known if `config` were in force, where `known` is of files. A cluster of which it says the same as before keeps
    /// its connections.
    ///
    /// # Errors
    ///
    /// Nobody is left whose word could be taken, or a certificate of ours was never good.
    pub(super) fn with(&self, config: &Config, known: &Known) -> Result<Self, Unusable> {
        let clusters =
            || config.clusters.iter().filter_map(|it| Some((&it.name, it.tls.as_ref()?)));
        let mut next = self.gather(clusters().map(|(_, tls)| &tls.trust));
        for (name, tls) in clusters() {
            let old = self.clusters.get(name);
            let originator = next.originator(old, tls, known)?;
            next.clusters.insert(name.clone(), originator);
        }
        Ok(next)
    }

    /// The same config with what is in its files now.
    pub(super) fn refreshed(&self, known: &Known) -> Self {
        // Those of this machine are looked at when a config is put in force, and not all the time.
        let mut next = Self { system: self.system.clone(), ..Self::default() };
        for (name, old) in &self.clusters {
            let new = next.originator(Some(old), &old.config, known);
            let new = new.unwrap_or_else(|error| {
                let files = old.config.followed().map(|(_, file)| file).into_iter();
                Originator { problem: Some(untaken(files, &error)), ..old.clone() }
            });
            next.clusters.insert(name.clone(), new);
        }
        next
    }

    fn originator(
        &self,
        old: Option<&Originator>,
        config: &OriginationConfig,
        known: &Known,
    ) -> Result<Originator, Unusable> {
        let refused = |refusal| Unusable::Certificate(refused(refusal));
        if let Some(refusal) = self.refusal(&config.trust) {
            return Err(refused(refusal.clone()));
        }
        let before = old.and_then(|old| old.authorities.as_ref());
        let authorities = self.authorities(&config.trust, before, known);
        let certificate = match &config.certificate {
            Some(source) => Some(known.only(source).map_err(refused)?),
            None => None,
        };
        let is_same = |old: &&Originator| {
            (&old.authorities, &old.config.trust) == (&authorities, &config.trust)
                && old.config.http == config.http
                && old.certificate.as_ref().map(Arc::as_ptr)
                    == certificate.as_ref().map(Arc::as_ptr)
        };
        let client = match old.filter(is_same) {
            Some(old) => Arc::clone(&old.client),
            None => {
                let (authorities, shown) = (authorities.as_deref(), certificate.as_deref());
                Arc::new(originate(authorities, shown, config.http)?)
            }
        };
        let origination = match old.filter(|old| old.config == *config) {
            Some(old) => Arc::clone(&old.origination),
            None => {
                let name = config.server_name.as_deref().map(str::to_owned);
                let name = name.and_then(|name| ServerName::try_from(name).ok());
                Arc::new(Origination::new(Arc::clone(&client), name))
            }
        };
        let config = config.clone();
        Ok(Originator { config, authorities, certificate, client, origination, problem: None })
    }

    /// Whose word is taken from now on; `None` for anybody's. The same as `before` if it is that of the same authorities.
    fn authorities(
        &self,
        trust: &Trust,
        before: Option<&Arc<Authorities>>,
        known: &Known,
    ) -> Option<Arc<Authorities>> {
        match trust {
            Trust::Anybody => None,
            Trust::System => self.system.as_ref()?.as_ref().ok().cloned(),
            Trust::Authorities(place) => {
                let file = known.followed.endpoint_authorities.good(&place.path);
                // The library looks at no times of authorities.
                let good = file.into_iter().flat_map(|file| file.good(known.at));
                let now = Authorities::of(good.cloned().collect());
                let same = before.filter(|before| ***before == now);
                Some(same.map_or_else(|| Arc::new(now), Arc::clone))
            }
        }
    }

    /// The authorities of this machine, if anybody trusts them. No clusters.
    fn gather<'a>(&self, trusts: impl IntoIterator<Item = &'a Trust>) -> Self {
        let is_asked_for = trusts.into_iter().any(|trust| *trust == Trust::System);
        Self { system: is_asked_for.then(|| self.system_now()), ..Self::default() }
    }

    /// Those of this machine as they are now; the ones before, if they are the same or there are none any more.
    fn system_now(&self) -> Result<Arc<Authorities>, Refusal> {
        let before = self.system.as_ref().and_then(|before| before.as_ref().ok());
        match (Authorities::of_system(), before) {
            (Ok(now), Some(before)) if now == **before => Ok(Arc::clone(before)),
            (Ok(now), _) => Ok(Arc::new(now)),
            (Err(_), Some(before)) => Ok(Arc::clone(before)),
            (Err(refusal), None) => Err(refusal),
        }
    }

    /// Puts what handshakes are to follow where they look.
    pub(super) fn show(&self, before: &Self) {
        for (name, new) in &self.clusters {
            let old = before.clusters.get(name);
            if old.is_some_and(|old| !Arc::ptr_eq(&old.client, &new.client)) {
                new.origination.replace(Arc::clone(&new.client));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    use evenkeel_plan::cluster::HttpVersion;

    use super::super::Store;
    use super::super::fixture::{self, Made, good, propose, write};
    use super::super::problem::{Part, Problem, Remark};
    use super::*;
    use crate::config::CertificateSource;
    use crate::fixture::config;

    /// A config whose cluster speaks TLS so.
    fn with(tls: Option<OriginationConfig>) -> Config {
        let mut config = config(&[("web", "api")], &[("api", &["a.test:443"])]);
        config.clusters[0].tls = tls;
        config
    }

    fn put(store: &Store, tls: &OriginationConfig) -> Arc<Origination> {
        fixture::put(store, &with(Some(tls.clone())));
        store.known().origination("api").unwrap()
    }

    fn trusting(file: &Path) -> OriginationConfig {
        let place = file.to_string_lossy().into_owned().into();
        OriginationConfig { trust: Trust::Authorities(place), ..OriginationConfig::default() }
    }

    #[test]
    fn what_has_changed_in_files_is_followed_by_the_same_object() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        fs::write(&file, good("a.test").cert).unwrap();
        write(folder.path(), "client", &good("balancer.test"));
        let [cert, key] = ["crt", "key"].map(|it| folder.path().join("client").with_extension(it));
        let [cert, key] = [cert, key].map(|it| it.to_string_lossy().into_owned().into());
        let certificate = Some(CertificateSource::Client { cert, key: Some(key) });
        let tls = OriginationConfig { certificate, ..trusting(&file) };
        let store = Store::default();
        let origination = put(&store, &tls);
        let mut client = origination.config();
        assert!(client.client_auth_cert_resolver.has_certs());
        let mut refreshed = |problems| {
            store.refresh(SystemTime::now());
            let known = store.known();
            assert!(Arc::ptr_eq(&origination, &known.origination("api").unwrap()));
            assert_eq!(known.problems_with_endpoints("api"), Some(problems));
            let before = std::mem::replace(&mut client, origination.config());
            !Arc::ptr_eq(&before, &client)
        };
        assert!(!refreshed(0));
        fs::write(&file, good("b.test").cert).unwrap();
        assert!(refreshed(0));
        write(folder.path(), "client", &good("other.test"));
        assert!(refreshed(0));
        fs::write(&file, "text").unwrap();
        assert!(!refreshed(1));
        write(folder.path(), "client", &Made::default());
        assert!(!refreshed(2));
        // A config that is read meanwhile does not make it worse.
        assert!(Arc::ptr_eq(&origination, &put(&store, &tls)));
        assert!(!refreshed(2));
    }

    #[test]
    fn another_config_is_another_object_whose_connections_are_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        fs::write(&file, good("a.test").cert).unwrap();
        let store = Store::default();
        let trusting = trusting(&file);
        let named = OriginationConfig { server_name: Some("b.test".into()), ..trusting.clone() };
        let nobody = OriginationConfig { trust: Trust::Anybody, ..OriginationConfig::default() };
        let asked_in_2 = OriginationConfig { http: HttpVersion::Http2, ..trusting.clone() };
        let all = [&trusting, &named, &nobody, &asked_in_2, &trusting].map(|tls| put(&store, tls));
        for (position, one) in all.iter().enumerate() {
            assert!(!all[..position].iter().any(|other| Arc::ptr_eq(one, other)));
        }
        assert_eq!(all[1].name_of("a.test:443").unwrap().to_str(), "b.test");
        let offered = |origination: &Origination| origination.config().alpn_protocols.clone();
        assert_eq!(offered(&all[3]), [b"h2"]);
        assert_eq!(offered(&all[4]), [b"http/1.1"]);
        assert!(all[3].stream_config().alpn_protocols.is_empty());
        fixture::put(&store, &with(None));
        assert!(store.known().origination("api").is_none());
    }

    #[test]
    fn what_was_never_good_stops_a_config() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        fs::write(&file, "text").unwrap();
        let refused = propose(&Store::default(), &with(Some(trusting(&file)))).unwrap_err();
        let remark = Remark::Refused(Problem::Garbled(Part::Chain));
        let finding = Finding { file: file.clone(), remark };
        assert_eq!(refused, Unusable::File("CA", finding.clone()));
        let trust = trusting(&file).trust;
        assert_eq!(Known::default().findings_of_trust(&trust, SystemTime::now()), [finding]);
    }
    /// Nobody touches the file, and the library looks at no times of authorities.
    #[test]
    fn an_authority_that_has_expired_meanwhile_is_trusted_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let until = |day: u64| {
            let end = fixture::in_days(day).into();
            fixture::made(&["a.test"], |params| params.not_after = end).cert
        };
        fs::write(&file, format!("{}{}", until(1), until(2))).unwrap();
        let store = Store::default();
        let origination = put(&store, &trusting(&file));
        let mut client = origination.config();
        for (day, problems) in [(1, 0), (2, 1)] {
            let later = fixture::in_days(day) + Duration::from_secs(60);
            assert!(store.known().is_stale(later), "{day}");
            store.refresh(later);
            assert!(!store.known().is_stale(later), "{day}");
            let before = std::mem::replace(&mut client, origination.config());
            assert!(!Arc::ptr_eq(&before, &client), "{day}");
            assert_eq!(store.known().problems_with_endpoints("api"), Some(problems), "{day}");
        }
    }
}
