//! Connections that end, or half of them, where HTTP/1 allows it: after an answer, while idle, behind a request.

use std::time::Duration;

use evenkeel_testkit::Client;
use evenkeel_testkit::ledger::{Load, Method};
use evenkeel_testkit::stamping::{Conduct, Ends};

use crate::Outcome;
use crate::faults::scenario::{Gate, Scenario, Scenery};
use crate::faults::stage::Stage;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "half-close-client",
            what: "Clients end their sending side right behind a request, and wait for the answer.",
            goal: "All get their answer, as do all others.",
            play: half_close_by_clients,
            ..CLOSING
        },
        Scenario {
            name: "half-close-endpoint",
            what: "Endpoints end their sending side after each answer, without a word, and keep the rest open.",
            goal: "No GET is lost, and at most 1 % of POSTs: those that met the end on their way.",
            play: |stage| end_after_each(stage, Ends::Half),
            ..CLOSING
        },
        Scenario {
            name: "close-silently",
            what: "Endpoints close their connections after each answer, without a word.",
            goal: "No GET is lost, and at most 1 % of POSTs: those that met the end on their way.",
            play: |stage| end_after_each(stage, Ends::Silent),
            ..CLOSING
        },
        Scenario {
            name: "close-announced",
            what: "Endpoints answer one request for each connection, and say so.",
            goal: "Nothing is lost.",
            play: |stage| end_after_each(stage, Ends::Announced),
            ..CLOSING
        },
        Scenario {
            name: "stale-keep-alive",
            what: "The only endpoint closes idle connections after 20 ms, and a request comes every 20 ms.",
            goal: "No GET is lost; of POSTs only what had been sent when the end came.",
            scenery: || Scenery {
                origins: 1,
                conduct: Conduct { idle: STALE, ..Conduct::default() },
                ..Scenery::default()
            },
            play: stale,
            ..CLOSING
        },
    ]
}

const CLOSING: Scenario = Scenario { play: stale, ..Scenario::PLAIN };

fn half_close_by_clients(stage: &mut Stage) -> Outcome<Vec<Gate>> {
    stage.victim = None;
    stage.begin(Load::default());
    stage.breaks();
    let mut answered = 0;
    for _ in 0..CLIENTS {
        let mut client = Client::connect(stage.address())?;
        client.send(b"GET /bytes/10000 HTTP/1.1\r\nHost: ledger\r\n\r\n")?;
        client.finish_sending()?;
        let response = client.read_response(Duration::from_secs(5));
        answered += usize::from(response.is_ok_and(|r| r.status == 200 && r.body.len() == 10_000));
    }
    stage.heals();
    stage.note(format!("{answered} of {CLIENTS} were answered"));
    let book = stage.close()?;
    Ok(vec![
        Gate::new("clients without an answer", CLIENTS - answered, 0),
        Gate::new("GETs lost", book.lost(Method::Get), 0),
        Gate::new("POSTs lost", book.lost(Method::Post), 0),
    ])
}

fn end_after_each(stage: &mut Stage, ends: Ends) -> Outcome<Vec<Gate>> {
    stage.victim = None;
    stage.begin(Load::default());
    stage.breaks();
    stage.make_all(|conduct| conduct.ends = ends)?;
    stage.hold(stage.pace.during);
    stage.make_all(|conduct| conduct.ends = Ends::Kept)?;
    stage.heals();
    stage.hold(stage.pace.before);
    let book = stage.close()?;
    let share = if ends == Ends::Announced { 0 } else { 100 };
    Ok(vec![
        Gate::new("GETs lost", book.lost(Method::Get), 0),
        Gate::share("POSTs lost", book.lost(Method::Post), book.asked(Method::Post), share),
    ])
}

fn stale(stage: &mut Stage) -> Outcome<Vec<Gate>> {
    stage.victim = None;
    stage.begin(Load { rate: 50, posts: 2, ..Load::default() });
    stage.breaks();
    stage.hold(stage.pace.during);
    stage.heals();
    let book = stage.close()?;
    Ok(vec![Gate::new("GETs lost", book.lost(Method::Get), 0)])
}

const CLIENTS: usize = 30;

/// The time between two requests, to the letter.
const STALE: Duration = Duration::from_millis(20);
