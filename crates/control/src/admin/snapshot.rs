//! Builds a [`Status`] from the plan, its counters and the journal. Called by the admin API and, through `View`, the binary.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use evenkeel_plan::admission::{Admission, Refusal};
use evenkeel_plan::counters::{Counter, DURATION_BOUNDS, HistogramSum, Sharded};
use evenkeel_plan::endpoint::{EndpointCounters, Forced, Labels};
use evenkeel_plan::health::Outcome;
use evenkeel_plan::listener::{Bind, ListenerCounters, Protocol};
use evenkeel_plan::overload::Room;
use evenkeel_plan::route::{Route, RouteCounters, Target};
use evenkeel_plan::vitals::Standing;
use evenkeel_plan::{Cluster, Endpoint, Listener, Plan};

use super::acme::acme;
use super::latency::{latency, up_to_the_last};
use super::tls::{cluster_tls, listener_tls};
use super::{
    AcmeStatus, AdmissionStatus, CheckStatus, ClusterStatus, EndpointState, EndpointStatus,
    ForcedState, LastCheck, ListenerStatus, RefusedStatus, RouteStatus, ShedStatus, StandingStatus,
    Status, TargetStatus, working,
};
use crate::certificates;
use crate::in_force::ForcedSince;
use crate::journal::{Bar, CheckEntry, Checked, EndpointKey, Entry, Journal};
use crate::overrides::forced_word;
use crate::overview::{Overview, Readiness};
use crate::panics;

/// The balancer now.
pub(crate) fn status(overview: &Overview) -> Status {
    let (plan, readiness) = (overview.plan(), overview.readiness());
    let (config, overrides, leaving) = overview.in_force.status();
    let known = Known::of(overview);
    let clusters = plan.clusters.iter().map(|each| cluster(each, &known));
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_seconds: overview.started.elapsed().as_secs_f64(),
        generation: plan.generation,
        workers: overview.workers,
        ready: readiness == Readiness::Ready,
        draining: readiness == Readiness::Draining,
        latency_bounds_seconds: DURATION_BOUNDS.iter().map(|bound| bound.seconds).collect(),
        listeners: plan
            .listeners
            .iter()
            .map(|each| listener(each, &plan, &known.certificates))
            .collect(),
        clusters: clusters.collect(),
        leaving,
        config,
        overrides,
        acme: orders(overview),
    }
}

fn orders(overview: &Overview) -> Vec<AcmeStatus> {
    let config = overview.in_force.config();
    let all = overview.acme.all().into_iter();
    all.map(|(name, standing)| acme(name, standing, config.as_deref())).collect()
}

/// One cluster now; `None` if there is none of that name.
pub(super) fn cluster_status(overview: &Overview, name: &str) -> Option<ClusterStatus> {
    let plan = overview.plan();
    let found = plan.clusters.iter().find(|cluster| *cluster.name == *name)?;
    Some(cluster(found, &Known::of(overview)))
}

fn listener(
    listener: &Listener,
    plan: &Plan,
    certificates: &certificates::Known,
) -> ListenerStatus {
    let counters = &listener.counters;
    ListenerStatus {
        name: listener.name.to_string(),
        binds: listener.binds.iter().map(Bind::to_string).collect(),
        cluster: default_cluster(listener, plan),
        routes: listener.routes.routes().iter().map(|each| route(listener, each, plan)).collect(),
        connections: counters.sum(|shard| shard.connections.count()),
        active: counters.shards().map(|shard| shard.connections_active.level()).sum(),
        refused: refused(counters),
        requests: counters.shards().fold([0; 5], add_requests).into(),
        streams: (listener.protocol != Protocol::Http).then(|| streams(listener)),
        redirect_to_https: listener.redirect_to_https,
        admission: admission(listener.admission.as_deref()),
        tls: listener_tls(listener, certificates, SystemTime::now()),
    }
}

/// Most listeners send everything to one cluster.
fn default_cluster(listener: &Listener, plan: &Plan) -> Option<String> {
    match listener.routes.fallback()?.to.list() {
        [target] => Some(plan.clusters.get(target.cluster)?.name.to_string()),
        _ => None,
    }
}

fn streams(listener: &Listener) -> u64 {
    let routes = listener.routes.routes().iter();
    routes.map(|route| route.counters.sum(|shard| shard.streams.count())).sum()
}

fn route(listener: &Listener, route: &Route, plan: &Plan) -> RouteStatus {
    let is_stream = listener.protocol != Protocol::Http;
    let target = |target: &Target| {
        let cluster = plan.clusters.get(target.cluster)?.name.to_string();
        Some(TargetStatus { cluster, weight: target.weight })
    };
    let add = |mut totals: [u64; 5], shard: &RouteCounters| {
        add_classes(&mut totals, &shard.requests);
        totals
    };
    RouteStatus {
        name: route.name.to_string(),
        host: route.host.to_string(),
        path: route.path.to_string(),
        to: route.to.list().iter().filter_map(target).collect(),
        labels: wanted_labels(route, plan),
        requests: route.counters.shards().fold([0; 5], add).into(),
        streams: is_stream.then(|| route.counters.sum(|shard| shard.streams.count())),
        admission: admission(route.admission.as_deref()),
    }
}

