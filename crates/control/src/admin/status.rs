//! What `/api/v1/status` answers, as types: the admin API writes them, the command line and the tests read them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AcmeStatus, TlsStatus};

/// The whole balancer at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
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
    /// The upper bounds of the buckets in `latency_counts`, rising; one more bucket has no bound.
    pub latency_bounds_seconds: Vec<f64>,
    /// In the order of the config.
    pub listeners: Vec<ListenerStatus>,
    /// In the order of the config.
    pub clusters: Vec<ClusterStatus>,
    /// Endpoints that are gone from the config and still have something in flight.
    pub leaving: Vec<LeavingStatus>,
    /// Where the config comes from, and what became of the last reload.
    pub config: ConfigStatus,
    /// What the admin API has changed on top of the file.
    pub overrides: Vec<OverrideStatus>,
    /// Certificates that are ordered from authorities, in the order of their names.
    pub acme: Vec<AcmeStatus>,
}

/// An endpoint that is gone from the config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeavingStatus {
    /// The cluster that it was in.
    pub cluster: String,
    /// As the config wrote it.
    pub endpoint: String,
    /// Attempts still running.
    pub in_flight: u32,
}

/// The config in force, and how it came to be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConfigStatus {
    /// The file; null when it was given on the command line.
    pub source: Option<String>,
    /// Changes with every change of the config, whether of the file or of the overrides; never seen twice. `If-Match` takes it.
    pub revision: String,
    /// The last reload; null before the first.
    pub last_reload: Option<LastReload>,
    /// Whether the file as it stands was refused: what runs is not what it says.
    pub refused: bool,
    /// What the config says and only the next start does; most often nothing.
    pub restart_pending: Vec<RestartPending>,
}

/// A key of the config that takes effect at the next start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RestartPending {
    /// Its name, such as `workers`.
    pub key: String,
    /// What there is until then.
    pub running: String,
    /// What there is from then on.
    pub wanted: String,
}

/// One reload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LastReload {
    /// When, in seconds of Unix time.
    pub at_unix_seconds: f64,
    /// What asked for it.
    pub trigger: Trigger,
    /// What became of it.
    pub result: ReloadResult,
    /// What changed, one line each: `+` came, `-` went, `~` is different now. Of more than a hundred the first.
    pub changes: Vec<String>,
    /// Why it was refused, for a person; several lines, at most 4 KiB.
    pub problem: Option<String>,
}

/// What asked for a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// HUP.
    Signal,
    /// The file has changed.
    File,
    /// The admin API, and so `evenkeel reload`.
    Api,
}

/// What became of a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReloadResult {
    /// The config is in force.
    Applied,
    /// It was in force already.
    Unchanged,
    /// It cannot be used; what was in force before still is.
    Refused,
}

/// One endpoint that the admin API has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OverrideStatus {
    /// The cluster.
    pub cluster: String,
    /// The endpoint's name in it.
    pub endpoint: String,
    /// What was changed, for a person: `added`, `removed`, `weight 3`, `drained`, `up`, `down`; several joined by commas.
    pub text: String,
    /// Whether it changes nothing as the file stands now: the endpoint or the cluster is gone from it, or it says the same.
    pub idle: bool,
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ListenerStatus {
    /// As the config names it.
    pub name: String,
    /// Where it listens, as the config writes it.
    pub binds: Vec<String>,
    /// The cluster that gets what no other route takes; `None` if nothing does, or if several share it.
    pub cluster: Option<String>,
    /// Who gets what, in the order of the config; the listener's own `to` is the last.
    pub routes: Vec<RouteStatus>,
    /// Connections accepted so far.
    pub connections: u64,
    /// Connections open now.
    pub active: i64,
    /// Connections that were closed as soon as they were accepted.
    pub refused: RefusedStatus,
    /// Requests answered so far.
    pub requests: RequestsByClass,
    /// Streams that got through to an endpoint so far; null where requests come in.
    pub streams: Option<u64>,
    /// The port of https that every request is sent to instead of being served; null where requests are served.
    pub redirect_to_https: Option<u16>,
    /// Requests that its rules refused.
    pub admission: AdmissionStatus,
    /// How it speaks TLS with its clients; null if it speaks in clear text.
    pub tls: Option<TlsStatus>,
}

