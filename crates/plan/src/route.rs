//! Where a request goes: the routes of a listener, and the [`Router`] that finds the most specific one. The exchange asks it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use evenkeel_proto::grpc;

use crate::admission::Admission;
use crate::cluster::UpstreamTimeouts;
use crate::counters::{Counter, Counters, Sharded};

mod paths;
mod pattern;
mod router;
mod table;
mod targets;

pub use pattern::{HostPattern, PathPattern};
pub use router::{HOST_BYTES_MAX, Router};
pub(crate) use router::{bare_host, lower_case};
pub use targets::{Target, Targets};

/// What one worker counts about one route.
#[derive(Debug, Default)]
pub struct RouteCounters {
    /// Requests answered, by class of status (`[0]` is 1xx).
    pub requests: [Counter; 5],
    /// Streams that got through to an endpoint.
    pub streams: Counter,
    /// Calls of gRPC, by their status; nothing on a route that has none.
    calls: OnceLock<Box<Counters<{ grpc::Status::COUNT }>>>,
}

impl RouteCounters {
    /// Counts a call that has ended with this status.
    pub fn count_call(&self, status: grpc::Status) {
        self.calls.get_or_init(Box::default)[status.index()].add(1);
    }

    /// How many calls have ended with this status.
    pub fn calls(&self, status: grpc::Status) -> u64 {
        self.calls.get().map_or(0, |calls| calls[status.index()].count())
    }
}

/// Which requests go where.
#[derive(Debug)]
pub struct Route {
    /// Unique in its listener; labels metrics and logs.
    pub name: Box<str>,
    /// Whom the client has to ask for.
    pub host: HostPattern,
    /// What it has to ask for.
    pub path: PathPattern,
    /// Which protocols (RFC 7301) the client of a stream of TLS has to offer, one of these; empty for any, and for none.
    pub alpn: Box<[Box<str>]>,
    /// What is asked of each of its requests; `None` for nothing.
    pub admission: Option<Arc<Admission>>,
    /// Who answers.
    pub to: Targets,
    /// For the whole exchange: `None` is what the cluster says, `Some(None)` is any time.
    pub exchange_timeout: Option<Option<Duration>>,
    /// Whether calls of gRPC-Web are made calls of gRPC, and their answers answers of gRPC-Web.
    pub grpc_web: bool,
    /// Outlives this plan; carried over by whoever makes the next one.
    pub counters: Arc<Sharded<RouteCounters>>,
}

impl Route {
    /// The route of a listener that sends everything to the cluster at position `cluster` of [`crate::Plan::clusters`].
    /// `counters` gives those of a name.
    pub fn everything(
        cluster: usize,
        counters: impl FnOnce(&str) -> Arc<Sharded<RouteCounters>>,
    ) -> Self {
        let name = default_name(&HostPattern::Any, &PathPattern::Any, &[]);
        Self {
            counters: counters(&name),
            name: name.into(),
            host: HostPattern::Any,
            path: PathPattern::Any,
            alpn: Box::default(),
            admission: None,
            to: Targets::one(cluster),
            exchange_timeout: None,
            grpc_web: false,
        }
    }

    /// How long an endpoint of a cluster with `timeouts` may take on this route.
    pub fn timeouts(&self, timeouts: UpstreamTimeouts) -> UpstreamTimeouts {
        UpstreamTimeouts {
            exchange: self.exchange_timeout.unwrap_or(timeouts.exchange),
            ..timeouts
        }
    }

    /// Whether `other` takes the same requests to the same places, whatever was counted.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.name, &self.host, &self.path) == (&other.name, &other.host, &other.path)
            && (&self.to, self.exchange_timeout) == (&other.to, other.exchange_timeout)
            && (&self.alpn, self.grpc_web) == (&other.alpn, other.grpc_web)
            && match (&self.admission, &other.admission) {
                (Some(one), Some(other)) => one.is_same(other),
                (one, other) => one.is_none() && other.is_none(),
            }
    }
}

/// What a route is called that has no name of its own, such as `api.example.com/v1/*`, or `db.example.com[h2,imap]`.
pub fn default_name(host: &HostPattern, path: &PathPattern, alpn: &[Box<str>]) -> String {
    match host {
        host if !alpn.is_empty() => format!("{host}[{}]", alpn.join(",")),
        HostPattern::Any => path.to_string(),
        host => format!("{host}{path}"),
    }
}
