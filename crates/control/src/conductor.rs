//! Puts configs in force: the only owner of the publisher, started by the binary through [`crate::start`].
//!
//! What is in force is what the file says with the overrides on top. Addresses are bound first, then the plan is published, then
//! accepted on; whatever fails before the publish changes nothing.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use evenkeel_plan::Plan;
use evenkeel_plan::binder::Binder;
use evenkeel_plan::publish::Publisher;
use evenkeel_plan::sight::Sight;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

mod bind_problem;
mod build;
mod keep;
mod order;
mod port_owner;
mod reload;

pub use crate::certificates::Unusable;
pub use bind_problem::BindProblem;
pub(crate) use build::build;
pub use build::{UnknownCluster, balancing};
pub use keep::Kept;
pub use order::{Applied, Refused};
pub(crate) use order::{Desk, Inbox, Order, ReloadWish, Wish};
pub(crate) use port_owner::others_listen;

use crate::access_log::OpenError;
use crate::acme::Clients;
use crate::certificates::{self, Proposal, Store};
use crate::config::{Config, ConfigFile, Seen};
use crate::events::Events;
use crate::fittings::{FittingError, Fittings};
use crate::in_force::InForce;
use crate::journal::Journal;
use crate::overrides::Overrides;
use crate::resolve::{Known, Lookup, Resolver};

/// Turns configs and resolved names into plans, and puts them in force.
#[derive(Debug)]
pub(crate) struct Conductor<L> {
    parts: Parts,
    fittings: Fittings,
    resolver: Resolver<L>,
    knowledge: Knowledge,
    plans: watch::Sender<Arc<Plan>>,
    /// What the file says; `None` before the first.
    base: Option<Config>,
    overrides: Overrides,
    /// Where the config can be read again; `None` if it was on the command line.
    file: Option<ConfigFile>,
}

/// What the conductor writes down for others to read.
#[derive(Clone, Debug)]
pub(crate) struct Knowledge {
    pub(crate) journal: Arc<Journal>,
    pub(crate) events: Arc<Events>,
    pub(crate) in_force: Arc<InForce>,
    /// What is known of certificates; somebody has to follow their files.
    pub(crate) certificates: Arc<Store>,
    /// What orders certificates.
    pub(crate) acme: Arc<Clients>,
    /// What the file was when it was last read.
    pub(crate) seen: watch::Sender<Seen>,
}

impl Knowledge {
    /// Nothing is known yet; the config comes from `file`, if there is one, where this was `seen`.
    pub(crate) fn new(file: Option<&ConfigFile>, seen: Seen) -> Self {
        let events = Arc::default();
        let certificates = Arc::new(Store::telling(&events));
        Self {
            journal: Arc::default(),
            events,
            acme: Arc::new(Clients::new(certificates.known().challenges())),
            certificates,
            in_force: Arc::new(InForce::new(file.map(|file| file.path.display().to_string()))),
            seen: watch::Sender::new(seen),
        }
    }
}

/// What the conductor needs from the side of the proxy.
pub struct Parts {
    /// Its readers are with the workers already.
    pub publisher: Publisher,
    /// Opens and closes the listeners' sockets.
    pub binder: Box<dyn Binder>,
    /// Shows what is in flight.
    pub sight: Arc<dyn Sight>,
    /// How many workers count; at least 1.
    pub workers: usize,
    /// When time began for the workers.
    pub started: std::time::Instant,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("workers", &self.workers).finish_non_exhaustive()
    }
}

/// Why a config could not be put in force.
#[derive(Debug)]
pub enum ApplyError {
    /// An address could not be bound.
    Bind(BindProblem),
    /// The access log could not be opened.
    AccessLog(OpenError),
    /// A certificate cannot be used.
    Certificates(Unusable),
    /// A listener leads nowhere: the config was not checked.
    UnknownCluster(UnknownCluster),
}

