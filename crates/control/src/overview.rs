//! All that can be seen of the running balancer, gathered for the admin API, the metrics and the binary.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use evenkeel_plan::Plan;
use evenkeel_plan::lines::LineCounters;
use evenkeel_plan::publish::Reader;
use evenkeel_plan::sight::Sight;
use tokio::sync::watch;

use crate::acme::Ledger;
use crate::admin::Address;
use crate::certificates::Store;
use crate::conductor::{Desk, Knowledge};
use crate::events::{EventKind, EventLevel, Events};
use crate::in_force::InForce;
use crate::journal::Journal;

/// Where to look; shared by everyone who looks.
#[derive(Debug)]
pub(crate) struct Overview {
    reader: Reader,
    pub(crate) journal: Arc<Journal>,
    pub(crate) events: Arc<Events>,
    pub(crate) in_force: Arc<InForce>,
    pub(crate) certificates: Arc<Store>,
    /// How orders of certificates go.
    pub(crate) acme: Arc<Ledger>,
    /// Where changes are ordered.
    pub(crate) desk: Desk,
    admin_address: Mutex<Option<Address>>,
    first_round: watch::Receiver<bool>,
    draining: AtomicBool,
    pub(crate) started: Instant,
    pub(crate) workers: usize,
    /// What became of the access log's lines.
    pub(crate) lines: Arc<LineCounters>,
    /// Shows what is in flight.
    pub(crate) sight: Arc<dyn Sight>,
}

/// What does the work.
#[derive(Debug)]
pub(crate) struct Machinery {
    /// How many workers there are.
    pub(crate) workers: usize,
    /// What became of the access log's lines.
    pub(crate) lines: Arc<LineCounters>,
    /// Shows what is in flight.
    pub(crate) sight: Arc<dyn Sight>,
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
        knowledge: &Knowledge,
        desk: Desk,
        first_round: watch::Receiver<bool>,
        machinery: Machinery,
    ) -> Self {
        let Machinery { workers, lines, sight } = machinery;
        let (draining, started) = (AtomicBool::new(false), Instant::now());
        Self {
            reader,
            journal: Arc::clone(&knowledge.journal),
            events: Arc::clone(&knowledge.events),
            in_force: Arc::clone(&knowledge.in_force),
            certificates: Arc::clone(&knowledge.certificates),
            acme: knowledge.acme.ledger(),
            desk,
            admin_address: Mutex::default(),
            first_round,
            draining,
            started,
            workers,
            lines,
            sight,
        }
    }

    /// Where the admin API really listens; `None` when it is switched off.
    pub(crate) fn admin_address(&self) -> Option<Address> {
        self.admin_address.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_admin_address(&self, address: Option<Address>) {
        *self.admin_address.lock().unwrap_or_else(PoisonError::into_inner) = address;
    }

    /// The plan in force.
    pub(crate) fn plan(&self) -> Arc<Plan> {
        Arc::clone(self.reader.clone().load())
    }

    pub(crate) fn drain(&self) {
        self.desk.close();
        if !self.draining.swap(true, Ordering::Relaxed) {
            self.events.note(
                EventLevel::Info,
                EventKind::Process,
                "draining: nothing new is accepted",
            );
        }
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
