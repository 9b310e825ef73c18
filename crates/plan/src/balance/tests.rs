use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::endpoint::{Forced, Labels, Life};
use crate::vitals::{Heard, Lease, Standing, Vitals};

/// `3` weighs three, `0` nothing; a backup is written negative.
fn endpoints(weights: &[i32]) -> Vec<Endpoint> {
    let cluster = Arc::default();
    let endpoint = |(port, weight): (u16, &i32)| Endpoint {
        weight: weight.unsigned_abs(),
        backup: *weight < 0,
        ..Endpoint::new(
            &format!("127.0.0.1:{port}"),
            Some(([127, 0, 0, 1], port).into()),
            Life::new(1, &cluster),
        )
    };
    (9001..).zip(weights).map(endpoint).collect()
}

/// Asks an endpoint at `now`.
fn ask(endpoint: &Endpoint, now: Time) -> Lease<&Vitals> {
    let mut lease = endpoint.life.vitals.lease();
    lease.ask(now);
    lease
}

/// A balancer at work: it remembers, draws, and has a clock.
struct Worker<'a> {
    balancer: Balancer,
    state: WorkerState,
    endpoints: &'a [Endpoint],
    random: fastrand::Rng,
    now: Time,
}

impl<'a> Worker<'a> {
    fn new(balancing: Balancing, endpoints: &'a [Endpoint]) -> Self {
        let balancer = Balancer::new(balancing, endpoints);
        let state = balancer.worker_state(0, endpoints);
        Self { balancer, state, endpoints, random: fastrand::Rng::with_seed(7), now: Time::START }
    }

    fn pick(&mut self, tried: &Tried) -> Option<usize> {
        let (random, key) = (self.random.u64(..), self.random.u64(..));
        self.pick_for(Pick { random, key: Some(key), ..self.request(tried) })
    }

    fn request<'t>(&self, tried: &'t Tried) -> Pick<'t>
    where
        'a: 't,
    {
        let (endpoints, now) = (self.endpoints, self.now);
        Pick { endpoints, tried, now, random: 42, key: None, session: None }
    }

    fn pick_for(&mut self, pick: Pick<'_>) -> Option<usize> {
        self.balancer.pick(&mut self.state, &pick).map(|choice| choice.position)
    }

    /// How often each endpoint is chosen in `picks` picks, with nothing in flight.
    fn shares(&mut self, picks: usize) -> Vec<usize> {
        let mut shares = vec![0; self.endpoints.len()];
        for _ in 0..picks {
            shares[self.pick(&Tried::default()).unwrap()] += 1;
        }
        shares
    }
}

/// The tables are so large that shares are about exact.
fn by(algorithm: Algorithm) -> Balancing {
    Balancing { algorithm, vnodes: 10_000, ..Balancing::default() }
}

fn shares(algorithm: Algorithm, endpoints: &[Endpoint], picks: usize) -> Vec<usize> {
    Worker::new(by(algorithm), endpoints).shares(picks)
}

fn pick_once(algorithm: Algorithm, endpoints: &[Endpoint], tried: &Tried) -> Option<usize> {
    Worker::new(by(algorithm), endpoints).pick(tried)
}

