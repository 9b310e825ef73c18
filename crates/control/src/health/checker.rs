//! The checks of one endpoint, one after the other, for as long as it is in the plan. Spawned by `health`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::SystemTime;

use evenkeel_plan::endpoint::Life;
use evenkeel_plan::health::{HealthCheck, Outcome, RiseFall};
use evenkeel_plan::vitals::Standing;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::schedule::pause;
use crate::events::{EventKind, EventLevel, Events};
use crate::journal::{Change, Checked, EndpointKey, Journal, Transition};
use crate::probe::{Failure, Probe, Target};

/// What it takes to check one endpoint again and again.
pub(super) struct Checker<P> {
    pub(super) key: EndpointKey,
    pub(super) life: Arc<Life>,
    pub(super) probe: Arc<P>,
    pub(super) permits: Arc<Semaphore>,
    pub(super) journal: Arc<Journal>,
    pub(super) events: Arc<Events>,
    pub(super) targets: watch::Receiver<Target>,
}

impl<P: Probe> Checker<P> {
    /// Checks at once, then every interval, and at once again when the target changes. Drops `first` after the first check.
    pub(super) async fn run(mut self, first: mpsc::Sender<Infallible>) {
        let mut machine = RiseFall::default();
        let mut first = Some(first);
        loop {
            let target = self.targets.borrow_and_update().clone();
            let Some(started) = self.check_once(&target, &mut machine).await else { return };
            drop(first.take());
            let due = started + pause(&target.check, fastrand::f64());
            tokio::select! {
                () = sleep_until(due) => {}
                changed = self.targets.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Returns when the check began, which is not before it got a permit.
    async fn check_once(&self, target: &Target, machine: &mut RiseFall) -> Option<Instant> {
        let permit = self.permits.acquire().await.ok()?;
        let started = Instant::now();
        let limit = target.check.timeout;
        let result = timeout(limit, self.probe.check(target)).await;
        drop(permit);
        let result = result.unwrap_or(Err(Failure::TimedOut(limit)));
        self.note(&result, &target.check, machine, started);
        Some(started)
    }

    fn note(
        &self,
        result: &Result<(), Failure>,
        check: &HealthCheck,
        machine: &mut RiseFall,
        started: Instant,
    ) {
        if let Err(Failure::Untried(why)) = result {
            // An endpoint must not go down for it. Whoever lacks descriptors is told so elsewhere.
            tracing::debug!(endpoint = &*self.key.endpoint, why, "a check could not be made");
            return;
        }
        let before = machine.standing();
        let (outcome, detail, kind) = match result {
            Ok(()) => (Outcome::Pass, "passed".to_owned(), "passed"),
            Err(failure) => (Outcome::Fail, failure.to_string(), failure.kind()),
        };
        let at = SystemTime::now();
        let change = machine.observe(outcome, check).map(|standing| {
            self.life.vitals.set_standing(standing);
            let reason = format!("{detail} ({})", streak(before, standing, check));
            self.announce(before, standing, &reason);
            let to = if standing == Standing::Up { "up" } else { "down" };
            (Change { reason, at }, Transition { to, reason: kind })
        });
        let checked = Checked { outcome, detail, at, took: started.elapsed() };
        self.journal.checked(&self.key, checked, change);
    }

    /// Says it in the log, and to whoever looks at the events.
    fn announce(&self, before: Standing, standing: Standing, reason: &str) {
        let (cluster, endpoint) = (&*self.key.cluster, &*self.key.endpoint);
        let level = match (before, standing) {
            (_, Standing::Down) => {
                tracing::warn!(cluster, endpoint, standing = "down", reason, "endpoint is down");
                EventLevel::Warn
            }
            // As was to be expected: not worth a line for each endpoint at every start.
            (Standing::Unchecked, _) => {
                tracing::debug!(cluster, endpoint, standing = "up", reason, "endpoint is up");
                return;
            }
            _ => {
                tracing::info!(cluster, endpoint, standing = "up", reason, "endpoint is up");
                EventLevel::Info
            }
        };
        let word = if standing == Standing::Down { "down" } else { "up" };
        let text = format!("{word}: {reason}");
        let about = Some((cluster, Some(endpoint)));
        self.events.note_about(level, EventKind::Endpoint, about, text);
    }
}

/// How many outcomes in a row it took.
fn streak(before: Standing, after: Standing, check: &HealthCheck) -> String {
    match (before, after) {
        (Standing::Unchecked, _) => "first check".to_owned(),
        (_, Standing::Down) => format!("{0} of {0}", check.fall),
        (_, _) => format!("{0} of {0}", check.rise),
    }
}
