//! HTTP/1 messages of every framing go through intact, and what is malformed goes no further.

use std::time::Duration;

use evenkeel_testkit::message::Framing;
use evenkeel_testkit::{Behaviour, Client, Origin, Request, Response, Script};

use crate::running::{GET, LONG, Running, named, scripted};

/// A balancer in front of one origin.
fn before(origin: &Origin) -> Running {
    Running::serve(&[&origin.address().to_string()])
}

/// Answers with what was asked for: method, target and length of the body.
fn echo() -> Origin {
    Origin::start(|request: &Request| {
        Script::ok(format!("{} {} {}", request.method, request.target, request.body.len()))
    })
    .unwrap()
}

/// The connection carries another exchange: the last answer was framed as it said.
fn assert_usable(client: &mut Client) {
    assert_eq!(client.leftover(), b"");
    assert_eq!(client.exchange(GET, LONG).unwrap().status, 200);
}

/// Bytes without a pattern that could hide a lost or doubled block.
fn noise(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    std::iter::repeat_with(|| random.u8(..)).take(length).collect()
}

#[test]
fn a_connection_is_kept_on_both_sides() {
    let origin = echo();
    let running = before(&origin);
    let mut client = running.connect();
    for number in 0..20 {
        let request = format!("GET /{number} HTTP/1.1\r\nHost: test\r\n\r\n");
        let response = client.exchange(request.as_bytes(), LONG).unwrap();
        assert_eq!(response.text(), format!("GET /{number} 0"));
        assert_eq!(response.header("connection"), None);
    }
    let connections: Vec<usize> = origin.requests().iter().map(|each| each.connection).collect();
    assert!(connections.iter().all(|each| *each == connections[0]), "{connections:?}");
    running.wait_for_metric("evenkeel_upstream_reuses_total", "", 19);
}

#[test]
fn a_client_that_asks_for_it_is_closed_after_the_answer() {
    let origin = echo();
    let running = before(&origin);
    let mut client = running.connect();
    let close = b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    let response = client.exchange(close, LONG).unwrap();
    assert_eq!(response.header("connection"), Some("close"));
    assert_eq!(client.read_to_end(LONG).unwrap(), b"");
}

