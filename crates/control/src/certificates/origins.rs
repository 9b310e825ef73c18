//! What is known of TLS with endpoints: whose word is taken on who they are, and how each cluster shakes hands. A part of what the store
//! knows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use evenkeel_plan::tls::{Certificate, Origination};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::authorities::Authorities;
use super::originate::originate;
use super::problem::{Finding, Problem, Remark};
use super::source::{Refusal, stamp};
use super::store::{Entry, Good, Known, Unusable};
use crate::config::{CertificateSource, Config, OriginationConfig, Trust};

/// Of all clusters that speak TLS with their endpoints.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins {
    /// The files with authorities.
    files: BTreeMap<PathBuf, Entry<Arc<Authorities>>>,
    /// Those of this machine, as they were when a config was last put in force; `None` if no cluster asks for them.
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

    /// What is wrong with the files of `cluster` as they are now, apart from that of its own certificate; `None` if it has none.
    pub(super) fn of(
        &self,
        cluster: &str,
    ) -> Option<(Option<&Refusal>, Option<&CertificateSource>)> {
        let config = &self.clusters.get(cluster)?.config;
        Some((self.refusal(&config.trust), config.certificate.as_ref()))
    }

    /// What is wrong with those whose word is to be taken.
    fn refusal(&self, trust: &Trust) -> Option<&Refusal> {
        match trust {
            Trust::Anybody => None,
            Trust::System => self.system.as_ref()?.as_ref().err(),
            Trust::Authorities(place) => self.files.get(&place.path)?.problem.as_ref(),
        }
    }

    /// What is to be said about authorities that a config is about to trust.
    pub(super) fn findings(&self, trust: &Trust, now: SystemTime) -> Vec<Finding> {
        let next = self.gather([trust], now);
        let remark = match next.authorities(trust) {
            Some(_) => Remark::Kept,
            None => Remark::Refused,
        };
        let finding = |(file, problem): &Refusal| Finding {
            file: file.clone(),
            remark: remark(problem.clone()),
        };
        next.refusal(trust).map(finding).into_iter().collect()
    }

    /// What would be known if `config` were in force, where `known` is of certificates. A cluster of which it says the same as before keeps
    /// its connections.
    ///
    /// # Errors
    ///
    /// Nobody is left whose word could be taken, or a certificate of ours was never good.
    pub(super) fn with(
        &self,
        config: &Config,
        known: &Known,
        now: SystemTime,
    ) -> Result<Self, Unusable> {
        let clusters =
            || config.clusters.iter().filter_map(|it| Some((&it.name, it.tls.as_ref()?)));
        let mut next = self.gather(clusters().map(|(_, tls)| &tls.trust), now);
        for (name, tls) in clusters() {
            let old = self.clusters.get(name);
            let originator = next.originator(old, tls, known)?;
            next.clusters.insert(name.clone(), originator);
        }
        Ok(next)
    }

    /// The same config with what is in its files now.
    pub(super) fn refreshed(&self, known: &Known, now: SystemTime) -> Self {
        let trusts = self.clusters.values().map(|it| &it.config.trust);
        let mut next = self.gather(trusts.filter(|trust| **trust != Trust::System), now);
        // Looked at when a config is put in force, and not all the time.
        next.system = self.system.clone();
        for (name, old) in &self.clusters {
            // What was good before stays so: there is nothing to refuse.
            let new = next.originator(Some(old), &old.config, known);
            next.clusters.insert(name.clone(), new.unwrap_or_else(|_| old.clone()));
        }
        next
    }

    fn originator(
        &self,
        old: Option<&Originator>,
        config: &OriginationConfig,
        known: &Known,
    ) -> Result<Originator, Unusable> {
        let refused = |(file, problem): &Refusal| {
            let remark = Remark::Refused(problem.clone());
            Unusable::Certificate(Finding { file: file.clone(), remark })
        };
        let authorities = self.authorities(&config.trust);
        if let (None, Some(refusal)) = (&authorities, self.refusal(&config.trust)) {
            return Err(refused(refusal));
        }
        let certificate = match &config.certificate {
            Some(source) => Some(known.only(source).map_err(|refusal| refused(&refusal))?),
            None => None,
        };
        let is_same = |old: &&Originator| {
            (&old.authorities, &old.config.trust) == (&authorities, &config.trust)
                && old.certificate.as_ref().map(Arc::as_ptr)
                    == certificate.as_ref().map(Arc::as_ptr)
        };
        let client = match old.filter(is_same) {
            Some(old) => Arc::clone(&old.client),
            None => Arc::new(originate(authorities.as_deref(), certificate.as_deref())?),
        };
        let origination = match old.filter(|old| old.config == *config) {
            Some(old) => Arc::clone(&old.origination),
            None => {
                let name = config.server_name.as_deref().map(str::to_owned);
                let name = name.and_then(|name| ServerName::try_from(name).ok());
                Arc::new(Origination::new(Arc::clone(&client), name))
            }
        };
        Ok(Originator { config: config.clone(), authorities, certificate, client, origination })
    }

    /// Whose word is taken; `None` for anybody's, or if there is nobody.
    fn authorities(&self, trust: &Trust) -> Option<Arc<Authorities>> {
        match trust {
            Trust::Anybody => None,
            Trust::System => self.system.as_ref()?.as_ref().ok().cloned(),
            Trust::Authorities(place) => self.files.get(&place.path)?.good.clone(),
        }
    }

    /// Whether a look would find something that is news.
    pub(super) fn is_stale(&self, now: SystemTime) -> bool {
        self.files.iter().any(|(file, entry)| !entry.is_fresh(stamp_of(file), now))
    }

    /// The authorities, with what is good in their files now, or was before. No clusters.
    fn gather<'a>(&self, trusts: impl IntoIterator<Item = &'a Trust>, now: SystemTime) -> Self {
        let mut next = Self::default();
        for trust in trusts {
            match trust {
                Trust::Anybody => {}
                Trust::System => {
                    next.system.get_or_insert_with(|| self.system_now());
                }
                Trust::Authorities(place) => {
                    let (file, before) = (&place.path, self.files.get(&place.path));
                    let read = || Authorities::read(file, now).map(Arc::new);
                    let entry = || Entry::new(stamp_of(file), [before, None], now, read);
                    next.files.entry(file.clone()).or_insert_with(entry);
                }
            }
        }
        next
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

    /// Tells the log what is different about the files with authorities.
    pub(super) fn tell(&self, before: &Self) {
        for (path, new) in &self.files {
            let (old, file) = (before.files.get(path), path.display());
            let is_other = old.is_none_or(|old| old.good != new.good || old.problem.is_some());
            if let (None, Some(good)) = (&new.problem, &new.good)
                && is_other
            {
                tracing::info!("authorities of {file} are trusted: {}", good.roots.len());
            }
            let known = old.and_then(|old| old.problem.as_ref());
            if let Some(problem) = new.problem.as_ref().filter(|problem| Some(*problem) != known) {
                tracing::warn!("authorities refused: {}", kept(problem));
            }
        }
    }
}

impl Good for Arc<Authorities> {
    fn after(self, before: Self) -> Self {
        if before == self { before } else { self }
    }
}

fn kept((file, problem): &Refusal) -> Finding {
    Finding { file: file.clone(), remark: Remark::Kept(Problem::clone(problem)) }
}

fn stamp_of(file: &Path) -> super::source::Stamp {
    [stamp(file), None]
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::Store;
    use super::super::fixture::{self, Made, good, propose, write};
    use super::super::problem::Part;
    use super::*;
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
        let all = [&trusting, &named, &nobody, &trusting].map(|tls| put(&store, tls));
        for (position, one) in all.iter().enumerate() {
            assert!(!all[..position].iter().any(|other| Arc::ptr_eq(one, other)));
        }
        assert_eq!(all[1].name_of("a.test:443").unwrap().to_str(), "b.test");
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
        assert_eq!(refused, Unusable::Certificate(finding.clone()));
        let trust = trusting(&file).trust;
        assert_eq!(Known::default().findings_of_trust(&trust, SystemTime::now()), [finding]);
    }
}
