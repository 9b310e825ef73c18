//! The router of a listener: names become positions, and what was counted before is taken over. Called by `build`.

use std::collections::HashMap;
use std::sync::Arc;

use evenkeel_plan::Listener;
use evenkeel_plan::counters::Sharded;
use evenkeel_plan::endpoint::Labels;
use evenkeel_plan::route::{Route, RouteCounters, Router, Target, Targets};

use super::{UnknownCluster, admission};
use crate::config::{Config, ListenerConfig, RouteConfig};

/// What names stand for in a config, looked up once for all listeners: there may be ten thousand of each.
pub(super) struct Names<'c> {
    /// The position of each cluster.
    clusters: HashMap<&'c str, usize>,
    /// The routes of each listener.
    routes: HashMap<&'c str, Vec<&'c RouteConfig>>,
    /// What routes ask of each cluster: the position of each set of labels among its subsets.
    subsets: HashMap<&'c str, HashMap<&'c Labels, usize>>,
}

impl<'c> Names<'c> {
    pub(super) fn of(config: &'c Config) -> Self {
        let clusters = config.clusters.iter().map(|cluster| cluster.name.as_str());
        let mut routes: HashMap<&str, Vec<&RouteConfig>> = HashMap::new();
        let mut subsets: HashMap<&str, HashMap<&Labels, usize>> = HashMap::new();
        for route in &config.routes {
            for (cluster, _) in route.to.iter().filter(|_| !route.labels.is_empty()) {
                let subsets = subsets.entry(cluster.as_str()).or_default();
                let next = subsets.len();
                subsets.entry(&route.labels).or_insert(next);
            }
            for listener in &route.listeners {
                routes.entry(listener.as_str()).or_default().push(route);
            }
        }
        Self { clusters: clusters.zip(0..).collect(), routes, subsets }
    }

    /// The labels of each subset that routes ask of a cluster.
    pub(super) fn subsets(&self, cluster: &str) -> Vec<Labels> {
        let mut subsets: Vec<_> = self.subsets.get(cluster).into_iter().flatten().collect();
        subsets.sort_by_key(|(_, position)| **position);
        subsets.into_iter().map(|(labels, _)| (*labels).clone()).collect()
    }

    /// The router of `listener`; that of `old` itself if nothing has changed.
    pub(super) fn router(
        &self,
        listener: &ListenerConfig,
        old: Option<&Listener>,
        workers: usize,
    ) -> Result<Arc<Router>, UnknownCluster> {
        let old = old.map(|old| &old.routes);
        let before = old.map_or(&[][..], |old| old.routes());
        let before_by_name = before.iter().map(|route| (&*route.name, route)).collect();
        let build = Build { names: self, listener, before: before_by_name, workers };
        let own = self.routes.get(listener.name.as_str()).map_or(&[][..], Vec::as_slice);
        let mut routes =
            own.iter().map(|route| build.route(route)).collect::<Result<Vec<_>, _>>()?;
        if let Some(to) = &listener.to {
            let position = build.position(to)?;
            routes.push(Route::everything(position, |name| build.counters(name)));
        }
        let same = old.filter(|_| {
            before.len() == routes.len()
                && before.iter().zip(&routes).all(|(old, new)| old.is_same(new))
        });
        Ok(same.map_or_else(|| Arc::new(Router::new(routes)), Arc::clone))
    }
}

/// What the routes of one listener are built from.
struct Build<'a, 'c> {
    names: &'a Names<'c>,
    listener: &'a ListenerConfig,
    /// The routes before, by their names.
    before: HashMap<&'a str, &'a Route>,
    workers: usize,
}

impl Build<'_, '_> {
    fn route(&self, route: &RouteConfig) -> Result<Route, UnknownCluster> {
        let target = |(cluster, weight): &(String, u32)| {
            let subsets = self.names.subsets.get(cluster.as_str());
            let subset = subsets.and_then(|subsets| subsets.get(&route.labels)).copied();
            Ok(Target { cluster: self.position(cluster)?, subset, weight: *weight })
        };
        let name = route.label().into_boxed_str();
        let old = self.before.get(&*name).and_then(|route| route.admission.as_ref());
        Ok(Route {
            admission: admission::of_route(&route.admission, old, self.workers),
            counters: self.counters(&name),
            name,
            host: route.host.clone(),
            path: route.path.clone(),
            alpn: route.alpn.clone(),
            to: Targets::new(route.to.iter().map(target).collect::<Result<_, _>>()?),
            exchange_timeout: route.exchange_timeout,
            grpc_web: route.grpc_web,
        })
    }

    fn position(&self, cluster: &str) -> Result<usize, UnknownCluster> {
        self.names.clusters.get(cluster).copied().ok_or_else(|| UnknownCluster {
            listener: self.listener.name.clone(),
            cluster: cluster.to_owned(),
        })
    }

    fn counters(&self, name: &str) -> Arc<Sharded<RouteCounters>> {
        let counted = self.before.get(name).map(|route| Arc::clone(&route.counters));
        counted.unwrap_or_else(|| Arc::new(Sharded::new(self.workers)))
    }
}
