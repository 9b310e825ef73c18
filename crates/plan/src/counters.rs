//! Counters that a worker writes without a lock and `control` reads for `/metrics` and the status.
//!
//! Each worker has its own shard on its own cache lines, so counting costs a plain load and store.

use std::ops::Deref;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// Counts up. One thread writes it, any thread reads it.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `amount`. Only the worker that owns the shard may call this: with one writer a load and a store are enough,
    /// where a read-modify-write would lock the bus.
    pub fn add(&self, amount: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
    }

    /// The count so far.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One counter for each of so many things, by their number.
#[derive(Debug)]
pub struct Counters<const COUNT: usize>([Counter; COUNT]);

impl<const COUNT: usize> Default for Counters<COUNT> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Counter::default()))
    }
}

impl<const COUNT: usize> std::ops::Deref for Counters<COUNT> {
    type Target = [Counter; COUNT];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// Goes up and down. One thread writes it, any thread reads it.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Moves the gauge by `amount`. Only the worker that owns the shard may call this, see [`Counter::add`].
    pub fn add(&self, amount: i64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
    }

    /// Where the gauge stands.
    pub fn level(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Durations in buckets, as Prometheus wants them.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [Counter; DURATION_BOUNDS.len() + 1],
    nanos: Counter,
}

impl Histogram {
    /// Counts one duration.
    pub fn observe(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = DURATION_BOUNDS.partition_point(|bound| bound.nanos < nanos);
        self.buckets[bucket].add(1);
        self.nanos.add(nanos);
    }

    /// How many durations fell into each bucket (not cumulative); the last one has no upper bound.
    pub fn buckets(&self) -> impl Iterator<Item = u64> {
        self.buckets.iter().map(Counter::count)
    }

    /// The sum of all durations, in nanoseconds.
    pub fn sum_nanos(&self) -> u64 {
        self.nanos.count()
    }
}

/// What several histograms have counted together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistogramSum {
    /// How many durations fell into each bucket (not cumulative); the last one has no upper bound.
    pub counts: [u64; DURATION_BOUNDS.len() + 1],
    /// The sum of all durations, in nanoseconds.
    pub nanos: u64,
}

impl HistogramSum {
    /// Adds them up.
    pub fn of<'a>(histograms: impl Iterator<Item = &'a Histogram>) -> Self {
        let mut sum = Self::default();
        for histogram in histograms {
            sum.nanos += histogram.sum_nanos();
            for (total, count) in sum.counts.iter_mut().zip(histogram.buckets()) {
                *total += count;
            }
        }
        sum
    }
}

/// The upper bound of a bucket, inclusive.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// In nanoseconds, as we count.
    pub nanos: u64,
    /// In seconds, as Prometheus shows it.
    pub seconds: f64,
}

/// OpenTelemetry's advisory bounds for HTTP durations, and three below them, because a local network answers in less than 5 ms.
pub const DURATION_BOUNDS: [Bound; 17] = [
    bound(500, 0.0005),
    bound(1_000, 0.001),
    bound(2_500, 0.0025),
    bound(5_000, 0.005),
    bound(10_000, 0.01),
    bound(25_000, 0.025),
    bound(50_000, 0.05),
    bound(75_000, 0.075),
    bound(100_000, 0.1),
    bound(250_000, 0.25),
    bound(500_000, 0.5),
    bound(750_000, 0.75),
    bound(1_000_000, 1.0),
    bound(2_500_000, 2.5),
    bound(5_000_000, 5.0),
    bound(7_500_000, 7.5),
    bound(10_000_000, 10.0),
];

const fn bound(micros: u64, seconds: f64) -> Bound {
    Bound { nanos: micros * 1_000, seconds }
}

/// One `T` per worker, each on its own cache lines.
#[derive(Debug)]
pub struct Sharded<T>(Box<[Padded<T>]>);

impl<T: Default> Sharded<T> {
    /// A shard for each of `workers` workers; at least one.
    pub fn new(workers: usize) -> Self {
        Self((0..workers.max(1)).map(|_| Padded::default()).collect())
    }
}

impl<T> Sharded<T> {
    /// The shard of worker number `worker`. A number out of range gets the first shard: a wrong count, not a panic.
    pub fn shard(&self, worker: usize) -> &T {
        self.0.get(worker).unwrap_or(&self.0[0])
    }

    /// All shards, for adding them up.
    pub fn shards(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(Deref::deref)
    }

    /// The sum of `figure` over all shards.
    pub fn sum(&self, figure: impl Fn(&T) -> u64) -> u64 {
        self.shards().map(figure).sum()
    }
}

/// Keeps its content away from what lies beside it: 128 bytes, because cache lines are fetched in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Padded<T>(T);

impl<T> Deref for Padded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_into_the_bucket_whose_bound_includes_it() {
        let histogram = Histogram::default();
        for micros in [0, 500, 501, 10_000_000, 10_000_001] {
            histogram.observe(Duration::from_micros(micros));
        }
        let buckets: Vec<u64> = histogram.buckets().collect();
        assert_eq!((buckets[0], buckets[1], buckets[16], buckets[17]), (2, 1, 1, 1));
        assert_eq!(histogram.sum_nanos(), 20_001_002_000);
    }

    #[test]
    fn bounds_agree_in_both_units_and_rise() {
        assert!(DURATION_BOUNDS.is_sorted_by(|a, b| a.nanos < b.nanos));
        for bound in DURATION_BOUNDS {
            assert!((bound.nanos as f64 / 1e9 - bound.seconds).abs() < 1e-12);
        }
    }

    #[test]
    fn shards_add_up() {
        let sharded: Sharded<Counter> = Sharded::new(3);
        for worker in 0..3 {
            sharded.shard(worker).add(worker as u64 + 1);
        }
        assert_eq!(sharded.sum(Counter::count), 6);
    }
}
