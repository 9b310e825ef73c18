//! What is known about each endpoint beyond its vitals: why it stands where it stands, since when, and how its checks
//! went. The checks and the conductor write it, status and metrics read it; the data path never sees it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use evenkeel_plan::Plan;
use evenkeel_plan::health::Outcome;

/// One endpoint: never by its address alone, for two clusters may share one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct EndpointKey {
    /// The cluster's name.
    pub(crate) cluster: Box<str>,
    /// The endpoint's name in that cluster.
    pub(crate) endpoint: Box<str>,
}

/// All entries; shared by those who write and those who read.
#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<HashMap<EndpointKey, Entry>>);

/// What is known about one endpoint.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    /// Why its name has no address; `None` while it has one.
    pub(crate) unresolved: Option<String>,
    /// How it came to stand where it stands; `None` before the first check.
    pub(crate) change: Option<Change>,
    /// What keeps work from it, by what its attempts came to, and since when.
    pub(crate) outlier: Option<(Bar, Change)>,
    /// The same by its breaker.
    pub(crate) breaker: Option<(Bar, Change)>,
    /// The latest check.
    pub(crate) last_check: Option<Checked>,
    /// Checks that passed.
    pub(crate) passes: u64,
    /// Checks that failed.
    pub(crate) failures: u64,
    /// How often it went up or down, by kind of reason.
    pub(crate) transitions: BTreeMap<Transition, u64>,
}

/// A change of standing.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// For a person, such as `connection refused (3 of 3)`.
    pub(crate) reason: String,
    /// When.
    pub(crate) at: SystemTime,
}

/// One finished check.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// For a person, such as `status 503, expected 200-399`.
    pub(crate) detail: String,
    /// When it ended.
    pub(crate) at: SystemTime,
    /// How long it took.
    pub(crate) took: Duration,
}

/// Why an endpoint gets no work, or only trials, whatever its checks say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bar {
    /// It did worse than it should.
    Ejected,
    /// It is suspected to stall.
    Suspect,
    /// Its breaker is open.
    Open,
    /// Its breaker lets a few attempts through, on trial.
    HalfOpen,
}

/// What keeps work from an endpoint from now on, or no longer.
#[derive(Clone, Debug)]
pub(crate) struct Barring {
    /// Whether its breaker says so, or else outlier detection.
    pub(crate) by_breaker: bool,
    /// `None` for nothing any more.
    pub(crate) bar: Option<Bar>,
    pub(crate) change: Change,
    pub(crate) transition: Transition,
}

/// A kind of change, as metrics label it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Transition {
    /// `up` or `down`, or what outlier detection and breakers say, such as `ejected`.
    pub(crate) to: &'static str,
    /// The kind of outcome that completed it.
    pub(crate) reason: &'static str,
}

impl Journal {
    /// Writes down a finished check and, if it changed the endpoint's standing, the change.
    pub(crate) fn checked(
        &self,
        key: &EndpointKey,
        checked: Checked,
        change: Option<(Change, Transition)>,
    ) {
        let mut entries = self.lock();
        // The last check of an endpoint that is gone says nothing to anybody.
        let Some(entry) = entries.get_mut(key) else { return };
        match checked.outcome {
            Outcome::Pass => entry.passes += 1,
            Outcome::Fail => entry.failures += 1,
        }
        entry.last_check = Some(checked);
        if let Some((change, transition)) = change {
            entry.change = Some(change);
            *entry.transitions.entry(transition).or_default() += 1;
        }
    }

    /// Writes down what keeps work from an endpoint from now on, or no longer.
    pub(crate) fn barred(&self, key: &EndpointKey, barring: Barring) {
        let Barring { by_breaker, bar, change, transition } = barring;
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(key) else { return };
        let place = if by_breaker { &mut entry.breaker } else { &mut entry.outlier };
        *place = bar.map(|bar| (bar, change));
        *entry.transitions.entry(transition).or_default() += 1;
    }

    /// Writes down which endpoints of `plan` have no address and `why`, which is asked by the endpoint's name, and forgets the
    /// endpoints that it does not have.
    pub(crate) fn follow(&self, plan: &Plan, why: impl Fn(&str) -> Option<String>) {
        let mut entries = self.lock();
        let mut before = std::mem::take(&mut *entries);
        for cluster in &plan.clusters {
            for endpoint in &cluster.endpoints {
                let key = EndpointKey::new(&cluster.name, &endpoint.name);
                let mut entry = before.remove(&key).unwrap_or_default();
                entry.unresolved = match endpoint.address {
                    Some(_) => None,
                    None => why(&endpoint.name),
                };
                entries.insert(key, entry);
            }
        }
    }

    /// Forgets where the endpoint stands, because it is not checked any more.
    pub(crate) fn unchecked(&self, key: &EndpointKey) {
        if let Some(entry) = self.lock().get_mut(key) {
            (entry.change, entry.last_check) = (None, None);
        }
    }

    /// What is known about one endpoint.
    pub(crate) fn entry(&self, key: &EndpointKey) -> Entry {
        self.lock().get(key).cloned().unwrap_or_default()
    }

    /// A panic elsewhere must not take the status page with it.
    fn lock(&self) -> MutexGuard<'_, HashMap<EndpointKey, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// What keeps work from it, whatever its checks say.
    pub(crate) fn bar(&self) -> Option<&(Bar, Change)> {
        self.outlier.as_ref().or(self.breaker.as_ref())
    }
}

impl EndpointKey {
    /// The endpoint `endpoint` of `cluster`.
    pub(crate) fn new(cluster: &str, endpoint: &str) -> Self {
        Self { cluster: cluster.into(), endpoint: endpoint.into() }
    }
}
