use std::time::Duration;

use evenkeel_plan::balance::{Algorithm, SlowStart};
use evenkeel_plan::cluster::HttpVersion;
use evenkeel_plan::errors::ErrorPage;
use evenkeel_plan::health::HealthCheck;
use evenkeel_plan::route::{HostPattern, PathPattern, Target};
use evenkeel_plan::time::Time;
use evenkeel_proto::field::UnusualNames;
use evenkeel_proto::path::Ambiguity;

use super::*;
use crate::config::{
    AccessConfig, AdmissionConfig, Config, ConnectionRateConfig, ConnectionsConfig, PageConfig,
    RateLimitConfig, RouteConfig,
};
use crate::fixture::{config, endpoint};
use evenkeel_plan::rate::{Per, Quota, Rate, RateTable};

/// Without certificates.
fn build(
    config: &Config,
    before: &Plan,
    workers: usize,
    address: impl Fn(&str) -> Option<IpAddr>,
) -> Result<Plan, UnknownCluster> {
    super::build(config, before, workers, address, &Known::default())
}

#[test]
fn names_become_positions_and_addresses() {
    let config = config(&[("web", "api")], &[("api", &["10.0.0.1:80", "db.internal:81"])]);
    let plan = build(&config, &Plan::default(), 2, literal).unwrap();
    let (listener, cluster) = (&plan.listeners[0], &plan.clusters[0]);
    let to = listener.routes.fallback().unwrap().to.pick(|| 0).map(|to| to.cluster);
    assert_eq!((&*listener.name, to, &*cluster.name), ("web", Some(0), "api"));
    assert_eq!(cluster.endpoints[0].address, Some("10.0.0.1:80".parse().unwrap()));
    assert_eq!(cluster.endpoints[1].address, None);
    assert_eq!(cluster.endpoints[1].life.counters.shards().count(), 2);
}

#[test]
fn a_listener_that_leads_nowhere_is_an_error_that_names_it() {
    let config = config(&[("web", "apy")], &[("api", &["10.0.0.1:80"])]);
    let error = build(&config, &Plan::default(), 1, literal).unwrap_err();
    assert_eq!(error.to_string(), "listener \"web\" leads to \"apy\", which is no cluster");
}

#[test]
fn what_is_the_same_is_taken_over_as_it_is() {
    let config =
        config(&[("web", "api")], &[("api", &["10.0.0.1:80"]), ("other", &["10.0.0.2:80"])]);
    let before = build(&config, &Plan::default(), 1, literal).unwrap();
    let mut changed = config;
    changed.clusters[1].balance = Algorithm::RoundRobin.into();
    let after = build(&changed, &before, 1, literal).unwrap();
    assert!(Arc::ptr_eq(&before.listeners[0], &after.listeners[0]));
    assert!(Arc::ptr_eq(&before.clusters[0], &after.clusters[0]));
    assert!(!Arc::ptr_eq(&before.clusters[1], &after.clusters[1]));
}

#[test]
fn who_is_there_when_a_cluster_is_made_is_fit_and_who_comes_later_is_new() {
    let now = Time::from_nanos(5);
    let since = |plan: &Plan| -> Vec<Option<Time>> {
        let endpoints = &plan.clusters[0].endpoints;
        endpoints.iter().map(|endpoint| endpoint.life.vitals.fit_since(now)).collect()
    };
    let build_of = |names: &[&str], before: &Plan| {
        build(&config(&[("web", "api")], &[("api", names)]), before, 1, literal).unwrap()
    };
    let first = build_of(&["10.0.0.1:80", "nowhere.internal:80"], &Plan::default());
    assert_eq!(since(&first), [None, Some(now)]);
    let second = build_of(&["10.0.0.1:80", "10.0.0.2:80"], &first);
    assert_eq!(since(&second), [None, Some(now)]);
    let other = config(&[("web", "new")], &[("new", &["10.0.0.1:80"])]);
    assert_eq!(since(&build(&other, &second, 1, literal).unwrap()), [None]);
}

