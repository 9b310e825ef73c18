//! Calls of gRPC-Web on routes that translate them, by hand over either version of HTTP, to a server of gRPC by the library `h2`.

use std::collections::HashMap;
use std::io::Read as _;
use std::net::TcpStream;
use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evenkeel_testkit::{Client, wait_until};
use http::Request;

use crate::http2::library::{Library, complete};
use crate::running::{LONG, Running, refusing};

mod server;

use server::{Server, message};

/// What ends an answer that is well.
const WELL: &[u8] = b"\x80\0\0\0\x1egrpc-status: 0\r\nx-note: a: b\r\n";

const BINARY: &str = "application/grpc-web+proto";
const TEXT: &str = "application/grpc-web-text+proto";

fn before(endpoint: &str, cluster: &str) -> Running {
    Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\nerrors = {{ reason_header = true }}\n\
         [[route]]\nlistener = \"web\"\nto = \"calls\"\ngrpc_web = true\n\
         [[route]]\nlistener = \"web\"\npath = \"/plain/*\"\nto = \"calls\"\n\
         [cluster.calls]\nendpoints = [\"{endpoint}\"]\nhttp = \"2\"\nhealth = false\n{cluster}\n"
    ))
}

fn serving() -> (Server, Running) {
    let server = Server::start();
    let running = before(&server.address.to_string(), "");
    (server, running)
}

/// What came back.
#[derive(Debug)]
struct Told {
    status: u16,
    fields: HashMap<String, String>,
    body: Vec<u8>,
    has_trailers: bool,
}

impl Told {
    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// The content-type, and the status of the call if it is in the head.
    fn verdict(&self) -> (u16, &str, &str) {
        (self.status, self.field("content-type"), self.field("grpc-status"))
    }
}

/// Makes a call over one version of HTTP.
type Call = fn(&Running, &str, &[(&str, &str)], &[u8]) -> Told;

const VERSIONS: [Call; 2] = [over_http1, over_http2];

fn over_http1(running: &Running, path: &str, fields: &[(&str, &str)], body: &[u8]) -> Told {
    let mut client = running.connect();
    send(&mut client, path, fields, body);
    let response = client.read_response(LONG).unwrap();
    assert!(client.leftover().is_empty());
    let pairs = response.fields.iter();
    let fields = pairs.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let has_trailers = response.trailers.iter().count() > 0;
    Told { status: response.status, fields, body: response.body, has_trailers }
}

fn send(client: &mut Client, path: &str, fields: &[(&str, &str)], body: &[u8]) {
    let lines: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let head = format!(
        "POST /test.Calls/{path} HTTP/1.1\r\nHost: test\r\n{lines}Content-Length: {length}\r\n\r\n"
    );
    client.send(&[head.as_bytes(), body].concat()).unwrap();
}

fn over_http2(running: &Running, path: &str, fields: &[(&str, &str)], body: &[u8]) -> Told {
    let mut client = Library::connect(running.address);
    let mut request = Request::post(format!("http://test/test.Calls/{path}"));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let mut sent = client.send(request.body(()).unwrap(), body.is_empty());
    client.upload(&mut sent.body, body);
    let answer = client.wait(complete(sent.answer)).unwrap();
    let pairs = answer.fields.iter();
    let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
    let fields = pairs.map(|(name, value)| (name.to_string(), text(value))).collect();
    let has_trailers = answer.trailers.is_some();
    Told { status: answer.status, fields, body: answer.body, has_trailers }
}

fn text(bytes: &[u8]) -> Vec<u8> {
    STANDARD.encode(bytes).into_bytes()
}

/// The bytes that a text says in which any piece may have been padded.
fn bytes_of(text: &[u8]) -> Vec<u8> {
    let quads = text.chunks(4).map(|quad| STANDARD.decode(quad).unwrap());
    quads.collect::<Vec<_>>().concat()
}

#[test]
fn a_call_becomes_one_of_grpc_and_its_trailers_are_the_last_frame() {
    let (_server, running) = serving();
    let fields = [
        ("Content-Type", BINARY),
        ("X-Grpc-Web", "1"),
        ("X-Mine", "2"),
        ("Accept-Encoding", "gzip"),
        ("Connection", "keep-alive"),
    ];
    for (version, call) in VERSIONS.into_iter().enumerate() {
        let said = message(b"hello");
        // HTTP/2 has no `Connection`.
        let told = call(&running, "Echo", &fields[..5 - version], &said);
        assert_eq!(told.verdict(), (200, BINARY, ""));
        assert_eq!(told.body, [&said, WELL].concat());
        assert!(!told.has_trailers);
        assert_eq!((told.field("trailer"), told.field("content-length")), ("", ""));
        let length = if version == 0 { " content-length=10" } else { "" };
        let seen = format!(
            "content-type=application/grpc+proto te=trailers{length} \
             grpc-accept-encoding=identity x-grpc-web=1 x-mine=2"
        );
        assert_eq!(told.field("x-seen"), seen);
    }
    assert_eq!(running.metric("evenkeel_failures_total", ""), 0);
}

