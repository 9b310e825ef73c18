//! Hashing: the same key goes to the same endpoint, and few keys move when endpoints come and go. Used by the algorithms that
//! are built on it.
//!
//! [`HashKey`] makes a number of a request, and one of three tables an endpoint of the number:
//!
//! | | look-up | memory | keys that move without need | shares |
//! |---|---|---|---|---|
//! | [`Ring`] | two steps | 9 bytes for each point, 160 points for each endpoint | none | ± 8 %, with 1000 points ± 3 % |
//! | [`Maglev`] | one step | 4 bytes for each entry, 65,537 entries | few (see there) | even to an entry |
//! | [`Rendezvous`] | looks at every endpoint | 24 bytes for each endpoint | none | as the keys fall |
//!
//! Ring and Maglev keep a [`Rendezvous`] as well, for when nearly nobody is left. All of them are made of names and weights
//! alone: neither the order of the endpoints nor their addresses matter, so that all replicas agree, also after a restart.
//!
//! Whoever knows the names can find keys that all go to one endpoint, since nothing here is secret. Where clients can choose
//! their keys, [`bounded`] load keeps them from overloading it.

pub mod bounded;
pub mod key;
pub mod maglev;
pub mod rendezvous;
pub mod ring;
pub mod stable;

pub use key::{HashKey, KeySource};
pub use maglev::Maglev;
pub use rendezvous::Rendezvous;
pub use ring::Ring;

/// An endpoint as the tables see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node<'a> {
    /// What it is known by on every replica; should differ from all others.
    pub name: &'a str,
    /// Its share of the keys relative to the others; 0 gets none.
    pub weight: u32,
    /// Its position among the cluster's endpoints, which is what a look-up answers.
    pub position: u32,
}

/// Those that get keys, in an order that does not depend on the one they came in.
fn in_order<'a>(nodes: &[Node<'a>]) -> Vec<Node<'a>> {
    let mut nodes: Vec<_> = nodes.iter().copied().filter(|node| node.weight > 0).collect();
    nodes.sort_unstable_by_key(|node| (node.name, node.position));
    nodes
}

/// After how many refused points or entries a table asks all endpoints instead. If one of ten is refused, that practically
/// never happens; if nine of ten are, to one look-up in eight hundred.
const STEPS_MAX: u64 = 64;

#[cfg(test)]
mod tests;
