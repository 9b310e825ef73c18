//! Random walks through all that can be asked of a conductor: whatever happens, what is said is what is in force.

use std::collections::BTreeMap;
use std::fs;

use evenkeel_plan::endpoint::{Forced, Life};
use evenkeel_plan::lines::{LineSender, lines};
use evenkeel_plan::vitals::{Lease, Vitals};
use fastrand::Rng;
use tempfile::TempDir;

use super::*;
use crate::access_log::AccessLog;
use crate::admin::{ReloadResult, Status, Trigger, status};
use crate::config::parse_endpoint;
use crate::overrides::Change;
use crate::overview::Overview;

mod texts;

use texts::{CLUSTERS, ENDPOINTS, LISTENERS, text};

#[tokio::test(start_paused = true)]
async fn whatever_is_asked_for_what_is_said_is_what_is_in_force() {
    let mut done = Done::default();
    for seed in 0..30 {
        let mut walk = Walk::start(seed).await;
        for step in 0..60 {
            walk.step(step, &mut done).await;
        }
    }
    // A walk that is always refused, or never, proves little.
    assert!(done.changes > 100 && done.reloads > 100 && done.persists > 5, "{done:?}");
    assert!(done.refused > 100 && done.names > 5 && done.leaving > 20, "{done:?}");
}

/// What the walks have come across.
#[derive(Debug, Default)]
struct Done {
    changes: u32,
    reloads: u32,
    persists: u32,
    refused: u32,
    names: u32,
    leaving: u32,
}

struct Walk {
    /// Where we are, for whoever has to look into a failure.
    at: String,
    seed: u64,
    rng: Rng,
    folder: TempDir,
    file: ConfigFile,
    conductor: Conductor<Answers>,
    binder: Arc<Log>,
    answers: Answers,
    overview: Arc<Overview>,
    leases: Vec<(EndpointKey, &'static Arc<Life>, Lease<&'static Vitals>)>,
    _log: (AccessLog, Vec<LineSender>),
}

/// All that an order could change.
struct Before {
    plan: Arc<Plan>,
    config: Arc<Config>,
    base: Option<Config>,
    overrides: Overrides,
    status: Status,
    text: String,
}

type Outcome = Result<Applied, Refused>;

impl Walk {
    async fn start(seed: u64) -> Self {
        let (folder, rng) = (tempfile::tempdir().unwrap(), Rng::with_seed(seed));
        let file = ConfigFile { path: folder.path().join("evenkeel.toml"), workers: None };
        let first = "[listener.web]\nbind = ':8080'\nto = 'api'\n[cluster.api]\n\
            endpoints = ['10.0.0.1:80', 'db:81']\n[admin]\nbind = false\n";
        fs::write(&file.path, first).unwrap();
        let publisher = Publisher::default();
        let knowledge = Knowledge::new(Some(&file), Seen::default());
        let ready = watch::channel(true).1;
        let overview = crate::fixture::overview(publisher.reader(), &knowledge, ready);
        let overview = Arc::new(overview);
        let (senders, receiver) = lines(1);
        let log = AccessLog::start(receiver).unwrap();
        let remote = log.remote();
        let fittings = Fittings::new(Arc::clone(&overview), remote, Box::new(|_| {}));
        let (binder, answers) = (Arc::new(Log::default()), Answers::default());
        answers.set(Ok("10.9.9.9"));
        let recorder = Recorder { log: Arc::clone(&binder), reader: publisher.reader() };
        let sight = Arc::new(NothingInFlight);
        let (recorder, started) = (Box::new(recorder), Instant::now());
        let parts = Parts { publisher, binder: recorder, sight, workers: 1, started };
        let lookup = answers.clone();
        let mut conductor = Conductor::new(parts, fittings, lookup, knowledge, Some(file.clone()));
        conductor.apply(file.read().0.unwrap().config, Arc::default()).await.unwrap();
        let (at, leases, _log) = (String::new(), Vec::new(), (log, senders));
        Self { at, seed, rng, folder, file, conductor, binder, answers, overview, leases, _log }
    }

    async fn step(&mut self, step: u32, done: &mut Done) {
        self.at = format!("step {step} of the walk with seed {}", self.seed);
        let before = self.before();
        match self.rng.u8(0..20) {
            0..=8 => self.change(&before, done).await,
            9..=11 => fs::write(&self.file.path, text(&mut self.rng, self.folder.path())).unwrap(),
            12..=15 => self.reload(&before, done).await,
            16 => self.refuse(),
            17 => self.names(done).await,
            _ => self.lease(),
        }
        self.check(&before);
        done.leaving += u32::from(!status(&self.overview).leaving.is_empty());
    }