#[test]
fn text_is_read_and_written_in_pieces_that_may_be_padded() {
    let (_server, running) = serving();
    let (one, two) = (message(b"hello"), message(b"worlds"));
    for call in VERSIONS {
        let said = [text(&one), text(&two)].concat();
        let told = call(&running, "Echo", &[("content-type", TEXT), ("accept", TEXT)], &said);
        assert_eq!(told.verdict(), (200, TEXT, ""));
        assert_eq!(bytes_of(&told.body), [&one, &two, WELL].concat());
        assert!(
            told.field("x-seen").starts_with("content-type=application/grpc+proto te=trailers ")
        );
        assert!(!told.field("x-seen").contains("content-length"), "{told:?}");
        // Only one side is text.
        let fields = [("content-type", TEXT), ("accept", "application/grpc-web")];
        let told = call(&running, "Echo", &fields, &said);
        assert_eq!((told.verdict(), &told.body), ((200, BINARY, ""), &[&one, &two, WELL].concat()));
    }
}

#[test]
fn four_mebibytes_go_both_ways_as_bytes_and_as_text() {
    let (_server, running) = serving();
    let noise: Vec<u8> = (0..4 << 20).map(|at: u32| (at.wrapping_mul(at) >> 7) as u8).collect();
    let said = message(&noise);
    for call in VERSIONS {
        let told = call(&running, "Echo", &[("content-type", BINARY)], &said);
        assert!(told.body == [&said, WELL].concat(), "{} bytes", told.body.len());
        let told = call(&running, "Echo", &[("content-type", TEXT)], &text(&said));
        assert!(bytes_of(&told.body) == [&said, WELL].concat(), "{} bytes", told.body.len());
    }
}

#[test]
fn an_answer_that_is_nothing_but_a_status_has_it_in_its_head() {
    let (_server, running) = serving();
    for call in VERSIONS {
        for kind in [BINARY, TEXT] {
            let told = call(&running, "Fail", &[("content-type", kind)], &text(&message(b"x")));
            assert_eq!((told.verdict(), told.body.len()), ((200, kind, "5"), 0));
            assert_eq!(told.field("grpc-message"), "no%20such");
        }
    }
}

/// Whoever reads it makes a status of that of HTTP.
#[test]
fn an_answer_that_is_none_of_grpc_goes_on_as_it_came() {
    let (_server, running) = serving();
    for call in VERSIONS {
        let told = call(&running, "Page", &[("content-type", TEXT)], &text(&message(b"x")));
        assert_eq!(told.verdict(), (503, "text/html", ""));
        assert_eq!(told.body, b"<p>not now</p>");
    }
}

#[test]
fn nothing_is_translated_on_another_route_and_of_other_requests() {
    let (_server, running) = serving();
    for (path, kind) in [
        ("../plain/Echo", BINARY),
        ("Echo", "application/json"),
        ("Echo", "application/grpc-web-other"),
    ] {
        let told = over_http1(&running, path, &[("content-type", kind)], b"said");
        assert_eq!((told.status, &*told.body), (200, &b"said"[..]), "{kind}");
        assert_eq!(told.field("x-seen"), format!("content-type={kind} content-length=4"));
    }
}

/// Reads from a socket until what has come ends with `end`.
#[track_caller]
fn read_until(mut socket: &TcpStream, end: &[u8]) {
    socket.set_read_timeout(Some(LONG)).unwrap();
    let (mut came, mut buffer) = (Vec::new(), [0; 4096]);
    while !came.ends_with(end) {
        match socket.read(&mut buffer).unwrap() {
            0 => panic!("it ends after {}", came.escape_ascii()),
            count => came.extend_from_slice(&buffer[..count]),
        }
    }
}

#[test]
fn each_message_of_a_stream_is_there_before_the_next_one_is_sent() {
    let (server, running) = serving();
    for kind in [BINARY, TEXT] {
        let written = |bytes: &[u8]| if kind == TEXT { text(bytes) } else { bytes.to_vec() };
        let mut client = running.connect();
        send(&mut client, "Stream", &[("content-type", kind)], &written(&message(b"x")));
        for number in 0..3 {
            server.state.messages.add_permits(1);
            let piece = written(&message(format!("{number}").as_bytes()));
            read_until(client.stream(), &[&piece[..], b"\r\n"].concat());
        }
        server.state.messages.add_permits(1);
        read_until(client.stream(), &[&written(WELL)[..], b"\r\n0\r\n\r\n"].concat());
    }
}

