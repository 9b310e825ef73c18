//! A client that gives every request an identity and accounts for what became of each. Run by `cargo xtask faults`.
//!
//! It is an open loop: a request goes out when it is due, whatever became of those before, and its time counts from then. So a
//! balancer that stalls gets no mercy from a client that waits for it (what is known as coordinated omission).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

mod book;
mod crew;
mod entry;
mod exchange;

pub use book::Book;
pub use entry::{Class, Entry, Method};

use crate::moment::Moment;
use crate::wait::pause;
use crew::{Crew, Job};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Requests per second, evenly spaced; at least 1.
    pub rate: u32,
    /// Every so manyth request is a POST, the others are GETs; 0 for none.
    pub posts: u32,
    /// Bytes of body in a POST.
    pub post_bytes: usize,
    /// How long an answer may take, from when the request was due.
    pub deadline: Duration,
}

impl Default for Load {
    fn default() -> Self {
        Self { rate: 180, posts: 4, post_bytes: 500, deadline: Duration::from_secs(5) }
    }
}

/// A ledger that is being kept.
pub struct Ledger {
    load: Load,
    shared: Arc<Shared>,
    entries: Receiver<Entry>,
    dispatcher: JoinHandle<()>,
}

/// What the dispatcher and its owner have in common.
#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    /// Requests that were due and found nobody to send them.
    unsent: AtomicU32,
    sent: AtomicU64,
}

impl Ledger {
    /// Begins to ask `address` for answers. `first` is the id of the first request: two ledgers before the same origins must not
    /// share any.
    #[must_use]
    pub fn start(address: SocketAddr, load: Load, first: u64) -> Self {
        let (sender, entries) = mpsc::channel();
        let shared = Arc::new(Shared::default());
        let dispatcher = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || dispatch(Crew::new(address, load, sender), first, &shared))
        };
        Self { load, shared, entries, dispatcher }
    }

    /// How many requests were due so far.
    #[must_use]
    pub fn due(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }

    /// Sends nothing more, waits for all answers that are still to come, closes all connections.
    #[must_use]
    pub fn close(self) -> Book {
        self.shared.stop.store(true, Ordering::Relaxed);
        // It ends when all its threads have. A panic has been printed, and shows in entries that are missing.
        drop(self.dispatcher.join());
        let mut entries: Vec<Entry> = self.entries.iter().collect();
        entries.sort_by_key(|entry| entry.id);
        let due = self.shared.sent.load(Ordering::Relaxed);
        Book::new(self.load, entries, due, self.shared.unsent.load(Ordering::Relaxed))
    }
}

/// Hands out jobs when they are due, until it is told to stop.
fn dispatch(mut crew: Crew, first: u64, shared: &Shared) {
    let (began, began_at) = (Instant::now(), Moment::now());
    for number in 0_u64.. {
        if shared.stop.load(Ordering::Relaxed) {
            break;
        }
        let load = crew.load();
        let offset = Duration::from_secs(1).mul_f64(number as f64 / f64::from(load.rate.max(1)));
        let due = began + offset;
        pause(due.saturating_duration_since(Instant::now()));
        let posts = u64::from(load.posts);
        let is_post = posts > 0 && number % posts == posts - 1;
        let method = if is_post { Method::Post } else { Method::Get };
        let job = Job { id: first + number, method, due, due_at: began_at.after(offset) };
        shared.sent.fetch_add(1, Ordering::Relaxed);
        if !crew.send(job) {
            shared.unsent.fetch_add(1, Ordering::Relaxed);
        }
    }
    crew.dismiss();
}

#[cfg(test)]
mod tests;
