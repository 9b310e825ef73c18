//! Endpoints that answer, and take too long.

use std::time::Duration;

use evenkeel_testkit::ledger::{Book, Class, Load};
use evenkeel_testkit::stamping::Drip;
use evenkeel_testkit::{Moment, StampingOrigin};

use crate::Outcome;
use crate::faults::account::healthy;
use crate::faults::scenario::{Gate, Scenario, Scenery};
use crate::faults::stage::Stage;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "drip-head",
            what: "One of three sends its answers a byte per second, from the head on.",
            goal: "Whatever it does not have is answered.",
            play: |stage| drip(stage, Drip::Head),
            ..SLOW
        },
        Scenario {
            name: "drip-body",
            what: "One of three sends the bodies of its answers a byte per second.",
            goal: "Whatever it does not have is answered.",
            play: |stage| drip(stage, Drip::Body),
            ..SLOW
        },
        Scenario {
            name: "slow-endpoint",
            what: "One of three takes twenty times as long for each answer.",
            goal: "From the fifth second on at most 1.5 % of requests take more than 1.5 times the p99 before.",
            // The other two have room for the work of all, so that it is not their own crowding that is measured.
            scenery: || {
                let mut scenery = Scenery::default();
                scenery.conduct.concurrency = 0;
                scenery
            },
            play: slow,
            ..SLOW
        },
    ]
}

const SLOW: Scenario = Scenario { play: slow, ..Scenario::PLAIN };

fn drip(stage: &mut Stage, drip: Drip) -> Outcome<Vec<Gate>> {
    stage.begin(Load::default());
    stage.breaks();
    stage.make_victim(|conduct| conduct.drip = drip)?;
    stage.hold(stage.pace.during);
    // What it has begun goes out at once from here on.
    stage.make_victim(|conduct| conduct.drip = Drip::None)?;
    stage.heals();
    stage.hold(stage.pace.after);
    let book = stage.close()?;
    let elsewhere = lost_elsewhere(&book, stage.victim()?)?;
    Ok(vec![Gate::new("requests lost that it never had", elsewhere, 0)])
}

/// How many requests had no success though `victim` never began them.
fn lost_elsewhere(book: &Book, victim: &StampingOrigin) -> Outcome<usize> {
    let had = victim.journal()?;
    let lost = book.entries.iter().filter(|entry| entry.class != Class::Ok);
    Ok(lost.filter(|entry| had.iter().all(|began| began.id != entry.id)).count())
}

fn slow(stage: &mut Stage) -> Outcome<Vec<Gate>> {
    stage.begin(Load::default());
    // The p99 before is that of twice the usual time.
    stage.hold(stage.pace.before);
    let fault = Moment::now();
    stage.breaks();
    stage.make_victim(|conduct| conduct.service *= 20)?;
    stage.hold(stage.pace.during.max(Duration::from_secs(8)));
    stage.make_victim(|conduct| conduct.service /= 20)?;
    stage.heals();
    stage.hold(stage.pace.after);
    let book = stage.close()?;
    let healthy = healthy(&book, fault).quantile(0.99);
    let heal = stage.heal.unwrap_or_default();
    let later = book.between(fault.after(Duration::from_secs(4)), heal);
    let p99 = later.quantile(0.99);
    stage.note(format!(
        "p99 from the fifth second on {:.1} times that before",
        p99.as_secs_f64() / healthy.as_secs_f64().max(f64::EPSILON)
    ));
    // A machine that is busy with other things takes as long as the floor by itself; the slow one takes four times that.
    let slow = later.slower_than(healthy.mul_f64(1.5).max(FLOOR));
    Ok(vec![Gate::share("slow requests from the fifth second on", slow, later.entries.len(), 150)])
}

const FLOOR: Duration = Duration::from_millis(100);
