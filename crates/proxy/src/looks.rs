//! Looks at what is in flight, as one worker answers them: it wakes its connections, a few at a time, and each that is polled
//! shows itself if somebody looks. Nothing is written down for that while nobody does.
//!
//! The worker runs [`Looks::answer_all`] when it is told to; connections work under [`Looks::watch`].

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashSet, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;

use evenkeel_plan::sight::{Answer, Connection, Question, Tell};
use evenkeel_plan::time::Time;
use tokio::task::{spawn_local, yield_now};

use crate::deadline::{Deadline, Deadlines};

/// All looks of one worker, one at a time.
#[derive(Debug)]
pub(crate) struct Looks {
    worker: usize,
    deadlines: Rc<Deadlines>,
    /// Whether a look is going on: the only thing that a connection asks when there is none.
    open: Cell<bool>,
    /// The connections that were woken and have not shown themselves, by the slots of their deadlines.
    awaited: RefCell<HashSet<u32>>,
    found: RefCell<Found>,
    waiting: RefCell<VecDeque<Look>>,
}

/// Somebody who looks.
pub(crate) struct Look {
    pub(crate) question: Question,
    pub(crate) tell: Tell,
}

/// What was found so far.
#[derive(Debug, Default)]
struct Found {
    question: Question,
    total: usize,
    /// The youngest on top, to make room for an older one.
    oldest: BinaryHeap<Sighting>,
}

/// A connection that was seen.
#[derive(Debug)]
struct Sighting {
    /// When it, or its exchange, began.
    since: Time,
    connection: Connection,
}

// === impl Looks ===

impl Looks {
    /// For worker number `worker`, whose connections have `deadlines`.
    pub(crate) fn new(worker: usize, deadlines: Rc<Deadlines>) -> Self {
        Self {
            worker,
            deadlines,
            open: Cell::default(),
            awaited: RefCell::default(),
            found: RefCell::default(),
            waiting: RefCell::default(),
        }
    }

    /// Answers `look` after those that came before it, without keeping anybody waiting.
    pub(crate) fn begin(self: &Rc<Self>, look: Look) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() >= LOOKS_WAITING_MAX {
            // Whoever asks so often does not wait for answers either.
            return;
        }
        waiting.push_back(look);
        if !self.open.replace(true) {
            spawn_local(Rc::clone(self).answer_all());
        }
    }

    /// Waits for `work`, which is done on the connection with this `deadline`. Calls `show` if it has to wait for more and the
    /// connection is to show itself, for which [`Looks::see`] is there.
    pub(crate) fn watch<F: Future>(
        &self,
        deadline: &Deadline,
        mut work: Pin<&mut F>,
        show: impl Fn(),
    ) -> impl Future<Output = F::Output> {
        poll_fn(move |cx| {
            let polled = work.as_mut().poll(cx);
            if polled.is_pending() && self.wants(deadline) {
                show();
            }
            polled
        })
    }

    /// Whether the connection with this `deadline` is to show itself. A load and a branch when nobody looks.
    fn wants(&self, deadline: &Deadline) -> bool {
        self.open.get() && self.awaited.borrow().contains(&deadline.slot())
    }

    /// Shows the connection with this `deadline`, of `listener`: it began at `opened`, and its exchange at `exchange`.
    /// `describe` is called if it is one of those that are to be shown.
    pub(crate) fn see(
        &self,
        deadline: &Deadline,
        listener: &str,
        (opened, exchange): (Time, Option<Time>),
        describe: impl FnOnce() -> Connection,
    ) {
        self.awaited.borrow_mut().remove(&deadline.slot());
        let mut found = self.found.borrow_mut();
        let Question { listener: wanted, exchanges_only, .. } = &found.question;
        let since = if *exchanges_only { exchange } else { Some(opened) };
        let is_wanted = wanted.as_deref().is_none_or(|wanted| wanted == listener);
        if let Some(since) = since.filter(|_| is_wanted) {
            found.add(since, describe);
        }
    }

    async fn answer_all(self: Rc<Self>) {
        loop {
            // Not in the condition of a `while let`, which would hold the borrow while it waits.
            let next = self.waiting.borrow_mut().pop_front();
            let Some(Look { question, tell }) = next else { break };
            tell(self.answer(question).await);
        }
        self.open.set(false);
    }

    async fn answer(&self, question: Question) -> Answer {
        *self.found.borrow_mut() = Found { question, ..Found::default() };
        let mut first = 0;
        while let Some(next) = self.wake_from(first) {
            first = next;
            while self.is_waiting() {
                // They are in the runtime's queue before us. Sockets get their turn, too.
                yield_now().await;
            }
        }
        let Found { total, oldest, .. } = self.found.take();
        let connections = oldest.into_sorted_vec().into_iter().map(|seen| seen.connection);
        Answer { worker: self.worker, total, connections: connections.collect() }
    }

    /// Wakes the next connections, from slot `first` on; returns where the rest begins, or `None` if there is none.
    fn wake_from(&self, first: u32) -> Option<u32> {
        let mut awaited = self.awaited.borrow_mut();
        self.deadlines.wake_some(first, CONNECTIONS_PER_TURN, |slot| {
            awaited.insert(slot);
        })
    }

    /// Whether somebody who was woken is still to show itself. Who has ended in between will not.
    fn is_waiting(&self) -> bool {
        let mut awaited = self.awaited.borrow_mut();
        awaited.retain(|slot| self.deadlines.is_taken(*slot));
        !awaited.is_empty()
    }
}

// === impl Found ===

impl Found {
    fn add(&mut self, since: Time, describe: impl FnOnce() -> Connection) {
        self.total += 1;
        if self.oldest.len() >= self.question.max {
            match self.oldest.peek() {
                Some(youngest) if since < youngest.since => drop(self.oldest.pop()),
                _ => return,
            }
        }
        self.oldest.push(Sighting { since, connection: describe() });
    }
}

// === impl Sighting ===

impl Ord for Sighting {
    fn cmp(&self, other: &Self) -> Ordering {
        self.since.cmp(&other.since)
    }
}

impl PartialOrd for Sighting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Sighting {
    fn eq(&self, other: &Self) -> bool {
        self.since == other.since
    }
}

impl Eq for Sighting {}

// === impl Look ===

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Look").field("question", &self.question).finish_non_exhaustive()
    }
}

/// How many connections are woken at once: as many as the worker serves between two looks at its sockets, some tens of
/// microseconds.
const CONNECTIONS_PER_TURN: u32 = 256;

/// How many looks may wait for the one that is going on.
const LOOKS_WAITING_MAX: usize = 16;

#[cfg(test)]
mod tests;
