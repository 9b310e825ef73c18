//! How many checks run at once, over all clusters. Held by `health`, asked by each checker.

use std::sync::Arc;

use evenkeel_plan::health::CheckKind;
use evenkeel_plan::limits::{PROBES_AT_ONCE_MAX, PROGRAMS_AT_ONCE_MAX};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections and programs are counted apart, so that programs that hang hold up no others.
#[derive(Clone, Debug)]
pub(super) struct Permits {
    probes: Arc<Semaphore>,
    programs: Arc<Semaphore>,
}

impl Permits {
    pub(super) fn new() -> Self {
        let permits = |count| Arc::new(Semaphore::new(count));
        Self { probes: permits(PROBES_AT_ONCE_MAX), programs: permits(PROGRAMS_AT_ONCE_MAX) }
    }

    /// Waits until a check of this kind may run, first come first served; `None` never comes to pass, as nobody closes them.
    pub(super) async fn acquire(&self, kind: &CheckKind) -> Option<OwnedSemaphorePermit> {
        let permits = match kind {
            CheckKind::Exec { .. } => &self.programs,
            CheckKind::Tcp
            | CheckKind::Tls { .. }
            | CheckKind::Http { .. }
            | CheckKind::Grpc { .. } => &self.probes,
        };
        Arc::clone(permits).acquire_owned().await.ok()
    }
}
