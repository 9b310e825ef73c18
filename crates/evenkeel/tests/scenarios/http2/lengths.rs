//! Bodies that are not as long as they were said to be (RFC 9113 §8.1.1), which is H2.CL of request smuggling.

use evenkeel_testkit::http2::{Block, END_HEADERS, END_STREAM, Kind, Outcome, frame};
use evenkeel_testkit::{Http2Client, Request, Script};

use super::{PROTOCOL_ERROR, passes, raw, serves};
use crate::hostile_arena::{Arena, Records};
use crate::running::LONG;

/// A request with `length`, whose body is `pieces`; the last one ends it, or trailers behind it.
struct Post {
    length: &'static str,
    pieces: &'static [&'static str],
    trailers: bool,
}

impl Post {
    fn send(&self, client: &mut Http2Client) -> u32 {
        let block = Block::request("POST", "/").field("content-length", self.length);
        let is_over = self.pieces.is_empty() && !self.trailers;
        let stream = client.request(&block, is_over).unwrap();
        for (at, piece) in self.pieces.iter().enumerate() {
            let is_last = at + 1 == self.pieces.len() && !self.trailers;
            // What comes first may have been too much already.
            drop(client.data(stream, piece.as_bytes(), is_last));
        }
        if self.trailers {
            let trailers = Block::new().field("x-trailer", "b");
            let flags = END_STREAM | END_HEADERS;
            drop(client.send(&frame(Kind::Headers, flags, stream, &trailers)));
        }
        stream
    }
}

#[test]
fn a_body_of_another_length_resets_its_stream_and_completes_nothing() {
    let arena = Arena::new();
    let posts = [
        Post { length: "5", pieces: &[], trailers: false },
        Post { length: "5", pieces: &[], trailers: true },
        Post { length: "5", pieces: &["four"], trailers: false },
        Post { length: "5", pieces: &["four"], trailers: true },
        Post { length: "5", pieces: &["four", "more"], trailers: false },
        Post { length: "5", pieces: &["sixsix"], trailers: false },
        Post { length: "5", pieces: &["sixsix"], trailers: true },
        Post {
            length: "0",
            pieces: &["GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n"],
            trailers: false,
        },
        Post { length: "5", pieces: &["four", ""], trailers: false },
    ];
    for (count, post) in posts.into_iter().enumerate() {
        let shown = format!("{} {:?} {}", post.length, post.pieces, post.trailers);
        let mut client = raw(&arena.running);
        let stream = post.send(&mut client);
        let outcome = client.outcome(stream, LONG).unwrap();
        assert_eq!(outcome, Outcome::Reset(PROTOCOL_ERROR), "{shown}");
        // Others on the connection are none the worse, and they are all that arrives.
        let next = client.request(&Block::request("HEAD", "/"), true).unwrap();
        let outcome = client.outcome(next, LONG).unwrap();
        assert!(matches!(outcome, Outcome::Answered { status: 200, .. }), "{shown}: {outcome:?}");
        let methods = arena.origin.requests().into_iter().map(|request| request.method);
        assert_eq!(methods.collect::<Vec<_>>(), vec!["HEAD"; count + 1], "{shown}");
    }
    arena.judge(Records::MayBeCut);
}

#[test]
fn a_length_over_http_2_that_is_no_number_or_is_two_is_refused() {
    let arena = Arena::new();
    let lengths: [&[&str]; 9] = [
        &[""],
        &["+4"],
        &["-4"],
        &["0x4"],
        &["4,5"],
        &["4 4"],
        &["four"],
        &["4", "5"],
        &["99999999999999999999999"],
    ];
    for values in lengths {
        let block = Block::request("POST", "/");
        let block = values.iter().fold(block, |block, value| block.field("content-length", value));
        let mut client = raw(&arena.running);
        let stream = client.request(&block, false).unwrap();
        drop(client.data(stream, b"four", true));
        let outcome = client.outcome(stream, LONG).unwrap();
        let is_refused = matches!(
            outcome,
            Outcome::Reset(PROTOCOL_ERROR) | Outcome::Answered { status: 400, .. }
        );
        assert!(is_refused, "{values:?}: {outcome:?}");
        assert_eq!(arena.origin.request_count(), 0, "{values:?}");
    }
    serves(&arena);
}

