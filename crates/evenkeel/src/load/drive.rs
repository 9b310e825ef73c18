//! Starts the requests of a run, on a schedule or as answers come; spawned by
//! [`Load::start`](super::Load::start).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout_at};

use crate::alarm::Alarm;

use super::client::{Client, Connection, FailureKind};
use super::schedule::Schedule;
use super::tally::Outcome;
use super::{Counted, Pace, Settings};

/// What the requests of a run share.
#[derive(Clone)]
pub(super) struct Driver {
    pub(super) client: Arc<Client>,
    pub(super) counted: Arc<Mutex<Counted>>,
    pub(super) started: Instant,
}

impl Driver {
    /// Returns when the last request is finished. Dropping it cuts what is under way.
    pub(super) async fn drive(&self, settings: &Settings) {
        match settings.pace {
            Pace::Closed => self.drive_closed(settings).await,
            Pace::Open { rate, arrivals } => {
                let schedule = Schedule::new(rate, arrivals, fastrand::Rng::new());
                let most = usize::try_from(settings.requests.unwrap_or(u64::MAX));
                let starts = schedule
                    .take(most.unwrap_or(usize::MAX))
                    .take_while(|start| settings.duration.is_none_or(|end| *start < end));
                self.drive_open(starts, settings).await;
            }
        }
    }

    // === closed loop ===

    async fn drive_closed(&self, settings: &Settings) {
        let left = Arc::new(AtomicU64::new(settings.requests.unwrap_or(u64::MAX)));
        let end = settings.duration.and_then(|duration| self.started.checked_add(duration));
        let mut senders = JoinSet::new();
        for _ in 0..settings.connections {
            senders.spawn(self.clone().send_in_turn(Arc::clone(&left), end));
        }
        while senders.join_next().await.is_some() {}
    }

    /// Sends one after the other over one connection.
    async fn send_in_turn(self, left: Arc<AtomicU64>, end: Option<Instant>) {
        let mut kept = None;
        while end.is_none_or(|end| Instant::now() < end) && take_one(&left) {
            let failed = self.send(Instant::now(), &mut kept).await;
            if matches!(failed, Some(FailureKind::Refused | FailureKind::Unreachable)) {
                sleep(REFUSED_PAUSE).await;
            }
        }
    }

    // === open loop ===

    async fn drive_open(&self, starts: impl Iterator<Item = Duration>, settings: &Settings) {
        let lane = Lane::new(settings.connections);
        let give_up = settings.duration.and_then(|duration| {
            self.started.checked_add(duration.saturating_add(settings.timeout))
        });
        let mut alarm = Alarm::new();
        let mut exchanges = JoinSet::new();
        let mut starts = starts;
        while let Some(due) = starts.next().and_then(|start| self.started.checked_add(start)) {
            alarm.until(due).await;
            self.counted().tally.crowded += u64::from(lane.is_full());
            let Some(place) = lane.place(give_up).await else {
                // Even waiting for another timeout did not bring a free connection.
                self.counted().tally.unsent += 1 + starts.count() as u64;
                break;
            };
            exchanges.spawn(self.clone().send_in_lane(due, lane.clone(), place));
            // Without this, the results of finished exchanges would pile up.
            while exchanges.try_join_next().is_some() {}
        }
        while exchanges.join_next().await.is_some() {}
    }

    async fn send_in_lane(self, due: Instant, lane: Lane, place: OwnedSemaphorePermit) {
        let mut kept = lane.kept().pop();
        self.send(due, &mut kept).await;
        lane.kept().extend(kept);
        drop(place);
    }

    // === both ===

    /// Sends one request that should have started at `due`, counts it, and says what went wrong.
    async fn send(&self, due: Instant, kept: &mut Option<Connection>) -> Option<FailureKind> {
        let lag = due.elapsed();
        let result = self.client.exchange(kept).await;
        let failed = result.as_ref().err().map(|failure| failure.kind);
        let since_start = due.saturating_duration_since(self.started);
        self.counted().record(since_start, &Outcome { result, latency: due.elapsed(), lag });
        failed
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connections of an open loop: a bound on how many there are, and those at rest.
#[derive(Clone)]
struct Lane {
    places: Arc<Semaphore>,
    /// The last used is taken first, so that a low rate needs few.
    kept: Arc<Mutex<Vec<Connection>>>,
}

impl Lane {
    fn new(connections: u32) -> Self {
        let places = Arc::new(Semaphore::new(connections as usize));
        Lane { places, kept: Arc::default() }
    }

    /// Waits until fewer exchanges run than there may be connections; none after `give_up`.
    async fn place(&self, give_up: Option<Instant>) -> Option<OwnedSemaphorePermit> {
        let free = Arc::clone(&self.places).acquire_owned();
        match give_up {
            None => free.await.ok(),
            Some(give_up) => timeout_at(give_up.into(), free).await.ok()?.ok(),
        }
    }

    fn is_full(&self) -> bool {
        self.places.available_permits() == 0
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes one of what is left; false if nothing is.
fn take_one(left: &AtomicU64) -> bool {
    let one_less = |count: u64| count.checked_sub(1);
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
}

/// A closed loop against a dead port would otherwise only measure how fast the kernel refuses.
const REFUSED_PAUSE: Duration = Duration::from_millis(10);
