//! How many connections each client has: a table of fixed size, shared by all workers, without a lock.
//!
//! An entry is one word: how many there are, below 32 bits of the client's key. Eight entries are a set, as in [`crate::rate`].
//! Two workers may each give a new client an entry; so whoever has counted a connection adds up all entries of its client
//! before it counts as admitted. Of those who come at the same moment, the last sees all others, so that there are never more than
//! may be; at the very edge, two may both be refused of which one could have been admitted.

use crate::atomic::{AtomicU64, Ordering, fence};
use std::sync::Arc;

/// Counts the connections of so many clients at a time, 8 bytes for each.
#[derive(Debug)]
pub struct Crowd {
    sets: Box<[Set]>,
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Set([AtomicU64; WAYS]);

/// What becomes of one who comes.
#[derive(Debug)]
pub enum Entered {
    /// Is counted for as long as this is kept.
    Counted(Presence),
    /// Comes in without being counted: eight other clients have the entries that it could have.
    Uncounted,
    /// There are too many already.
    Refused,
}

/// One connection's place in the count of its client.
#[derive(Debug)]
pub struct Presence {
    crowd: Arc<Crowd>,
    set: usize,
    way: usize,
}

impl Crowd {
    /// A table with room for `clients`, rounded up to a power of two; at least 8.
    pub fn new(clients: u32) -> Self {
        let sets = clients.max(WAYS as u32).next_power_of_two() as usize / WAYS;
        Self { sets: (0..sets).map(|_| Set::default()).collect() }
    }

    /// Counts one more of the client `key`, of whom there may be `max`. `key` has to be as random as a hash, by a secret that no
    /// client knows. Allocates nothing.
    pub fn enter(self: &Arc<Self>, key: u64, max: u32) -> Entered {
        let print = (key | PRINT_SET) & PRINT_MASK;
        // There is a power of two of them, at least one.
        let number = (key & COUNT_MASK) as usize & (self.sets.len() - 1);
        let set = &self.sets[number];
        if set.count(print) >= u64::from(max) {
            return Entered::Refused;
        }
        let Some(way) = set.add(print) else { return Entered::Uncounted };
        // Counted down again when it is dropped.
        let presence = Presence { crowd: Arc::clone(self), set: number, way };
        // Of two who have both counted themselves, the one whose fence comes later sees the other.
        fence(Ordering::SeqCst);
        if set.count(print) > u64::from(max) {
            return Entered::Refused;
        }
        Entered::Counted(presence)
    }
}

impl Set {
    /// How many there are of a client.
    fn count(&self, print: u64) -> u64 {
        let words = self.0.iter().map(|word| word.load(Ordering::Relaxed));
        words.filter(|word| word & PRINT_MASK == print).map(|word| word & COUNT_MASK).sum()
    }

    /// Adds one to a client's entry, or to a free one; `None` if there is neither.
    fn add(&self, print: u64) -> Option<usize> {
        loop {
            let mut free = None;
            let mut own = None;
            for (way, place) in self.0.iter().enumerate() {
                let word = place.load(Ordering::Relaxed);
                if word & PRINT_MASK == print {
                    own = own.or(Some((way, word)));
                } else if word == 0 {
                    free = free.or(Some((way, word)));
                }
            }
            let (way, word) = own.or(free)?;
            let next = print | ((word & COUNT_MASK) + 1);
            let order = Ordering::Relaxed;
            if self.0[way].compare_exchange(word, next, order, order).is_ok() {
                return Some(way);
            }
        }
    }

    fn subtract(&self, way: usize) {
        let less = |word: u64| match word & COUNT_MASK {
            0 | 1 => Some(0),
            _ => Some(word - 1),
        };
        // Always changes something.
        let _ = self.0[way].fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.crowd.sets[self.set].subtract(self.way);
    }
}

const WAYS: usize = 8;

/// More connections of one client than a machine can have.
const COUNT_MASK: u64 = (1 << 32) - 1;

const PRINT_MASK: u64 = !COUNT_MASK;

/// Set in every key, so that no entry is nothing.
const PRINT_SET: u64 = 1 << 63;

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(crowd: &Arc<Crowd>, key: u64, max: u32) -> Option<Presence> {
        match crowd.enter(key, max) {
            Entered::Counted(presence) => Some(presence),
            Entered::Refused => None,
            Entered::Uncounted => panic!("no entry is free"),
        }
    }

    #[test]
    fn a_client_has_no_more_than_it_may_until_one_ends() {
        let crowd = Arc::new(Crowd::new(64));
        let mut held: Vec<_> = (0..3).map(|_| enter(&crowd, 7, 3).unwrap()).collect();
        assert!(enter(&crowd, 7, 3).is_none());
        assert!(enter(&crowd, 7, 4).is_some(), "it has gone again");
        assert!(enter(&crowd, 8, 3).is_some());
        held.pop();
        held.push(enter(&crowd, 7, 3).unwrap());
        assert!(enter(&crowd, 7, 3).is_none());
        drop(held);
        assert!(crowd.sets.iter().flat_map(|set| &set.0).all(|it| it.load(Ordering::SeqCst) == 0));
    }

    #[test]
    fn who_finds_no_entry_comes_in_uncounted() {
        let crowd = Arc::new(Crowd::new(8));
        let _held: Vec<_> = (1..=8).map(|client| enter(&crowd, client << 32, 1)).collect();
        assert!(matches!(crowd.enter(9 << 32, 1), Entered::Uncounted));
        assert!(matches!(crowd.enter(3 << 32, 1), Entered::Refused));
    }

    #[test]
    fn however_many_come_at_once_there_are_never_too_many() {
        let crowd = Arc::new(Crowd::new(8));
        let open = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for worker in 0..4_u64 {
                let (crowd, open) = (&crowd, &open);
                scope.spawn(move || {
                    for round in 0..20_000 {
                        // Another client makes entries come and go.
                        let other = enter(crowd, (1 + worker + round % 2) << 32, 100);
                        if let Some(presence) = enter(crowd, 9 << 32, 2) {
                            assert!(open.fetch_add(1, Ordering::SeqCst) < 2);
                            open.fetch_sub(1, Ordering::SeqCst);
                            drop(presence);
                        }
                        drop(other);
                    }
                });
            }
        });
        assert!(crowd.sets[0].0.iter().all(|it| it.load(Ordering::SeqCst) == 0));
    }
}