    // === What may happen ===

    async fn change(&mut self, before: &Before, done: &mut Done) {
        let change = self.some_change();
        let revision = before.status.config.revision.clone();
        let seen = match self.rng.u8(0..8) {
            0 => Some("00000000-0".to_owned()),
            1..=3 => Some(revision.clone()),
            _ => None,
        };
        self.at = format!("{}: {change:?}, having seen {seen:?}", self.at);
        let is_stale = seen.as_ref().is_some_and(|seen| *seen != revision);
        let outcome = self.conductor.follow(Wish::Change(change), seen.as_deref()).await;
        let is_outdated = matches!(outcome, Err(Refused::Outdated { .. }));
        assert_eq!(is_outdated, is_stale, "{}: {outcome:?}", self.at);
        done.changes += u32::from(outcome.is_ok());
        self.check_outcome(before, &outcome, done);
    }

    fn some_change(&mut self) -> Change {
        let rng = &mut self.rng;
        let cluster =
            if rng.u8(0..20) == 0 { "none" } else { CLUSTERS[rng.usize(0..3)] }.to_owned();
        let endpoint = ENDPOINTS[rng.usize(..ENDPOINTS.len())].to_owned();
        let forced = [None, Some(Forced::Drain), Some(Forced::Up), Some(Forced::Down)];
        match rng.u8(0..5) {
            0 | 1 => {
                let mut endpoint = parse_endpoint(&endpoint).unwrap();
                (endpoint.weight, endpoint.backup) = (rng.u32(0..3), rng.bool());
                Change::Add { cluster, endpoint }
            }
            2 => Change::Remove { cluster, endpoint },
            3 => {
                let weight = rng.bool().then(|| rng.u32(0..4));
                Change::Weight { cluster, endpoint, weight }
            }
            _ => Change::Force { cluster, endpoint, forced: forced[rng.usize(..4)] },
        }
    }

    async fn reload(&mut self, before: &Before, done: &mut Done) {
        let clear = self.rng.u8(0..8) == 0;
        self.at = format!("{}: reload, clear {clear}", self.at);
        let wish = ReloadWish { trigger: Trigger::Api, clear, persist: false };
        let outcome = self.conductor.follow(Wish::Reload(wish), None).await;
        let last = self.conductor.knowledge.in_force.status().0.last_reload.unwrap();
        let result = outcome.as_ref().map_or(ReloadResult::Refused, |applied| applied.result);
        assert_eq!(last.result, result, "{}", self.at);
        if outcome.is_ok() {
            let loaded = self.file.read().0.unwrap().config;
            assert_eq!(self.conductor.base.as_ref(), Some(&loaded), "{}", self.at);
            assert!(!clear || self.conductor.overrides == Overrides::default(), "{}", self.at);
            done.reloads += 1;
        }
        self.check_outcome(before, &outcome, done);
        if outcome.is_ok() && self.rng.bool() {
            self.persist(done).await;
        }
    }

    /// The file has just been read: writing the overrides into it puts nothing else in force.
    async fn persist(&mut self, done: &mut Done) {
        let before = self.before();
        self.at = format!("{}, and persist", self.at);
        let wish = ReloadWish { trigger: Trigger::Api, clear: false, persist: true };
        let outcome = self.conductor.follow(Wish::Reload(wish), None).await;
        let now = self.before();
        assert_eq!(before.config, now.config, "{}", self.at);
        let loaded = self.file.read().0.unwrap().config;
        assert_eq!(now.base.as_ref(), Some(&loaded), "{}: {outcome:?}", self.at);
        if let Ok(applied) = &outcome {
            let has_written = before.text != now.text;
            assert_eq!(
                applied.kept.as_ref().unwrap().files.is_empty(),
                !has_written,
                "{}",
                self.at
            );
            done.persists += u32::from(has_written);
        } else {
            assert_eq!(
                (before.text.as_str(), &before.overrides),
                (now.text.as_str(), &now.overrides),
                "{}",
                self.at
            );
        }
        self.check_outcome(&before, &outcome, done);
    }

