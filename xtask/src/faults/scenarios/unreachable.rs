//! Connections that cannot be made, or are gone as soon as they are made.

use evenkeel_testkit::ledger::{Load, Method};
use evenkeel_testkit::stamping::{Ends, Greeting};

use crate::Outcome;
use crate::faults::scenario::{Gate, Scenario, Scenery};
use crate::faults::stage::Stage;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "backlog-full",
            what: "One of three accepts no more and its backlog is full, while every request needs a new connection.",
            goal: "No GET is lost; of POSTs those that the kernel had accepted before the backlog was full.",
            expected_to_fail: None,
            play: fill_backlog,
            ..UNREACHABLE
        },
        Scenario {
            name: "reset-at-accept",
            what: "One of three resets every connection as soon as it is made; every request needs a new one.",
            goal: "No GET is lost.",
            play: reset_at_accept,
            ..UNREACHABLE
        },
    ]
}

const UNREACHABLE: Scenario = Scenario {
    name: "",
    what: "",
    goal: "",
    scenery: || {
        let mut scenery = Scenery::default();
        scenery.conduct.ends = Ends::Announced;
        scenery
    },
    play: fill_backlog,
    ..Scenario::PLAIN
};

fn fill_backlog(stage: &mut Stage) -> Outcome<Vec<Gate>> {
    stage.begin(Load::default());
    stage.make_victim(|conduct| conduct.greeting = Greeting::Ignore)?;
    stage.breaks();
    let held = stage.victim()?.fill_backlog()?;
    stage.hold(stage.pace.during);
    drop(held);
    stage.make_victim(|conduct| conduct.greeting = Greeting::Serve)?;
    stage.heals();
    stage.hold(stage.pace.after);
    let book = stage.close()?;
    Ok(vec![
        Gate::new("GETs lost", book.lost(Method::Get), 0),
        Gate::new("POSTs lost", book.lost(Method::Post), AT_HAND),
    ])
}

fn reset_at_accept(stage: &mut Stage) -> Outcome<Vec<Gate>> {
    stage.begin(Load::default());
    stage.breaks();
    stage.make_victim(|conduct| conduct.greeting = Greeting::Reset)?;
    stage.hold(stage.pace.during);
    stage.make_victim(|conduct| conduct.greeting = Greeting::Serve)?;
    stage.heals();
    stage.hold(stage.pace.after);
    let book = stage.close()?;
    Ok(vec![Gate::new("GETs lost", book.lost(Method::Get), 0)])
}

/// Those that the kernel had accepted already, before the backlog was full, and that nobody took up in time.
const AT_HAND: usize = 8;
