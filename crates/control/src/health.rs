//! Active health checks: keeps one checker running for each check of each endpoint of the plan.
//!
//! `control` spawns [`Checks::run`]. A verdict flips the endpoint's vitals and is written into the journal; it never
//! publishes a plan.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;

use evenkeel_plan::endpoint::Life;
use evenkeel_plan::listener::Protocol;
use evenkeel_plan::{Cluster, Endpoint, Plan};
use tokio::sync::{mpsc, watch};

mod checker;
mod permits;
mod schedule;

use checker::Checker;
use permits::Permits;

use crate::conductor::Knowledge;
use crate::events::Events;
use crate::journal::{CheckId, EndpointKey, Journal};
use crate::probe::{Probe, Target};
use crate::task::Task;

/// All running checks.
#[derive(Debug)]
pub(crate) struct Checks<P> {
    probe: Arc<P>,
    journal: Arc<Journal>,
    events: Arc<Events>,
    permits: Permits,
    running: HashMap<EndpointKey, Watched>,
    /// How many checks there ever were.
    count: u64,
    /// Taken by the first plan.
    first_round: Option<watch::Sender<bool>>,
}

/// One endpoint with its checks.
#[derive(Debug)]
struct Watched {
    /// Tells an endpoint that was removed and added again from one that stayed.
    life: Arc<Life>,
    checks: Vec<Running>,
}

/// One checker, seen from outside.
#[derive(Debug)]
struct Running {
    id: CheckId,
    name: Box<str>,
    target: watch::Sender<Target>,
    _task: Task,
}

