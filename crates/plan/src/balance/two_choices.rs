//! Power of two choices: of two endpoints that are drawn by weight, the one with fewer attempts in flight for its weight.
//!
//! The second choice is what matters: the longest queue grows with the logarithm of the logarithm of the cluster's size
//! (Mitzenmacher, 'The power of two choices in randomized load balancing', 1996), and balancers that know nothing of each other
//! do not all run to the same endpoint.

use fastrand::Rng;

use super::{Balance, Candidates, Memory};

#[derive(Debug)]
pub(super) struct TwoChoices;

impl Balance for TwoChoices {
    fn pick(&self, _memory: &mut Memory, candidates: &Candidates<'_>) -> Option<usize> {
        let (first, second) =
            candidates.draw_two(&mut Rng::with_seed(candidates.request.random))?;
        // The first one wins a tie: it was drawn by weight.
        Some(
            second
                .filter(|&second| candidates.load(second) < candidates.load(first))
                .unwrap_or(first),
        )
    }
}
