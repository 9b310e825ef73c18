//! A named set of endpoints, and how to use it.

use std::sync::Arc;
use std::time::Duration;

use crate::balance::{Balancer, Balancing, Census};
use crate::endpoint::{Endpoint, Labels};
use crate::health::{CheckKind, HealthCheck};
use crate::overload::{Limits, Room};
use crate::rebalance;
use crate::resilience::Resilience;
use crate::tls::Origination;

/// A named set of endpoints.
#[derive(Debug)]
pub struct Cluster {
    /// As the config names it.
    pub name: Box<str>,
    /// In the order of the config.
    pub endpoints: Vec<Endpoint>,
    /// Chooses among `endpoints`; built for exactly them.
    pub balancer: Balancer,
    /// The same for those of them that have certain labels, which a route may ask for.
    pub subsets: Vec<Balancer>,
    /// How the endpoints are checked: by all of these; empty when they are not.
    pub health: Vec<HealthCheck>,
    /// How its endpoints are spoken TLS with; `None` for clear text.
    pub tls: Option<Arc<Origination>>,
    /// Which version of HTTP its endpoints are asked in.
    pub http: HttpVersion,
    /// How long to wait for an endpoint.
    pub timeouts: UpstreamTimeouts,
    /// The field by which endpoints are told how much time is left, in milliseconds; `None` for none. Believed of a client that is a trusted
    /// proxy.
    pub deadline_header: Option<Box<str>>,
    /// Which idle connections are kept.
    pub pool: PoolLimits,
    /// What is done about failures.
    pub resilience: Resilience,
    /// How much work its endpoints get at a time, and what becomes of the rest.
    pub limits: Limits,
    /// How long-lived streams move to endpoints that joined later; `None` if they do not.
    pub rebalance: Option<rebalance::Settings>,
}

impl Cluster {
    /// A cluster with nothing but defaults, and without active checks.
    pub fn new(name: &str, balancing: Balancing, endpoints: Vec<Endpoint>) -> Self {
        Self {
            name: name.into(),
            balancer: Balancer::new(balancing, &endpoints),
            subsets: Vec::new(),
            endpoints,
            health: Vec::new(),
            tls: None,
            http: HttpVersion::default(),
            timeouts: UpstreamTimeouts::default(),
            deadline_header: None,
            pool: PoolLimits::default(),
            resilience: Resilience::default(),
            limits: Limits::default(),
            rebalance: None,
        }
    }

    /// Whether its endpoints serve calls of gRPC, as far as that is known: they are checked so.
    pub fn is_for_calls(&self) -> bool {
        self.health.iter().any(|check| matches!(check.kind, CheckKind::Grpc { .. }))
    }

    /// Endpoints that are not being drained are not, whatever was before: sessions may go on there. Said when the plan is in force.
    pub(crate) fn end_drains(&self) {
        let serving = self.endpoints.iter().filter(|endpoint| !endpoint.is_draining());
        serving.for_each(|endpoint| endpoint.life.vitals.end_drain());
    }

    /// From now on its endpoints get no more than this says. Said when the plan is in force; who waits looks again.
    pub(crate) fn enforce_limits(&self) {
        let most = self.in_flight_max();
        let vitals = self.endpoints.iter().map(|endpoint| &endpoint.life.vitals);
        vitals.for_each(|vitals| {
            vitals.limit_to(most);
            vitals.limit_connections_to(self.limits.connections);
        });
        self.rooms().for_each(Room::call_all);
    }

    /// How many attempts an endpoint may have in flight; `None` for any number.
    pub fn in_flight_max(&self) -> Option<u32> {
        self.limits.in_flight(self.http)
    }

    /// Where its requests wait: all but those of sessions in the first.
    pub fn rooms(&self) -> impl Iterator<Item = &Room> {
        let vitals = || self.endpoints.iter().map(|endpoint| &endpoint.life.vitals);
        let all = vitals().next().map(|vitals| &vitals.cluster().room);
        all.into_iter().chain(vitals().map(|vitals| &vitals.room))
    }

    /// With a subset for each of these sets of labels.
    #[must_use]
    pub fn with_subsets(mut self, labels: impl IntoIterator<Item = Labels>) -> Self {
        let subset = |labels| {
            let mut balancing = self.balancer.balancing().clone();
            balancing.eligibility.labels = labels;
            Balancer::new(balancing, &self.endpoints)
        };
        self.subsets = labels.into_iter().map(subset).collect();
        self
    }

    /// How the endpoints stand among which all are used because so few are well: those of the cluster, or of a subset that has too few.
    /// With the balancer that chooses among them.
    pub fn panicking(&self) -> Option<(&Balancer, Census)> {
        let balancers = std::iter::once(&self.balancer).chain(&self.subsets);
        let mut stands = balancers.map(|balancer| (balancer, balancer.census(&self.endpoints)));
        stands.find(|(_, census)| census.panics)
    }

    /// What chooses among the endpoints of a subset, or among all; `None` if there is no such subset.
    pub fn balancer_of(&self, subset: Option<usize>) -> Option<&Balancer> {
        match subset {
            None => Some(&self.balancer),
            Some(subset) => self.subsets.get(subset),
        }
    }
}

