//! Starts everything in this crate; the binary calls [`start`] on control's own thread, once the workers have their readers.

use std::fmt;
use std::io;
use std::sync::Arc;

use evenkeel_plan::lines::LineReceiver;

use crate::access_log::{AccessLog, Remote};
use crate::admin::{self, Address, Status, Trigger};
use crate::certificates;
use crate::conductor::{
    Applied, ApplyError, Conductor, Desk, Knowledge, Parts, Refused, ReloadWish, Wish,
};
use crate::config::{Config, ConfigFile, Seen};
use crate::fittings::{Fittings, SetLevel};
use crate::health::Checks;
use crate::outliers::Outliers;
use crate::overview::{Machinery, Overview};
use crate::panics::Panics;
use crate::probe::NetworkProbe;
use crate::rebalance::Rebalance;
use crate::resolve::SystemLookup;
use crate::task::Task;
use crate::watch;

/// Puts `config` in force and keeps it so: names are resolved, endpoints are checked, the admin API answers. Returns when
/// listeners accept; the first round of checks may still be running. From then on it follows the file, if there is one.
///
/// Must be called within a tokio runtime that goes on running, best a current-thread one on a thread of its own. Lookups
/// of names block threads of that runtime: shut it down with a timeout, or a dead DNS server holds up the exit.
///
/// # Errors
/// An address that cannot be bound, an access log that cannot be opened. Then nothing runs, but the log's file may have been made.
pub async fn start(setup: Setup) -> Result<Control, StartError> {
    let Setup { config, file, parts, lines, set_level } = setup;
    let counters = Arc::clone(lines.counters());
    let access_log = AccessLog::start(lines).map_err(StartError::System)?;
    let (file, seen) = file.unzip();
    let mut seen: Seen = seen.unwrap_or_default();
    let read = seen.take_certificates();
    let knowledge = Knowledge::new(file.as_ref(), seen);
    let (checks, first_round) = Checks::new(NetworkProbe, &knowledge);
    let reader = parts.publisher.reader();
    let (desk, orders) = Desk::new();
    let sight = Arc::clone(&parts.sight);
    let machinery = Machinery { workers: parts.workers, lines: counters, sight };
    let overview = Overview::new(reader, &knowledge, desk.clone(), first_round, machinery);
    let overview = Arc::new(overview);
    let fittings = Fittings::new(Arc::clone(&overview), access_log.remote(), set_level);
    let seen = knowledge.seen.subscribe();
    let certificates = Arc::clone(&knowledge.certificates);
    let outliers = Outliers::new(&knowledge, parts.started);
    let rebalance = Rebalance::new(Arc::clone(&knowledge.events), parts.started);
    let panics = Panics::new(Arc::clone(&knowledge.events));
    let mut conductor = Conductor::new(parts, fittings, SystemLookup, knowledge, file.clone());
    let plans = conductor.plans();
    conductor.apply(config, read).await.map_err(StartError::Apply)?;
    let mut tasks = vec![
        Task::spawn(panics.run(plans.clone())),
        Task::spawn(checks.run(plans.clone())),
        Task::spawn(outliers.run(plans.clone())),
        Task::spawn(rebalance.run(plans)),
        Task::spawn(certificates::run(certificates)),
        Task::spawn(conductor.run(orders)),
    ];
    if let Some(file) = file {
        tasks.push(Task::spawn(watch::run(file, seen, desk)));
    }
    let view = View { overview, access_log: access_log.remote() };
    Ok(Control { view, _tasks: tasks, _access_log: access_log })
}

/// What control needs to start.
pub struct Setup {
    /// What is put in force first.
    pub config: Config,
    /// Where it was read, to be read again, and what was seen there; `None` if it was on the command line.
    pub file: Option<(ConfigFile, Seen)>,
    /// What comes from the side of the proxy.
    pub parts: Parts,
    /// The lines of the access log.
    pub lines: LineReceiver,
    /// Is told how much to log, now and at every reload that changes it.
    pub set_level: SetLevel,
}

/// Control while it runs: dropping it stops the checks, the lookups and the admin API, and writes what is left of the access
/// log, which takes a second if nobody reads it. The last plan stays in force.
#[derive(Debug)]
pub struct Control {
    view: View,
    _tasks: Vec<Task>,
    _access_log: AccessLog,
}

/// A look at the running balancer, for any thread.
#[derive(Clone, Debug)]
pub struct View {
    overview: Arc<Overview>,
    access_log: Remote,
}

/// Why control did not start.
#[derive(Debug)]
pub enum StartError {
    /// A thread could not be had.
    System(io::Error),
    /// The config could not be put in force.
    Apply(ApplyError),
}

// === impl Control ===

impl Control {
    /// A look at what runs, which may go to another thread and outlive control itself.
    pub fn view(&self) -> View {
        self.view.clone()
    }
}

// === impl View ===

impl View {
    /// Where the admin API listens; `None` when it is switched off.
    pub fn admin_address(&self) -> Option<Address> {
        self.overview.admin_address()
    }

    /// Reads the config file again, and waits until it is in force or refused; both are logged. Says what came of it.
    ///
    /// # Errors
    /// Why it was refused. Then nothing has changed.
    pub async fn reload(&self) -> Result<Applied, Refused> {
        let wish = ReloadWish { trigger: Trigger::Signal, clear: false, persist: false };
        self.overview.desk.order(Wish::Reload(wish)).await
    }

    /// The config in force.
    pub fn config(&self) -> Option<Arc<Config>> {
        self.overview.in_force.config()
    }

    /// Waits until every endpoint has been checked once; at once when there is nothing to check.
    pub async fn first_round(&self) {
        self.overview.first_round().await;
    }

    /// What the admin API's `/api/v1/status` says.
    pub fn status(&self) -> Status {
        admin::status(&self.overview)
    }

    /// From now on `/readyz` says 503, so that whoever stands before us sends new work elsewhere. The binary does the rest.
    pub fn drain(&self) {
        self.overview.drain();
    }

    /// The access log's path is opened anew, because somebody has moved the file away. Returns at once; does nothing without
    /// an access log.
    pub fn reopen_access_log(&self) {
        self.access_log.reopen();
    }
}

// === impl StartError ===

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(error) => write!(f, "cannot start: {error}"),
            Self::Apply(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StartError {}

#[cfg(test)]
mod tests;