/// Builds the plan that a start would put in force, as far as that can be known before any name is looked up.
///
/// # Errors
/// What would keep it from being one.
pub fn rehearse(config: &Config) -> Result<(), UnknownCluster> {
    build(config, &Plan::default(), 1, |_| None, &certificates::Known::default()).map(drop)
}

impl<L: Lookup> Conductor<L> {
    /// A conductor with nothing in force yet.
    pub(crate) fn new(
        parts: Parts,
        fittings: Fittings,
        lookup: L,
        knowledge: Knowledge,
        file: Option<ConfigFile>,
    ) -> Self {
        Self {
            parts,
            fittings,
            resolver: Resolver::new(lookup),
            knowledge,
            plans: watch::Sender::new(Arc::default()),
            base: None,
            overrides: Overrides::default(),
            file,
        }
    }

    /// The plans in force, one after the other; the first is the empty one.
    pub(crate) fn plans(&self) -> watch::Receiver<Arc<Plan>> {
        self.plans.subscribe()
    }

    /// Puts `base`, which is what a file says, in force, with the overrides on top. Endpoints and listeners that stay keep what
    /// is known and counted about them. What was `read` of its certificates is not read again.
    ///
    /// # Errors
    /// Then the config before stays in force, untouched.
    pub(crate) async fn apply(
        &mut self,
        base: Config,
        read: Arc<certificates::Known>,
    ) -> Result<(), ApplyError> {
        self.put_in_force(base, self.overrides.clone(), read).await
    }

    /// Follows the names' addresses and does what is ordered, until nobody can order any more.
    pub(crate) async fn run(mut self, inbox: Inbox) {
        let Inbox { mut orders, mut closed } = inbox;
        loop {
            tokio::select! {
                () = self.resolver.changed() => self.follow_names(),
                order = orders.recv() => match order {
                    Some(Order { wish, seen, reply }) => {
                        // It waits before it does anything, so nothing is left half done.
                        let outcome = tokio::select! {
                            biased;
                            _ = closed.wait_for(|closed| *closed) => Err(Refused::Ending),
                            outcome = self.follow(wish, seen.as_deref()) => outcome,
                        };
                        // Whoever asked may be gone; it is done all the same.
                        let _ = reply.send(outcome);
                        // A row of orders must not keep the checks waiting: control has one thread.
                        tokio::task::yield_now().await;
                    }
                    None => return,
                },
            }
        }
    }

    fn follow_names(&mut self) {
        let Some(config) = self.knowledge.in_force.config() else { return };
        if let Err(error) = self.publish(&config, &self.knowledge.certificates.known()) {
            tracing::error!(%error, "a changed address could not be put in force");
        }
    }

    async fn put_in_force(
        &mut self,
        base: Config,
        overrides: Overrides,
        read: Arc<certificates::Known>,
    ) -> Result<(), ApplyError> {
        let config = Arc::new(overrides.over(&base));
        self.resolver.add(hosts(&config));
        self.resolver.settle(SETTLE_WITHIN).await;
        let store = Arc::clone(&self.knowledge.certificates);
        let certificates = propose_certificates(store, Arc::clone(&config), read).await;
        let fitted = self.fittings.prepare(&config).await;
        // Nothing is waited for from here on.
        let applied = fitted.map_err(ApplyError::from).and_then(|fitted| {
            let certificates = certificates.map_err(ApplyError::Certificates)?;
            self.publish(&config, certificates.known())?;
            self.knowledge.certificates.commit(certificates);
            self.fittings.commit(fitted);
            Ok(())
        });
        if applied.is_ok() {
            self.adopt(config, base, overrides);
        }
        let in_force = self.knowledge.in_force.config();
        self.resolver.retain(in_force.iter().flat_map(|config| hosts(config)));
        if applied.is_err() {
            // Names in force may have moved while we waited for new ones, and nobody says so twice.
            self.follow_names();
        }
        applied
    }

