use std::time::Duration;

use evenkeel_plan::balance::{Algorithm, Balancing};
use evenkeel_plan::endpoint::Labels;

use super::*;
use crate::fixture::listener;

fn cluster(name: &str, endpoints: Vec<Endpoint>) -> Arc<Cluster> {
    let balancing = Balancing { algorithm: Algorithm::RoundRobin, ..Balancing::default() };
    Arc::new(Cluster::new(name, balancing, endpoints))
}

fn endpoint(port: u16, life: &Arc<Life>) -> Endpoint {
    let address = ([127, 0, 0, 1], port).into();
    Endpoint::new(&format!("127.0.0.1:{port}"), Some(address), Arc::clone(life))
}

fn world(clusters: Vec<Arc<Cluster>>, before: Option<&World>) -> World {
    World::new(Arc::new(Plan { clusters, ..Plan::default() }), 0, before)
}

#[test]
fn what_lives_on_keeps_its_pool_and_what_has_moved_gets_a_new_one() {
    let lives: Vec<Arc<Life>> = (0..3).map(|_| Life::new(1, &Arc::default())).collect();
    let endpoints = |ports: &[u16]| -> Vec<Endpoint> {
        ports.iter().zip(&lives).map(|(port, life)| endpoint(*port, life)).collect()
    };
    let kept = cluster("kept", vec![endpoint(9001, &Life::new(1, &Arc::default()))]);
    let before = world(vec![Arc::clone(&kept), cluster("api", endpoints(&[9001, 9002]))], None);
    let after = world(vec![cluster("api", endpoints(&[9001, 9009, 9003])), kept], Some(&before));
    let same = |old: (usize, usize), new: (usize, usize)| {
        let pool = |world: &World, (cluster, endpoint): (usize, usize)| {
            Rc::clone(&world.memories[cluster].pools[endpoint])
        };
        Rc::ptr_eq(&pool(&before, old), &pool(&after, new))
    };
    assert!(same((0, 0), (1, 0)), "the cluster is as it was");
    assert!(same((1, 0), (0, 0)), "the endpoint is as it was");
    assert!(!same((1, 1), (0, 1)), "the endpoint is elsewhere");
    assert!(!same((0, 0), (0, 0)), "one address, two endpoints");
}

#[test]
fn a_plan_of_ten_thousand_endpoints_is_taken_over_at_once() {
    let clusters = |lives: &[Arc<Life>]| -> Vec<Arc<Cluster>> {
        let one = |(port, life)| cluster("api", vec![endpoint(port, life)]);
        (1..).zip(lives).map(one).collect()
    };
    let lives: Vec<Arc<Life>> = (0..10_000).map(|_| Life::new(1, &Arc::default())).collect();
    let before = world(clusters(&lives), None);
    let began = std::time::Instant::now();
    let after = world(clusters(&lives), Some(&before));
    // Going through all for each takes many times as long.
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    assert_eq!(after.memories.len(), 10_000);
}

#[test]
fn a_listener_is_found_by_its_counters_or_its_name_wherever_it_stands() {
    let listener = |name: usize| Listener { name: name.to_string().into(), ..listener() };
    let entrance = |listener: &Listener| Entrance::new((&*listener.name).into(), listener);
    let listeners: Vec<_> = (0..2_000).map(|name| Arc::new(listener(name))).collect();
    let plan = Plan { listeners: listeners.clone(), ..Plan::default() };
    let world = World::new(Arc::new(plan), 0, None);
    for position in [0, COMPARED_MAX, 1_999] {
        let (same, older) = (&*listeners[position], listener(position));
        for before in [same, &older] {
            let found = world.listener(&entrance(before)).unwrap();
            assert!(std::ptr::eq(Arc::as_ptr(found), same));
        }
    }
    assert!(world.listener(&entrance(&listener(2_000))).is_none());
}

#[test]
fn a_subset_chooses_among_its_own_and_remembers_by_itself() {
    let labelled = |port, value: &str| {
        let labels = Box::new([("version".into(), value.into())]);
        Endpoint { labels, ..endpoint(port, &Life::new(1, &Arc::default())) }
    };
    let endpoints = vec![labelled(9001, "1"), labelled(9002, "2"), labelled(9003, "2")];
    let balancing = Balancing { algorithm: Algorithm::RoundRobin, ..Balancing::default() };
    let two: Labels = Box::new([("version".into(), "2".into())]);
    let cluster = Arc::new(Cluster::new("api", balancing, endpoints).with_subsets([two]));
    let picks = |world: &World, subset| -> Vec<usize> {
        let view = world.cluster(&Target { cluster: 0, subset, weight: 1 }).unwrap();
        let pick = |_| view.pick(Asked::default(), &Tried::default(), Time::START, 0).unwrap();
        let mut positions: Vec<usize> = (0..6).map(pick).map(|choice| choice.position).collect();
        positions.sort_unstable();
        positions
    };
    let before = world(vec![Arc::clone(&cluster)], None);
    let after = world(vec![cluster], Some(&before));
    for world in [&before, &after] {
        assert_eq!(picks(world, Some(0)), [1, 1, 1, 2, 2, 2]);
        assert_eq!(picks(world, None), [0, 0, 1, 1, 2, 2]);
        assert!(world.cluster(&Target { cluster: 0, subset: Some(1), weight: 1 }).is_none());
    }
}

/// All requests went to one endpoint: whoever had gone once round came to where it began.
#[test]
fn where_every_breaker_is_open_the_round_goes_on() {
    use evenkeel_plan::breaker::{Outcome, Settings};

    let settings = Settings { min_requests: 1, ..Settings::default() };
    let endpoints: Vec<_> = [9001, 9002, 9003]
        .map(|port| endpoint(port, &Life::new(1, &Arc::default())))
        .into_iter()
        .inspect(|endpoint| {
            let breaker = &endpoint.life.vitals.breaker;
            let permit = breaker.ask(Time::START, &settings).unwrap();
            let outcome = Outcome { failed: true, took: Duration::ZERO };
            breaker.report(permit, outcome, Time::START, &settings);
        })
        .collect();
    let balancing = Balancing { algorithm: Algorithm::RoundRobin, ..Balancing::default() };
    let mut cluster = Cluster::new("api", balancing, endpoints);
    cluster.resilience.breaker = Some(settings);
    let world = world(vec![Arc::new(cluster)], None);
    let view = world.cluster(&Target { cluster: 0, subset: None, weight: 1 }).unwrap();
    let mut counts = [0; 3];
    for _ in 0..30 {
        let chosen = view.choose(Asked::default(), &Tried::default(), Time::START, 0);
        counts[chosen.ok().unwrap().choice.position] += 1;
    }
    assert_eq!(counts, [10; 3]);
}
