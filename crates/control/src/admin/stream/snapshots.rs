//! The status as an event, made when the first asks for it and shared by all. Asked by [`super::Streams`].

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::sse::Event;
use tokio::time::Instant;

use crate::admin::status;
use crate::overview::Overview;

/// Where snapshots come from.
#[derive(Debug)]
pub(super) struct Snapshots {
    overview: Arc<Overview>,
    latest: Mutex<Option<Snapshot>>,
}

/// The status at one moment.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    /// Counts up from 1.
    pub(super) number: u64,
    pub(super) event: Event,
    /// Until then nobody gets a newer one.
    pub(super) good_until: Instant,
}

impl Snapshots {
    pub(super) fn new(overview: Arc<Overview>) -> Self {
        Self { overview, latest: Mutex::new(None) }
    }

    /// The status of this moment, or of one less than [`PERIOD`] ago. Nothing is made while nobody asks.
    pub(super) fn latest(&self) -> Snapshot {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = Instant::now();
        match &*latest {
            Some(snapshot) if begun < snapshot.good_until => snapshot.clone(),
            before => {
                let number = before.as_ref().map_or(1, |before| before.number + 1);
                let event = self.event();
                let pause = PERIOD.max(begun.elapsed() * COST_SHARE);
                let snapshot = Snapshot { number, event, good_until: begun + pause };
                latest.insert(snapshot).clone()
            }
        }
    }

    fn event(&self) -> Event {
        let event = Event::default().event("status");
        // Numbers and strings can always be written; should that ever change, the stream goes on without this second.
        event.json_data(status(&self.overview)).unwrap_or_default()
    }
}

/// How often those who listen get the status.
pub(super) const PERIOD: Duration = Duration::from_secs(1);

/// With ten thousand endpoints a snapshot takes tens of milliseconds of control's thread, which checks their health, too: it
/// gets one part in this many.
const COST_SHARE: u32 = 20;
