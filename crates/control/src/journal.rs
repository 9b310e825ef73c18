//! What is known about each endpoint beyond its vitals: why it stands where it stands, since when, and how its checks
//! went. The checks and the conductor write it, status and metrics read it; the data path never sees it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use evenkeel_plan::Plan;
use evenkeel_plan::endpoint::Life;
use evenkeel_plan::health::{Outcome, overall};
use evenkeel_plan::vitals::Standing;

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
    /// Its checks, in the order of the config.
    pub(crate) checks: Vec<CheckEntry>,
    /// Checks that passed.
    pub(crate) passes: u64,
    /// Checks that failed.
    pub(crate) failures: u64,
    /// Checks that could not be made.
    pub(crate) untried: u64,
    /// How often it went up or down, by kind of reason.
    pub(crate) transitions: BTreeMap<Transition, u64>,
}

/// What is known about one of the checks of an endpoint.
#[derive(Clone, Debug)]
pub(crate) struct CheckEntry {
    /// Tells it from all others.
    pub(crate) id: CheckId,
    /// Tells it from the others of the endpoint, for a person: `http /health`.
    pub(crate) name: Box<str>,
    /// Where the endpoint stands if it alone is asked.
    pub(crate) standing: Standing,
    /// How that came; `None` before the first check.
    pub(crate) change: Option<Change>,
    /// The latest one.
    pub(crate) last: Option<Checked>,
}

/// One check of one endpoint, for as long as it is in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CheckId(pub(crate) u64);

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
    /// How it ended; `None` if it could not be made.
    pub(crate) outcome: Option<Outcome>,
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

/// What a check has found out that changes where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    /// Where it stands now.
    pub(crate) standing: Standing,
    /// Why, for a person, such as `connection refused (3 of 3)`.
    pub(crate) reason: String,
    /// The kind of outcome that completed it, as metrics label it.
    pub(crate) kind: &'static str,
}

