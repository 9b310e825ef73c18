//! One check of one endpoint, again and again, for as long as it is in the plan. Spawned by `health`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::SystemTime;

use evenkeel_plan::endpoint::Life;
use evenkeel_plan::health::{HealthCheck, Outcome, RiseFall};
use evenkeel_plan::vitals::Standing;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::permits::Permits;
use super::schedule::pause;
use crate::events::{EventKind, EventLevel, Events};
use crate::journal::{CheckId, Checked, EndpointKey, Journal, Turn, Verdict};
use crate::probe::{Failure, Probe, Target};

/// What it takes to check one endpoint again and again.
pub(super) struct Checker<P> {
    pub(super) key: EndpointKey,
    pub(super) id: CheckId,
    pub(super) life: Arc<Life>,
    pub(super) probe: Arc<P>,
    pub(super) permits: Permits,
    pub(super) journal: Arc<Journal>,
    pub(super) events: Arc<Events>,
    pub(super) targets: watch::Receiver<Target>,
}

/// What is remembered from one check to the next.
#[derive(Default)]
struct Memory {
    machine: RiseFall,
    /// The latest check could not be made, and somebody has been told.
    is_unrunnable: bool,
}

impl<P: Probe> Checker<P> {
    /// Checks at once, then at the check's pace, and at once again when the target changes. Drops `first` after the first check.
    pub(super) async fn run(mut self, first: mpsc::Sender<Infallible>) {
        let mut memory = Memory::default();
        let mut first = Some(first);
        loop {
            let target = self.targets.borrow_and_update().clone();
            let Some(started) = self.check_once(&target, &mut memory).await else { return };
            drop(first.take());
            let due = started + pause(&target.check, &memory.machine, fastrand::f64());
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
    async fn check_once(&self, target: &Target, memory: &mut Memory) -> Option<Instant> {
        let permit = self.permits.acquire(&target.check.kind).await?;
        let started = Instant::now();
        let result = self.probe.check(target, permit).await;
        self.note(result, &target.check, memory, started);
        Some(started)
    }

    fn note(
        &self,
        result: Result<(), Failure>,
        check: &HealthCheck,
        memory: &mut Memory,
        started: Instant,
    ) {
        self.complain(result.as_ref().err(), memory);
        let (outcome, detail, kind) = match result {
            Ok(()) => (Some(Outcome::Pass), "passed".to_owned(), "passed"),
            Err(failure) => {
                // What is our own fault says nothing about the endpoint.
                let outcome = (!failure.is_ours()).then_some(Outcome::Fail);
                (outcome, failure.to_string(), failure.kind())
            }
        };
        let before = memory.machine.standing();
        let changed = outcome.and_then(|outcome| memory.machine.observe(outcome, check));
        let verdict = changed.map(|standing| {
            let reason = format!("{detail} ({})", streak(before, standing, check));
            Verdict { standing, reason, kind }
        });
        let took = started.elapsed();
        let checked = Checked { outcome, detail, at: SystemTime::now(), took };
        let turn = self.journal.checked((&self.key, self.id), &self.life, checked, verdict);
        if let Some(turn) = turn {
            self.announce(&turn);
        }
    }

    /// Says once that a check cannot be made where only people can help. Whoever lacks descriptors is told so elsewhere.
    fn complain(&self, failure: Option<&Failure>, memory: &mut Memory) {
        let (cluster, endpoint) = (&*self.key.cluster, &*self.key.endpoint);
        match failure {
            Some(Failure::Unrunnable(why)) => {
                if !std::mem::replace(&mut memory.is_unrunnable, true) {
                    tracing::warn!(cluster, endpoint, why, "endpoint is not checked");
                    let text = format!("not checked: {why}");
                    self.tell(EventLevel::Warn, text);
                }
            }
            Some(Failure::Untried(why)) => {
                tracing::debug!(cluster, endpoint, why, "a check could not be made");
            }
            _ => memory.is_unrunnable = false,
        }
    }

    /// Says it in the log, and to whoever looks at the events.
    fn announce(&self, turn: &Turn) {
        let (cluster, endpoint) = (&*self.key.cluster, &*self.key.endpoint);
        let Turn { before, after, reason } = turn;
        let (level, word) = match (before, after) {
            (Standing::Down, Standing::Down) => {
                tracing::warn!(
                    cluster,
                    endpoint,
                    standing = "down",
                    reason,
                    "endpoint is still down"
                );
                (EventLevel::Warn, "still down")
            }
            (_, Standing::Down) => {
                tracing::warn!(cluster, endpoint, standing = "down", reason, "endpoint is down");
                (EventLevel::Warn, "down")
            }
            (Standing::Down, _) => {
                tracing::info!(cluster, endpoint, standing = "up", reason, "endpoint is up");
                (EventLevel::Info, "up")
            }
            // As was to be expected: not worth a line for each endpoint at every start.
            _ => {
                tracing::debug!(cluster, endpoint, standing = "up", reason, "endpoint is up");
                return;
            }
        };
        self.tell(level, format!("{word}: {reason}"));
    }

    fn tell(&self, level: EventLevel, text: String) {
        let about = Some((&*self.key.cluster, Some(&*self.key.endpoint)));
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
