//! How long answers take, as quantiles: an estimate in fixed memory that forgets.
//!
//! [`hedge`](crate::hedge) asks for a cluster's p95, [`outlier`](crate::outlier) is told an endpoint's p99; whoever sees
//! answers feeds it. Buckets that grow with what they hold, as in HdrHistogram, keep the relative error the same at 100 µs and at 10 s.

use std::time::Duration;

use crate::time::Time;

/// After so long an observation weighs half.
pub const HALF_LIFE: Duration = Duration::from_secs(30);

/// A histogram with eight buckets in each power of two, from 16 µs to 137 s; what lies beyond falls into the outermost ones.
/// Takes less than a kilobyte. One owner feeds it.
#[derive(Clone, Debug)]
pub struct Quantiles {
    /// Weights: an observation begins as [`ONE`].
    buckets: [u32; BUCKETS],
    total: u64,
    /// When the weights were last halved.
    halved: Time,
}

/// The weight of a new observation: it is gone after nine half-lives.
const ONE: u32 = 256;

/// The powers of two, in nanoseconds, between which durations are told apart.
const SHORTEST_BITS: u32 = 14;
const LONGEST_BITS: u32 = 37;

/// Each power of two has 2^3 buckets.
const PARTS_BITS: u32 = 3;
const BUCKETS: usize = ((LONGEST_BITS - SHORTEST_BITS) << PARTS_BITS) as usize;

impl Default for Quantiles {
    fn default() -> Self {
        Self { buckets: [0; BUCKETS], total: 0, halved: Time::START }
    }
}

impl Quantiles {
    /// Takes one duration. Where an attempt was given up, what it had taken until then is a better guess than nothing: left
    /// out, the estimate would sink with every hedge that wins.
    pub fn observe(&mut self, took: Duration, now: Time) {
        self.observe_many(took, 1, now);
    }

    /// The duration that the share `quantile`, above 0 and below 1, of all answers does not exceed. At most an eighth too
    /// long, never too short, between 16 µs and 137 s. `None` while there are too few: for p95 at least 20, for p99 100.
    pub fn quantile(&self, quantile: f64, now: Time) -> Option<Duration> {
        let weight = (self.total >> self.halvings(now)) as f64 / f64::from(ONE);
        // A little less than one, because 0.05 × 20 is not quite that in floats.
        let is_known = quantile > 0.0 && (1.0 - quantile) * weight >= 1.0 - 1e-9;
        if !is_known {
            return None;
        }
        // The same here: 0.55 × 100 is a little more than 55.
        let rank = quantile * self.total as f64 - 1e-6;
        let mut below = 0;
        let reaches = |weight: &u32| {
            below += u64::from(*weight);
            below as f64 >= rank
        };
        self.buckets.iter().position(reaches).map(upper_bound)
    }

    /// The same for `count` that took as long.
    pub fn observe_many(&mut self, took: Duration, count: u32, now: Time) {
        self.halve(now);
        let weight = &mut self.buckets[bucket(took)];
        let before = *weight;
        *weight = weight.saturating_add(ONE.saturating_mul(count));
        self.total += u64::from(*weight - before);
    }

    /// The longest duration that has not been forgotten, at most an eighth too long; `None` if there is none.
    pub fn longest(&self, now: Time) -> Option<Duration> {
        let halvings = self.halvings(now);
        let is_known = |weight: &u32| weight.checked_shr(halvings).unwrap_or(0) > 0;
        self.buckets.iter().rposition(is_known).map(upper_bound)
    }

    /// What nearly no answer exceeds: the 99th percentile, or the longest of all while there are only enough to tell the 95th. `None` while
    /// there are too few even for that.
    pub fn usual(&self, now: Time) -> Option<Duration> {
        let of_few = || self.quantile(0.95, now).and(self.longest(now));
        self.quantile(0.99, now).or_else(of_few)
    }

    fn halve(&mut self, now: Time) {
        let halvings = self.halvings(now);
        if halvings == 0 {
            return;
        }
        for weight in &mut self.buckets {
            *weight = weight.checked_shr(halvings).unwrap_or(0);
        }
        self.total = self.buckets.iter().map(|&weight| u64::from(weight)).sum();
        let remainder = now.since(self.halved).as_nanos() % HALF_LIFE.as_nanos();
        self.halved = Time::from_nanos(now.as_nanos() - remainder as u64);
    }

    /// How often the weights have to be halved; from 63 on, nothing is left.
    fn halvings(&self, now: Time) -> u32 {
        (now.since(self.halved).as_nanos() / HALF_LIFE.as_nanos()).min(63) as u32
    }
}

fn bucket(took: Duration) -> usize {
    let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
    let nanos = nanos.clamp(1 << SHORTEST_BITS, (1 << LONGEST_BITS) - 1);
    let power = nanos.ilog2();
    let part = (nanos >> (power - PARTS_BITS)) as usize & ((1 << PARTS_BITS) - 1);
    (((power - SHORTEST_BITS) as usize) << PARTS_BITS) + part
}

