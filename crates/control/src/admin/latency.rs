//! Quantiles from the buckets of a histogram, for people. Called by `admin::snapshot`.

use evenkeel_plan::counters::{DURATION_BOUNDS, HistogramSum};

use super::Latency;

/// Without the empty buckets at the end: a status has thousands of these, and most endpoints are never that slow.
pub(super) fn up_to_the_last(counts: &[u64]) -> Vec<u64> {
    let length = counts.iter().rposition(|&count| count > 0).map_or(0, |last| last + 1);
    counts[..length].to_vec()
}

/// Quantiles; `None` when nothing was observed.
pub(super) fn latency(HistogramSum { counts, nanos }: &HistogramSum) -> Option<Latency> {
    let count: u64 = counts.iter().sum();
    if count == 0 {
        return None;
    }
    let quantile =
        |share| quantile(counts, DURATION_BOUNDS.iter().map(|bound| bound.seconds), share);
    Some(Latency {
        mean_seconds: *nanos as f64 / 1e9 / count as f64,
        p50_seconds: quantile(0.5),
        p90_seconds: quantile(0.9),
        p99_seconds: quantile(0.99),
    })
}

/// The time in seconds within which `share` (0 to 1) of what a histogram has counted lies, as Prometheus estimates it: evenly
/// spread within a bucket. The last bucket has no end, so its beginning is all that can be said; of nothing it is 0.
pub fn quantile(counts: &[u64], bounds_seconds: impl Iterator<Item = f64>, share: f64) -> f64 {
    let rank = share * counts.iter().sum::<u64>() as f64;
    let (mut below, mut lower) = (0.0, 0.0);
    for (&count, bound) in counts.iter().zip(bounds_seconds) {
        let count = count as f64;
        if count > 0.0 && below + count >= rank {
            return lower + (bound - lower) * (rank - below) / count;
        }
        below += count;
        lower = bound;
    }
    lower
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use evenkeel_plan::counters::Histogram;

    use super::*;

    #[test]
    fn nothing_observed_has_no_latency() {
        let none = HistogramSum::of([Histogram::default()].iter());
        assert!(latency(&none).is_none());
        assert!(up_to_the_last(&none.counts).is_empty());
    }

    #[test]
    fn quantiles_lie_where_prometheus_would_put_them() {
        let (fast, slow) = (Histogram::default(), Histogram::default());
        for _ in 0..90 {
            fast.observe(Duration::from_millis(4));
        }
        for _ in 0..10 {
            slow.observe(Duration::from_secs(20));
        }
        let latency = latency(&HistogramSum::of([fast, slow].iter())).unwrap();
        // 2.5 ms to 5 ms holds 90 of 100: the 50th lies 50/90 into it, the 90th at its end.
        assert!((latency.p50_seconds - (0.0025 + 0.0025 * 50.0 / 90.0)).abs() < 1e-9);
        assert!((latency.p90_seconds - 0.005).abs() < 1e-9);
        assert!((latency.p99_seconds - 10.0).abs() < 1e-9);
        assert!((latency.mean_seconds - (0.09 * 4.0 + 200.0) / 100.0).abs() < 1e-9);
    }
    #[test]
    fn buckets_are_told_up_to_the_last_that_is_not_empty() {
        let histogram = Histogram::default();
        for micros in [400, 1_500, 1_600] {
            histogram.observe(Duration::from_micros(micros));
        }
        assert_eq!(up_to_the_last(&HistogramSum::of([histogram].iter()).counts), [1, 0, 2]);
    }
}
