use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Gives its answers in order, the last one for ever, and counts the questions.
#[derive(Debug, Default)]
struct Scripted {
    answers: Mutex<Vec<Result<Vec<IpAddr>, &'static str>>>,
    asked: AtomicUsize,
}

impl Lookup for Arc<Scripted> {
    async fn lookup(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
        answer.map_err(io::Error::other)
    }
}

fn scripted(answers: Vec<Result<Vec<IpAddr>, &'static str>>) -> Arc<Scripted> {
    Arc::new(Scripted { answers: Mutex::new(answers), asked: AtomicUsize::new(0) })
}

#[test]
fn an_answer_revises_what_is_known() {
    let at = |text: &str| Known::At(ip(text));
    type Row = (Known, Result<&'static [&'static str], &'static str>, Known);
    let table: [Row; 9] = [
        (Known::Not, Ok(&["10.0.0.1"]), at("10.0.0.1")),
        (Known::Not, Ok(&["::1", "10.0.0.1"]), at("10.0.0.1")),
        (Known::Not, Ok(&["::1"]), at("::1")),
        (Known::Not, Ok(&[]), Known::Never("it has no address".to_owned())),
        (Known::Not, Err("no such name"), Known::Never("no such name".to_owned())),
        (at("10.0.0.1"), Ok(&["10.0.0.2", "10.0.0.1"]), at("10.0.0.1")),
        (at("10.0.0.1"), Ok(&["10.0.0.2"]), at("10.0.0.2")),
        (at("10.0.0.1"), Err("no server"), at("10.0.0.1")),
        (at("10.0.0.1"), Ok(&[]), at("10.0.0.1")),
    ];
    for (known, answer, after) in table {
        let answered = answer
            .map(|addresses| addresses.iter().map(|text| ip(text)).collect())
            .map_err(io::Error::other);
        assert_eq!(revise(&known, answered), after, "{known:?} {answer:?}");
    }
}

#[test]
fn pauses_double_from_one_second_to_thirty_and_are_jittered() {
    let seconds = |failures| pause(failures, 0.5).as_secs_f64();
    let pauses: Vec<f64> = (0..8).map(seconds).collect();
    assert_eq!(pauses, [30.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]);
    assert_eq!(pause(1, 0.0), Duration::from_millis(900));
    assert_eq!(pause(u32::MAX, 1.0), Duration::from_secs(33));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_does_not_resolve_at_first_is_found_later() {
    let lookup = scripted(vec![Err("no such name"), Err("no such name"), Ok(vec![ip("10.0.0.1")])]);
    let mut resolver = Resolver::new(Arc::clone(&lookup));
    resolver.add(["db.internal", "127.0.0.1"].into_iter());
    let begun = Instant::now();
    resolver.settle(Duration::from_secs(5)).await;
    assert_eq!(resolver.known("db.internal"), Known::Never("no such name".to_owned()));
    assert_eq!(resolver.known("127.0.0.1"), Known::At(ip("127.0.0.1")));
    resolver.changed().await;
    assert_eq!(resolver.known("db.internal"), Known::At(ip("10.0.0.1")));
    let waited = begun.elapsed().as_secs_f64();
    assert!((2.7..=3.4).contains(&waited), "1 s and 2 s, give or take a tenth: {waited}");
}

#[tokio::test(start_paused = true)]
async fn an_address_that_moves_is_noticed_and_a_failing_lookup_is_not() {
    let (old, new) = (vec![ip("10.0.0.1")], vec![ip("10.0.0.2")]);
    let lookup = scripted(vec![Ok(old), Err("no server"), Err("no server"), Ok(new)]);
    let mut resolver = Resolver::new(Arc::clone(&lookup));
    resolver.add(["db.internal"].into_iter());
    resolver.settle(Duration::from_secs(5)).await;
    resolver.changed().await;
    assert_eq!(resolver.known("db.internal"), Known::At(ip("10.0.0.2")));
    assert_eq!(lookup.asked.load(Ordering::Relaxed), 4);
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_never_ends_delays_nobody_for_longer_than_allowed() {
    struct Silent;
    impl Lookup for Silent {
        async fn lookup(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
            std::future::pending().await
        }
    }
    let mut resolver = Resolver::new(Silent);
    resolver.add(["db.internal"].into_iter());
    let begun = Instant::now();
    resolver.settle(Duration::from_secs(1)).await;
    assert_eq!(begun.elapsed().as_secs(), 1);
    assert_eq!(resolver.known("db.internal"), Known::Not);
    resolver.changed().await;
    let late = Known::Never("the lookup timed out after 10 s".to_owned());
    assert_eq!(resolver.known("db.internal"), late);
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_name_is_not_looked_up_again() {
    let lookup = scripted(vec![Ok(vec![ip("10.0.0.1")])]);
    let mut resolver = Resolver::new(Arc::clone(&lookup));
    resolver.add(["db.internal"].into_iter());
    resolver.settle(Duration::from_secs(5)).await;
    resolver.retain([].into_iter());
    tokio::time::advance(REFRESH * 4).await;
    tokio::task::yield_now().await;
    assert_eq!(lookup.asked.load(Ordering::Relaxed), 1);
    assert_eq!(resolver.known("db.internal"), Known::Not);
}

#[tokio::test]
async fn the_system_knows_localhost() {
    let addresses = SystemLookup.lookup("localhost").await.unwrap();
    assert!(addresses.iter().all(IpAddr::is_loopback) && !addresses.is_empty(), "{addresses:?}");
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