    /// Somebody takes the addresses of listeners that are not there yet, or gives them back.
    fn refuse(&mut self) {
        let plan = self.overview.plan();
        let is_bound = |name: &str| plan.listeners.iter().any(|listener| *listener.name == *name);
        let mut refuse = self.binder.refuse.lock().unwrap();
        refuse.clear();
        let taken = LISTENERS.iter().filter(|name| !is_bound(name) && self.rng.u8(0..3) > 0);
        refuse.extend(taken);
    }

    /// The names move, and the conductor hears of it or is late.
    async fn names(&mut self, done: &mut Done) {
        let address = format!("10.9.9.{}", self.rng.u8(1..9));
        self.at = format!("{}: names are at {address}", self.at);
        self.answers.set(Ok(&address));
        if self.rng.bool() {
            // Nobody listens for a while, and the next order comes first.
            tokio::time::advance(Duration::from_secs(60)).await;
            return;
        }
        while timeout(Duration::from_secs(60), self.conductor.resolver.changed()).await.is_ok() {
            self.conductor.follow_names();
            done.names += 1;
        }
    }

    /// Somebody works with an endpoint, or has done so.
    fn lease(&mut self) {
        if self.leases.len() > 6 || (!self.leases.is_empty() && self.rng.bool()) {
            drop(self.leases.swap_remove(self.rng.usize(..self.leases.len())));
            return;
        }
        let plan = self.overview.plan();
        let cluster = &plan.clusters[self.rng.usize(..plan.clusters.len())];
        let endpoint = &cluster.endpoints[self.rng.usize(..cluster.endpoints.len())];
        let life: &'static Arc<Life> = Box::leak(Box::new(Arc::clone(&endpoint.life)));
        let key = EndpointKey::new(&cluster.name, &endpoint.name);
        self.leases.push((key, life, life.vitals.lease()));
    }

    // === What must be so ===

    fn before(&self) -> Before {
        Before {
            plan: self.overview.plan(),
            config: self.conductor.knowledge.in_force.config().unwrap(),
            base: self.conductor.base.clone(),
            overrides: self.conductor.overrides.clone(),
            status: status(&self.overview),
            text: fs::read_to_string(&self.file.path).unwrap(),
        }
    }

    fn check_outcome(&self, before: &Before, outcome: &Outcome, done: &mut Done) {
        let now = self.before();
        let is_same_config = before.config == now.config;
        let is_same = is_same_config && before.status.overrides == now.status.overrides;
        let revisions = (&before.status.config.revision, &now.status.config.revision);
        assert_eq!(revisions.0 == revisions.1, is_same, "{}", self.at);
        match outcome {
            Ok(applied) => {
                let is_unchanged = applied.result == ReloadResult::Unchanged;
                assert_eq!(is_unchanged, is_same_config, "{}: {applied:?}", self.at);
                assert_eq!(applied.changes.is_empty(), is_unchanged, "{}", self.at);
                assert_eq!(applied.generation, now.plan.generation, "{}", self.at);
                assert_eq!(&applied.revision, revisions.1, "{}", self.at);
            }
            Err(refused) => {
                assert!(is_same, "{}: {refused}", self.at);
                assert_eq!(before.base, now.base, "{}", self.at);
                assert_eq!(before.overrides, now.overrides, "{}", self.at);
                // A name that has moved meanwhile is followed; nothing else.
                assert_eq!(names(&before.plan), names(&now.plan), "{}: {refused}", self.at);
                done.refused += 1;
            }
        }
    }

    fn check(&self, before: &Before) {
        let (at, plan) = (&self.at, self.overview.plan());
        let is_same = Arc::ptr_eq(&before.plan, &plan);
        assert_eq!(facts(&before.plan) == facts(&plan), is_same, "{at}");
        assert!(plan.generation >= before.plan.generation, "{at}");
        assert_eq!(plan.generation == before.plan.generation, is_same, "{at}");
        assert_eq!(plan.generation, self.conductor.plans.borrow().generation, "{at}");

        let base = self.conductor.base.as_ref().unwrap();
        let config = self.conductor.overrides.over(base);
        let address = |host: &str| match self.conductor.resolver.known(host) {
            Known::At(address) => Some(address),
            Known::Not | Known::Never(_) => None,
        };
        let fresh =
            build(&config, &Plan::default(), 1, address, &certificates::Known::default()).unwrap();
        assert_eq!(facts(&plan), facts(&fresh), "{at}");
        self.check_status(base, &config, &plan);
        self.check_lives(&before.plan, &plan);
    }