#[test]
fn names_are_unique_and_found_again() {
    for algorithm in Algorithm::ALL {
        assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
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
    let mut worker = Worker::new(by(Algorithm::RoundRobin), &endpoints);
    for _ in 0..20 {
        let round: Vec<usize> = (0..10).map(|_| worker.pick(&Tried::default()).unwrap()).collect();
        let count = |position| round.iter().filter(|&&chosen| chosen == position).count();
        assert_eq!((count(0), count(1), count(2)), (5, 3, 2));
        assert_eq!(round, [0, 1, 2, 0, 0, 1, 0, 2, 1, 0]);
    }
}

#[test]
fn round_robin_workers_start_at_different_endpoints() {
    for weights in [&[1, 1, 1], &[3, 3, 2]] {
        let endpoints = endpoints(weights);
        let first = |worker| {
            let mut one = Worker::new(by(Algorithm::RoundRobin), &endpoints);
            one.state = one.balancer.worker_state(worker, &endpoints);
            one.pick(&Tried::default()).unwrap()
        };
        assert_eq!([first(0), first(1), first(2)], [0, 1, 2]);
    }
}

#[test]
fn round_robin_goes_on_where_it_was_when_somebody_fails_and_comes_back() {
    for weights in [vec![1; 100], (1..=100).collect()] {
        let endpoints = endpoints(&weights);
        let mut worker = Worker::new(by(Algorithm::RoundRobin), &endpoints);
        let mut counts = vec![0_usize; 100];
        let rounds = 200 * 100;
        for round in 0..rounds {
            // Somebody comes or goes every five picks, long before all have had their turn.
            let standing = if round % 10 < 5 { Standing::Down } else { Standing::Up };
            endpoints[0].life.vitals.set_standing(standing);
            worker.now = worker.now.after(Duration::from_millis(1));
            counts[worker.pick(&Tried::default()).unwrap()] += 1;
        }
        let all: i32 = weights[1..].iter().sum();
        for (position, count) in counts.iter().enumerate().skip(1) {
            let due = f64::from(weights[position]) * rounds as f64 / f64::from(all);
            assert!(
                (*count as f64 - due).abs() < 0.1 * due + 3.0,
                "{position}: {count}, not {due}"
            );
        }
    }
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
        endpoints[0].life.vitals.avoid(Time::START, Time::from_nanos(5));
        assert_eq!(shares(algorithm, &endpoints, 100), [0, 100, 0], "{algorithm:?}");
        endpoints[1].life.vitals.avoid(Time::START, Time::from_nanos(5));
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
    let balancer = Arc::new(Balancer::new(by(Algorithm::RoundRobin), &[]));
    let other = Arc::clone(&balancer);
    std::thread::spawn(move || assert_eq!(*other.balancing(), by(Algorithm::RoundRobin)))
        .join()
        .unwrap();
}

/// Endpoints of levels: `(priority, how many, how many of them are down)`.
fn levels(levels: &[(u8, usize, usize)]) -> Vec<Endpoint> {
    let count = levels.iter().map(|level| level.1).sum();
    let mut endpoints = endpoints(&vec![1; count]);
    let mut rest = endpoints.iter_mut();
    for &(priority, count, down) in levels {
        for number in 0..count {
            let endpoint = rest.next().unwrap();
            endpoint.priority = priority;
            if number < down {
                endpoint.life.vitals.set_standing(Standing::Down);
            }
        }
    }
    endpoints
}

#[test]
fn what_a_level_cannot_do_spills_over_to_the_next() {
    for (cluster, expected) in [
        // Five of seven can do the work of all.
        (&[(0, 7, 2), (1, 7, 0)], [1.0, 0.0]),
        (&[(0, 10, 5), (1, 10, 0)], [0.7, 0.3]),
        (&[(0, 10, 10), (1, 5, 0)], [0.0, 1.0]),
        // 0.56 and 0.56 of the work: the first does what it can, the second the rest.
        (&[(0, 10, 6), (1, 5, 3)], [0.56, 0.44]),
        // 0.42 and 0.42: together less than all, so each gets half.
        (&[(0, 20, 14), (3, 10, 6)], [0.42 / 0.98, 0.56 / 0.98]),
    ] {
        let endpoints = levels(cluster);
        for algorithm in Algorithm::ALL {
            let balancing = Balancing {
                eligibility: Eligibility { panic_below: 0.0, ..Eligibility::default() },
                ..by(algorithm)
            };
            let shares = Worker::new(balancing, &endpoints).shares(20_000);
            let first: usize = shares[..cluster[0].1].iter().sum();
            let got = [first as f64 / 20_000.0, 1.0 - first as f64 / 20_000.0];
            for (got, expected) in got.iter().zip(expected) {
                assert!((got - expected).abs() < 0.02, "{algorithm:?} {cluster:?}: {got}");
            }
        }
    }
}

#[test]
fn a_level_that_can_do_all_the_work_keeps_a_cluster_from_panic() {
    let endpoints = levels(&[(0, 1, 0), (1, 9, 9)]);
    let census = Balancer::new(by(Algorithm::Random), &endpoints).census(&endpoints);
    assert_eq!(census, Census { all: 10, well: 1, panics: false });
    assert_eq!(shares(Algorithm::Random, &endpoints, 100)[0], 100);
}

#[test]
fn when_too_few_are_well_all_are_used_but_for_those_an_operator_has_taken_out() {
    for algorithm in Algorithm::ALL {
        let mut endpoints = levels(&[(0, 5, 3)]);
        endpoints[4].forced = Some(Forced::Drain);
        let balancer = Balancer::new(by(algorithm), &endpoints);
        assert_eq!(balancer.census(&endpoints), Census { all: 4, well: 1, panics: true });
        let some = shares(algorithm, &endpoints, 1000);
        assert!(some[..4].iter().all(|share| *share > 150), "{algorithm:?} {some:?}");
        assert_eq!(some[4], 0);
        endpoints[0].life.vitals.set_standing(Standing::Up);
        assert!(!balancer.census(&endpoints).panics);
        assert_eq!(shares(algorithm, &endpoints, 1000)[1..3], [0, 0]);
    }
}

#[test]
fn a_backup_that_is_well_is_better_than_panic() {
    for algorithm in Algorithm::ALL {
        let endpoints = endpoints(&[1, 1, 1, -1]);
        for endpoint in &endpoints[..2] {
            endpoint.life.vitals.set_standing(Standing::Down);
        }
        assert_eq!(shares(algorithm, &endpoints, 100), [0, 0, 100, 0], "{algorithm:?}");
        endpoints[2].life.vitals.set_standing(Standing::Down);
        assert_eq!(shares(algorithm, &endpoints, 100), [0, 0, 0, 100], "{algorithm:?}");
        endpoints[3].life.vitals.set_standing(Standing::Down);
        let all = shares(algorithm, &endpoints, 1000);
        assert!(all[..3].iter().all(|share| *share > 200) && all[3] == 0, "{algorithm:?} {all:?}");
    }
}

#[test]
fn work_stays_in_our_zone_while_enough_of_it_is_well() {
    let mut endpoints = endpoints(&[1; 10]);
    for endpoint in &mut endpoints[..4] {
        endpoint.zone = Some("here".into());
    }
    let zone = Some(ZonePreference { zone: "here".into(), threshold: 0.7 });
    for algorithm in Algorithm::ALL {
        let eligibility = Eligibility { zone: zone.clone(), ..Eligibility::default() };
        let mut worker = Worker::new(Balancing { eligibility, ..by(algorithm) }, &endpoints);
        let here = |worker: &mut Worker<'_>| worker.shares(1000)[..4].iter().sum::<usize>();
        assert_eq!(here(&mut worker), 1000, "{algorithm:?}");
        endpoints[0].life.vitals.set_standing(Standing::Down);
        worker.now = worker.now.after(Duration::from_secs(1));
        assert_eq!(here(&mut worker), 1000, "{algorithm:?}");
        endpoints[1].life.vitals.set_standing(Standing::Down);
        worker.now = worker.now.after(Duration::from_secs(1));
        let half = here(&mut worker);
        assert!((150..350).contains(&half), "{algorithm:?} {half}");
        endpoints[0].life.vitals.set_standing(Standing::Up);
        endpoints[1].life.vitals.set_standing(Standing::Up);
    }
}

#[test]
fn only_those_with_the_labels_are_chosen() {
    let mut endpoints = endpoints(&[1; 4]);
    let label = |name: &str, value: &str| (Box::from(name), Box::from(value));
    endpoints[1].labels = [label("tier", "gold"), label("version", "2")].into();
    endpoints[2].labels = [label("version", "2")].into();
    for algorithm in Algorithm::ALL {
        let only = |labels: Labels| {
            let eligibility = Eligibility { labels, ..Eligibility::default() };
            Worker::new(Balancing { eligibility, ..by(algorithm) }, &endpoints)
        };
        let shares = only([label("version", "2")].into()).shares(1000);
        assert!(shares[0] + shares[3] == 0 && shares[1] > 400 && shares[2] > 400, "{shares:?}");
        let both = only([label("tier", "gold"), label("version", "2")].into()).shares(10);
        assert_eq!(both, [0, 10, 0, 0]);
        let nobody = only([label("version", "3")].into()).pick(&Tried::default());
        assert_eq!(nobody, None);
    }
}

#[test]
fn an_endpoint_that_comes_back_gets_its_share_little_by_little() {
    for algorithm in Algorithm::ALL {
        let endpoints = endpoints(&[1, 1]);
        let slow_start = Some(SlowStart { time: Duration::from_secs(10), aggression: 1.0 });
        let eligibility = Eligibility { slow_start, ..Eligibility::default() };
        let mut worker = Worker::new(Balancing { eligibility, ..by(algorithm) }, &endpoints);
        let second = Duration::from_secs(1);
        let share = |worker: &mut Worker<'_>| worker.shares(10_000)[1];
        // All are new: nobody is newer.
        let even = share(&mut worker);
        assert!(even.abs_diff(5000) < 200, "{algorithm:?} {even}");
        worker.now = worker.now.after(second * 20);
        endpoints[1].life.vitals.set_standing(Standing::Down);
        assert_eq!(share(&mut worker), 0);
        endpoints[1].life.vitals.set_standing(Standing::Up);
        worker.now = worker.now.after(second);
        for (step, (seconds, due)) in [(0, 909), (5, 3333), (6, 5000)].into_iter().enumerate() {
            worker.now = worker.now.after(second * seconds);
            // By hash it is a part of its own keys.
            let due = if algorithm.hashes() { [500, 2500, 5000][step] } else { due };
            let got = share(&mut worker);
            assert!(got.abs_diff(due) < 200, "{algorithm:?}: {got}, not {due}");
        }
    }
}

#[test]
fn a_large_cluster_in_trouble_is_looked_through_now_and_then_and_nobody_unwell_is_chosen() {
    for algorithm in Algorithm::ALL {
        let endpoints = endpoints(&[1; 10_000]);
        let mut worker = Worker::new(by(algorithm), &endpoints);
        worker.pick(&Tried::default()).unwrap();
        for (number, endpoint) in endpoints[..3000].iter().enumerate() {
            endpoint.life.vitals.set_standing(Standing::Down);
            worker.now = worker.now.after(Duration::from_micros(10));
            let chosen = worker.pick(&Tried::default()).unwrap();
            assert!(chosen > number, "{algorithm:?} {chosen}");
        }
        assert!(worker.state.roster.version < 6, "{}", worker.state.roster.version);
    }
}

#[test]
fn peak_ewma_prefers_the_faster_and_tries_the_slow_one_again() {
    let endpoints = endpoints(&[1; 3]);
    let mut worker = Worker::new(by(Algorithm::PeakEwma), &endpoints);
    let answer = |position: usize, millis, now: Time| {
        ask(&endpoints[position], now)
            .hear(Heard::Answer, now.after(Duration::from_millis(millis)));
    };
    worker.now = worker.now.after(Duration::from_secs(1));
    for position in 0..3 {
        answer(position, if position == 2 { 200 } else { 10 }, worker.now);
    }
    worker.now = worker.now.after(Duration::from_millis(200));
    let shares = worker.shares(1000);
    assert!(shares[2] == 0 && shares[0] > 300 && shares[1] > 300, "{shares:?}");
    // It has had nothing to do for a while, so somebody looks whether it is better; the others are asked all the time.
    worker.now = worker.now.after(Duration::from_secs(1));
    answer(0, 10, worker.now);
    answer(1, 10, worker.now);
    worker.now = worker.now.after(Duration::from_millis(10));
    assert!(worker.shares(1000)[2] > 200);
    // And nobody else while that attempt is running.
    let trial = ask(&endpoints[2], worker.now);
    assert!(worker.shares(1000)[2] < 5);
    drop(trial);
}

#[test]
fn peak_ewma_gives_a_frozen_endpoint_no_more_work_although_it_never_said_so() {
    let endpoints = endpoints(&[1; 2]);
    let mut worker = Worker::new(by(Algorithm::PeakEwma), &endpoints);
    for endpoint in &endpoints {
        let after = worker.now.after(Duration::from_millis(5));
        ask(endpoint, worker.now).hear(Heard::Answer, after);
    }
    worker.now = worker.now.after(Duration::from_millis(5));
    let _frozen = ask(&endpoints[0], worker.now);
    let mut busy: Vec<_> = (0..3).map(|_| ask(&endpoints[1], worker.now)).collect();
    assert!(worker.shares(1000)[0] > 900);
    worker.now = worker.now.after(Duration::from_millis(10));
    for lease in &mut busy {
        lease.hear(Heard::Answer, worker.now);
    }
    worker.now = worker.now.after(Duration::from_millis(90));
    // One has waited for 100 ms, and the other has three attempts that take 10 ms.
    assert!(worker.shares(1000)[0] < 5);
}

#[test]
fn peak_ewma_is_not_drawn_to_an_endpoint_that_fails_fast() {
    let endpoints = endpoints(&[1; 3]);
    let mut worker = Worker::new(by(Algorithm::PeakEwma), &endpoints);
    let mut failed = 0;
    for _ in 0..10_000 {
        let chosen = worker.pick(&Tried::default()).unwrap();
        let (heard, millis) = if chosen == 0 { (Heard::Failure, 1) } else { (Heard::Answer, 10) };
        failed += usize::from(chosen == 0);
        let mut lease = ask(&endpoints[chosen], worker.now);
        worker.now = worker.now.after(Duration::from_millis(millis));
        lease.hear(heard, worker.now);
    }
    // Ten clients a tenth of a second apart would have hit it 3,333 times at random.
    assert!((5..200).contains(&failed), "{failed}");
}

const BY_HASH: [Algorithm; 4] =
    [Algorithm::ClientIp, Algorithm::RingHash, Algorithm::Maglev, Algorithm::Rendezvous];

#[test]
fn a_key_stays_where_it_is_and_one_without_a_key_goes_anywhere() {
    for algorithm in BY_HASH {
        let endpoints = endpoints(&[1; 10]);
        let mut worker = Worker::new(by(algorithm), &endpoints);
        let tried = Tried::default();
        let pick = |worker: &mut Worker<'_>, key, random| {
            worker.pick_for(Pick { key, random, ..worker.request(&tried) }).unwrap()
        };
        let first: Vec<usize> = (0..100).map(|key| pick(&mut worker, Some(key), 0)).collect();
        let again: Vec<usize> = (0..100).map(|key| pick(&mut worker, Some(key), 9)).collect();
        assert_eq!(first, again, "{algorithm:?}");
        let mut without: Vec<usize> =
            (0..1000).map(|random| pick(&mut worker, None, random)).collect();
        without.sort_unstable();
        without.dedup();
        assert_eq!(without.len(), 10, "{algorithm:?}");
        // Only the keys of one that fails move, and they come back.
        endpoints[3].life.vitals.set_standing(Standing::Down);
        worker.now = worker.now.after(Duration::from_secs(1));
        for (key, before) in (0..).zip(&first) {
            let now = pick(&mut worker, Some(key), 5);
            assert_eq!(now == *before, *before != 3, "{algorithm:?} {key}");
        }
        endpoints[3].life.vitals.set_standing(Standing::Up);
        worker.now = worker.now.after(Duration::from_secs(1));
        let back: Vec<usize> = (0..100).map(|key| pick(&mut worker, Some(key), 0)).collect();
        assert_eq!(first, back, "{algorithm:?}");
    }
}

