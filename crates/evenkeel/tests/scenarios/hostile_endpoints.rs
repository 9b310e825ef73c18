//! Endpoints that lie about their answers, withhold them, or send more than was asked for.

use evenkeel_testkit::{Behaviour, Request, Response, Script, wait_until};

use crate::hostile_arena::{Arena, Records, get};
use crate::running::LONG;

/// Plays a script by the number in the target, and answers everything else well.
struct Playlist(Vec<Script>);

impl Playlist {
    fn of(answers: &[&[u8]]) -> Self {
        Self(answers.iter().map(|answer| Script::new().send(*answer)).collect())
    }
}

impl Behaviour for Playlist {
    fn answer(&self, request: &Request) -> Script {
        let number = request.target[1..].parse::<usize>().ok();
        let script = number.and_then(|number| self.0.get(number));
        script.cloned().unwrap_or_else(|| Script::ok("well"))
    }
}

/// What a client gets for `method /number`, on a connection of its own.
fn ask(arena: &Arena, method: &str, number: usize) -> std::io::Result<Response> {
    let mut client = arena.connect();
    let request = format!("{method} /{number} HTTP/1.1\r\nHost: test\r\n\r\n");
    client.send(request.as_bytes()).unwrap();
    client.read_response_to(method, LONG)
}

/// Nothing that the endpoint may still have to say can meet the next client, and that one is served.
#[track_caller]
fn assert_left(arena: &Arena, shown: &str) {
    let left = wait_until(LONG, || arena.origin.open_connection_count() == 0);
    left.unwrap_or_else(|error| panic!("{shown}: still connected: {error}"));
    let mut client = arena.connect();
    // On a busy machine even a good endpoint may be too slow for the timeouts of some tests.
    let served = wait_until(LONG, || {
        let response = client.exchange(&get(""), LONG).unwrap();
        assert!([200, 504].contains(&response.status), "{shown}: {response:?}");
        response.text() == "well"
    });
    served.unwrap_or_else(|error| panic!("{shown}: {error}"));
    // That connection is kept, and carries the next exchange.
    let kept = wait_until(LONG, || arena.origin.open_connection_count() == 1);
    kept.unwrap_or_else(|error| panic!("{shown}: not kept: {error}"));
}

/// Every one of `answers` becomes a 502, and its connection is closed.
#[track_caller]
fn refused(answers: &[&[u8]]) {
    let arena = Arena::before(Playlist::of(answers), "", "");
    for (number, answer) in answers.iter().enumerate() {
        let shown = answer[..answer.len().min(200)].escape_ascii().to_string();
        let response =
            ask(&arena, "GET", number).unwrap_or_else(|error| panic!("{shown}: {error}"));
        assert_eq!(response.status, 502, "{shown}");
        assert_left(&arena, &shown);
    }
    arena.judge(Records::AreWhole);
}

#[test]
fn an_answer_whose_end_could_be_found_in_two_ways_is_a_502() {
    refused(&[
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4, 5\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\nContent-Length: +4\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0x4\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4x\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551620\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n",
    ]);
}

#[test]
fn a_head_that_is_none_is_a_502() {
    refused(&[
        b"<html>HTTP/0.9 knows no heads</html>\r\n\r\n",
        b"\0\0\0\x18ftypmp42\0\0\0\0\r\n\r\n",
        b"SSH-2.0-OpenSSH_10.0\r\n\r\n",
        b"\x16\x03\x03\0\x02\x01\0\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: test\r\n\r\n",
        b" HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1\t200 OK\r\nContent-Length: 0\r\n\r\n",
        b"http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 000 None\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 1000 High\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 +20 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 -20 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 \r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 O\0K\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 O\rK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
    ]);
}

/// RFC 9112 §2.2 lets a server skip it before a request; before an answer it may be what is left of another one.
#[test]
fn an_empty_line_before_an_answer_is_a_502() {
    refused(&[
        b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ]);
}

