//! Numbers and times as log lines have them, without the machinery of `fmt`. Used by both forms.

use std::time::Duration;

/// Appends a whole number.
pub(super) fn number(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends `value` with exactly `N` digits; what does not fit in front is left out.
pub(super) fn digits<const N: usize>(out: &mut Vec<u8>, mut value: u64) {
    let mut text = [b'0'; N];
    for digit in text.iter_mut().rev() {
        // Below 10.
        *digit += (value % 10) as u8;
        value /= 10;
    }
    out.extend_from_slice(&text);
}

/// Appends a duration in seconds, with microseconds.
pub(super) fn seconds(out: &mut Vec<u8>, duration: Duration) {
    number(out, duration.as_secs());
    out.push(b'.');
    digits::<6>(out, u64::from(duration.subsec_micros()));
}

/// A moment in UTC, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) year: u64,
    /// 1 to 12.
    pub(super) month: u64,
    /// 1 to 31.
    pub(super) day: u64,
    pub(super) hour: u64,
    pub(super) minute: u64,
    pub(super) second: u64,
    pub(super) millis: u64,
}

impl Moment {
    /// The moment so long after 1970 began. The algorithm is Hinnant's `civil_from_days`: an era is 400 years, and a year begins
    /// in March, so that the leap day is its last.
    pub(super) fn from_epoch(since: Duration) -> Self {
        let (days, of_day) = (since.as_secs() / DAY_SECONDS, since.as_secs() % DAY_SECONDS);
        let shifted = days + DAYS_BEFORE_1970;
        let (era, of_era) = (shifted / ERA_DAYS, shifted % ERA_DAYS);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * of_year + 2) / 153;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        Self {
            year: era * 400 + year_of_era + u64::from(month <= 2),
            month,
            day: of_year - (153 * march_month + 2) / 5 + 1,
            hour: of_day / 3600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
            millis: u64::from(since.subsec_millis()),
        }
    }

    /// Appends `hh:mm:ss`.
    pub(super) fn clock(self, out: &mut Vec<u8>) {
        digits::<2>(out, self.hour);
        out.push(b':');
        digits::<2>(out, self.minute);
        out.push(b':');
        digits::<2>(out, self.second);
    }
}

const DAY_SECONDS: u64 = 86_400;

/// From the first of March of the year 0.
const DAYS_BEFORE_1970: u64 = 719_468;

const ERA_DAYS: u64 = 146_097;

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(since: u64) -> String {
        let moment = Moment::from_epoch(Duration::from_secs(since));
        let mut clock = Vec::new();
        moment.clock(&mut clock);
        let clock = String::from_utf8(clock).unwrap();
        format!("{}-{}-{} {clock}", moment.year, moment.month, moment.day)
    }

    #[test]
    fn moments_are_what_the_calendar_says() {
        for (since, expected) in [
            (0, "1970-1-1 00:00:00"),
            (951_782_399, "2000-2-28 23:59:59"),
            (951_782_400, "2000-2-29 00:00:00"),
            (951_868_800, "2000-3-1 00:00:00"),
            (1_798_761_599, "2026-12-31 23:59:59"),
            (4_107_542_400, "2100-3-1 00:00:00"),
        ] {
            assert_eq!(shown(since), expected);
        }
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let leap = |year: u64| {
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
        };
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..ERA_DAYS {
            let moment = Moment::from_epoch(Duration::from_secs(days * DAY_SECONDS));
            assert_eq!((moment.year, moment.month, moment.day), (year, month, day));
            let last = match month {
                2 => 28 + u64::from(leap(year)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            (year, month, day) = match (month, day) {
                (12, 31) => (year + 1, 1, 1),
                (_, day) if day == last => (year, month + 1, 1),
                _ => (year, month, day + 1),
            };
        }
    }

    #[test]
    fn durations_are_seconds_with_microseconds() {
        for (nanos, expected) in
            [(0, "0.000000"), (999, "0.000000"), (1_000, "0.000001"), (12_345_678_901, "12.345678")]
        {
            let mut out = Vec::new();
            seconds(&mut out, Duration::from_nanos(nanos));
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
