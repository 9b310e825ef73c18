//! All that can be seen of the running balancer, gathered for the admin API, the metrics and the binary.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use evenkeel_plan::Plan;
use evenkeel_plan::lines::LineCounters;
use evenkeel_plan::publish::Reader;
use tokio::sync::watch;

use crate::journal::Journal;

/// Where to look; shared by everyone who looks.
#[derive(Debug)]
pub(crate) struct Overview {
    reader: Reader,
    pub(crate) journal: Arc<Journal>,
    first_round: watch::Receiver<bool>,
    draining: AtomicBool,
    pub(crate) started: Instant,
    pub(crate) workers: usize,
    /// What became of the access log's lines.
    pub(crate) lines: Arc<LineCounters>,
}

/// Whether new work is welcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    Ready,
    /// The first round of health checks is still running.
    Checking,
    /// We are shutting down.
    Draining,
}

impl Overview {
    pub(crate) fn new(
        reader: Reader,
        journal: Arc<Journal>,
        first_round: watch::Receiver<bool>,
        workers: usize,
        lines: Arc<LineCounters>,
    ) -> Self {
        let (draining, started) = (AtomicBool::new(false), Instant::now());
        Self { reader, journal, first_round, draining, started, workers, lines }
    }

    /// The plan in force.
    pub(crate) fn plan(&self) -> Arc<Plan> {
        Arc::clone(self.reader.clone().load())
    }

    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn readiness(&self) -> Readiness {
        if self.draining.load(Ordering::Relaxed) {
            Readiness::Draining
        } else if *self.first_round.borrow() {
            Readiness::Ready
        } else {
            Readiness::Checking
        }
    }

    /// Waits for the end of the first round of health checks.
    pub(crate) async fn first_round(&self) {
        // An error means that the checks are gone with the rest of control: there is nothing left to wait for.
        drop(self.first_round.clone().wait_for(|done| *done).await);
    }
}
