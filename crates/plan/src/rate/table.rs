//! Who came how often: a table of fixed size, shared by all workers, without a lock.
//!
//! An entry is one word: the theoretical arrival time of a key in microseconds, above 16 bits of the key. Eight entries that lie in
//! one cache line are a set, and the rest of the key says which set it is in. So all of an entry changes at once.
//!
//! **A key has one entry.** Two workers that see the same new key at the same moment must not each give it an entry, for then it
//! would have two bursts. Both take the place of the least word of the set, the first of several; a word only ever grows when it
//! changes (a new entry starts above the one that it replaces), but for the moment after a quota has changed; and it is replaced
//! by compare-and-swap. Say that one worker took place *i* because it saw *v(i)* ≤ *a(j)*, and another place *j* because it saw
//! *v(j)* ≤ *b(i)*, and neither saw the other's entry. What either saw in the other's place is older than what was replaced there,
//! so *a(j)* ≤ *v(j)* and *b(i)* ≤ *v(i)*: all four are equal, and then both would have taken the first of *i* and *j*.
//!
//! **When there are more keys than entries**, the key that owes least loses its entry: what has expired first, and of the others
//! the one that was limited least. The new entry starts where the old one stood. So who is forgotten is let through once when he
//! comes again, not for a burst; and he is forgotten only if somebody new comes while seven others in his set owe at least as
//! much as he does. Nobody's first request is refused because of others; who came in the place of another may be refused from
//! his second one on, until that other's debt is paid.

use super::{Quota, Verdict};
use crate::atomic::{AtomicU64, Ordering};
use crate::time::Time;

/// Remembers the theoretical arrival times of so many keys, 8 bytes for each.
///
/// Shared by all workers of this process. A limit that several balancers share would keep its table in each of them, so that
/// asking stays local; what the others have let through would be charged here as it is heard of, by [`RateTable::take`] with
/// that cost, whatever it says.
#[derive(Debug)]
pub struct RateTable {
    sets: Box<[Set]>,
}

/// The entries that a key may have: one cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Set([AtomicU64; WAYS]);

/// Where a key's entry is, or would be, and what stood there.
struct Found {
    way: usize,
    word: u64,
    is_own: bool,
}

impl RateTable {
    /// A table with room for `entries` keys, rounded up to a power of two; 8 at least and [`Self::ENTRIES_MAX`] at most.
    pub fn new(entries: u32) -> Self {
        let sets = Self::room(entries) / WAYS;
        Self { sets: (0..sets).map(|_| Set::default()).collect() }
    }

    /// How many keys a table has room for that was made for `entries`.
    pub fn room(entries: u32) -> usize {
        entries.clamp(Self::ENTRIES_MIN, Self::ENTRIES_MAX).next_power_of_two() as usize
    }

    /// The smallest table: one set.
    pub const ENTRIES_MIN: u32 = WAYS as u32;

    /// The largest table: 128 MiB.
    pub const ENTRIES_MAX: u32 = 1 << 24;

    /// The size of an entry, in bytes.
    pub const ENTRY_BYTES: usize = size_of::<AtomicU64>();

    /// How many keys it has room for.
    pub fn entries(&self) -> usize {
        self.sets.len() * WAYS
    }

    /// Asks whether what costs `cost` may happen for `key`, and counts it if so. `key` has to be as random as a hash, by a secret
    /// that no client knows. Takes no lock, and allocates nothing.
    ///
    /// Over any time there are no more than `quota` allows, whoever asks and however many at once, unless the key was forgotten in
    /// between; see the module. In nine years of running the clock of the table ends, and then everything may happen.
    pub fn take(&self, quota: Quota, key: u64, now: Time, cost: u32) -> Verdict {
        let now = micros(now);
        let (set, print) = self.place(key);
        loop {
            let found = set.find(print);
            let place = tat_of(found.word);
            // Whoever is new owes nothing.
            let tat = if found.is_own { place } else { 0 };
            let tat = within(quota, tat, now);
            let (mut verdict, mut after) = quota.judge(tat, now, cost);
            if verdict.allowed && !found.is_own && place >= after {
                after = within(quota, place, now) + 1;
                verdict = Verdict { allowed: true, ..quota.judge(after, now, 0).0 };
            }
            // A refusal changes nothing, unless the quota has, under which so much could be owed.
            let is_changed = verdict.allowed || found.is_own && tat < place;
            if !is_changed || cost == 0 || after > TAT_MAX || set.swap(&found, after, print) {
                return verdict;
            }
        }
    }

    /// What [`Self::take`] would say. Counts nothing.
    pub fn look(&self, quota: Quota, key: u64, now: Time, cost: u32) -> Verdict {
        let now = micros(now);
        let (set, print) = self.place(key);
        let found = set.find(print);
        let tat = if found.is_own { within(quota, tat_of(found.word), now) } else { 0 };
        quota.judge(tat, now, cost).0
    }

    /// The set of a key, and the bits of it that are in its entry.
    fn place(&self, key: u64) -> (&Set, u64) {
        // There is a power of two of them, at least one.
        let number = (key >> PRINT_BITS) as usize & (self.sets.len() - 1);
        (&self.sets[number], key & PRINT_MASK)
    }
}

impl Set {
    /// The entry of a key, or the place of the one that owes least.
    fn find(&self, print: u64) -> Found {
        let mut least = Found { way: 0, word: u64::MAX, is_own: false };
        for (way, place) in self.0.iter().enumerate() {
            let word = place.load(Ordering::Relaxed);
            if word != 0 && word & PRINT_MASK == print {
                return Found { way, word, is_own: true };
            }
            if word < least.word {
                least = Found { way, word, is_own: false };
            }
        }
        least
    }

    /// Puts an entry in place of the one that was found; false if that is another one by now.
    fn swap(&self, found: &Found, tat: u64, print: u64) -> bool {
        let word = tat << PRINT_BITS | print;
        // A word says all that there is to know, so no order with other memory is needed.
        let swapped = self.0[found.way].compare_exchange(
            found.word,
            word,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        swapped.is_ok()
    }
}

fn tat_of(word: u64) -> u64 {
    word >> PRINT_BITS
}

/// A theoretical arrival time that `quota` could have led to: another one was in force when this was written. The clocks of
/// two workers differ by less than the slack.
fn within(quota: Quota, tat: u64, now: u64) -> u64 {
    let latest = now.saturating_add(quota.depth());
    if tat > latest.saturating_add(SLACK) { latest } else { tat }
}

/// One more than the microseconds since the start, so that no entry is nothing.
fn micros(now: Time) -> u64 {
    now.as_nanos() / 1000 + 1
}

/// How many entries a set has.
const WAYS: usize = 8;

/// How many bits of a key are in its entry. In a set full of others, one new key in 8192 is taken for one of them.
const PRINT_BITS: u32 = 16;

const PRINT_MASK: u64 = (1 << PRINT_BITS) - 1;

/// In microseconds: 8.9 years.
const TAT_MAX: u64 = u64::MAX >> PRINT_BITS;

/// In microseconds.
const SLACK: u64 = 1_000_000;

#[cfg(test)]
mod tests;
