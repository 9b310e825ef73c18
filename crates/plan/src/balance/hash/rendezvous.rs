//! Rendezvous: every endpoint draws a lot for the key, and the best lot wins. Used by its algorithm, and by the other tables
//! when nearly nobody is left.

use super::stable::{fraction, hash, mix};
use super::{Node, in_order};

/// Highest random weight (Thaler and Ravishankar 1998), with weights by the logarithmic method (Schindelhauer and Schomaker
/// 2005): the key goes to the greatest −w / ln u, where u is a number between 0 and 1 that endpoint and key give.
///
/// If an endpoint goes, its keys spread over the others by weight, and no other key moves. A look-up takes time in proportion
/// to the number of endpoints, some 3 ns for each of many. Each takes 24 bytes of memory.
#[derive(Clone, Debug)]
pub struct Rendezvous {
    /// By name: the first of those that draw the same wins.
    lots: Box<[Lot]>,
}

#[derive(Clone, Copy, Debug)]
struct Lot {
    seed: u64,
    /// One by the weight.
    lightness: f64,
    position: u32,
}

impl Rendezvous {
    /// Takes those of `nodes` that weigh something.
    pub fn new(nodes: &[Node<'_>]) -> Self {
        let lot = |node: Node<'_>| Lot {
            seed: hash(node.name.as_bytes()),
            lightness: 1.0 / f64::from(node.weight),
            position: node.position,
        };
        Self { lots: in_order(nodes).into_iter().map(lot).collect() }
    }

    /// The position of the best that `admits` lets through; `None` if there is none.
    pub fn lookup(&self, hash: u64, mut admits: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut best = None;
        // The greatest −w / ln u is the least −ln u / w.
        let mut least = f64::INFINITY;
        for lot in &self.lots {
            let drawn = fraction(mix(lot.seed, hash));
            // −ln u is at least 1 − u, which spares nearly everybody the logarithm.
            if (1.0 - drawn) * lot.lightness >= least || !admits(lot.position) {
                continue;
            }
            // Not that of the standard library: it may differ between systems in the last bit, and replicas must agree.
            let length = -libm::log(drawn) * lot.lightness;
            if length < least {
                (best, least) = (Some(lot.position), length);
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rounding could let the estimate pass the logarithm only if it were closer to it than the last bit.
    #[test]
    fn who_is_spared_the_logarithm_would_not_have_won() {
        let name = |number: u32| format!("10.0.0.{number}:80");
        let names: Vec<String> = (0..50).map(name).collect();
        let nodes: Vec<Node<'_>> = (0..)
            .zip(&names)
            .map(|(position, name)| Node { name, weight: 1 + position % 7, position })
            .collect();
        let table = Rendezvous::new(&nodes);
        for key in 0..10_000 {
            let length =
                |lot: &&Lot| -libm::log(fraction(mix(lot.seed, mix(0, key)))) * lot.lightness;
            let by_length = |one: &&Lot, other: &&Lot| length(one).total_cmp(&length(other));
            let expected = table.lots.iter().min_by(by_length).map(|lot| lot.position);
            assert_eq!(table.lookup(mix(0, key), |_| true), expected);
        }
    }
}
