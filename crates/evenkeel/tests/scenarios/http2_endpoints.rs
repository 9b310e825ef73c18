//! Endpoints that are asked over HTTP/2: how connections are shared, what is asked again, and what bad ones can do. The endpoint's frames are
//! written by hand.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use evenkeel_testkit::http2::{Block, END_HEADERS, END_STREAM, Frame, Kind, Outcome, Peer, frame};
use evenkeel_testkit::process::Signal;
use evenkeel_testkit::wait::pause;
use evenkeel_testkit::{Client, Http2Client, Http2Endpoint, Response, wait_until};

use crate::running::{GET, LONG, Running, free_address, refusing};

const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody";

/// SETTINGS_MAX_CONCURRENT_STREAMS.
const STREAMS: u16 = 3;

/// SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441 §3).
const CONNECT_PROTOCOL: u16 = 8;

const CANCEL: u32 = 8;
const REFUSED_STREAM: u32 = 7;

fn before(
    settings: &[(u16, u32)],
    cluster: &str,
    on: impl Fn(&mut Peer, &Frame) -> io::Result<()> + Send + Sync + 'static,
) -> (Http2Endpoint, Running) {
    let endpoint = Http2Endpoint::start(settings, on).unwrap();
    let running = Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = \"origin\"\n\
         [cluster.origin]\nendpoints = [\"{}\"]\nhttp = \"2\"\nhealth = false\n{cluster}\n",
        endpoint.address()
    ));
    (endpoint, running)
}

/// Answers each request as soon as it is complete.
fn well(peer: &mut Peer, frame: &Frame) -> io::Result<()> {
    if frame.ends_stream() { peer.answer(frame.stream, b"well") } else { Ok(()) }
}

fn exchange(running: &Running, request: &[u8]) -> Response {
    let mut client = running.connect();
    client.send(request).unwrap();
    client.read_response(LONG).unwrap()
}

/// Clients whose requests are under way.
fn ask(running: &Running, count: usize) -> Vec<Client> {
    let clients = (0..count).map(|_| {
        let mut client = running.connect();
        client.send(GET).unwrap();
        client
    });
    clients.collect()
}

#[track_caller]
fn wait_for_requests(endpoint: &Http2Endpoint, count: usize) {
    let came = wait_until(LONG, || endpoint.frames(Kind::Headers).len() >= count);
    came.unwrap_or_else(|error| {
        panic!("{} of {count}: {error}", endpoint.frames(Kind::Headers).len())
    });
}

#[test]
fn many_requests_share_one_connection_which_is_opened_once() {
    let held = Mutex::new(Vec::new());
    let (endpoint, running) = before(&[], "", move |peer, frame| {
        // All are answered when the last one is there.
        let mut held = held.lock().unwrap();
        held.push(frame.stream);
        if held.len() < 50 {
            return Ok(());
        }
        held.drain(..).try_for_each(|stream| peer.answer(stream, b"well"))
    });
    for mut client in ask(&running, 50) {
        assert_eq!(client.read_response(LONG).unwrap().text(), "well");
    }
    assert_eq!(endpoint.connections(), 1);
    running.wait_for_metric("evenkeel_upstream_connects_total", "result=\"ok\"", 1);
}

#[test]
fn another_connection_is_opened_when_streams_run_out_and_no_more_are_asked_than_may_be() {
    let (endpoint, running) = before(&[(STREAMS, 2)], "", |peer, frame| match frame.stream {
        1 if peer.connection == 0 => peer.answer(1, b"first"),
        _ => Ok(()),
    });
    // From here on it is known how many it takes.
    assert_eq!(exchange(&running, GET).text(), "first");
    let clients = ask(&running, 2);
    wait_for_requests(&endpoint, 3);
    assert_eq!(endpoint.connections(), 1);
    let more = ask(&running, 1);
    wait_for_requests(&endpoint, 4);
    assert_eq!(endpoint.connections(), 2);
    drop((clients, more));
}