    fn check_status(&self, base: &Config, config: &Config, plan: &Plan) {
        let (at, said) = (&self.at, status(&self.overview));
        assert_eq!(self.conductor.knowledge.in_force.config().as_deref(), Some(config), "{at}");
        assert_eq!(said.generation, plan.generation, "{at}");
        assert_eq!(listed(&said), names(plan), "{at}");
        assert_eq!(said.overrides, self.conductor.overrides.status(base), "{at}");
        for each in &said.overrides {
            let find = |config: &Config| {
                let cluster = config.clusters.iter().find(|it| it.name == each.cluster)?;
                cluster.endpoints.iter().find(|it| it.name == each.endpoint).cloned()
            };
            assert_eq!(each.idle, find(base) == find(config), "{at}: {each:?}");
        }
        assert!(config.clusters.iter().all(|cluster| !cluster.endpoints.is_empty()), "{at}");
    }

    /// What stays keeps what is known about it; what has left is listed for as long as somebody works with it.
    fn check_lives(&self, before: &Plan, plan: &Plan) {
        for old in &before.listeners {
            let new = plan.listeners.iter().find(|new| new.name == old.name);
            assert!(new.is_none_or(|new| Arc::ptr_eq(&new.counters, &old.counters)), "{}", self.at);
        }
        let now: BTreeMap<_, _> = lives(plan).collect();
        for (key, life) in lives(before) {
            assert!(
                now.get(&key).is_none_or(|new| Arc::ptr_eq(new, &life)),
                "{}: {key:?}",
                self.at
            );
        }
        let mut expected: BTreeMap<_, (String, u32)> = BTreeMap::new();
        for (key, life, _) in &self.leases {
            if !now.values().any(|stays| Arc::ptr_eq(stays, life)) {
                let name = format!("{} {}", key.cluster, key.endpoint);
                expected.entry(Arc::as_ptr(life)).or_insert((name, 0)).1 += 1;
            }
        }
        let mut expected: Vec<_> = expected.into_values().collect();
        let said = status(&self.overview).leaving.into_iter();
        let mut said: Vec<_> = said
            .map(|each| (format!("{} {}", each.cluster, each.endpoint), each.in_flight))
            .collect();
        expected.sort();
        said.sort();
        assert_eq!(said, expected, "{}", self.at);
    }
}

/// Everything that the walk can change in a plan.
fn facts(plan: &Plan) -> String {
    let addresses = plan.clusters.iter().flat_map(|cluster| &cluster.endpoints);
    let addresses: Vec<_> = addresses.map(|endpoint| endpoint.address).collect();
    format!("{:?} {addresses:?} {:?}", names(plan), plan.access)
}

/// The listeners and the endpoints, in words.
fn names(plan: &Plan) -> Vec<String> {
    let listeners = plan.listeners.iter().map(|listener| {
        let binds: Vec<_> = listener.binds.iter().map(ToString::to_string).collect();
        let targets = listener.routes.fallback().map_or(&[][..], |route| route.to.list());
        let to = targets.first().map(|target| plan.clusters[target.cluster].name.to_string());
        format!("{} {binds:?} {to:?}", listener.name)
    });
    let endpoints = plan.clusters.iter().flat_map(|cluster| {
        let word = |forced| format!("{:?}", forced).to_lowercase();
        cluster.endpoints.iter().map(move |each| {
            let (name, weight, backup) = (&each.name, each.weight, each.backup);
            format!("{} {name} {weight} {backup} {}", cluster.name, word(each.forced))
        })
    });
    listeners.chain(endpoints).collect()
}

/// The same as the status has it.
fn listed(status: &Status) -> Vec<String> {
    let listeners = status
        .listeners
        .iter()
        .map(|each| format!("{} {:?} {:?}", each.name, each.binds, each.cluster));
    let endpoints = status.clusters.iter().flat_map(|cluster| {
        cluster.endpoints.iter().map(move |each| {
            let (name, weight, backup) = (&each.name, each.weight, each.backup);
            let forced = format!("{:?}", each.forced).to_lowercase();
            format!("{} {name} {weight} {backup} {forced}", cluster.name)
        })
    });
    listeners.chain(endpoints).collect()
}

fn lives(plan: &Plan) -> impl Iterator<Item = ((String, String), Arc<Life>)> {
    plan.clusters.iter().flat_map(|cluster| {
        let key = |name: &str| (cluster.name.to_string(), name.to_owned());
        cluster.endpoints.iter().map(move |each| (key(&each.name), Arc::clone(&each.life)))
    })
}
