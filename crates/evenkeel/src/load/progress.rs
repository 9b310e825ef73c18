//! The line that tells how a run is going; `command` prints it while it waits.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::units::{show_count, show_duration};

use super::summary::quotient;
use super::tally::is_welcome;
use super::{Load, Tally};

/// Prints until it is dropped: on a terminal one line that is rewritten every second, otherwise a
/// line every two seconds.
pub(super) async fn show(load: &Load) {
    let is_terminal = io::stderr().is_terminal();
    let period = Duration::from_secs(if is_terminal { 1 } else { 2 });
    let (start, end) = if is_terminal { (REWRITE, "") } else { ("", "\n") };
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let (mut before, mut before_elapsed) = (load.tally(), load.elapsed());
    loop {
        ticks.tick().await;
        let (now, elapsed) = (load.tally(), load.elapsed());
        let line = line(&now, &now.since(&before), elapsed, elapsed - before_elapsed);
        // A closed stderr is no reason to stop the run.
        let _ = write!(io::stderr(), "{start}{line}{end}");
        (before, before_elapsed) = (now, elapsed);
    }
}

/// Takes the rewritten line away, so that the summary stands alone.
pub(super) fn clear() {
    if io::stderr().is_terminal() {
        // A closed stderr has no line.
        let _ = write!(io::stderr(), "{REWRITE}");
    }
}

/// The whole in counts, the last interval in rate and latency.
fn line(whole: &Tally, interval: &Tally, elapsed: Duration, period: Duration) -> String {
    format!(
        "{:>4} s  {:>10} requests  {:>9.1}/s  p50 {:>8}  p99 {:>8}  {}{} failed",
        elapsed.as_secs(),
        show_count(whole.finished()),
        quotient(interval.answered() as f64, period.as_secs_f64()),
        show_duration(interval.latency_at(0.5)),
        show_duration(interval.latency_at(0.99)),
        unwelcome(whole),
        show_count(whole.failed()),
    )
}

/// What was answered, but not as one would wish: the most frequent status, and how many answers had others. Nothing where there is none.
fn unwelcome(whole: &Tally) -> String {
    let answers = || whole.statuses.iter().filter(|(status, _)| !is_welcome(**status));
    let Some((status, most)) = answers().max_by_key(|(_, count)| **count) else {
        return String::new();
    };
    let others = answers().map(|(_, count)| count).sum::<u64>() - most;
    let others =
        if others > 0 { format!(", {} others", show_count(others)) } else { String::new() };
    format!("{} answered {status}{others}, ", show_count(*most))
}

/// To the start of the line, and clear it.
const REWRITE: &str = "\r\x1b[K";

#[cfg(test)]
mod tests {
    use super::super::tally::Outcome;
    use super::*;
    use crate::load::client::Answer;

    #[test]
    fn answers_that_nobody_wished_for_are_told_by_their_status() {
        let mut tally = Tally::new().unwrap();
        let mut line = |answers: &[(usize, u16)]| {
            for &(count, status) in answers {
                let answer = Answer { status, origin: None, body_bytes: 0 };
                let (latency, lag) = (Duration::ZERO, Duration::ZERO);
                (0..count).for_each(|_| {
                    tally.record(&Outcome { result: Ok(answer.clone()), latency, lag });
                });
            }
            unwelcome(&tally)
        };
        assert_eq!(line(&[(10, 200), (3, 304)]), "");
        assert_eq!(line(&[(1204, 503)]), "1,204 answered 503, ");
        assert_eq!(line(&[(2, 429), (3, 404)]), "1,204 answered 503, 5 others, ");
    }

    #[test]
    fn the_line_counts_the_whole_and_times_the_interval() {
        let mut tally = Tally::new().unwrap();
        let mut record = |count: usize, millis: u64| {
            let answer = Answer { status: 200, origin: None, body_bytes: 0 };
            let latency = Duration::from_millis(millis);
            let outcome = Outcome { result: Ok(answer), latency, lag: Duration::ZERO };
            (0..count).for_each(|_| tally.record(&outcome));
            tally.clone()
        };
        let before = record(1000, 500);
        let whole = record(234, 2);
        let interval = whole.since(&before);
        assert_eq!(
            line(&whole, &interval, Duration::from_millis(3050), Duration::from_secs(2)),
            "   3 s       1,234 requests      117.0/s  p50  2.00 ms  p99  2.00 ms  0 failed"
        );
    }
}