#[test]
fn where_no_more_connections_may_be_requests_wait_for_a_stream() {
    let cluster = "limits = { connections = 1 }\ntimeouts = { connect = \"20s\" }";
    let (endpoint, running) = before(&[(STREAMS, 1)], cluster, |peer, frame| match frame.stream {
        // It is never answered.
        3 => Ok(()),
        _ => well(peer, frame),
    });
    assert_eq!(exchange(&running, GET).text(), "well");
    let mut holder = Http2Client::connect(running.address).unwrap();
    let held = holder.request(&Block::request("GET", "/"), true).unwrap();
    wait_for_requests(&endpoint, 2);
    let waiting = ask(&running, 3);
    running.wait_for_metric("evenkeel_listener_connections_active", "", 4);
    holder.send(&frame(Kind::RstStream, 0, held, &CANCEL.to_be_bytes())).unwrap();
    for mut client in waiting {
        assert_eq!(client.read_response(LONG).unwrap().text(), "well");
    }
    assert_eq!(endpoint.connections(), 1);
}

/// RFC 9113 §6.8: whatever it was, it was not done.
#[test]
fn what_an_endpoint_that_leaves_has_not_looked_at_is_asked_on_another_connection() {
    for request in [GET, POST] {
        let (endpoint, running) = before(&[], "", |peer, frame| {
            if peer.connection > 0 || !frame.ends_stream() {
                return well(peer, frame);
            }
            peer.goaway(0, 0)?;
            peer.close();
            Ok(())
        });
        // On a new connection that leaves at once it is a failure, which is tried again.
        assert_eq!(exchange(&running, request).text(), "well");
        assert_eq!(endpoint.connections(), 2);
        assert_eq!(running.metric("evenkeel_requests_total", "code=\"5xx\""), 0);
    }
}

#[test]
fn an_endpoint_that_leaves_answers_what_it_has_and_gets_nothing_more() {
    let (endpoint, running) = before(&[], "", |peer, frame| {
        if (peer.connection, frame.stream) == (0, 1) {
            peer.goaway(1, 0)?;
        }
        well(peer, frame)
    });
    for _ in 0..2 {
        assert_eq!(exchange(&running, GET).text(), "well");
    }
    assert_eq!(endpoint.connections(), 2);
}

/// While a stream was open on it, such a connection was chosen again and again, and each request had to make one of its own.
#[test]
fn a_connection_that_an_endpoint_has_left_is_given_nothing_while_a_stream_is_open_on_it() {
    let (endpoint, running) =
        before(&[], "", |peer, frame| match (peer.connection, frame.stream) {
            // It stays open.
            (0, 1) => Ok(()),
            (0, 3) => {
                peer.goaway(3, 0)?;
                well(peer, frame)
            }
            _ => well(peer, frame),
        });
    let open = ask(&running, 1);
    wait_for_requests(&endpoint, 1);
    for _ in 0..6 {
        assert_eq!(exchange(&running, GET).text(), "well");
    }
    assert_eq!(endpoint.connections(), 2);
    drop(open);
}

/// Anybody could have had an endpoint taken out of service by asking for what it does not have.
#[test]
fn a_websocket_that_an_endpoint_has_no_tunnels_for_is_501_and_no_fault_of_the_endpoint() {
    let (_endpoint, running) = before(&[], "", well);
    let handshake = "GET / HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let response = exchange(&running, handshake.as_bytes());
    assert_eq!(response.status, 501);
    let words = first_words(&running, &response);
    assert!(words.contains("has no WebSockets over HTTP/2"), "{words}");
    assert_eq!(running.metric("evenkeel_upstream_failures_total", ""), 0);
    assert_eq!(exchange(&running, GET).text(), "well");
}

/// It was said to have closed the connection, on which others went on.
#[test]
fn by_what_an_endpoint_has_reset_a_stream_is_told() {
    let reset = |peer: &mut Peer, frame: &Frame| peer.reset(frame.stream, 2);
    let (_endpoint, running) = before(&[], "retry = \"off\"", reset);
    let response = exchange(&running, GET);
    assert_eq!(response.status, 502);
    let words = first_words(&running, &response);
    assert!(words.ends_with("it reset the stream with INTERNAL_ERROR"), "{words}");
}

/// What is remembered of the first attempt of the request that had this answer.
fn first_words(running: &Running, response: &Response) -> String {
    let path = format!("/api/v1/why/{}", response.header("x-request-id").unwrap());
    wait_until(LONG, || running.ask("GET", &path, "").0 == 200).unwrap();
    let story = running.ask("GET", &path, "").1;
    story["attempts"][0]["words"].as_str().unwrap().to_owned()
}