/// Which version of HTTP endpoints are asked in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HttpVersion {
    /// HTTP/1.1: one request after the other on each connection.
    #[default]
    Http1,
    /// HTTP/2: many at once on few connections. In clear text it is begun without asking (RFC 9113 §3.3); with TLS the endpoint has to choose
    /// it by ALPN.
    Http2,
    /// Whichever the endpoint chooses by ALPN, HTTP/2 if it speaks both; in clear text HTTP/1.1.
    Auto,
}

impl HttpVersion {
    /// What is offered by ALPN (RFC 7301 §6), the best first.
    pub const fn protocols(self) -> &'static [&'static [u8]] {
        match self {
            Self::Http1 => &[b"http/1.1"],
            Self::Http2 => &[b"h2"],
            Self::Auto => &[b"h2", b"http/1.1"],
        }
    }
}

/// How long an endpoint may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpstreamTimeouts {
    /// To accept a connection.
    pub connect: Duration,
    /// For the handshake of TLS after that.
    pub tls: Duration,
    /// From the request being sent to the first byte of the answer.
    pub first_byte: Duration,
    /// Without any byte moving in either direction, once the answer has begun.
    pub idle: Duration,
    /// For the whole exchange, from the request's head to the last byte of the answer; `None` for any time.
    pub exchange: Option<Duration>,
}

impl Default for UpstreamTimeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(1),
            tls: Duration::from_secs(5),
            first_byte: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            exchange: None,
        }
    }
}

/// Bounds of the pool of idle connections, per worker and endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// How long a connection may lie idle.
    pub idle: Duration,
    /// How many may lie idle at once.
    pub max_idle: usize,
    /// A connection that is older is not kept; `None` for any age.
    pub max_age: Option<Duration>,
    /// How many requests a connection may carry, at least one; `None` for any number.
    pub max_requests: Option<u32>,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self { idle: Duration::from_secs(60), max_idle: 256, max_age: None, max_requests: None }
    }
}

impl PoolLimits {
    /// Whether a connection of this age, which has carried so many requests, is to be kept no longer. `random` is its own and stays the
    /// same: it makes the connection end up to a tenth of `max_age` earlier, so that those which began together do not end together.
    pub fn are_reached(&self, age: Duration, requests: u32, random: u32) -> bool {
        let too_many = self.max_requests.is_some_and(|most| requests >= most);
        let too_old = |max_age: Duration| {
            let early = max_age.mul_f64(EARLIER_MAX * f64::from(random) / f64::from(u32::MAX));
            age >= max_age.saturating_sub(early)
        };
        too_many || self.max_age.is_some_and(too_old)
    }
}

/// The share of its age by which a connection may end earlier.
const EARLIER_MAX: f64 = 0.1;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::endpoint::Life;
    use crate::vitals::Standing;

    #[test]
    fn a_connection_has_served_its_time_at_its_age_or_up_to_a_tenth_earlier() {
        let limits = PoolLimits { max_age: Some(Duration::from_secs(100)), ..Default::default() };
        let reached = |seconds, random| limits.are_reached(Duration::from_secs(seconds), 1, random);
        assert!(!reached(99, 0) && reached(100, 0));
        assert!(!reached(94, u32::MAX / 2) && reached(96, u32::MAX / 2));
        assert!(!reached(89, u32::MAX) && reached(90, u32::MAX));
        let longest = PoolLimits { max_age: Some(Duration::MAX), ..limits };
        assert!(!longest.are_reached(Duration::from_secs(1 << 40), 1, u32::MAX));
    }

    #[test]
    fn a_connection_has_carried_enough_at_the_number_of_its_requests() {
        let limits = PoolLimits { max_requests: Some(3), ..Default::default() };
        let reached = |requests| limits.are_reached(Duration::MAX, requests, 0);
        assert_eq!([1, 2, 3, 4].map(reached), [false, false, true, true]);
        assert!(!PoolLimits::default().are_reached(Duration::MAX, u32::MAX, u32::MAX));
    }

    #[test]
    fn a_subset_with_nobody_well_panics_where_the_cluster_does_not() {
        let cluster = Arc::default();
        let version = |version: &str| Labels::from([("version".into(), version.into())]);
        let endpoint = |number: u32| Endpoint {
            labels: version(&number.to_string()),
            ..Endpoint::new("a:1", Some(([10, 0, 0, 1], 80).into()), Life::new(1, &cluster))
        };
        let endpoints = (1..=3).map(endpoint).collect();
        let cluster = Cluster::new("api", Balancing::default(), endpoints);
        let cluster = cluster.with_subsets([version("1"), version("2")]);
        assert!(cluster.panicking().is_none());
        cluster.endpoints[1].life.vitals.set_standing(Standing::Down);
        let (balancer, census) = cluster.panicking().unwrap();
        assert_eq!(balancer.balancing().eligibility.labels, version("2"));
        assert_eq!((census.all, census.well), (1, 0));
        cluster.endpoints[0].life.vitals.set_standing(Standing::Down);
        let (balancer, census) = cluster.panicking().unwrap();
        assert_eq!((balancer.balancing().eligibility.labels.len(), census.well), (0, 1));
    }
}