/// What was forwarded of a body that turns out to be too short is not completed, and nothing else is sent behind it.
#[test]
fn a_connection_with_half_a_body_of_http_2_on_it_is_not_used_again() {
    let arena = Arena::new();
    let mut client = raw(&arena.running);
    let block = Block::request("POST", "/").field("content-length", "1000");
    let stream = client.request(&block, false).unwrap();
    client.data(stream, b"the first bytes", false).unwrap();
    let began = || arena.origin.received(0).ends_with(b"the first bytes");
    evenkeel_testkit::wait_until(LONG, began).unwrap();
    client.data(stream, b"", true).unwrap();
    assert_eq!(client.outcome(stream, LONG).unwrap(), Outcome::Reset(PROTOCOL_ERROR));
    evenkeel_testkit::wait_until(LONG, || arena.origin.open_connection_count() == 0).unwrap();
    assert_eq!(passes(&arena, &Block::request("GET", "/")).connection, 1);
    arena.judge(Records::MayBeCut);
}

#[test]
fn bodies_over_http_2_go_on_with_a_framing_of_our_own_and_without_trailers() {
    let arena = Arena::before(|_: &Request| Script::ok("well"), "", "");
    for (length, pieces) in [(Some("8"), ["four", "four"]), (None, ["", "anything"])] {
        let mut client = raw(&arena.running);
        let block = Block::request("POST", "/");
        let block = length.into_iter().fold(block, |block, it| block.field("content-length", it));
        let stream = client.request(&block, false).unwrap();
        client.data(stream, pieces[0].as_bytes(), false).unwrap();
        client.data(stream, pieces[1].as_bytes(), length.is_some()).unwrap();
        if length.is_none() {
            let trailers =
                Block::new().field("x-sum", "1").field("content-length", "3").field("host", "evil");
            client
                .send(&frame(Kind::Headers, END_STREAM | END_HEADERS, stream, &trailers))
                .unwrap();
        }
        let outcome = client.outcome(stream, LONG).unwrap();
        assert_eq!(outcome, Outcome::Answered { status: 200, body: b"well".to_vec() });
    }
    let [by_length, by_chunks]: [Request; 2] = arena.origin.requests().try_into().unwrap();
    assert_eq!(
        (&*by_length.body, by_length.header("content-length")),
        (&b"fourfour"[..], Some("8"))
    );
    assert_eq!((&*by_chunks.body, by_chunks.header("content-length")), (&b"anything"[..], None));
    // Those of requests end here, whatever they came by.
    assert_eq!(by_chunks.trailers.iter().count(), 0);
    arena.judge(Records::AreWhole);
}

/// A reset behind an answer is in order (RFC 9113 §8.1), and some clients lose the answer to it: curl 7.88 lost two of three.
#[test]
fn an_answer_before_the_end_of_a_request_is_followed_by_no_reset() {
    let arena = Arena::new();
    let mut client = raw(&arena.running);
    let stream = client.request(&Block::request("POST", "/a%2fb"), false).unwrap();
    let outcome = client.outcome(stream, LONG).unwrap();
    assert!(matches!(outcome, Outcome::Answered { status: 400, .. }), "{outcome:?}");
    client.data(stream, &[b'x'; 1000], false).unwrap();
    client.data(stream, &[b'x'; 1000], true).unwrap();
    client.send(&frame(Kind::Ping, 0, 0, &[0; 8])).unwrap();
    while let Some(frame) = client.read_frame(LONG).unwrap() {
        assert!(frame.kind != Kind::RstStream, "{frame:?}");
        if frame.kind == Kind::Ping {
            return;
        }
    }
    panic!("the connection is over");
}