/// A client that streams and has nothing to say for a while was taken for one that drips.
#[test]
fn a_call_of_grpc_may_be_quiet_for_longer_than_a_body_may_stop() {
    let endpoint = Http2Endpoint::start(&[], well).unwrap();
    let running = Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = \"origin\"\ntimeouts = {{ body = \"500ms\" }}\n\
         [cluster.origin]\nendpoints = [\"{}\"]\nhttp = \"2\"\nhealth = false\n",
        endpoint.address()
    ));
    let mut client = Http2Client::connect(running.address).unwrap();
    let call = |path| {
        let block = Block::request("POST", path).field("te", "trailers");
        block.field("content-type", "application/grpc")
    };
    let quiet = client.request(&call("/x.Y/Z"), false).unwrap();
    wait_for_requests(&endpoint, 1);
    // Another request shows that the time of a body is over, several times.
    let stopped = client.request(&Block::request("POST", "/"), false).unwrap();
    let status = client.outcome(stopped, LONG).unwrap();
    assert!(matches!(status, Outcome::Answered { status: 408, .. }), "{status:?}");
    client.data(quiet, b"\0\0\0\0\x01x", true).unwrap();
    let body = b"well".to_vec();
    assert_eq!(client.outcome(quiet, LONG).unwrap(), Outcome::Answered { status: 200, body });
}

/// It was waited for as a stream without an end, and that spoke against the endpoint.
#[test]
fn a_call_of_grpc_that_has_said_its_length_may_not_stop_before_that() {
    let endpoint = Http2Endpoint::start(&[], well).unwrap();
    let running = Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\ntimeouts = {{ body = \"500ms\" }}\n\
         [[route]]\nlistener = \"web\"\nto = \"origin\"\ngrpc_web = true\n\
         [cluster.origin]\nendpoints = [\"{}\"]\nhttp = \"2\"\nhealth = false\n",
        endpoint.address()
    ));
    let mut client = Http2Client::connect(running.address).unwrap();
    let call = Block::request("POST", "/x.Y/Z").field("content-type", "application/grpc");
    let stopped = client.request(&call.field("content-length", "100"), false).unwrap();
    client.data(stopped, b"\0\0\0\0\x5f", false).unwrap();
    assert!(matches!(client.outcome(stopped, LONG).unwrap(), Outcome::Answered { .. }));
    for kind in ["application/grpc-web", "application/grpc-web-text"] {
        let mut client = running.connect();
        let head = format!(
            "POST /x.Y/Z HTTP/1.1\r\nHost: test\r\nContent-Type: {kind}\r\nContent-Length: 100\r\n\r\nAAAA"
        );
        client.send(head.as_bytes()).unwrap();
        let response = client.read_response(LONG).unwrap();
        assert_eq!((response.status, response.header("grpc-status")), (200, Some("4")), "{kind}");
    }
    running.wait_for_metric("evenkeel_failures_total", "reason=\"body_timeout\"", 3);
    assert_eq!(running.metric("evenkeel_upstream_failures_total", ""), 0);
}

/// It was a malformed answer, or a connection that was closed, and nothing said why.
#[test]
fn an_endpoint_that_speaks_another_version_than_its_cluster_says_is_named_as_such() {
    let bad_request = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    let settings = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64";
    for (bytes, version, words) in [
        (&bad_request[..], "2", "it answers in HTTP/1, and was asked in HTTP/2"),
        (b"", "2", "it was asked in HTTP/2, and said nothing at all"),
        (settings, "1", "it answers in HTTP/2, and was asked in HTTP/1.1"),
    ] {
        let running = Running::from_toml(&format!(
            "[listener.web]\nbind = \"{{bind}}\"\nto = \"origin\"\n[cluster.origin]\nendpoints = [\"{}\"]\n\
             http = \"{version}\"\nhealth = false\nretry = \"off\"\n",
            saying(bytes)
        ));
        let response = exchange(&running, GET);
        assert_eq!(response.status, 502, "{words}");
        let told = first_words(&running, &response);
        assert!(told.ends_with(words), "{told}");
        if bytes.is_empty() {
            // It may as well be a server that restarts.
            assert!(!running.process.stderr().contains("does not speak"), "{words}");
        } else {
            wait_until(LONG, || running.process.stderr().contains(words)).unwrap();
        }
    }
}

