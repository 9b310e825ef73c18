//! Smooth weighted round-robin: exact by weight, and without bursts.
//!
//! Each pick owes every candidate its weight, takes the one that is owed most, and charges it what the round cost. With
//! weights 5, 3 and 2 every ten picks are split 5, 3 and 2, and no endpoint waits longer than it must. The method is
//! nginx's (its commit 52327e0627f4 of 2012); over a fixed set of candidates it repeats after the sum of the weights.

use super::{Algorithm, Balance, Choice, Pick, Tried, WorkerState};
use crate::endpoint::Endpoint;
use crate::time::Time;

#[derive(Debug)]
pub(super) struct RoundRobin;

impl Balance for RoundRobin {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RoundRobin
    }

    fn worker_state(&self, worker: usize, endpoints: &[Endpoint]) -> WorkerState {
        let mut state = WorkerState { owed: vec![0; endpoints.len()], ..WorkerState::default() };
        // Start where the `worker`th pick of a lone worker would be.
        let pick = Pick { endpoints, tried: &Tried::default(), now: Time::START, random: 0 };
        for _ in 0..worker {
            self.pick(&mut state, &pick);
        }
        state
    }

    fn pick(&self, state: &mut WorkerState, request: &Pick<'_>) -> Option<Choice> {
        let mut round = 0;
        let mut best: Option<(i64, usize)> = None;
        for (position, endpoint) in request.candidates() {
            let owed = state.owed.get_mut(position)?;
            *owed += i64::from(endpoint.weight);
            round += i64::from(endpoint.weight);
            if best.is_none_or(|(most, _)| *owed > most) {
                best = Some((*owed, position));
            }
        }
        let (_, position) = best?;
        state.owed[position] -= round;
        Some(Choice { position })
    }
}