/// The shortest duration that is too long for the bucket.
fn upper_bound(bucket: usize) -> Duration {
    let power = SHORTEST_BITS as usize + (bucket >> PARTS_BITS);
    let part = bucket & ((1 << PARTS_BITS) - 1);
    Duration::from_nanos((part as u64 + (1 << PARTS_BITS) + 1) << (power - PARTS_BITS as usize))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const P95: f64 = 0.95;

    fn second(second: u64) -> Time {
        Time::START.after(Duration::from_secs(second))
    }

    #[test]
    fn every_duration_lies_in_its_bucket_and_not_in_the_one_before() {
        for power in SHORTEST_BITS..LONGEST_BITS {
            for offset in [0, 1, (1 << (power - 3)) - 1, 1 << (power - 3), (1 << power) - 1] {
                let took = Duration::from_nanos((1 << power) + offset);
                let bucket = bucket(took);
                assert!(took < upper_bound(bucket), "{took:?}");
                assert!(bucket == 0 || took >= upper_bound(bucket - 1), "{took:?}");
            }
        }
        assert_eq!((bucket(Duration::ZERO), bucket(Duration::MAX)), (0, BUCKETS - 1));
    }

    #[test]
    fn a_quantile_needs_as_many_observations_as_tell_its_tail() {
        for (quantile, needed) in [(0.5, 2), (0.9, 10), (P95, 20), (0.99, 100)] {
            let mut quantiles = Quantiles::default();
            for count in 1..=needed {
                quantiles.observe(Duration::from_millis(1), second(0));
                assert_eq!(quantiles.quantile(quantile, second(0)).is_some(), count == needed);
            }
        }
        let mut many = Quantiles::default();
        (0..1_000).for_each(|_| many.observe(Duration::from_millis(1), second(0)));
        for nonsense in [f64::NAN, 0.0, -1.0, 1.0, 2.0] {
            assert_eq!(many.quantile(nonsense, second(0)), None);
        }
    }

    #[test]
    fn the_rank_of_a_quantile_is_exact_where_floats_are_not() {
        let mut quantiles = Quantiles::default();
        for count in 0..100 {
            let took = Duration::from_millis(if count < 55 { 1 } else { 100 });
            quantiles.observe(took, second(0));
        }
        assert!(quantiles.quantile(0.55, second(0)).unwrap() < Duration::from_millis(2));
        assert!(quantiles.quantile(0.56, second(0)).unwrap() > Duration::from_millis(99));
    }

    #[test]
    fn what_was_seen_is_forgotten_by_halves() {
        let mut quantiles = Quantiles::default();
        (0..40).for_each(|_| quantiles.observe(Duration::from_secs(1), second(0)));
        let just_before = |seconds: u64| Time::from_nanos(second(seconds).as_nanos() - 1);
        assert!(quantiles.quantile(P95, just_before(60)).is_some());
        assert_eq!(quantiles.quantile(P95, second(60)), None);
        // Three half-lives later five are left; a hundred new ones make them less than a twentieth.
        (0..100).for_each(|_| quantiles.observe(Duration::from_millis(1), second(90)));
        assert!(quantiles.quantile(P95, second(90)).unwrap() < Duration::from_micros(1_200));
        // Halving where it is fed and where it is read agree.
        let read = quantiles.quantile(0.9, second(120));
        quantiles.halve(second(120));
        assert_eq!(quantiles.quantile(0.9, second(120)), read);
        quantiles.observe(Duration::from_millis(1), Time::from_nanos(u64::MAX));
        assert_eq!(quantiles.total, u64::from(ONE));
    }

    #[test]
    fn the_longest_is_known_until_it_is_forgotten() {
        let mut quantiles = Quantiles::default();
        assert_eq!(quantiles.longest(second(0)), None);
        quantiles.observe_many(Duration::from_secs(1), 1, second(0));
        quantiles.observe_many(Duration::from_millis(1), 1_000, second(0));
        let longest = |at| quantiles.longest(second(at)).unwrap();
        assert!((Duration::from_secs(1)..=Duration::from_micros(1_125_000)).contains(&longest(0)));
        assert!(longest(8 * 30) > Duration::from_millis(999), "one in 256 is left of it");
        assert!(longest(9 * 30) < Duration::from_micros(1_200));
        assert_eq!(quantiles.longest(second(30 * 60)), None);
    }

    #[test]
    fn what_is_usual_is_the_longest_of_few_and_the_99th_percentile_of_many() {
        let mut quantiles = Quantiles::default();
        quantiles.observe(Duration::from_secs(1), second(0));
        quantiles.observe_many(Duration::from_millis(1), 18, second(0));
        assert_eq!(quantiles.usual(second(0)), None);
        quantiles.observe(Duration::from_millis(1), second(0));
        assert!(quantiles.usual(second(0)) > Some(Duration::from_millis(999)));
        quantiles.observe_many(Duration::from_millis(1), 80, second(0));
        assert!(quantiles.usual(second(0)) < Some(Duration::from_millis(2)));
    }

    #[test]
    fn a_full_bucket_stops_counting() {
        let mut quantiles = Quantiles::default();
        let place = bucket(Duration::from_millis(1));
        (quantiles.buckets[place], quantiles.total) = (u32::MAX - 1, u64::from(u32::MAX) - 1);
        quantiles.observe(Duration::from_millis(1), second(0));
        quantiles.observe(Duration::from_millis(1), second(0));
        assert_eq!((quantiles.buckets[place], quantiles.total), (u32::MAX, u64::from(u32::MAX)));
    }

    proptest! {
        #[test]
        fn a_quantile_is_at_most_an_eighth_too_long_and_never_too_short(
            mut micros in prop::collection::vec(20_u64..10_000_000, 20..300), percent in 1_u32..95,
        ) {
            let (quantile, mut quantiles) = (f64::from(percent) / 100.0, Quantiles::default());
            for &took in &micros {
                quantiles.observe(Duration::from_micros(took), second(0));
            }
            micros.sort_unstable();
            let rank = (quantile * micros.len() as f64 - 1e-9).ceil().max(1.0) as usize;
            let exact = Duration::from_micros(micros[rank - 1]);
            let estimate = quantiles.quantile(quantile, second(0)).unwrap();
            prop_assert!(exact < estimate && estimate <= exact * 9 / 8 + Duration::from_nanos(1), "{:?} {:?}", exact, estimate);
        }
    }
}
