//! The threads that ask a ledger's questions, each over a connection of its own. Led by the dispatcher.

use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use super::Load;
use super::entry::{Entry, Method};
use super::exchange::{Conversation, Question};
use crate::gate::lock;
use crate::moment::Moment;

/// One question, and when it is due.
pub(super) struct Job {
    pub(super) id: u64,
    pub(super) method: Method,
    pub(super) due: Instant,
    pub(super) due_at: Moment,
}

/// As many threads as there were ever questions open at the same time.
pub(super) struct Crew {
    address: SocketAddr,
    load: Load,
    entries: Sender<Entry>,
    members: Vec<(Sender<Job>, JoinHandle<()>)>,
    /// Those that wait for a job, the latest last: it goes on with the warmest connection.
    idle: Arc<Mutex<Vec<usize>>>,
}

impl Crew {
    pub(super) fn new(address: SocketAddr, load: Load, entries: Sender<Entry>) -> Self {
        Self { address, load, entries, members: Vec::new(), idle: Arc::default() }
    }

    pub(super) fn load(&self) -> Load {
        self.load
    }

    /// Gives `job` to somebody; false if there is nobody left, nor anybody to be had.
    pub(super) fn send(&mut self, job: Job) -> bool {
        let idle = lock(&self.idle).pop();
        let member = idle.or_else(|| self.hire());
        member.is_some_and(|member| self.members[member].0.send(job).is_ok())
    }

    /// Waits until all have done what they were given.
    pub(super) fn dismiss(self) {
        let (senders, threads): (Vec<_>, Vec<_>) = self.members.into_iter().unzip();
        drop(senders);
        for thread in threads {
            // A panic has been printed; its entry is missing.
            drop(thread.join());
        }
    }

    fn hire(&mut self) -> Option<usize> {
        let number = self.members.len();
        if number >= MEMBERS_MAX {
            return None;
        }
        let (sender, jobs) = mpsc::channel();
        let member = Member {
            conversation: Conversation::new(self.address),
            load: self.load,
            entries: self.entries.clone(),
            idle: Arc::clone(&self.idle),
            number,
        };
        let thread = thread::Builder::new().stack_size(STACK_BYTES);
        let thread = thread.spawn(move || member.work(&jobs)).ok()?;
        self.members.push((sender, thread));
        Some(number)
    }
}

struct Member {
    conversation: Conversation,
    load: Load,
    entries: Sender<Entry>,
    idle: Arc<Mutex<Vec<usize>>>,
    number: usize,
}

impl Member {
    fn work(mut self, jobs: &Receiver<Job>) {
        for Job { id, method, due, due_at } in jobs {
            let late = due.elapsed();
            let question = Question { id, method, body_bytes: self.load.post_bytes };
            let class = self.conversation.ask(&question, due + self.load.deadline);
            let entry = Entry { id, method, due: due_at, late, took: due.elapsed(), class };
            // Nobody listens any more when the ledger was dropped.
            let _closed = self.entries.send(entry);
            lock(&self.idle).push(self.number);
        }
    }
}

/// More questions are never open: ten times the usual rate, for as long as a client waits.
const MEMBERS_MAX: usize = 2000;

/// A member's thread hardly calls anything.
const STACK_BYTES: usize = 256 * 1024;
