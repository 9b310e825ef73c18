//! Algorithms by hash: the same key goes to the same endpoint. One rule for all tables; requests without a key go anywhere.

use std::fmt::Debug;

use fastrand::Rng;

use super::hash::{Maglev, Rendezvous, Ring, bounded, stable};
use super::{Balance, Candidates, Memory};

/// A table that finds the endpoint of a hash.
pub(super) trait Table: Debug + Send + Sync {
    /// The position of the first endpoint for `hash` that `admits` lets through.
    fn lookup(&self, hash: u64, admits: impl FnMut(u32) -> bool) -> Option<u32>;
}

#[derive(Debug)]
pub(super) struct Hashing<T> {
    pub(super) table: T,
    /// How much more than its share an endpoint may have in flight; `None` for any.
    pub(super) bounded_load: Option<f64>,
}

impl<T: Table> Balance for Hashing<T> {
    fn pick(&self, _memory: &mut Memory, candidates: &Candidates<'_>) -> Option<usize> {
        let Some(key) = candidates.request.key else {
            return candidates.draw(&mut Rng::with_seed(candidates.request.random));
        };
        let below = self.bounded_load.and_then(|factor| {
            let bound = Bound::new(factor, candidates);
            find(&self.table, key, candidates, |member| bound.has_room(candidates, member))
        });
        // Some may be above it all the same: workers count past each other, and what began before it was bounded is not in the sum.
        below.or_else(|| find(&self.table, key, candidates, |_| true))
    }
}

/// The member that a key leads to, among those that `has_room` lets through. Of the levels that share the work the key has one.
pub(super) fn find(
    table: &impl Table,
    key: u64,
    candidates: &Candidates<'_>,
    has_room: impl Fn(usize) -> bool,
) -> Option<usize> {
    let level = candidates.roster.level_of(|| stable::mix(key, LEVEL));
    let member = |position: u32| candidates.roster.member_at(position);
    let fits = |position: u32| {
        member(position).filter(|&member| candidates.admits(member) && has_room(member))
    };
    // Who is warming up takes the keys of its share, and always the same.
    let is_warm = |member: usize, position: u32| {
        let warmth = candidates.warmth(member);
        let name = || stable::hash(candidates.name(position).as_bytes());
        warmth >= 1.0 || stable::fraction(stable::mix(key, name())) < warmth
    };
    let at_level = |member: usize| level.is_none() || candidates.level(member) == level;
    let best = table.lookup(key, |position| {
        fits(position).is_some_and(|member| at_level(member) && is_warm(member, position))
    });
    let found = best.or_else(|| table.lookup(key, |position| fits(position).is_some()));
    found.and_then(member)
}

/// How much any endpoint may have in flight (Mirrokni, Thorup and Zadimoghaddam 2016).
struct Bound {
    factor: f64,
    in_flight: u32,
    weights: u64,
}

impl Bound {
    fn new(factor: f64, candidates: &Candidates<'_>) -> Self {
        let first = candidates.request.endpoints.first();
        let in_flight = first.map_or(0, |first| first.life.vitals.cluster().in_flight());
        Self { factor, in_flight, weights: candidates.roster.weights() }
    }

    fn has_room(&self, candidates: &Candidates<'_>, member: usize) -> bool {
        let weight = candidates.weight(member);
        let weight = u32::try_from(weight).unwrap_or(u32::MAX);
        let cap = bounded::cap(self.factor, self.in_flight, weight, self.weights);
        candidates.vitals(member).in_flight() < cap
    }
}

/// Sets the hash that chooses a level apart from those that choose an endpoint.
const LEVEL: u64 = u64::MAX;

impl Table for Ring {
    fn lookup(&self, hash: u64, admits: impl FnMut(u32) -> bool) -> Option<u32> {
        self.lookup(hash, admits)
    }
}

impl Table for Maglev {
    fn lookup(&self, hash: u64, admits: impl FnMut(u32) -> bool) -> Option<u32> {
        self.lookup(hash, admits)
    }
}

impl Table for Rendezvous {
    fn lookup(&self, hash: u64, admits: impl FnMut(u32) -> bool) -> Option<u32> {
        self.lookup(hash, admits)
    }
}
