//! Latencies in buckets of a fixed relative width, however many they are. `tally` counts in them.

use std::time::Duration;

/// Counts of nanoseconds. Buckets are as wide as 2⁻ᴮ of what is in them, so a percentile is off by at most that; the least,
/// the most and the mean are exact.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram<const B: u32> {
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
pub(crate) type Coarse = Histogram<6>;

impl<const B: u32> Histogram<B> {
    /// Counts one.
    pub(crate) fn add(&mut self, time: Duration) {
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

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// `None` if nothing was counted.
    pub(crate) fn mean(&self) -> Option<Duration> {
        let mean = self.sum.checked_div(u128::from(self.count))?;
        Some(Duration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX)))
    }

    pub(crate) fn most(&self) -> Duration {
        Duration::from_nanos(self.most)
    }

    /// The nearest rank: what at least so many in 1000 do not exceed. `None` if nothing was counted.
    pub(crate) fn permille(&self, permille: u64) -> Option<Duration> {
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
        fn a_bucket_is_near_what_is_in_it(nanos: u64, power in 0_u32..64) {
            let nanos = nanos >> power;
            let off = |middle: u64| middle.abs_diff(nanos) as f64 / (nanos as f64).max(1.0);
            prop_assert!(off(Fine::middle(Fine::bucket(nanos))) <= 0.001);
            prop_assert!(off(Coarse::middle(Coarse::bucket(nanos))) <= 0.016);
        }
    }
}
