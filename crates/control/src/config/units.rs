//! Durations, sizes and shares, from text and back. What is written here is read back as the same value.

use std::ops::RangeInclusive;
use std::time::Duration;

use evenkeel_plan::rate::{Per, Rate};

use super::diagnostic::{Code, Diagnostic, quoted};

/// Reads `"500ms"`, `"10s"`, `"1h30m"`: whole numbers with units, the larger unit first.
pub(super) fn parse_duration(text: &str) -> Result<Duration, Diagnostic> {
    let millis = match duration_millis(text) {
        Some(millis) if millis <= DURATION_MAX.as_millis() => millis,
        Some(_) => return Err(too_long(text)),
        None => return Err(not_a_duration(text)),
    };
    Ok(Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)))
}

/// Writes a duration as [`parse_duration`] reads it; less than a millisecond is lost.
pub(crate) fn format_duration(duration: Duration) -> String {
    let mut rest = duration.as_millis();
    let mut text = String::new();
    for (unit, millis) in DURATION_UNITS {
        if rest >= millis {
            text.push_str(&format!("{}{unit}", rest / millis));
            rest %= millis;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// Reads `"100"`, `"16KiB"`, `"1MB"` as bytes.
pub(super) fn parse_size(text: &str) -> Result<u64, Diagnostic> {
    let digits = leading_digits(text);
    let (number, unit) = text.split_at(digits);
    let unit = SIZE_UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
    match (number.parse::<u64>(), unit) {
        (Ok(count), Some((_, bytes))) => count.checked_mul(*bytes).ok_or_else(|| not_a_size(text)),
        _ => Err(not_a_size(text)),
    }
}

/// Writes a number of bytes as [`parse_size`] reads it, in the largest unit that divides it.
pub(super) fn format_size(bytes: u64) -> String {
    let fits = |size: &u64| bytes != 0 && bytes.is_multiple_of(*size);
    let (name, size) = SIZE_UNITS.iter().find(|(_, size)| fits(size)).unwrap_or(&("", 1));
    format!("{}{name}", bytes / size)
}

/// Reads `"20%"` as 0.2; from 0 to 100 %.
pub(super) fn parse_share(text: &str) -> Result<f64, Diagnostic> {
    text.strip_suffix('%')
        .filter(|number| number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
        .and_then(|number| number.parse::<f64>().ok())
        .filter(|percent| (0.0..=100.0).contains(percent))
        .map(|percent| percent / 100.0)
        .ok_or_else(|| {
            Diagnostic::new(Code::BadShare, format!("{} is not a share", quoted(text)))
                .label("wants a share from 0% to 100%")
                .help("a number and a percent sign, as in \"20%\"")
        })
}

/// Writes a share as [`parse_share`] reads it, with no more digits than it needs.
pub(crate) fn format_share(share: f64) -> String {
    let written = |digits: usize| format!("{:.digits$}%", share * 100.0);
    let exact = |text: &String| parse_share(text).is_ok_and(|read| read.total_cmp(&share).is_eq());
    (0..SHARE_DIGITS_MAX).map(written).find(exact).unwrap_or_else(|| written(SHARE_DIGITS_MAX))
}

/// Reads `"10/s"` as 10: how many in a second, at most a million.
pub(super) fn parse_rate(text: &str) -> Result<f64, Diagnostic> {
    text.strip_suffix("/s")
        .filter(|number| number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
        .and_then(|number| number.parse::<f64>().ok())
        .filter(|rate| RATE.contains(rate))
        .ok_or_else(|| {
            let problem = not_a_rate(text, "wants a number in a second");
            match rate_meant(text).filter(|rate| RATE.contains(rate)) {
                Some(rate) => problem.help(format!("write \"{}/s\"", rounded(rate))),
                None => problem.help("a number from 0 to 1000000 and `/s`, as in \"10/s\""),
            }
        })
}

/// How many in a second `text` surely means, in whatever unit; `None` if it is no rate to anybody.
pub(super) fn rate_meant(text: &str) -> Option<f64> {
    let (count, seconds) = count_and_seconds(text)?;
    Some(count / seconds)
}

/// Writes a rate as [`parse_rate`] reads it.
pub(super) fn format_rate(per_second: f64) -> String {
    format!("{per_second}/s")
}

/// Reads `"100/s"`, `"5/m"`, `"1/h"`: how many in a second, a minute or an hour.
pub(super) fn parse_count_rate(text: &str) -> Result<Rate, Diagnostic> {
    let unit = |per: Per| Some((text.strip_suffix(per.letter())?.strip_suffix('/')?, per));
    let whole = Per::ALL.into_iter().find_map(unit);
    let whole = whole.filter(|(count, _)| count.bytes().all(|byte| byte.is_ascii_digit()));
    let Some((count, per)) = whole.and_then(|(count, per)| Some((count.parse().ok()?, per))) else {
        let problem = not_a_rate(text, "wants a whole number in a second, a minute or an hour");
        return Err(problem.help(match count_rate_meant(text) {
            Some(rate) => format!("write \"{rate}\""),
            None => "as in \"100/s\", \"5/m\" or \"1/h\"".to_owned(),
        }));
    };
    if (1..=per.count_max()).contains(&count) {
        return Ok(Rate { count, per });
    }
    Err(Diagnostic::new(Code::OutOfBounds, format!("{} is out of bounds", quoted(text)))
        .label(format!("wants 1 to {}", Rate { count: per.count_max(), per })))
}

fn not_a_rate(text: &str, label: &str) -> Diagnostic {
    let digits = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    let is_number = !text.is_empty() && text.bytes().all(digits);
    let label = if is_number { "has no unit" } else { label };
    Diagnostic::new(Code::BadRate, format!("{} is not a rate", quoted(text))).label(label)
}

/// How many, and in how many seconds, as others write it: `"10"`, `"100r/s"`, `"6 per minute"`, `"1/10s"`.
fn count_and_seconds(text: &str) -> Option<(f64, f64)> {
    let mut folded = text.to_ascii_lowercase().replace("per", "/");
    folded.retain(|char| !char.is_whitespace());
    let digits = folded.find(|char: char| !char.is_ascii_digit() && char != '.');
    let (count, unit) = folded.split_at(digits.unwrap_or(folded.len()));
    let count = count.parse::<f64>().ok()?;
    let unit = unit.strip_prefix('r').unwrap_or(unit);
    let known = RATE_UNITS.iter().find(|(names, _)| names.contains(&unit));
    let seconds = known.map(|(_, seconds)| *seconds).or_else(|| {
        let period = parse_duration(unit.strip_prefix('/')?).ok()?;
        (!period.is_zero()).then_some(period.as_secs_f64())
    });
    Some((count, seconds?))
}

/// The same as a rate by [`parse_count_rate`], if it can be one.
fn count_rate_meant(text: &str) -> Option<Rate> {
    let (count, seconds) = count_and_seconds(text)?;
    let units = [(Per::Second, 1.0), (Per::Minute, 60.0), (Per::Hour, 3600.0)];
    let (per, _) = units.into_iter().find(|(_, each)| seconds.total_cmp(each).is_eq())?;
    let count = format!("{count}").parse().ok()?;
    (1..=per.count_max()).contains(&count).then_some(Rate { count, per })
}

/// As few digits as hardly change it.
fn rounded(rate: f64) -> String {
    let written = |digits: usize| format!("{rate:.digits$}");
    let is_close = |text: &String| {
        text.parse::<f64>().is_ok_and(|read| (read - rate).abs() <= rate * ROUNDED_MAX)
    };
    (0..SHARE_DIGITS_MAX).map(written).find(is_close).unwrap_or_else(|| written(SHARE_DIGITS_MAX))
}

fn duration_millis(text: &str) -> Option<u128> {
    let mut rest = text;
    let mut total: u128 = 0;
    let mut units = DURATION_UNITS.iter();
    if text.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(leading_digits(rest));
        let letters = tail.find(|char: char| !char.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        // The iterator goes on where it stopped, so that `30m1h` and `1s1s` are refused.
        let (_, millis) = units.find(|(name, _)| *name == unit)?;
        total += u128::from(number.parse::<u64>().ok()?) * millis;
        rest = tail;
    }
    Some(total)
}

fn leading_digits(text: &str) -> usize {
    text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len())
}

fn not_a_duration(text: &str) -> Diagnostic {
    let problem = Diagnostic::new(Code::BadDuration, format!("{} is not a duration", quoted(text)));
    if text == "off" {
        return problem.label("cannot be switched off").help(
            "without it one slow client or endpoint could be waited for forever; \
             write a long duration, as in \"1h\"",
        );
    }
    let digits = leading_digits(text);
    if digits > 0 && digits == text.len() {
        return problem
            .label("has no unit")
            .help(format!("write \"{text}s\" for seconds or \"{text}ms\" for milliseconds"));
    }
    problem.label("wants a duration").help(
        "whole numbers with units, the larger unit first, as in \
         \"500ms\", \"10s\", \"1m\", \"1h30m\"",
    )
}

fn too_long(text: &str) -> Diagnostic {
    Diagnostic::new(Code::OutOfBounds, format!("{} is too long", quoted(text)))
        .label(format!("at most {}", format_duration(DURATION_MAX)))
}

fn not_a_size(text: &str) -> Diagnostic {
    Diagnostic::new(Code::BadSize, format!("{} is not a size", quoted(text)))
        .label("wants a size")
        .help(
            "a whole number of bytes, or one with a unit: \
             \"16KiB\" (1024), \"16kB\" (1000), MiB, MB, GiB, GB",
        )
}

/// The largest first. A day has 24 hours here.
const DURATION_UNITS: [(&str, u128); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Longer would overflow deadlines on some systems, and nobody means it.
const DURATION_MAX: Duration = Duration::from_hours(365 * 24);

/// The largest first, so that [`format_size`] finds the shortest.
const SIZE_UNITS: [(&str, u64); 8] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1000),
    ("", 1),
    ("B", 1),
];

/// More than a million is more than any cluster of ours will have requests.
const RATE: RangeInclusive<f64> = 0.0..=1e6;

/// How others write in which time it is so many, in lower case and without blanks; and how many seconds that is.
const RATE_UNITS: [(&[&str], f64); 4] = [
    (&["", "/s", "/sec", "/second", "ps"], 1.0),
    (&["/m", "/min", "/minute", "pm"], 60.0),
    (&["/h", "/hr", "/hour"], 3600.0),
    (&["/d", "/day"], 86_400.0),
];

/// The part of a rate that is not worth another digit.
const ROUNDED_MAX: f64 = 0.01;

/// As many digits as can matter in an `f64`.
const SHARE_DIGITS_MAX: usize = 17;

#[cfg(test)]
mod tests;