fn refused(counters: &Sharded<ListenerCounters>) -> RefusedStatus {
    let count = |reason: Refusal| counters.sum(|shard| shard.refused[reason as usize].count());
    RefusedStatus {
        denied: count(Refusal::Denied),
        rate: count(Refusal::Rate),
        per_client: count(Refusal::PerClient),
    }
}

fn admission(admission: Option<&Admission>) -> AdmissionStatus {
    let Some(Admission { counters, .. }) = admission else { return AdmissionStatus::default() };
    AdmissionStatus {
        denied: counters.sum(|shard| shard.denied.count()),
        limited: counters.sum(|shard| shard.limited.count()),
        dry_run: counters.sum(|shard| shard.dry_run.count()),
    }
}

/// A route asks the same of each of its clusters.
fn wanted_labels(route: &Route, plan: &Plan) -> BTreeMap<String, String> {
    let subset = route
        .to
        .list()
        .first()
        .and_then(|target| plan.clusters.get(target.cluster)?.subsets.get(target.subset?));
    subset.map(|subset| labels(&subset.balancing().eligibility.labels)).unwrap_or_default()
}

fn add_requests(mut totals: [u64; 5], shard: &ListenerCounters) -> [u64; 5] {
    shard.requests.iter().for_each(|by_class| add_classes(&mut totals, by_class));
    totals
}

fn add_classes(totals: &mut [u64; 5], by_class: &[Counter; 5]) {
    for (total, counter) in totals.iter_mut().zip(by_class) {
        *total += counter.count();
    }
}

/// What is known about endpoints beside the plan.
struct Known<'a> {
    journal: &'a Journal,
    forced: Arc<ForcedSince>,
    certificates: Arc<certificates::Known>,
}

impl<'a> Known<'a> {
    fn of(overview: &'a Overview) -> Self {
        Self {
            journal: &overview.journal,
            forced: overview.in_force.forced(),
            certificates: overview.certificates.known(),
        }
    }
}

fn cluster(cluster: &Cluster, known: &Known<'_>) -> ClusterStatus {
    let endpoints = cluster.endpoints.iter().map(|each| {
        let key = EndpointKey::new(&cluster.name, &each.name);
        endpoint(each, known.journal.entry(&key), known.forced.of(&key))
    });
    let endpoints: Vec<EndpointStatus> = endpoints.collect();
    let census = cluster.balancer.census(&cluster.endpoints);
    ClusterStatus {
        name: cluster.name.to_string(),
        algorithm: cluster.balancer.balancing().algorithm.name().to_owned(),
        in_service: census.all,
        well: census.well,
        panic: panics::why(cluster),
        working: working::count(&endpoints, census),
        last_resort: working::last_resort(&endpoints, census),
        pending: pending(cluster),
        shed: shed(cluster),
        endpoints,
        tls: cluster_tls(&cluster.name, &known.certificates, SystemTime::now()),
    }
}

fn pending(cluster: &Cluster) -> u32 {
    cluster.rooms().map(Room::waiting).sum()
}

fn shed(cluster: &Cluster) -> ShedStatus {
    let sum = |count: fn(&Room) -> u64| cluster.rooms().map(count).sum();
    ShedStatus {
        overloaded: sum(|room| room.overloaded.count()),
        pending_timeout: sum(|room| room.timed_out.count()),
    }
}

fn endpoint(endpoint: &Endpoint, entry: Entry, forced_since: Option<f64>) -> EndpointStatus {
    let (vitals, counters) = (&endpoint.life.vitals, &endpoint.life.counters);
    let (last, checks) = (entry.last_check().map(last_check), checks(&entry.checks));
    let answered = HistogramSum::of(counters.shards().map(|shard| &shard.first_byte));
    let state = state(endpoint, &entry);
    let is_barred =
        matches!(state, EndpointState::Ejected | EndpointState::Suspect | EndpointState::Tripped);
    let change =
        entry.bar().filter(|_| is_barred).map(|(_, change)| change).or(entry.change.as_ref());
    let (since, why) =
        change.map(|change| (unix_seconds(change.at), change.reason.clone())).unzip();
    let reason = match endpoint.forced {
        Some(forced) if state != EndpointState::Unresolved => {
            Some(forced_reason(forced, vitals.standing(), why))
        }
        _ => entry.unresolved.or(why),
    };
    EndpointStatus {
        name: endpoint.name.to_string(),
        address: endpoint.address,
        state,
        forced: endpoint.forced.map(ForcedState::from),
        standing: vitals.standing().into(),
        reason,
        since_unix_seconds: if endpoint.forced.is_some() { forced_since } else { since },
        weight: endpoint.weight,
        backup: endpoint.backup,
        priority: endpoint.priority,
        zone: endpoint.zone.as_deref().map(str::to_owned),
        labels: labels(&endpoint.labels),
        in_flight: vitals.in_flight(),
        limit: vitals.limit(),
        adaptive_limit: vitals.pace(),
        requests: counters.sum(|shard| shard.attempts.count()),
        failures: counters.sum(|shard| shard.failures.count()),
        responses: counters.shards().fold([0; 5], add_responses).into(),
        latency: latency(&answered),
        latency_counts: up_to_the_last(&answered.counts),
        last_check: last,
        checks,
    }
}

