//! More work than all endpoints together can do.

use std::time::Duration;

use evenkeel_testkit::Moment;
use evenkeel_testkit::ledger::{Book, Class, Load};
use evenkeel_testkit::stamping::Conduct;

use crate::Outcome;
use crate::faults::scenario::{Gate, Scenario, Scenery};
use crate::faults::stage::Stage;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "overload",
        what: "Three origins can do 60 requests per second together, and get up to ten times as many.",
        goal: "At ten times as many at least 80 % of the most that was ever done is done within 1 s, and its p99 is at most 3 times as long.",
        alone: true,
        scenery: || Scenery {
            origins: 3,
            conduct: Conduct {
                service: Duration::from_millis(100),
                concurrency: 2,
                ..Conduct::default()
            },
            ..Scenery::default()
        },
        play,
        ..Scenario::PLAIN
    }]
}

/// All are GETs: nothing is to be learned from those that may not be tried again.
fn play(stage: &mut Stage) -> Outcome<Vec<Gate>> {
    stage.victim = None;
    let factors: &[u32] = if stage.pace.is_long { &[1, 2, 5, 10] } else { &[1, 10] };
    let mut measured = Vec::new();
    for &factor in factors {
        measured.push((factor, measure(stage, factor)?));
    }
    stage.heals();
    let (_, peak) = measured.iter().max_by_key(|(_, book)| goodput(book)).ok_or("no load")?;
    let (peak, peak_p99) = (goodput(peak), peak.quantile(0.99));
    for (factor, book) in &measured {
        let (rate, p99) = (goodput(book), book.quantile(0.99).as_millis());
        stage.note(format!("{factor}×: {rate} done per second, p99 of these {p99} ms"));
    }
    let (_, last) = measured.last().ok_or("no load")?;
    let missing = (peak * 80).saturating_sub(goodput(last) * 100).div_ceil(100);
    let mut gates = vec![Gate::new("per second missing from 80 % of the peak", missing, 0)];
    if stage.pace.is_long {
        // Beside others, as the short form is played, one in a hundred is soon late.
        let slow = last.slower_than(peak_p99 * 3) * 100 / last.entries.len().max(1);
        let name = "of a hundred slower than 3 times the p99 at the peak";
        gates.push(Gate::new(name, slow, 0));
    }
    Ok(gates)
}

/// What was done in time under so many times the load that the origins can bear, once what came at first has been dealt with: it has gone to
/// the origins before anybody could know, and they work on it although its clients have left.
fn measure(stage: &mut Stage, factor: u32) -> Outcome<Book> {
    let settling = if factor > 1 { SETTLING } else { Duration::ZERO };
    if factor > 1 {
        stage.breaks();
    }
    let deadline = Duration::from_secs(1);
    stage.begin_at_once(Load { rate: CAPACITY * factor, posts: 0, post_bytes: 0, deadline });
    stage.hold(settling);
    let from = Moment::now();
    stage.hold(LENGTH);
    let until = Moment::now();
    // Whoever came last waits beside others, too.
    stage.hold(deadline);
    let mut done = stage.close()?;
    stage.rest()?;
    done.entries.retain(|entry| entry.class == Class::Ok);
    Ok(done.between(from, until))
}

/// Per second.
fn goodput(done: &Book) -> usize {
    done.entries.len() / LENGTH.as_secs() as usize
}

/// Requests per second, of all origins.
const CAPACITY: u32 = 60;

/// How long it takes until the load is as it will stay.
const SETTLING: Duration = Duration::from_secs(15);

/// Of the load that is measured: several times what a client waits for.
const LENGTH: Duration = Duration::from_secs(4);
