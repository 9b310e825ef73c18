//! What is left to be said of an exchange that does not come to its own end: its connection is gone, or a panic ends it. Made by the connection for each.

use std::thread;

use evenkeel_plan::counters::Sharded;
use evenkeel_plan::listener::ListenerCounters;

use super::Connection;
use super::account::Past;
use crate::exchange::{Ended, Progress};

/// Accounts for an exchange, also if that is dropped in the middle.
pub(super) struct Testament<'a> {
    connection: &'a Connection,
    /// Those of the listener in whose world the exchange is.
    counters: &'a Sharded<ListenerCounters>,
    /// As far as it is known before the end.
    past: Past<'a>,
    is_over: bool,
}

impl<'a> Testament<'a> {
    pub(super) fn new(
        connection: &'a Connection,
        counters: &'a Sharded<ListenerCounters>,
        past: Past<'a>,
    ) -> Self {
        Self { connection, counters, past, is_over: false }
    }

    /// The exchange has come to its end.
    pub(super) fn ends(mut self, ended: Ended<'a>) {
        self.is_over = true;
        self.connection.account(self.counters, &Past { ended, ..self.past });
    }

    /// It goes on as something else.
    pub(super) fn revoke(mut self) {
        self.is_over = true;
    }
}

impl Drop for Testament<'_> {
    fn drop(&mut self) {
        let Self { connection, counters, past, is_over } = self;
        if thread::panicking() {
            let request_id = String::from_utf8_lossy(past.request_id).into();
            connection.victim.replace(Some(request_id));
        } else if let Some(reason) = connection.lost.get().filter(|_| !*is_over) {
            let known = past.progress.map_or(past.ended, Progress::cut);
            let failure = known.failure.or(Some(reason));
            let are_counted = past.ended.are_counted;
            past.ended = Ended { failure, broken: true, are_counted, ..known };
            if let (Some(200), Some(call)) = (known.status, past.call()) {
                past.ended.status = Some(call.as_http());
            }
            connection.account(counters, past);
        }
    }
}
