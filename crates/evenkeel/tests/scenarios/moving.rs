//! Long-lived streams move to an endpoint that joins later: at the pace, politely, until each has its share, and then no more.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use evenkeel_testkit::http2::{Block, Frame, Kind, Peer};
use evenkeel_testkit::wait::pause;
use evenkeel_testkit::{Http2Client, Http2Endpoint, wait_until};

use crate::running::{LONG, Running};

/// The handshake of RFC 6455 §1.3, key and proof included.
const HANDSHAKE: &[u8] = b"GET /chat HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const SWITCHED: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// A frame of close that says 1001, as a server sends it.
const GOING_AWAY: &[u8] = b"\x88\x02\x03\xe9";

/// How many streams last at an endpoint.
const STREAMS: &str = "evenkeel_upstream_streams{";

/// RFC 8441 §3.
const ENABLE_CONNECT_PROTOCOL: (u16, u32) = (8, 1);

/// SETTINGS_HEADER_TABLE_SIZE: without a table each field is spelled out.
const TABLE_SIZE: u16 = 1;

const CLIENTS: usize = 40;
const PACE: f64 = 20.0;
const REBALANCE: &str = "rebalance = { pace = \"20/s\", min_age = \"0s\" }\n";

/// An endpoint of WebSockets on which nobody says anything.
struct Chat(SocketAddr);

impl Chat {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        spawn(move || {
            for stream in listener.incoming() {
                spawn(move || serve(stream.unwrap()));
            }
        });
        Self(address)
    }
}

/// Ends when the other side has.
fn serve(mut stream: TcpStream) {
    read_head(&mut stream);
    if stream.write_all(SWITCHED).is_ok() {
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

fn read_head(stream: &mut TcpStream) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count > 0) {
        head.push(byte[0]);
    }
}

/// Clients that come back whenever they are told to go.
struct Crowd {
    stops: Arc<AtomicBool>,
    told: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<()>>,
}