#[test]
fn every_change_of_a_cluster_makes_a_new_one_that_keeps_the_lives() {
    type Change = fn(&mut ClusterConfig);
    let changes: [Change; 18] = [
        |cluster| cluster.balance = Algorithm::Random.into(),
        |cluster| cluster.balance.bounded_load = Some(1.5),
        |cluster| cluster.health = vec![HealthCheck::default()],
        |cluster| cluster.http = HttpVersion::Http2,
        |cluster| cluster.timeouts.connect *= 2,
        |cluster| cluster.timeouts.exchange = Some(Duration::from_secs(1)),
        |cluster| cluster.pool.max_idle += 1,
        |cluster| cluster.pool.max_age = Some(Duration::from_secs(1)),
        |cluster| cluster.pool.max_requests = Some(1),
        |cluster| cluster.resilience.retry.attempts += 1,
        |cluster| cluster.limits.pending += 1,
        |cluster| cluster.endpoints[0].weight += 1,
        |cluster| cluster.endpoints[0].backup = true,
        |cluster| cluster.endpoints[0].priority = 1,
        |cluster| cluster.endpoints[0].zone = Some("eu-1".to_owned()),
        |cluster| cluster.endpoints[0].labels = Box::new([("version".into(), "2".into())]),
        |cluster| cluster.eligibility.panic_below = 0.5,
        |cluster| {
            let (time, aggression) = (Duration::from_secs(30), 1.0);
            cluster.eligibility.slow_start = Some(SlowStart { time, aggression });
        },
    ];
    let config = config(&[("web", "api")], &[("api", &["10.0.0.1:80"])]);
    let before = build(&config, &Plan::default(), 1, literal).unwrap();
    for (number, change) in changes.into_iter().enumerate() {
        let mut changed = config.clone();
        change(&mut changed.clusters[0]);
        let after = build(&changed, &before, 1, literal).unwrap();
        let (old, new) = (&before.clusters[0], &after.clusters[0]);
        assert!(!Arc::ptr_eq(old, new), "change {number}");
        assert!(Arc::ptr_eq(&old.endpoints[0].life, &new.endpoints[0].life), "change {number}");
    }
}

#[test]
fn our_zone_matters_to_a_cluster_that_has_something_in_it_and_wants_to_know() {
    let mut config = config(&[("web", "api")], &[("api", &["10.0.0.1:80", "10.0.0.2:80"])]);
    config.clusters[0].endpoints[0].zone = Some("eu-1".to_owned());
    let mut built = |ours: Option<&str>, prefer_zone| {
        config.zone = ours.map(str::to_owned);
        config.clusters[0].eligibility.prefer_zone = prefer_zone;
        let plan = build(&config, &Plan::default(), 1, literal).unwrap();
        plan.clusters[0].balancer.balancing().eligibility.zone.clone()
    };
    let near = ZonePreference { zone: "eu-1".into(), threshold: 0.7 };
    assert_eq!(built(Some("eu-1"), Some(0.7)), Some(near));
    for (ours, prefer_zone) in [(Some("eu-1"), None), (Some("eu-2"), Some(0.7)), (None, Some(0.7))]
    {
        assert_eq!(built(ours, prefer_zone), None, "{ours:?}");
    }
}

#[test]
fn lives_go_by_cluster_and_name_and_not_by_position_or_address() {
    let config =
        config(&[("web", "api")], &[("api", &["10.0.0.1:80"]), ("other", &["10.0.0.1:80"])]);
    let before = build(&config, &Plan::default(), 1, literal).unwrap();
    let mut changed = config;
    changed.clusters[0].endpoints.insert(0, endpoint("10.0.0.9:80"));
    let after = build(&changed, &before, 1, literal).unwrap();
    let life = |plan: &Plan, cluster: usize, at: usize| {
        Arc::clone(&plan.clusters[cluster].endpoints[at].life)
    };
    assert!(Arc::ptr_eq(&life(&before, 0, 0), &life(&after, 0, 1)));
    assert!(!Arc::ptr_eq(&life(&before, 0, 0), &life(&after, 0, 0)));
    assert!(!Arc::ptr_eq(&life(&after, 0, 1), &life(&after, 1, 0)), "one address, two lives");
}