#[test]
fn the_answer_to_head_has_the_length_but_not_the_body() {
    let origin = Origin::start(|request: &Request| match request.method.as_str() {
        "HEAD" => Script::new().send("HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n"),
        _ => Script::ok("body"),
    })
    .unwrap();
    let running = before(&origin);
    let mut client = running.connect();
    client.send(b"HEAD / HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let response = client.read_response_to("HEAD", LONG).unwrap();
    assert_eq!((response.status, response.header("content-length")), (200, Some("12345")));
    assert_usable(&mut client);
}

#[test]
fn answers_that_cannot_have_a_body_have_none() {
    for head in [
        "HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 77\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ] {
        let origin = Origin::start(move |request: &Request| match request.target.as_str() {
            "/empty" => Script::new().send(head),
            _ => Script::ok("body"),
        })
        .unwrap();
        let running = before(&origin);
        let mut client = running.connect();
        let response = client.exchange(b"GET /empty HTTP/1.1\r\nHost: test\r\n\r\n", LONG).unwrap();
        assert!(head.contains(&response.status.to_string()), "{head}");
        assert_eq!(response.body, b"", "{head}");
        assert_usable(&mut client);
    }
}

#[test]
fn chunked_bodies_go_through_in_both_directions() {
    let origin = Origin::start(|request: &Request| {
        let half = request.body.len() / 2;
        let (first, second) = request.body.split_at(half);
        let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for part in [first, second].into_iter().filter(|part| !part.is_empty()) {
            answer.extend(format!("{:x};name=value\r\n", part.len()).into_bytes());
            answer.extend([part, b"\r\n"].concat());
        }
        answer.extend(b"0\r\n\r\n");
        // In pieces that cut chunk sizes and line ends apart.
        Script::new().send_in_pieces(answer, 7)
    })
    .unwrap();
    let running = before(&origin);
    let mut client = running.connect();
    client.send(b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
    let body = noise(1000);
    for part in body.chunks(90) {
        client.send(format!("{:X}\r\n", part.len()).as_bytes()).unwrap();
        client.send(&[part, b"\r\n"].concat()).unwrap();
    }
    client.send(b"0\r\n\r\n").unwrap();
    let response = client.read_response(LONG).unwrap();
    assert_eq!(response.framing, Framing::Chunked);
    assert!(response.body == body, "the answer differs");
    assert!(origin.requests()[0].body == body, "the request differs");
    // No body: this origin then sends the last chunk only.
    assert_usable(&mut client);
}

#[test]
fn an_answer_that_ends_with_its_connection_is_chunked_for_a_client_that_can() {
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    let origin = scripted(Script::new().send(head).send("until the end").close());
    let running = before(&origin);
    let mut client = running.connect();
    for _ in 0..3 {
        let response = client.exchange(GET, LONG).unwrap();
        assert_eq!(
            (response.framing, response.text().as_str()),
            (Framing::Chunked, "until the end")
        );
    }
    let mut old = running.connect();
    let response = old.exchange(b"GET / HTTP/1.0\r\n\r\n", LONG).unwrap();
    assert_eq!((response.framing, response.text().as_str()), (Framing::Close, "until the end"));
}

#[test]
fn large_bodies_go_through_intact() {
    let body = noise(20 << 20);
    let kept = body.clone();
    let origin = Origin::start(move |request: &Request| match request.method.as_str() {
        "GET" => Script::ok(&kept),
        _ => Script::ok(if request.body == kept { "same" } else { "different" }),
    })
    .unwrap();
    let running = before(&origin);
    let mut client = running.connect();
    let head = format!("PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n", body.len());
    client.send(head.as_bytes()).unwrap();
    client.send(&body).unwrap();
    assert_eq!(client.read_response(LONG).unwrap().text(), "same");
    let response = client.exchange(GET, LONG).unwrap();
    assert_eq!(response.framing, Framing::Length(body.len()));
    assert!(response.body == body, "the answer differs");
    // The counters move when the last byte is out, which may be after the client has it.
    running.wait_for_metric("evenkeel_bytes_total", "dir=\"in\"", body.len() as u64);
    running.wait_for_metric("evenkeel_bytes_total", "dir=\"out\"", body.len() as u64 + 4);
}

#[test]
fn a_client_of_http_1_0_is_answered_in_its_terms() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let origin = Origin::start(move |request: &Request| match request.target.as_str() {
        "/chunked" => Script::new().send(chunked),
        _ => Script::ok("plain"),
    })
    .unwrap();
    let running = before(&origin);
    let closed = |request: &[u8]| -> Response {
        let mut client = running.connect();
        let response = client.exchange(request, LONG).unwrap();
        assert_eq!(client.read_to_end(LONG).unwrap(), b"");
        response
    };
    assert_eq!(closed(b"GET / HTTP/1.0\r\n\r\n").text(), "plain");
    let response = closed(b"GET /chunked HTTP/1.0\r\n\r\n");
    assert_eq!((response.framing, response.text().as_str()), (Framing::Close, "abc"));

    let mut kept = running.connect();
    for _ in 0..2 {
        let request = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
        let response = kept.exchange(request, LONG).unwrap();
        let connection = response.header("connection").unwrap_or_default();
        assert!(connection.eq_ignore_ascii_case("keep-alive"), "{connection}");
    }
    assert!(origin.requests().iter().all(|request| request.header("host").is_some()));
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let origin = echo();
    let running = before(&origin);
    let mut client = running.connect();
    let mut requests = Vec::new();
    for number in 0..10 {
        let body = "x".repeat(number);
        let head = format!("POST /{number} HTTP/1.1\r\nHost: test\r\nContent-Length: {number}\r\n");
        requests.extend(format!("{head}\r\n{body}").into_bytes());
    }
    client.send(&requests).unwrap();
    for number in 0..10 {
        let response = client.read_response(LONG).unwrap();
        assert_eq!(response.text(), format!("POST /{number} {number}"));
    }
    assert_usable(&mut client);
}

#[test]
fn a_head_may_come_byte_by_byte() {
    let origin = scripted(
        Script::new()
            .send_in_pieces(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-A: b\r\n\r\nbody", 1),
    );
    let running = before(&origin);
    let mut client = running.connect();
    for byte in GET {
        client.send(&[*byte]).unwrap();
    }
    let response = client.read_response(LONG).unwrap();
    assert_eq!((response.header("x-a"), response.text().as_str()), (Some("b"), "body"));
}

#[test]
fn malformed_requests_are_answered_400_closed_and_go_no_further() {
    let origin = named("a");
    let running = before(&origin);
    let requests = [
        "GET /\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nA b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nA: b\0c\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +4\r\n\r\nbody",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbody",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
        "\x16\x03\x01\x02\0\x01\0\x01\u{7f}\x03\x03\r\n\r\n",
    ];
    for request in requests {
        let mut client = running.connect();
        let response = client.exchange(request.as_bytes(), LONG);
        let response = response.unwrap_or_else(|error| panic!("{request:?}: {error}"));
        assert_eq!(response.status, 400, "{request:?}");
        assert_eq!(response.header("connection"), Some("close"), "{request:?}");
        assert_eq!(client.read_to_end(LONG).unwrap(), b"", "{request:?}");
    }
    assert_eq!(origin.request_count(), 0);
    running.wait_for_metric(
        "evenkeel_failures_total",
        "reason=\"request_malformed\"",
        requests.len() as u64,
    );
    assert_eq!(running.get("/").text(), "a");
}

#[test]
fn heads_that_are_too_large_are_refused_with_their_own_status() {
    let origin = named("a");
    let running = before(&origin);
    let long = "a".repeat(9 << 10);
    let many: String = (0..101).map(|number| format!("A{number}: b\r\n")).collect();
    let large: String =
        (0..9).map(|number| format!("A{number}: {}\r\n", &long[..4 << 10])).collect();
    for (request, status) in [
        (format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), 414),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n"), 431),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{large}\r\n"), 431),
    ] {
        let mut client = running.connect();
        assert_eq!(client.exchange(request.as_bytes(), LONG).unwrap().status, status);
        client.read_to_end(LONG).unwrap();
    }
    assert_eq!(origin.request_count(), 0);
}

