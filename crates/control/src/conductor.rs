//! Puts configs in force: the only owner of the publisher, started by the binary through [`crate::start`].
//!
//! A plan is bound first, then published, then accepted on; whatever fails before the publish changes nothing.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_plan::Plan;
use evenkeel_plan::binder::Binder;
use evenkeel_plan::publish::Publisher;
use tokio::sync::watch;

mod bind_problem;
mod build;
mod port_owner;

pub use bind_problem::BindProblem;
pub use build::UnknownCluster;
pub(crate) use build::build;

use crate::config::Config;
use crate::journal::Journal;
use crate::resolve::{Known, Lookup, Resolver};

/// Turns configs and resolved names into plans, and puts them in force.
#[derive(Debug)]
pub(crate) struct Conductor<L> {
    parts: Parts,
    resolver: Resolver<L>,
    journal: Arc<Journal>,
    plans: watch::Sender<Arc<Plan>>,
    /// The config in force; `None` before the first.
    config: Option<Config>,
}

/// What the conductor needs from the side of the proxy.
pub struct Parts {
    /// Its readers are with the workers already.
    pub publisher: Publisher,
    /// Opens and closes the listeners' sockets.
    pub binder: Box<dyn Binder>,
    /// How many workers count; at least 1.
    pub workers: usize,
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
    /// A listener leads nowhere: the config was not checked.
    UnknownCluster(UnknownCluster),
}

impl<L: Lookup> Conductor<L> {
    /// A conductor with nothing in force yet.
    pub(crate) fn new(parts: Parts, lookup: L, journal: Arc<Journal>) -> Self {
        let (plans, _) = watch::channel(Arc::default());
        Self { parts, resolver: Resolver::new(lookup), journal, plans, config: None }
    }

    /// The plans in force, one after the other; the first is the empty one.
    pub(crate) fn plans(&self) -> watch::Receiver<Arc<Plan>> {
        self.plans.subscribe()
    }

    /// Puts `config` in force. Endpoints and listeners that stay keep what is known and counted about them.
    ///
    /// # Errors
    /// Then the config before stays in force, untouched.
    pub(crate) async fn apply(&mut self, config: Config) -> Result<(), ApplyError> {
        self.resolver.add(hosts(&config));
        self.resolver.settle(SETTLE_WITHIN).await;
        let applied = self.put_in_force(&config);
        if applied.is_ok() {
            self.config = Some(config);
        }
        self.resolver.retain(self.config.iter().flat_map(hosts));
        applied
    }

    /// Follows the names' addresses for ever. Call it when a config is in force.
    pub(crate) async fn run(mut self) {
        loop {
            self.resolver.changed().await;
            let Some(config) = self.config.take() else { continue };
            if let Err(error) = self.put_in_force(&config) {
                tracing::error!(%error, "a changed address could not be put in force");
            }
            self.config = Some(config);
        }
    }

    fn put_in_force(&mut self, config: &Config) -> Result<(), ApplyError> {
        let before = Arc::clone(&self.plans.borrow());
        let address = |host: &str| match self.resolver.known(host) {
            Known::At(address) => Some(address),
            Known::Not | Known::Never(_) => None,
        };
        let plan = build(config, &before, self.parts.workers, address);
        let plan = plan.map_err(ApplyError::UnknownCluster)?;
        let prepared = self.parts.binder.prepare(&plan);
        prepared.map_err(|error| ApplyError::Bind(BindProblem::of_listener(&error)))?;
        self.journal
            .follow(&plan, |cluster, endpoint| self.why_unresolved(config, cluster, endpoint));
        if is_same(&before, &plan) {
            // A name that fails in other words than before is news for the journal, not for the workers.
            return Ok(());
        }
        let plan = self.parts.publisher.publish(plan);
        self.parts.binder.commit(&plan);
        tracing::debug!(generation = plan.generation, "plan published");
        self.plans.send_replace(plan);
        Ok(())
    }

    fn why_unresolved(&self, config: &Config, cluster: &str, endpoint: &str) -> Option<String> {
        let cluster = config.clusters.iter().find(|each| each.name == cluster)?;
        let endpoint = cluster.endpoints.iter().find(|each| each.name == endpoint)?;
        match self.resolver.known(&endpoint.host) {
            Known::Not => Some("name is being looked up".to_owned()),
            Known::Never(why) => Some(format!("name does not resolve: {why}")),
            Known::At(_) => None,
        }
    }
}

fn hosts(config: &Config) -> impl Iterator<Item = &str> {
    let endpoints = config.clusters.iter().flat_map(|cluster| &cluster.endpoints);
    endpoints.map(|endpoint| endpoint.host.as_str())
}

/// Whether `build` took everything over from the plan before.
fn is_same(before: &Plan, plan: &Plan) -> bool {
    before.listeners.len() == plan.listeners.len()
        && before.clusters.len() == plan.clusters.len()
        && before.listeners.iter().zip(&plan.listeners).all(|(old, new)| Arc::ptr_eq(old, new))
        && before.clusters.iter().zip(&plan.clusters).all(|(old, new)| Arc::ptr_eq(old, new))
}

/// How long a start or a reload waits for names. A slower name's endpoints join when it is found; a dead DNS server must not
/// keep the others from working.
const SETTLE_WITHIN: Duration = Duration::from_secs(2);

// === impl ApplyError ===

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(problem) => problem.fmt(f),
            Self::UnknownCluster(problem) => problem.fmt(f),
        }
    }
}

impl std::error::Error for ApplyError {}

#[cfg(test)]
mod tests;
