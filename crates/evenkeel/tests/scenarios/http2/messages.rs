//! What goes through to the other side of a request over HTTP/2: heads, interim answers, bodies, trailers, and the end of it.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::time::Duration;

use evenkeel_testkit::http2::Block;
use evenkeel_testkit::{Gate, Origin, Request, Script, wait_until};
use h2::Reason;
use serde_json::Value;

use super::library::{Library, complete, request, reset_of};
use crate::hostile_arena::{Arena, Records};
use crate::running::{LONG, Running};

#[test]
fn a_request_and_its_answer_say_the_same_as_over_http_1() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Answer: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\
                  Connection: x-gone\r\nX-Gone: 1\r\nKeep-Alive: timeout=5\r\n\r\nwell";
    let arena = Arena::playing(Script::new().send(answer));
    let mut library = Library::connect(arena.running.address);
    let mut get = request("GET", "/a/../b?c=d");
    get.headers_mut().insert("x-request", "1".parse().unwrap());
    let answer = library.ask(get);
    assert_eq!((answer.status, &*answer.body), (200, &b"well"[..]));
    let value = |name: &str| answer.fields.get(name).map(|value| value.to_str().unwrap());
    assert_eq!((value("x-answer"), value("content-length")), (Some("1"), Some("4")));
    assert_eq!(answer.fields.get_all("set-cookie").iter().count(), 2);
    for name in
        ["connection", "x-gone", "keep-alive", "transfer-encoding", "strict-transport-security"]
    {
        assert_eq!(value(name), None, "{name}");
    }
    assert!(value("x-request-id").is_some());
    let request = &arena.origin.requests()[0];
    assert_eq!((&*request.target, request.header("host")), ("/b?c=d", Some("test")));
    assert_eq!(
        (request.header("x-request"), request.header("x-forwarded-proto")),
        (Some("1"), Some("http"))
    );
    assert_eq!(request.header("via"), Some("2.0 evenkeel"));
    assert_eq!(request.header("x-request-id"), value("x-request-id"));
    arena.judge(Records::AreWhole);
}

#[test]
fn answers_without_bodies_have_none() {
    let arena = Arena::before(
        |request: &Request| match &*request.target {
            "/204" => Script::new().send("HTTP/1.1 204 No Content\r\n\r\n"),
            "/304" => Script::new()
                .send("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 9\r\n\r\n"),
            _ => Script::new().send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
        },
        "",
        "",
    );
    let mut library = Library::connect(arena.running.address);
    for (method, path, status) in [("GET", "/204", 204), ("GET", "/304", 304), ("HEAD", "/", 200)] {
        let answer = library.ask(request(method, path));
        assert_eq!((answer.status, &*answer.body), (status, &b""[..]), "{method} {path}");
    }
}

#[test]
fn trailers_of_an_answer_arrive_and_those_of_a_request_end_here() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
                  4\r\nwell\r\n0\r\nX-Sum: 7\r\nContent-Length: 9\r\n\r\n";
    let arena = Arena::playing(Script::new().send(answer));
    let mut library = Library::connect(arena.running.address);
    let mut with = request("GET", "/");
    with.headers_mut().insert("te", "trailers".parse().unwrap());
    let answer = library.ask(with);
    assert_eq!(answer.body, b"well");
    let trailers = answer.trailers.unwrap();
    assert_eq!(
        (trailers.len(), &trailers["x-sum"]),
        (1, &"7".parse::<http::HeaderValue>().unwrap())
    );
    assert!(library.ask(request("GET", "/")).trailers.is_none(), "nobody asked for them");
}

#[test]
fn an_interim_answer_arrives_before_the_final_one() {
    let gate = Gate::new();
    let early = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n";
    let arena =
        Arena::playing(Script::new().send(early).wait_for(&gate).followed_by(Script::ok("well")));
    let mut library = Library::connect(arena.running.address);
    let mut sent = library.send(request("GET", "/"), true);
    let interim = std::future::poll_fn(|cx| sent.answer.poll_informational(cx));
    let interim = library.wait(interim).unwrap().unwrap();
    assert_eq!((interim.status().as_u16(), interim.headers().contains_key("link")), (103, true));
    gate.open();
    assert_eq!(library.wait(complete(sent.answer)).unwrap().body, b"well");
}

