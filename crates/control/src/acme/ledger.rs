//! How orders go, for the metrics. Written by each client, read by the admin API.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// How it stands with each `[acme.NAME]`, by its name.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<BTreeMap<String, Standing>>);

/// How it stands with one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// When it is ordered next.
    pub(crate) next: SystemTime,
    /// How many orders of this process came to a certificate.
    pub(crate) issued: u64,
    /// How many did not.
    pub(crate) failed: u64,
}

impl Ledger {
    /// All, in the order of their names.
    pub(crate) fn all(&self) -> BTreeMap<String, Standing> {
        self.lock().clone()
    }

    /// The next order is due then.
    pub(super) fn note_next(&self, name: &str, next: SystemTime) {
        self.change(name, |standing| standing.next = next);
    }

    /// An order is over.
    pub(super) fn note_order(&self, name: &str, is_issued: bool) {
        self.change(name, |standing| match is_issued {
            true => standing.issued += 1,
            false => standing.failed += 1,
        });
    }

    /// Forgets what `keep` does not want.
    pub(super) fn retain(&self, keep: impl Fn(&str) -> bool) {
        self.lock().retain(|name, _| keep(name));
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Standing)) {
        let new = Standing { next: SystemTime::UNIX_EPOCH, issued: 0, failed: 0 };
        change(self.lock().entry(name.to_owned()).or_insert(new));
    }

    /// A panic elsewhere must not take the metrics with it.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
