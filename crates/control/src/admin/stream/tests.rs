use axum::body::{Body, HttpBody};
use axum::http::HeaderName;
use evenkeel_plan::publish::Publisher;
use tokio::sync::watch;
use tokio::time::timeout;

use super::snapshots::PERIOD;
use super::*;
use crate::admin::slots::Slots;
use crate::admin::{Status, status};

use crate::events::{EventKind, EventLevel};
use crate::fixture::{self, plan};

#[tokio::test(start_paused = true)]
async fn a_stream_is_framed_as_the_standard_says() {
    let overview = overview();
    let mut body = Streams::new(Arc::clone(&overview)).opened().into_body();
    assert_eq!(next(&mut body).await.unwrap(), "retry: 1000\n\n");
    let event = next(&mut body).await.unwrap();
    let data = event.strip_prefix("event: status\ndata: ").unwrap().strip_suffix("\n\n").unwrap();
    assert!(!data.contains('\n'), "{data}");
    let mut read: Status = serde_json::from_str(data).unwrap();
    let written = status(&overview);
    read.uptime_seconds = written.uptime_seconds;
    assert_eq!(read, written);
}

#[tokio::test(start_paused = true)]
async fn all_who_listen_get_the_same_snapshot_once_a_second() {
    let streams = Arc::new(Streams::new(overview()));
    let mut bodies = [open(&streams).into_body(), open(&streams).into_body()];
    for body in &mut bodies {
        next(body).await.unwrap();
    }
    let begun = Instant::now();
    for second in 0..5 {
        let [first, other] = &mut bodies;
        let (first, other) = (next(first).await.unwrap(), next(other).await.unwrap());
        // It has the uptime to the nanosecond.
        assert_eq!(first, other);
        assert_eq!(begun.elapsed(), PERIOD * second);
    }
    assert_eq!(streams.snapshots.latest().number, 5);
}

#[tokio::test(start_paused = true)]
async fn an_event_is_sent_when_it_happens_and_only_once() {
    let overview = overview();
    let note = |text: &str| overview.events.note(EventLevel::Warn, EventKind::Reload, text);
    let streams = Arc::new(Streams::new(Arc::clone(&overview)));
    note("before");
    let mut body = open(&streams).into_body();
    next(&mut body).await.unwrap();
    let before = next(&mut body).await.unwrap();
    assert!(before.starts_with("event: event\nid: ") && before.contains("\"before\""), "{before}");
    assert!(next(&mut body).await.unwrap().starts_with("event: status\n"));
    let begun = Instant::now();
    note("during");
    let during = next(&mut body).await.unwrap();
    assert!(during.contains("\"during\"") && begun.elapsed() < PERIOD, "{during}");

    let last_id = before.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
    let mut again = open_after(&streams, last_id).into_body();
    next(&mut again).await.unwrap();
    assert_eq!(next(&mut again).await.unwrap(), during, "before it has had");
    let mut stranger = open_after(&streams, "123-1").into_body();
    next(&mut stranger).await.unwrap();
    assert_eq!(next(&mut stranger).await.unwrap(), before, "the number of another process");
}

#[tokio::test(start_paused = true)]
async fn who_reads_slowly_misses_what_was_between() {
    let streams = Arc::new(Streams::new(overview()));
    let mut body = open(&streams).into_body();
    for _ in 0..2 {
        next(&mut body).await.unwrap();
    }
    tokio::time::advance(PERIOD * 10).await;
    next(&mut body).await.unwrap();
    assert_eq!(streams.snapshots.latest().number, 2);
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_by_itself_before_its_connection_is_cut_off() {
    let streams = Arc::new(Streams::new(overview()));
    let mut body = open(&streams).into_body();
    let begun = Instant::now();
    while next(&mut body).await.is_some() {}
    let lasted = begun.elapsed().as_secs();
    assert!((239..=241).contains(&lasted), "{lasted} s");
}

#[tokio::test(start_paused = true)]
async fn one_stream_too_many_is_refused_until_another_ends() {
    let streams = Arc::new(Streams::new(overview()));
    let mut open_ones: Vec<Response> = (0..STREAMS_MAX).map(|_| open(&streams)).collect();
    assert!(open_ones.iter().all(|response| response.status() == StatusCode::OK));
    let refused = open(&streams);
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()[header::RETRY_AFTER], "5");
    assert!(REFUSAL.contains(&format!("There are {STREAMS_MAX} streams")));
    open_ones.pop();
    assert_eq!(open(&streams).status(), StatusCode::OK);
}

impl Streams {
    fn opened(self) -> Response {
        open(&Arc::new(self))
    }
}

fn open(streams: &Arc<Streams>) -> Response {
    streams.open(Slots::default().take(), &HeaderMap::new())
}

/// As a browser does when it comes back.
fn open_after(streams: &Arc<Streams>, last_id: &str) -> Response {
    let headers = HeaderMap::from_iter([(
        HeaderName::from_static("last-event-id"),
        last_id.parse().unwrap(),
    )]);
    streams.open(Slots::default().take(), &headers)
}

/// What comes next in a stream, as text; `None` at its end.
async fn next(body: &mut Body) -> Option<String> {
    let frame = std::future::poll_fn(|context| std::pin::Pin::new(&mut *body).poll_frame(context));
    let frame = timeout(PERIOD * 20, frame).await.unwrap()?;
    let data = frame.unwrap().into_data().unwrap();
    Some(String::from_utf8(data.to_vec()).unwrap())
}

fn overview() -> Arc<Overview> {
    let mut publisher = Publisher::default();
    publisher.publish(plan(&[("web", "api")], &[("api", &["10.0.0.1:80", "db:81"])]));
    let (_, done) = watch::channel(false);
    Arc::new(fixture::overview(publisher.reader(), &fixture::knowledge(), done))
}