#[test]
fn bounded_load_gives_nobody_more_than_its_factor_however_hot_a_key_is() {
    for algorithm in BY_HASH {
        let endpoints = endpoints(&[1, 1, 2, 4]);
        let balancing = Balancing { bounded_load: Some(1.25), ..by(algorithm) };
        let mut worker = Worker::new(balancing, &endpoints);
        let (tried, mut leases) = (Tried::default(), Vec::new());
        for number in 1..=400_u32 {
            let pick = Pick { key: Some(7), ..worker.request(&tried) };
            let chosen = worker.pick_for(pick).unwrap();
            leases.push(endpoints[chosen].life.vitals.lease());
            for endpoint in &endpoints {
                let due = 1.25 * f64::from(number) * f64::from(endpoint.weight) / 8.0;
                let in_flight = f64::from(endpoint.life.vitals.in_flight());
                assert!(in_flight <= due.ceil().max(1.0), "{algorithm:?}: {in_flight} of {due}");
            }
        }
    }
}

/// A cluster of three with a session cookie.
fn with_cookie(endpoints: &[Endpoint]) -> Worker<'_> {
    let cookie = SessionCookie::new("ek", [SessionKey::from_text("a")]);
    let sticky = Some(Sticky::Cookie(cookie));
    Worker::new(Balancing { sticky, ..by(Algorithm::RoundRobin) }, endpoints)
}

