//! Least request: the endpoint with the fewest attempts in flight for its weight.
//!
//! Slow endpoints hold their attempts longer and so get fewer of them, without any clock.

use super::around::{ByWeight, SPAN};
use super::{Algorithm, Balance, Choice, Pick, WorkerState};
use crate::endpoint::Endpoint;

#[derive(Debug)]
pub(super) struct LeastRequest;

impl Balance for LeastRequest {
    fn algorithm(&self) -> Algorithm {
        Algorithm::LeastRequest
    }

    fn worker_state(&self, _worker: usize, endpoints: &[Endpoint]) -> WorkerState {
        let even = has_one_weight(endpoints);
        let is_sampled = !even && endpoints.len() > ALL_MAX;
        WorkerState {
            has_one_weight: even,
            by_weight: if is_sampled { ByWeight::of(endpoints) } else { ByWeight::default() },
            ..WorkerState::default()
        }
    }

    fn pick(&self, state: &mut WorkerState, request: &Pick<'_>) -> Option<Choice> {
        let mut draw = fastrand::Rng::with_seed(request.random);
        let count = request.endpoints.len();
        let sampled = match (state.has_one_weight, count > ALL_MAX) {
            (true, false) if count > SPAN => idle_around(state, request, &mut draw),
            (true, true) => idle_around(state, request, &mut draw).or_else(|| {
                let drawn = sample(request, || draw.usize(0..count));
                least(drawn.into_iter().flatten(), Luck::Even, &mut draw)
            }),
            (false, true) => {
                let drawn = sample(request, || state.by_weight.draw(&mut draw));
                least(drawn.into_iter().flatten(), Luck::Drawn, &mut draw)
            }
            _ => None,
        };
        // Of few all are looked at. Of a sample none may be fit, or the backups may be all that is left.
        let luck = if state.has_one_weight { Luck::Even } else { Luck::ByWeight };
        let best = sampled.or_else(|| least(request.candidates(), luck, &mut draw));
        best.map(|(position, _)| Choice { position })
    }
}

/// An endpoint and its position.
type Candidate<'a> = (usize, &'a Endpoint);

/// One of those around that has nothing to do: among equals there can be no better.
fn idle_around<'a>(
    state: &mut WorkerState,
    request: &Pick<'a>,
    draw: &mut fastrand::Rng,
) -> Option<Candidate<'a>> {
    let count = request.endpoints.len();
    let mut drawn =
        (0..SAMPLE).filter_map(|_| request.at_best(state.around.draw(count, request.now, draw)));
    drawn.find(|(_, endpoint)| endpoint.life.vitals.in_flight() == 0)
}

/// What is at drawn positions; nothing where it cannot be used.
fn sample<'a>(
    request: &Pick<'a>,
    mut draw: impl FnMut() -> usize,
) -> [Option<Candidate<'a>>; SAMPLE] {
    std::array::from_fn(|_| request.at_best(draw()))
}

/// What decides between endpoints that are about equally loaded: it counts like attempts in flight.
#[derive(Clone, Copy)]
enum Luck {
    /// All weigh the same: less than one attempt, so it decides between equals only, who are many at low load.
    Even,
    /// Weights differ. It is exponential, which makes each of the idle as likely as its weight; a strong endpoint with one attempt
    /// in flight would lose every time to a weak one with none, else.
    ByWeight,
    /// They were drawn by weight already.
    Drawn,
}

/// The least of `(in flight + luck) / weight`.
fn least<'a>(
    candidates: impl Iterator<Item = Candidate<'a>>,
    luck: Luck,
    draw: &mut fastrand::Rng,
) -> Option<Candidate<'a>> {
    let costs = candidates.map(|candidate| {
        let (load, weight) = (candidate.1.life.vitals.in_flight(), candidate.1.weight);
        let load = f64::from(load);
        let cost = match luck {
            Luck::Even => load + draw.f64(),
            Luck::ByWeight => (load - (1.0 - draw.f64()).ln()) / f64::from(weight),
            Luck::Drawn => load / f64::from(weight),
        };
        (cost, candidate)
    });
    costs.min_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, candidate)| candidate)
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
