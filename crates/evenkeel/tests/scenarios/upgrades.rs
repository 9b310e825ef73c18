//! Connections that become something else: WebSockets and other protocols that an endpoint switches to.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use evenkeel_testkit::process::Signal;
use evenkeel_testkit::{Client, Gate, Origin, Request, Script, get, wait_until};

use crate::running::{GET, LONG, Running, end, free_address, named, scripted};

/// The handshake of RFC 6455 §1.3, key and proof included.
const HANDSHAKE: &[u8] = b"GET /chat HTTP/1.1\r\nHost: test\r\nConnection: keep-alive, Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const SWITCHED: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// An endpoint of which the test holds the bare sockets.
struct Bare(TcpListener);

impl Bare {
    fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    /// A balancer before it that does not check it, so that every connection is an exchange.
    fn running(&self, more: &str) -> Running {
        Running::from_toml(&format!("drain = \"12s\"\n{}", self.config(more)))
    }

    /// The listener before it.
    fn config(&self, more: &str) -> String {
        let address = self.0.local_addr().unwrap();
        format!("[listener.web]\nbind = \"{{bind}}\"\nto = \"{address}\"\nhealth = false\n{more}")
    }

    /// The next connection, with the head of its first request.
    fn accept(&self) -> (TcpStream, String) {
        let (mut stream, _) = self.0.accept().unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        (stream, String::from_utf8(head).unwrap())
    }

    /// A tunnel through `running`: the client's end and the endpoint's.
    fn open(&self, running: &Running, request: &[u8], answer: &[u8]) -> (TcpStream, TcpStream) {
        let mut client = running.connect();
        client.send(request).unwrap();
        let (mut endpoint, _) = self.accept();
        endpoint.write_all(answer).unwrap();
        let response = client.read_response(LONG).unwrap();
        assert_eq!(response.status, 101, "{}", response.text());
        let client = client.stream().try_clone().unwrap();
        client.set_read_timeout(Some(LONG)).unwrap();
        (client, endpoint)
    }
}

fn expect(mut stream: &TcpStream, bytes: &[u8]) {
    let mut read = vec![0; bytes.len()];
    stream.read_exact(&mut read).unwrap();
    assert_eq!(read, bytes);
}

