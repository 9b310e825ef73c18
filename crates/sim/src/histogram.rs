//! Latencies in buckets of a fixed relative width, however many they are. `tally` counts in them, and so does `evenkeel load`.

use std::time::Duration;

/// Counts of nanoseconds. Buckets are as wide as 2⁻ᴮ of what is in them, so a percentile is off by at most that; the least,
/// the most and the mean are exact.
#[derive(Clone, Debug, Default)]
pub struct Histogram<const B: u32> {
    /// As far as anything was counted.
    buckets: Vec<u32>,
    count: u64,
    sum: u128,
    least: u64,
    most: u64,
}

/// Off by less than 0.1 %; at most 220 KiB.
pub(crate) type Fine = Histogram<10>;

/// Off by less than 1.6 %; at most 15 KiB, so that there may be thousands.
pub type Coarse = Histogram<6>;

impl<const B: u32> Histogram<B> {
    /// Counts one.
    pub fn add(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let bucket = Self::bucket(nanos);
        if bucket >= self.buckets.len() {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] = self.buckets[bucket].saturating_add(1);
        self.least = if self.count == 0 { nanos } else { self.least.min(nanos) };
        self.most = self.most.max(nanos);
        self.sum += u128::from(nanos);
        self.count += 1;
    }

    /// Counts all that `other` has counted.
    pub fn absorb(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.buckets.resize(self.buckets.len().max(other.buckets.len()), 0);
        for (bucket, count) in self.buckets.iter_mut().zip(&other.buckets) {
            *bucket = bucket.saturating_add(*count);
        }
        self.least = if self.count == 0 { other.least } else { self.least.min(other.least) };
        self.most = self.most.max(other.most);
        self.sum += other.sum;
        self.count += other.count;
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Exact, but for its nanoseconds' fractions; `None` if nothing was counted.
    pub fn mean(&self) -> Option<Duration> {
        let mean = self.sum.checked_div(u128::from(self.count))?;
        Some(Duration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX)))
    }

    /// Exact; 0 if nothing was counted.
    pub fn most(&self) -> Duration {
        Duration::from_nanos(self.most)
    }

    /// The nearest rank: what at least so many in 1000 do not exceed. `None` if nothing was counted.
    pub fn permille(&self, permille: u64) -> Option<Duration> {
        let rank = (u128::from(self.count) * u128::from(permille)).div_ceil(1000).max(1);
        let mut below: u128 = 0;
        let bucket = self.buckets.iter().position(|&count| {
            below += u128::from(count);
            below >= rank
        })?;
        Some(Duration::from_nanos(Self::middle(bucket).clamp(self.least, self.most)))
    }

    /// Below 2ᴮ⁺¹ each number has a bucket; above, each power of two has 2ᴮ.
    fn bucket(nanos: u64) -> usize {
        let shift = (63 - (nanos | 1).leading_zeros()).saturating_sub(B);
        ((u64::from(shift) << B) + (nanos >> shift)) as usize
    }

    fn middle(bucket: usize) -> u64 {
        let bucket = bucket as u64;
        let shift = (bucket >> B).saturating_sub(1);
        let first = (bucket - (shift << B)) << shift;
        first + ((1 << shift) >> 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let mut histogram = Fine::default();
        assert_eq!((histogram.permille(500), histogram.mean()), (None, None));
        (1..=2000).rev().for_each(|nanos| histogram.add(Duration::from_nanos(nanos)));
        let read =
            [500, 900, 990, 999].map(|permille| histogram.permille(permille).unwrap().as_nanos());
        assert_eq!(read, [1000, 1800, 1980, 1998]);
        assert_eq!(histogram.mean(), Some(Duration::from_nanos(1000)));
        assert_eq!((histogram.count(), histogram.most()), (2000, Duration::from_nanos(2000)));
    }

    #[test]
    fn of_equal_ones_every_percentile_is_exact() {
        let mut histogram = Coarse::default();
        (0..3).for_each(|_| histogram.add(Duration::from_millis(10)));
        assert_eq!(histogram.permille(500), Some(Duration::from_millis(10)));
    }

    proptest! {
        #[test]
        fn two_that_are_absorbed_are_as_if_counted_together(
            one in prop::collection::vec(0..10_000_000_u64, 0..20),
            other in prop::collection::vec(0..10_000_000_u64, 0..20),
        ) {
            let counted = |nanos: &[u64]| {
                let mut histogram = Coarse::default();
                nanos.iter().for_each(|&nanos| histogram.add(Duration::from_nanos(nanos)));
                histogram
            };
            let figures = |it: &Coarse| {
                (it.count(), it.most(), it.mean(), it.permille(0), it.permille(500), it.permille(1000))
            };
            let mut sum = counted(&one);
            sum.absorb(&counted(&other));
            prop_assert_eq!(figures(&sum), figures(&counted(&[one, other].concat())));
        }

        #[test]
        fn a_bucket_is_near_what_is_in_it(nanos: u64, power in 0_u32..64) {
            let nanos = nanos >> power;
            let off = |middle: u64| middle.abs_diff(nanos) as f64 / (nanos as f64).max(1.0);
            prop_assert!(off(Fine::middle(Fine::bucket(nanos))) <= 0.001);
            prop_assert!(off(Coarse::middle(Coarse::bucket(nanos))) <= 0.016);
        }
    }
}
