//! Configs and plans in a line, for the tests of this crate.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_plan::Plan;
use evenkeel_plan::binder::{BindError, Binder};
use evenkeel_plan::cluster::{HttpVersion, PoolLimits, UpstreamTimeouts};
use evenkeel_plan::lines::{LineCounters, lines};
use evenkeel_plan::listener::{Bind, DownstreamLimits, DownstreamTimeouts, Protocol};
use evenkeel_plan::overload::Limits;
use evenkeel_plan::publish::{Publisher, Reader};
use evenkeel_plan::reason::Reason;
use evenkeel_plan::resilience::Resilience;
use evenkeel_plan::sight::{Answer, Question, Sight, Tell};
use evenkeel_plan::story::{self, Kind, Story};
use evenkeel_proto::field::UnusualNames;
use evenkeel_proto::path::PathRules;

use tokio::sync::watch;

use crate::access_log::AccessLog;
use crate::admin::{EndpointState, EndpointStatus, StandingStatus};
use crate::certificates::Known;
use crate::conductor::{self, Desk, Knowledge};
use crate::config::{
    AdminBind, AdmissionConfig, BalanceConfig, ClusterConfig, Config, ConnectionsConfig,
    EligibilityConfig, EndpointConfig, ErrorsConfig, ListenerConfig, Seen, WorkerCount,
};
use crate::fittings::Fittings;
use crate::overview::{Machinery, Overview};

/// Nothing is known, and there is no file.
pub(crate) fn knowledge() -> Knowledge {
    Knowledge::new(None, Seen::default())
}

/// Listeners as (name, cluster), clusters as (name, endpoints); everything else is as plain as can be, without checks.
pub(crate) fn config(listeners: &[(&str, &str)], clusters: &[(&str, &[&str])]) -> Config {
    let listeners = listeners.iter().zip(8080..).map(|((name, to), port)| ListenerConfig {
        name: (*name).to_owned(),
        binds: vec![Bind::Any(port)],
        protocol: Protocol::Http,
        http2: true,
        to: Some((*to).to_owned()),
        admission: AdmissionConfig::default(),
        connections: ConnectionsConfig::default(),
        trusted_proxies: Vec::new(),
        timeouts: DownstreamTimeouts::default(),
        limits: DownstreamLimits::default(),
        paths: PathRules::default(),
        header_names: UnusualNames::default(),
        errors: ErrorsConfig::default(),
        tls: None,
        redirect_to_https: None,
        hsts: None,
    });
    let clusters = clusters.iter().map(|(name, endpoints)| ClusterConfig {
        name: (*name).to_owned(),
        endpoints: endpoints.iter().map(|name| endpoint(name)).collect(),
        balance: BalanceConfig::default(),
        eligibility: EligibilityConfig::default(),
        sticky: None,
        health: Vec::new(),
        tls: None,
        http: HttpVersion::default(),
        timeouts: UpstreamTimeouts::default(),
        deadline_header: None,
        pool: PoolLimits::default(),
        resilience: Resilience::default(),
        limits: Limits::default(),
        rebalance: None,
    });
    Config {
        workers: WorkerCount::Fixed(1),
        drain: Duration::from_secs(30),
        zone: None,
        listeners: listeners.collect(),
        routes: Vec::new(),
        clusters: clusters.collect(),
        admin: AdminBind::Off,
        acme: Vec::new(),
        admin_token: None,
        log_level: Default::default(),
        access: None,
    }
}

/// `host:port` with weight 1.
pub(crate) fn endpoint(name: &str) -> EndpointConfig {
    let (host, port) = name.rsplit_once(':').unwrap();
    EndpointConfig {
        name: name.to_owned(),
        host: host.to_owned(),
        port: port.parse().unwrap(),
        weight: 1,
        backup: false,
        priority: 0,
        zone: None,
        labels: Default::default(),
        forced: None,
    }
}

/// The plan that such a config makes for two workers, with addresses as written.
pub(crate) fn plan(listeners: &[(&str, &str)], clusters: &[(&str, &[&str])]) -> Plan {
    let config = config(listeners, clusters);
    conductor::build(&config, &Plan::default(), 2, |host| host.parse().ok(), &Known::default())
        .unwrap()
}

/// Binds nothing, and says that it did.
pub(crate) struct IdleBinder;

impl Binder for IdleBinder {
    fn prepare(&mut self, _plan: &Plan) -> Result<(), BindError> {
        Ok(())
    }

    fn commit(&mut self, _plan: &Arc<Plan>) {}
}

/// Two workers without a connection.
#[derive(Debug)]
pub(crate) struct NothingInFlight;

impl Sight for NothingInFlight {
    fn look(&self, _question: &Question, tell: Tell) {
        (0..2).for_each(|worker| tell(Answer { worker, ..Answer::default() }));
    }

    /// There was one request, and it found no route.
    fn recall(&self, question: &story::Question, tell: story::Tell) {
        let is_known = question.request_id.as_deref().is_none_or(|id| id == "id");
        let stories = is_known.then(|| Arc::new(story())).into_iter().collect();
        tell(story::Answer { worker: 0, stories, ..story::Answer::default() });
        tell(story::Answer { worker: 1, ..story::Answer::default() });
    }
}

/// A request that found no route.
pub(crate) fn story() -> Story {
    Story {
        kind: Kind::Client,
        request_id: "id".into(),
        began: Duration::from_secs(1),
        listener: "web".into(),
        client: ([127, 0, 0, 1], 5000).into(),
        method: "GET".into(),
        path: "/".into(),
        host: None,
        route: None,
        cluster: None,
        rule: None,
        wait: None,
        attempts: Vec::new(),
        attempts_left_out: 0,
        candidates: Vec::new(),
        candidates_left_out: 0,
        status: Some(404),
        call: None,
        failure: Some(Reason::NoRoute),
        total: Duration::from_millis(1),
    }
}

/// What the status says of an endpoint in this state, and nothing else.
pub(crate) fn endpoint_status(state: EndpointState) -> EndpointStatus {
    EndpointStatus {
        name: "a:1".to_owned(),
        address: None,
        state,
        forced: None,
        standing: StandingStatus::Unchecked,
        reason: None,
        since_unix_seconds: None,
        weight: 1,
        backup: false,
        priority: 0,
        zone: None,
        labels: BTreeMap::new(),
        in_flight: 0,
        limit: None,
        adaptive_limit: None,
        requests: 0,
        failures: 0,
        responses: [0; 5].into(),
        latency: None,
        latency_counts: Vec::new(),
        last_check: None,
        checks: Vec::new(),
    }
}

/// Everything that can be seen of a balancer that does nothing.
pub(crate) fn overview(
    reader: Reader,
    knowledge: &Knowledge,
    ready: watch::Receiver<bool>,
) -> Overview {
    overview_with(Arc::new(NothingInFlight), reader, knowledge, ready)
}

/// The same, with something in flight.
pub(crate) fn overview_with(
    sight: Arc<dyn Sight>,
    reader: Reader,
    knowledge: &Knowledge,
    ready: watch::Receiver<bool>,
) -> Overview {
    let machinery = Machinery { workers: 2, lines: Arc::new(LineCounters::new(2)), sight };
    Overview::new(reader, knowledge, Desk::new().0, ready, machinery)
}

/// Fittings that write nowhere.
pub(crate) fn fittings(knowledge: &Knowledge) -> Fittings {
    let overview = overview(Publisher::default().reader(), knowledge, watch::channel(true).1);
    let log = AccessLog::start(lines(1).1).unwrap();
    Fittings::new(Arc::new(overview), log.remote(), Box::new(|_| {}))
}
