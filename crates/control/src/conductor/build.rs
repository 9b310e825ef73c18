//! Config, addresses and the plan before in; the next plan out. Pure; called by the conductor.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use evenkeel_plan::balance::{Balancer, Balancing, Eligibility, ZonePreference};
use evenkeel_plan::counters::Sharded;
use evenkeel_plan::endpoint::{Labels, Life};
use evenkeel_plan::errors::ErrorAnswers;
use evenkeel_plan::listener::TrustedProxies;
use evenkeel_plan::{Cluster, Endpoint, Listener, Plan};

mod admission;
mod routes;
mod sessions;
mod tls;

use routes::Names;

use crate::certificates::Known;
use crate::config::{
    BalanceConfig, ClusterConfig, Config, EligibilityConfig, EndpointConfig, ErrorsConfig,
    ListenerConfig,
};

/// A listener, or a route of it, leads to no cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownCluster {
    /// The listener.
    pub listener: String,
    /// What it names.
    pub cluster: String,
}

impl fmt::Display for UnknownCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "listener {:?} leads to {:?}, which is no cluster", self.listener, self.cluster)
    }
}

impl std::error::Error for UnknownCluster {}

/// Builds the plan. What stays the same as `before` is taken over from it: the lives of endpoints and the counters of
/// listeners by their names, and a cluster or listener in which nothing changed as it is.
pub(crate) fn build(
    config: &Config,
    before: &Plan,
    workers: usize,
    address: impl Fn(&str) -> Option<IpAddr>,
    certificates: &Known,
) -> Result<Plan, UnknownCluster> {
    // By name, because there may be ten thousand of each.
    let old_clusters: HashMap<&str, &Arc<Cluster>> =
        before.clusters.iter().map(|cluster| (&*cluster.name, cluster)).collect();
    let old_listeners: HashMap<&str, &Arc<Listener>> =
        before.listeners.iter().map(|listener| (&*listener.name, listener)).collect();
    let names = Names::of(config);
    let clusters = config.clusters.iter().map(|cluster| {
        let old = old_clusters.get(cluster.name.as_str()).copied();
        let endpoints = build_endpoints(cluster, old, workers, &address);
        let balancing = balancing(cluster, config.zone.as_deref());
        let subsets = names.subsets(&cluster.name);
        let tls = certificates.origination(&cluster.name);
        let same = |old: &&Arc<Cluster>| {
            old.tls == tls && is_same(old, cluster, &endpoints, &balancing, &subsets)
        };
        if let Some(old) = old.filter(same) {
            return Arc::clone(old);
        }
        // Not before: the tables of ten thousand endpoints take a tenth of a second.
        let new = Cluster {
            health: cluster.health.clone(),
            tls,
            http: cluster.http,
            timeouts: cluster.timeouts,
            deadline_header: cluster.deadline_header.as_deref().map(Box::from),
            pool: cluster.pool,
            resilience: cluster.resilience,
            limits: cluster.limits.clone(),
            rebalance: cluster.rebalance,
            ..Cluster::new(&cluster.name, balancing, endpoints)
        };
        Arc::new(new.with_subsets(subsets))
    });
    let listeners = config.listeners.iter().map(|listener| {
        let old = old_listeners.get(listener.name.as_str()).copied();
        let new = Listener {
            tls: certificates.termination(&listener.name),
            redirect_to_https: tls::redirect(listener, config),
            ..build_listener(listener, &names, old, workers)?
        };
        Ok(old.filter(|old| is_same_listener(old, &new)).cloned().unwrap_or_else(|| Arc::new(new)))
    });
    // The publisher numbers it.
    Ok(Plan {
        generation: 0,
        listeners: listeners.collect::<Result<_, _>>()?,
        clusters: clusters.collect(),
        drain: config.drain,
        access: config.access.as_ref().map(|access| access.log),
        challenges: certificates.challenges(),
        alarm: before.alarm.clone(),
    })
}

fn build_endpoints(
    config: &ClusterConfig,
    old: Option<&Arc<Cluster>>,
    workers: usize,
    address: impl Fn(&str) -> Option<IpAddr>,
) -> Vec<Endpoint> {
    let lived = old.iter().flat_map(|old| &old.endpoints);
    let lives: HashMap<&str, &Arc<Life>> =
        lived.map(|endpoint| (&*endpoint.name, &endpoint.life)).collect();
    let first = old.and_then(|old| old.endpoints.first());
    let vitals = first.map(|first| Arc::clone(first.life.vitals.cluster())).unwrap_or_default();
    let endpoint = |endpoint: &EndpointConfig| {
        let life = lives.get(endpoint.name.as_str()).map(|life| Arc::clone(life));
        let address = address(&endpoint.host).map(|ip| SocketAddr::new(ip, endpoint.port));
        let life = life.unwrap_or_else(|| {
            let life = Life::new(workers, &vitals);
            // A name that leads nowhere yet may lead to a machine that is new.
            if old.is_none() && address.is_some() {
                life.vitals.presume_fit();
            }
            life
        });
        Endpoint {
            weight: endpoint.weight,
            backup: endpoint.backup,
            priority: endpoint.priority,
            zone: endpoint.zone.as_deref().map(Box::from),
            labels: endpoint.labels.clone(),
            forced: endpoint.forced,
            ..Endpoint::new(&endpoint.name, address, life)
        }
    };
    config.endpoints.iter().map(endpoint).collect()
}

