//! Weighted random choice: needs no memory, and independent balancers do not march in step.

use fastrand::Rng;

use super::{Balance, Candidates, Memory};

#[derive(Debug)]
pub(super) struct Random;

impl Balance for Random {
    fn pick(&self, _memory: &mut Memory, candidates: &Candidates<'_>) -> Option<usize> {
        candidates.draw(&mut Rng::with_seed(candidates.request.random))
    }
}
