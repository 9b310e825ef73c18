//! Endpoints that come and go: one of three, again and again, or all at once.

use std::time::{Duration, Instant};

use evenkeel_testkit::Moment;
use evenkeel_testkit::ledger::{Class, Load, Method};

use crate::Outcome;
use crate::faults::scenario::{Gate, Scenario};
use crate::faults::stage::Stage;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "flapping-fast",
            what: "One of three is killed and comes back five times within the time between two checks.",
            play: |stage| flap(stage, 0.2),
            ..FLAPPING
        },
        Scenario {
            name: "flapping",
            what: "One of three is killed and comes back once in the time between two checks.",
            long_only: false,
            play: |stage| flap(stage, 1.0),
            ..FLAPPING
        },
        Scenario {
            name: "flapping-slowly",
            what: "One of three is killed and comes back once in the time of five checks.",
            play: |stage| flap(stage, 5.0),
            ..FLAPPING
        },
        Scenario {
            name: "all-down",
            what: "All three are killed, and come back.",
            goal: "Every request is answered in time, if only with a failure; once two checks have seen them, all with success.",
            long_only: false,
            play: all_down,
            ..FLAPPING
        },
    ]
}

const FLAPPING: Scenario = Scenario {
    name: "",
    what: "",
    goal: "No GET is lost; of POSTs those that it had when it died.",
    long_only: true,
    play: all_down,
    ..Scenario::PLAIN
};

/// Half of each period it is down.
fn flap(stage: &mut Stage, checks: f64) -> Outcome<Vec<Gate>> {
    let half = stage.pace.check.mul_f64(checks) / 2;
    stage.begin(Load::default());
    stage.breaks();
    let length = stage.pace.during.max(half * 4);
    let (began, mut deaths) = (Instant::now(), 0);
    while began.elapsed() < length {
        stage.victim()?.kill()?;
        deaths += 1;
        stage.hold(half);
        stage.victim()?.revive()?;
        stage.hold(half);
    }
    stage.heals();
    stage.hold(stage.pace.after);
    stage.note(format!("it died {deaths} times"));
    let book = stage.close()?;
    Ok(vec![
        Gate::new("GETs lost", book.lost(Method::Get), 0),
        Gate::new("POSTs lost", book.lost(Method::Post), AT_HAND * deaths),
    ])
}

fn all_down(stage: &mut Stage) -> Outcome<Vec<Gate>> {
    stage.victim = None;
    stage.begin(Load::default());
    stage.breaks();
    for origin in &mut stage.origins {
        origin.kill()?;
    }
    stage.hold(stage.pace.during);
    for origin in &mut stage.origins {
        origin.revive()?;
    }
    stage.heals();
    // Two checks have to see them, and the second comes up to a fifth later than it would.
    let back = Moment::now().after(stage.pace.check * 3);
    stage.hold(stage.pace.check * 3 + stage.pace.after);
    let end = Moment::now();
    let book = stage.close()?;
    let later = book.between(back, end);
    let first = book.entries.iter().filter(|entry| entry.class != Class::Ok);
    let first = first.map(|entry| entry.took).min().unwrap_or_default();
    stage.note(format!("the quickest failure took {:.1} ms", first.as_secs_f64() * 1e3));
    let lost = later.lost(Method::Get) + later.lost(Method::Post);
    let hanging = book.slower_than(Duration::from_secs(4));
    Ok(vec![
        Gate::new("requests without an answer within 4 s", hanging, 0),
        Gate::new("requests lost when all were back", lost, 0),
    ])
}

/// As many POSTs as it can have, at work and waiting, when it dies.
const AT_HAND: usize = 8;
