//! Durations, shares, factors and counts, from text and back. What is written here is read back as the same value.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::mistake::Mistake;

/// Reads `500us`, `1.5s`, `1h30m`: numbers with units, the larger unit first; at most a year.
pub(crate) fn duration(text: &str) -> Result<Duration, Mistake> {
    let wrong = |problem| Err(Mistake::new(format!("`{text}` {problem}")));
    match nanos(text) {
        Some(nanos) if nanos <= DURATION_MAX.as_nanos() => {
            Ok(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
        }
        Some(_) => wrong("is longer than a year (365d)"),
        None if text.parse::<f64>().is_ok() => wrong("is a duration without a unit: ms, s, m or h"),
        None => wrong("is not a duration"),
    }
}

/// A [`duration`] of more than nothing.
pub(crate) fn some_time(text: &str) -> Result<Duration, Mistake> {
    let duration = duration(text)?;
    (!duration.is_zero())
        .then_some(duration)
        .ok_or_else(|| Mistake::new(format!("`{text}` is no time at all")))
}

/// Reads `20%` as 0.2; from 0 to 100 %.
pub(crate) fn share(text: &str) -> Result<f64, Mistake> {
    text.strip_suffix('%')
        .filter(|number| is_plain(number))
        // Read as one number: a division would round once more, and 75.1% would not be 0.751.
        .and_then(|number| format!("{number}e-2").parse::<f64>().ok())
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| Mistake::new(format!("`{text}` is not a share from 0% to 100%")))
}

/// Reads `x8` or `x0.5` as a factor of more than nothing.
pub(crate) fn factor(text: &str) -> Result<f64, Mistake> {
    text.strip_prefix('x')
        .filter(|number| is_plain(number))
        .and_then(|number| number.parse::<f64>().ok())
        .filter(|factor| is_factor(*factor))
        .ok_or_else(|| Mistake::new(format!("`{text}` is not a factor of more than 0 with an `x`")))
}

/// Reads a number in digits, perhaps with a decimal point; not negative.
pub(crate) fn number(text: &str) -> Result<f64, Mistake> {
    Some(text)
        .filter(|text| is_plain(text))
        .and_then(|text| text.parse::<f64>().ok())
        .filter(|number| number.is_finite())
        .ok_or_else(|| Mistake::new(format!("`{text}` is not a number")))
}

/// Reads a whole number.
pub(crate) fn whole<N: FromStr>(text: &str) -> Result<N, Mistake> {
    text.parse().map_err(|_| Mistake::new(format!("`{text}` is not a whole number that fits here")))
}

/// Whether work can be multiplied by it, and divided.
pub(crate) fn is_factor(factor: f64) -> bool {
    (1e-6..=1e6).contains(&factor)
}

/// Writes a duration as [`duration`] reads it.
pub(crate) struct Span(pub(crate) Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_nanos();
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, nanos) in UNITS {
            if rest >= nanos {
                write!(f, "{}{unit}", rest / nanos)?;
                rest %= nanos;
            }
        }
        Ok(())
    }
}

/// Writes a share as [`share`] reads it, with no more digits than it needs.
pub(crate) struct Share(pub(crate) f64);

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = |digits: usize| format!("{:.digits$}%", self.0 * 100.0);
        let exact = |text: &String| share(text).is_ok_and(|read| read.total_cmp(&self.0).is_eq());
        f.write_str(&(0..SHARE_DIGITS_MAX).map(written).find(exact).unwrap_or_else(|| written(2)))
    }
}

/// Writes a factor as [`factor`] reads it.
pub(crate) struct Factor(pub(crate) f64);

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "x{}", self.0)
    }
}

fn nanos(text: &str) -> Option<u128> {
    let mut rest = text;
    let mut total: u128 = 0;
    let mut units = UNITS.iter();
    if text.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        // The iterator goes on where it stopped, so that `30m1h` and `1s1s` are refused.
        let (_, nanos) = units.find(|(name, _)| *name == unit)?;
        total += of_unit(number, *nanos)?;
        rest = tail;
    }
    Some(total)
}

/// `number`, perhaps with a decimal point, times `nanos`.
fn of_unit(number: &str, nanos: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if fraction.is_empty() || fraction.len() > FRACTION_DIGITS_MAX {
        return None;
    }
    let scale = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let (whole, fraction) = (whole.parse::<u64>().ok()?, fraction.parse::<u64>().ok()?);
    Some(u128::from(whole) * nanos + u128::from(fraction) * nanos / scale)
}

/// Digits and a point: no sign, no exponent, no `inf`.
fn is_plain(number: &str) -> bool {
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// The largest first. A day has 24 hours here.
const UNITS: [(&str, u128); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1000),
    ("ns", 1),
];

/// Longer than anybody simulates, and far from the end of [`Time`](evenkeel_plan::time::Time).
pub(crate) const DURATION_MAX: Duration = Duration::from_hours(365 * 24);

/// A nanosecond is the smallest that counts.
const FRACTION_DIGITS_MAX: usize = 9;

/// As many digits as can matter in an `f64`.
const SHARE_DIGITS_MAX: usize = 18;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        let table = [
            ("500us", 500_000),
            ("10ms", 10_000_000),
            ("1.5s", 1_500_000_000),
            ("0.25ms", 250_000),
            ("1h30m", 5_400_000_000_000),
            ("0s", 0),
        ];
        for (text, nanos) in table {
            assert_eq!(duration(text), Ok(Duration::from_nanos(nanos)), "{text}");
        }
        for text in ["", "10", "s", "1.s", ".5s", "1s1s", "30m1h", "-1s", "1e3s", "366d", "1 s"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert!(some_time("0s").is_err());
    }

    #[test]
    fn shares_and_factors_have_bounds() {
        for text in ["", "%", "20", "101%", "-1%", "nan%", "1e1%"] {
            assert!(share(text).is_err(), "{text}");
        }
        for text in ["", "x", "8", "x0", "x-1", "xinf", "x1e3", "x10000000"] {
            assert!(factor(text).is_err(), "{text}");
        }
        assert_eq!((share("20%"), factor("x0.5")), (Ok(0.2), Ok(0.5)));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(nanos in 0..=DURATION_MAX.as_nanos() as u64, part in 0..=10_000_u32) {
            let time = Duration::from_nanos(nanos);
            prop_assert_eq!(duration(&Span(time).to_string()), Ok(time));
            let part = f64::from(part) / 10_000.0;
            prop_assert_eq!(share(&Share(part).to_string()), Ok(part));
            let times = part * 100.0 + 0.001;
            prop_assert_eq!(factor(&Factor(times).to_string()), Ok(times));
        }
    }
}
