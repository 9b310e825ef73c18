//! Weighted random choice: needs no memory, and independent balancers do not march in step.

use super::{Algorithm, Balance, Choice, Pick, WorkerState};
use crate::endpoint::Endpoint;

#[derive(Debug)]
pub(super) struct Random;

impl Balance for Random {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Random
    }

    fn worker_state(&self, _worker: usize, _endpoints: &[Endpoint]) -> WorkerState {
        WorkerState::default()
    }

    fn pick(&self, _state: &mut WorkerState, request: &Pick<'_>) -> Option<Choice> {
        let total: u64 = request.candidates().map(|(_, endpoint)| u64::from(endpoint.weight)).sum();
        // Scaling by multiplication: no division, and a bias below 2⁻³² for any sum of weights that fits in 32 bits.
        let mut ticket = ((u128::from(request.random) * u128::from(total)) >> 64) as u64;
        for (position, endpoint) in request.candidates() {
            match ticket.checked_sub(u64::from(endpoint.weight)) {
                Some(rest) => ticket = rest,
                None => return Some(Choice { position }),
            }
        }
        // Only if an endpoint went down between the two walks.
        request.candidates().next().map(|(position, _)| Choice { position })
    }
}
