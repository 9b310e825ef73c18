//! The vitals as a few threads may find them: loom goes through the interleavings, and through the old values that a memory may still
//! show. `cargo test -p evenkeel-plan --features loom --test loom`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its own functions too")]

use std::sync::Arc;
use std::time::Duration;

use evenkeel_plan::Endpoint;
use evenkeel_plan::admission::{Crowd, Entered};
use evenkeel_plan::balance::{Algorithm, Balancer, Balancing, Pick, Tried, WorkerState};
use evenkeel_plan::endpoint::Life;
use evenkeel_plan::rate::{Per, Quota, Rate, RateTable};
use evenkeel_plan::time::Time;
use evenkeel_plan::vitals::{Heard, Standing, Vitals};
use loom::model;
use loom::model::Builder;
use loom::thread::{self, JoinHandle};

fn vitals() -> Arc<Vitals> {
    Arc::new(Vitals::new(Arc::default()))
}

fn at(nanos: u64) -> Time {
    Time::from_nanos(nanos)
}

/// Does something to the vitals on a thread of its own.
fn beside<T: 'static>(
    vitals: &Arc<Vitals>,
    act: impl FnOnce(&Vitals) -> T + 'static,
) -> JoinHandle<T> {
    let vitals = Arc::clone(vitals);
    thread::spawn(move || act(&vitals))
}

#[test]
fn no_lease_is_lost_or_left_over() {
    model(|| {
        let vitals = vitals();
        let attempt = |vitals: &Vitals| {
            let lease = vitals.lease();
            assert!((1..=2).contains(&vitals.in_flight()));
            drop(lease);
        };
        let others = [beside(&vitals, attempt), beside(&vitals, attempt)];
        assert!(vitals.in_flight() <= 2);
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(vitals.in_flight(), 0);
    });
}

#[test]
fn no_more_leases_than_there_is_room_for_are_ever_out() {
    model(|| {
        let vitals = vitals();
        vitals.limit_to(Some(1));
        let attempt = |vitals: &Vitals| {
            if let Some(lease) = vitals.try_lease() {
                assert_eq!(vitals.in_flight(), 1);
                drop(lease);
            }
        };
        let others = [beside(&vitals, attempt), beside(&vitals, attempt)];
        attempt(&vitals);
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(vitals.in_flight(), 0);
        assert!(vitals.try_lease().is_some());
    });
}

#[test]
fn a_cluster_counts_down_what_it_has_counted_up_and_nothing_else() {
    for is_counting in [false, true] {
        model(move || {
            let vitals = vitals();
            vitals.cluster().count_in_flight(is_counting);
            let before = vitals.lease();
            let other = beside(&vitals, |vitals| drop(vitals.lease()));
            vitals.cluster().count_in_flight(!is_counting);
            let after = vitals.lease();
            assert!(vitals.cluster().in_flight() <= 2);
            drop((before, after));
            other.join().unwrap();
            assert_eq!(vitals.cluster().in_flight(), 0);
        });
    }
}

#[test]
fn whoever_sees_that_something_has_changed_sees_what() {
    model(|| {
        let vitals = vitals();
        vitals.set_standing(Standing::Down);
        assert_eq!(vitals.fit_since(at(5)), Some(at(5)));
        let before = vitals.cluster().changes();
        let control = beside(&vitals, |vitals| vitals.set_standing(Standing::Up));
        if vitals.cluster().changes() != before {
            assert_eq!(vitals.standing(), Standing::Up);
            assert_eq!(vitals.fit_since(at(12)), Some(at(12)));
        }
        control.join().unwrap();
    });
}

#[test]
fn two_changes_at_once_are_two() {
    model(|| {
        let vitals = vitals();
        let before = vitals.cluster().changes();
        let control = beside(&vitals, |vitals| vitals.set_standing(Standing::Down));
        let refused = beside(&vitals, |vitals| vitals.avoid(at(10), at(20)));
        control.join().unwrap();
        refused.join().unwrap();
        assert_eq!(vitals.cluster().changes(), before + 2);
    });
}

#[test]
fn whoever_sees_that_an_endpoint_refused_sees_until_when_it_is_avoided() {
    model(|| {
        let vitals = vitals();
        let before = vitals.cluster().changes();
        let refused = [20, 30]
            .map(|until| beside(&vitals, move |vitals: &Vitals| vitals.avoid(at(10), at(until))));
        if vitals.cluster().changes() != before {
            assert!(vitals.is_avoided(at(19)));
        }
        refused.into_iter().for_each(|worker| worker.join().unwrap());
        assert_ne!(vitals.cluster().changes(), before);
        assert_eq!(vitals.avoided_until(), at(30));
    });
}

#[test]
fn all_who_ask_since_when_are_told_the_same() {
    model(|| {
        let vitals = vitals();
        let others = [5, 9].map(|now| beside(&vitals, move |vitals| vitals.fit_since(at(now))));
        let told = vitals.fit_since(at(7));
        for other in others {
            assert_eq!(other.join().unwrap(), told);
        }
        assert_eq!(vitals.fit_since(at(20)), told);
    });
}