/// A server that says this to whatever it is asked, and closes.
fn saying(bytes: &'static [u8]) -> SocketAddr {
    accepting(move |mut socket| {
        let mut request = [0; 4096];
        // It may be gone already.
        drop(socket.read(&mut request));
        drop(socket.write_all(bytes));
        drop(socket.shutdown(Shutdown::Write));
        while socket.read(&mut request).is_ok_and(|count| count > 0) {}
    })
}

/// A server that ends before it has looked at its connections.
fn resetting() -> SocketAddr {
    // The rest is unread, which makes it a reset.
    accepting(|mut socket| drop(socket.read(&mut [0])))
}

/// A server that does this with one connection after the other.
fn accepting(on: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().map_while(Result::ok).for_each(on));
    address
}

/// The system accepts connections for servers that have ended or hang: what was sent on one nobody has seen, and nobody could tell.
#[test]
fn what_may_not_be_done_twice_is_not_sent_before_the_endpoint_has_said_a_word() {
    let accepts_nothing = TcpListener::bind("127.0.0.1:0").unwrap();
    for mute in [accepts_nothing.local_addr().unwrap(), resetting()] {
        let endpoint = Http2Endpoint::start(&[], well).unwrap();
        let running = Running::from_toml(&format!(
            "[listener.web]\nbind = \"{{bind}}\"\nto = \"origin\"\n[cluster.origin]\nendpoints = [\"{mute}\", \"{}\"]\n\
             http = \"2\"\nhealth = false\nbalance = \"round-robin\"\ntimeouts = {{ connect = \"500ms\" }}\n\
             retry = {{ budget = \"100%\" }}\n",
            endpoint.address()
        ));
        for _ in 0..4 {
            assert_eq!(exchange(&running, POST).text(), "well");
        }
        assert_eq!(endpoint.frames(Kind::Headers).len(), 4);
        let retries = running.metric("evenkeel_upstream_retries_total", "");
        assert!(retries > 0, "the other one was not tried");
    }
}

/// RFC 9113 §8.7
#[test]
fn a_refused_stream_is_asked_again_whatever_it_was() {
    for request in [GET, POST] {
        let refused = AtomicUsize::new(0);
        let (endpoint, running) = before(&[], "", move |peer, frame| {
            if !frame.ends_stream() || refused.swap(1, Ordering::AcqRel) == 1 {
                return well(peer, frame);
            }
            peer.reset(frame.stream, REFUSED_STREAM)
        });
        assert_eq!(exchange(&running, request).text(), "well");
        assert_eq!(endpoint.frames(Kind::Headers).len(), 2);
        assert_eq!(endpoint.connections(), 1);
    }
}

/// It was 502 where all the others were gone and nobody had noticed yet, since who had refused the stream counted as tried.
#[test]
fn a_refused_stream_comes_back_to_who_refused_it_where_all_others_are_gone() {
    let refused = AtomicUsize::new(0);
    let endpoint = Http2Endpoint::start(&[], move |peer, frame| {
        let is_refused =
            frame.ends_stream() && refused.fetch_add(1, Ordering::AcqRel).is_multiple_of(2);
        if is_refused { peer.reset(frame.stream, REFUSED_STREAM) } else { well(peer, frame) }
    });
    let endpoint = endpoint.unwrap();
    let running = Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = \"origin\"\n[cluster.origin]\nendpoints = [\"{}\", \"{}\"]\n\
         http = \"2\"\nhealth = false\nbalance = \"round-robin\"\nbreaker = \"off\"\noutlier = \"off\"\n",
        endpoint.address(),
        refusing()
    ));
    for _ in 0..4 {
        assert_eq!(exchange(&running, POST).text(), "well");
    }
}