/// How the endpoints of a cluster are chosen, if we are in `zone`.
pub fn balancing(config: &ClusterConfig, zone: Option<&str>) -> Balancing {
    let BalanceConfig { algorithm, key, vnodes, table_size, bounded_load, load_path } =
        config.balance.clone();
    let sticky = config.sticky.as_ref().map(sessions::sticky);
    let eligibility = eligibility(config, zone);
    Balancing { algorithm, key, vnodes, table_size, load_path, bounded_load, sticky, eligibility }
}

/// Zones matter only to those clusters that have something in ours: no other changes when ours does.
fn eligibility(config: &ClusterConfig, zone: Option<&str>) -> Eligibility {
    let EligibilityConfig { panic_below, slow_start, prefer_zone } = config.eligibility;
    let is_near = |zone: &&str| config.endpoints.iter().any(|it| it.zone.as_deref() == Some(*zone));
    let zone = zone.filter(is_near).zip(prefer_zone);
    let zone = zone.map(|(zone, threshold)| ZonePreference { zone: zone.into(), threshold });
    Eligibility { panic_below, slow_start, zone, labels: Labels::default() }
}

fn build_listener(
    listener: &ListenerConfig,
    names: &Names<'_>,
    old: Option<&Arc<Listener>>,
    workers: usize,
) -> Result<Listener, UnknownCluster> {
    let routes = names.router(listener, old.map(|old| &**old), workers)?;
    let old_admission = old.and_then(|old| old.admission.as_ref());
    let admission = admission::of_listener(&listener.admission, old_admission, workers);
    let guarded_routes = routes.routes().iter().any(|route| route.admission.is_some());
    Ok(Listener {
        name: listener.name.as_str().into(),
        binds: listener.binds.clone(),
        protocol: listener.protocol,
        http2: listener.http2,
        door: admission::door(listener, old.and_then(|old| old.door.as_deref())),
        is_guarded: admission.is_some() || guarded_routes,
        admission,
        routes,
        trusted_proxies: TrustedProxies::new(listener.trusted_proxies.clone()),
        timeouts: listener.timeouts,
        limits: listener.limits,
        paths: listener.paths,
        header_names: listener.header_names,
        errors: Arc::new(answers(&listener.errors)),
        tls: None,
        redirect_to_https: None,
        hsts: listener.hsts.as_ref().map(tls::strict_transport),
        counters: old
            .map_or_else(|| Arc::new(Sharded::new(workers)), |old| Arc::clone(&old.counters)),
    })
}

fn answers(errors: &ErrorsConfig) -> ErrorAnswers {
    let pages = errors.pages.iter().map(|page| page.page.clone());
    ErrorAnswers { reason_header: errors.reason_header, pages: pages.collect() }
}

/// Whether workers may go on with the old one, and so with what they remember for it between picks.
fn is_same(
    old: &Cluster,
    config: &ClusterConfig,
    endpoints: &[Endpoint],
    balancing: &Balancing,
    subsets: &[Labels],
) -> bool {
    let labels = |subset: &Balancer| subset.balancing().eligibility.labels.clone();
    let is_same_endpoint = |(old, new): (&Endpoint, &Endpoint)| {
        (&old.name, old.address, old.forced) == (&new.name, new.address, new.forced)
            && (old.weight, old.backup, old.priority) == (new.weight, new.backup, new.priority)
            && (&old.zone, &old.labels) == (&new.zone, &new.labels)
    };
    old.endpoints.len() == endpoints.len()
        && old.endpoints.iter().zip(endpoints).all(is_same_endpoint)
        && old.balancer.balancing() == balancing
        && old.subsets.iter().map(labels).eq(subsets.iter().cloned())
        && old.health == config.health
        && old.http == config.http
        && (old.timeouts, old.pool) == (config.timeouts, config.pool)
        && (old.resilience, &old.limits) == (config.resilience, &config.limits)
        && old.rebalance == config.rebalance
        && old.deadline_header.as_deref() == config.deadline_header.as_deref()
}

/// Whether all that the config says of both is the same. What is added to a listener does not compile before it is compared here.
fn is_same_listener(old: &Listener, new: &Listener) -> bool {
    let Listener {
        name: _,
        binds,
        protocol,
        http2,
        door,
        admission,
        is_guarded: _,
        routes,
        trusted_proxies,
        timeouts,
        limits,
        paths,
        header_names,
        errors,
        tls: _,
        redirect_to_https: _,
        hsts: _,
        counters: _,
    } = old;
    Arc::ptr_eq(routes, &new.routes)
        && (binds, trusted_proxies) == (&new.binds, &new.trusted_proxies)
        && (*protocol, *http2) == (new.protocol, new.http2)
        && (*timeouts, *limits) == (new.timeouts, new.limits)
        && (*paths, *header_names) == (new.paths, new.header_names)
        && *errors == new.errors
        && tls::is_same(old, new)
        && match (door, &new.door) {
            (Some(old), Some(new)) => old.is_same(new),
            (old, new) => old.is_none() && new.is_none(),
        }
        && match (admission, &new.admission) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            (old, new) => old.is_none() && new.is_none(),
        }
}

#[cfg(test)]
mod tests;