/// Connections that were closed as soon as they were accepted, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedStatus {
    /// From networks that are not served.
    pub denied: u64,
    /// More in some time than a client may open.
    pub rate: u64,
    /// More than a client may have.
    pub per_client: u64,
}

impl RefusedStatus {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.denied + self.rate + self.per_client
    }
}

/// Requests that the rules of a listener or of a route refused so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdmissionStatus {
    /// From networks that are not served.
    pub denied: u64,
    /// More than a rate limit allows.
    pub limited: u64,
    /// Let through, although a limit with `dry_run` would have refused them.
    pub dry_run: u64,
}

impl ListenerStatus {
    /// Where its requests go, in a few words: `api`, `12 routes`, `12 routes, else api`, or `https :443 by redirect`.
    pub fn leads_to(&self) -> String {
        if let Some(port) = self.redirect_to_https {
            return format!("https :{port} by redirect");
        }
        let others = self.routes.len() - usize::from(self.cluster.is_some()).min(self.routes.len());
        let routes = if others == 1 { "1 route".to_owned() } else { format!("{others} routes") };
        match &self.cluster {
            Some(cluster) if others == 0 => cluster.clone(),
            Some(cluster) => format!("{routes}, else {cluster}"),
            None => routes,
        }
    }
}

/// One route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RouteStatus {
    /// As the config names it, or else its host and path.
    pub name: String,
    /// Such as `api.example.com` or `*.example.com`; `*` is any host.
    pub host: String,
    /// Such as `/v1` or `/v1/*`; `/*` is any path.
    pub path: String,
    /// The clusters that answer.
    pub to: Vec<TargetStatus>,
    /// What endpoints of these have to be labelled with.
    pub labels: BTreeMap<String, String>,
    /// Requests answered so far.
    pub requests: RequestsByClass,
    /// Streams that got through to an endpoint so far; null where requests come in.
    pub streams: Option<u64>,
    /// Requests that its rules refused; those that the listener refused are not among them.
    pub admission: AdmissionStatus,
}

/// One of the clusters of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TargetStatus {
    /// As the config names it.
    pub cluster: String,
    /// Its share relative to the others.
    pub weight: u32,
}

/// Answers by class of status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClusterStatus {
    /// As the config names it.
    pub name: String,
    /// How it chooses among its endpoints.
    pub algorithm: String,
    /// How many endpoints are in service: with an address and a weight, not drained, and no backups.
    pub in_service: usize,
    /// How many of these are well.
    pub well: usize,
    /// Why all that are in service get work, and not only those that are well, for a person; null while that is not so. Such as
    /// `2 of 6 are well, fewer than 34%: all are used`.
    pub panic: Option<String>,
    /// How many endpoints get work now, backups among them: those that are well, and others where too few or none are.
    pub working: usize,
    /// Why endpoints get work that are not well although they are no worse than ejected, suspect or tripped, for a person; null while that
    /// is not so. Such as `all breakers are open: any may get work`.
    pub last_resort: Option<String>,
    /// Requests that wait until an endpoint has room.
    pub pending: u32,
    /// Requests that found no room so far.
    pub shed: ShedStatus,
    /// In the order of the config.
    pub endpoints: Vec<EndpointStatus>,
    /// How it speaks TLS with its endpoints; null for one that does not.
    pub tls: Option<TlsStatus>,
}

/// Requests that were refused because the endpoints of their cluster had as much as they may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShedStatus {
    /// There was no room to wait in either.
    pub overloaded: u64,
    /// They waited in vain.
    pub pending_timeout: u64,
}

