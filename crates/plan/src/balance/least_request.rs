//! Least request: the endpoint with the fewest attempts in flight for its weight.
//!
//! Slow endpoints hold their attempts longer and so get fewer of them, without any clock.

use super::around::{Around, SPAN};
use super::{Algorithm, Balance, Choice, Pick, WorkerState};
use crate::endpoint::Endpoint;

#[derive(Debug)]
pub(super) struct LeastRequest;

impl Balance for LeastRequest {
    fn algorithm(&self) -> Algorithm {
        Algorithm::LeastRequest
    }

    fn worker_state(&self, worker: usize, endpoints: &[Endpoint]) -> WorkerState {
        let start = fastrand::Rng::with_seed(worker as u64).usize(0..endpoints.len().max(1));
        WorkerState { around: Around { start, drawn: 0 }, ..WorkerState::default() }
    }

    /// Looks at all of few endpoints, and at a sample of many.
    fn pick(&self, state: &mut WorkerState, request: &Pick<'_>) -> Option<Choice> {
        let mut draw = fastrand::Rng::with_seed(request.random);
        let count = request.endpoints.len();
        let sampled = if count > ALL_MAX {
            let near = sample(request, || state.around.draw(count, &mut draw));
            let idle = least(near.into_iter().flatten(), &mut draw).filter(|best| best.load == 0);
            idle.or_else(|| {
                let far = sample(request, || draw.usize(0..count));
                least(near.into_iter().chain(far).flatten(), &mut draw)
            })
        } else {
            None
        };
        // None of the sample may be fit, or the backups may be all that is left.
        let best = sampled.or_else(|| least(request.candidates(), &mut draw))?;
        Some(Choice { position: best.position })
    }
}

/// What is at drawn positions; nothing where it cannot be used.
fn sample<'a>(
    request: &Pick<'a>,
    mut draw: impl FnMut() -> usize,
) -> [Option<(usize, &'a Endpoint)>; SAMPLE] {
    std::array::from_fn(|_| request.at_best(draw()))
}

/// Compares `in_flight / weight` by cross-multiplication. Among equals each is as likely as its weight: at low load nearly all are
/// equal, and the first in the list, or the heaviest, would take everything.
fn least<'a>(
    candidates: impl Iterator<Item = (usize, &'a Endpoint)>,
    draw: &mut fastrand::Rng,
) -> Option<Best> {
    let mut best: Option<Best> = None;
    for (position, endpoint) in candidates {
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
    best
}

/// Up to so many endpoints are all looked at: each is a cache line that other cores write.
const ALL_MAX: usize = SPAN;

/// How many of more than that: two random choices end most of the imbalance (Mitzenmacher 1996), eight leave little of it, also
/// where some are down or of little weight.
const SAMPLE: usize = 8;

/// The least loaded endpoint so far, and how many tickets in the draw all its equals hold together.
#[derive(Clone, Copy)]
struct Best {
    position: usize,
    load: u64,
    weight: u64,
    tickets: u64,
}