fn read_to_end(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// A request that offers `protocol`, and its answer from an endpoint that answers with `script`.
fn offered(protocol: &str, script: Script) -> (Origin, Running, Client, u16) {
    let origin = scripted(script);
    let running = Running::serve(&[&origin.address().to_string()]);
    let mut client = running.connect();
    let request = format!(
        "GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n"
    );
    let status = client.exchange(request.as_bytes(), LONG).unwrap().status;
    (origin, running, client, status)
}

#[test]
fn a_websocket_goes_both_ways_and_counts_as_in_flight() {
    let bare = Bare::new();
    let running = bare.running("");
    let mut client = running.connect();
    client.send(HANDSHAKE).unwrap();
    let (mut endpoint, head) = bare.accept();
    let head = head.to_ascii_lowercase();
    for line in
        ["connection: upgrade\r\n", "upgrade: websocket\r\n", "sec-websocket-version: 13\r\n"]
    {
        assert!(head.contains(line), "{line:?} in {head}");
    }
    // The first frame comes in one segment with the answer.
    endpoint.write_all(&[SWITCHED, b"\x81\x05hello"].concat()).unwrap();
    let response = client.read_response(LONG).unwrap();
    assert_eq!(response.status, 101);
    assert_eq!(response.header("upgrade"), Some("WebSocket"));
    assert_eq!(response.header("connection"), Some("Upgrade"));
    assert_eq!(response.header("content-length"), None);
    let mut frame = client.leftover().to_vec();
    let mut stream = client.stream();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let missing = 7 - frame.len();
    frame.resize(7, 0);
    stream.read_exact(&mut frame[7 - missing..]).unwrap();
    assert_eq!(frame, b"\x81\x05hello");
    stream.write_all(b"\x81\x85maskXXXXX").unwrap();
    expect(&endpoint, b"\x81\x85maskXXXXX");
    assert_eq!(running.endpoint(0)["in_flight"], 1);
    drop(client);
    assert_eq!(read_to_end(&endpoint), b"");
    drop(endpoint);
    wait_until(LONG, || running.endpoint(0)["in_flight"] == 0).unwrap();
    running.wait_for_metric("evenkeel_requests_total", "code_class=\"1xx\"", 1);
}

#[test]
fn megabytes_go_through_a_tunnel_in_both_directions_at_once() {
    let bare = Bare::new();
    let running = bare.running("");
    let request = b"GET / HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    let answer = b"HTTP/1.1 101 \r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    let (client, endpoint) = bare.open(&running, request, answer);
    let echoing = std::thread::spawn(move || {
        let (mut from, mut to) = (&endpoint, &endpoint);
        std::io::copy(&mut from, &mut to).unwrap();
        endpoint.shutdown(Shutdown::Write).unwrap();
    });
    let sent: Vec<u8> = (0..4_000_000_u32).map(|number| number as u8).collect();
    let bytes = sent.clone();
    let writer = client.try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        (&writer).write_all(&bytes).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    // The end of each direction is passed on by itself.
    assert_eq!(read_to_end(&client).len(), sent.len());
    sending.join().unwrap();
    echoing.join().unwrap();
}

#[test]
fn the_end_of_the_endpoint_reaches_a_client_that_waits_for_it() {
    let bare = Bare::new();
    let running = bare.running("");
    let (client, endpoint) = bare.open(&running, HANDSHAKE, SWITCHED);
    endpoint.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&client), b"");
    (&client).write_all(b"more").unwrap();
    expect(&endpoint, b"more");
}

