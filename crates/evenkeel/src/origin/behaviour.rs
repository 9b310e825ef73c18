//! How an origin behaves, and the delays it takes; pure. Set by the arguments, by events or by the demo, asked by `answer` for
//! every exchange.

use std::time::Duration;

use evenkeel_sim::{Condition, Distribution};
use hyper::StatusCode;

use crate::units::Share;

/// What an origin does with an ordinary exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Behaviour {
    /// How long the answer takes.
    pub(crate) delay: Distribution,
    /// The share of exchanges that fail.
    pub(crate) fail: Share,
    /// The status of those that fail.
    pub(crate) fail_status: StatusCode,
    /// The size of the body of the others.
    pub(crate) body_bytes: u64,
    /// Whether `/health` says 200; otherwise it says 503.
    pub(crate) is_healthy: bool,
    /// What an event makes of it. Dead is who does not listen, which is none of this.
    pub(crate) condition: Condition,
}

impl Behaviour {
    /// How much of a delay passes in a unit of time; 0 while it is frozen.
    pub(super) fn speed(&self) -> f64 {
        if self.condition.frozen { 0.0 } else { 1.0 / self.condition.slow }
    }

    /// Whether an exchange that begins now is to fail.
    pub(super) fn draws_failure(&self, random: &mut fastrand::Rng) -> bool {
        random.f64() < self.fail.of_whole().max(self.condition.errors)
    }
}

/// How delays spread around their mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Spread {
    /// Always the mean
    Constant,
    /// From nothing to twice the mean
    Uniform,
    /// Mostly short: independent work
    Exponential,
    /// A body and a long tail: what real services look like
    Lognormal,
}

impl Spread {
    /// The delays that spread like this around `mean`.
    pub(crate) fn around(self, mean: Duration) -> Distribution {
        match self {
            Spread::Constant => Distribution::Fixed(mean),
            Spread::Uniform => {
                Distribution::Uniform { least: Duration::ZERO, most: mean.saturating_mul(2) }
            }
            Spread::Exponential => Distribution::Exponential(mean),
            // The mean of a lognormal is its median times the exponential of σ² / 2.
            Spread::Lognormal => Distribution::LogNormal {
                median: mean.mul_f64((-LOGNORMAL_SIGMA * LOGNORMAL_SIGMA / 2.0).exp()),
                sigma: LOGNORMAL_SIGMA,
            },
        }
    }
}

/// With 1 the median is 0.6 of the mean and the 99th percentile 6.2 times it, as services often are.
const LOGNORMAL_SIGMA: f64 = 1.0;

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: usize = 100_000;

    /// Sorted draws in milliseconds around a mean of 10 ms.
    fn draws(spread: Spread) -> Vec<f64> {
        let delay = spread.around(Duration::from_millis(10));
        let mut random = fastrand::Rng::with_seed(42);
        let draw = |_| delay.draw(&mut random).as_secs_f64() * 1e3;
        let mut draws: Vec<f64> = (0..COUNT).map(draw).collect();
        draws.sort_by(f64::total_cmp);
        draws
    }

    #[test]
    fn every_spread_keeps_its_mean_and_its_shape() {
        // Median and 99th percentile from the closed forms, for a mean of 10.
        for (spread, median, p99) in [
            (Spread::Constant, 10.0, 10.0),
            (Spread::Uniform, 10.0, 19.8),
            (Spread::Exponential, 6.931, 46.05),
            (Spread::Lognormal, 6.065, 62.1),
        ] {
            let draws = draws(spread);
            let mean = draws.iter().sum::<f64>() / COUNT as f64;
            let near = |got: f64, want: f64| (got - want).abs() < want * 0.05;
            assert!(near(mean, 10.0), "{spread:?}: mean {mean}");
            assert!(near(draws[COUNT / 2], median), "{spread:?}: {}", draws[COUNT / 2]);
            let at_99 = draws[COUNT / 100 * 99];
            assert!(near(at_99, p99), "{spread:?}: p99 {at_99}");
        }
    }

    #[test]
    fn a_delay_of_nothing_stays_nothing() {
        let mut random = fastrand::Rng::with_seed(1);
        for spread in [Spread::Constant, Spread::Uniform, Spread::Exponential, Spread::Lognormal] {
            assert_eq!(spread.around(Duration::ZERO).draw(&mut random), Duration::ZERO);
        }
    }
}
