//! Certificates that look after themselves: ordered from an authority by ACME (RFC 8555), and renewed in time. The conductor says which;
//! what is issued is written to disk, where [`crate::certificates`] finds it as any other.
//!
//! ```text
//! config ─► clients ─► client ─► renewal (when) ─► lock ─► order ─► state on disk ─► certificates::Store
//!                                                           └─► stage (answers) ─► plan::tls::Challenges
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use evenkeel_plan::tls::Challenges;

mod account;
mod advice;
mod client;
mod hook;
mod ledger;
mod moment;
mod order;
mod renewal;
mod retry_after;
mod shared;
mod stage;
mod state;
mod transport;
mod trouble;

use client::Client;
pub(crate) use ledger::{Activity, Ledger, Standing};
use renewal::Lenience;
use stage::Stage;

use crate::config::{AcmeConfig, CertificateSource, Config};
use crate::task::Task;

/// Everything that orders certificates.
#[derive(Debug)]
pub(crate) struct Clients {
    /// By their names; `None` before the first config.
    running: Mutex<Option<BTreeMap<String, Running>>>,
    /// What shows the answers of others, by the directory that they are in.
    followed: Mutex<BTreeMap<PathBuf, Task>>,
    stage: Arc<Stage>,
    ledger: Arc<Ledger>,
}

/// What orders one.
#[derive(Debug)]
struct Running {
    config: AcmeConfig,
    _task: Task,
}

impl Clients {
    /// None yet. What authorities ask is answered through `challenges`.
    pub(crate) fn new(challenges: Arc<Challenges>) -> Self {
        let stage = Arc::new(Stage::new(challenges));
        Self {
            running: Mutex::default(),
            followed: Mutex::default(),
            stage,
            ledger: Arc::default(),
        }
    }

    /// How it goes, for whoever looks.
    pub(crate) fn ledger(&self) -> Arc<Ledger> {
        Arc::clone(&self.ledger)
    }

    /// From now on it is what `config` shows that is ordered. What stays as it was is not disturbed; of what goes, nothing is deleted.
    pub(crate) fn follow(&self, config: &Config) {
        let mut known = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let is_start = known.is_none();
        let mut before = known.take().unwrap_or_default();
        let running = known.insert(BTreeMap::new());
        let shown = shown(config);
        for acme in config.acme.iter().filter(|acme| shown.contains(acme.name.as_str())) {
            let old = before.remove(&acme.name).filter(|old| old.config == *acme);
            let new = old.unwrap_or_else(|| self.start(acme, is_start));
            running.insert(acme.name.clone(), new);
        }
        self.ledger.retain(|name| running.contains_key(name));
        self.follow_others(running.values().map(|running| &running.config));
    }

    /// Shows what other replicas have to answer, too.
    fn follow_others<'c>(&self, configs: impl Iterator<Item = &'c AcmeConfig>) {
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *followed);
        for (folder, state) in shared::folders(configs) {
            let follow = || Task::spawn(shared::follow(state, Arc::clone(&self.stage)));
            let task = before.remove(&folder).unwrap_or_else(follow);
            followed.insert(folder, task);
        }
    }

    fn start(&self, config: &AcmeConfig, is_start: bool) -> Running {
        let lenience = if is_start { Lenience::Some } else { Lenience::Full };
        let (stage, ledger) = (Arc::clone(&self.stage), Arc::clone(&self.ledger));
        let client = Client::new(config.clone(), stage, ledger, lenience);
        Running { config: config.clone(), _task: Task::spawn(client.run()) }
    }
}

/// The names of what listeners show.
fn shown(config: &Config) -> BTreeSet<&str> {
    let tls = config.listeners.iter().filter_map(|listener| listener.tls.as_ref());
    let sources = tls.flat_map(|tls| &tls.certificates);
    let names = sources.filter_map(|source| match source {
        CertificateSource::Acme { name, .. } => Some(name.as_str()),
        CertificateSource::Directory(_)
        | CertificateSource::Files { .. }
        | CertificateSource::Client { .. } => None,
    });
    names.collect()
}
