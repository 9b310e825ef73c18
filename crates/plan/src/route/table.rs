//! A hash table whose keys never change. `router` looks hosts up in it, and `paths` paths.
//!
//! All of it lies in two pieces of memory, where a map of the standard library has one for each key: what a look-up costs with ten
//! thousand routes is how often it has to wait for memory.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::fast::RandomState;

/// Values by owner and key.
#[derive(Debug)]
pub(super) struct Table {
    /// A power of two of them, or none; some are always vacant.
    slots: Box<[Slot]>,
    /// The keys, each once.
    bytes: Box<[u8]>,
    state: RandomState,
}

/// 16 bytes, so that four fit in a cache line.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// Where the key is.
    start: u32,
    length: u16,
    /// A part of the hash: keys with another one need not be compared.
    tag: u16,
    owner: u32,
    value: u32,
}

/// Whom a key belongs to: two owners may have the same key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    pub(super) number: u32,
    /// Decides, with the key, where to look. Made from what the owner was found by, and not from what was found there: so the
    /// processor need not wait for the one in order to fetch the other.
    seed: u64,
}

impl Owner {
    /// The owner where there is only one.
    pub(super) const NOBODY: Self = Self { number: 0, seed: 0 };
}

/// What is in a table: owner, key and value.
pub(super) type Entry<'k> = (Owner, &'k str, u32);

impl Table {
    /// Of entries with the same owner and key the first counts. Keys of more than 65,535 bytes are never found.
    pub(super) fn new(entries: &[Entry<'_>]) -> Self {
        let room = match entries.len() {
            0 => 0,
            // Fuller, and look-ups of what is not there become long.
            count => (count * 3 / 2 + 1).next_power_of_two(),
        };
        let mut table = Self {
            slots: vec![Slot::VACANT; room].into(),
            bytes: Box::default(),
            state: RandomState::default(),
        };
        let mut bytes = Vec::new();
        let mut starts: HashMap<&str, usize> = HashMap::new();
        for &(owner, key, value) in entries {
            let start = *starts.entry(key).or_insert_with(|| {
                bytes.extend_from_slice(key.as_bytes());
                bytes.len() - key.len()
            });
            // A config has a bound far below.
            let (Ok(start), Ok(length)) = (u32::try_from(start), u16::try_from(key.len())) else {
                continue;
            };
            let (home, tag) = table.home(table.hash(owner, key.as_bytes()));
            table.insert(home, Slot { start, length, tag, owner: owner.number, value });
        }
        table.bytes = bytes.into();
        table
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The value of `key`.
    pub(super) fn find(&self, owner: Owner, key: &[u8]) -> Option<u32> {
        if self.is_empty() { None } else { self.find_at(self.hash(owner, key), owner, key) }
    }

    /// The owner, in another table, whose number is the value of `key`, which belongs to nobody.
    pub(super) fn find_owner(&self, key: &[u8]) -> Option<Owner> {
        if self.is_empty() {
            return None;
        }
        let seed = self.hash(Owner::NOBODY, key);
        let number = self.find_at(seed, Owner::NOBODY, key)?;
        Some(Owner { number, seed })
    }

    fn find_at(&self, hash: u64, owner: Owner, key: &[u8]) -> Option<u32> {
        let (mut at, tag) = self.home(hash);
        loop {
            let slot = self.slots.get(at)?;
            if slot.is_vacant() {
                return None;
            }
            if (slot.tag, slot.owner) == (tag, owner.number) && self.key_of(slot) == key {
                return Some(slot.value);
            }
            at = self.after(at);
        }
    }

    /// Takes the first vacant slot, unless the key is there.
    fn insert(&mut self, home: usize, new: Slot) {
        let key = |slot: &Slot| (slot.start, slot.length, slot.owner);
        let mut at = home;
        while let Some(slot) = self.slots.get_mut(at) {
            if slot.is_vacant() {
                *slot = new;
                return;
            }
            // The same bytes are in the same place.
            if key(slot) == key(&new) {
                return;
            }
            at = self.after(at);
        }
    }

    /// The slot at which a key would be if it had no neighbours, and its tag.
    fn home(&self, hash: u64) -> (usize, u16) {
        (hash as usize & self.slots.len().wrapping_sub(1), (hash >> 48) as u16)
    }

    fn hash(&self, owner: Owner, key: &[u8]) -> u64 {
        let mut hasher = self.state.build_hasher();
        hasher.write_u64(owner.seed);
        hasher.write(key);
        hasher.finish()
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.slots.len() - 1)
    }

    fn key_of(&self, slot: &Slot) -> &[u8] {
        let start = slot.start as usize;
        &self.bytes[start..start + usize::from(slot.length)]
    }
}

impl Slot {
    const VACANT: Self = Self { start: 0, length: 0, tag: 0, owner: 0, value: u32::MAX };

    fn is_vacant(&self) -> bool {
        self.value == u32::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(number: u32) -> Owner {
        Owner { number, seed: u64::from(number) }
    }

    #[test]
    fn every_key_is_found_under_its_owner_and_no_other_is() {
        let keys: Vec<String> = (0..1000).map(|number| format!("key-{number}")).collect();
        for count in [0, 1, 2, 3, 10, 1000] {
            let own = |by: u32| {
                let numbered = (0..).zip(&keys[..count]);
                numbered.map(move |(value, key)| (owner(by), key.as_str(), value + by))
            };
            let table = Table::new(&own(0).chain(own(7)).collect::<Vec<_>>());
            for (number, key) in (0..).zip(&keys) {
                let expected = |by: u32| ((number as usize) < count).then_some(number + by);
                let found = |by: u32| table.find(owner(by), key.as_bytes());
                assert_eq!(found(0), expected(0), "{key} of {count}");
                assert_eq!(found(7), expected(7), "{key} of {count}");
                assert_eq!(found(1), None, "{key} of {count}");
            }
            assert_eq!(table.find(owner(0), b""), None);
        }
    }

    #[test]
    fn owners_whose_seeds_are_the_same_are_told_apart() {
        let twins = [1, 2, 3].map(|number| Owner { number, seed: 5 });
        let table = Table::new(&[(twins[0], "a", 10), (twins[1], "a", 20)]);
        assert_eq!(twins.map(|twin| table.find(twin, b"a")), [Some(10), Some(20), None]);
    }

    #[test]
    fn of_equal_keys_the_first_counts_and_the_empty_one_is_a_key() {
        let entries = [(0, "a", 1), (0, "", 2), (0, "a", 3), (1, "", 4)];
        let table = Table::new(&entries.map(|(by, key, value)| (owner(by), key, value)));
        let asked = [(0, "a"), (0, ""), (1, ""), (1, "a")];
        let found = asked.map(|(by, key)| table.find(owner(by), key.as_bytes()));
        assert_eq!(found, [Some(1), Some(2), Some(4), None]);
    }

    #[test]
    fn four_slots_fit_in_a_cache_line() {
        assert_eq!(size_of::<Slot>(), 16);
    }
}
