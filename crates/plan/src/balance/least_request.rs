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
        WorkerState {
            around: Around { start, drawn: 0 },
            has_one_weight: has_one_weight(endpoints),
            ..WorkerState::default()
        }
    }

    /// Looks around first, then at all of few endpoints, or at a sample of many.
    fn pick(&self, state: &mut WorkerState, request: &Pick<'_>) -> Option<Choice> {
        let mut draw = fastrand::Rng::with_seed(request.random);
        let (count, even) = (request.endpoints.len(), state.has_one_weight);
        let mut best = None;
        // A sample is too coarse for the weights of few.
        if count > if even { SPAN } else { ALL_MAX } {
            let near = sample(request, || state.around.draw(count, &mut draw));
            best = least(near.into_iter().flatten(), even, &mut draw);
            if count > ALL_MAX && best.is_some_and(|best| best.load > 0) {
                let far = sample(request, || draw.usize(0..count));
                best = least(near.into_iter().chain(far).flatten(), even, &mut draw);
            }
        }
        if best.is_none_or(|best| best.load > 0 && count <= ALL_MAX) {
            // Of a sample none may be fit, or the backups may be all that is left.
            best = least(request.candidates(), even, &mut draw);
        }
        best.map(|best| Choice { position: best.position })
    }
}

/// What is at drawn positions; nothing where it cannot be used.
fn sample<'a>(
    request: &Pick<'a>,
    mut draw: impl FnMut() -> usize,
) -> [Option<(usize, &'a Endpoint)>; SAMPLE] {
    std::array::from_fn(|_| request.at_best(draw()))
}

/// The least of `(in flight + luck) / weight`. Among endpoints of one weight luck is less than one attempt: it decides only
/// between equals, who are many at low load. Where weights differ it is exponential, which makes each of the idle as likely as
/// its weight; a strong endpoint with one attempt in flight would lose every time to a weak one with none, else.
fn least<'a>(
    candidates: impl Iterator<Item = (usize, &'a Endpoint)>,
    has_one_weight: bool,
    draw: &mut fastrand::Rng,
) -> Option<Best> {
    let costs = candidates.map(|(position, endpoint)| {
        let load = endpoint.life.vitals.in_flight();
        let luck = if has_one_weight { draw.f64() } else { -(1.0 - draw.f64()).ln() };
        Best { position, load, cost: (f64::from(load) + luck) / f64::from(endpoint.weight) }
    });
    costs.min_by(|one, other| one.cost.total_cmp(&other.cost))
}

/// Whether all who can get work weigh the same.
fn has_one_weight(endpoints: &[Endpoint]) -> bool {
    let mut weights = endpoints.iter().map(|endpoint| endpoint.weight).filter(|weight| *weight > 0);
    let first = weights.next();
    weights.all(|weight| Some(weight) == first)
}

/// Up to so many endpoints are all looked at: each is a cache line that other cores write.
const ALL_MAX: usize = 64;

/// How many of more than that: two random choices end most of the imbalance (Mitzenmacher 1996), eight leave little of it, also
/// where some are down or of little weight.
const SAMPLE: usize = 8;

/// An endpoint, how many attempts it has in flight, and what one more would cost there.
#[derive(Clone, Copy)]
struct Best {
    position: usize,
    load: u32,
    cost: f64,
}
