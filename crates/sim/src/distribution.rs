//! How much work requests are: distributions, their notation, and draws from them. Scenarios hold one; `load` draws, and so
//! does `evenkeel origin`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use fastrand::Rng;

use crate::mistake::Mistake;
use crate::units::{self, DURATION_MAX, Share, Span};

/// How long a request takes at an endpoint of speed 1 that has nothing else to do. Written as in [`Distribution::EXAMPLES`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// `fixed:10ms`: always the same.
    Fixed(Duration),
    /// `exp:10ms`: mostly short and now and then long, as independent work is; the mean is given.
    Exponential(Duration),
    /// `lognormal:10ms,0.5`: the median, and the standard deviation of the logarithm; at 0.5 one in 100 takes 3.2 times the
    /// median.
    LogNormal {
        /// Half take longer.
        median: Duration,
        /// From 0 to 5.
        sigma: f64,
    },
    /// `bimodal:5ms,500ms,1%`: fast ones, and this share of slow ones.
    Bimodal {
        /// What most take.
        fast: Duration,
        /// What the others take.
        slow: Duration,
        /// The share of the others, 0 to 1.
        share: f64,
    },
    /// `uniform:5s,300s`: anything between two bounds.
    Uniform {
        /// The shortest.
        least: Duration,
        /// The longest; not below `least`.
        most: Duration,
    },
    /// `normal:167ms,5ms`: mean and standard deviation; what would be below zero is zero.
    Normal {
        /// The middle.
        mean: Duration,
        /// The standard deviation.
        deviation: Duration,
    },
    /// `pareto:5ms,1.5`: the shortest, and the tail's exponent: at 1.5 one in 1000 takes 100 times the shortest.
    Pareto {
        /// The shortest.
        least: Duration,
        /// More than 1 (the mean would have no bound), at most 100.
        exponent: f64,
    },
}

impl Distribution {
    /// One of each kind, for help texts.
    pub const EXAMPLES: [&str; 7] = [
        "fixed:10ms",
        "exp:10ms",
        "lognormal:10ms,0.5",
        "bimodal:5ms,500ms,1%",
        "uniform:5s,300s",
        "normal:167ms,5ms",
        "pareto:5ms,1.5",
    ];

    /// The mean; that of the untruncated curve for [`Distribution::Normal`].
    pub fn mean(self) -> Duration {
        let seconds = match self {
            Self::Fixed(mean) | Self::Exponential(mean) | Self::Normal { mean, .. } => return mean,
            Self::LogNormal { median, sigma } => median.as_secs_f64() * (sigma * sigma / 2.0).exp(),
            Self::Bimodal { fast, slow, share } => {
                fast.as_secs_f64() * (1.0 - share) + slow.as_secs_f64() * share
            }
            Self::Uniform { least, most } => f64::midpoint(least.as_secs_f64(), most.as_secs_f64()),
            Self::Pareto { least, exponent } => least.as_secs_f64() * exponent / (exponent - 1.0),
        };
        Duration::try_from_secs_f64(seconds).unwrap_or(DURATION_MAX)
    }

    /// One draw; never more than a year.
    pub fn draw(self, random: &mut Rng) -> Duration {
        let seconds = match self {
            Self::Fixed(time) => return time,
            Self::Exponential(mean) => exponential(random) * mean.as_secs_f64(),
            Self::LogNormal { median, sigma } => {
                median.as_secs_f64() * (sigma * normal(random)).exp()
            }
            Self::Bimodal { fast, slow, share } => {
                return if random.f64() < share { slow } else { fast };
            }
            Self::Uniform { least, most } => {
                least.as_secs_f64() + random.f64() * most.saturating_sub(least).as_secs_f64()
            }
            Self::Normal { mean, deviation } => {
                (mean.as_secs_f64() + normal(random) * deviation.as_secs_f64()).max(0.0)
            }
            Self::Pareto { least, exponent } => {
                least.as_secs_f64() * (1.0 - random.f64()).powf(-1.0 / exponent)
            }
        };
        Duration::try_from_secs_f64(seconds).map_or(DURATION_MAX, |time| time.min(DURATION_MAX))
    }

    /// Says what is wrong with its numbers.
    pub(crate) fn check(self) -> Result<(), Mistake> {
        let wrong = match self {
            Self::LogNormal { sigma, .. } if !(0.0..=5.0).contains(&sigma) => {
                "the spread of a lognormal is a number from 0 to 5"
            }
            Self::Bimodal { share, .. } if !(0.0..=1.0).contains(&share) => {
                "the share of slow ones is from 0% to 100%"
            }
            Self::Uniform { least, most } if most < least => "the longest is below the shortest",
            Self::Pareto { exponent, .. } if !(exponent > 1.0 && exponent <= 100.0) => {
                "the exponent of a pareto is more than 1 and at most 100"
            }
            _ => return Ok(()),
        };
        Err(Mistake::new(wrong))
    }
}

impl FromStr for Distribution {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let (kind, values) = text.split_once(':').unwrap_or((text, ""));
        let example = Self::EXAMPLES.iter().find(|example| example.split(':').next() == Some(kind));
        let Some(example) = example else {
            let kinds = "fixed, exp, lognormal, bimodal, uniform, normal or pareto";
            let problem = Mistake::new(format!("`{kind}` is not a distribution; use {kinds}"));
            return Err(problem.within(text, "exp:10ms"));
        };
        let values: Vec<&str> = values.split(',').map(str::trim).collect();
        let read = read(kind, &values).and_then(|read| read.check().map(|()| read));
        read.map_err(|problem| problem.within(text, example))
    }
}