/// Who had been waited for in vain was waited for once more, though who had refused the stream would have taken it.
#[test]
fn a_refused_stream_does_not_come_back_to_who_was_waited_for_in_vain() {
    let refused = AtomicUsize::new(0);
    let refusing = Http2Endpoint::start(&[], move |peer, frame| {
        let is_refused = refused.fetch_add(1, Ordering::AcqRel).is_multiple_of(2);
        if is_refused { peer.reset(frame.stream, REFUSED_STREAM) } else { well(peer, frame) }
    })
    .unwrap();
    let silent = Http2Endpoint::start(&[], |_, _| Ok(())).unwrap();
    let running = Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = \"origin\"\n[cluster.origin]\nendpoints = [\"{}\", \"{}\"]\n\
         http = \"2\"\nhealth = false\nbalance = \"round-robin\"\nbreaker = \"off\"\noutlier = \"off\"\nlimits = \"off\"\n\
         timeouts = {{ first_byte = \"500ms\" }}\n\
         retry = {{ attempts = 3, on = [\"refused-stream\", \"504\"] }}\n",
        refusing.address(),
        silent.address()
    ));
    for asked in 1..=4 {
        assert_eq!(exchange(&running, GET).text(), "well");
        assert!(silent.frames(Kind::Headers).len() <= asked);
    }
    assert!(!silent.frames(Kind::Headers).is_empty());
}

/// Those who waited for one who waited were told of an endpoint that took too long, and that counted against it.
#[test]
fn who_waits_for_a_connection_that_may_not_be_opened_blames_no_endpoint() {
    let endpoint = Http2Endpoint::start(&[], well).unwrap();
    let raw = free_address();
    let running = Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = \"origin\"\n\
         [listener.raw]\nbind = \"{raw}\"\nprotocol = \"tcp\"\nto = \"origin\"\n\
         [cluster.origin]\nendpoints = [\"{}\"]\nhttp = \"2\"\nhealth = false\nretry = \"off\"\n\
         limits = {{ connections = 1 }}\ntimeouts = {{ connect = \"1s\" }}\n",
        endpoint.address()
    ));
    let holder = TcpStream::connect(raw).unwrap();
    wait_until(LONG, || endpoint.connections() == 1).unwrap();
    let mut waiting = ask(&running, 1);
    // They have time left when the first one has waited in vain: one of them waits in its place, and the others for that one.
    pause(Duration::from_millis(300));
    waiting.extend(ask(&running, 4));
    for mut client in waiting {
        assert_eq!(client.read_response(LONG).unwrap().status, 503);
    }
    assert_eq!(running.metric("evenkeel_upstream_failures_total", ""), 0);
    running.wait_for_metric("evenkeel_failures_total", "reason=\"overloaded\"", 5);
    drop(holder);
}

#[test]
fn a_stream_that_is_reset_is_one_failure_and_the_others_on_its_connection_go_on() {
    let (endpoint, running) = before(&[], "", |peer, frame| match frame.stream {
        // The first waits for the second.
        1 => Ok(()),
        3 if frame.ends_stream() => {
            peer.reset(3, 2)?;
            peer.answer(1, b"well")
        }
        _ => Ok(()),
    });
    let mut first = ask(&running, 1);
    wait_for_requests(&endpoint, 1);
    let response = exchange(&running, POST);
    assert_eq!(response.status, 502);
    assert_eq!(first[0].read_response(LONG).unwrap().text(), "well");
    running.wait_for_metric("evenkeel_failures_total", "reason=\"upstream_closed\"", 1);
}

#[test]
fn who_leaves_cancels_the_stream_at_the_endpoint() {
    let (endpoint, running) = before(&[], "", |_, _| Ok(()));
    drop(ask(&running, 1));
    wait_for_requests(&endpoint, 1);
    let reset = wait_until(LONG, || {
        endpoint.frames(Kind::RstStream).iter().any(|(_, it)| it.code() == Some(CANCEL))
    });
    reset.unwrap();
    running.wait_for_metric("evenkeel_upstream_inflight", "", 0);
}

/// A client that reads slowly stops its own stream: what it has not taken is not asked of the endpoint, and others pass.
#[test]
fn a_client_that_does_not_read_holds_up_no_other_on_the_same_connection() {
    let (endpoint, running) = before(&[], "", |peer, frame| match (frame.kind, frame.stream) {
        (Kind::Headers, 1) => {
            peer.head(1, &Block::new().field(":status", "200"), false)?;
            // As much as our windows let through.
            (0..16).try_for_each(|_| peer.data(1, &[b'x'; 16 * 1024], false))
        }
        _ => well(peer, frame),
    });
    let mut slow = Http2Client::connect_with(running.address, &[(4, 0)]).unwrap();
    slow.request(&Block::request("GET", "/"), true).unwrap();
    wait_for_requests(&endpoint, 1);
    for _ in 0..5 {
        assert_eq!(exchange(&running, GET).text(), "well");
    }
    assert_eq!(endpoint.connections(), 1);
}