fn labels(labels: &Labels) -> BTreeMap<String, String> {
    labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

fn add_responses(mut totals: [u64; 5], shard: &EndpointCounters) -> [u64; 5] {
    for (total, counter) in totals.iter_mut().zip(&shard.responses) {
        *total += counter.count();
    }
    totals
}

fn state(endpoint: &Endpoint, entry: &Entry) -> EndpointState {
    let state = standing(endpoint);
    match entry.bar() {
        // What an operator or the checks say weighs more than what is to end by itself.
        Some((bar, _)) if matches!(state, EndpointState::Up | EndpointState::Unchecked) => {
            match bar {
                Bar::Ejected => EndpointState::Ejected,
                Bar::Suspect => EndpointState::Suspect,
                Bar::Open | Bar::HalfOpen => EndpointState::Tripped,
            }
        }
        _ => state,
    }
}

fn standing(endpoint: &Endpoint) -> EndpointState {
    match (endpoint.forced, endpoint.address, endpoint.life.vitals.standing()) {
        (Some(Forced::Drain), _, _) => EndpointState::Draining,
        (Some(Forced::Down), _, _) => EndpointState::Down,
        (_, None, _) => EndpointState::Unresolved,
        (Some(Forced::Up), _, _) | (None, _, Standing::Up) => EndpointState::Up,
        (None, _, Standing::Down) => EndpointState::Down,
        (None, _, Standing::Unchecked) => EndpointState::Unchecked,
    }
}

/// An operator's word stands before what the checks say; where they say something else, that is no secret.
fn forced_reason(forced: Forced, standing: Standing, why: Option<String>) -> String {
    let word = format!("an operator has said so: {}", forced_word(forced));
    match (forced, standing) {
        (Forced::Up | Forced::Drain, Standing::Down) => {
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            format!("{word}; checks failing{why}")
        }
        (Forced::Down, Standing::Up) => format!("{word}; checks passing"),
        _ => word,
    }
}

impl From<Standing> for StandingStatus {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Unchecked => Self::Unchecked,
            Standing::Up => Self::Up,
            Standing::Down => Self::Down,
        }
    }
}

/// One alone is all that the endpoint's own standing, reason and last check are about.
fn checks(entries: &[CheckEntry]) -> Vec<CheckStatus> {
    let check = |entry: &CheckEntry| {
        let change = entry.change.as_ref();
        CheckStatus {
            name: entry.name.to_string(),
            standing: entry.standing.into(),
            reason: change.map(|change| change.reason.clone()),
            since_unix_seconds: change.map(|change| unix_seconds(change.at)),
            last_check: entry.last.clone().map(last_check),
        }
    };
    if entries.len() > 1 { entries.iter().map(check).collect() } else { Vec::new() }
}

fn last_check(checked: Checked) -> LastCheck {
    LastCheck {
        passed: checked.outcome == Some(Outcome::Pass),
        detail: checked.detail,
        at_unix_seconds: unix_seconds(checked.at),
        took_seconds: checked.took.as_secs_f64(),
    }
}

/// Before 1970 only if the machine's clock says so.
pub(super) fn unix_seconds(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forced_endpoint_does_not_hide_that_its_checks_say_otherwise() {
        let why = || Some("connection refused (3 of 3)".to_owned());
        for (forced, standing, reason) in [
            (Forced::Up, Standing::Down, "up; checks failing: connection refused (3 of 3)"),
            (Forced::Drain, Standing::Down, "drained; checks failing: connection refused (3 of 3)"),
            (Forced::Down, Standing::Up, "down; checks passing"),
            (Forced::Down, Standing::Down, "down"),
            (Forced::Up, Standing::Up, "up"),
            (Forced::Up, Standing::Unchecked, "up"),
        ] {
            let said = forced_reason(forced, standing, why());
            assert_eq!(said, format!("an operator has said so: {reason}"));
        }
    }
}
