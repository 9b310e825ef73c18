//! The part of the page about certificates that are ordered from authorities: when the next order is due, and what went wrong with the last.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use evenkeel_control::admin::{AcmeActivity, AcmeFailure, AcmeStatus, date};

use crate::tone::{Palette, Tone};
use crate::units::{counted, show_age};

/// Writes it; nothing if none is ordered. `now` is in seconds of Unix time.
pub(super) fn write_acme(
    f: &mut fmt::Formatter<'_>,
    all: &[AcmeStatus],
    now: f64,
    palette: Palette,
) -> fmt::Result {
    if all.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{}", palette.paint(Tone::Strong, "certificates by ACME"))?;
    for acme in all {
        let (tone, mark) = match (acme.activity, &acme.failure) {
            (_, Some(_)) => (Tone::Bad, "✗"),
            (AcmeActivity::Resting, None) => (Tone::Good, "✓"),
            (AcmeActivity::Waiting | AcmeActivity::Ordering, None) => (Tone::Plain, "…"),
        };
        let (mark, plan) = (palette.paint(tone, mark), plan(acme, now));
        writeln!(f, "{mark}  {} for {}: {plan}", acme.name, names(acme))?;
        if let Some(failure) = &acme.failure {
            writeln!(f, "   {}", palette.paint(tone, &trouble(failure, now)))?;
        }
    }
    Ok(())
}

/// What is done about it, or when.
fn plan(acme: &AcmeStatus, now: f64) -> String {
    match (acme.activity, acme.next_unix_seconds) {
        (AcmeActivity::Waiting, _) => {
            "waits for another replica, or another certificate, that is ordered now".to_owned()
        }
        (AcmeActivity::Ordering, _) => "is ordered now".to_owned(),
        (AcmeActivity::Resting, None) => "is looked at".to_owned(),
        (AcmeActivity::Resting, Some(next)) => {
            let at = UNIX_EPOCH + Duration::try_from_secs_f64(next).unwrap_or_default();
            let what = if acme.failure.is_some() { "tried again" } else { "renewed" };
            format!("to be {what} in {}, on {}", show_age((next - now).max(0.0)), date(at))
        }
    }
}

fn trouble(failure: &AcmeFailure, now: f64) -> String {
    let AcmeFailure { at_unix_seconds, in_a_row, problem } = failure;
    let orders = match in_a_row {
        0 | 1 => "the last order failed".to_owned(),
        several => format!("the last {} failed", counted(*several as usize, "order")),
    };
    format!("{orders}, {} ago: {problem}", show_age((now - at_unix_seconds).max(0.0)))
}

/// The first names, and how many more there are.
fn names(acme: &AcmeStatus) -> String {
    let shown = &acme.names[..acme.names.len().min(NAMES_SHOWN)];
    let names = shown.join(", ");
    match acme.name_count.saturating_sub(shown.len()) {
        0 => names,
        more => format!("{names} +{more}"),
    }
}

/// More would push everything else out of the window.
const NAMES_SHOWN: usize = 3;

#[cfg(test)]
mod tests {
    use super::super::fixture::{NOW, status};
    use super::super::page::Page;
    use super::*;

    fn acme(name: &str, activity: AcmeActivity, in_seconds: Option<f64>) -> AcmeStatus {
        AcmeStatus {
            name: name.to_owned(),
            names: ["a", "b", "c", "d"].map(|it| format!("{it}.test")).to_vec(),
            name_count: 9,
            activity,
            next_unix_seconds: in_seconds.map(|seconds| NOW + seconds),
            issued: 1,
            failed: 0,
            failure: None,
        }
    }

    fn failing(in_a_row: u32, acme: AcmeStatus) -> AcmeStatus {
        let problem = "a.test: refused (connection)".to_owned();
        let failure = AcmeFailure { at_unix_seconds: NOW - 240.0, in_a_row, problem };
        AcmeStatus { failure: Some(failure), ..acme }
    }

    #[test]
    fn each_certificate_says_when_it_is_ordered_and_what_went_wrong() {
        let mut status = status(Vec::new());
        let page = |status: &_| Page { status, now: NOW, palette: Palette::new(false) }.to_string();
        assert!(!page(&status).contains("ACME"));
        status.acme = vec![
            acme("good", AcmeActivity::Resting, Some(5_200_000.0)),
            acme("new", AcmeActivity::Resting, None),
            acme("now", AcmeActivity::Ordering, Some(0.0)),
            failing(1, acme("once", AcmeActivity::Resting, Some(60.0))),
            failing(3, acme("thrice", AcmeActivity::Waiting, Some(-1.0))),
        ];
        let expected = "
certificates by ACME
✓  good for a.test, b.test, c.test +6: to be renewed in 60 d 4 h, on 2024-01-14 02:40 UTC
✓  new for a.test, b.test, c.test +6: is looked at
…  now for a.test, b.test, c.test +6: is ordered now
✗  once for a.test, b.test, c.test +6: to be tried again in 1 min, on 2023-11-14 22:14 UTC
   the last order failed, 4 min ago: a.test: refused (connection)
✗  thrice for a.test, b.test, c.test +6: waits for another replica, or another certificate, that is ordered now
   the last 3 orders failed, 4 min ago: a.test: refused (connection)
";
        let shown = page(&status);
        assert!(shown.contains(expected), "{shown}");
    }
}
