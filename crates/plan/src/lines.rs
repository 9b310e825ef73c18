//! The way of access log lines from the workers to the thread that writes them: a bounded ring of bytes for each worker.
//!
//! `proxy` sends, `control` takes. Sending is never more than a copy: a line for which there is no room is lost and counted,
//! so that a full disk or a stalled pipe can cost lines and nothing else.

use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Duration;

use rtrb::{Consumer, Producer, RingBuffer};

use crate::counters::{Counter, Sharded};

/// A ring for each of `workers` workers, at least one: what each of them sends with, and what all of it is taken with.
pub fn lines(workers: usize) -> (Vec<LineSender>, LineReceiver) {
    let workers = workers.max(1);
    let counters = Arc::new(LineCounters::new(workers));
    let bell = Arc::new(Bell::default());
    let (senders, rings) = (0..workers)
        .map(|worker| {
            let (ring, reader) = RingBuffer::new(RING_BYTES);
            let (counters, bell) = (Arc::clone(&counters), Arc::clone(&bell));
            (LineSender { ring, bell, counters, worker }, reader)
        })
        .unzip();
    (senders, LineReceiver { rings, first: 0, bell, counters })
}

/// A worker's side.
#[derive(Debug)]
pub struct LineSender {
    ring: Producer<u8>,
    bell: Arc<Bell>,
    counters: Arc<LineCounters>,
    worker: usize,
}

/// The side of the thread that writes.
#[derive(Debug)]
pub struct LineReceiver {
    rings: Vec<Consumer<u8>>,
    /// The ring that is emptied first next time.
    first: usize,
    bell: Arc<Bell>,
    counters: Arc<LineCounters>,
}

/// What became of the lines.
#[derive(Debug)]
pub struct LineCounters {
    /// Lost because a worker's ring was full; each worker counts in its own shard.
    pub ring_full: Sharded<Counter>,
    /// Lost because writing failed. Only the thread that writes may count it.
    pub write_failed: Counter,
    /// Written. The same.
    pub written: Counter,
}

/// How a worker wakes the thread that writes, if it sleeps.
#[derive(Debug, Default)]
struct Bell {
    asleep: AtomicBool,
    sleeper: OnceLock<Thread>,
}

// === impl LineSender ===

impl LineSender {
    /// Sends one line, which ends in its only line feed: all of it, or nothing if there is no room. Takes no lock and no memory,
    /// and makes no system call unless the thread that writes is asleep.
    pub fn send(&mut self, line: &[u8]) {
        let is_line = line.len() <= LINE_BYTES_MAX && line.last() == Some(&b'\n');
        if is_line && self.ring.push_entire_slice(line).is_ok() {
            self.bell.ring();
        } else {
            self.counters.ring_full.shard(self.worker).add(1);
        }
    }
}

// === impl LineReceiver ===

impl LineReceiver {
    /// Moves whole lines to the end of `batch`, about [`BATCH_BYTES`] at most. Nothing if there are none.
    pub fn take(&mut self, batch: &mut Vec<u8>) {
        let mut room = BATCH_BYTES;
        let (later, first) = self.rings.split_at_mut(self.first);
        for ring in first.iter_mut().chain(later) {
            room -= take_lines(ring, room, batch);
        }
        // Each comes first in its turn, so that a busy worker cannot take the room of all others for ever.
        self.first = (self.first + 1) % self.rings.len();
    }

    /// Whether no line waits.
    pub fn is_empty(&self) -> bool {
        self.rings.iter().all(Consumer::is_empty)
    }

    /// Sleeps until a line waits, somebody unparks this thread, or `at_most` has passed; now and then for no reason.
    pub fn wait(&self, at_most: Duration) {
        self.bell.sleeper.get_or_init(thread::current);
        self.bell.asleep.store(true, Ordering::Release);
        // With the fence in `Bell::ring`: either we see the line here, or its sender sees that we sleep.
        fence(Ordering::SeqCst);
        if self.is_empty() {
            thread::park_timeout(at_most);
        }
        self.bell.asleep.store(false, Ordering::Relaxed);
    }

    /// What became of the lines.
    pub fn counters(&self) -> &Arc<LineCounters> {
        &self.counters
    }
}

/// Moves at most `room` bytes of whole lines; returns how many.
fn take_lines(ring: &mut Consumer<u8>, room: usize, batch: &mut Vec<u8>) -> usize {
    let waiting = ring.slots();
    // A sender puts in whole lines, so only where we cut it short ourselves can the end be in the middle of one.
    let Ok(chunk) = ring.read_chunk(waiting.min(room)) else { return 0 };
    let (first, second) = chunk.as_slices();
    let taken = if waiting <= room { waiting } else { whole_lines(first, second) };
    let (from_first, from_second) = (taken.min(first.len()), taken.saturating_sub(first.len()));
    batch.extend_from_slice(&first[..from_first]);
    batch.extend_from_slice(&second[..from_second]);
    chunk.commit(taken);
    taken
}

/// How many bytes of two pieces in a row belong to whole lines.
fn whole_lines(first: &[u8], second: &[u8]) -> usize {
    let end = |piece: &[u8]| piece.iter().rposition(|&byte| byte == b'\n').map(|last| last + 1);
    match end(second) {
        Some(end) => first.len() + end,
        None => end(first).unwrap_or(0),
    }
}

// === impl LineCounters ===

impl LineCounters {
    /// All zero, for `workers` workers.
    pub fn new(workers: usize) -> Self {
        Self {
            ring_full: Sharded::new(workers),
            write_failed: Counter::default(),
            written: Counter::default(),
        }
    }

    /// How many lines were lost because a ring was full.
    pub fn lost_to_full_rings(&self) -> u64 {
        self.ring_full.sum(Counter::count)
    }
}

// === impl Bell ===

impl Bell {
    /// Wakes the sleeper, if it sleeps; of several who see it asleep, one does.
    fn ring(&self) {
        // With the fence in `LineReceiver::wait`.
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed)
            && self.asleep.swap(false, Ordering::Acquire)
            && let Some(sleeper) = self.sleeper.get()
        {
            sleeper.unpark();
        }
    }
}

/// The longest line, with its line feed. The forms of the access log stay below it.
pub const LINE_BYTES_MAX: usize = 16 * 1024;

/// How much is taken at once: enough that a write costs nothing per line, and little enough to stay in a core's cache.
pub const BATCH_BYTES: usize = 256 * 1024;

/// The ring of each worker: at a hundred thousand lines of 900 bytes per second, what a worker sends in 11 ms. The system gives
/// the memory when it is first touched.
const RING_BYTES: usize = 1024 * 1024;

#[cfg(test)]
mod tests;
