//! Moments as access logs write them, in milliseconds since 1970. Read for `line`.

/// `2026-11-21T09:40:00.250Z`, with any number of decimals, and `+01:00` in place of `Z` (RFC 3339).
pub(super) fn rfc3339(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let [year, month, day] = numbers(date, '-')?;
    let zone_at = time.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = time.split_at(zone_at);
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let offset = if zone.eq_ignore_ascii_case("z") { 0 } else { offset(&zone.replace(':', ""))? };
    let seconds = seconds(day_number(year, month, day)?, numbers(clock, ':')?)? - offset;
    Some(seconds * 1000 + millis(fraction)?)
}

/// `21/Nov/2026:09:40:00 +0000`, Apache's `%t`.
pub(super) fn common(text: &str) -> Option<i64> {
    let (moment, zone) = text.split_once(' ')?;
    let (date, clock) = moment.split_once(':')?;
    let mut parts = date.split('/');
    let (day, name, year) = (parts.next()?, parts.next()?, parts.next()?);
    let month = 1 + MONTHS.iter().position(|month| *month == name)?;
    let days = day_number(number(year)?, i64::try_from(month).ok()?, number(day)?)?;
    Some((seconds(days, numbers(clock, ':')?)? - offset(zone)?) * 1000)
}

/// `+0130`, in seconds.
fn offset(text: &str) -> Option<i64> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = text.get(1..)?.split_at_checked(2)?;
    Some(sign * (number(hours)? * 3600 + number(minutes)? * 60))
}

fn seconds(days: i64, [hour, minute, second]: [i64; 3]) -> Option<i64> {
    // A leap second is the 61st.
    let is_clock = hour < 24 && minute < 60 && second <= 60;
    is_clock.then_some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

/// The first three decimals.
fn millis(fraction: &str) -> Option<i64> {
    let is_plain = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| number(&format!("{fraction:0<3}")[..3])).flatten()
}

/// Days since 1970. The algorithm is Hinnant's `days_from_civil`: an era is 400 years, and a year begins in March.
fn day_number(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let year_of_era = year % 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

fn numbers(text: &str, separator: char) -> Option<[i64; 3]> {
    let mut parts = text.split(separator);
    let numbers = [number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?];
    parts.next().is_none().then_some(numbers)
}

/// A few digits, without a sign.
fn number(text: &str) -> Option<i64> {
    let is_plain = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_calendar() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:00.2509Z", 250),
            ("1969-12-31T23:59:59.5Z", -500),
            ("2000-02-29T12:00:00.000Z", 951_825_600_000),
            ("2026-11-21T09:40:00.000Z", 1_795_254_000_000),
            ("2026-11-21T11:10:00+01:30", 1_795_254_000_000),
            ("2026-11-21T04:40:00-05:00", 1_795_254_000_000),
        ] {
            assert_eq!(rfc3339(text), Some(millis), "{text}");
        }
        assert_eq!(common("21/Nov/2026:09:40:00 +0000"), Some(1_795_254_000_000));
        assert_eq!(common("21/Nov/2026:01:40:00 -0800"), Some(1_795_254_000_000));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "T",
            "2026-11-21",
            "2026-11-21T09:40:00",
            "2026-13-01T00:00:00Z",
            "2026-01-32T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+é1",
            "-026-01-01T00:00:00Z",
            "99999-01-01T00:00:00Z",
            "2026-01-01T00:00:00.1é2Z",
        ] {
            assert_eq!(rfc3339(text), None, "{text}");
        }
        for text in [
            "",
            "21/Nov/2026",
            "21/Now/2026:09:40:00 +0000",
            "21/Nov/2026:09:40:00",
            "21/Nov/2026:09:40 +0000",
        ] {
            assert_eq!(common(text), None, "{text}");
        }
    }
}
