//! A connection to an endpoint, and how much it has been used. Made by whoever connects; goes from attempt to pool and back.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

use evenkeel_plan::endpoint::Life;
use evenkeel_plan::vitals::Slot;

use super::pool::Demands;
use crate::io::Io;

/// A connection to an endpoint, with or without exchanges on it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) io: Io,
    connected: Instant,
    /// How many requests it was given.
    requests: Cell<u32>,
    /// How much earlier than others it ends: see [`evenkeel_plan::cluster::PoolLimits::are_reached`].
    random: u32,
    /// Given back when the connection is closed, as fields are dropped in their order.
    slot: Slot<Arc<Life>>,
}

impl Link {
    /// One that was `connected` just now.
    pub(crate) fn new(io: Io, slot: Slot<Arc<Life>>, connected: Instant, random: u64) -> Self {
        // Half of a random number is one, too.
        Self { io, connected, requests: Cell::new(0), random: random as u32, slot }
    }

    /// Gives it one more request. Returns whether it is not the first, so that the endpoint may have closed it in the meantime.
    pub(crate) fn give_request(&self) -> bool {
        let before = self.requests.get();
        self.requests.set(before.saturating_add(1));
        before > 0
    }

    /// Whether it is too old, or has carried enough requests, to be given another one; or its endpoint has proved who it is by what may be
    /// believed no more.
    pub(super) fn has_served(&self, demands: Demands<'_>, now: Instant) -> bool {
        let age = now.saturating_duration_since(self.connected);
        demands.limits.are_reached(age, self.requests.get(), self.random)
            || self.io.edition() != demands.edition
    }

    /// Whether it may be given another request, as far as can be seen while nothing is on it.
    pub(super) fn is_fit(&self, demands: Demands<'_>, now: Instant) -> bool {
        !self.has_served(demands, now) && self.io.is_quiet()
    }

    /// Whether it is in the way while nothing is on it: its endpoint has as many connections as it may, and another one is wanted.
    pub(super) fn is_in_the_way(&self) -> bool {
        self.slot.of().vitals.is_crowded()
    }
}
