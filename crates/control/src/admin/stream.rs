//! `/api/v1/stream`: the status once a second, as server-sent events, for as long as somebody listens. Used by the dashboard.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{Stream, unfold};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

mod snapshots;

use super::slots::Slot;
use crate::overview::Overview;
use snapshots::Snapshots;

/// All streams.
#[derive(Debug)]
pub(super) struct Streams {
    snapshots: Snapshots,
    free: Arc<Semaphore>,
}

impl Streams {
    pub(super) fn new(overview: Arc<Overview>) -> Self {
        Self { snapshots: Snapshots::new(overview), free: Arc::new(Semaphore::new(STREAMS_MAX)) }
    }

    /// Answers with a stream on the connection that has `slot`, or says that there are too many.
    pub(super) fn open(self: &Arc<Self>, slot: Arc<Slot>) -> Response {
        let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() else {
            return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], REFUSAL)
                .into_response();
        };
        slot.set_streaming(true);
        let listener = Listener {
            streams: Arc::clone(self),
            ends: Instant::now() + STREAM_AGE_MAX,
            seen: 0,
            begun: false,
            slot,
            _permit: permit,
        };
        Sse::new(listener.events()).into_response()
    }
}

/// One who listens.
struct Listener {
    streams: Arc<Streams>,
    ends: Instant,
    /// The number of the snapshot that was sent last.
    seen: u64,
    begun: bool,
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

    /// The next thing to send. A client that reads slowly asks less often, and misses what was between.
    async fn next(&mut self) -> Option<Event> {
        if !self.begun {
            self.begun = true;
            return Some(Event::default().retry(RECONNECT));
        }
        while Instant::now() < self.ends {
            let snapshot = self.streams.snapshots.latest();
            if snapshot.number != self.seen {
                self.seen = snapshot.number;
                return Some(snapshot.event);
            }
            sleep_until(snapshot.good_until).await;
        }
        None
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

const REFUSAL: &str = "There are 16 streams of the status already, which is the most there may be. \
    Close a dashboard that nobody looks at, or ask /api/v1/status now and then.\n";

#[cfg(test)]
mod tests;
