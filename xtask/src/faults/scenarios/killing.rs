//! One of three dies as by `kill -9`: between requests, or at each point of an answer.

use std::time::Duration;

use evenkeel_testkit::ledger::{Class, Load, Method};
use evenkeel_testkit::stamping::{Cut, Phase};
use evenkeel_testkit::wait_until;

use crate::Outcome;
use crate::faults::scenario::{Gate, Scenario};
use crate::faults::stage::Stage;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "kill",
            what: "One of three is killed, whatever it is doing, and comes back.",
            goal: NOTHING_LOST,
            play: |stage| play(stage, None),
            ..KILL
        },
        Scenario {
            name: "kill-before-head",
            what: "One of three is killed as it is about to answer, and comes back.",
            goal: NOTHING_LOST,
            play: |stage| play(stage, Some((Phase::BeforeHead, false))),
            ..KILL
        },
        Scenario {
            name: "kill-after-head",
            what: "One of three is killed when it has sent the head of an answer, and comes back.",
            play: |stage| play(stage, Some((Phase::AfterHead, false))),
            ..KILL
        },
        Scenario {
            name: "kill-mid-body",
            what: "One of three is killed within a body that has a length, and comes back.",
            play: |stage| play(stage, Some((Phase::MidBody, false))),
            ..KILL
        },
        Scenario {
            name: "kill-mid-chunks",
            what: "One of three is killed within a body in chunks, and comes back.",
            play: |stage| play(stage, Some((Phase::MidBody, true))),
            ..KILL
        },
    ]
}

const KILL: Scenario = Scenario {
    goal: "Of GETs only those are lost whose answer had begun, and the client can see it; of POSTs those that it had.",
    play: |stage| play(stage, None),
    ..Scenario::PLAIN
};

const NOTHING_LOST: &str = "No GET is lost; of POSTs those that it had.";

/// The one that is broken dies by its own hand if it is to be at a certain point of an answer, so that it is exactly there.
fn play(stage: &mut Stage, at: Option<(Phase, bool)>) -> Outcome<Vec<Gate>> {
    if let Some((_, chunked)) = at {
        stage.make_all(|conduct| conduct.chunked = chunked)?;
    }
    stage.begin(Load::default());
    stage.breaks();
    if let Some((phase, _)) = at {
        stage.make_victim(|conduct| conduct.cut = (phase, Cut::Kill, 1))?;
        let victim = stage.victim()?;
        wait_until(SOON, || victim.is_alive().is_ok_and(|alive| !alive))?;
    }
    stage.victim()?.kill()?;
    stage.hold(stage.pace.during);
    stage.make_victim(|conduct| conduct.cut.2 = 0)?;
    stage.victim()?.revive()?;
    stage.heals();
    stage.hold(stage.pace.after);
    let book = stage.close()?;
    let begun = at.is_some_and(|(phase, _)| phase != Phase::BeforeHead);
    let cut = book.entries.iter();
    let cut = cut.filter(|entry| entry.method == Method::Get && entry.class == Class::Truncated);
    let cut = cut.count();
    Ok(vec![
        Gate::new("GETs whose answer was cut short", cut, if begun { AT_WORK } else { 0 }),
        Gate::new("GETs lost before their answer began", book.lost(Method::Get) - cut, 0),
        Gate::new("POSTs lost", book.lost(Method::Post), AT_HAND),
    ])
}

/// As many answers as an origin is at work on.
const AT_WORK: usize = 2;

/// As many POSTs as it can have, at work and waiting, when it dies.
const AT_HAND: usize = 8;

const SOON: Duration = Duration::from_secs(20);