#[test]
fn a_session_stays_moves_once_when_its_endpoint_is_gone_and_stays_there() {
    let endpoints = endpoints(&[1; 3]);
    let mut worker = with_cookie(&endpoints);
    let at = |position| Some(Session::At { position, renew: false });
    let tried = Tried::default();
    let pick = |worker: &mut Worker<'_>, session| {
        worker.pick_for(Pick { session, ..worker.request(&tried) }).unwrap()
    };
    assert_eq!([0; 10].map(|_| pick(&mut worker, at(1))), [1; 10]);
    endpoints[1].life.vitals.set_standing(Standing::Down);
    worker.now = worker.now.after(Duration::from_secs(1));
    let moved = pick(&mut worker, at(1));
    assert_ne!(moved, 1);
    // The balancer says so in a new cookie, and the old endpoint's return changes nothing.
    let wall = Duration::from_secs(1_800_000_000);
    assert!(worker.balancer.cookie(Choice { position: moved }, at(1), wall).is_some());
    assert_eq!(worker.balancer.cookie(Choice { position: moved }, at(moved), wall), None);
    endpoints[1].life.vitals.set_standing(Standing::Up);
    worker.now = worker.now.after(Duration::from_secs(1));
    assert_eq!([0; 10].map(|_| pick(&mut worker, at(moved))), [moved; 10]);
    // One that was tried is not tried again for its session.
    let mut once = Tried::default();
    once.insert(moved);
    assert_ne!(worker.pick_for(Pick { session: at(moved), ..worker.request(&once) }), Some(moved));
    assert!(worker.pick_for(Pick { session: at(99), ..worker.request(&tried) }).is_some());
}

