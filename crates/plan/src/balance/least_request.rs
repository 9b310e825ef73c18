//! Least request: the endpoint with the fewest attempts in flight for its weight.
//!
//! Slow endpoints hold their attempts longer and so get fewer of them, without any clock.

use super::{Algorithm, Balance, Choice, Pick, WorkerState};
use crate::endpoint::Endpoint;

#[derive(Debug)]
pub(super) struct LeastRequest;

impl Balance for LeastRequest {
    fn algorithm(&self) -> Algorithm {
        Algorithm::LeastRequest
    }

    fn worker_state(&self, _worker: usize, _endpoints: &[Endpoint]) -> WorkerState {
        WorkerState::default()
    }

    /// Compares `in_flight / weight` by cross-multiplication. Among equals each is as likely as its weight: at low load
    /// nearly all are equal, and the first in the list, or the heaviest, would take everything.
    fn pick(&self, _state: &mut WorkerState, request: &Pick<'_>) -> Option<Choice> {
        let mut draw = fastrand::Rng::with_seed(request.random);
        let mut best: Option<Best> = None;
        for (position, endpoint) in request.candidates() {
            let load = u64::from(endpoint.life.vitals.in_flight());
            let weight = u64::from(endpoint.weight);
            best = Some(match best {
                Some(best) if load * best.weight > best.load * weight => best,
                Some(best) if load * best.weight == best.load * weight => {
                    let tickets = best.tickets + weight;
                    let keep = draw.u64(0..tickets) >= weight;
                    Best {
                        tickets,
                        ..if keep { best } else { Best { position, load, weight, tickets } }
                    }
                }
                _ => Best { position, load, weight, tickets: weight },
            });
        }
        best.map(|best| Choice { position: best.position })
    }
}

/// The least loaded endpoint so far, and how many tickets in the draw all its equals hold together.
#[derive(Clone, Copy)]
struct Best {
    position: usize,
    load: u64,
    weight: u64,
    tickets: u64,
}
