//! Statuses for tests.

use std::collections::BTreeMap;

use evenkeel_control::admin::{
    ClusterStatus, ConfigStatus, EndpointState, EndpointStatus, Latency, ListenerStatus,
    RouteStatus, StandingStatus, Status, TargetStatus,
};

/// A moment at which everything here is looked at, in seconds of Unix time.
pub(crate) const NOW: f64 = 1_700_000_000.0;

/// An endpoint that is well, and idle.
pub(crate) fn endpoint(name: &str) -> EndpointStatus {
    EndpointStatus {
        name: name.to_owned(),
        address: None,
        state: EndpointState::Up,
        forced: None,
        standing: StandingStatus::Up,
        reason: None,
        since_unix_seconds: Some(NOW - 200.0),
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
        latency_counts: Vec::new(),
        latency: None,
        last_check: None,
        checks: Vec::new(),
    }
}

/// An endpoint that has answered.
pub(crate) fn busy(name: &str, requests: u64, failures: u64) -> EndpointStatus {
    let latency = Latency {
        mean_seconds: 0.006,
        p50_seconds: 0.00512,
        p90_seconds: 0.012,
        p99_seconds: 0.021,
    };
    EndpointStatus {
        in_flight: 2,
        requests,
        failures,
        responses: [0, requests - failures, 0, 0, 0].into(),
        latency: Some(latency),
        latency_counts: vec![0, 0, requests / 10 * 9, requests / 10],
        ..endpoint(name)
    }
}

/// A cluster of idle endpoints.
pub(crate) fn cluster(name: &str, endpoints: &[&str]) -> ClusterStatus {
    ClusterStatus {
        name: name.to_owned(),
        algorithm: "least-request".to_owned(),
        in_service: endpoints.len(),
        well: endpoints.len(),
        panic: None,
        working: endpoints.len(),
        last_resort: None,
        pending: 0,
        shed: Default::default(),
        endpoints: endpoints.iter().map(|name| endpoint(name)).collect(),
        tls: None,
    }
}

/// A listener in front of `cluster`.
pub(crate) fn listener(name: &str, bind: &str, cluster: &str) -> ListenerStatus {
    ListenerStatus {
        name: name.to_owned(),
        binds: vec![bind.to_owned()],
        cluster: Some(cluster.to_owned()),
        routes: vec![route("*", "/*", &[(cluster, 1)])],
        connections: 1204,
        active: 12,
        refused: Default::default(),
        requests: [0, 99_000, 0, 100, 20].into(),
        streams: None,
        redirect_to_https: None,
        admission: Default::default(),
        tls: None,
    }
}

/// A route to these clusters, by weight.
pub(crate) fn route(host: &str, path: &str, to: &[(&str, u32)]) -> RouteStatus {
    let target = |(cluster, weight): &(&str, u32)| TargetStatus {
        cluster: (*cluster).to_owned(),
        weight: *weight,
    };
    RouteStatus {
        name: if host == "*" { path.to_owned() } else { format!("{host}{path}") },
        host: host.to_owned(),
        path: path.to_owned(),
        to: to.iter().map(target).collect(),
        labels: BTreeMap::new(),
        requests: [0, 990, 0, 10, 0].into(),
        streams: None,
        admission: Default::default(),
    }
}

/// A balancer that is ready.
pub(crate) fn status(clusters: Vec<ClusterStatus>) -> Status {
    Status {
        version: "1.2.3".to_owned(),
        uptime_seconds: 11_520.0,
        generation: 7,
        workers: 2,
        latency_bounds_seconds: vec![0.0025, 0.005, 0.01, 0.025, 0.05],
        ready: true,
        draining: false,
        listeners: Vec::new(),
        clusters,
        leaving: Vec::new(),
        config: ConfigStatus {
            source: Some("/etc/evenkeel.toml".to_owned()),
            revision: "0a1b2c3d-7".to_owned(),
            last_reload: None,
            refused: false,
            restart_pending: Vec::new(),
        },
        overrides: Vec::new(),
        acme: Vec::new(),
    }
}
