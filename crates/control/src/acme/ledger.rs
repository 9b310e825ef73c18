//! How orders go, for the status and the metrics. Written by each client, read by the admin API.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::state::Failed;

/// How it stands with each `[acme.NAME]`, by its name.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<BTreeMap<String, Standing>>);

/// How it stands with one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// What is done about it now.
    pub(crate) activity: Activity,
    /// When it is ordered next; `None` if nobody knows yet.
    pub(crate) next: Option<SystemTime>,
    /// How many orders of this process came to a certificate.
    pub(crate) issued: u64,
    /// How many did not.
    pub(crate) failed: u64,
    /// What went wrong, if the last order failed, of whichever process.
    pub(crate) failure: Option<Failure>,
}

/// What is done about one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    /// Nothing, until an order is due.
    Resting,
    /// Another one orders, and has the lock of the directory.
    Waiting,
    /// It is ordered.
    Ordering,
}

/// Orders that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// When the last one failed.
    pub(crate) at: SystemTime,
    /// How many there were in a row.
    pub(crate) in_a_row: u32,
    /// Why, for a person.
    pub(crate) reason: String,
}

impl Ledger {
    /// All, in the order of their names.
    pub(crate) fn all(&self) -> BTreeMap<String, Standing> {
        self.lock().clone()
    }

    /// The next order is due then.
    pub(super) fn note_next(&self, name: &str, next: SystemTime) {
        self.change(name, |standing| standing.next = Some(next));
    }

    /// That is done now.
    pub(super) fn note_activity(&self, name: &str, activity: Activity) {
        self.change(name, |standing| standing.activity = activity);
    }

    /// An order is over.
    pub(super) fn note_order(&self, name: &str, is_issued: bool) {
        self.change(name, |standing| match is_issued {
            true => standing.issued += 1,
            false => standing.failed += 1,
        });
    }

    /// What is known of the last order: what went wrong, or that nothing did.
    pub(super) fn note_failure(&self, name: &str, failed: Option<&Failed>) {
        let failure = failed.map(|Failed { at, in_a_row, reason, .. }| Failure {
            at: *at,
            in_a_row: *in_a_row,
            reason: reason.clone(),
        });
        self.change(name, |standing| standing.failure = failure);
    }

    /// Forgets what `keep` does not want.
    pub(super) fn retain(&self, keep: impl Fn(&str) -> bool) {
        self.lock().retain(|name, _| keep(name));
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Standing)) {
        let activity = Activity::Resting;
        let new = Standing { activity, next: None, issued: 0, failed: 0, failure: None };
        change(self.lock().entry(name.to_owned()).or_insert(new));
    }

    /// A panic elsewhere must not take the metrics with it.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
