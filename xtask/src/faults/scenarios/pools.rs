//! Pools of idle connections that are small, and whose connections soon end.

use std::time::Duration;

use evenkeel_testkit::ledger::{Load, Method};
use evenkeel_testkit::{Client, Moment, StampingOrigin, wait_until};

use crate::Outcome;
use crate::bench::contender::Contender;
use crate::faults::scenario::{Gate, Scenario, Scenery};
use crate::faults::stage::Stage;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "pool-limits",
        what: "Connections to endpoints end after twenty requests or four seconds, and each worker keeps two. Sixty clients ask at once.",
        goal: "Nothing is lost, and endpoints have no more connections than that.",
        // The others have no such bounds, or others.
        balancers: &[Contender::Evenkeel],
        scenery: || Scenery {
            pool: Some(r#"{ max_idle = 2, max_age = "4s", max_requests = 20 }"#),
            ..Scenery::default()
        },
        play,
        ..Scenario::PLAIN
    }]
}

fn play(stage: &mut Stage) -> Outcome<Vec<Gate>> {
    stage.victim = None;
    let before = stage.balancer.connects()?;
    stage.begin(Load::default());
    stage.hold(stage.pace.during);
    let (now, connects) = (Moment::now(), stage.balancer.connects()?.saturating_sub(before));
    stage.breaks();
    let answered = crowd(stage)?;
    let idle = idle_after_crowd(stage);
    stage.heals();
    stage.hold(stage.pace.before);
    let book = stage.close()?;
    let asked = book.between(Moment::default(), now).entries.len();
    let old = connections_left(stage);
    stage.note(format!("{connects} connections for {asked} requests, {idle} idle after the crowd"));
    Ok(vec![
        Gate::new("GETs lost", book.lost(Method::Get), 0),
        Gate::new("POSTs lost", book.lost(Method::Post), 0),
        Gate::new("clients of the crowd without an answer", CROWD - answered, 0),
        Gate::new("requests for each connection", asked.div_ceil(connects.max(1)), REQUESTS_MAX),
        Gate::new("idle connections", idle, IDLE_MAX),
        Gate::new("connections that are too old", old, 0),
    ])
}

/// Asks for so much at once that many connections to endpoints are needed; how many are answered.
fn crowd(stage: &Stage) -> Outcome<usize> {
    let clients: Result<Vec<Client>, _> =
        (0..CROWD).map(|_| Client::connect(stage.address())).collect();
    let mut clients = clients?;
    for client in &mut clients {
        client.send(b"GET /bytes/1000 HTTP/1.1\r\nHost: ledger\r\n\r\n")?;
    }
    let answers = clients.iter_mut().map(|client| client.read_response(PATIENCE));
    Ok(answers.filter(|answer| answer.as_ref().is_ok_and(|it| it.status == 200)).count())
}

/// How many connections have nothing to do, at least, within the time in which none grows too old.
fn idle_after_crowd(stage: &mut Stage) -> usize {
    let mut least = usize::MAX;
    // The others come and go meanwhile; what is left is the finding.
    drop(wait_until(SOON, || {
        least = least.min(count(stage, |(open, busy)| open.saturating_sub(busy)));
        least <= IDLE_MAX
    }));
    least
}

/// How many connections are there still, when all must have grown too old.
fn connections_left(stage: &mut Stage) -> usize {
    let mut left = 0;
    drop(wait_until(PATIENCE, || {
        left = count(stage, |(open, _)| open);
        left == 0
    }));
    left
}

/// The sum over all origins of what `of` makes of how many connections each has, and how many requests.
fn count(stage: &mut Stage, of: impl Fn((u32, u32)) -> u32) -> usize {
    let counts = stage.origins.iter_mut().map(StampingOrigin::count);
    // One that does not say has as many as there can be.
    counts.map(|count| count.map_or(CROWD, |count| of(count) as usize)).sum()
}

const CROWD: usize = 60;

const REQUESTS_MAX: usize = 20;

/// Two for each of two workers and three origins, and a check at each.
const IDLE_MAX: usize = 15;

/// Before the end of `max_age`, and after what is more than may be idle has rested for long enough.
const SOON: Duration = Duration::from_millis(2_700);

/// Longer than connections live, and the sweep that ends those that are idle takes to come.
const PATIENCE: Duration = Duration::from_secs(7);
