//! One address in a cluster, with what is known and counted about it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::counters::{Counter, Histogram, Sharded};
use crate::mention::Mention;
use crate::time::Time;
use crate::vitals::{ClusterVitals, Lease, Leased, Standing, Vitals};

/// One address in a cluster.
#[derive(Debug)]
pub struct Endpoint {
    /// As the config writes it, such as `127.0.0.1:9001` or `db.internal:5432`; labels metrics and logs.
    pub name: Box<str>,
    /// Where to connect; `None` until the name resolves.
    pub address: Option<SocketAddr>,
    /// Its share of the work relative to the others, at most [`crate::limits::WEIGHT_MAX`]; 0 takes no work.
    pub weight: u32,
    /// Used only while no other endpoint can be.
    pub backup: bool,
    /// Which endpoints it stands in for: those of a level get work only as far as those of lower numbers cannot do it.
    pub priority: u8,
    /// Where it is, for balancers that prefer what is near.
    pub zone: Option<Box<str>>,
    /// What routes may choose by, sorted by name.
    pub labels: Labels,
    /// What an operator has said about it, whatever the checks say; `None` leaves it to them.
    pub forced: Option<Forced>,
    /// What outlives this plan: carried over by whoever makes the next one.
    pub life: Arc<Life>,
}

/// Names and values, sorted by name, each name once.
pub type Labels = Box<[(Box<str>, Box<str>)]>;

/// An operator's word about an endpoint, which is stronger than that of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forced {
    /// No new work; what runs finishes.
    Drain,
    /// Counts as up.
    Up,
    /// Counts as down.
    Down,
}

/// The part of an endpoint that outlives a plan. Keyed by (cluster, endpoint name), never by address alone:
/// two clusters that share an address must not push each other over a threshold.
#[derive(Debug)]
pub struct Life {
    /// Shared by all workers.
    pub vitals: Vitals,
    /// One shard for each worker.
    pub counters: Sharded<EndpointCounters>,
    /// That it breaks the rules of HTTP.
    pub breaks_rules: Mention,
}

/// What one worker counts about one endpoint.
#[derive(Debug, Default)]
pub struct EndpointCounters {
    /// Attempts begun, those that could not connect included.
    pub attempts: Counter,
    /// Answers by class of status: 1xx is never final, so `[0]` is 1xx and stays 0, up to `[4]` for 5xx.
    pub responses: [Counter; 5],
    /// Attempts that were not the first of their exchange.
    pub retries: Counter,
    /// Attempts that were sent while another one of their exchange waited.
    pub hedges: Counter,
    /// Of these, those that were answered first.
    pub hedge_wins: Counter,
    /// Attempts that failed by the endpoint's fault, some of them after an answer had begun.
    pub failures: Counter,
    /// Answers whose status says that the endpoint, or what stands behind it, has failed: see `responses` for all.
    pub faults: Counter,
    /// Answers that are no faults, of which it is known how long they took: see [`EndpointCounters::time`].
    pub timed: Counter,
    /// How long these took together, in nanoseconds.
    pub took: Counter,
    /// Attempts that were given up while nothing of an answer had come: by the client, or because the time was over.
    pub given_up: Counter,
    /// How often more of an answer came, after its head.
    pub pieces: Counter,
    /// Long-lived streams that were ended for their clients to come back to an endpoint that joined later.
    pub moved: Counter,
    /// How often the breaker opened.
    pub breaks: Counter,
    /// Connections opened.
    pub connects: Counter,
    /// Connections that could not be opened.
    pub connect_failures: Counter,
    /// Attempts that found an idle connection in the pool.
    pub reuses: Counter,
    /// Answers to the question how much it has to do, which `prequal` asks.
    pub load_reports: Counter,
    /// Such questions to which there was no answer that could be understood.
    pub load_silences: Counter,
    /// From the request's first byte sent to the answer's head received.
    pub first_byte: Histogram,
}

impl EndpointCounters {
    /// An answer that is no fault came so long after the endpoint had all of the request.
    pub fn time(&self, took: Duration) {
        self.timed.add(1);
        self.took.add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }
}

impl Life {
    /// A new life in a cluster, with room for `workers` workers to count in.
    pub fn new(workers: usize, cluster: &Arc<ClusterVitals>) -> Arc<Self> {
        let vitals = Vitals::new(Arc::clone(cluster));
        Arc::new(Self { vitals, counters: Sharded::new(workers), breaks_rules: Mention::default() })
    }
}

/// A lease that keeps its endpoint's life, and nothing else of the plan: for what may run when many plans have come and gone.
pub type LongLease = Lease<Arc<Life>>;

impl Leased for Arc<Life> {
    fn vitals(&self) -> &Vitals {
        &self.vitals
    }
}

impl Endpoint {
    /// An endpoint with nothing but defaults.
    pub fn new(name: &str, address: Option<SocketAddr>, life: Arc<Life>) -> Self {
        Self {
            name: name.into(),
            address,
            weight: 1,
            backup: false,
            priority: 0,
            zone: None,
            labels: Labels::default(),
            forced: None,
            life,
        }
    }

    /// Whether it counts as up: an operator says so, or says nothing and no check speaks against it.
    pub fn is_up(&self) -> bool {
        match self.forced {
            Some(forced) => forced == Forced::Up,
            None => self.life.vitals.standing() != Standing::Down,
        }
    }

    /// Whether it may get work, were it well: it has an address, weighs something, and no operator speaks against it.
    pub fn is_in_service(&self) -> bool {
        let barred = matches!(self.forced, Some(Forced::Drain | Forced::Down));
        self.address.is_some() && self.weight > 0 && !barred
    }

    /// Whether a session that was here goes on here at `now`. That of an endpoint that is being drained does, for a while.
    pub fn keeps_sessions(&self, drain: Duration, now: Time) -> bool {
        let vitals = &self.life.vitals;
        let fit = match self.forced {
            Some(Forced::Down) => false,
            Some(Forced::Up) => true,
            Some(Forced::Drain) | None => vitals.standing() != Standing::Down,
        };
        fit && self.address.is_some()
            && !vitals.is_avoided(now)
            && (!self.is_draining() || now.since(vitals.drained_since(now)) < drain)
    }

    /// Whether it finishes what it has, and gets nothing new.
    pub fn is_draining(&self) -> bool {
        self.forced == Some(Forced::Drain) || self.weight == 0
    }

    /// Whether it is up, and has not refused anybody a moment ago.
    pub fn is_well(&self, now: Time) -> bool {
        self.is_up() && !self.life.vitals.is_avoided(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_lease_counts_until_it_is_dropped_and_keeps_the_life() {
        let life = Life::new(1, &Arc::default());
        let lease = LongLease::new(Arc::clone(&life));
        assert_eq!((life.vitals.in_flight(), Arc::strong_count(&life)), (1, 2));
        let short = life.vitals.lease();
        assert_eq!(lease.of().vitals.in_flight(), 2);
        drop((lease, short));
        assert_eq!((life.vitals.in_flight(), Arc::strong_count(&life)), (0, 1));
    }
}