#[test]
fn a_deadline_goes_on_and_its_end_is_a_status() {
    let (server, running) = serving();
    for (version, call) in VERSIONS.into_iter().enumerate() {
        let fields = [("content-type", TEXT), ("grpc-timeout", "20S")];
        let told = call(&running, "Echo", &fields, &text(&message(b"x")));
        let seen = told.field("x-seen").split_once("grpc-timeout=").unwrap().1;
        let left: u64 = seen.strip_suffix('m').unwrap().parse().unwrap();
        assert!((10_000..=20_000).contains(&left), "{left}");
        let fields = [("content-type", TEXT), ("grpc-timeout", "300m")];
        let told = call(&running, "Hang", &fields, &text(&message(b"x")));
        assert_eq!((told.verdict(), told.body.len()), ((200, TEXT, "4"), 0));
        assert_eq!(told.field("x-evenkeel-reason"), "exchange_timeout");
        let cancelled = || server.state.cancelled.load(Ordering::Acquire) > version;
        wait_until(LONG, cancelled).unwrap();
    }
}

#[test]
fn our_own_errors_are_statuses_that_its_client_reads() {
    let running = before(&refusing(), "");
    for call in VERSIONS {
        for (path, kind) in [("Echo", BINARY), ("Echo", TEXT), ("../plain/Echo", BINARY)] {
            let told = call(&running, path, &[("content-type", kind)], &text(&message(b"x")));
            assert_eq!((told.verdict(), told.body.len()), ((200, kind, "14"), 0));
            assert_eq!(told.field("grpc-message"), "No endpoint accepted a connection.");
        }
    }
    running.wait_for_metric("evenkeel_failures_total", "reason=\"connect_failed\"", 6);
    running.wait_for_metric("evenkeel_grpc_calls_total", "", 4);
}

#[test]
fn text_that_is_none_ends_the_call_and_nobody_else_is_to_blame() {
    let (server, running) = serving();
    for call in VERSIONS {
        for body in ["AAAA?AAA", "AAAAA", "AA=AAAAA"] {
            let told = call(&running, "Hang", &[("content-type", TEXT)], body.as_bytes());
            assert_eq!((told.verdict(), told.body.len()), ((200, TEXT, "13"), 0), "{body}");
            assert_eq!(told.field("x-evenkeel-reason"), "request_malformed");
            let path = format!("/api/v1/why/{}", told.field("x-request-id"));
            let is_told = || running.ask("GET", &path, "").1.to_string().contains("no base64");
            wait_until(LONG, is_told).unwrap();
        }
    }
    wait_until(LONG, || server.state.cancelled.load(Ordering::Acquire) == 6).unwrap();
    assert_eq!(running.metric("evenkeel_upstream_failures_total", ""), 0);
}

#[test]
fn a_call_is_cancelled_when_its_client_is_gone() {
    let (server, running) = serving();
    let mut client = running.connect();
    send(&mut client, "Hang", &[("content-type", TEXT)], &text(&message(b"x")));
    wait_until(LONG, || server.state.calls.load(Ordering::Acquire) == 1).unwrap();
    drop(client);
    wait_until(LONG, || server.state.cancelled.load(Ordering::Acquire) == 1).unwrap();
    running.wait_for_metric("evenkeel_upstream_inflight", "", 0);
}

#[test]
fn a_call_is_made_again_for_its_status_with_all_of_its_text() {
    for call in VERSIONS {
        let server = Server::start();
        let retry = "retry = { on = [\"grpc-unavailable\"] }";
        let running = before(&server.address.to_string(), retry);
        let said = message(b"hello");
        let told = call(&running, "Flaky", &[("content-type", TEXT)], &text(&said));
        assert_eq!(told.verdict(), (200, TEXT, ""));
        assert_eq!(bytes_of(&told.body), [&said, WELL].concat());
        assert_eq!(server.state.calls.load(Ordering::Acquire), 2);
    }
}

/// What has come of it is no whole answer, and must not look like one.
#[test]
fn an_answer_that_breaks_off_is_one_to_the_client() {
    let (server, running) = serving();
    let mut client = running.connect();
    send(&mut client, "Break", &[("content-type", BINARY)], &message(b"x"));
    read_until(client.stream(), &[&message(b"half")[..], b"\r\n"].concat());
    server.state.messages.add_permits(1);
    assert!(!client.read_until_gone(LONG).unwrap().ends_with(b"0\r\n\r\n"));
    let mut library = Library::connect(running.address);
    let request = Request::post("http://test/test.Calls/Break").header("content-type", BINARY);
    let sent = library.send(request.body(()).unwrap(), true);
    let mut body = library.wait(sent.answer).unwrap().into_body();
    assert_eq!(library.wait(body.data()).unwrap().unwrap(), message(b"half"));
    server.state.messages.add_permits(1);
    assert!(library.wait(body.data()).unwrap().unwrap_err().is_reset());
}