fn read(kind: &str, values: &[&str]) -> Result<Distribution, Mistake> {
    let time = units::duration;
    Ok(match (kind, values) {
        ("fixed", [mean]) => Distribution::Fixed(time(mean)?),
        ("exp", [mean]) => Distribution::Exponential(time(mean)?),
        ("lognormal", [median, sigma]) => {
            Distribution::LogNormal { median: time(median)?, sigma: units::number(sigma)? }
        }
        ("bimodal", [fast, slow, share]) => Distribution::Bimodal {
            fast: time(fast)?,
            slow: time(slow)?,
            share: units::share(share)?,
        },
        ("uniform", [least, most]) => {
            Distribution::Uniform { least: time(least)?, most: time(most)? }
        }
        ("normal", [mean, deviation]) => {
            Distribution::Normal { mean: time(mean)?, deviation: time(deviation)? }
        }
        ("pareto", [least, exponent]) => {
            Distribution::Pareto { least: time(least)?, exponent: units::number(exponent)? }
        }
        _ => return Err(Mistake::new(format!("{kind} wants other values"))),
    })
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Fixed(time) => write!(f, "fixed:{}", Span(time)),
            Self::Exponential(mean) => write!(f, "exp:{}", Span(mean)),
            Self::LogNormal { median, sigma } => write!(f, "lognormal:{},{sigma}", Span(median)),
            Self::Bimodal { fast, slow, share } => {
                write!(f, "bimodal:{},{},{}", Span(fast), Span(slow), Share(share))
            }
            Self::Uniform { least, most } => write!(f, "uniform:{},{}", Span(least), Span(most)),
            Self::Normal { mean, deviation } => {
                write!(f, "normal:{},{}", Span(mean), Span(deviation))
            }
            Self::Pareto { least, exponent } => write!(f, "pareto:{},{exponent}", Span(least)),
        }
    }
}

/// A draw from the exponential distribution of mean 1. `f64()` is below 1, so the logarithm is finite.
pub(crate) fn exponential(random: &mut Rng) -> f64 {
    -(1.0 - random.f64()).ln()
}

/// A draw from the normal distribution of mean 0 and deviation 1 (Box and Muller 1958).
fn normal(random: &mut Rng) -> f64 {
    (2.0 * exponential(random)).sqrt() * (std::f64::consts::TAU * random.f64()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_average_to_the_mean() {
        for text in Distribution::EXAMPLES.iter().filter(|text| !text.starts_with("pareto")) {
            let distribution: Distribution = text.parse().unwrap();
            let mut random = Rng::with_seed(3);
            let total: Duration = (0..200_000).map(|_| distribution.draw(&mut random)).sum();
            let ratio = total.as_secs_f64() / 200_000.0 / distribution.mean().as_secs_f64();
            assert!((0.97..1.03).contains(&ratio), "{text}: {ratio}");
        }
        // Its variance has no bound at an exponent of 1.5, so averages prove nothing; its median is known.
        let pareto = "pareto:5ms,1.5".parse::<Distribution>().unwrap();
        let mut random = Rng::with_seed(3);
        let median = 0.005 * 2_f64.powf(1.0 / 1.5);
        let below =
            (0..100_000).filter(|_| pareto.draw(&mut random).as_secs_f64() < median).count();
        assert!((49_000..51_000).contains(&below), "{below}");
    }

    #[test]
    fn draws_stay_within_their_bounds() {
        let mut random = Rng::with_seed(4);
        let longest = Distribution::Exponential(DURATION_MAX);
        assert!((0..100).all(|_| longest.draw(&mut random) <= DURATION_MAX));
        let wide = Distribution::Normal { mean: Duration::ZERO, deviation: DURATION_MAX };
        assert!((0..100).any(|_| wide.draw(&mut random) == Duration::ZERO));
        let uniform: Distribution = "uniform:5s,300s".parse().unwrap();
        let bounds = Duration::from_secs(5)..=Duration::from_secs(300);
        assert!((0..1000).all(|_| bounds.contains(&uniform.draw(&mut random))));
    }

    #[test]
    fn what_is_written_is_read_back() {
        for text in Distribution::EXAMPLES {
            let read: Distribution = text.parse().unwrap();
            assert_eq!(read.to_string().parse(), Ok(read), "{text}");
        }
    }

    #[test]
    fn mistakes_are_named_with_a_correct_example() {
        let table = [
            ("gamma:1ms", "`gamma` is not a distribution"),
            ("exp:10", "without a unit: ms, s, m or h, such as `exp:10ms`"),
            ("exp:1ms,2ms", "exp wants other values, such as `exp:10ms`"),
            ("lognormal:10ms,9", "from 0 to 5"),
            ("bimodal:5ms,500ms,2", "`2` is not a share"),
            ("uniform:2s,1s", "the longest is below the shortest"),
            ("pareto:1s,1", "more than 1"),
        ];
        for (text, said) in table {
            let mistake = text.parse::<Distribution>().unwrap_err().to_string();
            assert!(mistake.contains(said), "{mistake}");
        }
    }
}