impl<P: Probe> Checks<P> {
    /// No checks yet. The receiver turns true when every endpoint of the first plan has been checked once.
    pub(crate) fn new(probe: P, knowledge: &Knowledge) -> (Self, watch::Receiver<bool>) {
        let (first_round, done) = watch::channel(false);
        let checks = Self {
            probe: Arc::new(probe),
            journal: Arc::clone(&knowledge.journal),
            events: Arc::clone(&knowledge.events),
            permits: Permits::new(),
            running: HashMap::new(),
            count: 0,
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
        for subject in checkable(plan) {
            let Subject { cluster, endpoint, .. } = subject;
            let key = EndpointKey::new(&cluster.name, &endpoint.name);
            let stayed = before.remove(&key).filter(|old| Arc::ptr_eq(&old.life, &endpoint.life));
            let checks = stayed.map(|watched| watched.checks).unwrap_or_default();
            let watched = self.watch(&key, subject, checks, &first);
            self.running.insert(key, watched);
        }
        for (key, Watched { life, checks }) in before {
            // They end first: no verdict may come after it.
            drop(checks);
            // Without checks an endpoint counts as up, whatever the last one said.
            self.journal.has_checks(&key, &life, std::iter::empty());
        }
        drop(first);
        self.await_first_round(round);
    }

    /// Makes the `checks` that an endpoint has those that it should have.
    fn watch(
        &mut self,
        key: &EndpointKey,
        subject: Subject<'_>,
        checks: Vec<Running>,
        first: &mpsc::Sender<Infallible>,
    ) -> Watched {
        let wanted: Vec<Wanted> = assign(targets(subject), checks)
            .into_iter()
            .map(|(name, target, stayed)| {
                let id = stayed.as_ref().map_or_else(|| self.new_id(), |check| check.id);
                Wanted { id, name, target, stayed }
            })
            .collect();
        let life = &subject.endpoint.life;
        // Before any of them can have something to say.
        let names = wanted.iter().map(|each| (each.id, each.name.clone()));
        self.journal.has_checks(key, life, names);
        let run = |Wanted { id, name, target, stayed }| match stayed {
            Some(check) => check.go_on(name, target),
            None => {
                let (target, targets) = watch::channel(target);
                let task = self.start((key, id), life, targets, first);
                Running { id, name, target, _task: task }
            }
        };
        Watched { life: Arc::clone(life), checks: wanted.into_iter().map(run).collect() }
    }

    fn start(
        &self,
        (key, id): (&EndpointKey, CheckId),
        life: &Arc<Life>,
        targets: watch::Receiver<Target>,
        first: &mpsc::Sender<Infallible>,
    ) -> Task {
        let checker = Checker {
            key: key.clone(),
            id,
            life: Arc::clone(life),
            probe: Arc::clone(&self.probe),
            permits: self.permits.clone(),
            journal: Arc::clone(&self.journal),
            events: Arc::clone(&self.events),
            targets,
        };
        Task::spawn(checker.run(first.clone()))
    }

    fn new_id(&mut self) -> CheckId {
        self.count += 1;
        CheckId(self.count)
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

/// A check that an endpoint should have, and the one that goes on as it.
struct Wanted {
    id: CheckId,
    name: Box<str>,
    target: Target,
    stayed: Option<Running>,
}

/// An endpoint that is checked.
#[derive(Clone, Copy)]
struct Subject<'p> {
    cluster: &'p Cluster,
    endpoint: &'p Endpoint,
    /// Whether it gets streams and no requests.
    gets_streams: bool,
}

/// Every endpoint that is checked at all: none without an address yet.
fn checkable(plan: &Plan) -> impl Iterator<Item = Subject<'_>> {
    let of_streams = of_streams(plan);
    let checked = plan.clusters.iter().enumerate().filter(|(_, it)| !it.health.is_empty());
    checked.flat_map(move |(position, cluster)| {
        let gets_streams = of_streams.contains(&position);
        let endpoints = cluster.endpoints.iter().filter(|endpoint| endpoint.address.is_some());
        endpoints.map(move |endpoint| Subject { cluster, endpoint, gets_streams })
    })
}

/// The clusters to which streams lead, and no requests: by their positions.
fn of_streams(plan: &Plan) -> HashSet<usize> {
    let (mut of_streams, mut of_requests) = (HashSet::new(), HashSet::new());
    for listener in &plan.listeners {
        let of_these = match listener.protocol {
            Protocol::Http => &mut of_requests,
            Protocol::Tcp | Protocol::Tls => &mut of_streams,
        };
        let routes = listener.routes.routes().iter();
        of_these.extend(routes.flat_map(|route| route.to.list()).map(|to| to.cluster));
    }
    &of_streams - &of_requests
}

/// What to check.
fn targets(Subject { cluster, endpoint, gets_streams }: Subject<'_>) -> Vec<Target> {
    let target = |address| {
        cluster.health.iter().map(move |check| Target {
            address,
            cluster: cluster.name.clone(),
            name: endpoint.name.clone(),
            tls: cluster.tls.clone(),
            http: cluster.http,
            gets_streams,
            check: check.clone(),
        })
    };
    endpoint.address.into_iter().flat_map(target).collect()
}

/// Which of the running checks go on as which of those that are wanted: by name, and where a name is gone, by place. So a check
/// whose path has changed knows where it stands, and one that moves in the list keeps what it knows.
fn assign(wanted: Vec<Target>, running: Vec<Running>) -> Vec<(Box<str>, Target, Option<Running>)> {
    let names = names(&wanted);
    let mut running: Vec<Option<Running>> = running.into_iter().map(Some).collect();
    let mut assigned = Vec::with_capacity(wanted.len());
    for (place, target) in wanted.into_iter().enumerate() {
        let goes_on = |position: &usize| match &running[*position] {
            Some(check) => check.name == names[place],
            None => false,
        };
        let is_free = |position: &usize| match running.get(*position) {
            Some(Some(check)) => !names.contains(&check.name),
            _ => false,
        };
        let position = (0..running.len()).find(goes_on).or(Some(place).filter(is_free));
        let stayed = position.and_then(|position| running[position].take());
        assigned.push((names[place].clone(), target, stayed));
    }
    assigned
}

/// What the checks of an endpoint are called. Two that would be called the same are numbered.
fn names(targets: &[Target]) -> Vec<Box<str>> {
    let mut names: Vec<Box<str>> = Vec::with_capacity(targets.len());
    for (place, target) in targets.iter().enumerate() {
        let kind = &target.check.kind;
        let name = kind.to_string();
        let before = targets[..place].iter().filter(|it| it.check.kind.to_string() == name).count();
        names.push(match before {
            0 => name.into(),
            before => format!("{name} #{}", before + 1).into(),
        });
    }
    names
}

// === impl Running ===

impl Running {
    /// Wakes the checker only if something changed, so that a publish does not make all checks march in step.
    fn go_on(self, name: Box<str>, target: Target) -> Self {
        self.target.send_if_modified(|current| {
            let changed = *current != target;
            *current = target;
            changed
        });
        Self { name, ..self }
    }
}

#[cfg(test)]
mod tests;