/// Says that it wants the body, and then what it was.
struct Expectant;

impl Behaviour for Expectant {
    fn head_arrived(&self, request: &Request) -> Script {
        match request.header("expect") {
            Some(_) => Script::new().send("HTTP/1.1 100 Continue\r\n\r\n"),
            None => Script::new(),
        }
    }

    fn answer(&self, request: &Request) -> Script {
        Script::ok(&request.body)
    }
}

#[test]
fn a_client_that_waits_for_100_gets_it_before_it_sends() {
    let origin = Origin::start(Expectant).unwrap();
    let running = before(&origin);
    let mut client = running.connect();
    let head = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    assert_eq!(client.exchange(head.as_bytes(), LONG).unwrap().status, 100);
    assert_eq!(client.exchange(b"body", LONG).unwrap().text(), "body");
    assert_usable(&mut client);
}

#[test]
fn a_body_that_drips_is_given_up_although_bytes_keep_coming() {
    let origin = named("never");
    let running = Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = [\"{}\"]\ntimeouts = {{ body = \"500ms\" }}\n",
        origin.address()
    ));
    let mut client = running.connect();
    client.send(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\n").unwrap();
    client.stream().set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut sent = 0;
    evenkeel_testkit::wait_until(LONG, || {
        sent += u32::from(client.send(b"x").is_ok());
        client.stream().peek(&mut [0]).is_ok()
    })
    .unwrap();
    assert!(sent > 1, "{sent}");
    assert_eq!(client.read_response(LONG).unwrap().status, 408);
    running.wait_for_metric("evenkeel_failures_total", "reason=\"body_timeout\"", 1);
}

#[test]
fn an_answer_that_breaks_off_is_seen_to_break_off() {
    for head in ["Content-Length: 100", "Transfer-Encoding: chunked"] {
        let answer = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n");
        let origin = scripted(Script::new().send(answer).send("4\r\nabcd\r\n").close());
        let running = before(&origin);
        let mut client = running.connect();
        assert!(client.exchange(GET, LONG).is_err(), "{head}");
        running.wait_for_metric("evenkeel_failures_total", "reason=\"upstream_closed\"", 1);
    }
}

#[test]
fn an_endpoint_that_does_not_answer_in_http_is_a_502() {
    for (script, reason) in [
        (Script::new().send("SSH-2.0-OpenSSH_10.0\r\n\r\n"), "upstream_malformed"),
        (Script::new().send("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), "upstream_malformed"),
        (Script::new().close(), "upstream_closed"),
    ] {
        let origin = scripted(script);
        let running = before(&origin);
        assert_eq!(running.get("/").status, 502, "{reason}");
        running.wait_for_metric("evenkeel_failures_total", &format!("reason=\"{reason}\""), 1);
    }
}
