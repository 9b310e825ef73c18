//! How much memory of a contender a kept connection costs that was answered once and now rests.

use std::time::Duration;

use evenkeel_testkit::Client;

use super::case::Case;
use super::contender::Contender;
use super::protocol::Protocol;
use super::running::{Origins, Running};
use crate::Outcome;

/// Growth of the proportional set size per connection, in bytes.
pub(super) fn measure(contender: Contender, protocol: &Protocol) -> Outcome<f64> {
    eprintln!("memory of {contender}");
    let origins = Origins::start(Case::Small)?;
    let running = Running::start(contender, protocol, origins.ports)?;
    // What is needed once is not what a connection costs.
    running.load(Case::Small.load(), 1)?;
    let before = running.resting_pss_bytes()?;
    let mut clients = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let mut client = running.connect()?;
        expect_answer(&mut client)?;
        clients.push(client);
    }
    let after = running.resting_pss_bytes()?;
    // A contender that drops idle connections would look thrifty.
    clients.iter_mut().try_for_each(expect_answer)?;
    drop(clients);
    running.end()?;
    Ok((after as f64 - before as f64) / CONNECTIONS as f64)
}

fn expect_answer(client: &mut Client) -> Outcome<()> {
    let response = client.exchange(b"GET / HTTP/1.1\r\nHost: idle.test\r\n\r\n", ANSWER_WITHIN)?;
    match response.status {
        200 => Ok(()),
        status => Err(format!("an idle connection was answered {status}").into()),
    }
}

/// Enough that one page more or less is a byte per connection.
const CONNECTIONS: usize = 5_000;

const ANSWER_WITHIN: Duration = Duration::from_secs(10);
