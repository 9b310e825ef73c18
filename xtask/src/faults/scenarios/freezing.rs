//! Somebody falls silent: an origin, the network before it, or the balancer itself.

use std::time::Duration;

use evenkeel_testkit::Moment;
use evenkeel_testkit::ledger::{Load, Method};

use crate::Outcome;
use crate::faults::scenario::{Gate, Scenario, Scenery};
use crate::faults::stage::Stage;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "freeze",
            what: "One of three is stopped by SIGSTOP, so that it accepts and says nothing, and goes on later.",
            goal: "No GET is lost, and none takes more than 3 s.",
            play: |stage| {
                silence(stage, |stage, silent| match silent {
                    true => Ok(stage.victim()?.freeze()?),
                    false => Ok(stage.victim()?.thaw()?),
                })
            },
            ..Scenario::PLAIN
        },
        Scenario {
            name: "black-hole",
            what: "The cable to one of three is pulled: what is sent there vanishes. It is plugged in again.",
            goal: "No GET is lost, and none takes more than 3 s.",
            scenery: || Scenery { far: true, ..Scenery::default() },
            play: |stage| silence(stage, |stage, silent| stage.plug(!silent)),
            ..Scenario::PLAIN
        },
        Scenario {
            name: "freeze-balancer",
            what: "The balancer itself is stopped by SIGSTOP, and goes on later.",
            goal: "Nothing is lost, and no endpoint is taken for dead.",
            play: freeze_balancer,
            ..Scenario::PLAIN
        },
    ]
}

fn silence(
    stage: &mut Stage,
    silence: impl Fn(&mut Stage, bool) -> Outcome<()>,
) -> Outcome<Vec<Gate>> {
    stage.begin(Load::default());
    stage.breaks();
    silence(stage, true)?;
    stage.hold(stage.pace.during.max(Duration::from_secs(4)));
    silence(stage, false)?;
    stage.heals();
    stage.hold(stage.pace.after);
    let book = stage.close()?;
    let mut gets = book.clone();
    gets.entries.retain(|entry| entry.method == Method::Get);
    let slow = gets.slower_than(Duration::from_secs(3));
    stage.note(format!("{slow} GETs took more than 3 s"));
    Ok(vec![
        Gate::new("GETs lost", book.lost(Method::Get), 0),
        Gate::new("GETs that took more than 3 s", slow, 0),
    ])
}

/// The clients wait for longer than it is stopped, and what has come meanwhile is little enough to be caught up with.
fn freeze_balancer(stage: &mut Stage) -> Outcome<Vec<Gate>> {
    let stop = stage.pace.during.max(Duration::from_secs(3));
    let load = Load { rate: 60, deadline: stop + Duration::from_secs(5), ..Load::default() };
    stage.victim = None;
    stage.begin(load);
    stage.breaks();
    stage.balancer.freeze()?;
    stage.hold(stop);
    stage.balancer.thaw()?;
    stage.heals();
    stage.hold(stage.pace.after / 2);
    let not_up = stage.balancer.not_up()?;
    stage.hold(stage.pace.after / 2);
    let until = Moment::now();
    let book = stage.close()?;
    let window = Duration::from_secs(1);
    let mut least = usize::MAX;
    for origin in &stage.origins {
        let began = origin.journal()?;
        let recent =
            began.iter().filter(|began| until.since(began.at) <= window && began.at <= until);
        least = least.min(recent.count());
    }
    stage.note(format!("{least} requests to the least used in the last second"));
    let dead = not_up.len();
    not_up.into_iter().for_each(|endpoint| stage.note(endpoint));
    Ok(vec![
        Gate::new("GETs lost", book.lost(Method::Get), 0),
        Gate::new("POSTs lost", book.lost(Method::Post), 0),
        Gate::new("endpoints taken for dead", dead, 0),
    ])
}
