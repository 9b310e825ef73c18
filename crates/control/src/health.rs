//! Active health checks: keeps one checker running for each endpoint of the plan that is checked.
//!
//! `control` spawns [`Checks::run`]. A verdict flips the endpoint's vitals and is written into the journal; it never
//! publishes a plan.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use evenkeel_plan::endpoint::Life;
use evenkeel_plan::limits::PROBES_AT_ONCE_MAX;
use evenkeel_plan::vitals::Standing;
use evenkeel_plan::{Cluster, Endpoint, Plan};
use tokio::sync::{Semaphore, mpsc, watch};

mod checker;
mod schedule;

use checker::Checker;

use crate::conductor::Knowledge;
use crate::events::Events;
use crate::journal::{EndpointKey, Journal};
use crate::probe::{Probe, Target};
use crate::task::Task;

/// All running checks.
#[derive(Debug)]
pub(crate) struct Checks<P> {
    probe: Arc<P>,
    journal: Arc<Journal>,
    events: Arc<Events>,
    permits: Arc<Semaphore>,
    running: HashMap<EndpointKey, Running>,
    /// Taken by the first plan.
    first_round: Option<watch::Sender<bool>>,
}

/// One endpoint's checker, seen from outside.
#[derive(Debug)]
struct Running {
    /// Tells an endpoint that was removed and added again from one that stayed.
    life: Arc<Life>,
    target: watch::Sender<Target>,
    _task: Task,
}

impl<P: Probe> Checks<P> {
    /// No checks yet. The receiver turns true when every endpoint of the first plan has been checked once.
    pub(crate) fn new(probe: P, knowledge: &Knowledge) -> (Self, watch::Receiver<bool>) {
        let (first_round, done) = watch::channel(false);
        let permits = Arc::new(Semaphore::new(PROBES_AT_ONCE_MAX));
        let checks = Self {
            probe: Arc::new(probe),
            journal: Arc::clone(&knowledge.journal),
            events: Arc::clone(&knowledge.events),
            permits,
            running: HashMap::new(),
            first_round: Some(first_round),
        };
        (checks, done)
    }

    /// Follows the plans for as long as somebody may publish one.
    pub(crate) async fn run(mut self, mut plans: watch::Receiver<Arc<Plan>>) {
        loop {
            let plan = Arc::clone(&plans.borrow_and_update());
            if plan.generation > 0 {
                self.follow(&plan);
            }
            if plans.changed().await.is_err() {
                return;
            }
        }
    }

    /// Starts checks of what is new, ends checks of what is gone, and leaves the rest alone.
    fn follow(&mut self, plan: &Plan) {
        let mut before = std::mem::take(&mut self.running);
        // Each new checker holds a copy until its first check is done; when the last is dropped, so is the round.
        let (first, round) = mpsc::channel::<Infallible>(1);
        for (cluster, endpoint) in checkable(plan) {
            let key = EndpointKey::new(&cluster.name, &endpoint.name);
            let Some(target) = target(cluster, endpoint) else { continue };
            let stayed = before.remove(&key).filter(|old| Arc::ptr_eq(&old.life, &endpoint.life));
            let running = match stayed {
                Some(running) => running.retarget(target),
                None => self.start(&key, endpoint, target, &first),
            };
            self.running.insert(key, running);
        }
        for (key, ended) in before {
            // Without checks an endpoint counts as up, whatever the last one said.
            ended.life.vitals.set_standing(Standing::Unchecked);
            self.journal.unchecked(&key);
        }
        drop(first);
        self.await_first_round(round);
    }

    fn start(
        &self,
        key: &EndpointKey,
        endpoint: &Endpoint,
        target: Target,
        first: &mpsc::Sender<Infallible>,
    ) -> Running {
        let (target, targets) = watch::channel(target);
        let checker = Checker {
            key: key.clone(),
            life: Arc::clone(&endpoint.life),
            probe: Arc::clone(&self.probe),
            permits: Arc::clone(&self.permits),
            journal: Arc::clone(&self.journal),
            events: Arc::clone(&self.events),
            targets,
        };
        let task = Task::spawn(checker.run(first.clone()));
        Running { life: Arc::clone(&endpoint.life), target, _task: task }
    }

    fn await_first_round(&mut self, mut round: mpsc::Receiver<Infallible>) {
        if let Some(done) = self.first_round.take() {
            tokio::spawn(async move {
                round.recv().await;
                done.send_replace(true);
            });
        }
    }
}

/// Every endpoint that is checked at all, with its cluster.
fn checkable(plan: &Plan) -> impl Iterator<Item = (&Cluster, &Endpoint)> {
    plan.clusters.iter().flat_map(|cluster| {
        cluster.endpoints.iter().map(move |endpoint| (cluster.as_ref(), endpoint))
    })
}

/// What to check; `None` where there is no check, or no address yet.
fn target(cluster: &Cluster, endpoint: &Endpoint) -> Option<Target> {
    let (check, address) = (cluster.health.clone()?, endpoint.address?);
    Some(Target { address, name: endpoint.name.clone(), check })
}

// === impl Running ===

impl Running {
    /// Wakes the checker only if something changed, so that a publish does not make all checks march in step.
    fn retarget(self, target: Target) -> Self {
        self.target.send_if_modified(|current| {
            let changed = *current != target;
            *current = target;
            changed
        });
        self
    }
}

#[cfg(test)]
mod tests;