/// Answers 100 when the head is there.
struct Continuing;

impl evenkeel_testkit::Behaviour for Continuing {
    fn head_arrived(&self, _: &Request) -> Script {
        Script::new().send("HTTP/1.1 100 Continue\r\n\r\n")
    }

    fn answer(&self, request: &Request) -> Script {
        Script::ok(&request.body)
    }
}

#[test]
fn a_client_that_expects_to_be_told_to_go_on_is() {
    let arena = Arena::before(Continuing, "", "");
    let mut library = Library::connect(arena.running.address);
    let mut post = request("POST", "/");
    post.headers_mut().insert("expect", "100-continue".parse().unwrap());
    let mut sent = library.send(post, false);
    let interim = std::future::poll_fn(|cx| sent.answer.poll_informational(cx));
    assert_eq!(library.wait(interim).unwrap().unwrap().status(), 100);
    library.upload(&mut sent.body, b"the body");
    assert_eq!(library.wait(complete(sent.answer)).unwrap().body, b"the body");
}

#[test]
fn large_bodies_arrive_as_they_were_both_ways() {
    let arena = Arena::before(|request: &Request| Script::ok(&request.body), "", "");
    let noise: Vec<u8> =
        (0..8_000_000_u32).map(|it| (it.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut library = Library::connect(arena.running.address);
    for length in [true, false] {
        let mut post = request("POST", "/");
        if length {
            post.headers_mut().insert("content-length", noise.len().into());
        }
        let mut sent = library.send(post, false);
        library.upload(&mut sent.body, &noise);
        let answer = library.wait(complete(sent.answer)).unwrap();
        assert_eq!((answer.status, digest(&answer.body)), (200, digest(&noise)));
    }
}

fn digest(bytes: &[u8]) -> (usize, u64) {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    (bytes.len(), hasher.finish())
}

#[test]
fn a_stream_that_nobody_reads_holds_up_no_other_and_little_memory() {
    let large = vec![b'x'; 64 << 20];
    let arena = Arena::before(
        move |request: &Request| match &*request.target {
            "/large" => Script::ok(&large),
            _ => Script::ok("well"),
        },
        "",
        "",
    );
    let mut library = Library::connect(arena.running.address);
    library.ask(request("GET", "/"));
    let before = arena.running.process.anonymous_bytes().unwrap();
    let slow: Vec<_> = (0..4).map(|_| library.send(request("GET", "/large"), true)).collect();
    wait_until(LONG, || arena.origin.request_count() == 5).unwrap();
    for _ in 0..50 {
        assert_eq!(library.ask(request("GET", "/")).body, b"well");
    }
    let grown = arena.running.process.anonymous_bytes().unwrap().saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes for {} streams", slow.len());
    for sent in slow {
        assert_eq!(library.wait(complete(sent.answer)).unwrap().body.len(), 64 << 20);
    }
}

#[test]
fn a_stream_that_is_cancelled_is_over_at_the_endpoint_too() {
    let arena = Arena::playing(Script::new().wait_for(&Gate::new()));
    let mut library = Library::connect(arena.running.address);
    let mut sent = library.send(request("GET", "/"), true);
    arena.origin.wait_for_requests(1, LONG).unwrap();
    sent.body.send_reset(Reason::CANCEL);
    arena.running.wait_for_metric("evenkeel_upstream_inflight", "", 0);
    // Nobody uses that connection again.
    wait_until(LONG, || arena.running.metric("evenkeel_failures_total", "client_gone") == 1)
        .unwrap();
}

/// Nothing of it was in the log, and nobody counted it.
#[test]
fn what_is_under_way_when_its_connection_goes_is_in_the_log_and_counted() {
    let (_directory, log) = crate::running::in_new_directory("access.log").unwrap();
    let beginning = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthe beginning";
    let begins = Script::new().send(beginning).wait_for(&Gate::new());
    let origin = Origin::start(move |request: &Request| match &*request.target {
        "/begins" => begins.clone(),
        _ => Script::new().wait_for(&Gate::new()),
    })
    .unwrap();
    let running = Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = [\"{}\"]\nhealth = false\n[log]\naccess = {{ path = \"{log}\" }}\n",
        origin.address()
    ));
    let mut client = super::raw(&running);
    let begun = client.request(&Block::request("GET", "/begins"), true).unwrap();
    for path in ["/waits", "/x.Y/Call"] {
        let block = Block::request("POST", path).field("content-type", "application/grpc");
        let stream = client.request(&block, false).unwrap();
        client.data(stream, b"12345", true).unwrap();
    }
    origin.wait_for_requests(3, LONG).unwrap();
    while client.read_frame(LONG).unwrap().unwrap().stream != begun {}
    let body = client.read_frame(LONG).unwrap().unwrap();
    assert_eq!((body.stream, &*body.payload), (begun, &b"the beginning"[..]));
    drop(client);
    running.wait_for_metric("evenkeel_failures_total", "reason=\"client_gone\"", 3);
    running.wait_for_metric("evenkeel_grpc_calls_total", "status=\"CANCELLED\"", 2);
    let told = || std::fs::read_to_string(&log).unwrap_or_default();
    wait_until(LONG, || told().lines().count() == 3).unwrap();
    for line in told().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let begins = line["url.path"] == "/begins";
        assert_eq!(line["evenkeel.reason"], "client_gone", "{line}");
        assert_eq!(line["evenkeel.endpoint"], origin.address().to_string(), "{line}");
        assert_eq!(line["http.response.status_code"].as_u64(), begins.then_some(200), "{line}");
        assert_eq!(line["rpc.response.status_code"] == "CANCELLED", !begins, "{line}");
        let bytes = [&line["http.request.body.size"], &line["http.response.body.size"]];
        assert_eq!(bytes.map(|it| it.as_u64().unwrap_or(0)), if begins { [0, 13] } else { [5, 0] });
    }
}

