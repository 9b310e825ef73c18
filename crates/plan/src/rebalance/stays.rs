//! The long-lived streams of one endpoint, as all workers count them, and how many of them are to move. A part of its vitals: `control` says
//! how many, and whichever worker has one takes it upon itself.

use super::{Kind, Kinds};
use crate::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use crate::time::Time;

/// How many there are of each kind, and what is to move.
#[derive(Debug)]
pub struct Stays {
    held: [AtomicU32; Kind::ALL.len()],
    /// How many are to move.
    wanted: AtomicU32,
    /// They began before this, in nanoseconds since the start.
    before: AtomicU64,
    kinds: AtomicU8,
}

impl Default for Stays {
    fn default() -> Self {
        Self {
            held: std::array::from_fn(|_| AtomicU32::new(0)),
            wanted: AtomicU32::new(0),
            before: AtomicU64::new(0),
            kinds: AtomicU8::new(0),
        }
    }
}

impl Stays {
    /// One more is there.
    pub fn enter(&self, kind: Kind) {
        self.held[kind as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// One is gone, or about to go.
    pub fn leave(&self, kind: Kind) {
        self.held[kind as usize].fetch_sub(1, Ordering::Relaxed);
    }

    /// How many there are of these kinds.
    pub fn held(&self, kinds: Kinds) -> u32 {
        let held = Kind::ALL.into_iter().filter(|kind| kinds.contains(*kind));
        held.map(|kind| self.held[kind as usize].load(Ordering::Relaxed)).sum()
    }

    /// So many of these kinds are to move that began `before`. Called by `control` alone, after [`Stays::withdraw`].
    pub fn want(&self, count: u32, before: Time, kinds: Kinds) {
        self.before.store(before.as_nanos(), Ordering::Relaxed);
        self.kinds.store(kinds.bits(), Ordering::Relaxed);
        self.wanted.store(count, Ordering::Release);
    }

    /// None is to move any more. Returns for how many of those that were nobody was found. Called by `control` alone.
    pub fn withdraw(&self) -> u32 {
        self.wanted.swap(0, Ordering::Relaxed)
    }

    /// Which are to move, if any: those that began before this, of these kinds.
    pub fn wanted(&self) -> Option<(Time, Kinds)> {
        let is_wanted = self.wanted.load(Ordering::Acquire) > 0;
        is_wanted.then(|| {
            let before = Time::from_nanos(self.before.load(Ordering::Relaxed));
            (before, Kinds::from_bits(self.kinds.load(Ordering::Relaxed)))
        })
    }

    /// Takes it upon itself to move one; false if others have moved all.
    pub fn take(&self) -> bool {
        let one_less = |count: u32| count.checked_sub(1);
        self.wanted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_taken_once_and_what_is_withdrawn_by_nobody() {
        let stays = Stays::default();
        assert!(stays.wanted().is_none() && !stays.take());
        let kinds = [Kind::Tcp].into_iter().collect();
        stays.want(3, Time::from_nanos(7), kinds);
        assert_eq!(stays.wanted(), Some((Time::from_nanos(7), kinds)));
        assert!(stays.take());
        assert_eq!(stays.withdraw(), 2);
        assert!(stays.wanted().is_none() && !stays.take());
    }

    #[test]
    fn kinds_are_counted_apart() {
        let stays = Stays::default();
        for kind in [Kind::WebSocket, Kind::WebSocket, Kind::Tcp] {
            stays.enter(kind);
        }
        stays.leave(Kind::WebSocket);
        assert_eq!((stays.held(Kinds::usual()), stays.held(Kinds::all())), (1, 2));
    }
}