#[test]
fn interim_answers_and_trailers_of_endpoints_go_through_to_clients_of_either_version() {
    let (_endpoint, running) = before(&[], "", |peer, frame| {
        let early = Block::new().field(":status", "103").field("link", "</style.css>");
        peer.head(frame.stream, &early, false)?;
        peer.head(frame.stream, &Block::new().field(":status", "200"), false)?;
        peer.data(frame.stream, b"body", false)?;
        peer.head(frame.stream, &Block::new().field("x-sum", "42"), true)
    });
    let response = {
        let mut client = running.connect();
        client.send(b"GET / HTTP/1.1\r\nHost: test\r\nTE: trailers\r\n\r\n").unwrap();
        assert_eq!(client.read_response(LONG).unwrap().status, 103);
        client.read_response(LONG).unwrap()
    };
    assert_eq!(response.text(), "body");
    assert_eq!(response.trailers.get("x-sum"), Some("42"));
    let mut client = Http2Client::connect(running.address).unwrap();
    let block = Block::request("GET", "/").field("te", "trailers");
    let stream = client.request(&block, true).unwrap();
    let body = b"body".to_vec();
    let answered = client.outcome(stream, LONG).unwrap();
    // Of the heads the last is read, which has no status.
    assert!(matches!(answered, Outcome::Answered { body: got, .. } if got == body), "{stream}");
}

/// RFC 9113 §8: what an endpoint says wrongly nobody gets to see, and whom it concerns is told.
#[test]
fn malformed_heads_of_endpoints_are_answered_with_502_and_others_go_on() {
    let status = |value: &str| Block::new().field(":status", value);
    let heads = [
        status("200").field("connection", "close"),
        status("200").field("transfer-encoding", "chunked"),
        status("200").field("x", " blank"),
        status("200").field("content-length", "3, 4"),
        status("101"),
        status("20"),
        Block::new().field("x", "y"),
        status("200").field("X", "y"),
        status("200").field("x", "a\r\nb: c"),
    ];
    for head in heads {
        let shown = head.escape_ascii().to_string();
        let (_endpoint, running) =
            before(&[], "retry = \"off\"", move |peer, frame| match peer.connection {
                0 => peer.head(frame.stream, &head, true),
                _ => well(peer, frame),
            });
        let response = exchange(&running, GET);
        assert_eq!(response.status, 502, "{shown}");
        running.wait_for_metric("evenkeel_failures_total", "reason=\"upstream_malformed\"", 1);
    }
}

/// What ends a connection (RFC 9113 §5.4.1, and floods) is the endpoint's fault; the next request has another one.
#[test]
fn an_endpoint_that_breaks_the_rules_of_the_connection_or_floods_it_loses_it() {
    let push = frame(Kind::PushPromise, END_HEADERS, 1, &[0, 0, 0, 2, 0x82]);
    let settings = frame(Kind::Settings, 0, 0, &[]).repeat(2000);
    let pings = frame(Kind::Ping, 0, 0, &[0; 8]).repeat(2000);
    let begin = frame(Kind::Headers, 0, 1, &Block::new().field(":status", "200"));
    let heads = [begin, frame(Kind::Continuation, 0, 1, b"").repeat(2000)].concat();
    let empty = [
        frame(Kind::Headers, END_HEADERS, 1, &Block::new().field(":status", "200")),
        frame(Kind::Data, 0, 1, b"").repeat(5000),
    ]
    .concat();
    let wrong = frame(Kind::Data, END_STREAM, 7, b"x");
    for (number, bytes) in [push, settings, pings, heads, empty, wrong].into_iter().enumerate() {
        let (endpoint, running) = before(&[], "retry = \"off\"", move |peer, frame| {
            match peer.connection {
                0 => {
                    // The connection may be gone before all is sent.
                    drop(peer.send(&bytes));
                    Ok(())
                }
                _ => well(peer, frame),
            }
        });
        let mut client = running.connect();
        client.send(GET).unwrap();
        // An answer that had begun breaks off.
        let status = client.read_response(LONG).map_or(0, |response| response.status);
        assert!([0, 502].contains(&status), "{number}: {status}");
        assert_eq!(exchange(&running, GET).text(), "well", "{number}");
        assert_eq!(endpoint.connections(), 2, "{number}");
        running.wait_for_metric("evenkeel_upstream_connections", "", 1);
    }
}