#[test]
fn a_field_that_could_be_read_in_two_ways_is_a_502() {
    refused(&[
        b"HTTP/1.1 200 OK\r\nX-A: b\0c\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: b\rc\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: b\nc\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: b\nSet-Cookie: c\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: b\x01\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: b\x7f\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: b\r\n\tc\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n X-A: b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n: b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-A\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX A: b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX\0A: b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-\x80: b\r\nContent-Length: 0\r\n\r\n",
    ]);
}

/// RFC 9112 §5.1 would have us strip it; that nobody reads it as anything else is what counts.
#[test]
fn a_blank_before_the_colon_of_an_answer_never_reaches_the_client() {
    let answers: [&[u8]; 2] = [
        b"HTTP/1.1 200 OK\r\nContent-Length : 4\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\nX-A : b\r\nContent-Length: 4\r\n\r\nbody",
    ];
    let arena = Arena::before(Playlist::of(&answers), "", "");
    for number in 0..answers.len() {
        let response = ask(&arena, "GET", number).unwrap();
        assert!(response.status == 502 || response.body == b"body", "{response:?}");
    }
    arena.judge(Records::AreWhole);
}

#[test]
fn a_head_that_is_too_large_is_a_502() {
    let huge = format!("HTTP/1.1 200 OK\r\nX-A: {}\r\n\r\n", "a".repeat(10 << 20));
    let endless = format!("HTTP/1.1 200 OK\r\n{}", "X-A: b\r\n".repeat(100_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}Content-Length: 0\r\n\r\n", "A: b\r\n".repeat(1000));
    let reason = format!("HTTP/1.1 200 {}\r\n\r\n", "a".repeat(1 << 20));
    refused(&[huge.as_bytes(), endless.as_bytes(), many.as_bytes(), reason.as_bytes()]);
}

#[test]
fn interim_answers_without_end_are_a_502() {
    for interim in [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        "HTTP/1.1 199 \r\n\r\n",
    ] {
        let arena = Arena::before(Playlist::of(&[interim.repeat(1000).as_bytes()]), "", "");
        let mut client = arena.connect();
        client.send(b"GET /0 HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
        let mut interims = 0;
        let last = loop {
            let response = client.read_response(LONG).unwrap();
            if response.status >= 200 {
                break response;
            }
            interims += 1;
        };
        assert_eq!(last.status, 502, "after {interims}");
        assert!(interims <= 100, "{interims}");
        assert_left(&arena, interim);
        arena.judge(Records::AreWhole);
    }
}

#[test]
fn an_interim_answer_with_a_body_cannot_stand_for_the_final_one() {
    let smuggled = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
    for interim in ["100 Continue", "103 Early Hints"] {
        let answer =
            format!("HTTP/1.1 {interim}\r\nContent-Length: {}\r\n\r\n{smuggled}", smuggled.len());
        let behaviour = Playlist(vec![
            Script::new().send(answer).send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"),
        ]);
        let arena = Arena::before(behaviour, "", "");
        let mut client = arena.connect();
        client.send(b"GET /0 HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
        // Read as HTTP has it the interim answer has no body, so the poison is the answer, and the rest is one too many.
        while client.read_response(LONG).unwrap().status < 200 {}
        assert_left(&arena, interim);
        arena.judge(Records::AreWhole);
    }
}

#[test]
fn a_switch_that_nobody_asked_for_is_a_502() {
    refused(&[
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nbytes",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\nbytes",
    ]);
}

/// What lies behind the end of an answer: an answer for the next client, if anybody were to take it for one.
const POISON: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";

#[test]
fn what_an_endpoint_sends_beyond_its_answer_is_thrown_away() {
    let answers: Vec<String> = [
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood",
        "HTTP/1.1 200 OK\r\nContent-Length: 4, 4\r\n\r\ngood",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\n",
    ]
    .map(|answer| format!("{answer}{POISON}"))
    .into();
    let answers: Vec<&[u8]> = answers.iter().map(String::as_bytes).collect();
    let arena = Arena::before(Playlist::of(&answers), "", "");
    for number in 0..answers.len() {
        assert_eq!(ask(&arena, "GET", number).unwrap().text(), "good");
        assert_left(&arena, "surplus");
    }
    arena.judge(Records::AreWhole);
}

#[test]
fn a_body_where_none_can_be_is_thrown_away() {
    let cases = [
        ("GET", 204, "HTTP/1.1 204 No Content\r\nContent-Length: 49\r\n\r\n"),
        ("GET", 204, "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", 204, "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("GET", 304, "HTTP/1.1 304 Not Modified\r\nContent-Length: 49\r\n\r\n"),
        ("GET", 304, "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("HEAD", 200, "HTTP/1.1 200 OK\r\nContent-Length: 49\r\n\r\n"),
        ("HEAD", 200, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ];
    let answers = cases.map(|(_, _, head)| format!("{head}{POISON}"));
    let answers = answers.each_ref().map(String::as_bytes);
    let arena = Arena::before(Playlist::of(&answers), "", "");
    for (number, (method, status, head)) in cases.into_iter().enumerate() {
        let response = ask(&arena, method, number).unwrap();
        assert_eq!((response.status, response.body.len()), (status, 0), "{head}");
        assert_left(&arena, head);
    }
    arena.judge(Records::AreWhole);
}

/// The client sees that something is missing: never a body that ends in order and is not all of it.
#[test]
fn an_answer_that_breaks_off_is_never_a_success() {
    let beginnings = [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome of it",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-A: b\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ];
    let scripts = beginnings.iter().flat_map(|beginning| {
        let sent = Script::new().send(*beginning);
        [sent.clone().finish_sending(), sent.clone().close(), sent.reset()]
    });
    let scripts: Vec<Script> = scripts.collect();
    let count = scripts.len();
    let arena = Arena::before(Playlist(scripts), "", "");
    for number in 0..count {
        match ask(&arena, "GET", number) {
            Err(error) => {
                assert_ne!(error.kind(), std::io::ErrorKind::TimedOut, "{number}: {error}");
            }
            Ok(response) => assert_eq!(response.status, 502, "{number}: {response:?}"),
        }
        assert_left(&arena, beginnings[number / 3]);
    }
    arena.judge(Records::AreWhole);
}

#[test]
fn an_answer_with_a_malformed_chunk_is_never_a_success() {
    let chunks = [
        "g\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5;\nhello\r\n0\r\n\r\n",
        "5\r\nhelloXX0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\n\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
    ];
    let answers =
        chunks.map(|body| format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}"));
    let arena = Arena::before(Playlist::of(&answers.each_ref().map(String::as_bytes)), "", "");
    for (number, body) in chunks.into_iter().enumerate() {
        match ask(&arena, "GET", number) {
            Err(error) => {
                assert_ne!(error.kind(), std::io::ErrorKind::TimedOut, "{body:?}: {error}");
            }
            Ok(response) => assert_eq!(response.status, 502, "{body:?}: {response:?}"),
        }
        assert_left(&arena, body);
    }
    arena.judge(Records::AreWhole);
}

#[test]
fn an_endpoint_that_leaves_before_its_head_is_complete_is_a_502() {
    let beginnings = [
        "",
        "H",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n",
    ];
    let scripts = beginnings.iter().flat_map(|beginning| {
        let sent = Script::new().send(*beginning);
        [sent.clone().finish_sending(), sent.clone().close(), sent.reset()]
    });
    let scripts: Vec<Script> = scripts.collect();
    let count = scripts.len();
    let arena = Arena::before(Playlist(scripts), "", "");
    for number in 0..count {
        assert_eq!(ask(&arena, "GET", number).unwrap().status, 502, "{:?}", beginnings[number / 3]);
        assert_left(&arena, beginnings[number / 3]);
    }
    arena.judge(Records::MayRepeat);
}

/// Answers before the request is complete, and reads no more.
struct Hasty(Script);

impl Behaviour for Hasty {
    fn head_arrived(&self, request: &Request) -> Script {
        if request.method == "POST" { self.0.clone() } else { Script::new() }
    }

    fn answer(&self, request: &Request) -> Script {
        if request.method == "POST" { Script::new().close() } else { Script::ok("well") }
    }
}

#[test]
fn a_connection_with_half_a_request_on_it_is_not_used_again() {
    let answer = Script::ok("early");
    for script in
        [answer.clone(), answer.clone().finish_sending(), answer.clone().close(), answer.reset()]
    {
        let arena = Arena::before(Hasty(script), "", "");
        let mut client = arena.connect();
        let head = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\nhello";
        client.send(head.as_bytes()).unwrap();
        // After a reset the answer may be lost, which the client must see.
        if let Ok(response) = client.read_response(LONG) {
            assert!([200, 502].contains(&response.status), "{response:?}");
        }
        client.read_until_gone(LONG).unwrap();
        for _ in 0..2 {
            assert_eq!(arena.serves().text(), "well");
        }
        arena.judge(Records::MayBeCut);
    }
}

#[test]
fn an_endpoint_that_never_begins_to_answer_is_a_504() {
    for beginning in ["", "HTTP/1.1 200 OK\r\nX-A: "] {
        let arena = Arena::before(
            Playlist::of(&[beginning.as_bytes()]),
            "",
            "timeouts = { first_byte = \"2s\" }",
        );
        assert_eq!(ask(&arena, "GET", 0).unwrap().status, 504, "{beginning:?}");
        arena.running.wait_for_metric(
            "evenkeel_failures_total",
            "reason=\"first_byte_timeout\"",
            1,
        );
        assert_left(&arena, beginning);
        arena.judge(Records::AreWhole);
    }
}

#[test]
fn an_answer_that_stops_in_its_middle_is_broken_off() {
    let answers: [&[u8]; 3] = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome of it",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end",
    ];
    let arena = Arena::before(Playlist::of(&answers), "", "timeouts = { idle = \"1s\" }");
    for number in 0..answers.len() {
        let error = ask(&arena, "GET", number).unwrap_err();
        assert_ne!(error.kind(), std::io::ErrorKind::TimedOut, "{number}: {error}");
        let reason = "reason=\"upstream_idle\"";
        arena.running.wait_for_metric("evenkeel_failures_total", reason, number as u64 + 1);
        assert_left(&arena, "stops");
    }
    arena.judge(Records::AreWhole);
}

#[test]
fn what_an_endpoint_says_about_its_connection_is_not_told_to_the_client() {
    let answer = b"HTTP/1.1 200 OK\r\nConnection: close, X-Secret, Content-Length, Set-Cookie\r\nX-Secret: 1\r\nSet-Cookie: a=b\r\n\
                   Keep-Alive: timeout=1\r\nProxy-Connection: close\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\ngood";
    let arena = Arena::playing(Script::new().send(*answer));
    let mut client = arena.connect();
    for _ in 0..2 {
        let response = client.exchange(&get(""), LONG).unwrap();
        for name in ["connection", "x-secret", "keep-alive", "proxy-connection", "upgrade"] {
            assert_eq!(response.header(name), None, "{name}");
        }
        assert_eq!(
            (response.text().as_str(), response.header("content-length")),
            ("good", Some("4"))
        );
    }
    arena.judge(Records::AreWhole);
}

#[test]
fn bytes_of_an_answer_may_come_one_by_one() {
    let answer = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                  5;x=y\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n";
    let arena = Arena::playing(Script::new().send_in_pieces(answer, 1));
    let mut client = arena.connect();
    assert_eq!(client.exchange(&get("TE: trailers\r\n"), LONG).unwrap().status, 103);
    assert_eq!(client.read_response(LONG).unwrap().text(), "hello");
    assert_eq!(client.exchange(&get(""), LONG).unwrap().status, 103);
    assert_eq!(client.read_response(LONG).unwrap().text(), "hello");
    arena.judge(Records::AreWhole);
}
