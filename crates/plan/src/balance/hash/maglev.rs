//! Maglev: a table of entries that belong to endpoints; a key belongs to an entry. Used by `maglev`.

use std::error::Error;
use std::fmt;

use super::stable::{self, mix, scale};
use super::{Node, Rendezvous, STEPS_MAX, in_order};

/// Maglev hashing (Eisenbud et al., NSDI '16, §3.4), with weights as Envoy has them.
///
/// Endpoints of one weight differ by at most one entry, so by at most 1 % if there are a hundred entries for each. Among
/// different weights, a light one may have one entry more than is due, for which the heavy ones pay. If there are more
/// endpoints than entries, those that come late by name get none.
///
/// When the set of endpoints changes, entries of endpoints that stay change hands, too: with 65,537 entries for 1000 endpoints
/// 0.6 % of all if one goes, with 655,373 entries 0.3 %. Where that matters more than even shares, [`super::Ring`] is better.
///
/// An entry takes 4 bytes: 262 kB in the usual size.
#[derive(Clone, Debug)]
pub struct Maglev {
    /// Positions in the cluster. Empty if nobody weighs anything.
    entries: Box<[u32]>,
    /// For when nearly nobody is left.
    all: Rendezvous,
}

impl Maglev {
    /// A table of those of `nodes` that weigh something.
    pub fn new(nodes: &[Node<'_>], size: TableSize) -> Self {
        Self { entries: fill(&in_order(nodes), size.0), all: Rendezvous::new(nodes) }
    }

    /// The owner of the key's entry; if `admits` refuses it that of another one, and so on; `None` if nobody is left.
    ///
    /// Envoy and the paper build a new table without those that cannot be used. That takes milliseconds and moves keys of
    /// others, each time that an endpoint goes or comes back; here no other key moves. The next entry comes out of the key, not
    /// of the refused entry, so that the keys of a refused endpoint spread over all others by weight. After 64 refused entries
    /// all endpoints are asked, and the key goes by [`Rendezvous`].
    pub fn lookup(&self, hash: u64, mut admits: impl FnMut(u32) -> bool) -> Option<u32> {
        // Bounded by the type: a table size has 32 bits.
        let size = self.entries.len() as u32;
        for step in 0..STEPS_MAX {
            let position = *self.entries.get(scale(mix(hash, step), size) as usize)?;
            if admits(position) {
                return Some(position);
            }
        }
        self.all.lookup(hash, admits)
    }
}

/// The entries: everybody in turn takes the first free one of a walk of its own through all of them. Those that weigh less are
/// left out of as many rounds as their weight wants, but not of the first.
fn fill(nodes: &[Node<'_>], size: u32) -> Box<[u32]> {
    let Some(heaviest) = nodes.iter().map(|node| u64::from(node.weight)).max() else {
        return Box::default();
    };
    let mut walks: Vec<Walk> = nodes.iter().map(|node| Walk::new(node, size)).collect();
    let mut entries = vec![None; size as usize];
    let mut free = entries.len();
    // The heaviest takes one in each round, so there are at most as many rounds as entries: 23 bits, and 32 of weight.
    let mut round = 0;
    while free > 0 {
        round += 1;
        let is_due = |walk: &&mut Walk| walk.taken * heaviest <= round * walk.weight;
        for walk in walks.iter_mut().filter(is_due).take(free) {
            *walk.next_free(&mut entries) = Some(walk.position);
            walk.taken += 1;
            free -= 1;
        }
    }
    entries.into_iter().flatten().collect()
}

/// One endpoint's way through all entries.
struct Walk {
    at: u32,
    /// Less than the number of entries, and that is a prime: so the walk comes to every one before it comes back.
    stride: u32,
    size: u32,
    weight: u64,
    taken: u64,
    position: u32,
}

impl Walk {
    fn new(node: &Node<'_>, size: u32) -> Self {
        let seed = stable::hash(node.name.as_bytes());
        Self {
            at: scale(mix(seed, 0), size),
            stride: 1 + scale(mix(seed, 1), size - 1),
            size,
            weight: u64::from(node.weight),
            taken: 0,
            position: node.position,
        }
    }

    /// The first free entry from here on; there must be one.
    fn next_free<'e>(&mut self, entries: &'e mut [Option<u32>]) -> &'e mut Option<u32> {
        while entries[self.at as usize].is_some() {
            // Both are below 2^23.
            self.at = (self.at + self.stride) % self.size;
        }
        &mut entries[self.at as usize]
    }
}

/// How many entries a table has: a prime, [`TableSize::MIN`] to [`TableSize::MAX`]; 65,537 unless it is said otherwise, which
/// is the smaller size of the paper and good for some 650 endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableSize(u32);

impl TableSize {
    /// The smallest.
    pub const MIN: u32 = 2;
    /// The largest, which is Envoy's: 20 MB, and built in a second.
    pub const MAX: u32 = 5_000_011;

    /// A table of `entries` entries.
    ///
    /// # Errors
    /// [`TableSizeError`], which says what would do.
    pub fn new(entries: u32) -> Result<Self, TableSizeError> {
        match entries {
            Self::MIN..=Self::MAX if is_prime(entries) => Ok(Self(entries)),
            Self::MIN..=Self::MAX => {
                Err(TableSizeError::NoPrime { entries, next: next_prime(entries) })
            }
            _ => Err(TableSizeError::OutOfBounds { entries }),
        }
    }

    /// How many entries.
    pub fn entries(self) -> u32 {
        self.0
    }
}

impl Default for TableSize {
    fn default() -> Self {
        Self(65_537)
    }
}

/// Why a table cannot have that size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableSizeError {
    /// With a size that is no prime, some entries could not be reached by everybody.
    NoPrime {
        /// What was asked for.
        entries: u32,
        /// The next larger size that would do.
        next: u32,
    },
    /// It is too small or too large.
    OutOfBounds {
        /// What was asked for.
        entries: u32,
    },
}

impl fmt::Display for TableSizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPrime { entries, next } => {
                write!(
                    f,
                    "a table must have a prime number of entries, and {entries} is none; the next is {next}"
                )
            }
            Self::OutOfBounds { entries } => {
                let (min, max) = (TableSize::MIN, TableSize::MAX);
                write!(f, "a table must have {min} to {max} entries, not {entries}")
            }
        }
    }
}

impl Error for TableSizeError {}

/// Whether `number` is a prime. For table sizes: divides by every number up to the root.
fn is_prime(number: u32) -> bool {
    number >= 2
        && (2..)
            .take_while(|divisor| divisor * divisor <= number)
            .all(|divisor| !number.is_multiple_of(divisor))
}

/// The first prime from `number` on, for a `number` up to [`TableSize::MAX`], which is one.
fn next_prime(number: u32) -> u32 {
    (number..TableSize::MAX).find(|&number| is_prime(number)).unwrap_or(TableSize::MAX)
}

#[cfg(test)]
mod tests;
