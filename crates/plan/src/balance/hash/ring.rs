//! The ring: every endpoint has many points on a circle of hashes, and a key belongs to the next point. Used by `ring-hash`.

use super::stable::{self, mix};
use super::{Node, Rendezvous, STEPS_MAX, in_order};

/// Consistent hashing (Karger et al., STOC '97).
///
/// An endpoint of middling weight (the median) has `vnodes` points, the others in proportion, at least one. It is the median
/// because it mostly stays what it is when an endpoint comes or goes; then no point of another endpoint moves, and no key but
/// those that belong or will belong to that endpoint. With n points, shares have a standard deviation of 1/√n of what is due.
///
/// A point takes 8 bytes, and less than one more for the index: 13 MB for 10,000 endpoints with 160 points each.
#[derive(Clone, Debug)]
pub struct Ring {
    /// In order of their hashes.
    points: Box<[Point]>,
    /// Where the points begin whose hashes have certain upper bits, and the number of points at the end.
    index: Box<[u32]>,
    /// How many upper bits those are.
    bits: u32,
    /// For when nearly nobody is left.
    all: Rendezvous,
}

/// A point without the upper bits of its hash, which the index knows. That makes it half as large, and a large ring so much
/// faster, as most of it is in no cache.
#[derive(Clone, Copy, Debug)]
struct Point {
    /// The 32 bits that follow the upper ones. What comes behind them is forgotten, which is less than a billionth of the
    /// circle.
    lower: u32,
    /// A position in the cluster.
    owner: u32,
}

impl Ring {
    /// A ring of those of `nodes` that weigh something, with `vnodes` points for one of middling weight ([`VNODES_MIN`] to
    /// [`VNODES_MAX`]; what is beyond counts as the bound).
    ///
    /// If that made more than [`POINTS_MAX`] points, `vnodes` is halved until it does not.
    pub fn new(nodes: &[Node<'_>], vnodes: u32) -> Self {
        let nodes_in_order = in_order(nodes);
        let hashes = hashes(&nodes_in_order, vnodes.clamp(VNODES_MIN, VNODES_MAX));
        // With so many upper bits there are eight to sixteen points for each entry: one or two lines of a cache.
        let bits = hashes.len().max(16).ilog2() - 3;
        let point = |&(hash, owner): &(u64, u32)| Point {
            lower: lower(hash, bits),
            owner: nodes_in_order[owner as usize].position,
        };
        Self {
            points: hashes.iter().map(point).collect(),
            index: index(&hashes, bits),
            bits,
            all: Rendezvous::new(nodes),
        }
    }

    /// The owner of the next point that `admits` lets through; `None` if there is none. After 64 points that were refused, all
    /// endpoints are asked, and the key goes by [`Rendezvous`]. Both ways the keys of a refused endpoint spread over the others,
    /// and no other key moves.
    pub fn lookup(&self, hash: u64, mut admits: impl FnMut(u32) -> bool) -> Option<u32> {
        let (after, before) = (&self.points[self.next(hash)..], &self.points[..]);
        let mut refused = None;
        for point in after.iter().chain(before).take(STEPS_MAX as usize) {
            if refused == Some(point.owner) {
                continue;
            }
            if admits(point.owner) {
                return Some(point.owner);
            }
            refused = Some(point.owner);
        }
        self.all.lookup(hash, admits)
    }

    /// The position of the first point whose hash is at least `hash`; the number of points if there is none.
    fn next(&self, hash: u64) -> usize {
        let bucket = upper(hash, self.bits);
        let (begin, end) = (self.index[bucket] as usize, self.index[bucket + 1] as usize);
        let lower = lower(hash, self.bits);
        // They are few and side by side, so looking at all is faster than a search, whose every step waits for the one before.
        begin + self.points[begin..end].iter().filter(|point| point.lower < lower).count()
    }
}

/// The upper bits of a hash, at least one.
fn upper(hash: u64, bits: u32) -> usize {
    (hash >> (u64::BITS - bits)) as usize
}

/// The 32 bits that follow them.
fn lower(hash: u64, bits: u32) -> u32 {
    ((hash << bits) >> 32) as u32
}

/// The hashes of the points in order, with the positions of their owners in `nodes`, which decide between those that are the
/// same.
fn hashes(nodes: &[Node<'_>], vnodes: u32) -> Vec<(u64, u32)> {
    let counts = counts(nodes, vnodes);
    let mut hashes = Vec::with_capacity(counts.iter().sum::<u64>() as usize);
    for ((owner, node), count) in (0..).zip(nodes).zip(counts) {
        let seed = stable::hash(node.name.as_bytes());
        hashes.extend((0..count).map(|number| (mix(seed, number), owner)));
    }
    hashes.sort_unstable();
    hashes
}

/// How many points each of `nodes` has. The sum is at most [`POINTS_MAX`], or their number if there are more of them.
fn counts(nodes: &[Node<'_>], vnodes: u32) -> Vec<u64> {
    let mut weights: Vec<u64> = nodes.iter().map(|node| u64::from(node.weight)).collect();
    weights.sort_unstable();
    let Some(&median) = weights.get(weights.len().saturating_sub(1) / 2) else {
        return Vec::new();
    };
    // A weight has 32 bits and `vnodes` has 14, so a product has 46.
    let count = |halvings: u32, weight: u64| {
        let wanted = (weight * u64::from(vnodes)) >> halvings;
        (wanted.saturating_add(median / 2) / median).max(1)
    };
    let is_in_bounds = |halvings: &u32| {
        let counts = weights.iter().map(|&weight| count(*halvings, weight));
        counts.fold(0, u64::saturating_add) <= POINTS_MAX as u64
    };
    let halvings = (0..HALVINGS_MAX).find(is_in_bounds).unwrap_or(HALVINGS_MAX);
    nodes.iter().map(|node| count(halvings, u64::from(node.weight))).collect()
}

/// Where the points begin whose hashes have the same upper bits, and their number.
fn index(hashes: &[(u64, u32)], bits: u32) -> Box<[u32]> {
    let mut index = vec![0; (1 << bits) + 1];
    for &(hash, _) in hashes {
        index[upper(hash, bits) + 1] += 1;
    }
    let mut begin = 0;
    for bucket in &mut index {
        begin += *bucket;
        *bucket = begin;
    }
    index.into()
}

/// How many points an endpoint of middling weight has unless it is said otherwise.
pub const VNODES_DEFAULT: u32 = 160;

/// How many it must have at least.
pub const VNODES_MIN: u32 = 1;

/// How many it may have at most: shares that differ by 1 % from what is due.
pub const VNODES_MAX: u32 = 10_000;

/// How many points a ring has at most: 36 MB, and 160 points for each of 26,000 endpoints. Only a ring of more endpoints than
/// this has more, which is one for each.
pub const POINTS_MAX: usize = 1 << 22;

/// So often halved, a product of 46 bits is nothing.
const HALVINGS_MAX: u32 = 46;

#[cfg(test)]
mod tests;