impl Crowd {
    fn new(address: SocketAddr) -> Self {
        let (stops, told) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let client = |_| {
            let (stops, told) = (Arc::clone(&stops), Arc::clone(&told));
            spawn(move || {
                while !stops.load(Ordering::Acquire) {
                    let said = talk(address);
                    if !stops.load(Ordering::Acquire) {
                        assert_eq!(said, GOING_AWAY);
                        told.fetch_add(1, Ordering::AcqRel);
                    }
                }
            })
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { stops, told, clients }
    }

    fn told(&self) -> usize {
        self.told.load(Ordering::Acquire)
    }

    /// Ends when the balancer does.
    fn end(self, running: Running) {
        self.stops.store(true, Ordering::Release);
        drop(running);
        self.clients.into_iter().for_each(|client| client.join().unwrap());
    }
}

/// A WebSocket until its end; returns what the client was told.
fn talk(address: SocketAddr) -> Vec<u8> {
    let Ok(mut stream) = TcpStream::connect(address) else { return Vec::new() };
    let _ = stream.write_all(HANDSHAKE);
    read_head(&mut stream);
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    said
}

fn config(endpoints: &[SocketAddr], cluster: &str) -> String {
    let endpoints: Vec<String> = endpoints.iter().map(|at| format!("\"{at}\"")).collect();
    format!(
        "drain = \"1s\"\n[listener.web]\nbind = \"{{bind}}\"\nto = \"chat\"\n\
         [cluster.chat]\nendpoints = [{}]\nhealth = false\nbalance = \"least-request\"\n{cluster}",
        endpoints.join(", ")
    )
}

fn in_flight(running: &Running) -> Vec<u64> {
    let status = running.status();
    let endpoints = status["clusters"][0]["endpoints"].as_array().unwrap();
    endpoints.iter().map(|endpoint| endpoint["in_flight"].as_u64().unwrap()).collect()
}

fn moved(running: &Running) -> usize {
    running.metric("evenkeel_upstream_streams_moved_total", "") as usize
}

fn has_said(running: &Running, text: &str) -> bool {
    let (_, answer) = running.ask("GET", "/api/v1/events", "");
    answer.to_string().contains(text)
}

#[test]
fn websockets_move_to_an_endpoint_that_joins_until_each_has_its_share() {
    let (one, two) = (Chat::new(), Chat::new());
    let running = Running::from_toml_with(2, &config(&[one.0], REBALANCE));
    let crowd = Crowd::new(running.address);
    running.wait_for_metric(STREAMS, "", CLIENTS as u64);
    assert_eq!(moved(&running), 0, "there is nowhere to go");
    let joined = Instant::now();
    running.rewrite(&config(&[one.0, two.0], REBALANCE));
    running.reload();
    let reached = wait_until(LONG, || {
        let (moved, passed) = (moved(&running), joined.elapsed().as_secs_f64());
        assert!(moved as f64 <= 1.0 + PACE * passed, "{moved} in {passed} s");
        has_said(&running, "long-lived streams were asked to move")
    });
    reached.unwrap_or_else(|error| panic!("{error}: {:?}", in_flight(&running)));
    assert!(joined.elapsed() >= Duration::from_secs_f64(18.0 / PACE));
    let are_back = || in_flight(&running).iter().sum::<u64>() == CLIENTS as u64;
    wait_until(LONG, || crowd.told() == moved(&running) && are_back()).unwrap();
    let (told, halves) = (moved(&running), in_flight(&running));
    assert!(halves.iter().all(|half| (18..=22).contains(half)), "{halves:?}");
    assert!((18..=22).contains(&told), "{told}");
    assert_eq!(
        running.metric("evenkeel_failures_total", "reason=\"moved\""),
        0,
        "it is no failure"
    );
    // Some looks later nothing has moved back.
    pause(Duration::from_secs(2));
    assert_eq!((moved(&running), crowd.told()), (told, told));
    crowd.end(running);
}

#[test]
fn without_the_option_nothing_moves_and_with_it_what_was_there_before_does() {
    let (one, two) = (Chat::new(), Chat::new());
    let running = Running::from_toml(&config(&[one.0], ""));
    let crowd = Crowd::new(running.address);
    running.wait_for_metric("evenkeel_upstream_inflight", "", CLIENTS as u64);
    running.rewrite(&config(&[one.0, two.0], ""));
    running.reload();
    pause(Duration::from_secs(1));
    assert_eq!((in_flight(&running), crowd.told()), (vec![40, 0], 0));
    running.rewrite(&config(&[one.0, two.0], REBALANCE));
    running.reload();
    wait_until(LONG, || in_flight(&running)[1] >= 18).unwrap();
    crowd.end(running);
}

#[test]
fn streams_of_tcp_move_only_where_the_config_says_so() {
    let (one, two) = (Chat::new(), Chat::new());
    let tcp = |endpoints: &[SocketAddr], rebalance| {
        config(endpoints, rebalance).replace("to = ", "protocol = \"tcp\"\nto = ")
    };
    let running = Running::from_toml(&tcp(&[one.0], REBALANCE));
    let clients: Vec<TcpStream> =
        (0..4).map(|_| TcpStream::connect(running.address).unwrap()).collect();
    running.wait_for_metric(STREAMS, "", 4);
    running.rewrite(&tcp(&[one.0, two.0], REBALANCE));
    running.reload();
    pause(Duration::from_secs(1));
    assert_eq!((moved(&running), in_flight(&running)), (0, vec![4, 0]));
    let rebalance = "rebalance = { pace = \"20/s\", min_age = \"0s\", kinds = \"tcp\" }\n";
    running.rewrite(&tcp(&[one.0, two.0], rebalance));
    running.reload();
    running.wait_for_metric("evenkeel_upstream_streams_moved_total", "", 2);
    running.wait_for_metric(STREAMS, "", 2);
    drop(clients);
}

/// An endpoint of WebSockets over HTTP/2 (RFC 8441) on which nobody says anything, and which ends what the other side has.
fn chat_over_http2() -> Http2Endpoint {
    let serve = |peer: &mut Peer, frame: &Frame| match frame.kind {
        Kind::Headers => peer.head(frame.stream, &Block::new().raw([0x88]), false),
        _ if frame.ends_stream() => peer.data(frame.stream, b"", true),
        _ => Ok(()),
    };
    Http2Endpoint::start(&[ENABLE_CONNECT_PROTOCOL], serve).unwrap()
}

/// Opens WebSockets on `client`, and again each that was said good-bye to, until `count` were.
fn come_back_until(client: &mut Http2Client, open: &mut Vec<u32>, count: usize) {
    let websocket = Block::request("CONNECT", "/chat")
        .field(":protocol", "websocket")
        .field("sec-websocket-version", "13");
    let (mut told, mut ended) = (Vec::new(), 0);
    open.resize_with(10, || client.request(&websocket, false).unwrap());
    while ended < count {
        let frame = client.read_frame(LONG).unwrap().unwrap();
        if frame.kind == Kind::Data && !frame.payload.is_empty() {
            assert_eq!(frame.payload, GOING_AWAY);
            told.push(frame.stream);
        }
        let is_over = frame.kind == Kind::RstStream || frame.ends_stream();
        if let Some(place) = open.iter().position(|&it| is_over && it == frame.stream) {
            assert!(told.contains(&frame.stream), "{frame:?}");
            client.data(frame.stream, b"", true).unwrap();
            open[place] = client.request(&websocket, false).unwrap();
            ended += 1;
        }
    }
}

#[test]
fn websockets_over_http_2_move_and_leave_an_endpoint_that_is_drained() {
    let chats = [chat_over_http2(), chat_over_http2()];
    let addresses = chats.each_ref().map(Http2Endpoint::address);
    let cluster = format!("http = \"2\"\n{REBALANCE}");
    let running = Running::from_toml(&config(&addresses[..1], &cluster));
    let (mut client, mut open) = (Http2Client::connect(running.address).unwrap(), Vec::new());
    come_back_until(&mut client, &mut open, 0);
    running.wait_for_metric(STREAMS, "", 10);
    running.rewrite(&config(&addresses, &cluster));
    running.reload();
    come_back_until(&mut client, &mut open, 5);
    wait_until(LONG, || in_flight(&running) == [5, 5]).unwrap();
    running.wait_for_metric("evenkeel_upstream_streams_moved_total", "", 5);
    let state = format!("/api/v1/clusters/chat/endpoints/{}/state", addresses[0]);
    assert_eq!(running.ask("PUT", &state, r#"{"state": "drain"}"#).0, 200);
    come_back_until(&mut client, &mut open, 5);
    wait_until(LONG, || in_flight(&running) == [0, 10]).unwrap();
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
    assert_eq!(running.metric("evenkeel_upstream_failures_total", ""), 0);
}

/// Begins to answer calls of gRPC, and says nothing more.
fn call_server() -> Http2Endpoint {
    let begin = |peer: &mut Peer, frame: &Frame| {
        if frame.kind != Kind::Headers {
            return Ok(());
        }
        let head = Block::new().raw([0x88]).field("content-type", "application/grpc");
        peer.head(frame.stream, &head, false)?;
        peer.data(frame.stream, b"\0\0\0\0\x01x", false)
    };
    Http2Endpoint::start(&[], begin).unwrap()
}

#[test]
fn calls_of_grpc_that_last_end_with_a_status_that_says_to_try_again() {
    let servers = [call_server(), call_server()];
    let addresses = [servers[0].address(), servers[1].address()];
    let cluster = format!("http = \"2\"\n{REBALANCE}");
    let running = Running::from_toml(&config(&addresses[..1], &cluster));
    let mut client = Http2Client::connect_with(running.address, &[(TABLE_SIZE, 0)]).unwrap();
    let call = Block::request("POST", "/chat.Room/Listen")
        .field("te", "trailers")
        .field("content-type", "application/grpc");
    let calls: Vec<u32> = (0..10).map(|_| client.request(&call, false).unwrap()).collect();
    running.wait_for_metric(STREAMS, "", 10);
    running.rewrite(&config(&addresses, &cluster));
    running.reload();
    let mut ended = Vec::new();
    while ended.len() < 5 {
        let frame = client.read_frame(LONG).unwrap().unwrap();
        let is_reset = frame.kind == Kind::RstStream && !ended.contains(&frame.stream);
        assert!(!is_reset, "{frame:?}");
        if frame.ends_stream() {
            // `14`, in Huffman's code (RFC 7541 Appendix B).
            let status = b"\x82\x0b\x5f";
            assert!(frame.payload.windows(3).any(|bytes| bytes == status), "{frame:?}");
            assert!(calls.contains(&frame.stream) && !ended.contains(&frame.stream));
            ended.push(frame.stream);
            client.request(&call, false).unwrap();
        }
    }
    wait_until(LONG, || in_flight(&running) == [5, 5]).unwrap();
    running.wait_for_metric("evenkeel_upstream_streams_moved_total", "", 5);
    assert_eq!(running.metric("evenkeel_upstream_failures_total", ""), 0);
}
