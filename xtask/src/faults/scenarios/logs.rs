//! An access log that cannot be written.

use evenkeel_testkit::ledger::{Load, Method};

use crate::Outcome;
use crate::bench::contender::Contender;
use crate::faults::scenario::{Gate, Log, Scenario, Scenery};
use crate::faults::stage::Stage;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "log-disk-full",
            what: "There is no room for a single line of the access log.",
            scenery: || Scenery { log: Log::Full, ..Scenery::default() },
            ..LOGS
        },
        Scenario {
            name: "log-pipe-stalled",
            what: "The access log is a pipe from which nobody reads.",
            scenery: || Scenery { log: Log::Stalled, ..Scenery::default() },
            ..LOGS
        },
    ]
}

const LOGS: Scenario = Scenario {
    name: "",
    what: "",
    goal: "Nothing is lost but lines.",
    // HAProxy does not write files.
    balancers: &[Contender::Evenkeel, Contender::Nginx],
    play,
    ..Scenario::PLAIN
};

/// A pipe takes 64 KiB, which some three hundred lines fill.
fn play(stage: &mut Stage) -> Outcome<Vec<Gate>> {
    stage.victim = None;
    stage.begin(Load { rate: 240, ..Load::default() });
    stage.breaks();
    stage.hold(stage.pace.during);
    stage.heals();
    let book = stage.close()?;
    Ok(vec![
        Gate::new("GETs lost", book.lost(Method::Get), 0),
        Gate::new("POSTs lost", book.lost(Method::Post), 0),
    ])
}
