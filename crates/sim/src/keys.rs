//! Who asks: clients with keys, for the algorithms that hash and for caches. Scenarios hold them, `load` draws.

use std::fmt;
use std::str::FromStr;

use fastrand::Rng;

use crate::mistake::Mistake;
use crate::units;

/// How many clients there are and how often each one asks: `uniform:1000`, or `zipf:1000,1.1`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Keys {
    /// From 1 to [`KEYS_MAX`].
    pub count: u32,
    /// The exponent of Zipf's law: the nth client asks 1/n^exponent times as often as the first. 0, where all ask equally
    /// often, to 10.
    pub exponent: f64,
}

impl Keys {
    /// All of `count` equally often.
    pub const fn uniform(count: u32) -> Self {
        Self { count, exponent: 0.0 }
    }

    pub(crate) fn check(self) -> Result<(), Mistake> {
        if !(1..=KEYS_MAX).contains(&self.count) {
            return Err(Mistake::new(format!("there may be 1 to {KEYS_MAX} keys")));
        }
        if !(0.0..=10.0).contains(&self.exponent) {
            return Err(Mistake::new("the exponent of Zipf's law is from 0 to 10"));
        }
        Ok(())
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self::uniform(1000)
    }
}

impl FromStr for Keys {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let read = || {
            let keys = match text.split_once(':') {
                Some(("uniform", count)) => Self::uniform(units::whole(count)?),
                Some(("zipf", values)) => {
                    let (count, exponent) = values.split_once(',').unwrap_or((values, "1"));
                    Self { count: units::whole(count)?, exponent: units::number(exponent)? }
                }
                _ => return Err(Mistake::new("keys are uniform or zipf")),
            };
            keys.check().map(|()| keys)
        };
        read().map_err(|problem| problem.within(text, "zipf:1000,1.1"))
    }
}

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.exponent == 0.0 {
            return write!(f, "uniform:{}", self.count);
        }
        write!(f, "zipf:{},{}", self.count, self.exponent)
    }
}

/// Draws clients.
#[derive(Debug)]
pub(crate) struct KeyStream {
    count: u32,
    /// For Zipf's law: how often the first to the nth ask together. Empty where all ask equally often.
    sums: Vec<f64>,
}

impl KeyStream {
    pub(crate) fn new(keys: Keys) -> Self {
        let mut sum = 0.0;
        let often = |rank: u32| {
            sum += f64::from(rank).powf(-keys.exponent);
            sum
        };
        let sums =
            if keys.exponent == 0.0 { Vec::new() } else { (1..=keys.count).map(often).collect() };
        Self { count: keys.count, sums }
    }

    /// A client's number, below the count.
    pub(crate) fn draw(&self, random: &mut Rng) -> u32 {
        let Some(all) = self.sums.last() else { return random.u32(0..self.count) };
        let ticket = random.f64() * all;
        let rank = self.sums.partition_point(|sum| *sum <= ticket);
        u32::try_from(rank).unwrap_or(u32::MAX).min(self.count - 1)
    }
}

/// Spreads numbers over 64 bits, each to one of its own (the finalizer of splitmix64: Steele, Lea and Flood 2014).
pub(crate) fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// How many clients there may be: eight bytes are kept for each.
pub const KEYS_MAX: u32 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(keys: Keys) -> Vec<u32> {
        let (stream, mut random) = (KeyStream::new(keys), Rng::with_seed(1));
        let mut counts = vec![0; keys.count as usize];
        for _ in 0..100_000 {
            counts[stream.draw(&mut random) as usize] += 1;
        }
        counts
    }

    #[test]
    fn zipf_draws_the_nth_client_one_nth_as_often() {
        let counts = counts(Keys { count: 10, exponent: 1.0 });
        let first = f64::from(counts[0]);
        for (rank, count) in (1_u32..).zip(&counts) {
            let ratio = f64::from(*count) * f64::from(rank) / first;
            assert!((0.93..1.07).contains(&ratio), "{rank}: {ratio}");
        }
    }

    #[test]
    fn uniform_draws_all_equally_often() {
        let counts = counts(Keys::uniform(10));
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
    }

    #[test]
    fn what_is_written_is_read_back_and_mistakes_are_named() {
        for text in ["uniform:7", "zipf:1000,1.1", "zipf:5,1"] {
            assert_eq!(text.parse::<Keys>().unwrap().to_string(), text);
        }
        for text in ["7", "uniform:0", "zipf:10,-1", "zipf:10,11", "uniform:2000000", "normal:3"] {
            let mistake = text.parse::<Keys>().unwrap_err().to_string();
            assert!(mistake.contains("such as `zipf:1000,1.1`"), "{mistake}");
        }
    }
}
