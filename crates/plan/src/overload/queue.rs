//! Who waits for room at an endpoint, and in which order they are called. Pure; one for each [`Room`](super::Room).
//!
//! The important come first. Among equals the oldest does, unless the queue is outgrown: then the newest does (adaptive LIFO; Maurer,
//! Fail at Scale, 2015): under lasting overload somebody has to wait in vain, and it had better be those who have waited for so long
//! that their clients may have given up. It is outgrown when it has not been empty for a tenth of the longest wait, as CoDel tells a lasting
//! queue from a passing one, and more came in that time than got in.

use std::collections::VecDeque;

mod flow;

use self::flow::Flow;
use super::{Importance, Limits};
use crate::time::Time;

/// Who waits. `T` is how somebody is told that it is their turn.
#[derive(Debug)]
pub struct Queue<T> {
    /// By importance, each in the order in which they came.
    classes: [VecDeque<Entry<T>>; Importance::COUNT],
    /// The number of the next ticket.
    next: u64,
    /// Who came and got in, since somebody waits without a break.
    flow: Option<Flow>,
}

/// Somebody's place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    importance: Importance,
    number: u64,
}

#[derive(Debug)]
struct Entry<T> {
    number: u64,
    /// Whether it is to look for room now.
    called: bool,
    /// Whether it cannot go wherever there is room: its route names a part of the endpoints.
    particular: bool,
    waker: T,
}

/// What becomes of one who comes.
#[derive(Debug, PartialEq, Eq)]
pub enum Entered<T> {
    /// It waits.
    Waits(Ticket),
    /// It waits, and the one whom this wakes is refused in its place.
    Instead(Ticket, T),
    /// There is no room to wait in.
    Refused,
}

/// How it stands with one who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It goes on waiting.
    Waiting,
    /// It is to look for room, and will not be told so again until somebody calls.
    Called,
    /// Another one waits in its place.
    Displaced,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { classes: Default::default(), next: 0, flow: None }
    }
}

impl<T> Queue<T> {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.classes.iter().map(VecDeque::len).sum()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.classes.iter().all(VecDeque::is_empty)
    }

    /// Somebody comes, who is woken by `waker`; one who is `particular` cannot go to every endpoint. Where as many wait as may, the one
    /// that would be the last to be called is refused, which may be who comes.
    pub fn enter(
        &mut self,
        (importance, particular): (Importance, bool),
        limits: &Limits,
        now: Time,
        waker: T,
    ) -> Entered<T> {
        self.flow.get_or_insert_with(|| Flow::new(now)).come(now, limits.patience());
        let full = self.len() >= usize::try_from(limits.pending).unwrap_or(usize::MAX);
        if full && !self.has_worse_than(importance) {
            self.rest();
            return Entered::Refused;
        }
        let displaced = if full { self.drop_last() } else { None };
        let number = self.next;
        self.next += 1;
        let ticket = Ticket { importance, number };
        // Who waits for a part of the endpoints holds up nobody who would go to another.
        let called = self.is_next(importance) || self.has_particular();
        let entry = Entry { number, called, particular, waker };
        self.classes[importance as usize].push_back(entry);
        displaced.map_or(Entered::Waits(ticket), |waker| Entered::Instead(ticket, waker))
    }

    /// How it stands with one who waits. If it was called, that is over: it looks for room now.
    pub fn look(&mut self, ticket: Ticket) -> Standing {
        let was_called = self.entry(ticket).map(|entry| std::mem::take(&mut entry.called));
        match was_called {
            None => Standing::Displaced,
            Some(true) => Standing::Called,
            Some(false) => Standing::Waiting,
        }
    }

    /// How one who waits is woken from now on.
    pub fn wake_by(&mut self, ticket: Ticket, waker: T) {
        if let Some(entry) = self.entry(ticket) {
            entry.waker = waker;
        }
    }

    /// It waits no longer, as it has got in; otherwise as [`Queue::leave`].
    pub fn admit(&mut self, ticket: Ticket) -> bool {
        self.flow.iter_mut().for_each(Flow::admit);
        self.leave(ticket)
    }

    /// It waits no longer. Returns whether it was called and has not looked: then the call is another one's.
    pub fn leave(&mut self, ticket: Ticket) -> bool {
        let class = &mut self.classes[ticket.importance as usize];
        let place = class.binary_search_by_key(&ticket.number, |entry| entry.number);
        let left = place.ok().and_then(|place| class.remove(place));
        self.rest();
        left.is_some_and(|entry| entry.called)
    }

    /// Calls the next who has not been: there may be room.
    pub fn call(&mut self) -> Option<&T> {
        self.call_where(|_, _| true)
    }

    /// Calls the next after one who found no room: where that one may not go, another may.
    pub fn call_after(&mut self, ticket: Ticket) -> Option<&T> {
        let newest_first = self.newest_first();
        self.call_where(|importance, entry| {
            let later = if newest_first { entry < ticket.number } else { entry > ticket.number };
            importance > ticket.importance || importance == ticket.importance && later
        })
    }

    /// Calls everybody: the limits are others now.
    pub fn call_all(&mut self) -> impl Iterator<Item = &T> {
        self.classes.iter_mut().flatten().map(|entry| {
            entry.called = true;
            &entry.waker
        })
    }

    /// Whether one who is particular waits.
    fn has_particular(&self) -> bool {
        self.classes.iter().flatten().any(|entry| entry.particular)
    }

    fn call_where(&mut self, may: impl Fn(Importance, u64) -> bool) -> Option<&T> {
        let newest_first = self.newest_first();
        let order = [Importance::High, Importance::Normal, Importance::Low];
        for (importance, class) in order.into_iter().zip(&mut self.classes) {
            let is_next = |entry: &&mut Entry<T>| !entry.called && may(importance, entry.number);
            let found = if newest_first {
                class.iter_mut().rev().find(is_next)
            } else {
                class.iter_mut().find(is_next)
            };
            if let Some(entry) = found {
                entry.called = true;
                return Some(&entry.waker);
            }
        }
        None
    }

    /// Whether one who comes now is the first to be called.
    fn is_next(&self, importance: Importance) -> bool {
        let place = importance as usize;
        let before = self.classes[..place].iter().all(VecDeque::is_empty);
        before && (self.newest_first() || self.classes[place].is_empty())
    }

    /// Whether somebody would be called later than one of this importance who comes now.
    fn has_worse_than(&self, importance: Importance) -> bool {
        let place = importance as usize;
        let below = self.classes[place + 1..].iter().any(|class| !class.is_empty());
        below || self.newest_first() && !self.classes[place].is_empty()
    }

    /// Takes away the one that would be the last to be called.
    fn drop_last(&mut self) -> Option<T> {
        let newest_first = self.newest_first();
        let class = self.classes.iter_mut().rev().find(|class| !class.is_empty())?;
        let last = if newest_first { class.pop_front() } else { class.pop_back() };
        last.map(|entry| entry.waker)
    }

    fn entry(&mut self, ticket: Ticket) -> Option<&mut Entry<T>> {
        let class = &mut self.classes[ticket.importance as usize];
        let place = class.binary_search_by_key(&ticket.number, |entry| entry.number).ok()?;
        class.get_mut(place)
    }

    /// Whether it is outgrown.
    fn newest_first(&self) -> bool {
        self.flow.as_ref().is_some_and(Flow::grows)
    }

    /// An empty queue is not outgrown.
    fn rest(&mut self) {
        if self.is_empty() {
            self.flow = None;
        }
    }
}

#[cfg(test)]
mod tests;
