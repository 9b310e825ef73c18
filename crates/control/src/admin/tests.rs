use std::net::SocketAddr;
use std::time::Duration;

use evenkeel_plan::publish::Publisher;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, advance, timeout};

use super::slots::CONNECTIONS_MAX;
use super::*;

use crate::config::AdminBind;
use crate::fixture::{self, overview, plan};

#[tokio::test]
async fn ready_means_checked_and_not_draining() {
    let api = Api::start().await;
    assert_eq!(api.get("/livez").await.0, 200);
    for path in ["/readyz", "/healthz"] {
        let (status, answer) = api.get(path).await;
        assert_eq!(status, 503, "{path}");
        assert!(answer.contains("first round of health checks is still running"), "{answer}");
    }
    api.first_round.send_replace(true);
    assert_eq!(api.get("/readyz").await.0, 200);
    api.overview.drain();
    let (status, answer) = api.get("/readyz").await;
    assert!(status == 503 && answer.contains("shutting down"), "{answer}");
    assert_eq!(api.get("/livez").await.0, 200);
}

#[tokio::test]
async fn the_status_reads_back_as_what_it_was() {
    let api = Api::start().await;
    let counters = &api.overview.plan().listeners[0].counters;
    counters.shard(1).requests[0][4].add(2);
    let (code, answer) = api.get("/api/v1/status").await;
    assert_eq!(code, 200);
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut read: Status = serde_json::from_str(body).unwrap();
    let written = status(&api.overview);
    read.uptime_seconds = written.uptime_seconds;
    assert_eq!(read, written);
    assert_eq!((read.listeners[0].requests.server_error, read.workers), (2, 2));
    let json: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(json["listeners"][0]["requests"]["5xx"], 2);
    assert_eq!(json["listeners"][0]["cluster"], "api");
    let route = &json["listeners"][0]["routes"][0];
    assert_eq!(
        (&route["name"], &route["host"], &route["path"]),
        (&"/*".into(), &"*".into(), &"/*".into())
    );
    assert_eq!(route["to"], serde_json::json!([{ "cluster": "api", "weight": 1 }]));
    assert_eq!(json["clusters"][0]["algorithm"], "peak-ewma");
    assert_eq!(json["clusters"][0]["endpoints"][0]["state"], "unchecked");
    assert_eq!(json["clusters"][0]["endpoints"][1]["state"], "unresolved");
}

#[tokio::test]
async fn metrics_come_with_their_type() {
    let (status, answer) = Api::start().await.get("/metrics").await;
    assert_eq!(status, 200);
    let kind = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n";
    assert!(answer.contains(kind) && answer.ends_with("# EOF\n"), "{answer}");
}

#[tokio::test]
async fn only_reading_is_allowed_and_the_index_helps_the_lost() {
    let api = Api::start().await;
    let (status, answer) = api.ask("POST /api/v1/status HTTP/1.1\r\nHost: localhost\r\n").await;
    assert_eq!(status, 405);
    assert!(answer.to_ascii_lowercase().contains("\r\nallow: get"), "{answer}");
    let (status, answer) = api.ask("HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n").await;
    assert!(status == 200 && answer.ends_with("\r\n\r\n"), "{answer}");
    let (status, answer) = api.get("/nowhere").await;
    assert!(status == 404 && answer.contains("/api/v1/status"), "{answer}");
    assert_eq!(api.get("/").await.0, 200);
}

#[tokio::test]
async fn a_browser_gets_a_page_that_loads_nothing_from_elsewhere() {
    let api = Api::start().await;
    let browser = "Host: localhost\r\nAccept: text/html,*/*;q=0.8\r\n";
    let (status, answer) = api.ask(&format!("GET / HTTP/1.1\r\n{browser}")).await;
    let (head, page) = answer.split_once("\r\n\r\n").unwrap();
    assert!(status == 200 && head.contains("content-type: text/html"), "{head}");
    assert!(head.contains("content-security-policy: default-src 'none'; "), "{head}");
    assert!(head.contains("frame-ancestors 'none'"), "{head}");
    let loaded = page.split(['"', '\'']).filter(|word| word.starts_with("/dashboard/"));
    let mut count = 0;
    for path in loaded {
        let (status, answer) = api.get(path).await;
        assert_eq!(status, 200, "{path}");
        let kind = if path.ends_with(".css") { "text/css" } else { "text/javascript" };
        assert!(answer.contains(&format!("content-type: {kind}; charset=utf-8\r\n")), "{path}");
        count += 1;
    }
    assert!(count >= 4, "{page}");
    assert!(!page.contains("://") && !page.contains("<style") && !page.contains(" style="));
    assert!(page.split("<script").skip(1).all(|script| script.starts_with(" src=\"/")), "{page}");
}

