//! A config that changes all the time, and is wrong now and then.

use std::time::Duration;

use evenkeel_testkit::ledger::{Load, Method};

use crate::Outcome;
use crate::faults::scenario::{Gate, Scenario};
use crate::faults::stage::Stage;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "reload",
        what: "The config is reloaded again and again: an endpoint goes, it comes back, the file is wrong, and so on.",
        goal: "Nothing is lost.",
        play,
        ..Scenario::PLAIN
    }]
}

fn play(stage: &mut Stage) -> Outcome<Vec<Gate>> {
    let (reloads, between) = match stage.pace.is_long {
        true => (60, Duration::from_secs(1)),
        false => (12, Duration::from_millis(300)),
    };
    let contender = stage.balancer.contender;
    let all = stage.balancer.setup.endpoints.clone();
    stage.victim = None;
    stage.begin(Load::default());
    stage.breaks();
    for number in 0..reloads {
        match number % 3 {
            0 => stage.balancer.setup.endpoints.truncate(2),
            1 => stage.balancer.setup.endpoints.clone_from(&all),
            _ => {}
        }
        match number % 3 {
            2 => stage.balancer.setup.write_wrong()?,
            _ => stage.balancer.setup.write(contender).map(drop)?,
        }
        stage.balancer.reload()?;
        stage.hold(between);
    }
    stage.balancer.setup.endpoints = all;
    stage.balancer.setup.write(contender)?;
    stage.balancer.reload()?;
    stage.heals();
    stage.hold(stage.pace.before);
    stage.note(format!("{reloads} reloads"));
    let book = stage.close()?;
    Ok(vec![
        Gate::new("GETs lost", book.lost(Method::Get), 0),
        Gate::new("POSTs lost", book.lost(Method::Post), 0),
    ])
}