#[test]
fn an_answer_that_breaks_off_resets_its_stream() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthe beginning";
    let arena = Arena::playing(Script::new().send(cut).close());
    let mut library = Library::connect(arena.running.address);
    let sent = library.send(request("GET", "/"), true);
    let error = library.wait(complete(sent.answer)).unwrap_err();
    assert_eq!(reset_of(&error), Some(Reason::INTERNAL_ERROR), "{error}");
}

#[test]
fn a_body_over_the_limit_is_a_413_and_no_route_a_page_that_names_its_reason() {
    let arena = Arena::before(|_: &Request| Script::ok("well"), "limits = { body = \"1KiB\" }", "");
    let mut library = Library::connect(arena.running.address);
    for length in [Some(2000), None] {
        let mut post = request("POST", "/");
        if let Some(length) = length {
            post.headers_mut().insert("content-length", length.into());
        }
        let mut sent = library.send(post, false);
        library.upload(&mut sent.body, &[b'x'; 2000]);
        let answer = library.wait(complete(sent.answer)).unwrap();
        assert_eq!(answer.status, 413);
        assert!(String::from_utf8(answer.body).unwrap().contains("(body_too_large)"));
    }
    assert_eq!(arena.origin.request_count(), 0);
}

#[test]
fn a_failure_over_http_2_can_be_asked_about() {
    let endpoint = crate::running::refusing();
    let running = Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = [\"{endpoint}\"]\nhealth = false\n"
    ));
    let answer = Library::connect(running.address).ask(request("GET", "/"));
    assert_eq!(answer.status, 502);
    let id = answer.fields["x-request-id"].to_str().unwrap().to_owned();
    let ended = crate::running::run(&["why", &id, "--admin", &running.admin.to_string()]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("connect_failed"), "{ended:?}");
}

#[test]
fn the_access_log_says_by_which_version_a_request_came() {
    let (_directory, log) = crate::running::in_new_directory("access.log").unwrap();
    let origin = Origin::start(|_: &Request| Script::ok("well")).unwrap();
    let running = Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = [\"{}\"]\nhealth = false\n[log]\naccess = {{ path = \"{log}\" }}\n",
        origin.address()
    ));
    Library::connect(running.address).ask(request("GET", "/"));
    let told = || std::fs::read_to_string(&log).unwrap_or_default();
    wait_until(Duration::from_secs(10), || told().contains("\"network.protocol.version\":\"2\""))
        .unwrap();
}
