//! What is known about the config in force: where it came from, what changed it, what became of the last reload. The conductor
//! writes it, the admin API and the metrics read it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use evenkeel_plan::Plan;
use evenkeel_plan::endpoint::Life;

mod forced;
mod restart;

pub(crate) use forced::ForcedSince;

use restart::restart_pending;

use crate::admin::{
    ConfigStatus, LastReload, LeavingStatus, OverrideStatus, ReloadResult, RestartPending,
};
use crate::config::{Config, WorkerCount};
use crate::journal::EndpointKey;

/// Shared by the conductor, which writes it, and all who look.
#[derive(Debug)]
pub(crate) struct InForce(Mutex<Known>);

#[derive(Debug)]
struct Known {
    source: Option<String>,
    /// Random, so that a revision of an earlier process fits nowhere.
    process: u32,
    change: u64,
    config: Option<Arc<Config>>,
    /// The workers that the first config asked for; there are no others until the next start.
    started_with: Option<WorkerCount>,
    overrides: Vec<OverrideStatus>,
    forced: Arc<ForcedSince>,
    last_reload: Option<LastReload>,
    refused: bool,
    reloads: Reloads,
    leaving: Vec<(EndpointKey, Weak<Life>)>,
}

/// How often the config was read again, by what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Reloads {
    pub(crate) applied: u64,
    pub(crate) unchanged: u64,
    pub(crate) refused: u64,
    /// When a config was last put in force or found to be so, in seconds of Unix time; 0 before the first.
    pub(crate) last_success: f64,
}

impl InForce {
    /// Nothing is in force yet; `source` is the file, if there is one.
    pub(crate) fn new(source: Option<String>) -> Self {
        Self(Mutex::new(Known {
            source,
            process: fastrand::u32(..),
            change: 0,
            config: None,
            started_with: None,
            overrides: Vec::new(),
            forced: Arc::default(),
            last_reload: None,
            refused: false,
            reloads: Reloads::default(),
            leaving: Vec::new(),
        }))
    }

    /// `config`, the file with `overrides` on top, is in force from now on.
    pub(crate) fn replace(&self, config: Arc<Config>, overrides: Vec<OverrideStatus>) {
        let mut known = self.lock();
        if known.config.as_ref() != Some(&config) || known.overrides != overrides {
            known.change += 1;
        }
        known.started_with.get_or_insert(config.workers);
        known.forced = Arc::new(known.forced.follow(&config, unix_seconds()));
        (known.config, known.overrides) = (Some(config), overrides);
    }

    /// A reload is over.
    pub(crate) fn reloaded(&self, reload: LastReload) {
        let mut known = self.lock();
        known.refused = reload.result == ReloadResult::Refused;
        match reload.result {
            ReloadResult::Applied => known.reloads.applied += 1,
            ReloadResult::Unchanged => known.reloads.unchanged += 1,
            ReloadResult::Refused => known.reloads.refused += 1,
        }
        if !known.refused {
            known.reloads.last_success = reload.at_unix_seconds;
        }
        known.last_reload = Some(reload);
    }

    /// Remembers the endpoints of `before` that `after` no longer has, for as long as they have something in flight.
    pub(crate) fn follow(&self, before: &Plan, after: &Plan) {
        let stays: std::collections::HashSet<*const Life> =
            lives(after).map(|(_, life)| Arc::as_ptr(life)).collect();
        let gone = lives(before).filter(|(_, life)| !stays.contains(&Arc::as_ptr(life)));
        let mut known = self.lock();
        known.leaving.extend(gone.map(|(key, life)| (key, Arc::downgrade(life))));
        known.leaving.retain(|(_, life)| in_flight(life) > 0);
    }

    /// For the status.
    pub(crate) fn status(&self) -> (ConfigStatus, Vec<OverrideStatus>, Vec<LeavingStatus>) {
        let mut known = self.lock();
        known.leaving.retain(|(_, life)| in_flight(life) > 0);
        let leaving = known.leaving.iter().map(|(key, life)| LeavingStatus {
            cluster: key.cluster.to_string(),
            endpoint: key.endpoint.to_string(),
            in_flight: in_flight(life),
        });
        let config = ConfigStatus {
            source: known.source.clone(),
            revision: known.revision(),
            last_reload: known.last_reload.clone(),
            refused: known.refused,
            restart_pending: match &known.config {
                Some(config) => known.restart_pending(config),
                None => Vec::new(),
            },
        };
        (config, known.overrides.clone(), leaving.collect())
    }

    /// See [`ConfigStatus::revision`].
    pub(crate) fn revision(&self) -> String {
        self.lock().revision()
    }

    /// What `config` says and only the next start would do.
    pub(crate) fn restart_pending(&self, config: &Config) -> Vec<RestartPending> {
        self.lock().restart_pending(config)
    }

    /// The config in force; `None` before the first.
    pub(crate) fn config(&self) -> Option<Arc<Config>> {
        self.lock().config.clone()
    }

    /// Since when operators overrule which checks.
    pub(crate) fn forced(&self) -> Arc<ForcedSince> {
        Arc::clone(&self.lock().forced)
    }

    pub(crate) fn reloads(&self) -> Reloads {
        self.lock().reloads
    }

    /// Whether the last reload was refused.
    pub(crate) fn is_refused(&self) -> bool {
        self.lock().refused
    }

    /// A panic elsewhere must not take the status with it.
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn restart_pending(&self, config: &Config) -> Vec<RestartPending> {
        let started = self.started_with.unwrap_or(config.workers);
        restart_pending(started, config.workers)
    }

    fn revision(&self) -> String {
        format!("{:08x}-{}", self.process, self.change)
    }
}

/// Before 1970 only if the machine's clock says so.
fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn lives(plan: &Plan) -> impl Iterator<Item = (EndpointKey, &Arc<Life>)> {
    plan.clusters.iter().flat_map(|cluster| {
        let key = |endpoint: &str| EndpointKey::new(&cluster.name, endpoint);
        cluster.endpoints.iter().map(move |endpoint| (key(&endpoint.name), &endpoint.life))
    })
}

fn in_flight(life: &Weak<Life>) -> u32 {
    life.upgrade().map_or(0, |life| life.vitals.in_flight())
}
