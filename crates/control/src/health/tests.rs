use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use evenkeel_plan::balance::Balancing;
use evenkeel_plan::health::{CheckKind, HealthCheck};
use evenkeel_plan::limits::{PROBES_AT_ONCE_MAX, PROGRAMS_AT_ONCE_MAX};
use evenkeel_plan::vitals::Standing;
use tokio::sync::OwnedSemaphorePermit;
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
    world.probe.fail("10.0.0.1:80", Failure::NoAnswer(Duration::from_secs(1)));
    world.until(|| world.standing(0) == Standing::Down).await;
    let entry = world.entry("10.0.0.1:80");
    assert_eq!(entry.change.unwrap().reason, "no answer within 1s (3 of 3)");
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
    let last = world.entry("10.0.0.1:80").last_check().unwrap();
    assert_eq!((last.detail.as_str(), last.took), ("no answer within 1s", Duration::from_secs(1)));
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
async fn programs_are_counted_apart_and_hold_up_no_connections() {
    let count = 4 * PROGRAMS_AT_ONCE_MAX;
    let name = |number| format!("10.0.0.{number}:80");
    let names: Vec<String> = (0..count).map(name).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let lives = lives(count);
    let program = CheckKind::Exec { command: vec!["/bin/true".into()] };
    let world = World::start(with_checks(plan(&names, &lives), &[CheckKind::Tcp, program.clone()]));
    names.iter().for_each(|name| world.probe.hang(&format!("{name} {program}")));
    let begun = Instant::now();
    world.until(|| names.iter().all(|name| world.probe.count(name) == 1)).await;
    assert_eq!(begun.elapsed(), Duration::ZERO, "connections wait for no program");
    world.first_round().await;
    assert_eq!(begun.elapsed(), Duration::from_secs(4), "programs of 1 s in four lots");
    assert!(world.lives.iter().all(|life| life.vitals.standing() == Standing::Down));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_is_checked_faster_while_it_is_uncertain() {
    let mut steady = plan(&["10.0.0.1:80"], &lives(1));
    Arc::get_mut(&mut steady.clusters[0]).unwrap().health[0].jitter = 0.0;
    let world = World::start(steady);
    world.first_round().await;
    world.probe.fail("10.0.0.1:80", Failure::Refused);
    let begun = Instant::now();
    world.until(|| world.standing(0) == Standing::Down).await;
    assert_eq!(begun.elapsed().as_millis() / 100, 30, "2 s, and twice half a second");
    world.probe.pass("10.0.0.1:80");
    let begun = Instant::now();
    world.until(|| world.standing(0) == Standing::Up).await;
    assert_eq!(begun.elapsed().as_millis() / 100, 25, "2 s, and half a second");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_is_down_while_any_of_its_checks_fails_and_the_reason_names_it() {
    let (tcp, http) = ("10.0.0.1:80", "10.0.0.1:80 http /health");
    let world = World::start(two_checks(&lives(1)));
    world.first_round().await;
    world.until(|| world.entry(tcp).passes == 2).await;
    assert_eq!(world.standing(0), Standing::Up);
    let limit = Duration::from_secs(1);
    world.probe.fail(http, Failure::NoAnswer(limit));
    world.until(|| world.standing(0) == Standing::Down).await;
    let entry = world.entry(tcp);
    assert_eq!(entry.change.unwrap().reason, "http /health: no answer within 1s (3 of 3)");
    let standings: Vec<_> =
        entry.checks.iter().map(|check| (&*check.name, check.standing)).collect();
    assert_eq!(standings, [("tcp", Standing::Up), ("http /health", Standing::Down)]);
    world.until(|| world.probe.count(tcp) >= 10).await;
    let last = world.entry(tcp).last_check().unwrap();
    assert_eq!(last.detail, "http /health: no answer within 1s", "not of the one that passes");
    // The other one, too; and then the first comes back.
    world.probe.fail(tcp, Failure::Refused);
    world.until(|| world.entry(tcp).checks[0].standing == Standing::Down).await;
    let both = "tcp: connection refused (3 of 3); http /health: no answer within 1s (3 of 3)";
    assert_eq!(world.entry(tcp).change.unwrap().reason, both);
    world.probe.pass(http);
    world.until(|| world.entry(tcp).checks[1].standing == Standing::Up).await;
    assert_eq!(world.standing(0), Standing::Down);
    assert_eq!(world.entry(tcp).change.unwrap().reason, "tcp: connection refused (3 of 3)");
    world.probe.pass(tcp);
    world.until(|| world.standing(0) == Standing::Up).await;
    let entry = world.entry(tcp);
    assert_eq!(entry.change.unwrap().reason, "tcp: passed (2 of 2)");
    let transitions: Vec<_> =
        entry.transitions.iter().map(|(kind, &count)| (kind.to, kind.reason, count)).collect();
    assert_eq!(transitions, [("down", "timeout", 1), ("up", "passed", 2)]);
    let told: Vec<String> = world.told();
    assert_eq!(
        told,
        [
            "down: http /health: no answer within 1s (3 of 3)",
            "still down: tcp: connection refused (3 of 3)",
            "still down: http /health: passed (2 of 2)",
            "up: tcp: passed (2 of 2)",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_check_that_is_taken_away_takes_its_verdict_with_it() {
    let lives = lives(1);
    let http = "10.0.0.1:80 http /health";
    let world = World::start(two_checks(&lives));
    world.probe.fail(http, Failure::Closed);
    world.first_round().await;
    world.until(|| world.entry("10.0.0.1:80").passes == 1).await;
    assert_eq!(world.standing(0), Standing::Down);
    let passes = world.probe.count("10.0.0.1:80");
    world.publish(plan(&["10.0.0.1:80"], &lives));
    world.until(|| world.standing(0) == Standing::Up).await;
    let entry = world.entry("10.0.0.1:80");
    assert_eq!(entry.change.unwrap().reason, "passed (first check)");
    assert_eq!(world.probe.count("10.0.0.1:80"), passes, "what stays is left alone");
}

#[tokio::test(start_paused = true)]
async fn a_check_that_changes_or_moves_knows_where_it_stands() {
    let lives = lives(1);
    let world = World::start(with_checks(plan(&["10.0.0.1:80"], &lives), &[http("/old")]));
    world.probe.fail("10.0.0.1:80 http /old", Failure::Closed);
    world.first_round().await;
    assert_eq!(world.standing(0), Standing::Down);
    // Passes, but has to do so twice.
    world.publish(with_checks(plan(&["10.0.0.1:80"], &lives), &[http("/new")]));
    world.until(|| world.probe.count("10.0.0.1:80 http /new") == 1).await;
    assert_eq!(world.standing(0), Standing::Down);
    // In another place, with one before it.
    let moved = [CheckKind::Tcp, http("/new")];
    world.publish(with_checks(plan(&["10.0.0.1:80"], &lives), &moved));
    world.until(|| world.entry("10.0.0.1:80").checks[0].standing == Standing::Up).await;
    assert_eq!(world.standing(0), Standing::Down);
    world.until(|| world.standing(0) == Standing::Up).await;
    assert_eq!(world.entry("10.0.0.1:80").change.unwrap().reason, "http /new: passed (2 of 2)");
}

#[test]
fn only_endpoints_that_get_no_requests_are_checked_as_those_of_streams() {
    let names = ["nobodys", "both", "requests", "streams"];
    let clusters = names.map(|name| (name, &["10.0.0.1:80"][..]));
    let listeners = [("a", "both"), ("b", "requests"), ("c", "both"), ("d", "streams")];
    let mut plan = fixture::plan(&listeners, &clusters);
    for (listener, protocol) in [(2, Protocol::Tcp), (3, Protocol::Tls)] {
        Arc::get_mut(&mut plan.listeners[listener]).unwrap().protocol = protocol;
    }
    for cluster in &mut plan.clusters {
        Arc::get_mut(cluster).unwrap().health = vec![HealthCheck::default()];
    }
    let targets: Vec<Target> = checkable(&plan).flat_map(targets).collect();
    let streams: Vec<_> = targets.iter().filter(|it| it.gets_streams).collect();
    assert_eq!(targets.len(), names.len());
    assert_eq!(streams.iter().map(|it| &*it.cluster).collect::<Vec<_>>(), ["streams"]);
}

#[test]
fn checks_of_one_name_are_numbered() {
    let kinds = [http("/a"), CheckKind::Tcp, http("/a"), http("/b"), http("/a")];
    let plan = with_checks(plan(&["10.0.0.1:80"], &lives(1)), &kinds);
    let names = names(&targets(checkable(&plan).next().unwrap()));
    assert_eq!(
        names.iter().map(|name| &**name).collect::<Vec<_>>(),
        ["http /a", "tcp", "http /a #2", "http /b", "http /a #3"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_check_that_cannot_be_made_changes_nothing_and_is_told_once() {
    let name = "10.0.0.1:80";
    let world = World::start(plan(&[name], &lives(1)));
    let why = "cannot run /usr/local/bin/check: No such file or directory";
    world.probe.fail(name, Failure::Unrunnable(why.to_owned()));
    world.first_round().await;
    assert_eq!(world.standing(0), Standing::Unchecked);
    world.until(|| world.entry(name).untried == 5).await;
    let last = world.entry(name).last_check().unwrap();
    assert_eq!((last.outcome, last.detail), (None, format!("the check could not be made: {why}")));
    world.probe.pass(name);
    world.until(|| world.standing(0) == Standing::Up).await;
    world.probe.fail(name, Failure::Unrunnable("gone again".to_owned()));
    world.until(|| world.entry(name).untried == 10).await;
    assert_eq!(world.standing(0), Standing::Up);
    assert_eq!(world.told(), [format!("not checked: {why}"), "not checked: gone again".to_owned()]);
    let entry = world.entry(name);
    assert_eq!((entry.passes, entry.failures), (1, 0));
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
    events: Arc<Events>,
    plans: watch::Sender<Arc<Plan>>,
    first_round: watch::Receiver<bool>,
    lives: Vec<Arc<Life>>,
    _task: Task,
}

impl World {
    fn start(plan: Plan) -> Self {
        let (probe, knowledge) = (Arc::new(Scripted::default()), fixture::knowledge());
        let journal = Arc::clone(&knowledge.journal);
        let events = Arc::clone(&knowledge.events);
        journal.follow(&plan, |_| None);
        let lives = plan.clusters[0].endpoints.iter().map(|each| Arc::clone(&each.life)).collect();
        let (plans, followed) = watch::channel(Arc::new(plan));
        let (checks, first_round) = Checks::new(Arc::clone(&probe), &knowledge);
        let _task = Task::spawn(checks.run(followed));
        Self { probe, journal, events, plans, first_round, lives, _task }
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

    /// What people were told, from the first on.
    fn told(&self) -> Vec<String> {
        self.events.since(0).into_iter().map(|event| event.text).collect()
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

/// Passes, unless told otherwise for an address, or, but for TCP, for an address with the name of the check.
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
    async fn check(&self, target: &Target, _permit: OwnedSemaphorePermit) -> Result<(), Failure> {
        let running = Running(self, self.at_once.fetch_add(1, Ordering::Relaxed) + 1);
        self.most_at_once.fetch_max(running.1, Ordering::Relaxed);
        let address = match &target.check.kind {
            CheckKind::Tcp => target.address.to_string(),
            kind => format!("{} {kind}", target.address),
        };
        self.checked.lock().unwrap().push(address.clone());
        let answer = self.script.lock().unwrap().get(&address).cloned();
        match answer {
            None => Ok(()),
            Some(Some(failure)) => Err(failure),
            Some(None) => {
                let limit = target.check.timeout;
                tokio::time::sleep(limit).await;
                Err(Failure::NoAnswer(limit))
            }
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
        health: vec![HealthCheck::default()],
        ..Cluster::new("api", Balancing::default(), endpoints.collect())
    };
    Plan { generation: 1, clusters: vec![Arc::new(cluster)], ..Plan::default() }
}

/// The checks of the plan's cluster are of these kinds.
fn with_checks(mut plan: Plan, kinds: &[CheckKind]) -> Plan {
    let check = |kind: &CheckKind| HealthCheck { kind: kind.clone(), ..HealthCheck::default() };
    let cluster = Arc::get_mut(&mut plan.clusters[0]).unwrap();
    cluster.health = kinds.iter().map(check).collect();
    plan
}

/// One endpoint, which is connected to and asked.
fn two_checks(lives: &[Arc<Life>]) -> Plan {
    with_checks(plan(&["10.0.0.1:80"], lives), &[CheckKind::Tcp, http("/health")])
}

fn http(path: &str) -> CheckKind {
    let (method, path, status) = ("GET".into(), path.into(), vec![200..=399]);
    CheckKind::Http { method, path, host: None, status, body: None }
}

fn with_address(mut plan: Plan, address: &str) -> Plan {
    let cluster = Arc::get_mut(&mut plan.clusters[0]).unwrap();
    cluster.endpoints[0].address = Some(address.parse().unwrap());
    plan
}
