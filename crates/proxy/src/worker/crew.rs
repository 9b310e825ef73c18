//! The workers as they see each other, and what one can be told.

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use evenkeel_plan::admission::{Presence, Seat};
use evenkeel_plan::counters::Padded;
use evenkeel_plan::endpoint::Life;
use evenkeel_plan::listener::Bind;
use evenkeel_plan::mention::Mention;
use evenkeel_plan::story::{Question, Tell};
use evenkeel_plan::time::Time;
use rustix::process::{Resource, getrlimit};
use tokio::sync::mpsc::Sender;

use crate::looks::Look;

/// What a worker is told by its owners, the conductor and the process. None of it may be lost, so there is no bound that it could
/// hit: it is one command for each plan, and two in the end.
#[derive(Debug)]
pub(crate) enum Command {
    /// A plan has other addresses than the one before: all of the difference at once.
    Turn(Vec<Change>),
    /// Accept nothing more, and end when the last connection has; there is so much time for it.
    Drain { within: Duration },
    /// End now.
    Stop,
}

/// What becomes of an address.
#[derive(Debug)]
pub(crate) enum Change {
    /// Accept on this socket.
    Listen { listener: Arc<str>, bind: Bind, socket: Arc<TcpListener> },
    /// What comes in there is for another listener now.
    Rename { bind: Bind, listener: Arc<str> },
    /// Accept on it no more.
    Close { bind: Bind },
}

/// What others ask of a worker, who can do without it if its mailbox is full.
#[derive(Debug)]
pub(crate) enum Errand {
    /// Serve this connection.
    Adopt(Accepted),
    /// Close idle connections to this endpoint that are in the way of others.
    MakeWay(Arc<Life>),
    /// Say what is in flight.
    Look(Look),
    /// Say what has become of exchanges that are over.
    Recall(Recall),
}

/// Somebody who wants to hear stories.
pub(crate) struct Recall {
    pub(crate) question: Question,
    pub(crate) tell: Tell,
}

impl fmt::Debug for Recall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recall").field("question", &self.question).finish_non_exhaustive()
    }
}

/// A connection that no runtime knows yet.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) socket: OwnedFd,
    pub(crate) client: SocketAddr,
    /// The name of the listener that it came in by.
    pub(crate) listener: Arc<str>,
    /// Its place among those of the listener, if they are counted.
    pub(crate) seat: Option<Seat>,
}

/// The workers as they see each other: how many connections each has, and how to pass it one more.
#[derive(Debug)]
pub(crate) struct Crew {
    connections: Box<[Padded<AtomicUsize>]>,
    /// How many of them a worker may have.
    connections_max: usize,
    mailboxes: Box<[Sender<Errand>]>,
    /// That connections are refused.
    mentioned: Mention,
}

impl Crew {
    pub(crate) fn new(mailboxes: Vec<Sender<Errand>>) -> Arc<Self> {
        let connections = mailboxes.iter().map(|_| Padded::default()).collect();
        let connections_max = connections_max(mailboxes.len());
        let mentioned = Mention::default();
        Arc::new(Self { connections, connections_max, mailboxes: mailboxes.into(), mentioned })
    }

    /// Whether worker number `worker` may take no more connections.
    pub(super) fn is_full(&self, worker: usize) -> bool {
        self.connections(worker) >= self.connections_max
    }

    /// One more connection for worker number `worker`, until the guard is dropped, and with it its other places.
    pub(crate) fn join(self: &Arc<Self>, worker: usize, places: Option<Box<Places>>) -> Membership {
        self.connections[worker].fetch_add(1, Ordering::Relaxed);
        Membership { crew: Arc::clone(self), worker, _places: places }
    }

    /// Whether it is time to mention again that connections are refused, or ended for what comes on them.
    pub(crate) fn may_mention(&self, now: Time) -> bool {
        self.mentioned.is_due(now, MENTION_INTERVAL)
    }

    /// How many connections worker number `worker` has.
    pub(crate) fn connections(&self, worker: usize) -> usize {
        self.connections[worker].load(Ordering::Relaxed)
    }

    /// Asks all workers but number `worker` to make way for a connection to an endpoint.
    pub(crate) fn ask_for_way(&self, worker: usize, life: &Arc<Life>) {
        let mailboxes = self.mailboxes.iter().enumerate();
        for (_, mailbox) in mailboxes.filter(|(other, _)| *other != worker) {
            // Whoever has no room for it, or has ended, does without: who wants the connection asks again.
            let _ = mailbox.try_send(Errand::MakeWay(Arc::clone(life)));
        }
    }

    /// Another worker that has so much less to do that moving a connection is worth it. The kernel spreads connections by
    /// hash, which is uneven for few of them; one random rival is enough to even that out (Mitzenmacher 1996).
    pub(super) fn rival(&self, worker: usize, random: u64) -> Option<&Sender<Errand>> {
        let others = self.mailboxes.len().checked_sub(1).filter(|&others| others > 0)?;
        let step = 1 + (random % others as u64) as usize;
        let rival = (worker + step) % self.mailboxes.len();
        let (mine, theirs) = (self.connections(worker), self.connections(rival));
        let worth_it = mine > theirs + HAND_OVER_MARGIN + theirs / 8;
        worth_it.then(|| &self.mailboxes[rival])
    }
}

/// How many clients each of `workers` workers may serve: every one of them may need a second descriptor, for its endpoint, and
/// some are needed for listeners, checks and the admin API.
fn connections_max(workers: usize) -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let own = DESCRIPTORS_RESERVED + DESCRIPTORS_PER_WORKER * workers;
    (limit.saturating_sub(own) / 2 / workers.max(1)).max(1)
}

const DESCRIPTORS_RESERVED: usize = 24;

/// The runtime's own, and the sockets of a few listeners.
const DESCRIPTORS_PER_WORKER: usize = 8;

/// Below this difference a hand-over costs more than it gains.
const HAND_OVER_MARGIN: usize = 2;

/// A flood of refused connections must not become one of lines.
const MENTION_INTERVAL: Duration = Duration::from_secs(1);

/// One connection's place in the count of its worker.
#[derive(Debug)]
pub(crate) struct Membership {
    crew: Arc<Crew>,
    worker: usize,
    /// Boxed: most listeners count neither.
    _places: Option<Box<Places>>,
}

/// One connection's places in the counts of its listener and of its client.
#[derive(Debug)]
pub(crate) struct Places {
    _seat: Option<Seat>,
    _presence: Option<Presence>,
}

impl Places {
    /// `None` if it is counted nowhere.
    pub(super) fn new(seat: Option<Seat>, presence: Option<Presence>) -> Option<Box<Self>> {
        let is_counted = seat.is_some() || presence.is_some();
        is_counted.then(|| Box::new(Self { _seat: seat, _presence: presence }))
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.crew.connections[self.worker].fetch_sub(1, Ordering::Relaxed);
    }
}
