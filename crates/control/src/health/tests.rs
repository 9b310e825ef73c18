use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use evenkeel_plan::balance::Balancing;
use evenkeel_plan::health::HealthCheck;
use tokio::time::{Instant, timeout};

use super::*;
use crate::fixture;
use crate::probe::Failure;

#[tokio::test(start_paused = true)]
async fn the_first_check_runs_at_once_and_decides() {
    let world = World::start(plan(&["10.0.0.1:80"], &lives(1)));
    world.probe.fail("10.0.0.1:80", Failure::Refused);
    let begun = Instant::now();
    world.first_round().await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(world.standing(0), Standing::Down);
    let entry = world.entry("10.0.0.1:80");
    assert_eq!(entry.change.unwrap().reason, "connection refused (first check)");
    assert_eq!((entry.passes, entry.failures), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_goes_down_after_three_failures_and_up_after_two_passes() {
    let world = World::start(plan(&["10.0.0.1:80"], &lives(1)));
    world.first_round().await;
    assert_eq!(world.standing(0), Standing::Up);
    world.probe.fail("10.0.0.1:80", Failure::TimedOut(Duration::from_secs(1)));
    world.until(|| world.standing(0) == Standing::Down).await;
    let entry = world.entry("10.0.0.1:80");
    assert_eq!(entry.change.unwrap().reason, "timed out after 1 s (3 of 3)");
    assert_eq!((entry.passes, entry.failures), (1, 3));
    world.probe.pass("10.0.0.1:80");
    world.until(|| world.standing(0) == Standing::Up).await;
    let entry = world.entry("10.0.0.1:80");
    assert_eq!(entry.change.unwrap().reason, "passed (2 of 2)");
    let transitions: Vec<_> =
        entry.transitions.iter().map(|(kind, &count)| (kind.to, kind.reason, count)).collect();
    assert_eq!(transitions, [("down", "timeout", 1), ("up", "passed", 2)]);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_hangs_is_cut_off_by_its_timeout() {
    let world = World::start(plan(&["10.0.0.1:80"], &lives(1)));
    world.probe.hang("10.0.0.1:80");
    let begun = Instant::now();
    world.first_round().await;
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
    let last = world.entry("10.0.0.1:80").last_check.unwrap();
    assert_eq!((last.detail.as_str(), last.took), ("timed out after 1 s", Duration::from_secs(1)));
}

#[tokio::test(start_paused = true)]
async fn checks_keep_to_their_interval_give_or_take_the_jitter() {
    let world = World::start(plan(&["10.0.0.1:80"], &lives(1)));
    world.first_round().await;
    let begun = Instant::now();
    world.until(|| world.probe.count("10.0.0.1:80") == 101).await;
    let mean = begun.elapsed() / 100;
    // 100 draws from ±0.4 s: their mean strays from 2 s by more than 0.15 s less than once in 10^10 runs.
    assert!(mean.abs_diff(Duration::from_secs(2)) < Duration::from_millis(150), "{mean:?}");
}

#[tokio::test(start_paused = true)]
async fn no_more_checks_run_at_once_than_allowed() {
    let count = 3 * PROBES_AT_ONCE_MAX + 1;
    let name = |number| format!("10.0.{}.{}:80", number / 250, number % 250);
    let names: Vec<String> = (0..count).map(name).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let world = World::start(plan(&names, &lives(count)));
    for name in &names {
        world.probe.hang(name);
    }
    let begun = Instant::now();
    world.first_round().await;
    assert_eq!(world.probe.most_at_once.load(Ordering::Relaxed), PROBES_AT_ONCE_MAX);
    assert_eq!(begun.elapsed(), Duration::from_secs(4), "checks of 1 s in four lots");
}

#[tokio::test(start_paused = true)]
async fn what_stays_goes_on_undisturbed_when_the_plan_changes() {
    let lives = lives(2);
    let world = World::start(plan(&["10.0.0.1:80", "10.0.0.2:80"], &lives));
    world.probe.fail("10.0.0.1:80", Failure::Refused);
    world.probe.fail("10.0.0.2:80", Failure::Refused);
    world.first_round().await;
    world.publish(plan(&["10.0.0.1:80"], &lives));
    world.until(|| world.standing(1) == Standing::Unchecked).await;
    assert_eq!(world.standing(0), Standing::Down);
    assert_eq!(world.probe.count("10.0.0.1:80"), 1, "a publish is no reason to check");
    world.until(|| world.probe.count("10.0.0.1:80") == 5).await;
    assert_eq!(world.probe.count("10.0.0.2:80"), 1, "gone");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_moved_is_checked_at_its_new_address_at_once() {
    let lives = lives(1);
    let mut moved = plan(&["db:80"], &lives);
    let world = World::start(with_address(plan(&["db:80"], &lives), "10.0.0.1:80"));
    world.first_round().await;
    moved = with_address(moved, "10.0.0.2:80");
    let begun = Instant::now();
    world.publish(moved);
    world.until(|| world.probe.count("10.0.0.2:80") == 1).await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_name_without_an_address_delays_no_first_round() {
    let world = World::start(plan(&["db:80"], &lives(1)));
    let begun = Instant::now();
    world.first_round().await;
    assert_eq!((begun.elapsed(), world.standing(0)), (Duration::ZERO, Standing::Unchecked));
}

/// Checks running against a scripted probe.
struct World {
    probe: Arc<Scripted>,
    journal: Arc<Journal>,
    plans: watch::Sender<Arc<Plan>>,
    first_round: watch::Receiver<bool>,
    lives: Vec<Arc<Life>>,
    _task: Task,
}

impl World {
    fn start(plan: Plan) -> Self {
        let (probe, knowledge) = (Arc::new(Scripted::default()), fixture::knowledge());
        let journal = Arc::clone(&knowledge.journal);
        journal.follow(&plan, |_| None);
        let lives = plan.clusters[0].endpoints.iter().map(|each| Arc::clone(&each.life)).collect();
        let (plans, followed) = watch::channel(Arc::new(plan));
        let (checks, first_round) = Checks::new(Arc::clone(&probe), &knowledge);
        let _task = Task::spawn(checks.run(followed));
        Self { probe, journal, plans, first_round, lives, _task }
    }

    async fn first_round(&self) {
        let mut done = self.first_round.clone();
        timeout(DEADLINE, done.wait_for(|done| *done)).await.unwrap().unwrap();
    }

    fn publish(&self, plan: Plan) {
        self.journal.follow(&plan, |_| None);
        self.plans.send_replace(Arc::new(plan));
    }

    fn standing(&self, at: usize) -> Standing {
        self.lives[at].vitals.standing()
    }

    fn entry(&self, endpoint: &str) -> crate::journal::Entry {
        self.journal.entry(&EndpointKey::new("api", endpoint))
    }

    /// Lets virtual time pass until `condition` holds.
    async fn until(&self, condition: impl Fn() -> bool) {
        let poll = async {
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            while !condition() {
                tokio::time::advance(Duration::from_millis(1)).await;
            }
        };
        timeout(DEADLINE, poll).await.unwrap();
    }
}

/// Virtual time.
const DEADLINE: Duration = Duration::from_secs(600);

/// Passes, unless told otherwise for an address.
#[derive(Debug, Default)]
struct Scripted {
    script: Mutex<HashMap<String, Option<Failure>>>,
    checked: Mutex<Vec<String>>,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
}

impl Scripted {
    fn fail(&self, address: &str, failure: Failure) {
        self.script.lock().unwrap().insert(address.to_owned(), Some(failure));
    }

    fn hang(&self, address: &str) {
        self.script.lock().unwrap().insert(address.to_owned(), None);
    }

    fn pass(&self, address: &str) {
        self.script.lock().unwrap().remove(address);
    }

    fn count(&self, address: &str) -> usize {
        self.checked.lock().unwrap().iter().filter(|checked| *checked == address).count()
    }
}

impl Probe for Arc<Scripted> {
    async fn check(&self, target: &Target) -> Result<(), Failure> {
        let running = Running(self, self.at_once.fetch_add(1, Ordering::Relaxed) + 1);
        self.most_at_once.fetch_max(running.1, Ordering::Relaxed);
        let address = target.address.to_string();
        self.checked.lock().unwrap().push(address.clone());
        let answer = self.script.lock().unwrap().get(&address).cloned();
        match answer {
            None => Ok(()),
            Some(Some(failure)) => Err(failure),
            Some(None) => std::future::pending().await,
        }
    }
}

/// Counts down even when the check is cut off.
struct Running<'a>(&'a Scripted, usize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.at_once.fetch_sub(1, Ordering::Relaxed);
    }
}

fn lives(count: usize) -> Vec<Arc<Life>> {
    let cluster = Arc::default();
    (0..count).map(|_| Life::new(1, &cluster)).collect()
}

/// One cluster `api`; endpoints whose name is an address have it.
fn plan(names: &[&str], lives: &[Arc<Life>]) -> Plan {
    let endpoints = names
        .iter()
        .zip(lives)
        .map(|(name, life)| Endpoint::new(name, name.parse().ok(), Arc::clone(life)));
    let cluster = Cluster {
        health: Some(HealthCheck::default()),
        ..Cluster::new("api", Balancing::default(), endpoints.collect())
    };
    Plan { generation: 1, clusters: vec![Arc::new(cluster)], ..Plan::default() }
}

fn with_address(mut plan: Plan, address: &str) -> Plan {
    let cluster = Arc::get_mut(&mut plan.clusters[0]).unwrap();
    cluster.endpoints[0].address = Some(address.parse().unwrap());
    plan
}
