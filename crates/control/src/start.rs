//! Starts everything in this crate; the binary calls [`start`] on control's own thread, once the workers have their readers.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use evenkeel_plan::lines::LineReceiver;

use crate::access_log::{AccessLog, OpenError, Remote};
use crate::admin::{self, Status};
use crate::conductor::{ApplyError, BindProblem, Conductor, Parts};
use crate::config::Config;
use crate::health::Checks;
use crate::journal::Journal;
use crate::overview::Overview;
use crate::probe::NetworkProbe;
use crate::resolve::SystemLookup;
use crate::task::Task;

/// Puts `config` in force and keeps it so: names are resolved, endpoints are checked, the admin API answers. Returns when
/// listeners accept; the first round of checks may still be running.
///
/// Must be called within a tokio runtime that goes on running, best a current-thread one on a thread of its own. Lookups
/// of names block threads of that runtime: shut it down with a timeout, or a dead DNS server holds up the exit.
///
/// # Errors
/// An address that cannot be bound, an access log that cannot be opened. Then nothing runs, but the log's file may have been made.
pub async fn start(
    config: Config,
    parts: Parts,
    lines: LineReceiver,
) -> Result<Control, StartError> {
    // The admin API first: its address can be given back, an accepting listener has made promises.
    let admin = admin::bind(config.admin).await.map_err(StartError::Admin)?;
    let counters = Arc::clone(lines.counters());
    let path = config.access.as_ref().map(|access| access.path.clone());
    let access_log = path.map(|path| AccessLog::start(lines, path));
    let access_log = access_log.transpose().map_err(StartError::AccessLog)?;
    let journal = Arc::new(Journal::default());
    let (checks, first_round) = Checks::new(NetworkProbe, Arc::clone(&journal));
    let reader = parts.publisher.reader();
    let overview =
        Overview::new(reader, Arc::clone(&journal), first_round, parts.workers, counters);
    let overview = Arc::new(overview);
    let mut conductor = Conductor::new(parts, SystemLookup, journal);
    let plans = conductor.plans();
    conductor.apply(config).await.map_err(StartError::Apply)?;
    let mut tasks = vec![Task::spawn(checks.run(plans)), Task::spawn(conductor.run())];
    let mut admin_address = None;
    if let Some((listener, address)) = admin {
        admin_address = Some(address);
        tasks.push(Task::spawn(admin::serve(listener, address, Arc::clone(&overview))));
    }
    let remote = access_log.as_ref().map(AccessLog::remote);
    let view = View { overview, admin_address, access_log: remote };
    Ok(Control { view, _tasks: tasks, _access_log: access_log })
}

/// Control while it runs: dropping it stops the checks, the lookups and the admin API, and writes what is left of the access
/// log, which takes a second if nobody reads it. The last plan stays in force.
#[derive(Debug)]
pub struct Control {
    view: View,
    _tasks: Vec<Task>,
    _access_log: Option<AccessLog>,
}

/// A look at the running balancer, for any thread.
#[derive(Clone, Debug)]
pub struct View {
    overview: Arc<Overview>,
    admin_address: Option<SocketAddr>,
    access_log: Option<Remote>,
}

/// Why control did not start.
#[derive(Debug)]
pub enum StartError {
    /// The admin API's address could not be bound.
    Admin(BindProblem),
    /// The access log could not be opened.
    AccessLog(OpenError),
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
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
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
        if let Some(log) = &self.access_log {
            log.reopen();
        }
    }
}

// === impl StartError ===

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admin(problem) => problem.fmt(f),
            Self::AccessLog(error) => error.fmt(f),
            Self::Apply(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StartError {}

#[cfg(test)]
mod tests;
