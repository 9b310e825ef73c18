//! The long-lived streams of one worker, by the endpoint that they are at. Tunnels and calls of gRPC that last enter; when some of those at
//! an endpoint are to move, the worker's time keeper asks as many as it finds. Each ends itself, at a moment that suits it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_plan::endpoint::Life;
use evenkeel_plan::rebalance::{Kind, Kinds};
use evenkeel_plan::time::Time;
use fastrand::Rng;

use crate::deadline::{Deadline, Deadlines};

/// All long-lived streams of one worker.
#[derive(Debug)]
pub(crate) struct Stays {
    deadlines: Rc<Deadlines>,
    /// By where the endpoint's life lies, which each of the streams there keeps.
    by_endpoint: RefCell<HashMap<*const Life, Vec<Rc<Inner>>>>,
}

/// A long-lived stream, for as long as it is at its endpoint.
#[derive(Debug)]
pub(crate) struct Stay(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    owner: Rc<Stays>,
    life: Arc<Life>,
    kind: Kind,
    since: Time,
    /// Of its deadline, to wake it.
    slot: u32,
    /// Where it is among the others of its endpoint.
    place: Cell<usize>,
    /// When it was asked to move.
    asked: Cell<Option<Time>>,
}

impl Stays {
    /// Of a worker whose connections have `deadlines`.
    pub(crate) fn new(deadlines: Rc<Deadlines>) -> Self {
        Self { deadlines, by_endpoint: RefCell::default() }
    }

    /// A stream has begun at `since`, at the endpoint of this `life`.
    pub(crate) fn enter(
        self: &Rc<Self>,
        kind: Kind,
        life: &Arc<Life>,
        since: Time,
        deadline: &Deadline,
    ) -> Stay {
        let mut by_endpoint = self.by_endpoint.borrow_mut();
        let there = by_endpoint.entry(Arc::as_ptr(life)).or_default();
        let inner = Rc::new(Inner {
            owner: Rc::clone(self),
            life: Arc::clone(life),
            kind,
            since,
            slot: deadline.slot(),
            place: Cell::new(there.len()),
            asked: Cell::default(),
        });
        there.push(Rc::clone(&inner));
        life.vitals.stays.enter(kind);
        Stay(inner)
    }

    /// Asks as many as are to move now, and were not taken by other workers. One look at each endpoint that has any.
    pub(crate) fn ask(&self, now: Time, random: &mut Rng) {
        for there in self.by_endpoint.borrow().values() {
            let Some(stays) = there.first().map(|first| &first.life.vitals.stays) else { continue };
            while let Some((before, kinds)) = stays.wanted() {
                let asked = find(there, (before, kinds), random).filter(|_| stays.take());
                let Some(asked) = asked else { break };
                asked.asked.set(Some(now));
                // From now on it is on its way.
                stays.leave(asked.kind);
                self.deadlines.wake(asked.slot);
            }
        }
    }
}

/// One of those that may move, from a random one on.
fn find<'a>(
    there: &'a [Rc<Inner>],
    (before, kinds): (Time, Kinds),
    random: &mut Rng,
) -> Option<&'a Rc<Inner>> {
    let (late, early) = there.split_at(random.usize(0..there.len()));
    early
        .iter()
        .chain(late)
        .find(|it| it.since < before && kinds.contains(it.kind) && it.asked.get().is_none())
}

impl Stay {
    /// Whether it shall end as soon as that is polite. If there is no such moment for a while, it stays.
    pub(crate) fn is_asked(&self, now: Time) -> bool {
        let Some(asked) = self.0.asked.get() else { return false };
        if now.since(asked) < ASKED_FOR {
            return true;
        }
        self.0.asked.set(None);
        self.0.life.vitals.stays.enter(self.0.kind);
        false
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let Inner { owner, life, kind, place, asked, .. } = &*self.0;
        if asked.get().is_none() {
            life.vitals.stays.leave(*kind);
        }
        let mut by_endpoint = owner.by_endpoint.borrow_mut();
        let key = Arc::as_ptr(life);
        let Some(there) = by_endpoint.get_mut(&key) else { return };
        there.swap_remove(place.get());
        if let Some(moved) = there.get(place.get()) {
            moved.place.set(place.get());
        }
        if there.is_empty() {
            by_endpoint.remove(&key);
        }
    }
}

/// For how long a stream that was asked waits for a moment that suits it.
const ASKED_FOR: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn at(seconds: u64) -> Time {
        Time::START.after(Duration::from_secs(seconds))
    }

    #[test]
    fn as_many_are_asked_as_are_wanted_and_old_enough() {
        let deadlines = Rc::<Deadlines>::default();
        let stays = Rc::new(Stays::new(Rc::clone(&deadlines)));
        let (life, other) = (Life::new(1, &Arc::default()), Life::new(1, &Arc::default()));
        let deadline = deadlines.register(Waker::noop().clone());
        let enter = |kind, life, since| stays.enter(kind, life, at(since), &deadline);
        let mut all: Vec<Stay> = (0..6).map(|since| enter(Kind::WebSocket, &life, since)).collect();
        all.push(enter(Kind::Tcp, &life, 0));
        all.push(enter(Kind::WebSocket, &other, 0));
        let kinds = Kinds::usual();
        let (vitals, mut random) = (&life.vitals.stays, Rng::with_seed(7));
        assert_eq!(vitals.held(kinds), 6);
        let asked = |now| all.iter().map(|stay| stay.is_asked(at(now))).collect::<Vec<_>>();
        stays.ask(at(10), &mut random);
        assert!(!asked(10).contains(&true), "nothing is wanted");
        vitals.want(2, at(3), kinds);
        stays.ask(at(10), &mut random);
        let first = asked(10);
        assert_eq!(first.iter().filter(|asked| **asked).count(), 2);
        assert!(!first[3..].contains(&true), "too young, or of another kind or endpoint");
        assert_eq!((vitals.held(kinds), vitals.withdraw()), (4, 0));
        vitals.want(9, at(3), kinds);
        stays.ask(at(10), &mut random);
        assert_eq!(asked(10), [true, true, true, false, false, false, false, false]);
        assert_eq!((vitals.held(kinds), vitals.withdraw()), (3, 8));
        assert!(!asked(16).contains(&true), "there was no moment for it");
        assert_eq!(vitals.held(kinds), 6);
        drop(all);
        assert_eq!((vitals.held(kinds), other.vitals.stays.held(kinds)), (0, 0));
        assert!(stays.by_endpoint.borrow().is_empty());
    }

    #[test]
    fn who_leaves_takes_nobody_else_along() {
        let deadlines = Rc::<Deadlines>::default();
        let stays = Rc::new(Stays::new(Rc::clone(&deadlines)));
        let life = Life::new(1, &Arc::default());
        let deadline = deadlines.register(Waker::noop().clone());
        let mut all: Vec<Stay> =
            (0..9).map(|_| stays.enter(Kind::Tcp, &life, at(0), &deadline)).collect();
        let mut random = Rng::with_seed(7);
        while !all.is_empty() {
            drop(all.swap_remove(random.usize(0..all.len())));
            let there = stays.by_endpoint.borrow();
            let there = there.values().next().map_or(&[][..], |there| there);
            assert_eq!(there.len(), all.len());
            assert!((0..).zip(there).all(|(place, it)| it.place.get() == place));
        }
    }
}
