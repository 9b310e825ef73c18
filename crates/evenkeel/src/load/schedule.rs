//! When the requests of an open loop should start; pure. `drive` walks through it.

use std::time::Duration;

use crate::units::Rate;

/// How starts are spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Arrivals {
    /// As independent people come: in bursts and lulls
    Poisson,
    /// All the same distance apart
    Even,
}

/// The endless list of starts, as time since the beginning, never going back.
pub(super) struct Schedule {
    rate: Rate,
    arrivals: Arrivals,
    rng: fastrand::Rng,
    index: u64,
    /// Seconds at the last random start.
    clock: f64,
}

impl Schedule {
    pub(super) fn new(rate: Rate, arrivals: Arrivals, rng: fastrand::Rng) -> Self {
        Schedule { rate, arrivals, rng, index: 0, clock: 0.0 }
    }
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let seconds = match self.arrivals {
            // A product, not a sum, so that no error adds up.
            Arrivals::Even => self.index as f64 / self.rate.per_second(),
            Arrivals::Poisson => {
                let gap = -(1.0 - self.rng.f64()).ln() / self.rate.per_second();
                self.clock += gap;
                self.clock
            }
        };
        self.index += 1;
        // It ends where no clock counts any more.
        Duration::try_from_secs_f64(seconds).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units;

    fn schedule(rate: &str, arrivals: Arrivals) -> Schedule {
        Schedule::new(units::rate(rate).unwrap(), arrivals, fastrand::Rng::with_seed(3))
    }

    #[test]
    fn even_starts_do_not_drift() {
        let mut starts = schedule("3", Arrivals::Even);
        assert_eq!(starts.next(), Some(Duration::ZERO));
        assert_eq!(starts.nth(2), Some(Duration::from_secs(1)));
        // Starts 0 to 3 are taken, so this is start 3,000,000.
        assert_eq!(starts.nth(2_999_996), Some(Duration::from_secs(1_000_000)));
    }

    #[test]
    fn poisson_starts_keep_the_rate_and_the_spread() {
        let starts: Vec<f64> = schedule("100", Arrivals::Poisson)
            .take(100_000)
            .map(|start| start.as_secs_f64())
            .collect();
        assert!(starts.is_sorted());
        assert!((980.0..1020.0).contains(starts.last().unwrap()), "{:?}", starts.last());
        // Of exponential gaps, 1/e are longer than their mean.
        let long = starts.windows(2).filter(|pair| pair[1] - pair[0] > 0.01).count();
        assert!((36_000..37_600).contains(&long), "{long}");
    }
}
