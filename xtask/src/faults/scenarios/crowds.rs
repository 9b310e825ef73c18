//! More connections than there are descriptors.

use std::time::Duration;

use evenkeel_testkit::Client;
use evenkeel_testkit::ledger::{Load, Method};

use crate::Outcome;
use crate::bench::contender::Contender;
use crate::faults::scenario::{Gate, Scenario, Scenery};
use crate::faults::stage::Stage;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "no-descriptors",
        what: "The balancer may open 96 descriptors, and 150 idle clients come; later they leave.",
        goal: "Nothing is lost: who is served already goes on, who comes waits until there is room. It does not spin.",
        // The others refuse to start, or need a limit of their own to get there.
        balancers: &[Contender::Evenkeel],
        scenery: || Scenery { descriptors: Some(96), ..Scenery::default() },
        play,
        ..Scenario::PLAIN
    }]
}

fn play(stage: &mut Stage) -> Outcome<Vec<Gate>> {
    stage.victim = None;
    stage.begin(Load { rate: 100, ..Load::default() });
    stage.breaks();
    let crowd: Result<Vec<Client>, _> =
        (0..CROWD).map(|_| Client::connect(stage.address())).collect();
    let crowd = crowd?;
    let before = stage.balancer.cpu_time()?;
    stage.hold(STAY);
    let spent = stage.balancer.cpu_time()?.saturating_sub(before);
    let share = spent.as_secs_f64() / STAY.as_secs_f64();
    drop(crowd);
    stage.heals();
    stage.hold(stage.pace.before);
    stage.note(format!("{:.0} % of a core meanwhile", share * 100.0));
    let book = stage.close()?;
    Ok(vec![
        Gate::new("GETs lost", book.lost(Method::Get), 0),
        Gate::new("POSTs lost", book.lost(Method::Post), 0),
        Gate::new("cores that were kept busy", usize::from(share > 0.8), 0),
    ])
}

const CROWD: usize = 150;

/// Less than what a client waits for: one that comes meanwhile is served when the crowd has left.
const STAY: Duration = Duration::from_millis(2500);
