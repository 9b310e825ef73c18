use std::future::pending;
use std::net::SocketAddr;
use std::sync::Mutex;

use evenkeel_plan::publish::Publisher;
use evenkeel_plan::sight::{Exchange, Phase, Sight};
use evenkeel_plan::story;
use tokio::sync::watch;

use super::*;
use crate::admin::ExchangePhase;

use crate::fixture::{self, overview_with};

/// Workers that say what they were told to; those of which nothing is known never answer.
#[derive(Debug, Default)]
struct Scripted {
    answers: Vec<Answer>,
    /// Whether somebody goes on thinking about it.
    thinking: bool,
    kept: Mutex<Vec<Kept>>,
}

/// Somebody who could still answer.
struct Kept(#[expect(dead_code, reason = "it is there to be dropped late")] Tell);

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kept")
    }
}

impl Sight for Scripted {
    fn look(&self, _question: &Question, tell: Tell) {
        self.answers.iter().cloned().for_each(|answer| tell(answer));
        if self.thinking {
            self.kept.lock().unwrap().push(Kept(tell));
        }
    }

    fn recall(&self, _question: &story::Question, _tell: story::Tell) {}
}

/// What is seen of two workers.
async fn seen(sight: Scripted, question: Question) -> InFlight {
    let (reader, ready) = (Publisher::default().reader(), watch::channel(true).1);
    let overview = overview_with(Arc::new(sight), reader, &fixture::knowledge(), ready);
    look(&overview, &question).await
}

fn connection(open: u64, exchange: Option<u64>) -> Connection {
    Connection {
        listener: "web".into(),
        client: SocketAddr::from(([192, 0, 2, 1], 5000)),
        open: Duration::from_secs(open),
        requests: 3,
        exchange: exchange.map(|running| Exchange {
            method: "GET".into(),
            target: "/a".into(),
            host: None,
            request_id: "id".into(),
            cluster: Some("api".into()),
            endpoint: None,
            attempts: 0,
            running: Duration::from_secs(running),
            phase: Phase::Choosing,
        }),
    }
}

fn answer(worker: usize, total: usize, connections: &[(u64, Option<u64>)]) -> Answer {
    let connections = connections.iter().map(|(open, running)| connection(*open, *running));
    Answer { worker, total, connections: connections.collect() }
}

fn question(max: usize) -> Question {
    Question { max, ..Question::default() }
}

#[tokio::test(start_paused = true)]
async fn all_workers_are_added_up_and_the_oldest_come_first() {
    let answers =
        vec![answer(1, 40, &[(9, Some(1)), (3, None)]), answer(0, 2, &[(7, None), (5, Some(5))])];
    let sight = || Scripted { answers: answers.clone(), ..Scripted::default() };
    let by_age = seen(sight(), question(3)).await;
    let shown: Vec<_> =
        by_age.connections.iter().map(|one| (one.worker, one.open_seconds)).collect();
    assert_eq!(shown, [(1, 9.0), (0, 7.0), (0, 5.0)]);
    assert_eq!((by_age.total, by_age.shown), (42, 3));
    assert!(by_age.silent_workers.is_empty());
    let answers = vec![answer(1, 1, &[(9, Some(1))]), answer(0, 1, &[(5, Some(5))])];
    let sight = Scripted { answers, ..Scripted::default() };
    let exchanges = seen(sight, Question { exchanges_only: true, ..question(3) }).await;
    assert_eq!(exchanges.connections[0].worker, 0);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_says_nothing_for_a_second_is_named_and_the_rest_is_shown() {
    let answers = vec![answer(1, 1, &[(9, None)])];
    let begun = Instant::now();
    let in_flight =
        seen(Scripted { answers, thinking: true, ..Scripted::default() }, question(9)).await;
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
    assert_eq!((in_flight.total, in_flight.shown), (1, 1));
    assert_eq!(in_flight.silent_workers, [0]);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_waited_for_when_nobody_is_left_who_could_answer() {
    let in_flight = tokio::select! {
        in_flight = seen(Scripted::default(), question(9)) => in_flight,
        () = timeless() => panic!("it waited"),
    };
    assert_eq!(in_flight.silent_workers, [0, 1]);
}

/// Ends when the first timer would have to.
async fn timeless() {
    tokio::time::sleep(PATIENCE / 2).await;
    pending::<()>().await;
}

#[tokio::test]
async fn a_limit_that_is_no_number_or_too_much_is_refused_with_the_way_out() {
    for query in ["limit=10001", "limit=-1", "limit=many", "limits=1"] {
        let uri = format!("http://localhost/api/v1/connections?{query}").parse().unwrap();
        let problem = super::question(&uri, false).unwrap_err();
        assert_eq!(problem.status(), axum::http::StatusCode::BAD_REQUEST, "{query}");
    }
    let uri = "http://localhost/?listener=web&limit=10000".parse().unwrap();
    let asked = super::question(&uri, true).unwrap();
    let expected = Question { listener: Some("web".into()), exchanges_only: true, max: 10_000 };
    assert_eq!(asked, expected);
    let uri = "http://localhost/".parse().unwrap();
    assert_eq!(super::question(&uri, false).unwrap(), super::tests::question(100));
}

#[test]
fn it_is_told_as_json_with_null_for_what_is_not_there_yet() {
    let told = InFlight {
        total: 1,
        shown: 1,
        silent_workers: Vec::new(),
        connections: vec![ConnectionInFlight::new(0, connection(2, Some(1)))],
    };
    let json = serde_json::to_value(&told).unwrap();
    let expected = serde_json::json!({
        "total": 1, "shown": 1, "silent_workers": [],
        "connections": [{
            "worker": 0, "listener": "web", "client": "192.0.2.1:5000", "open_seconds": 2.0, "requests": 3,
            "exchange": {
                "method": "GET", "target": "/a", "host": null, "request_id": "id", "cluster": "api",
                "endpoint": null, "attempts": 0, "running_seconds": 1.0, "phase": "choosing",
            },
        }],
    });
    assert_eq!(json, expected);
    assert_eq!(serde_json::from_value::<InFlight>(json).unwrap(), told);
    assert_eq!(serde_json::to_value(ExchangePhase::Tunnel).unwrap(), "tunnel");
}
