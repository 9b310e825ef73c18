use std::sync::Arc;

use super::*;
use crate::endpoint::Life;
use crate::vitals::Standing;

/// `3` weighs three, `0` nothing; a backup is written negative.
fn endpoints(weights: &[i32]) -> Vec<Endpoint> {
    let endpoint = |(port, weight): (u16, &i32)| Endpoint {
        name: format!("127.0.0.1:{port}").into(),
        address: Some(([127, 0, 0, 1], port).into()),
        weight: weight.unsigned_abs(),
        backup: *weight < 0,
        forced: None,
        life: Life::new(1),
    };
    (9001..).zip(weights).map(endpoint).collect()
}

/// How often each endpoint is chosen in `picks` picks, with nothing in flight.
fn shares(algorithm: Algorithm, endpoints: &[Endpoint], picks: usize) -> Vec<usize> {
    let balancer = algorithm.build();
    let mut state = balancer.worker_state(0, endpoints);
    let mut shares = vec![0; endpoints.len()];
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..picks {
        let tried = Tried::default();
        let pick = Pick { endpoints, tried: &tried, now: Time::START, random: random.u64(..) };
        shares[balancer.pick(&mut state, &pick).unwrap().position] += 1;
    }
    shares
}

fn pick_once(algorithm: Algorithm, endpoints: &[Endpoint], tried: &Tried) -> Option<usize> {
    let balancer = algorithm.build();
    let mut state = balancer.worker_state(0, endpoints);
    let pick = Pick { endpoints, tried, now: Time::START, random: 42 };
    balancer.pick(&mut state, &pick).map(|choice| choice.position)
}

#[test]
fn names_are_unique_and_found_again() {
    for algorithm in Algorithm::ALL {
        assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
        assert_eq!(algorithm.build().algorithm(), algorithm);
    }
    assert_eq!(Algorithm::from_name("round_robin"), None);
}

#[test]
fn every_algorithm_shares_by_weight() {
    for algorithm in Algorithm::ALL {
        let shares = shares(algorithm, &endpoints(&[5, 3, 2]), 100_000);
        for (share, expected) in shares.iter().zip([50_000_usize, 30_000, 20_000]) {
            assert!(share.abs_diff(expected) < 1_000, "{algorithm:?} {shares:?}");
        }
    }
}

#[test]
fn round_robin_is_exact_in_every_round_and_smooth_within() {
    let endpoints = endpoints(&[5, 3, 2]);
    let balancer = Algorithm::RoundRobin.build();
    let mut state = balancer.worker_state(0, &endpoints);
    let tried = Tried::default();
    let pick = Pick { endpoints: &endpoints, tried: &tried, now: Time::START, random: 0 };
    for _ in 0..20 {
        let round: Vec<usize> =
            (0..10).map(|_| balancer.pick(&mut state, &pick).unwrap().position).collect();
        let count = |position| round.iter().filter(|&&chosen| chosen == position).count();
        assert_eq!((count(0), count(1), count(2)), (5, 3, 2));
        assert_eq!(round, [0, 1, 2, 0, 0, 1, 0, 2, 1, 0]);
    }
}

#[test]
fn round_robin_workers_start_at_different_endpoints() {
    let endpoints = endpoints(&[1, 1, 1]);
    let balancer = Algorithm::RoundRobin.build();
    let tried = Tried::default();
    let pick = Pick { endpoints: &endpoints, tried: &tried, now: Time::START, random: 0 };
    let first = |worker| {
        let mut state = balancer.worker_state(worker, &endpoints);
        balancer.pick(&mut state, &pick).unwrap().position
    };
    assert_eq!([first(0), first(1), first(2)], [0, 1, 2]);
}

#[test]
fn least_request_prefers_the_less_loaded_for_its_weight() {
    let endpoints = endpoints(&[1, 3]);
    let lease = |position: usize| {
        let vitals = &endpoints[position].life.vitals;
        move |_| vitals.lease()
    };
    let light_share = |light: usize, heavy: usize| {
        let _running: (Vec<_>, Vec<_>) =
            ((0..light).map(lease(0)).collect(), (0..heavy).map(lease(1)).collect());
        shares(Algorithm::LeastRequest, &endpoints, 1000)[0]
    };
    // Ten of one are more than ten of three, and less than sixty of three.
    assert!(light_share(10, 10) < 20);
    assert!(light_share(10, 60) > 980);
}

#[test]
fn a_weak_endpoint_does_not_get_half_of_the_work_when_there_is_little() {
    let endpoints = endpoints(&[9, 1]);
    let _running = endpoints[0].life.vitals.lease();
    let shares = shares(Algorithm::LeastRequest, &endpoints, 10_000);
    assert!((1_700..2_200).contains(&shares[1]), "{shares:?}");
}

#[test]
fn among_equals_the_least_loaded_always_wins() {
    for weight in [1, 100] {
        let endpoints = endpoints(&[weight; 3]);
        let _running = [0, 2].map(|position: usize| endpoints[position].life.vitals.lease());
        assert_eq!(shares(Algorithm::LeastRequest, &endpoints, 1000), [0, 1000, 0]);
    }
}

