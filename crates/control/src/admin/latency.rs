//! Quantiles from the buckets of a histogram, for people. Called by `admin::snapshot`.

use evenkeel_plan::counters::{DURATION_BOUNDS, Histogram};

use super::Latency;

/// Adds the histograms up; `None` when nothing was observed.
pub(super) fn latency<'a>(histograms: impl Iterator<Item = &'a Histogram>) -> Option<Latency> {
    let mut buckets = [0; DURATION_BOUNDS.len() + 1];
    let mut nanos = 0;
    for histogram in histograms {
        nanos += histogram.sum_nanos();
        for (total, count) in buckets.iter_mut().zip(histogram.buckets()) {
            *total += count;
        }
    }
    let count: u64 = buckets.iter().sum();
    if count == 0 {
        return None;
    }
    Some(Latency {
        mean_seconds: nanos as f64 / 1e9 / count as f64,
        p50_seconds: quantile(&buckets, 0.5),
        p90_seconds: quantile(&buckets, 0.9),
        p99_seconds: quantile(&buckets, 0.99),
    })
}

/// As Prometheus estimates it: evenly spread within a bucket. The last bucket has no end, so its beginning is all that can be
/// said.
fn quantile(buckets: &[u64], share: f64) -> f64 {
    let rank = share * buckets.iter().sum::<u64>() as f64;
    let (mut below, mut lower) = (0.0, 0.0);
    for (&count, bound) in buckets.iter().zip(DURATION_BOUNDS) {
        let count = count as f64;
        if count > 0.0 && below + count >= rank {
            return lower + (bound.seconds - lower) * (rank - below) / count;
        }
        below += count;
        lower = bound.seconds;
    }
    lower
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn nothing_observed_has_no_latency() {
        assert!(latency([Histogram::default()].iter()).is_none());
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
        let latency = latency([fast, slow].iter()).unwrap();
        // 2.5 ms to 5 ms holds 90 of 100: the 50th lies 50/90 into it, the 90th at its end.
        assert!((latency.p50_seconds - (0.0025 + 0.0025 * 50.0 / 90.0)).abs() < 1e-9);
        assert!((latency.p90_seconds - 0.005).abs() < 1e-9);
        assert!((latency.p99_seconds - 10.0).abs() < 1e-9);
        assert!((latency.mean_seconds - (0.09 * 4.0 + 200.0) / 100.0).abs() < 1e-9);
    }
}