/// What the verdict of a check has made of its endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Where the endpoint stood.
    pub(crate) before: Standing,
    /// Where it stands.
    pub(crate) after: Standing,
    /// The verdict's reason, with the name of the check where there are several.
    pub(crate) reason: String,
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
    /// Writes down a finished check. A verdict changes where the endpoint stands, here and in its vitals: under one lock, so that
    /// no check overtakes another. Returns what has become of the endpoint; `None` without a verdict.
    pub(crate) fn checked(
        &self,
        (key, id): (&EndpointKey, CheckId),
        life: &Life,
        checked: Checked,
        verdict: Option<Verdict>,
    ) -> Option<Turn> {
        let mut entries = self.lock();
        // The last check of an endpoint that is gone says nothing to anybody.
        let entry = entries.get_mut(key)?;
        let position = entry.checks.iter().position(|check| check.id == id)?;
        match checked.outcome {
            Some(Outcome::Pass) => entry.passes += 1,
            Some(Outcome::Fail) => entry.failures += 1,
            None => entry.untried += 1,
        }
        let at = checked.at;
        entry.checks[position].last = Some(checked);
        let turn = entry.turn(position, at, verdict?);
        if turn.before != turn.after {
            life.vitals.set_standing(turn.after);
        }
        Some(turn)
    }

    /// Writes down which checks an endpoint has, by their names; what is known about those that it had stays. An endpoint that
    /// loses the check that kept it down is down no longer.
    pub(crate) fn has_checks(
        &self,
        key: &EndpointKey,
        life: &Life,
        names: impl Iterator<Item = (CheckId, Box<str>)>,
    ) {
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(key) else {
            // It is gone, but what it had to do may still run.
            return life.vitals.set_standing(Standing::Unchecked);
        };
        let before = entry.standing();
        let mut known = std::mem::take(&mut entry.checks);
        let check = |(id, name): (CheckId, Box<str>)| {
            let position = known.iter().position(|check| check.id == id);
            match position.map(|position| known.swap_remove(position)) {
                Some(check) => CheckEntry { name, ..check },
                None => CheckEntry::new(id, name),
            }
        };
        entry.checks = names.map(check).collect();
        let standing = entry.standing();
        if standing != life.vitals.standing() {
            life.vitals.set_standing(standing);
        }
        if standing != before {
            entry.change = entry.why().map(|reason| Change { reason, at: SystemTime::now() });
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

    /// What is known about one endpoint.
    pub(crate) fn entry(&self, key: &EndpointKey) -> Entry {
        self.lock().get(key).cloned().unwrap_or_default()
    }

    /// A panic elsewhere must not take the status page with it.
    fn lock(&self) -> MutexGuard<'_, HashMap<EndpointKey, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Entry ===

impl Entry {
    /// What keeps work from it, whatever its checks say.
    pub(crate) fn bar(&self) -> Option<&(Bar, Change)> {
        self.outlier.as_ref().or(self.breaker.as_ref())
    }

    /// Where its checks say that it stands.
    fn standing(&self) -> Standing {
        overall(self.checks.iter().map(|check| check.standing))
    }

    /// Why it stands there: all that keeps it down, or else what brought it up last; `None` before the first check.
    fn why(&self) -> Option<String> {
        let standing = self.standing();
        let mut speaking: Vec<&CheckEntry> =
            self.checks.iter().filter(|check| check.standing == standing).collect();
        if standing != Standing::Down {
            speaking.sort_by_key(|check| check.change.as_ref().map(|change| change.at));
            speaking.drain(..speaking.len().saturating_sub(1));
        }
        let reasons = speaking
            .into_iter()
            .filter_map(|check| Some(self.named(check, &check.change.as_ref()?.reason)));
        Some(reasons.collect::<Vec<_>>().join("; ")).filter(|reasons| !reasons.is_empty())
    }

    /// What a check says, with its name where there are others.
    fn named(&self, check: &CheckEntry, said: &str) -> String {
        if self.checks.len() > 1 { format!("{}: {said}", check.name) } else { said.to_owned() }
    }

    fn turn(&mut self, position: usize, at: SystemTime, verdict: Verdict) -> Turn {
        let Verdict { standing, reason, kind } = verdict;
        let before = self.standing();
        let check = &mut self.checks[position];
        check.standing = standing;
        check.change = Some(Change { reason, at });
        let after = self.standing();
        let check = &self.checks[position];
        let reason = check.change.as_ref().map(|change| self.named(check, &change.reason));
        let why = self.why().unwrap_or_default();
        if before != after {
            let to = if after == Standing::Up { "up" } else { "down" };
            *self.transitions.entry(Transition { to, reason: kind }).or_default() += 1;
            self.change = Some(Change { reason: why, at });
        } else if let (Standing::Down, Some(change)) = (after, &mut self.change) {
            // It is down since then, but not for the same reasons.
            change.reason = why;
        }
        Turn { before, after, reason: reason.unwrap_or_default() }
    }

    /// The latest check, with its name where there are others: of those that keep the endpoint down, if it is.
    pub(crate) fn last_check(&self) -> Option<Checked> {
        let standing = self.standing();
        let speaking = self
            .checks
            .iter()
            .filter(|check| standing != Standing::Down || check.standing == standing);
        let (check, last) = speaking
            .filter_map(|check| Some((check, check.last.as_ref()?)))
            .max_by_key(|(_, last)| last.at)?;
        Some(Checked { detail: self.named(check, &last.detail), ..last.clone() })
    }
}

// === impl CheckEntry ===

impl CheckEntry {
    fn new(id: CheckId, name: Box<str>) -> Self {
        Self { id, name, standing: Standing::Unchecked, change: None, last: None }
    }
}

// === impl EndpointKey ===

impl EndpointKey {
    /// The endpoint `endpoint` of `cluster`.
    pub(crate) fn new(cluster: &str, endpoint: &str) -> Self {
        Self { cluster: cluster.into(), endpoint: endpoint.into() }
    }
}