#[test]
fn a_reset_of_one_side_reaches_the_other_as_one() {
    let bare = Bare::new();
    let running = bare.running("");
    let (client, endpoint) = bare.open(&running, HANDSHAKE, SWITCHED);
    socket2::SockRef::from(&endpoint).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(endpoint);
    let error = (&client).read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn a_tunnel_in_which_nothing_moves_is_closed_after_its_own_time() {
    let bare = Bare::new();
    let running = bare.running("timeouts = { keep_alive = \"60s\", tunnel = \"300ms\" }\n");
    let (client, _endpoint) = bare.open(&running, HANDSHAKE, SWITCHED);
    let _ = (&client).read(&mut [0]);
    running.wait_for_metric("evenkeel_failures_total", "reason=\"tunnel_idle\"", 1);
}

#[test]
fn a_drain_says_good_bye_to_a_websocket_on_both_sides() {
    let bare = Bare::new();
    let running = bare.running("");
    let (client, endpoint) = bare.open(&running, HANDSHAKE, SWITCHED);
    running.process.signal(Signal::TERM).unwrap();
    expect(&client, &[0x88, 2, 0x03, 0xe9]);
    let mut frame = [0; 8];
    (&endpoint).read_exact(&mut frame).unwrap();
    assert_eq!(frame[..2], [0x88, 0x82]);
    assert_eq!([frame[6] ^ frame[2], frame[7] ^ frame[3]], [0x03, 0xe9]);
    assert_eq!((read_to_end(&client), read_to_end(&endpoint)), (vec![], vec![]));
    drop((client, endpoint));
    assert_eq!(end(running.process).code, Some(0));
}

/// It was left open, to a listener that is no more, until one of its sides had enough.
#[test]
fn a_websocket_of_a_listener_that_is_gone_is_said_good_bye_to_as_in_a_drain() {
    let bare = Bare::new();
    let kept = format!("[listener.kept]\nbind = \"{}\"\nto = \"127.0.0.1:1\"\n", free_address());
    let drain = "drain = \"2s\"\n";
    let web = bare.config("");
    let running = Running::from_toml(&format!("{drain}{web}{kept}"));
    let (client, endpoint) = bare.open(&running, HANDSHAKE, SWITCHED);
    running.rewrite(&format!("{drain}{kept}"));
    running.reload();
    expect(&client, &[0x88, 2, 0x03, 0xe9]);
    let mut frame = [0; 8];
    (&endpoint).read_exact(&mut frame).unwrap();
    assert_eq!(frame[..2], [0x88, 0x82]);
    assert_eq!((read_to_end(&client), read_to_end(&endpoint)), (vec![], vec![]));
    assert_eq!(get(running.admin, "/readyz").unwrap().status, 200);
}

#[test]
fn a_tunnel_that_is_never_at_rest_is_cut_when_its_listener_is_gone() {
    let bare = Bare::new();
    let kept = format!("[listener.kept]\nbind = \"{}\"\nto = \"127.0.0.1:1\"\n", free_address());
    let drain = "drain = \"1s\"\n";
    let running = Running::from_toml(&format!("{drain}{}{kept}", bare.config("")));
    let (client, mut endpoint) = bare.open(&running, HANDSHAKE, SWITCHED);
    endpoint.write_all(b"\x81\x05he").unwrap();
    expect(&client, b"\x81\x05he");
    running.rewrite(&format!("{drain}{kept}"));
    running.reload();
    let error = (&client).read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

/// A balancer before it whose tunnel is open, after the reload that removes it, with a time of a second for that; and since when.
fn removed(bare: &Bare, begun: &[u8]) -> (Running, [TcpStream; 2], Instant) {
    let drain = "drain = \"1s\"\nlog = { access = { path = \"-\" } }\n";
    let running = Running::from_toml(&format!("{drain}{}", bare.config("")));
    let (client, mut endpoint) = bare.open(&running, HANDSHAKE, SWITCHED);
    endpoint.write_all(begun).unwrap();
    expect(&client, begun);
    running.rewrite(&format!(
        "{drain}[listener.web]\nbind = \"{{bind}}\"\nto = \"{}\"\nhealth = false\n",
        free_address()
    ));
    let since = Instant::now();
    running.reload();
    (running, [client, endpoint], since)
}

#[test]
fn a_websocket_at_an_endpoint_that_is_removed_is_said_good_bye_to_after_its_time() {
    let bare = Bare::new();
    let (running, [client, endpoint], since) = removed(&bare, b"\x81\x02hi");
    expect(&client, &[0x88, 2, 0x03, 0xe9]);
    assert!(since.elapsed() >= Duration::from_secs(1), "{:?}", since.elapsed());
    let mut frame = [0; 8];
    (&endpoint).read_exact(&mut frame).unwrap();
    assert_eq!(frame[..2], [0x88, 0x82]);
    assert_eq!((read_to_end(&client), read_to_end(&endpoint)), (vec![], vec![]));
    drop((client, endpoint));
    // Whoever reads the log sees why it ended, and that nothing is wrong.
    running.process.wait_for_line("\"evenkeel.reason\":\"drained\"", LONG).unwrap();
    running.wait_for_metric("evenkeel_requests_total", "code_class=\"1xx\"", 1);
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
}

#[test]
fn a_tunnel_that_is_never_at_rest_is_cut_when_its_endpoint_was_removed() {
    let bare = Bare::new();
    let (running, [client, _endpoint], _) = removed(&bare, b"\x81\x05he");
    let error = (&client).read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    running.wait_for_metric("evenkeel_failures_total", "reason=\"drain_timeout\"", 1);
    assert_eq!(running.metric("evenkeel_upstream_failures_total", ""), 0);
}

#[test]
fn a_websocket_outlives_every_reload_that_adds_or_removes_an_endpoint() {
    let bare = Bare::new();
    let others = [named("a"), named("b")];
    let running = bare.running("");
    let (client, endpoint) = bare.open(&running, HANDSHAKE, SWITCHED);
    // Its own endpoint goes, too.
    for other in others.iter().cycle().take(6) {
        running.rewrite(&format!(
            "drain = \"1m\"\n[listener.web]\nbind = \"{{bind}}\"\nto = \"{}\"\n",
            other.address()
        ));
        running.reload();
        for (mut from, to) in [(&client, &endpoint), (&endpoint, &client)] {
            from.write_all(b"\x81\x02hi").unwrap();
            expect(to, b"\x81\x02hi");
        }
    }
    let leaving = &running.status()["leaving"];
    assert_eq!(leaving[0]["in_flight"], 1, "{leaving}");
    drop((client, endpoint));
    wait_until(LONG, || running.status()["leaving"].as_array().is_none_or(Vec::is_empty)).unwrap();
}

#[test]
fn a_drain_never_cuts_a_frame_in_two() {
    let bare = Bare::new();
    let running = bare.running("");
    let (client, mut endpoint) = bare.open(&running, HANDSHAKE, SWITCHED);
    endpoint.write_all(b"\x81\x05he").unwrap();
    expect(&client, b"\x81\x05he");
    running.process.signal(Signal::TERM).unwrap();
    running.process.wait_for_line("draining: ", LONG).unwrap();
    endpoint.write_all(b"llo").unwrap();
    expect(&client, b"llo\x88\x02\x03\xe9");
    drop((client, endpoint));
    assert_eq!(end(running.process).code, Some(0));
}

#[test]
fn an_endpoint_that_switches_unasked_or_to_something_else_is_a_502() {
    let switch = |fields: &str| Script::new().send(format!("HTTP/1.1 101 \r\n{fields}\r\n"));
    let origin = scripted(switch("Connection: upgrade\r\nUpgrade: websocket\r\n"));
    let running = Running::serve(&[&origin.address().to_string()]);
    assert_eq!(running.connect().exchange(GET, LONG).unwrap().status, 502);
    let answers = [
        "Connection: upgrade\r\nUpgrade: other\r\n",
        "Connection: upgrade\r\nUpgrade: chat, chat/2\r\n",
        "Upgrade: chat\r\n",
        "Connection: upgrade\r\n",
        "Connection: upgrade\r\nUpgrade: chat\r\nContent-Length: 5\r\n",
    ];
    for fields in answers {
        let (_origin, running, _client, status) = offered("chat, chat/2", switch(fields));
        assert_eq!(status, 502, "{fields}");
        running.wait_for_metric("evenkeel_failures_total", "reason=\"upgrade_refused\"", 1);
    }
    let origin = scripted(Script::new().send(SWITCHED));
    let running = Running::serve(&[&origin.address().to_string()]);
    let another_key = String::from_utf8_lossy(HANDSHAKE).replace("dGhl", "AAAA");
    let response = running.connect().exchange(another_key.as_bytes(), LONG).unwrap();
    assert_eq!(response.status, 502, "a proof for another key");
}

#[test]
fn an_offer_that_is_declined_is_an_ordinary_request() {
    let (origin, running, mut client, status) = offered("chat", Script::ok("no"));
    assert_eq!(status, 200);
    assert_eq!(origin.requests()[0].header("upgrade"), Some("chat"));
    assert_eq!(client.read_to_end(LONG).unwrap(), b"", "what would come now is no request");
    // What a client sends in the belief that it will be understood is no request (RFC 9931).
    let mut client = running.connect();
    let hopeful = [HANDSHAKE, b"GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n"].concat();
    assert_eq!(client.exchange(&hopeful, LONG).unwrap().status, 200);
    assert_eq!(client.read_to_end(LONG).unwrap(), b"");
    assert_eq!(origin.request_count(), 2);
    assert!(origin.requests().iter().all(|request| request.target != "/smuggled"));
}

#[test]
fn what_follows_an_offer_late_is_no_request_either() {
    let gate = Gate::new();
    let held = gate.clone();
    let origin = Origin::start(move |_: &Request| {
        Script::new().wait_for(&held).followed_by(Script::ok("declined"))
    })
    .unwrap();
    let running = Running::serve(&[&origin.address().to_string()]);
    let mut client = running.connect();
    client.send(HANDSHAKE).unwrap();
    origin.wait_for_requests(1, LONG).unwrap();
    client.send(b"GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    gate.open();
    assert_eq!(client.read_response(LONG).unwrap().header("connection"), Some("close"));
    assert_eq!(client.read_to_end(LONG).unwrap(), b"");
    assert_eq!(origin.request_count(), 1);
}

#[test]
fn a_protocol_that_is_no_websocket_is_not_sent_frames_at_a_drain() {
    let bare = Bare::new();
    let running = bare.running("");
    let both = String::from_utf8_lossy(HANDSHAKE).replace("websocket", "websocket, chat");
    let answer = b"HTTP/1.1 101 \r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n";
    let (client, endpoint) = bare.open(&running, both.as_bytes(), answer);
    running.process.signal(Signal::TERM).unwrap();
    assert_eq!((read_to_end(&client), read_to_end(&endpoint)), (vec![], vec![]));
}

#[test]
fn a_drain_that_has_to_cut_a_tunnel_lets_both_sides_see_the_cut() {
    let bare = Bare::new();
    let running = bare.running("");
    let (client, mut endpoint) = bare.open(&running, HANDSHAKE, SWITCHED);
    // Half a frame, of which the rest never comes.
    endpoint.write_all(b"\x81\x05he").unwrap();
    expect(&client, b"\x81\x05he");
    running.process.signal(Signal::TERM).unwrap();
    let reset = |mut stream: &TcpStream| stream.read(&mut [0]).unwrap_err().kind();
    assert_eq!(reset(&client), std::io::ErrorKind::ConnectionReset);
    assert_eq!(reset(&endpoint), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn a_tunnel_whose_one_side_has_ended_is_not_measured_by_the_time_for_an_exchange() {
    let bare = Bare::new();
    let address = bare.0.local_addr().unwrap();
    let running = Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = \"app\"\n[cluster.app]\nendpoints = [\"{address}\"]\n\
         health = false\ntimeouts = {{ exchange = \"200ms\", idle = \"400ms\" }}\n"
    ));
    let (client, endpoint) = bare.open(&running, HANDSHAKE, SWITCHED);
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&endpoint), b"");
    running.wait_for_metric("evenkeel_failures_total", "reason=\"tunnel_idle\"", 1);
    assert_eq!(running.metric("evenkeel_failures_total", "reason=\"exchange_timeout\""), 0);
    assert_eq!(running.metric("evenkeel_upstream_failures_total", ""), 0);
}

#[test]
fn a_clear_text_http_2_upgrade_is_not_passed_on() {
    let (origin, _running, _client, status) = offered("h2c", Script::ok("plain"));
    assert_eq!(status, 200);
    let request: Request = origin.requests()[0].clone();
    assert_eq!((request.header("upgrade"), request.header("connection")), (None, None));
}

#[test]
fn a_websocket_handshake_that_cannot_succeed_is_refused_before_the_endpoint_sees_it() {
    let origin = scripted(Script::ok("seen"));
    let running = Running::serve(&[&origin.address().to_string()]);
    let good = String::from_utf8_lossy(HANDSHAKE);
    let cases = [
        (good.replace("Version: 13", "Version: 8"), 426),
        (good.replace("Sec-WebSocket-Version: 13\r\n", ""), 426),
        (good.replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), 400),
        (good.replace("ZSBub25jZQ==", "ZSBub25jZQ"), 400),
        (good.replace("GET", "POST"), 400),
    ];
    for (request, status) in cases {
        let response = running.connect().exchange(request.as_bytes(), LONG).unwrap();
        assert_eq!(response.status, status, "{request}");
        if status == 426 {
            assert_eq!(response.header("sec-websocket-version"), Some("13"));
        }
    }
    assert_eq!(origin.request_count(), 0);
}
