//! Clients that ask for much and take little.

use std::time::Duration;

use evenkeel_testkit::Client;
use evenkeel_testkit::ledger::{Load, Method};

use crate::Outcome;
use crate::faults::scenario::{Gate, Scenario};
use crate::faults::stage::Stage;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "slow-readers",
        what: "Twenty clients ask for 8 MB each and read nothing of it for a while.",
        goal: "Nothing is lost, and the twenty get all of it in the end.",
        play,
        ..Scenario::PLAIN
    }]
}

fn play(stage: &mut Stage) -> Outcome<Vec<Gate>> {
    stage.victim = None;
    stage.begin(Load::default());
    stage.breaks();
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let mut client = Client::connect(stage.address())?;
        let request = format!("GET /bytes/{BYTES} HTTP/1.1\r\nHost: ledger\r\n\r\n");
        client.send(request.as_bytes())?;
        readers.push(client);
    }
    stage.hold(stage.pace.during);
    stage.heals();
    let book = stage.close()?;
    let mut whole = 0;
    for mut reader in readers {
        let response = reader.read_response(Duration::from_secs(20));
        whole += usize::from(response.is_ok_and(|response| response.body.len() == BYTES));
    }
    stage.note(format!("{whole} of {READERS} got all of it"));
    Ok(vec![
        Gate::new("GETs lost", book.lost(Method::Get), 0),
        Gate::new("POSTs lost", book.lost(Method::Post), 0),
        Gate::new("slow readers that did not get all", READERS - whole, 0),
    ])
}

const READERS: usize = 20;

/// More than the kernel keeps for both connections together.
const BYTES: usize = 8_000_000;
