use std::fs;
use std::io;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use evenkeel_plan::binder::BindError;
use evenkeel_plan::publish::Reader;
use tokio::time::timeout;

use super::*;
use crate::admin::Trigger;
use crate::config::ConfigFile;
use crate::events::EventKind;
use crate::fixture::{self, NothingInFlight, config, endpoint};
use crate::journal::EndpointKey;
use crate::overrides::Change;

mod walk;

#[tokio::test(start_paused = true)]
async fn a_start_binds_then_publishes_then_accepts() {
    let (mut conductor, log, mut reader) = conductor(Answers::default());
    conductor
        .apply(config(&[("web", "api")], &[("api", &["10.0.0.1:80"])]), Arc::default())
        .await
        .unwrap();
    assert_eq!(log.taken(), ["prepare, 0 in force", "commit 1, 1 in force"]);
    assert_eq!(reader.load().generation, 1);
    assert_eq!(conductor.plans().borrow().generation, 1);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_cannot_be_bound_changes_nothing() {
    let (mut conductor, log, mut reader) = conductor(Answers::default());
    let good = config(&[("web", "api")], &[("api", &["10.0.0.1:80"])]);
    conductor.apply(good.clone(), Arc::default()).await.unwrap();
    let before = Arc::clone(reader.load());
    log.refuse.lock().unwrap().push("extra");
    let mut bad = config(&[("web", "api"), ("extra", "api")], &[("api", &["10.0.0.2:80"])]);
    bad.listeners[1].binds =
        vec!["192.0.2.1:80".parse().map(evenkeel_plan::listener::Bind::Only).unwrap()];
    let error = conductor.apply(bad, Arc::default()).await.unwrap_err();
    assert!(
        matches!(&error, ApplyError::Bind(problem) if problem.kind == io::ErrorKind::AddrNotAvailable)
    );
    assert!(
        error.to_string().starts_with("listener \"extra\" cannot listen on 192.0.2.1:80: "),
        "{error}"
    );
    assert!(Arc::ptr_eq(&before, reader.load()));
    assert_eq!(conductor.base, Some(good));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_found_later_joins_without_touching_the_rest() {
    let answers = Answers::default();
    let (mut conductor, _, mut reader) = conductor(answers.clone());
    let journal = Arc::clone(&conductor.knowledge.journal);
    conductor
        .apply(config(&[("web", "api")], &[("api", &["10.0.0.1:80", "db:81"])]), Arc::default())
        .await
        .unwrap();
    let before = Arc::clone(reader.load());
    let key = EndpointKey::new("api", "db:81");
    let why = journal.entry(&key).unresolved;
    assert_eq!(why.as_deref(), Some("name does not resolve: no such name"));

    answers.set(Ok("10.0.0.7"));
    let mut plans = conductor.plans();
    plans.borrow_and_update();
    let running = tokio::spawn(conductor.run(nobody()));
    timeout(Duration::from_secs(60), plans.changed()).await.unwrap().unwrap();
    let after = Arc::clone(reader.load());
    assert_eq!(after.generation, 2);
    assert_eq!(after.clusters[0].endpoints[1].address, Some("10.0.0.7:81".parse().unwrap()));
    for (old, new) in before.clusters[0].endpoints.iter().zip(&after.clusters[0].endpoints) {
        assert!(Arc::ptr_eq(&old.life, &new.life));
    }
    assert!(Arc::ptr_eq(&before.listeners[0], &after.listeners[0]));
    assert_eq!(journal.entry(&key).unresolved, None);
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn a_name_that_fails_in_other_words_is_explained_anew_and_publishes_nothing() {
    let answers = Answers::default();
    let (mut conductor, _, mut reader) = conductor(answers.clone());
    let journal = Arc::clone(&conductor.knowledge.journal);
    conductor
        .apply(config(&[("web", "api")], &[("api", &["db:81"])]), Arc::default())
        .await
        .unwrap();
    answers.set(Err("no server answers"));
    let running = tokio::spawn(conductor.run(nobody()));
    let key = EndpointKey::new("api", "db:81");
    let explained = async {
        while !journal.entry(&key).unresolved.unwrap().ends_with("no server answers") {
            tokio::time::advance(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(60), explained).await.unwrap();
    assert_eq!(reader.load().generation, 1);
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn names_of_a_refused_config_are_not_followed_and_those_in_force_are() {
    let answers = Answers::default();
    answers.set(Ok("10.0.0.7"));
    let (mut conductor, log, _) = conductor(answers);
    conductor
        .apply(config(&[("web", "api")], &[("api", &["db:81"])]), Arc::default())
        .await
        .unwrap();
    log.refuse.lock().unwrap().push("web");
    let mut bad = config(&[("web", "api")], &[("api", &["db:81"])]);
    bad.clusters[0].endpoints.push(endpoint("new:81"));
    conductor.apply(bad, Arc::default()).await.unwrap_err();
    assert_eq!(conductor.resolver.known("new"), Known::Not);
    assert_eq!(conductor.resolver.known("db"), Known::At("10.0.0.7".parse().unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_moves_while_a_config_is_refused_is_followed_all_the_same() {
    let answers = Answers::default();
    answers.set(Ok("10.0.0.7"));
    let (mut conductor, log, mut reader) = conductor(answers.clone());
    conductor
        .apply(config(&[("web", "api")], &[("api", &["db:81"])]), Arc::default())
        .await
        .unwrap();
    answers.set(Ok("10.0.0.8"));
    tokio::time::advance(Duration::from_secs(60)).await;
    log.refuse.lock().unwrap().push("extra");
    let bad = config(&[("web", "api"), ("extra", "api")], &[("api", &["db:81", "new:81"])]);
    conductor.apply(bad, Arc::default()).await.unwrap_err();
    assert_eq!(conductor.resolver.known("db"), Known::At("10.0.0.8".parse().unwrap()));
    let address = reader.load().clusters[0].endpoints[0].address;
    assert_eq!(address, Some("10.0.0.8:81".parse().unwrap()));
}

/// The only thread for such work is taken: what would be done without it holds up everything else.
#[test]
fn certificates_are_read_where_they_hold_up_no_check() {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().max_blocking_threads(1).build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    certificates::fixture::write(folder.path(), "a", &certificates::fixture::good("a.example"));
    let path = folder.path().join("evenkeel.toml");
    let text = "[listener.web]\nbind = ':443'\nprotocol = 'https'\ncertificates = '.'\nto = '9001'\n\
        [admin]\nbind = false\n";
    fs::write(&path, text).unwrap();
    runtime.block_on(async {
        let (mut conductor, _, _) = conductor(Answers::default());
        let file = ConfigFile { path, workers: None };
        conductor.file = Some(file.clone());
        let config = file.read().0.unwrap().config;
        let reload = || {
            let wish = ReloadWish { trigger: Trigger::Api, clear: false, persist: false };
            Wish::Reload(wish)
        };
        for step in ["start", "reload"] {
            let (free, taken) = std::sync::mpsc::channel::<()>();
            let busy = tokio::task::spawn_blocking(move || taken.recv());
            let work = async {
                match step {
                    "start" => conductor.apply(config.clone(), Arc::default()).await.unwrap(),
                    _ => drop(conductor.follow(reload(), None).await.unwrap()),
                }
            };
            tokio::pin!(work);
            tokio::select! {
                biased;
                () = &mut work => panic!("{step} reads on control's own thread"),
                () = tokio::time::sleep(Duration::from_millis(20)) => {}
            }
            free.send(()).unwrap();
            work.await;
            busy.await.unwrap().unwrap();
        }
        assert_eq!(conductor.knowledge.certificates.known().shown_by("web").len(), 1);
    });
}

#[tokio::test(start_paused = true)]
async fn once_we_end_every_order_is_refused_at_once_also_the_one_that_waits_for_a_name() {
    let (mut conductor, _, mut reader) = conductor(Silence);
    conductor
        .apply(config(&[("web", "api")], &[("api", &["10.0.0.1:80"])]), Arc::default())
        .await
        .unwrap();
    let (desk, inbox) = Desk::new();
    let running = tokio::spawn(conductor.run(inbox));
    let add = |name| Wish::Change(Change::Add { cluster: "api".into(), endpoint: endpoint(name) });
    let (one, two) = (desk.clone(), desk.clone());
    let (first, second) = (add("slow:81"), add("10.0.0.2:80"));
    let began = tokio::time::Instant::now();
    let first = tokio::spawn(async move { one.order(first).await });
    let second = tokio::spawn(async move { two.order(second).await });
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    desk.close();
    assert_eq!(first.await.unwrap(), Err(Refused::Ending));
    assert_eq!(second.await.unwrap(), Err(Refused::Ending));
    assert_eq!(desk.order(add("10.0.0.3:80")).await, Err(Refused::Ending));
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(reader.load().generation, 1);
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn what_the_watch_finds_to_have_been_read_is_not_told_twice() {
    let folder = tempfile::tempdir().unwrap();
    let file = ConfigFile { path: folder.path().join("evenkeel.toml"), workers: None };
    let write = |bind: &str| {
        let text =
            format!("[listener.web]\nbind = {bind}\nto = \"10.0.0.1:80\"\n[admin]\nbind = false\n");
        std::fs::write(&file.path, text).unwrap();
    };
    write("\":8080\"");
    let (mut conductor, _, _) = conductor(Answers::default());
    conductor.file = Some(file.clone());
    conductor.apply(file.read().0.unwrap().config, Arc::default()).await.unwrap();
    let events = Arc::clone(&conductor.knowledge.events);
    let told = || {
        let all = events.since(0);
        all.iter().filter(|event| event.kind == EventKind::Reload).count()
    };
    for (bind, trigger, works, expected) in [
        ("\":8081\"", Trigger::Api, true, 1),
        ("\":8081\"", Trigger::File, true, 1),
        ("\":8081\"", Trigger::Signal, true, 2),
        ("\":8082\"", Trigger::File, true, 3),
        ("8080", Trigger::Signal, false, 4),
        ("8080", Trigger::File, false, 4),
        ("\":8080\"", Trigger::File, true, 5),
    ] {
        write(bind);
        let wish = Wish::Reload(ReloadWish { trigger, clear: false, persist: false });
        assert_eq!(conductor.follow(wish, None).await.is_ok(), works, "{bind} {trigger:?}");
        assert_eq!(told(), expected, "{bind} {trigger:?}");
    }
}

fn conductor<L: Lookup>(lookup: L) -> (Conductor<L>, Arc<Log>, Reader) {
    let publisher = Publisher::default();
    let (reader, log) = (publisher.reader(), Arc::new(Log::default()));
    let binder = Box::new(Recorder { log: Arc::clone(&log), reader: publisher.reader() });
    let (sight, started) = (Arc::new(NothingInFlight), Instant::now());
    let parts = Parts { publisher, binder, sight, workers: 1, started };
    let knowledge = fixture::knowledge();
    let fittings = fixture::fittings(&knowledge);
    (Conductor::new(parts, fittings, lookup, knowledge, None), log, reader)
}

/// Whose orders never come.
fn nobody() -> Inbox {
    let (desk, orders) = Desk::new();
    std::mem::forget(desk);
    orders
}

/// One answer for every name.
#[derive(Clone, Debug)]
struct Answers(Arc<Mutex<Result<IpAddr, &'static str>>>);

impl Default for Answers {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Err("no such name"))))
    }
}

impl Answers {
    fn set(&self, answer: Result<&str, &'static str>) {
        *self.0.lock().unwrap() = answer.map(|text| text.parse().unwrap());
    }
}

impl Lookup for Answers {
    async fn lookup(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        self.0.lock().unwrap().map(|address| vec![address]).map_err(io::Error::other)
    }
}

/// No answer for any name.
#[derive(Clone, Debug)]
struct Silence;

impl Lookup for Silence {
    async fn lookup(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        std::future::pending().await
    }
}

/// Writes down what is asked of it, and which plan is in force at that moment.
struct Recorder {
    log: Arc<Log>,
    reader: Reader,
}

#[derive(Debug, Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    /// Listeners that cannot be bound.
    refuse: Mutex<Vec<&'static str>>,
}

impl Log {
    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.lines.lock().unwrap())
    }
}

impl Binder for Recorder {
    fn prepare(&mut self, plan: &Plan) -> Result<(), BindError> {
        let in_force = self.reader.load().generation;
        self.log.lines.lock().unwrap().push(format!("prepare, {in_force} in force"));
        let refuse = self.log.refuse.lock().unwrap();
        match plan.listeners.iter().find(|listener| refuse.contains(&&*listener.name)) {
            None => Ok(()),
            Some(listener) => Err(BindError {
                listener: listener.name.clone(),
                bind: listener.binds[0].clone(),
                source: io::ErrorKind::AddrNotAvailable.into(),
            }),
        }
    }

    fn commit(&mut self, plan: &Arc<Plan>) {
        let (new, in_force) = (plan.generation, self.reader.load().generation);
        self.log.lines.lock().unwrap().push(format!("commit {new}, {in_force} in force"));
    }
}