/// A connection that leads nowhere any more was given requests until the last of them had given up.
#[test]
fn a_connection_on_which_nothing_comes_is_given_no_more_requests() {
    let cluster = "timeouts = { first_byte = \"2s\" }\nretry = \"off\"";
    let (endpoint, running) = before(&[], cluster, |peer, frame| match peer.connection {
        0 => Ok(()),
        _ => well(peer, frame),
    });
    assert_eq!(exchange(&running, GET).status, 504);
    assert_eq!(exchange(&running, GET).text(), "well");
    assert_eq!(endpoint.connections(), 2);
}

#[test]
fn a_connection_that_has_carried_enough_requests_is_followed_by_another() {
    let (endpoint, running) = before(&[], "pool = { max_requests = 2 }", well);
    for _ in 0..6 {
        assert_eq!(exchange(&running, GET).text(), "well");
    }
    assert!(endpoint.connections() >= 3, "{}", endpoint.connections());
    running.wait_for_metric("evenkeel_upstream_connections", "", 1);
}

#[test]
fn an_answer_without_a_body_is_one_for_clients_of_http_1_too() {
    let (_endpoint, running) = before(&[], "", |peer, frame| {
        peer.head(frame.stream, &Block::new().field(":status", "200"), true)
    });
    let mut client = running.connect();
    for _ in 0..2 {
        client.send(GET).unwrap();
        let response = client.read_response(LONG).unwrap();
        assert_eq!((response.status, response.text()), (200, String::new()));
    }
}

/// RFC 6455 §7.4.1, on streams on both sides: nothing is cut in two, and a reload is no reason to leave.
#[test]
fn a_websocket_over_http_2_outlives_a_reload_and_is_said_good_bye_to_at_a_stop() {
    let endpoint = Http2Endpoint::start(&[(CONNECT_PROTOCOL, 1)], |peer, frame| match frame.kind {
        Kind::Headers => peer.head(frame.stream, &Block::new().field(":status", "200"), false),
        // It says good-bye, too, and ends.
        Kind::Data if frame.payload.starts_with(&[0x88]) => {
            peer.data(frame.stream, &[0x88, 2, 0x03, 0xe9], true)
        }
        Kind::Data => peer.data(frame.stream, b"\x81\x02hi", false),
        _ => Ok(()),
    })
    .unwrap();
    let config = format!(
        "drain = \"1s\"\n[listener.web]\nbind = \"{{bind}}\"\nto = \"origin\"\n\
         [cluster.origin]\nendpoints = [\"{}\"]\nhttp = \"2\"\nhealth = false\n",
        endpoint.address()
    );
    let running = Running::from_toml(&config);
    let mut client = Http2Client::connect(running.address).unwrap();
    let block = Block::request("CONNECT", "/chat").field(":protocol", "websocket");
    let stream = client.request(&block.field("sec-websocket-version", "13"), false).unwrap();
    client.data(stream, b"\x81\x82\0\0\0\0ok", false).unwrap();
    let mut next = |kind| loop {
        match client.read_frame(LONG).unwrap() {
            Some(frame) if frame.kind == kind && frame.stream == stream => return frame,
            Some(_) => {}
            None => panic!("the connection is over"),
        }
    };
    assert_eq!(next(Kind::Headers).status(), Some(200));
    assert_eq!(next(Kind::Data).payload, b"\x81\x02hi");
    running.rewrite(&(config + "retry = \"off\"\n"));
    running.reload();
    running.process.signal(Signal::TERM).unwrap();
    assert_eq!(next(Kind::Data).payload, [0x88, 2, 0x03, 0xe9]);
    let ended = || endpoint.frames(Kind::Data).iter().any(|(_, frame)| frame.ends_stream());
    wait_until(LONG, ended).unwrap();
    let came = endpoint.frames(Kind::Data);
    let payload = &came[1].1.payload;
    assert_eq!(payload[..2], [0x88, 0x82]);
    assert_eq!([payload[6] ^ payload[2], payload[7] ^ payload[3]], [0x03, 0xe9]);
    assert_eq!(endpoint.connections(), 1);
}
