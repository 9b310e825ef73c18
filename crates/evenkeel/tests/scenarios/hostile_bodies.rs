//! Bodies that claim, withhold, outlast or hide something: trailers, expectations, early answers, limits and slowness.

use std::time::Duration;

use evenkeel_testkit::{Behaviour, Client, Request, Script};

use crate::hostile_arena::{Arena, Records, SMUGGLED, post};
use crate::running::{GET, LONG};

#[test]
fn a_trailer_cannot_be_taken_for_a_field_of_the_head() {
    let arena = Arena::new();
    let trailers = [
        "X-Forwarded-For: claimed",
        "X_Forwarded_For: claimed",
        "X-Forwarded-Host: claimed",
        "X-Real-IP: claimed",
        "Forwarded: for=claimed",
        "X-Request-ID: claimed",
        "Content-Length: claimed",
        "Transfer-Encoding: claimed",
        "Host: claimed",
        "Authorization: Basic claimed",
        "Cookie: session=claimed",
        "Connection: claimed",
        "Content-Type: text/claimed",
        "Content-Encoding: claimed",
        "Expect: claimed",
        "Upgrade: claimed",
        "Via: 1.1 claimed",
        "X-HTTP-Method-Override: claimed",
    ];
    for trailer in trailers {
        let name = trailer.split(':').next().unwrap();
        let fields = format!("Transfer-Encoding: chunked\r\nTE: trailers\r\nTrailer: {name}\r\n");
        let request = arena.passes(post(fields, format!("5\r\nhello\r\n0\r\n{trailer}\r\n\r\n")));
        assert_eq!(request.body, b"hello", "{trailer}");
        let recorded = arena.origin.received(request.connection);
        let shown = recorded.escape_ascii().to_string();
        assert!(!shown.contains("claimed"), "{trailer}: {shown}");
    }
    arena.judge(Records::AreWhole);
}

#[test]
fn a_malformed_trailer_is_refused_or_dropped() {
    let arena = Arena::new();
    for trailer in ["X-A : b", "X-A", " X-A: b", ": b", "X-\u{e4}: b", "X[a]: b"] {
        let rest = format!("0\r\n{trailer}\r\n\r\n");
        let mut client = arena.connect();
        let response =
            client.exchange(&post("Transfer-Encoding: chunked\r\n", rest), LONG).unwrap();
        assert!([200, 400].contains(&response.status), "{trailer}: {}", response.status);
    }
    for request in arena.origin.requests() {
        assert!(request.trailers.is_empty(), "{:?}", request.trailers);
    }
    arena.judge(Records::MayBeCut);
}

/// CL.0 and 0.CL: one of the two sides does not expect a body where the other does.
#[test]
fn a_body_where_nobody_expects_one_stays_a_body() {
    let arena = Arena::new();
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "PROPFIND"] {
        let head = format!("{method} / HTTP/1.1\r\nHost: test\r\n");
        let length = format!("Content-Length: {}\r\n\r\n{SMUGGLED}", SMUGGLED.len());
        let chunked = format!(
            "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n",
            SMUGGLED.len()
        );
        for rest in [length, chunked] {
            let before = arena.origin.request_count();
            let mut client = arena.connect();
            client.send(format!("{head}{rest}").as_bytes()).unwrap();
            // The origin would have to send no body; that it does is its own fault, so HEAD is asked last on its connection.
            let response = client.read_response_to(method, LONG).unwrap();
            assert_eq!(response.status, 200, "{method}");
            drop(client);
            let requests = arena.origin.requests().split_off(before);
            assert_eq!(requests.len(), 1, "{method}");
            assert_eq!((&*requests[0].method, &*requests[0].body), (method, SMUGGLED.as_bytes()));
        }
    }
    arena.judge(Records::AreWhole);
}

/// Answers as soon as it has the head, in several ways, and may close then.
struct Early(Script);

impl Behaviour for Early {
    fn head_arrived(&self, request: &Request) -> Script {
        if request.method == "POST" { self.0.clone() } else { Script::new() }
    }

    fn answer(&self, request: &Request) -> Script {
        if request.method == "POST" { Script::new() } else { Script::ok("well") }
    }
}

/// CVE-2025-4366: what is left of a body after an early answer must not become the next request, on either side.
#[test]
fn what_is_left_of_a_body_after_an_early_answer_is_no_request() {
    let early = Script::status(403, "no");
    for script in [early.clone(), early.clone().close(), early.finish_sending()] {
        let arena = Arena::before(Early(script), "", "");
        for (fields, size) in [
            (format!("Content-Length: {}\r\n", SMUGGLED.len()), SMUGGLED.len()),
            (format!("Content-Length: {}\r\n", SMUGGLED.len() * 2), SMUGGLED.len()),
            (format!("Content-Length: {}\r\n", SMUGGLED.len() * 2), 1),
        ] {
            let mut client = arena.connect();
            client.send(&post(&fields, "")).unwrap();
            // The answer is there before the body is.
            let response = client.read_response(LONG).unwrap();
            assert_eq!(response.status, 403, "{fields}");
            drop(client.send_in_pieces(SMUGGLED.as_bytes(), size));
            // Whoever sends more now gets no second answer.
            assert_eq!(client.read_until_gone(LONG).unwrap(), b"", "{fields}");
        }
        for _ in 0..3 {
            assert_eq!(arena.serves().text(), "well");
        }
        assert!(arena.origin.requests().iter().all(|request| request.target == "/"));
        arena.judge(Records::MayBeCut);
    }
}

