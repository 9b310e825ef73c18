//! What only shows from outside: that picking allocates nothing, and that many threads may pick while endpoints come and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use evenkeel_plan::balance::hash::stable::mix;
use evenkeel_plan::balance::{
    Algorithm, Balancing, Eligibility, Load, Pick, SessionCookie, SessionKey, SlowStart, Sticky,
    Tried, WorkerState,
};
use evenkeel_plan::endpoint::{Life, LongLease};
use evenkeel_plan::publish::Publisher;
use evenkeel_plan::time::Time;
use evenkeel_plan::vitals::{Heard, Standing};
use evenkeel_plan::{Cluster, Endpoint, Plan};

fn endpoints(count: u32) -> Vec<Endpoint> {
    let cluster = Arc::default();
    let endpoint = |number: u32| {
        let address = Some(([10, 0, 0, 1], 80).into());
        let life = Life::new(1, &cluster);
        Endpoint { weight: 1 + number % 3, ..Endpoint::new(&number.to_string(), address, life) }
    };
    (0..count).map(endpoint).collect()
}

/// Everything that costs something: uneven weights, slow start, bounded load, sessions.
fn balancing(algorithm: Algorithm) -> Balancing {
    let slow_start = Some(SlowStart { time: Duration::from_secs(5), aggression: 1.5 });
    let cookie = SessionCookie::new("ek", [SessionKey::from_text("a")]);
    Balancing {
        algorithm,
        bounded_load: Some(1.25),
        sticky: Some(Sticky::Cookie(cookie)),
        eligibility: Eligibility { slow_start, ..Eligibility::default() },
        ..Balancing::default()
    }
}

/// Picks, begins and ends attempts, and answers probes, for as many requests.
fn work(cluster: &Cluster, state: &mut WorkerState, requests: u64, from: u64) {
    let mut last: Option<LongLease> = None;
    for number in from..from + requests {
        let now = Time::START.after(Duration::from_millis(number));
        let (random, tried) = (mix(1, number), Tried::default());
        let endpoints = &cluster.endpoints;
        let request =
            Pick { endpoints, tried: &tried, now, random, key: Some(random), session: None };
        let Some(choice) = cluster.balancer.pick(state, &request) else { continue };
        let mut lease = LongLease::new(Arc::clone(&endpoints[choice.position].life));
        lease.ask(now);
        if let Some(mut before) = last.replace(lease) {
            before.hear(if number % 50 == 0 { Heard::Failure } else { Heard::Answer }, now);
        }
        // A second try, too.
        let mut tried = Tried::default();
        tried.insert(choice.position);
        cluster.balancer.pick(state, &Pick { tried: &tried, ..request });
        while let Some(position) = state.next_probe() {
            let load = Load { in_flight: 3, latency: Duration::from_millis(7) };
            state.probed(position, Some(load), now);
        }
    }
}

#[test]
fn picking_allocates_nothing_whatever_happens_to_the_endpoints() {
    for algorithm in Algorithm::ALL {
        for count in [3, 10, 100, 1000] {
            let cluster = Cluster::new("api", balancing(algorithm), endpoints(count));
            let mut state = cluster.balancer.worker_state(0, &cluster.endpoints);
            work(&cluster, &mut state, 10, 1);
            let allocated = allocation_counter::measure(|| {
                for step in 0..20 {
                    let vitals = &cluster.endpoints[step as usize % count as usize].life.vitals;
                    let down = if step % 3 == 0 { Standing::Down } else { Standing::Up };
                    vitals.set_standing(down);
                    let now = Time::START.after(Duration::from_secs(step));
                    vitals.avoid(now, now.after(Duration::from_millis(300)));
                    work(&cluster, &mut state, 100, 100 + step * 1000);
                }
            });
            assert_eq!(allocated.count_total, 0, "{algorithm:?} of {count}");
        }
    }
}

#[test]
fn threads_that_pick_while_endpoints_come_and_go_lose_no_count() {
    for algorithm in Algorithm::ALL {
        let all = endpoints(12);
        // Each plan has a part of them, as reloads would make it; the lives are the same.
        let plan_of = |round: usize| {
            let stays = |position: usize| !(position + round).is_multiple_of(4);
            let some = all.iter().enumerate().filter(|(position, _)| stays(*position));
            let some = some.map(|(_, endpoint)| Endpoint {
                weight: endpoint.weight,
                ..Endpoint::new(&endpoint.name, endpoint.address, Arc::clone(&endpoint.life))
            });
            let cluster = Cluster::new("api", balancing(algorithm), some.collect());
            Plan { clusters: vec![Arc::new(cluster)], ..Plan::default() }
        };
        let mut publisher = Publisher::default();
        publisher.publish(plan_of(0));
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            for worker in 0..4 {
                let mut reader = publisher.reader();
                let is_over = &is_over;
                scope.spawn(move || {
                    let mut from = 1;
                    while !is_over.load(Ordering::Relaxed) || from == 1 {
                        let plan = Arc::clone(reader.load());
                        let cluster = &plan.clusters[0];
                        let mut state = cluster.balancer.worker_state(worker, &cluster.endpoints);
                        work(cluster, &mut state, 500, from);
                        from += 500;
                    }
                });
            }
            for round in 1..40 {
                let vitals = &all[round % 12].life.vitals;
                vitals.set_standing([Standing::Down, Standing::Up][round % 2]);
                vitals.avoid(Time::START, Time::START.after(Duration::from_millis(100)));
                publisher.publish(plan_of(round));
                thread::yield_now();
            }
            is_over.store(true, Ordering::Relaxed);
        });
        for endpoint in &all {
            assert_eq!(endpoint.life.vitals.in_flight(), 0, "{algorithm:?} {}", endpoint.name);
        }
        assert_eq!(all[0].life.vitals.cluster().in_flight(), 0, "{algorithm:?}");
    }
}