    /// `config`, which is `base` with `overrides` on top, is in force.
    fn adopt(&mut self, config: Arc<Config>, base: Config, overrides: Overrides) {
        self.knowledge.acme.follow(&config);
        self.knowledge.in_force.replace(config, overrides.status(&base));
        (self.base, self.overrides) = (Some(base), overrides);
    }

    /// Builds the plan of `config`, binds, publishes and accepts.
    fn publish(
        &mut self,
        config: &Config,
        certificates: &certificates::Known,
    ) -> Result<(), ApplyError> {
        let before = Arc::clone(&self.plans.borrow());
        let address = |host: &str| match self.resolver.known(host) {
            Known::At(address) => Some(address),
            Known::Not | Known::Never(_) => None,
        };
        let plan = build(config, &before, self.parts.workers, address, certificates);
        let plan = plan.map_err(ApplyError::UnknownCluster)?;
        let prepared = self.parts.binder.prepare(&plan);
        prepared.map_err(|error| ApplyError::Bind(BindProblem::of_listener(&error)))?;
        self.knowledge
            .journal
            .follow(&plan, |endpoint| why_unresolved(self.resolver.known(host_of(endpoint))));
        if is_same(&before, &plan) {
            // A name that fails in other words than before is news for the journal, not for the workers.
            return Ok(());
        }
        let plan = self.parts.publisher.publish(plan);
        self.parts.binder.commit(&plan);
        self.knowledge.in_force.follow(&before, &plan);
        tracing::debug!(generation = plan.generation, "plan published");
        self.plans.send_replace(plan);
        Ok(())
    }
}

/// Reads what was not read yet, or has changed since, where it holds up nobody.
async fn propose_certificates(
    store: Arc<Store>,
    config: Arc<Config>,
    read: Arc<certificates::Known>,
) -> Result<Proposal, Unusable> {
    let reading = spawn_blocking(move || store.propose(&config, &read, SystemTime::now()));
    reading.await.unwrap_or_else(|error| Err(Unusable::Library(error.to_string())))
}

fn why_unresolved(known: Known) -> Option<String> {
    match known {
        Known::Not => Some("name is being looked up".to_owned()),
        Known::Never(why) => Some(format!("name does not resolve: {why}")),
        Known::At(_) => None,
    }
}

/// The host part of an endpoint's name. A literal IPv6 address keeps its brackets, but that is never looked up.
fn host_of(endpoint: &str) -> &str {
    endpoint.rsplit_once(':').map_or(endpoint, |(host, _)| host)
}

fn hosts(config: &Config) -> impl Iterator<Item = &str> {
    let endpoints = config.clusters.iter().flat_map(|cluster| &cluster.endpoints);
    endpoints.map(|endpoint| endpoint.host.as_str())
}

/// Whether `build` took everything over from the plan before.
fn is_same(before: &Plan, plan: &Plan) -> bool {
    (before.access, before.drain) == (plan.access, plan.drain)
        && before.listeners.len() == plan.listeners.len()
        && before.clusters.len() == plan.clusters.len()
        && before.listeners.iter().zip(&plan.listeners).all(|(old, new)| Arc::ptr_eq(old, new))
        && before.clusters.iter().zip(&plan.clusters).all(|(old, new)| Arc::ptr_eq(old, new))
}

/// How long a start or a reload waits for names. A slower name's endpoints join when it is found; a dead DNS server must not
/// keep the others from working.
const SETTLE_WITHIN: Duration = Duration::from_secs(2);

// === impl ApplyError ===

impl From<FittingError> for ApplyError {
    fn from(error: FittingError) -> Self {
        match error {
            FittingError::Admin(problem) => Self::Bind(problem),
            FittingError::AccessLog(error) => Self::AccessLog(error),
        }
    }
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(problem) => problem.fmt(f),
            Self::AccessLog(error) => error.fmt(f),
            Self::Certificates(problem) => problem.fmt(f),
            Self::UnknownCluster(problem) => problem.fmt(f),
        }
    }
}

impl std::error::Error for ApplyError {}

#[cfg(test)]
mod tests;
