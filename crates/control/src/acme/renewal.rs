//! When a certificate is to be ordered. Pure: what is there, what the authority advises and what went wrong before in, a time out. Called
//! by the client before and after each wait.

use std::fmt;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use super::state::{Failed, Record};
use crate::config::AcmeConfig;

/// A certificate that is there, and could be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// In the order of the alphabet.
    pub(super) names: Vec<String>,
    pub(super) validity: Range<SystemTime>,
}

/// When to order, and why then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) at: SystemTime,
    pub(super) why: Why,
}

/// Why something is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// There is none that can be used.
    Missing,
    /// The config has other names than the certificate.
    OtherNames,
    /// The config names another authority than it is from.
    OtherAuthority,
    /// The authority advises it (RFC 9773).
    Advised,
    /// Two thirds of its life are over, and the authority has given no better advice.
    Age,
}

/// How much of what went wrong before is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lenience {
    /// Nothing.
    None,
    /// We were started: whoever did so may have mended it.
    Some,
    /// The config was changed, most likely because of it.
    Full,
}

/// When the next order is due, if nothing goes wrong. `advised` is what the authority says; `spread`, from 0 to 1, keeps certificates that
/// were issued together from being renewed together.
pub(super) fn due(
    wanted: &AcmeConfig,
    held: Option<&Held>,
    record: &Record,
    advised: Option<SystemTime>,
    spread: f64,
) -> Due {
    let at_once = |why| Due { at: SystemTime::UNIX_EPOCH, why };
    let Some(held) = held else { return at_once(Why::Missing) };
    if !is_same_names(&wanted.names, &held.names) {
        return at_once(Why::OtherNames);
    }
    if record.directory.as_ref().is_some_and(|directory| *directory != wanted.directory) {
        return at_once(Why::OtherAuthority);
    }
    let life = held.validity.end.duration_since(held.validity.start).unwrap_or_default();
    let of_life = |share| held.validity.start + life.mul_f64(share);
    match advised.filter(|at| *at <= of_life(ADVISED_SHARE_MAX)) {
        Some(at) => Due { at, why: Why::Advised },
        None => Due { at: of_life(LIFE_SHARE + spread * SPREAD), why: Why::Age },
    }
}

/// When something that is due `at` is really tried, if orders before have `failed`.
pub(super) fn attempt(
    at: SystemTime,
    failed: Option<&Failed>,
    lenience: Lenience,
    now: SystemTime,
) -> SystemTime {
    let Some(failed) = failed else { return at };
    let pause = pause(failed.in_a_row, failed.is_refused_for_now);
    let pause = match lenience {
        Lenience::None => pause,
        Lenience::Some => pause.min(START_PAUSE_MAX),
        Lenience::Full => return at,
    };
    // What has failed in the future was garbled, or the clock was set back: who waits for that may wait for ever.
    if failed.at > now + pause { at } else { at.max(failed.at + pause) }
}

/// How long to wait after so many failures in a row: four times as long each time.
pub(super) fn pause(in_a_row: u32, is_refused_for_now: bool) -> Duration {
    let growth = 4_u32.saturating_pow(in_a_row.saturating_sub(1));
    let pause = PAUSE_MIN.saturating_mul(growth).min(PAUSE_MAX);
    if is_refused_for_now { pause.max(REFUSED_PAUSE) } else { pause }
}

/// A moment in the window that an authority advises, the same for the same `spread` (RFC 9773 §4.2).
pub(super) fn in_window(window: &Range<SystemTime>, spread: f64) -> SystemTime {
    let length = window.end.duration_since(window.start).unwrap_or_default();
    window.start + length.mul_f64(spread)
}

fn is_same_names(wanted: &[String], held: &[String]) -> bool {
    let mut wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    wanted.sort_unstable();
    wanted.into_iter().eq(held.iter().map(String::as_str))
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "there is none that can be used",
            Self::OtherNames => "the one that is there is for other names",
            Self::OtherAuthority => "the one that is there is from another authority",
            Self::Advised => "the authority advises to renew it",
            Self::Age => "two thirds of its life are over",
        })
    }
}

/// A third of the life is left for whatever goes wrong, and for somebody to notice.
const LIFE_SHARE: f64 = 2.0 / 3.0;

/// Advice to wait for longer is none: whoever looks for what has a quarter of its life left looks for what nobody has renewed.
const ADVISED_SHARE_MAX: f64 = 0.75;

/// Of a life of 90 days, so much is a day.
const SPREAD: f64 = 0.01;

/// What goes wrong once may go well after that. Let's Encrypt lets a name fail five times in an hour: this comes to four.
const PAUSE_MIN: Duration = Duration::from_mins(1);

/// Often enough in the weeks that are left.
const PAUSE_MAX: Duration = Duration::from_hours(6);

/// An authority that wants to be left alone means hours.
const REFUSED_PAUSE: Duration = Duration::from_hours(1);

/// A process that is started again and again asks no more often than that.
const START_PAUSE_MAX: Duration = Duration::from_mins(5);

#[cfg(test)]
mod tests {
    use super::super::state::tests::wanted;
    use super::super::trouble::Trouble;
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn day(days: u32) -> SystemTime {
        SystemTime::UNIX_EPOCH + DAY * 1000 + DAY * days
    }

