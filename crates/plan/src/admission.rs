//! Who may come in at all: networks that are let in or kept out, and limits of rate and number. A listener has rules for
//! connections; listeners and routes have rules for requests. Asked by the proxy.

use std::net::IpAddr;
use std::sync::Arc;

use evenkeel_proto::head::RequestHead;

use crate::counters::{Counter, Sharded};
use crate::rate::{RateLimit, Told, ask};
use crate::time::Time;

mod crowd;
mod door;
mod networks;

pub use crowd::{Crowd, Entered, Presence};
pub use door::{ConnectionRate, Door, PerClient, Refusal, Seat, SeatLimit, Seats};
pub use networks::Networks;

/// What a listener or route asks of each request.
#[derive(Debug)]
pub struct Admission {
    /// Whose requests are answered.
    pub networks: Networks,
    /// All of them have to admit it; at most [`crate::limits::RATE_LIMITS_MAX`].
    pub limits: Box<[RateLimit]>,
    /// Outlives this plan; carried over by whoever makes the next one.
    pub counters: Arc<Sharded<AdmissionCounters>>,
}

/// What one worker counts about the rules of one listener or route.
#[derive(Debug, Default)]
pub struct AdmissionCounters {
    /// Requests from networks that are not served.
    pub denied: Counter,
    /// Requests that a rate limit refused.
    pub limited: Counter,
    /// Requests that a limit with `dry_run` would have refused.
    pub dry_run: Counter,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub enum Ruling<'a> {
    /// It goes on.
    Admitted {
        /// Whether a limit would have refused it that only counts.
        would_limit: bool,
        /// What the client is to be told, if anything.
        told: Option<Told<'a>>,
    },
    /// Its client is not served.
    Denied,
    /// There are too many of its kind.
    Limited(Told<'a>),
}

impl Admission {
    /// Whether `other` asks the same, and goes on with the same tables.
    pub fn is_same(&self, other: &Self) -> bool {
        self.networks == other.networks
            && self.limits.len() == other.limits.len()
            && self.limits.iter().zip(&other.limits).all(|(one, other)| one.is_same(other))
    }

    /// Rules on a request, whose client is `client` as far as it can be believed, and counts it for worker number `worker`.
    /// Allocates nothing.
    pub fn rule(&self, head: &RequestHead, client: IpAddr, now: Time, worker: usize) -> Ruling<'_> {
        let counters = self.counters.shard(worker);
        if !self.networks.admit(client) {
            counters.denied.add(1);
            return Ruling::Denied;
        }
        let said = ask(&self.limits, head, client, now);
        if let Some(told) = said.refused {
            counters.limited.add(1);
            return Ruling::Limited(told);
        }
        counters.dry_run.add(u64::from(said.would_refuse));
        Ruling::Admitted { would_limit: said.would_refuse, told: said.scarcest }
    }
}
