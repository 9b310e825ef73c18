//! How an origin behaves, and the delays it takes; pure. Set by the arguments or by the demo, asked
//! by `answer` for every exchange.

use std::time::Duration;

use hyper::StatusCode;

use crate::units::Share;

/// What an origin does with an ordinary exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Behaviour {
    /// How long the answer takes.
    pub(crate) delay: Delay,
    /// The share of exchanges that fail.
    pub(crate) fail: Share,
    /// The status of those that fail.
    pub(crate) fail_status: StatusCode,
    /// The size of the body of the others.
    pub(crate) body_bytes: u64,
    /// Whether `/health` says 200; otherwise it says 503.
    pub(crate) is_healthy: bool,
}

/// How long answers take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delay {
    /// The average.
    pub(crate) mean: Duration,
    /// How they spread around it.
    pub(crate) distribution: Distribution,
}

/// How delays spread around their mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Distribution {
    /// Always the mean
    Constant,
    /// From nothing to twice the mean
    Uniform,
    /// Mostly short: independent work
    Exponential,
    /// A body and a long tail: what real services look like
    Lognormal,
}

impl Delay {
    /// Draws the delay of one exchange.
    pub(crate) fn sample(&self, rng: &mut fastrand::Rng) -> Duration {
        let factor = match self.distribution {
            Distribution::Constant => return self.mean,
            Distribution::Uniform => 2.0 * rng.f64(),
            Distribution::Exponential => exponential(rng),
            Distribution::Lognormal => (LOGNORMAL_SIGMA * normal(rng) - LOGNORMAL_SHIFT).exp(),
        };
        // Out of range is only what nobody would wait for.
        Duration::try_from_secs_f64(self.mean.as_secs_f64() * factor).unwrap_or(Duration::MAX)
    }
}

/// Exponential with mean 1.
fn exponential(rng: &mut fastrand::Rng) -> f64 {
    // `f64` is below 1, so the logarithm is of something above 0.
    -(1.0 - rng.f64()).ln()
}

/// Normal with mean 0 and deviation 1, by Box and Muller.
fn normal(rng: &mut fastrand::Rng) -> f64 {
    let radius = (2.0 * exponential(rng)).sqrt();
    radius * (std::f64::consts::TAU * rng.f64()).cos()
}

/// With 1 the median is 0.6 of the mean and the 99th percentile 6.2 times it, as services often are.
const LOGNORMAL_SIGMA: f64 = 1.0;

/// Moves the mean of the distribution to 1: σ² / 2.
const LOGNORMAL_SHIFT: f64 = LOGNORMAL_SIGMA * LOGNORMAL_SIGMA / 2.0;

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: usize = 100_000;

    /// Sorted samples in milliseconds around a mean of 10 ms.
    fn samples(distribution: Distribution) -> Vec<f64> {
        let delay = Delay { mean: Duration::from_millis(10), distribution };
        let mut rng = fastrand::Rng::with_seed(42);
        let sample = |_| delay.sample(&mut rng).as_secs_f64() * 1e3;
        let mut samples: Vec<f64> = (0..COUNT).map(sample).collect();
        samples.sort_by(f64::total_cmp);
        samples
    }

    #[test]
    fn every_distribution_keeps_its_mean_and_its_shape() {
        // Median and 99th percentile from the closed forms, for a mean of 10.
        for (distribution, median, p99) in [
            (Distribution::Constant, 10.0, 10.0),
            (Distribution::Uniform, 10.0, 19.8),
            (Distribution::Exponential, 6.931, 46.05),
            (Distribution::Lognormal, 6.065, 62.1),
        ] {
            let samples = samples(distribution);
            let mean = samples.iter().sum::<f64>() / COUNT as f64;
            let near = |got: f64, want: f64| (got - want).abs() < want * 0.05;
            assert!(near(mean, 10.0), "{distribution:?}: mean {mean}");
            assert!(near(samples[COUNT / 2], median), "{distribution:?}: {}", samples[COUNT / 2]);
            let at_99 = samples[COUNT / 100 * 99];
            assert!(near(at_99, p99), "{distribution:?}: p99 {at_99}");
        }
    }

    #[test]
    fn a_delay_of_nothing_stays_nothing_and_a_huge_one_does_not_overflow() {
        let mut rng = fastrand::Rng::with_seed(1);
        for distribution in [Distribution::Uniform, Distribution::Lognormal] {
            let nothing = Delay { mean: Duration::ZERO, distribution };
            assert_eq!(nothing.sample(&mut rng), Duration::ZERO);
            let huge = Delay { mean: Duration::MAX, distribution };
            assert!((0..100).any(|_| huge.sample(&mut rng) == Duration::MAX));
        }
    }
}