#[test]
fn an_endpoint_that_is_drained_keeps_its_sessions_until_the_deadline_and_gets_no_new_ones() {
    for drained in [Some(Forced::Drain), None] {
        let mut endpoints = endpoints(&[1; 3]);
        endpoints[1].forced = drained;
        endpoints[1].weight = u32::from(drained.is_some());
        let mut worker = with_cookie(&endpoints);
        worker.now = worker.now.after(Duration::from_secs(1));
        let session = Some(Session::At { position: 1, renew: false });
        let tried = Tried::default();
        let at_session = |worker: &mut Worker<'_>| {
            worker.pick_for(Pick { session, ..worker.request(&tried) }).unwrap() == 1
        };
        assert!(at_session(&mut worker));
        assert_eq!(worker.shares(100)[1], 0);
        worker.now = worker.now.after(Duration::from_secs(299));
        assert!(at_session(&mut worker));
        worker.now = worker.now.after(Duration::from_secs(1));
        assert!(!at_session(&mut worker));
    }
}

#[test]
fn sessions_by_a_key_of_their_own_stay_and_others_are_balanced() {
    let endpoints = endpoints(&[1; 5]);
    let sticky = Some(Sticky::Key(HashKey::default()));
    let mut worker = Worker::new(Balancing { sticky, ..by(Algorithm::RoundRobin) }, &endpoints);
    let tried = Tried::default();
    let mut used = std::collections::BTreeSet::new();
    for number in 0..50 {
        let session = Some(Session::By(hash::stable::mix(1, number)));
        let pick = |worker: &mut Worker<'_>| {
            worker.pick_for(Pick { session, ..worker.request(&tried) }).unwrap()
        };
        let first = pick(&mut worker);
        assert_eq!(pick(&mut worker), first);
        used.insert(first);
    }
    assert_eq!(used.len(), 5);
    assert_eq!(worker.shares(100), [20; 5]);
    let wall = Duration::from_secs(1);
    assert_eq!(worker.balancer.cookie(Choice { position: 0 }, None, wall), None);
}

