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
    let mut best = None;
    let mut least = f32::INFINITY;
    for member in members {
        let in_flight = candidates.vitals(member).in_flight() as f32;
        let luck = match luck {
            Luck::Even => fraction(random),
            Luck::ByWeight => exponential(random),
            Luck::Drawn => 0.0,
        };
        let cost = (in_flight + luck) * candidates.burden(member);
        if cost < least {
            (best, least) = (Some(member), cost);
        }
    }
    best
}

/// A number from 0 to 1, 1 excluded.
fn fraction(random: &mut Rng) -> f32 {
    (random.u32(..) >> 8) as f32 / (1_u32 << 24) as f32
}

/// A draw from the exponential distribution of mean 1, near enough: the logarithm is right within a hundredth.
fn exponential(random: &mut Rng) -> f32 {
    // Above 0 and at most 1: the exponent and the mantissa are those of the number itself.
    let bits = (1.0 - fraction(random)).to_bits();
    let exponent = (bits >> 23) as f32 - 127.0;
    let mantissa = f32::from_bits(bits & MANTISSA | ONE) - 1.0;
    let log2 = exponent + mantissa * (1.3465 - 0.3465 * mantissa);
    -log2 * std::f32::consts::LN_2
}

const MANTISSA: u32 = (1 << 23) - 1;
const ONE: u32 = 127 << 23;

/// Up to so many endpoints are all looked at: each is a cache line that other cores write.
const ALL_MAX: usize = 64;

/// How many of more than that: two random choices end most of the imbalance (Mitzenmacher 1996), and four leave little of it.
const SAMPLE: usize = 4;
