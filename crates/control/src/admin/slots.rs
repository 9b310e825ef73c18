//! Who may be connected to the admin API: a newcomer always may, and the connection that has been of no use for longest makes
//! room. Held by `admin::serve`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

/// The connections, at most [`CONNECTIONS_MAX`].
#[derive(Debug, Default)]
pub(super) struct Slots(Mutex<Vec<Arc<Slot>>>);

/// What one connection is doing.
#[derive(Debug)]
pub(super) struct Slot {
    /// When its latest request came; before that, when it was accepted.
    used: Mutex<Instant>,
    /// It carries a stream, which is of use without requests; there is another bound on those.
    streams: AtomicBool,
    evicted: Notify,
}

impl Slots {
    /// A slot for a new connection. If there is none left, the one used longest ago is taken from its connection: idle ones
    /// must not keep an orchestrator from asking whether we live.
    pub(super) fn take(&self) -> Arc<Slot> {
        let mut slots = self.lock();
        if slots.len() >= CONNECTIONS_MAX {
            let candidates = slots.iter().enumerate().filter(|(_, slot)| !slot.is_streaming());
            let oldest = candidates.min_by_key(|(_, slot)| slot.last_used()).map(|(at, _)| at);
            if let Some(at) = oldest {
                slots.swap_remove(at).evicted.notify_one();
            }
        }
        let slot = Arc::new(Slot::new());
        slots.push(Arc::clone(&slot));
        slot
    }

    /// The connection has ended.
    pub(super) fn give_back(&self, slot: &Arc<Slot>) {
        self.lock().retain(|other| !Arc::ptr_eq(other, slot));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Slot>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn new() -> Self {
        let used = Mutex::new(Instant::now());
        Self { used, streams: AtomicBool::new(false), evicted: Notify::new() }
    }

    /// A request has come.
    pub(super) fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// The answer is a stream, or was one.
    pub(super) fn set_streaming(&self, streams: bool) {
        self.streams.store(streams, Ordering::Relaxed);
    }

    /// Waits until the slot is needed for somebody else.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    pub(super) fn is_streaming(&self) -> bool {
        self.streams.load(Ordering::Relaxed)
    }

    fn last_used(&self) -> Instant {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many connections are served at once, by far more than [`super::stream`] lets be streams. A few scrapers and people need
/// a handful.
pub(super) const CONNECTIONS_MAX: usize = 64;
