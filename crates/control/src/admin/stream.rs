//! `/api/v1/stream`: the status once a second, and what happens when it happens, as server-sent events, for as long as somebody
//! listens. Used by the dashboard.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{Stream, unfold};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep_until};

mod snapshots;

use super::problem::Problem;
use super::slots::Slot;
use crate::overview::Overview;
use snapshots::Snapshots;

/// All streams.
#[derive(Debug)]
pub(super) struct Streams {
    overview: Arc<Overview>,
    snapshots: Snapshots,
    free: Arc<Semaphore>,
    /// Marks the numbers of our events: those of another process mean something else.
    era: u128,
}

impl Streams {
    pub(super) fn new(overview: Arc<Overview>) -> Self {
        let era = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let snapshots = Snapshots::new(Arc::clone(&overview));
        Self { overview, snapshots, free: Arc::new(Semaphore::new(STREAMS_MAX)), era }
    }

    /// Answers with a stream on the connection that has `slot`, or says that there are too many.
    pub(super) fn open(self: &Arc<Self>, slot: Arc<Slot>, headers: &HeaderMap) -> Response {
        let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() else {
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, REFUSAL).help(WAY_OUT);
            return ([(header::RETRY_AFTER, "5")], problem).into_response();
        };
        slot.set_streaming(true);
        let listener = Listener {
            streams: Arc::clone(self),
            ends: Instant::now() + STREAM_AGE_MAX,
            queue: VecDeque::from([Event::default().retry(RECONNECT)]),
            noted: self.last_event_seen(headers),
            notes: self.overview.events.last(),
            seen: 0,
            slot,
            _permit: permit,
        };
        Sse::new(listener.events()).into_response()
    }

    /// The number of the last of our events that a client who comes back has had, or 0.
    fn last_event_seen(&self, headers: &HeaderMap) -> u64 {
        let id = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.split_once('-'));
        match id {
            Some((era, seq)) if era == self.era.to_string() => seq.parse().unwrap_or(0),
            _ => 0,
        }
    }

    /// The events after number `seq`, as they are sent.
    fn events_since(&self, seq: u64) -> impl Iterator<Item = (u64, Event)> {
        self.overview.events.since(seq).into_iter().filter_map(|event| {
            let id = format!("{}-{}", self.era, event.seq);
            let framed = Event::default().event("event").id(id).json_data(&event).ok()?;
            Some((event.seq, framed))
        })
    }
}

/// One who listens.
struct Listener {
    streams: Arc<Streams>,
    ends: Instant,
    /// What is to be sent before anything else.
    queue: VecDeque<Event>,
    /// The number of the last event that was queued.
    noted: u64,
    /// Changes when there is a new event.
    notes: watch::Receiver<u64>,
    /// The number of the snapshot that was sent last.
    seen: u64,
    slot: Arc<Slot>,
    _permit: OwnedSemaphorePermit,
}

impl Listener {
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        unfold(self, |mut listener| async {
            let event = listener.next().await?;
            Some((Ok(event), listener))
        })
    }

    /// The next thing to send. A client that reads slowly asks less often, and misses statuses that were between.
    async fn next(&mut self) -> Option<Event> {
        while Instant::now() < self.ends {
            self.take_notes();
            if let Some(event) = self.queue.pop_front() {
                return Some(event);
            }
            let snapshot = self.streams.snapshots.latest();
            if snapshot.number != self.seen {
                self.seen = snapshot.number;
                return Some(snapshot.event);
            }
            tokio::select! {
                () = sleep_until(snapshot.good_until) => {}
                Ok(()) = self.notes.changed() => {}
            }
        }
        None
    }

    /// Queues the events that are new; there are never more than the balancer remembers.
    fn take_notes(&mut self) {
        if self.queue.is_empty() && *self.notes.borrow_and_update() != self.noted {
            for (seq, event) in self.streams.events_since(self.noted) {
                self.noted = seq;
                self.queue.push_back(event);
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.slot.set_streaming(false);
    }
}

/// How many may listen at once: each costs a slot of the API, and a copy of the status each second.
pub(super) const STREAMS_MAX: usize = 16;

/// Ends before `serve` would cut the connection off in the middle of a status; the client asks again.
const STREAM_AGE_MAX: Duration = Duration::from_secs(240);

/// After how long a client comes back when its stream has ended.
const RECONNECT: Duration = Duration::from_secs(1);

const REFUSAL: &str = "There are 16 streams of the status already, which is the most there may be";

const WAY_OUT: &str = "close a dashboard that nobody looks at, or ask /api/v1/status now and then";

#[cfg(test)]
mod tests;
