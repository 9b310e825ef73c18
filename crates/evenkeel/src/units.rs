//! Quantities as people write them, and as they like to read them; called by the arguments and
//! reports of the test commands.

use std::fmt;
use std::time::Duration;

use evenkeel_plan::limits::WEIGHT_MAX;

#[cfg(test)]
mod tests;

/// Reads a duration: `250us`, `10ms`, `1.5s`, `2m`, `1h`; a plain `0` needs no unit.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = number_and_unit(text)?;
    let unit_seconds = match unit {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "" if number == 0.0 => 1.0,
        "" => return Err(format!("a duration needs a unit, such as `{text}s` or `{text}ms`")),
        _ => return Err(format!("`{unit}` is no unit of time; use us, ms, s, m or h")),
    };
    let seconds = number * unit_seconds;
    if seconds > LONGEST_SECONDS {
        return Err("a duration may have at most 8760h, which is a year".to_owned());
    }
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// Reads a size in bytes: `13`, `13B`, `64KiB`, `1.5MiB`, `1GiB`; `kB` and `MB` count in thousands.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = number_and_unit(text)?;
    let unit_bytes = match unit {
        "" | "B" => 1.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err(format!("`{unit}` is no unit of size; use B, KiB, MiB or GiB")),
    };
    let bytes = number * unit_bytes;
    if bytes.fract() != 0.0 {
        return Err(format!("`{text}` is not a whole number of bytes"));
    }
    if bytes > LARGEST_BYTES {
        return Err("a size may have at most 1048576GiB".to_owned());
    }
    Ok(bytes as u64)
}

/// Reads a weight of an endpoint.
pub(crate) fn weight(text: &str) -> Result<u32, String> {
    let weight = text.parse().ok().filter(|weight| *weight <= WEIGHT_MAX);
    weight.ok_or_else(|| format!("a weight is a whole number from 0 to {WEIGHT_MAX}"))
}

/// How often something happens: above 0 and at most [`FASTEST_PER_SECOND`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate {
    per_second: f64,
}

/// Reads a rate: `500`, `500/s`, `30/m`.
pub(crate) fn rate(text: &str) -> Result<Rate, String> {
    let (number, unit) = number_and_unit(text)?;
    let per_second = match unit {
        "" | "/s" => number,
        "/m" => number / 60.0,
        "/h" => number / 3600.0,
        _ => return Err(format!("`{unit}` is no unit of a rate; write `500/s` or `30/m`")),
    };
    if per_second <= 0.0 || per_second > FASTEST_PER_SECOND {
        return Err("a rate must be above 0 and at most 10000000/s".to_owned());
    }
    Ok(Rate { per_second })
}

/// A part of a whole, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Share(f64);

/// Reads a share: `1%` or `0.01`.
pub(crate) fn share(text: &str) -> Result<Share, String> {
    let (number, unit) = number_and_unit(text)?;
    let part = match unit {
        "%" => number / 100.0,
        "" => number,
        _ => return Err(format!("`{unit}` is no unit of a share; write `1%` or `0.01`")),
    };
    if part > 1.0 {
        return Err(format!("`{text}` is more than the whole; write `1%` or `0.01`"));
    }
    Ok(Share(part))
}

// === impl Rate ===

impl Rate {
    /// Events per second, above 0.
    pub(crate) fn per_second(self) -> f64 {
        self.per_second
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.per_second)
    }
}

// === impl Share ===

impl Share {
    /// As a number from 0 to 1.
    pub(crate) fn of_whole(self) -> f64 {
        self.0
    }
}

/// Shows a duration with three digits and the unit that fits: `850 µs`, `12.3 ms`, `1.50 s`.
pub(crate) fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    // The borders are where rounding to three digits would reach the next unit.
    if seconds < 999.5e-6 {
        format!("{} µs", three_digits(seconds * 1e6))
    } else if seconds < 999.5e-3 {
        format!("{} ms", three_digits(seconds * 1e3))
    } else {
        format!("{} s", three_digits(seconds))
    }
}

/// Shows a count with its thousands apart: `1,234,567`.
pub(crate) fn show_count(count: u64) -> String {
    let digits = count.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// The same for seconds as JSON carries them; what is no time is shown as none.
pub(crate) fn show_seconds(seconds: f64) -> String {
    show_duration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// The same for a quantile that is estimated from a histogram with these bounds: below the first one nothing more is known.
pub(crate) fn show_quantile(seconds: f64, bounds_seconds: &[f64]) -> String {
    match bounds_seconds.first() {
        Some(lowest) if seconds <= *lowest => format!("<{} ms", lowest * 1e3),
        _ => show_seconds(seconds),
    }
}

/// Shows how long something lasts already, in the two units that matter: `12 s`, `3 min`, `3 h 12 min`, `5 d 3 h`. What has not
/// begun by our clock has just begun.
pub(crate) fn show_age(seconds: f64) -> String {
    // A float is cut to the bounds of the integer; no balancer runs that long.
    let (seconds, minutes) = (seconds.max(0.0) as u64, seconds.max(0.0) as u64 / 60);
    let (hours, days) = (minutes / 60, minutes / 60 / 24);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        (_, _, _) => format!("{days} d {} h", hours % 24),
    }
}

/// Shows a share of a whole: `0.3 %`; `–` if there is no whole.
pub(crate) fn show_share(part: u64, whole: u64) -> String {
    let percent = 100.0 * part as f64 / whole as f64;
    match (part, whole) {
        (_, 0) => "–".to_owned(),
        (0, _) => "0 %".to_owned(),
        // Nor wider than the others: columns have room for six.
        _ if part >= whole => "100 %".to_owned(),
        // Few are not none, and most are not all.
        _ if percent < 0.05 => "<0.1 %".to_owned(),
        _ if percent > 99.9 => "99.9 %".to_owned(),
        _ => format!("{percent:.1} %"),
    }
}

/// Shows a number of things: `1 endpoint`, `3 endpoints`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", show_count(count as u64))
}

fn three_digits(number: f64) -> String {
    if number < 9.995 {
        format!("{number:.2}")
    } else if number < 99.95 {
        format!("{number:.1}")
    } else {
        format!("{number:.0}")
    }
}

/// Splits `1.5MiB` into 1.5 and `MiB`. The number is finite and not negative.
fn number_and_unit(text: &str) -> Result<(f64, &str), String> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number = number.parse().map_err(|_| format!("`{text}` does not start with a number"))?;
    Ok((number, unit.trim_start()))
}

/// A year: longer is a typing error, and much longer would overflow a clock.
const LONGEST_SECONDS: f64 = 365.0 * 24.0 * 3600.0;

/// 1 PiB: whole numbers up to here are exact in the floating point that they are read with.
const LARGEST_BYTES: f64 = (1_u64 << 50) as f64;

/// Ten million: more than one process can send, so that a gap between two arrivals is never zero.
const FASTEST_PER_SECOND: f64 = 10_000_000.0;
