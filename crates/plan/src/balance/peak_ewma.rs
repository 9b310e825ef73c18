//! Least expected response time: of two endpoints that are drawn by weight, the one whose latency times attempts in flight is less.
//!
//! Latency is a moving average that believes a peak at once (Finagle's `PeakEwma`, 2016; it counts failures as peaks, or whoever fails
//! fast would look best), or the time that an attempt has been waiting already, if that is longer: so an endpoint that answers nothing
//! any more gets dear without having to answer first.

use fastrand::Rng;

use super::{Balance, Candidates, Memory};

#[derive(Debug)]
pub(super) struct PeakEwma;

impl Balance for PeakEwma {
    fn pick(&self, memory: &mut Memory, candidates: &Candidates<'_>) -> Option<usize> {
        let mut random = Rng::with_seed(candidates.request.random);
        let drawn = memory.around.two_of(candidates, &mut random);
        let (first, second) = match drawn {
            Some(near) => near,
            None => candidates.draw_two(&mut random)?,
        };
        let Some(second) = second else { return Some(first) };
        let (one, other) = (latency(candidates, first), latency(candidates, second));
        // Of whom nothing is known, the best is thought.
        let (one, other) = (one.or(other).unwrap_or(1.0), other.or(one).unwrap_or(1.0));
        let cost = one * f64::from(candidates.load(first) + 1.0);
        let other_cost = other * f64::from(candidates.load(second) + 1.0);
        // The first one was drawn by weight, and stays unless it is dearer.
        let stays = (other_cost / cost).powi(SHARPNESS);
        Some(if random.f64() < stays { first } else { second })
    }
}

/// How long an answer of a member takes, in nanoseconds; `None` if that is not known, or has not been for so long that somebody
/// has to try.
#[inline]
fn latency(candidates: &Candidates<'_>, member: usize) -> Option<f64> {
    let (vitals, now) = (candidates.vitals(member), candidates.request.now);
    let waited = vitals.waited(now);
    let Some(expected) = vitals.expected(now) else {
        return (waited >= FLOOR).then_some(waited as f64);
    };
    if vitals.in_flight() == 0 && expected.age >= TRIAL_MIN {
        let patience = (expected.nanos as u64).saturating_mul(TRIAL_AFTER);
        if expected.age >= patience.min(TRIAL_MAX) {
            return None;
        }
    }
    Some(expected.nanos.max(waited.max(FLOOR) as f64))
}

/// Answers that are faster than this, in nanoseconds, are as good as each other: differences below it are noise, and the queue decides.
const FLOOR: u64 = 1_000_000;

/// How sharply the dearer one is avoided: drawn first, it is chosen once in 256 times if it costs twice as much, and every other time
/// at a tenth more. An endpoint that is as good as the others, and had bad luck with one answer, is not left without work for that.
const SHARPNESS: i32 = 8;

/// An endpoint that has answered nobody for so many times what it is thought to take, and has nothing to do, is tried again, as
/// if it were as good as the other one.
const TRIAL_AFTER: u64 = 4;

/// But not sooner, in nanoseconds: a trial may cost a client its time.
const TRIAL_MIN: u64 = 1_000_000_000;

/// And not later: whoever has recovered shall be found out.
const TRIAL_MAX: u64 = 10_000_000_000;