#[test]
fn every_change_of_a_listener_makes_a_new_one() {
    type Change = fn(&mut ListenerConfig);
    let changes: [Change; 8] = [
        // It was said to be in force, and was not.
        |listener| listener.http2 = false,
        |listener| listener.timeouts.tunnel *= 2,
        |listener| listener.limits.body = Some(1),
        |listener| listener.paths.backslash = Ambiguity::Keep,
        |listener| listener.header_names = UnusualNames::Refuse,
        |listener| listener.errors.reason_header = true,
        |listener| listener.errors.pages[0].page.template = "new".into(),
        |listener| listener.errors.pages.clear(),
    ];
    let mut config = config(&[("web", "api")], &[("api", &["10.0.0.1:80"])]);
    config.listeners[0].errors.pages.push(page());
    let before = build(&config, &Plan::default(), 1, literal).unwrap();
    assert_eq!(before.listeners[0].errors.page(503), Some(&page().page));
    let same = build(&config, &before, 1, literal).unwrap();
    assert!(Arc::ptr_eq(&before.listeners[0], &same.listeners[0]));
    for (number, change) in changes.into_iter().enumerate() {
        let mut changed = config.clone();
        change(&mut changed.listeners[0]);
        let after = build(&changed, &before, 1, literal).unwrap();
        assert!(!Arc::ptr_eq(&before.listeners[0], &after.listeners[0]), "change {number}");
    }
}

#[test]
fn the_access_log_is_in_the_plan() {
    let mut config = config(&[("web", "api")], &[("api", &["10.0.0.1:80"])]);
    assert_eq!(build(&config, &Plan::default(), 1, literal).unwrap().access, None);
    config.access = Some(AccessConfig::default());
    let access = build(&config, &Plan::default(), 1, literal).unwrap().access;
    assert_eq!(access, Some(AccessConfig::default().log));
}

fn page() -> PageConfig {
    let page = ErrorPage {
        statuses: 503..=503,
        media_type: "text/plain; charset=utf-8".into(),
        template: "sorry".into(),
    };
    PageConfig { file: "sorry.txt".to_owned(), page }
}

#[test]
fn a_changed_listener_keeps_its_counters() {
    let config = config(&[("web", "api")], &[("api", &["10.0.0.1:80"])]);
    let before = build(&config, &Plan::default(), 1, literal).unwrap();
    let mut changed = config;
    changed.listeners[0].limits.header_count += 1;
    let after = build(&changed, &before, 1, literal).unwrap();
    assert!(!Arc::ptr_eq(&before.listeners[0], &after.listeners[0]));
    assert!(Arc::ptr_eq(&before.listeners[0].counters, &after.listeners[0].counters));
}

/// A route of listener `web`.
fn route(host: &str, to: &[(&str, u32)]) -> RouteConfig {
    RouteConfig {
        name: None,
        listeners: vec!["web".to_owned()],
        host: HostPattern::Exact(host.into()),
        path: PathPattern::Any,
        alpn: Box::default(),
        to: to.iter().map(|(cluster, weight)| ((*cluster).to_owned(), *weight)).collect(),
        labels: Labels::default(),
        admission: AdmissionConfig::default(),
        exchange_timeout: None,
        grpc_web: false,
    }
}

#[test]
fn routes_that_ask_for_the_same_labels_share_a_subset() {
    let two = || Labels::from([("version".into(), "2".into())]);
    let mut config = config(&[("web", "api")], &[("api", &["10.0.0.1:80", "10.0.0.2:80"])]);
    config.clusters[0].endpoints[1].labels = two();
    config.routes = ["a", "b", "c"].map(|host| route(host, &[("api", 1)])).to_vec();
    config.routes[0].labels = two();
    config.routes[2].labels = two();
    let plan = build(&config, &Plan::default(), 1, literal).unwrap();
    let routes = plan.listeners[0].routes.routes();
    let subsets: Vec<Option<usize>> =
        routes.iter().map(|route| route.to.list()[0].subset).collect();
    assert_eq!(subsets, [Some(0), None, Some(0), None]);
    let labels = |cluster: &Cluster| -> Vec<Labels> {
        let of = |subset: &Balancer| subset.balancing().eligibility.labels.clone();
        cluster.subsets.iter().map(of).collect()
    };
    assert_eq!(labels(&plan.clusters[0]), [two()]);
    let same = build(&config, &plan, 1, literal).unwrap();
    assert!(Arc::ptr_eq(&plan.clusters[0], &same.clusters[0]));
    config.routes.iter_mut().for_each(|route| route.labels = Labels::default());
    let without = build(&config, &plan, 1, literal).unwrap();
    assert!(!Arc::ptr_eq(&plan.clusters[0], &without.clusters[0]));
    assert!(labels(&without.clusters[0]).is_empty());
}