#[tokio::test]
async fn every_answer_is_for_this_moment_and_for_nobody_elses_page() {
    let api = Api::start().await;
    for path in ["/", "/metrics", "/api/v1/status", "/dashboard/style.css", "/nowhere"] {
        let (_, answer) = api.get(path).await;
        for field in [
            "cache-control: no-store",
            "x-content-type-options: nosniff",
            "cross-origin-resource-policy: same-origin",
        ] {
            assert!(answer.contains(&format!("\r\n{field}\r\n")), "{path}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_rebound_name_is_refused_on_every_path() {
    let api = Api::start().await;
    for path in ["/", "/metrics", "/api/v1/status", "/nowhere"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\n");
        let (status, answer) = api.ask(&request).await;
        assert_eq!(status, 421, "{path}");
        assert!(answer.contains("not an address or localhost"), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_finishes_its_head_is_cut_off() {
    let api = Api::start().await;
    let begun = Instant::now();
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: loc").await.unwrap();
    let mut answer = Vec::new();
    timeout(Duration::from_secs(120), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    assert_eq!(begun.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_gets_the_slot_that_was_used_longest_ago() {
    let api = Api::start().await;
    let request = format!("GET /livez HTTP/1.1\r\nHost: {}\r\n\r\n", api.address);
    let mut kept = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        let mut stream = TcpStream::connect(api.address).await.unwrap();
        assert!(exchange(&mut stream, &request).await.starts_with("HTTP/1.1 200"));
        kept.push(stream);
        advance(Duration::from_millis(10)).await;
    }
    let begun = Instant::now();
    assert!(exchange(&mut kept[0], &request).await.starts_with("HTTP/1.1 200"));
    assert_eq!(api.get("/livez").await.0, 200);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert!(exchange(&mut kept[0], &request).await.starts_with("HTTP/1.1 200"), "used lately");
    assert_eq!(exchange(&mut kept[1], &request).await, "", "used longest ago");
}

#[tokio::test(start_paused = true)]
async fn a_stream_keeps_its_slot_however_many_come() {
    let api = Api::start().await;
    let request = format!("GET /api/v1/stream HTTP/1.1\r\nHost: {}\r\n\r\n", api.address);
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    let head = exchange(&mut stream, &request).await;
    assert!(head.contains("content-type: text/event-stream\r\n"), "{head}");
    for _ in 0..2 * CONNECTIONS_MAX {
        assert_eq!(api.get("/livez").await.0, 200);
    }
    let mut idle = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        idle.push(TcpStream::connect(api.address).await.unwrap());
        assert_eq!(api.get("/livez").await.0, 200);
    }
    let mut seen = String::new();
    while seen.matches("event: status\n").count() < 3 {
        let mut more = vec![0; 64 * 1024];
        let length = timeout(Duration::from_secs(60), stream.read(&mut more)).await.unwrap();
        let length = length.unwrap();
        assert!(length > 0, "the stream has ended: {seen}");
        seen.push_str(&String::from_utf8_lossy(&more[..length]));
    }
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let api = Api::start().await;
    let field = format!("x: {}\r\n", "a".repeat(40_000));
    let (status, _) = api.ask(&format!("GET / HTTP/1.1\r\nHost: localhost\r\n{field}")).await;
    assert_eq!(status, 431);
}

/// A reload that moved the API to other addresses reset them.
#[tokio::test]
async fn whoever_waits_in_the_queue_is_served_when_the_api_moves_away() {
    let Api { address, _server: server, .. } = Api::start().await;
    // The server has no turn before it is told to stop.
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    drop(server);
    let request = format!("GET /livez HTTP/1.1\r\nHost: {address}\r\n\r\n");
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    stream.set_nonblocking(true).unwrap();
    let mut stream = TcpStream::from_std(stream).unwrap();
    let mut answer = Vec::new();
    drop(timeout(Duration::from_secs(60), stream.read_to_end(&mut answer)).await.unwrap());
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
}

/// The API on a loopback port, over a plan with one listener and one cluster.
pub(super) struct Api {
    pub(super) address: SocketAddr,
    overview: Arc<Overview>,
    first_round: watch::Sender<bool>,
    _server: Server,
}

impl Api {
    pub(super) async fn start() -> Self {
        let mut publisher = Publisher::default();
        publisher.publish(plan(&[("web", "api")], &[("api", &["10.0.0.1:80", "db:81"])]));
        let (first_round, done) = watch::channel(false);
        let overview = overview(publisher.reader(), &fixture::knowledge(), done);
        let overview = Arc::new(overview);
        let any = AdminBind::Fixed(SocketAddr::from(([127, 0, 0, 1], 0)));
        let socket = Socket::bind(&any, None).await.unwrap().unwrap();
        let address = socket.address().tcp().unwrap();
        let _server = Server::start(socket, Arc::clone(&overview));
        Self { address, overview, first_round, _server }
    }

    pub(super) async fn get(&self, path: &str) -> (u16, String) {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\n", self.address)).await
    }

    /// Sends a head that lacks its end, returns the status and all that came.
    pub(super) async fn ask(&self, head: &str) -> (u16, String) {
        ask(self.address, &format!("{head}Connection: close\r\n\r\n")).await
    }
}

/// Sends a whole request that ends its connection, returns the status and all that came.
pub(super) async fn ask(address: SocketAddr, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // Refused before it was read to its end, the connection may end with a reset.
    drop(stream.write_all(request.as_bytes()).await);
    let mut answer = Vec::new();
    drop(timeout(Duration::from_secs(60), stream.read_to_end(&mut answer)).await.unwrap());
    let answer = String::from_utf8(answer).unwrap();
    (answer[9..12].parse().unwrap(), answer)
}

/// Sends a request on a connection that is kept; returns what came first, or nothing when the connection has ended.
async fn exchange(stream: &mut TcpStream, request: &str) -> String {
    let mut answer = vec![0; 64 * 1024];
    if stream.write_all(request.as_bytes()).await.is_err() {
        return String::new();
    }
    let length = stream.read(&mut answer).await.unwrap_or(0);
    String::from_utf8_lossy(&answer[..length]).into_owned()
}
