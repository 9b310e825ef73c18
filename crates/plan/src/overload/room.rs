//! Where requests wait for an endpoint that is not full, over all workers: those of a cluster, and in a room of its own those of an endpoint's
//! sessions. Part of the vitals of either.
//!
//! There is a lock, which is taken only where somebody waits or has to: so one order holds over all workers, whichever of them has the room
//! that the next one gets. Where nobody waits, the end of an attempt costs one load.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use super::{Entered, Importance, Limits, Queue, Standing, Ticket};
use crate::atomic::{AtomicU32, Ordering};
use crate::counters::{Counter, Histogram};
use crate::time::Time;

/// Where requests wait: those of a cluster, or those of an endpoint's sessions.
#[derive(Debug, Default)]
pub struct Room {
    /// How many do; written under the lock.
    waiting: AtomicU32,
    queue: Mutex<Queue<Waker>>,
    /// Whom there was no room for to wait in. This and what follows is written under the lock.
    pub overloaded: Counter,
    /// Who waited in vain.
    pub timed_out: Counter,
    /// How long those waited who were admitted.
    pub waits: Histogram,
}

impl Room {
    /// How many wait.
    pub fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::SeqCst)
    }

    /// Begins to wait: see [`Queue::enter`]. `None` if there is no room for that.
    pub fn enter(
        &self,
        who: (Importance, bool),
        limits: &Limits,
        now: Time,
        waker: Waker,
    ) -> Option<Ticket> {
        let mut queue = self.lock();
        let entered = queue.enter(who, limits, now, waker);
        self.count(&queue);
        let (ticket, displaced) = match entered {
            Entered::Waits(ticket) => (Some(ticket), None),
            Entered::Instead(ticket, displaced) => (Some(ticket), Some(displaced)),
            Entered::Refused => (None, None),
        };
        self.overloaded.add(u64::from(ticket.is_none() || displaced.is_some()));
        drop(queue);
        if let Some(displaced) = displaced {
            displaced.wake();
        }
        ticket
    }

    /// How it stands with one who waits, and is woken by `waker` from now on: see [`Queue::look`].
    pub fn look(&self, ticket: Ticket, waker: &Waker) -> Standing {
        let mut queue = self.lock();
        queue.wake_by(ticket, waker.clone());
        queue.look(ticket)
    }

    /// Waits no longer, having got in after so long.
    pub fn admit(&self, ticket: Ticket, after: Duration) {
        self.leave(ticket, Queue::admit, || self.waits.observe(after));
    }

    /// Waits no longer, having waited for as long as it may.
    pub fn time_out(&self, ticket: Ticket) {
        self.leave(ticket, Queue::leave, || self.timed_out.add(1));
    }

    /// Waits no longer, for another reason: its client has left, say.
    pub fn give_up(&self, ticket: Ticket) {
        self.leave(ticket, Queue::leave, || {});
    }

    /// There may be room for so many: they are called in their order. Said with 1 whenever an attempt ends.
    #[inline]
    pub fn call_some(&self, count: u32) {
        for _ in 0..count.min(self.waiting()) {
            self.wake(Queue::call);
        }
    }

    /// One who is particular found no room: another may.
    pub fn call_after(&self, ticket: Ticket) {
        self.wake(|queue| queue.call_after(ticket));
    }

    /// The limits are others now: everybody looks.
    pub fn call_all(&self) {
        if self.waiting() > 0 {
            let wakers: Vec<Waker> = self.lock().call_all().cloned().collect();
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    #[cold]
    fn wake(&self, whom: impl FnOnce(&mut Queue<Waker>) -> Option<&Waker>) {
        // Not under the lock: whoever is woken wants it.
        let waker = whom(&mut self.lock()).cloned();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Somebody waits no longer; `note` writes down why. If it was called just then, the next one is.
    fn leave(
        &self,
        ticket: Ticket,
        take_out: impl FnOnce(&mut Queue<Waker>, Ticket) -> bool,
        note: impl FnOnce(),
    ) {
        let mut queue = self.lock();
        let next = if take_out(&mut queue, ticket) { queue.call().cloned() } else { None };
        self.count(&queue);
        note();
        drop(queue);
        if let Some(next) = next {
            next.wake();
        }
    }

    fn count(&self, queue: &Queue<Waker>) {
        self.waiting.store(u32::try_from(queue.len()).unwrap_or(u32::MAX), Ordering::SeqCst);
    }

    /// Nothing that is done under the lock panics halfway.
    fn lock(&self) -> MutexGuard<'_, Queue<Waker>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