    /// Good for so many days from day 0 on.
    fn held(names: &[&str], days: u32) -> Held {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        Held { names, validity: day(0)..day(days) }
    }

    #[test]
    fn it_is_due_at_two_thirds_of_its_life_or_when_the_authority_says_so() {
        let wanted = wanted(&["b.example", "a.example"]);
        let from = |directory: &str| Record { directory: Some(directory.into()), failed: None };
        let ours = from(&wanted.directory);
        let both = held(&["a.example", "b.example"], 90);
        for (held, record, advised, spread, expected) in [
            (None, &ours, None, 0.5, (Why::Missing, SystemTime::UNIX_EPOCH)),
            (Some(&both), &ours, None, 0.0, (Why::Age, day(60))),
            (Some(&both), &Record::default(), None, 0.0, (Why::Age, day(60))),
            (Some(&both), &ours, None, 1.0, (Why::Age, day(60) + DAY.mul_f64(0.9))),
            (Some(&held(&["a.example", "b.example"], 6)), &ours, None, 0.0, (Why::Age, day(4))),
            (Some(&both), &ours, Some(day(3)), 0.0, (Why::Advised, day(3))),
            (Some(&both), &ours, Some(day(66)), 0.0, (Why::Advised, day(66))),
            // Long past, and so at once.
            (Some(&both), &ours, Some(day(0) - DAY * 400), 0.0, (Why::Advised, day(0) - DAY * 400)),
            // Renewal would come too late, or never.
            (Some(&both), &ours, Some(day(80)), 0.0, (Why::Age, day(60))),
            (Some(&both), &ours, Some(day(3_000_000)), 0.0, (Why::Age, day(60))),
            (
                Some(&held(&["a.example"], 90)),
                &ours,
                Some(day(80)),
                0.0,
                (Why::OtherNames, SystemTime::UNIX_EPOCH),
            ),
            (
                Some(&held(&["a.example", "b.example", "c.example"], 90)),
                &ours,
                None,
                0.0,
                (Why::OtherNames, SystemTime::UNIX_EPOCH),
            ),
            (
                Some(&both),
                &from("https://other"),
                Some(day(80)),
                0.0,
                (Why::OtherAuthority, SystemTime::UNIX_EPOCH),
            ),
        ] {
            let Due { at, why } = due(&wanted, held, record, advised, spread);
            let distance = at.duration_since(expected.1).unwrap_or_else(|early| early.duration());
            assert!(distance < Duration::from_secs(1), "{held:?} {record:?}: {at:?}");
            assert_eq!(why, expected.0, "{held:?} {record:?}");
        }
    }

    #[test]
    fn what_fails_is_tried_again_at_ever_longer_intervals() {
        let minutes = |minutes| Duration::from_mins(minutes);
        let pauses = [1, 4, 16, 64, 256, 360, 360];
        for (in_a_row, expected) in (1..).zip(pauses) {
            assert_eq!(pause(in_a_row, false), minutes(expected), "{in_a_row}");
            assert_eq!(pause(in_a_row, true), minutes(expected.max(60)), "{in_a_row}");
        }
        assert_eq!(pause(u32::MAX, false), minutes(360));
    }

    #[test]
    fn failures_delay_what_is_due_and_a_start_does_not_wait_long_for_them() {
        let failed = |in_a_row, at| {
            let trouble = Trouble::new("refused");
            Some(
                (0..in_a_row)
                    .fold(None, |before, _| Some(Failed::after(before, &trouble, at)))
                    .unwrap(),
            )
        };
        let long_ago = SystemTime::UNIX_EPOCH;
        let (hour, minute) = (Duration::from_hours(1), Duration::from_mins(1));
        for (at, failed, lenience, now, expected) in [
            (day(9), None, Lenience::None, day(1), day(9)),
            (long_ago, None, Lenience::None, day(1), long_ago),
            (long_ago, failed(1, day(1)), Lenience::None, day(1), day(1) + minute),
            (long_ago, failed(9, day(1)), Lenience::None, day(1), day(1) + hour * 6),
            (long_ago, failed(9, day(1)), Lenience::Some, day(1), day(1) + minute * 5),
            (long_ago, failed(1, day(1)), Lenience::Some, day(1), day(1) + minute),
            (long_ago, failed(9, day(1)), Lenience::Full, day(1), long_ago),
            // What is due later anyhow is not delayed.
            (day(9), failed(9, day(1)), Lenience::None, day(1), day(9)),
            // The clock was set back.
            (long_ago, failed(1, day(9)), Lenience::None, day(1), long_ago),
            // That of another replica is a little ahead.
            (long_ago, failed(1, day(1) + minute), Lenience::None, day(1), day(1) + minute * 2),
        ] {
            assert_eq!(attempt(at, failed.as_ref(), lenience, now), expected, "{failed:?}");
        }
    }

    #[test]
    fn a_moment_in_a_window_goes_by_the_spread() {
        let window = day(10)..day(12);
        for (spread, expected) in [(0.0, day(10)), (0.5, day(11)), (1.0, day(12))] {
            assert_eq!(in_window(&window, spread), expected);
        }
        // A window the wrong way round is a moment.
        assert_eq!(in_window(&(day(10)..day(9)), 0.7), day(10));
    }
}