/// Has the balancer ask whom it wants, and answers as the endpoints would.
fn answer_probes(worker: &mut Worker<'_>, load: impl Fn(usize) -> Option<Load>) {
    while let Some(position) = worker.state.next_probe() {
        worker.state.probed(position, load(position), worker.now);
    }
}

#[test]
fn prequal_chooses_the_fastest_of_those_that_are_not_hot() {
    let endpoints = endpoints(&[1; 12]);
    let mut worker = Worker::new(by(Algorithm::Prequal), &endpoints);
    // Of the two that are fastest, one has too much to do.
    let load = |position| Load {
        in_flight: if position == 0 { 90 } else { 10 },
        latency: Duration::from_millis(if position < 2 { 5 } else { 50 }),
    };
    let mut shares = [0; 12];
    for _ in 0..1000 {
        shares[worker.pick(&Tried::default()).unwrap()] += 1;
        answer_probes(&mut worker, |position| Some(load(position)));
        worker.now = worker.now.after(Duration::from_millis(1));
    }
    // An answer is used once: so it does not get everything.
    let fair = 1000 / 12;
    assert!(shares[1] > 2 * fair && shares[0] < fair / 2, "{shares:?}");
}

#[test]
fn prequal_is_random_where_nobody_answers_and_asks_nobody_twice_at_a_time() {
    let endpoints = endpoints(&[1; 50]);
    let mut worker = Worker::new(by(Algorithm::Prequal), &endpoints);
    let mut asked = Vec::new();
    for _ in 0..100 {
        worker.pick(&Tried::default()).unwrap();
        while let Some(position) = worker.state.next_probe() {
            asked.push(position);
        }
    }
    let count = asked.len();
    asked.sort_unstable();
    asked.dedup();
    assert_eq!((asked.len(), count), (16, 16));
    for position in asked {
        worker.state.probed(position, None, worker.now);
    }
    let shares = worker.shares(50_000);
    assert!(shares.iter().all(|share| (800..1200).contains(share)), "{shares:?}");
    assert!(worker.state.next_probe().is_some());
}