#[test]
fn routes_are_for_the_listeners_that_they_name_and_come_before_its_own() {
    let mut config = config(
        &[("web", "api"), ("other", "api")],
        &[("api", &["10.0.0.1:80"]), ("next", &["10.0.0.2:80"])],
    );
    config.routes = vec![route("a", &[("api", 95), ("next", 5)])];
    let plan = build(&config, &Plan::default(), 2, literal).unwrap();
    let names = |listener: usize| -> Vec<&str> {
        plan.listeners[listener].routes.routes().iter().map(|route| &*route.name).collect()
    };
    assert_eq!((names(0), names(1)), (vec!["a/*", "/*"], vec!["/*"]));
    let found = plan.listeners[0].routes.find(Some(b"a"), b"/").unwrap();
    let target = |(cluster, weight)| Target { cluster, subset: None, weight };
    let targets = [(0, 95), (1, 5)].map(target);
    assert_eq!(found.to.list(), targets);
    config.routes[0].to[1].0 = "nxt".to_owned();
    let error = build(&config, &Plan::default(), 1, literal).unwrap_err();
    assert_eq!(error.to_string(), "listener \"web\" leads to \"nxt\", which is no cluster");
}

#[test]
fn a_changed_route_makes_a_new_listener_that_keeps_what_was_counted() {
    type Change = fn(&mut Config);
    let changes: [Change; 6] = [
        |config| config.routes[0].to[0].1 = 2,
        |config| config.routes[0].exchange_timeout = Some(None),
        |config| config.routes[0].path = PathPattern::Exact("/x".into()),
        |config| config.routes[0].name = Some("one".to_owned()),
        |config| config.routes.swap(0, 1),
        |config| config.listeners[0].to = None,
    ];
    let mut config = config(&[("web", "api")], &[("api", &["10.0.0.1:80"])]);
    config.routes = vec![route("a", &[("api", 1)]), route("b", &[("api", 1)])];
    let before = build(&config, &Plan::default(), 1, literal).unwrap();
    let same = build(&config, &before, 1, literal).unwrap();
    assert!(Arc::ptr_eq(&before.listeners[0], &same.listeners[0]));
    let counters = |plan: &Plan| {
        let route = plan.listeners[0].routes.find(Some(b"b"), b"/").unwrap();
        Arc::clone(&route.counters)
    };
    for (number, change) in changes.into_iter().enumerate() {
        let mut changed = config.clone();
        change(&mut changed);
        let after = build(&changed, &before, 1, literal).unwrap();
        let (old, new) = (&before.listeners[0], &after.listeners[0]);
        assert!(!Arc::ptr_eq(old, new), "change {number}");
        assert!(Arc::ptr_eq(&old.counters, &new.counters), "change {number}");
        assert!(Arc::ptr_eq(&counters(&before), &counters(&after)), "change {number}");
    }
}

#[test]
fn a_change_of_a_listener_leaves_its_routes_as_they_are() {
    let mut config = config(&[("web", "api")], &[("api", &["10.0.0.1:80"])]);
    config.routes = vec![route("a", &[("api", 1)])];
    let before = build(&config, &Plan::default(), 1, literal).unwrap();
    config.listeners[0].limits.header_count += 1;
    let after = build(&config, &before, 1, literal).unwrap();
    assert!(!Arc::ptr_eq(&before.listeners[0], &after.listeners[0]));
    assert!(Arc::ptr_eq(&before.listeners[0].routes, &after.listeners[0].routes));
}

#[test]
fn of_ten_thousand_endpoints_and_routes_all_that_stay_are_kept() {
    let names: Vec<String> = (1..=10_000).map(|port| format!("10.0.0.1:{port}")).collect();
    let endpoints: Vec<[&str; 1]> = names.iter().map(|name| [name.as_str()]).collect();
    let clusters: Vec<(&str, &[&str])> =
        endpoints.iter().map(|endpoint| (endpoint[0], &endpoint[..])).collect();
    let mut config = config(&[("web", "10.0.0.1:1")], &clusters);
    config.routes =
        names.iter().map(|name| route(&format!("host{name}"), &[(name.as_str(), 1)])).collect();
    let everything: Vec<&str> = names.iter().map(String::as_str).collect();
    config.clusters[0] =
        crate::fixture::config(&[], &[("10.0.0.1:1", &everything)]).clusters.remove(0);
    let before = build(&config, &Plan::default(), 2, literal).unwrap();
    let after = build(&config, &before, 2, literal).unwrap();
    assert!(Arc::ptr_eq(&before.listeners[0], &after.listeners[0]));
    assert!(before.clusters.iter().zip(&after.clusters).all(|(old, new)| Arc::ptr_eq(old, new)));
}