#[test]
fn the_body_of_a_refused_request_is_no_request() {
    let arena = Arena::new();
    let length = SMUGGLED.len();
    arena.refuses(
        &[405],
        &[format!("TRACE / HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n{SMUGGLED}")],
    );
    arena.refuses(&[417], &[post(format!("Expect: x\r\nContent-Length: {length}\r\n"), SMUGGLED)]);
    arena.refuses(
        &[400],
        &[format!(
            "POST /%00 HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n{SMUGGLED}"
        )],
    );
}

#[test]
fn an_expectation_that_nobody_knows_is_refused() {
    let arena = Arena::new();
    let values = [
        "y 100-continue",
        "100-continue y",
        "100-continue, y",
        "y",
        "100",
        "100-continue;q=1",
        "\"100-continue\"",
        "100-continuE\u{e4}",
    ];
    let with_body =
        values.map(|value| post(format!("Expect: {value}\r\nContent-Length: 5\r\n"), "hello"));
    arena.refuses(&[417], &with_body);
    let repeated = "Expect: 100-continue\r\nExpect: y\r\nContent-Length: 5\r\n";
    arena.refuses(&[417], &[post(repeated, "hello")]);
}

/// However it is spelled, repeated or out of place, an expectation changes nothing about where the body is (the 0.CL of 2025).
#[test]
fn an_expectation_does_not_change_where_a_body_ends() {
    let arena = Arena::new();
    let body = SMUGGLED;
    let length = format!("Content-Length: {}\r\n", body.len());
    for (fields, body) in [
        (format!("Expect: 100-continue\r\n{length}"), body),
        (format!("Expect: 100-continuE\r\n{length}"), body),
        (format!("Expect:100-CONTINUE\r\n{length}"), body),
        (format!("Expect: 100-continue\r\nExpect: 100-continue\r\n{length}"), body),
        (format!("Expect: 100-continue, 100-continue\r\n{length}"), body),
        ("Expect: 100-continue\r\nContent-Length: 0\r\n".to_owned(), ""),
        ("Expect: 100-continue\r\n".to_owned(), ""),
        ("Expect:\r\nContent-Length: 0\r\n".to_owned(), ""),
    ] {
        let request = arena.passes(post(&fields, body));
        assert_eq!(request.body, body.as_bytes(), "{fields}");
        assert!(request.fields.all("expect").count() <= 1, "{fields}");
    }
    let old = "POST / HTTP/1.0\r\nHost: test\r\nExpect: y\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(arena.passes(old).header("expect"), None, "RFC 9110 §10.1.1: ignored in HTTP/1.0");
    arena.judge(Records::AreWhole);
}

#[test]
fn a_refusal_instead_of_100_leaves_no_body_behind() {
    let arena = Arena::before(Early(Script::status(417, "no")), "", "");
    let mut client = arena.connect();
    let fields = format!("Expect: 100-continue\r\nContent-Length: {}\r\n", SMUGGLED.len());
    assert_eq!(client.exchange(&post(fields, ""), LONG).unwrap().status, 417);
    // Whether the body is sent after all is the client's choice, so its connection is of no more use.
    drop(client.send(SMUGGLED.as_bytes()));
    assert_eq!(client.read_until_gone(LONG).unwrap(), b"");
    arena.serves();
    assert!(arena.origin.requests().iter().all(|request| request.target == "/"));
    arena.judge(Records::MayBeCut);
}

#[test]
fn a_body_over_the_limit_is_refused_as_soon_as_that_is_known() {
    let behaviour = |_: &Request| Script::ok("well");
    let arena = Arena::before(behaviour, "limits = { body = \"64B\" }", "");
    // Not one byte of the body is sent.
    arena.refuses(
        &[413],
        &[post("Content-Length: 65\r\n", ""), post("Content-Length: 18446744073709551615\r\n", "")],
    );
    assert_eq!(arena.origin.connection_count(), 1, "only for the request that went well");
    let chunks = "20\r\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(2) + "1\r\na\r\n";
    arena.refuses(
        &[413],
        &[
            post("Transfer-Encoding: chunked\r\n", &chunks),
            post("Transfer-Encoding: chunked\r\n", "41\r\n".to_owned() + &"a".repeat(65)),
        ],
    );
    assert_eq!(arena.passes(post("Content-Length: 64\r\n", "a".repeat(64))).body.len(), 64);
    let full = chunks.replace("1\r\na\r\n", "0\r\n\r\n");
    assert_eq!(arena.passes(post("Transfer-Encoding: chunked\r\n", full)).body.len(), 64);
    arena.judge(Records::MayBeCut);
}

