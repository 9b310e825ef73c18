//! One of three answers every second request with a failure.

use std::time::Duration;

use evenkeel_testkit::Moment;
use evenkeel_testkit::ledger::{Load, Method};

use crate::Outcome;
use crate::faults::scenario::{Gate, Scenario};
use crate::faults::stage::Stage;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "failing-503",
            what: "One of three answers every second request with 503.",
            goal: "At most 1 % of GETs are lost in the first 2 s, and at most 0.1 % of all requests afterwards.",
            play: unavailable,
            ..Scenario::PLAIN
        },
        Scenario {
            name: "failing-500",
            what: "One of three answers every second request with 500.",
            goal: "From the third second on at most 0.5 % of requests are lost.",
            play: broken,
            ..Scenario::PLAIN
        },
    ]
}

fn unavailable(stage: &mut Stage) -> Outcome<Vec<Gate>> {
    let Halves { first, later } = fail(stage, 503)?;
    let lost = later.lost(Method::Get) + later.lost(Method::Post);
    let gets = (first.lost(Method::Get), first.asked(Method::Get));
    Ok(vec![
        Gate::share("GETs lost in the first 2 s", gets.0, gets.1, 100),
        Gate::share("requests lost afterwards", lost, later.entries.len(), 10),
    ])
}

fn broken(stage: &mut Stage) -> Outcome<Vec<Gate>> {
    let Halves { later, .. } = fail(stage, 500)?;
    let lost = later.lost(Method::Get) + later.lost(Method::Post);
    Ok(vec![Gate::share("requests lost from the third second on", lost, later.entries.len(), 50)])
}

/// What became of requests in the first 2 s of the fault, and later.
struct Halves {
    first: evenkeel_testkit::ledger::Book,
    later: evenkeel_testkit::ledger::Book,
}

fn fail(stage: &mut Stage, status: u16) -> Outcome<Halves> {
    stage.begin(Load::default());
    let fault = Moment::now();
    stage.breaks();
    stage.make_victim(|conduct| conduct.failing = (status, 2))?;
    stage.hold(stage.pace.during.max(Duration::from_secs(5)));
    let heal = Moment::now();
    stage.make_victim(|conduct| conduct.failing.1 = 0)?;
    stage.heals();
    stage.hold(stage.pace.after);
    let book = stage.close()?;
    let middle = fault.after(Duration::from_secs(2));
    Ok(Halves { first: book.between(fault, middle), later: book.between(middle, heal) })
}
