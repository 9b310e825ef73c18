//! What `/api/v1/status` answers, as types: the admin API writes them, the command line and the tests read them.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// The whole balancer at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The version of the program.
    pub version: String,
    /// Since the start.
    pub uptime_seconds: f64,
    /// How many plans have been published.
    pub generation: u64,
    /// How many workers carry the traffic.
    pub workers: usize,
    /// Whether `/readyz` says yes.
    pub ready: bool,
    /// Whether it is shutting down.
    pub draining: bool,
    /// In the order of the config.
    pub listeners: Vec<ListenerStatus>,
    /// In the order of the config.
    pub clusters: Vec<ClusterStatus>,
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListenerStatus {
    /// As the config names it.
    pub name: String,
    /// Where it listens, as the config writes it.
    pub binds: Vec<String>,
    /// The cluster that answers.
    pub cluster: String,
    /// Connections accepted so far.
    pub connections: u64,
    /// Connections open now.
    pub active: i64,
    /// Requests answered so far.
    pub requests: RequestsByClass,
}

/// Answers by class of status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestsByClass {
    /// 100 to 199; 101 alone ends an exchange.
    #[serde(rename = "1xx")]
    pub informational: u64,
    /// 200 to 299.
    #[serde(rename = "2xx")]
    pub successful: u64,
    /// 300 to 399.
    #[serde(rename = "3xx")]
    pub redirected: u64,
    /// 400 to 499.
    #[serde(rename = "4xx")]
    pub client_error: u64,
    /// 500 to 599.
    #[serde(rename = "5xx")]
    pub server_error: u64,
}

/// One cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterStatus {
    /// As the config names it.
    pub name: String,
    /// How it chooses among its endpoints.
    pub algorithm: String,
    /// In the order of the config.
    pub endpoints: Vec<EndpointStatus>,
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndpointStatus {
    /// As the config writes it.
    pub name: String,
    /// Where it is; `None` while its name does not resolve.
    pub address: Option<SocketAddr>,
    /// Whether it gets work.
    pub state: EndpointState,
    /// Why it is in that state, for a person, such as `connection refused (3 of 3)`.
    pub reason: Option<String>,
    /// Since when it stands there, in seconds of Unix time; `None` before the first check.
    pub since_unix_seconds: Option<f64>,
    /// Its share of the work relative to the others.
    pub weight: u32,
    /// Used only while no other endpoint can be.
    pub backup: bool,
    /// Attempts running now.
    pub in_flight: u32,
    /// Attempts so far, answered or not.
    pub requests: u64,
    /// Attempts that got no answer.
    pub failures: u64,
    /// From the request sent to the answer's head; `None` before the first answer.
    pub latency: Option<Latency>,
    /// The latest check; `None` before it.
    pub last_check: Option<LastCheck>,
}

/// Whether an endpoint gets work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndpointState {
    /// The checks say yes.
    Up,
    /// The checks say no.
    Down,
    /// There are no checks, or none has finished: counts as up.
    Unchecked,
    /// Its name has no address yet.
    Unresolved,
}

/// How long answers took since the start. The quantiles are estimates from buckets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The arithmetic mean; exact.
    pub mean_seconds: f64,
    /// Half are faster.
    pub p50_seconds: f64,
    /// Nine of ten are faster.
    pub p90_seconds: f64,
    /// 99 of 100 are faster.
    pub p99_seconds: f64,
}

/// The latest check of an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastCheck {
    /// Whether it passed.
    pub passed: bool,
    /// How it ended, for a person, such as `status 503, expected 200-399`.
    pub detail: String,
    /// When it ended, in seconds of Unix time.
    pub at_unix_seconds: f64,
    /// How long it took.
    pub took_seconds: f64,
}

impl RequestsByClass {
    /// All of them.
    pub fn total(&self) -> u64 {
        let Self { informational, successful, redirected, client_error, server_error } = self;
        informational + successful + redirected + client_error + server_error
    }
}

impl From<[u64; 5]> for RequestsByClass {
    fn from(counts: [u64; 5]) -> Self {
        let [informational, successful, redirected, client_error, server_error] = counts;
        Self { informational, successful, redirected, client_error, server_error }
    }
}