#[test]
fn of_many_endpoints_the_loaded_and_the_unfit_are_passed_over_and_weights_count() {
    let mut weights = vec![1; 1000];
    weights[..500].fill(3);
    let mut endpoints = endpoints(&weights);
    endpoints[7].life.vitals.set_standing(Standing::Down);
    endpoints[8].backup = true;
    let leases: Vec<_> = endpoints[9..12].iter().map(|each| each.life.vitals.lease()).collect();
    let shares = shares(Algorithm::LeastRequest, &endpoints, 100_000);
    assert_eq!((shares[7], shares[8]), (0, 0));
    assert!(shares[9..12].iter().all(|share| *share < 5), "{:?}", &shares[9..12]);
    let heavy: usize = shares[..500].iter().sum();
    assert!((70_000..80_000).contains(&heavy), "{heavy}");
    drop(leases);
}

#[test]
fn weights_hold_however_many_endpoints_there_are() {
    for (count, weight) in [(20, 10), (64, 64), (65, 64), (100, 100), (1000, 10)] {
        let mut weights = vec![1; count];
        weights[3] = weight;
        let shares = shares(Algorithm::LeastRequest, &endpoints(&weights), 20_000);
        let weight = f64::from(weight);
        let due = 20_000.0 * weight / (weight + count as f64 - 1.0);
        let got = shares[3] as f64;
        assert!((got - due).abs() < 0.15 * due + 30.0, "{count}, {weight}: {got}, not {due}");
    }
}

#[test]
fn of_many_endpoints_the_only_one_that_is_fit_is_found() {
    let mut endpoints = endpoints(&vec![0; 1000]);
    endpoints[613].weight = 1;
    assert_eq!(shares(Algorithm::LeastRequest, &endpoints, 10)[613], 10);
    endpoints[613].backup = true;
    assert_eq!(shares(Algorithm::LeastRequest, &endpoints, 10)[613], 10);
}

#[test]
fn what_cannot_be_used_is_never_chosen() {
    for algorithm in Algorithm::ALL {
        let mut endpoints = endpoints(&[1, 0, 1, 1, -1]);
        endpoints[2].life.vitals.set_standing(Standing::Down);
        endpoints[3].address = None;
        let shares = shares(algorithm, &endpoints, 100);
        assert_eq!(shares, [100, 0, 0, 0, 0], "{algorithm:?}");
    }
}

#[test]
fn backups_are_used_only_when_nothing_else_is_left() {
    for algorithm in Algorithm::ALL {
        let endpoints = endpoints(&[1, -1]);
        let mut tried = Tried::default();
        assert_eq!(pick_once(algorithm, &endpoints, &tried), Some(0), "{algorithm:?}");
        tried.insert(0);
        assert_eq!(pick_once(algorithm, &endpoints, &tried), Some(1), "{algorithm:?}");
        tried.insert(1);
        assert_eq!(pick_once(algorithm, &endpoints, &tried), None, "{algorithm:?}");
    }
}

#[test]
fn an_endpoint_that_refused_is_avoided_for_a_while_but_better_than_none() {
    for algorithm in Algorithm::ALL {
        let endpoints = endpoints(&[1, 1, -1]);
        endpoints[0].life.vitals.avoid(Time::from_nanos(5));
        assert_eq!(shares(algorithm, &endpoints, 100), [0, 100, 0], "{algorithm:?}");
        endpoints[1].life.vitals.avoid(Time::from_nanos(5));
        assert_eq!(shares(algorithm, &endpoints, 100), [0, 0, 100], "{algorithm:?}");
        endpoints[2].life.vitals.set_standing(Standing::Down);
        let shares = shares(algorithm, &endpoints, 100);
        assert_eq!((shares[0] + shares[1], shares[2]), (100, 0), "{algorithm:?}");
        assert!(!endpoints[0].life.vitals.is_avoided(Time::from_nanos(5)));
    }
}

#[test]
fn nothing_to_choose_from_is_none_and_not_a_panic() {
    for algorithm in Algorithm::ALL {
        assert_eq!(pick_once(algorithm, &[], &Tried::default()), None);
        assert_eq!(pick_once(algorithm, &endpoints(&[0, 0]), &Tried::default()), None);
    }
}

#[test]
fn tried_says_when_it_is_full_and_forgets_nothing() {
    let mut tried = Tried::default();
    for position in 0..TRIES_MAX {
        assert!(!tried.is_full());
        tried.insert(position);
    }
    tried.insert(99);
    assert!(tried.is_full());
    assert!((0..TRIES_MAX).all(|position| tried.contains(position)) && !tried.contains(99));
}

#[test]
fn balancers_can_be_shared_between_workers() {
    let balancer: Arc<dyn Balance> = Algorithm::RoundRobin.build().into();
    std::thread::spawn(move || assert_eq!(balancer.algorithm(), Algorithm::RoundRobin))
        .join()
        .unwrap();
}