impl ShedStatus {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.overloaded + self.pending_timeout
    }
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EndpointStatus {
    /// As the config writes it.
    pub name: String,
    /// Where it is; null while its name does not resolve.
    #[schema(value_type = Option<String>)]
    pub address: Option<SocketAddr>,
    /// Whether it gets work.
    pub state: EndpointState,
    /// What an operator has said about it; null leaves it to the checks.
    pub forced: Option<ForcedState>,
    /// What its checks say, also while an operator overrules them.
    pub standing: StandingStatus,
    /// Why it is in that state, for a person, such as `connection refused (3 of 3)`.
    pub reason: Option<String>,
    /// Since when it is in that state, in seconds of Unix time: since an operator said so, or else since its checks do; null
    /// before the first check.
    pub since_unix_seconds: Option<f64>,
    /// Its share of the work relative to the others.
    pub weight: u32,
    /// Used only while no other endpoint can be.
    pub backup: bool,
    /// Which endpoints it stands in for: those of lower numbers.
    pub priority: u8,
    /// Where it is; null if nobody has said.
    pub zone: Option<String>,
    /// What routes may choose by.
    pub labels: BTreeMap<String, String>,
    /// Attempts running now.
    pub in_flight: u32,
    /// How many may run at a time: what is written, or `adaptive_limit` if that is less; null for any number.
    pub limit: Option<u32>,
    /// How many have been found to be enough for it at a time, not counting those whose answers have begun; null while nothing is.
    pub adaptive_limit: Option<u32>,
    /// Attempts so far, answered or not.
    pub requests: u64,
    /// Attempts that got no answer.
    pub failures: u64,
    /// Answers so far.
    pub responses: RequestsByClass,
    /// From the request sent to the answer's head; null before the first answer.
    pub latency: Option<Latency>,
    /// How many answers took how long, a bucket each, up to the last one that is not empty. Whoever subtracts those of an
    /// earlier status knows the latency between the two.
    pub latency_counts: Vec<u64>,
    /// The latest check; null before it. While the endpoint is down, the latest of those that keep it down.
    pub last_check: Option<LastCheck>,
    /// Each of its checks, in the order of the config; absent where there is none or one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckStatus>,
}

/// One of several checks of an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CheckStatus {
    /// What it does, such as `http /health`; no two of an endpoint have the same.
    pub name: String,
    /// What it alone says. The endpoint is down as long as any says so.
    pub standing: StandingStatus,
    /// Why it says so, for a person, such as `connection refused (3 of 3)`; null before the first one.
    pub reason: Option<String>,
    /// Since when, in seconds of Unix time; null before the first one.
    pub since_unix_seconds: Option<f64>,
    /// The latest one; null before it.
    pub last_check: Option<LastCheck>,
}

/// Whether an endpoint gets work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EndpointState {
    /// The checks say yes.
    Up,
    /// The checks say no.
    Down,
    /// There are no checks, or none has finished: counts as up.
    Unchecked,
    /// It did worse than it should, and gets nothing for a while.
    Ejected,
    /// It takes work and says nothing while others answer: it gets nothing but trials.
    Suspect,
    /// Most attempts failed or were slow: its breaker is open, or lets a few through, on trial.
    Tripped,
    /// Its name has no address yet.
    Unresolved,
    /// An operator has sent its work elsewhere: no new work, what runs finishes.
    Draining,
}

/// What an operator has said about an endpoint; stronger than the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ForcedState {
    /// No new work; what runs finishes.
    Drain,
    /// Counts as up.
    Up,
    /// Counts as down.
    Down,
}

/// What the checks of an endpoint say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StandingStatus {
    /// There are none, or none has finished.
    Unchecked,
    /// It is well.
    Up,
    /// It is not.
    Down,
}

/// How long answers took since the start. The quantiles are estimates from buckets: of one below the first of
/// `latency_bounds_seconds` no more is known than that.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LastCheck {
    /// Whether it passed.
    pub passed: bool,
    /// How it ended, for a person, such as `status 503, expected 200-399`. A check that could not be made says so here.
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