#[test]
fn an_attempt_that_is_watched_stays_so_to_its_end_and_then_nobody_is_who_has_ended() {
    model(|| {
        let vitals = vitals();
        let attempt = |asked: u64| {
            move |vitals: &Vitals| {
                let mut lease = vitals.lease();
                lease.ask(at(asked));
                if vitals.waited(at(20)) == 20 - asked {
                    assert_eq!(vitals.waited(at(20)), 20 - asked, "another one took its place");
                }
                lease.hear(Heard::Nothing, at(20));
                drop(lease);
            }
        };
        let others = [beside(&vitals, attempt(5)), beside(&vitals, attempt(9))];
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(vitals.waited(at(20)), 0);
    });
}

/// A balancer of one worker, which picks while others write.
struct Worker {
    endpoints: Vec<Endpoint>,
    balancer: Balancer,
    state: WorkerState,
}

impl Worker {
    fn new(endpoints: u32) -> Self {
        let cluster = Arc::default();
        let endpoint = |number: u32| {
            let address = Some(([10, 0, 0, 1], 80).into());
            Endpoint::new(&number.to_string(), address, Life::new(1, &cluster))
        };
        let endpoints: Vec<Endpoint> = (0..endpoints).map(endpoint).collect();
        let algorithm = Algorithm::RoundRobin;
        let balancer = Balancer::new(Balancing { algorithm, ..Balancing::default() }, &endpoints);
        let state = balancer.worker_state(0, &endpoints);
        Self { endpoints, balancer, state }
    }

    fn pick(&mut self, now: Time) -> usize {
        let (endpoints, tried) = (&self.endpoints, &Tried::default());
        let pick = Pick { endpoints, tried, now, random: 1, key: None, session: None };
        self.balancer.pick(&mut self.state, &pick).unwrap().position
    }

    /// Does something to the vitals of an endpoint on a thread of its own.
    fn beside(&self, position: usize, act: impl FnOnce(&Vitals) + 'static) -> JoinHandle<()> {
        let life = Arc::clone(&self.endpoints[position].life);
        thread::spawn(move || act(&life.vitals))
    }
}

#[test]
fn a_worker_that_picks_meanwhile_misses_no_change() {
    model(|| {
        let mut worker = Worker::new(4);
        worker.pick(Time::START);
        let now = Time::START.after(LAG);
        let control = worker.beside(0, |vitals| vitals.set_standing(Standing::Down));
        let refused = worker.beside(1, move |vitals| vitals.avoid(now, Time::END));
        worker.pick(now);
        control.join().unwrap();
        refused.join().unwrap();
        let now = now.after(LAG);
        assert!((0..4).all(|_| worker.pick(now) >= 2));
    });
}

/// Longer than the roster of so few endpoints may lag behind.
const LAG: Duration = Duration::from_millis(1);

/// Where two new keys, of which two workers ask for one, look for a place at the same time: each gets one, and only one.
#[test]
fn a_new_key_has_one_burst_whoever_sees_it_first() {
    let quota = Quota::new(Rate { count: 1, per: Per::Hour }, 1);
    let mut model = Builder::new();
    model.preemption_bound = Some(3);
    model.check(move || {
        let table = Arc::new(RateTable::new(8));
        // Two places are left, and what is in the others is remembered.
        (10..16).for_each(|key| assert!(table.take(quota, key, at(0), 1).allowed));
        let ask = move |table: &RateTable, key| u32::from(table.take(quota, key, at(0), 1).allowed);
        let other = Arc::clone(&table);
        let other = thread::spawn(move || (ask(&other, 1), ask(&other, 2)));
        let through = ask(&table, 1);
        let (of_one, of_two) = other.join().unwrap();
        assert_eq!((through + of_one, of_two), (1, 1));
        assert_eq!(ask(&table, 1) + ask(&table, 2), 0);
    });
}

/// The same with a third worker, whose key comes in between.
#[test]
fn a_key_that_comes_in_between_makes_no_second_burst() {
    let quota = Quota::new(Rate { count: 1, per: Per::Hour }, 1);
    let mut model = Builder::new();
    model.preemption_bound = Some(2);
    model.check(move || {
        let table = Arc::new(RateTable::new(8));
        (10..15).for_each(|key| assert!(table.take(quota, key, at(0), 1).allowed));
        let asking = |key| {
            let table = Arc::clone(&table);
            thread::spawn(move || u32::from(table.take(quota, key, at(0), 1).allowed))
        };
        let others = [asking(1), asking(2)];
        let through = u32::from(table.take(quota, 1, at(5_000), 1).allowed);
        let [one, two] = others.map(|other| other.join().unwrap());
        assert_eq!((through + one, two), (1, 1));
    });
}

#[test]
fn a_client_never_has_more_connections_than_it_may() {
    let mut model = Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let crowd = Arc::new(Crowd::new(8));
        let enter = |crowd: &Arc<Crowd>| match crowd.enter(1 << 32, 1) {
            Entered::Counted(presence) => Some(presence),
            Entered::Refused | Entered::Uncounted => None,
        };
        let before = crowd.enter(2 << 32, 1);
        let other = Arc::clone(&crowd);
        let other = thread::spawn(move || enter(&other));
        drop(before);
        let own = enter(&crowd);
        let other = other.join().unwrap();
        assert!(own.is_none() || other.is_none());
        drop((own, other));
        assert!(enter(&crowd).is_some(), "all are gone again");
    });
}
