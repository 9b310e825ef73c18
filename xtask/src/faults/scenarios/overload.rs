//! More work than all endpoints together can do.

use std::time::Duration;

use evenkeel_testkit::ledger::{Book, Class, Load};
use evenkeel_testkit::stamping::Conduct;

use crate::Outcome;
use crate::faults::scenario::{Gate, Log, Scenario, Scenery};
use crate::faults::stage::Stage;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "overload",
        what: "Three origins can do 60 requests per second together, and get up to ten times as many.",
        goal: "At ten times as many at least 80 % of the most that was ever done is done within 1 s.",
        expected_to_fail: Some("nothing limits yet what waits for an endpoint"),
        alone: true,
        scenery: || Scenery {
            origins: 3,
            conduct: Conduct {
                service: Duration::from_millis(100),
                concurrency: 2,
                ..Conduct::default()
            },
            log: Log::Off,
            descriptors: None,
            far: false,
        },
        play,
        ..Scenario::PLAIN
    }]
}

/// All are GETs: nothing is to be learned from those that may not be tried again.
fn play(stage: &mut Stage) -> Outcome<Vec<Gate>> {
    stage.victim = None;
    let factors: &[u32] = if stage.pace.is_long { &[1, 2, 5, 10] } else { &[1, 10] };
    let (mut done, mut peak_p99, mut last) = (Vec::new(), Duration::ZERO, Duration::ZERO);
    for &factor in factors {
        let deadline = Duration::from_secs(1);
        if factor > 1 {
            stage.breaks();
        }
        stage.begin_at_once(Load { rate: CAPACITY * factor, posts: 0, post_bytes: 0, deadline });
        stage.hold(LENGTH);
        let book = stage.close()?;
        stage.rest()?;
        let goodput = book.count(Class::Ok) as f64 / LENGTH.as_secs_f64();
        if done.iter().all(|&(_, other)| goodput > other) {
            peak_p99 = admitted_p99(&book);
        }
        last = admitted_p99(&book);
        done.push((factor, goodput));
    }
    stage.heals();
    let shown = done.iter().map(|(factor, goodput)| format!("{factor}×: {goodput:.0}/s"));
    stage.note(format!("done within 1 s at {}", shown.collect::<Vec<_>>().join(", ")));
    stage.note(format!(
        "p99 of these {:.0} ms at the peak, {:.0} ms at the end",
        peak_p99.as_secs_f64() * 1e3,
        last.as_secs_f64() * 1e3
    ));
    let peak = done.iter().map(|&(_, goodput)| goodput).fold(0.0, f64::max);
    let share = done.last().map_or(0.0, |&(_, goodput)| goodput / peak.max(1.0) * 100.0);
    let missing = (80.0 - share).max(0.0).ceil() as usize;
    Ok(vec![Gate::new("percent missing from 80 % of the peak", missing, 0)])
}

/// Of what was done.
fn admitted_p99(book: &Book) -> Duration {
    let mut done = book.clone();
    done.entries.retain(|entry| entry.class == Class::Ok);
    done.quantile(0.99)
}

/// Requests per second, of all origins.
const CAPACITY: u32 = 60;

/// Of the load at each rate: several times what a client waits for, and not so long that thousands are waiting.
const LENGTH: Duration = Duration::from_secs(4);