#[test]
fn prequal_believes_nobody_for_longer_than_a_second() {
    let endpoints = endpoints(&[1; 4]);
    let mut worker = Worker::new(by(Algorithm::Prequal), &endpoints);
    let mut chosen = 0;
    for _ in 0..20 {
        chosen += usize::from(worker.pick(&Tried::default()) == Some(2));
        answer_probes(&mut worker, |position| {
            let latency = Duration::from_millis(if position == 2 { 1 } else { 99 });
            Some(Load { in_flight: if position == 2 { 1 } else { 50 }, latency })
        });
    }
    assert!(chosen > 10, "{chosen}");
    worker.now = worker.now.after(Duration::from_secs(1));
    let shares = worker.shares(1000);
    assert!(shares.iter().all(|share| *share > 150), "{shares:?}");
}

#[test]
fn endpoints_that_refused_a_moment_ago_are_no_reason_to_panic() {
    for algorithm in Algorithm::ALL {
        let endpoints = endpoints(&[1; 3]);
        for endpoint in &endpoints[..2] {
            endpoint.life.vitals.avoid(Time::START, Time::from_nanos(5));
        }
        assert_eq!(shares(algorithm, &endpoints, 100), [0, 0, 100], "{algorithm:?}");
    }
}

#[test]
fn a_backup_that_refused_a_moment_ago_is_better_than_those_that_are_down() {
    for algorithm in Algorithm::ALL {
        let endpoints = endpoints(&[1, 1, -1]);
        for endpoint in &endpoints[..2] {
            endpoint.life.vitals.set_standing(Standing::Down);
        }
        endpoints[2].life.vitals.avoid(Time::START, Time::from_nanos(5));
        assert_eq!(shares(algorithm, &endpoints, 100), [0, 0, 100], "{algorithm:?}");
    }
}

#[test]
fn what_one_exchange_has_tried_is_no_matter_to_the_next() {
    for algorithm in Algorithm::ALL {
        let endpoints = endpoints(&[1, 1]);
        let mut worker = Worker::new(by(algorithm), &endpoints);
        let mut tried = Tried::default();
        for (position, endpoint) in endpoints.iter().enumerate() {
            endpoint.life.vitals.avoid(Time::START, Time::from_nanos(5));
            tried.insert(position);
        }
        assert_eq!(worker.pick(&tried), None, "{algorithm:?}");
        let shares = worker.shares(1000);
        assert!(shares.iter().all(|share| *share > 300), "{algorithm:?} {shares:?}");
    }
}

#[test]
fn a_session_does_not_lead_out_of_the_subset_that_a_route_asks_for() {
    let mut endpoints = endpoints(&[1; 2]);
    endpoints[0].labels = [(Box::from("version"), Box::from("2"))].into();
    let eligibility = Eligibility { labels: endpoints[0].labels.clone(), ..Eligibility::default() };
    let sticky = with_cookie(&endpoints).balancer.balancing().sticky.clone();
    let balancing = Balancing { eligibility, sticky, ..by(Algorithm::RoundRobin) };
    let mut worker = Worker::new(balancing, &endpoints);
    let session = Some(Session::At { position: 1, renew: false });
    let tried = Tried::default();
    assert_eq!(worker.pick_for(Pick { session, ..worker.request(&tried) }), Some(0));
}