/// An arena whose clients have 300 ms for whatever they do.
fn impatient() -> Arena {
    let timeouts = "timeouts = { header = \"300ms\", body = \"300ms\", write = \"300ms\" }";
    Arena::before(|_: &Request| Script::ok("well"), timeouts, "")
}

/// Answered with 408, and closed.
#[track_caller]
fn assert_timed_out(mut client: Client) {
    let response = client.read_response(LONG).unwrap();
    assert_eq!((response.status, response.header("connection")), (408, Some("close")));
    assert_eq!(client.read_until_gone(LONG).unwrap(), b"");
}

#[test]
fn a_head_that_drips_has_no_more_time_than_one_that_stops() {
    let arena = impatient();
    let beginnings = ["G", "GET / HTTP/1.1\r\nHost: test\r\nX-A: ", "GET /"];
    let dripping = beginnings.map(|beginning| {
        let mut client = arena.connect();
        client.send(beginning.as_bytes()).unwrap();
        (client.drip(b'a', Duration::from_millis(20)).unwrap(), client)
    });
    let mut silent = arena.connect();
    silent.send(b"GET / HTTP/1.1\r\nHost: test\r\n").unwrap();
    for (drip, client) in dripping {
        assert_timed_out(client);
        drop(drip);
    }
    assert_timed_out(silent);
    assert_eq!(arena.origin.connection_count(), 0);
    arena.serves();
    arena.judge(Records::AreWhole);
}

#[test]
fn a_second_head_that_stops_has_no_more_time_than_the_first() {
    let arena = impatient();
    let mut client = arena.connect();
    client.send(&[GET, b"GET / HT"].concat()).unwrap();
    assert_eq!(client.read_response(LONG).unwrap().status, 200);
    assert_timed_out(client);
    arena.judge(Records::AreWhole);
}

#[test]
fn a_body_that_stops_is_given_up_and_never_completed() {
    let arena = impatient();
    let stopped = [
        ("Content-Length: 10\r\n", ""),
        ("Content-Length: 10\r\n", "hello"),
        ("Transfer-Encoding: chunked\r\n", ""),
        ("Transfer-Encoding: chunked\r\n", "5\r\nhel"),
        ("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n"),
    ]
    .map(|(fields, beginning)| {
        let mut client = arena.connect();
        client.send(&post(fields, beginning)).unwrap();
        client
    });
    stopped.into_iter().for_each(assert_timed_out);
    assert_eq!(arena.origin.request_count(), 0);
    arena.serves();
    arena.judge(Records::MayBeCut);
}

#[test]
fn a_body_that_drips_has_no_more_time_than_one_that_stops() {
    let arena = impatient();
    let mut client = arena.connect();
    client.send(&post("Content-Length: 100000\r\n", "")).unwrap();
    let drip = client.drip(b'a', Duration::from_millis(20)).unwrap();
    assert_timed_out(client);
    drop(drip);
    assert_eq!(arena.origin.request_count(), 0);
    arena.serves();
    arena.judge(Records::MayBeCut);
}

#[test]
fn a_client_that_leaves_within_its_body_completes_nothing() {
    let arena = Arena::new();
    for (fields, beginning) in
        [("Content-Length: 10\r\n", "hello"), ("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n")]
    {
        for reset in [false, true] {
            let mut client = arena.connect();
            client.send(&post(fields, beginning)).unwrap();
            // It is known to have arrived when a connection to the origin is open.
            evenkeel_testkit::wait_until(LONG, || arena.origin.open_connection_count() == 1)
                .unwrap();
            if reset {
                client.reset().unwrap();
            } else {
                client.finish_sending().unwrap();
                client.read_until_gone(LONG).unwrap();
            }
            evenkeel_testkit::wait_until(LONG, || arena.origin.open_connection_count() == 0)
                .unwrap();
        }
    }
    assert_eq!(arena.origin.request_count(), 0);
    arena.running.wait_for_metric("evenkeel_failures_total", "reason=\"client_gone\"", 4);
    arena.serves();
    arena.judge(Records::MayBeCut);
}

#[test]
fn a_client_that_does_not_read_holds_an_exchange_for_a_bounded_time() {
    let large = vec![b'x'; 8 << 20];
    let behaviour = move |request: &Request| match request.target.as_str() {
        "/large" => Script::ok(&large),
        _ => Script::ok("well"),
    };
    let timeouts = "timeouts = { write = \"300ms\" }";
    let arena = Arena::before(behaviour, timeouts, "");
    let mut client = arena.connect();
    client.send(b"GET /large HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    arena.running.wait_for_metric("evenkeel_failures_total", "reason=\"write_timeout\"", 1);
    arena.running.wait_for_metric("evenkeel_upstream_inflight", "", 0);
    arena.serves();
    arena.judge(Records::AreWhole);
}