fn literal(host: &str) -> Option<IpAddr> {
    host.parse().ok()
}

fn limit(burst: u32) -> RateLimitConfig {
    RateLimitConfig::new(Quota::new(Rate { count: 1, per: Per::Hour }, burst))
}

/// Where each limit of the listener and of its first route remembers.
fn tables(plan: &Plan) -> Vec<*const RateTable> {
    let listener = &plan.listeners[0];
    let admissions = [&listener.admission, &listener.routes.routes()[0].admission];
    let limits = admissions.into_iter().flatten().flat_map(|admission| &admission.limits);
    limits.map(|limit| Arc::as_ptr(&limit.table)).collect()
}

#[test]
fn a_limit_goes_on_with_its_table_while_it_has_the_same_place_and_key() {
    let mut config = config(&[("web", "api")], &[("api", &["10.0.0.1:80"])]);
    config.routes = vec![route("a", &[("api", 1)])];
    config.routes[0].admission.limits = vec![limit(1), limit(2)];
    config.listeners[0].admission.limits = vec![limit(3)];
    let plan = build(&config, &Plan::default(), 1, literal).unwrap();
    let first = tables(&plan);
    assert_eq!(first.len(), 3);
    let same = build(&config, &plan, 1, literal).unwrap();
    assert!(Arc::ptr_eq(&plan.listeners[0], &same.listeners[0]));

    config.routes[0].admission.limits[1] = limit(9);
    config.listeners[0].admission.deny = vec!["10.0.0.0/8".parse().unwrap()];
    let faster = build(&config, &plan, 1, literal).unwrap();
    assert!(!Arc::ptr_eq(&plan.listeners[0], &faster.listeners[0]));
    assert_eq!(tables(&faster), first);
    assert_eq!(
        faster.listeners[0].routes.routes()[0].admission.as_ref().unwrap().limits[1].quota.burst(),
        9
    );

    config.routes[0].admission.limits[0].key.sources = ["path".parse().unwrap()].into();
    config.routes[0].admission.limits[1].entries = 100;
    let other = tables(&build(&config, &faster, 1, literal).unwrap());
    assert_eq!(other[0], first[0]);
    assert!(!first.contains(&other[1]) && !first.contains(&other[2]));
}

#[test]
fn what_asks_nothing_of_anybody_costs_nothing() {
    let mut config = config(&[("web", "api")], &[("api", &["10.0.0.1:80"])]);
    config.routes = vec![route("a", &[("api", 1)])];
    let listener = |config: &Config| {
        let plan = build(config, &Plan::default(), 1, literal).unwrap();
        let listener = &plan.listeners[0];
        (listener.door.is_some(), listener.admission.is_some(), listener.is_guarded)
    };
    assert_eq!(listener(&config), (false, false, false));
    config.routes[0].admission.limits = vec![limit(1)];
    assert_eq!(listener(&config), (false, false, true));
    config.listeners[0].admission.allow = vec!["10.0.0.0/8".parse().unwrap()];
    assert_eq!(listener(&config), (true, false, true));
    config.listeners[0].admission.limits = vec![limit(1)];
    assert_eq!(listener(&config), (true, true, true));
}

#[test]
fn connections_stay_counted_over_a_reload() {
    let mut config = config(&[("web", "api")], &[("api", &["10.0.0.1:80"])]);
    config.listeners[0].connections = ConnectionsConfig {
        max: Some(10),
        per_client: Some(5),
        rate: Some(ConnectionRateConfig::new(limit(1).quota)),
    };
    let counts = |plan: &Plan| {
        let door = plan.listeners[0].door.as_ref().unwrap();
        let seats = Arc::as_ptr(&door.seats.as_ref().unwrap().seats);
        let crowd = Arc::as_ptr(&door.per_client.as_ref().unwrap().crowd);
        (seats, crowd, Arc::as_ptr(&door.rate.as_ref().unwrap().table))
    };
    let plan = build(&config, &Plan::default(), 1, literal).unwrap();
    config.listeners[0].connections.per_client = Some(6);
    let after = build(&config, &plan, 1, literal).unwrap();
    assert!(!Arc::ptr_eq(&plan.listeners[0], &after.listeners[0]));
    assert_eq!(counts(&plan), counts(&after));
}
