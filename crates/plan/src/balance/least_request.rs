//! Least request: the endpoint with the fewest attempts in flight for its weight.
//!
//! Slow endpoints hold their attempts longer and so get fewer of them, without any clock.

use fastrand::Rng;

use super::{Balance, Candidates, Memory};

#[derive(Debug)]
pub(super) struct LeastRequest;

impl Balance for LeastRequest {
    fn pick(&self, memory: &mut Memory, candidates: &Candidates<'_>) -> Option<usize> {
        let mut random = Rng::with_seed(candidates.request.random);
        let even = candidates.roster.is_even();
        if let Some(idle) = memory.around.idle_of(candidates, &mut random) {
            return Some(idle);
        }
        if candidates.count() <= ALL_MAX {
            let luck = if even { Luck::Even } else { Luck::ByWeight };
            return least(candidates, candidates.admitted(), luck, &mut random);
        }
        let mut drawn = [0; SAMPLE];
        let mut count = 0;
        for place in &mut drawn {
            let Some(member) = candidates.draw(&mut random) else { break };
            *place = member;
            count += 1;
        }
        let luck = if even { Luck::Even } else { Luck::Drawn };
        least(candidates, drawn[..count].iter().copied(), luck, &mut random)
    }
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
fn least(
    candidates: &Candidates<'_>,
    members: impl Iterator<Item = usize>,
    luck: Luck,
    random: &mut Rng,
) -> Option<usize> {
    let costs = members.map(|member| {
        let load = f64::from(candidates.endpoint(member).life.vitals.in_flight());
        let cost = match luck {
            Luck::Even => load + random.f64(),
            Luck::ByWeight => (load - (1.0 - random.f64()).ln()) / candidates.weight(member) as f64,
            Luck::Drawn => load / candidates.weight(member) as f64,
        };
        (cost, member)
    });
    costs.min_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, member)| member)
}

/// Up to so many endpoints are all looked at: each is a cache line that other cores write.
const ALL_MAX: usize = 64;

/// How many of more than that: two random choices end most of the imbalance (Mitzenmacher 1996), eight leave little of it, also
/// where some are down or of little weight.
const SAMPLE: usize = 8;
