//! Requests whose end could be found in two ways: smuggling by length, by coding and by chunk.

use evenkeel_testkit::Request;

use crate::hostile_arena::{Arena, Records, SMUGGLED, post};

#[test]
fn a_request_with_two_framings_cannot_smuggle_another() {
    let arena = Arena::new();
    let cl_te = "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n";
    let te_cl = "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n";
    let after =
        |length: usize| format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n");
    let behind = format!("0\r\n\r\n{SMUGGLED}");
    arena.refuses(
        &[400],
        &[
            post(cl_te, "0\r\n\r\nG"),
            post(te_cl, "8\r\nSMUGGLED\r\n0\r\n\r\n"),
            post(after(behind.len()), &behind),
            post("content-length: 0\r\nTRANSFER-ENCODING: CHUNKED\r\n", &behind),
            post(
                "Content-Length: 4\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n",
                &behind,
            ),
            [b"GET / HTTP/1.1\r\nHost: test\r\n", after(5).as_bytes(), b"\r\n0\r\n\r\n"].concat(),
        ],
    );
    // Even where one of the two says nothing that we know.
    arena.refuses(
        &[400, 501],
        &[post("Content-Length: 6\r\nTransfer-Encoding: xchunked\r\n", "0\r\n\r\nG")],
    );
}

#[test]
fn a_length_that_two_readers_could_take_differently_is_refused() {
    let arena = Arena::new();
    let lines = [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nX-A: b\r\ncontent-length: 0\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: 5,\r\n",
        "Content-Length: ,5\r\n",
        "Content-Length: ,\r\n",
        "Content-Length:\r\n",
        "Content-Length: \r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5_0\r\n",
        "Content-Length: 5.0\r\n",
        "Content-Length: 5e0\r\n",
        "Content-Length: 5 5\r\n",
        "Content-Length: 5;5\r\n",
        "Content-Length: \"5\"\r\n",
        "Content-Length: 5a\r\n",
        "Content-Length: ٥\r\n",
        "Content-Length: \u{b}5\r\n",
        "Content-Length: 5\0\r\n",
        "Content-Length : 5\r\n",
        "Content-Length\t: 5\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Content-Length: 99999999999999999999999999999\r\n",
        "Content-Length: 18446744073709551621\r\n",
        "Content-Length:\r\n 5\r\n",
    ];
    arena.refuses(&[400], &lines.map(|line| post(line, "hello")));
}

#[test]
fn a_length_said_twice_goes_on_once() {
    let arena = Arena::new();
    for line in [
        "Content-Length: 5\r\ncontent-length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length:5\r\n",
        "Content-Length: \t 005 \t\r\n",
    ] {
        let request = arena.passes(post(line, "hello"));
        assert_eq!(request.fields.all("content-length").collect::<Vec<_>>(), ["5"], "{line}");
        assert_eq!(request.body, b"hello", "{line}");
    }
    arena.judge(Records::AreWhole);
}

#[test]
fn an_obfuscated_transfer_coding_is_neither_chunked_nor_ignored() {
    let arena = Arena::new();
    let lines = [
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunkedx\r\n",
        "Transfer-Encoding: chunk\r\n",
        "Transfer-Encoding: x-chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: identity, chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: ,chunked\r\n",
        "Transfer-Encoding: chunked,\r\n",
        "Transfer-Encoding: chunked;x=1\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding: 'chunked'\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding: chunked chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n",
        "Transfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n",
        "Transfer-Encoding:\u{b}chunked\r\n",
        "Transfer-Encoding: chunked\u{c}\r\n",
        "Transfer-Encoding: \0chunked\r\n",
        "Transfer-Encoding: chunked\0\r\n",
        "Transfer-Encoding: \u{a0}chunked\r\n",
        "Transfer-Encoding: \u{17f}hunked\r\n",
        "Transfer-Encoding:\n chunked\r\n",
        "Transfer-Encoding\n: chunked\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "Transfer-Encoding: chunked\r\n foo\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding\t: chunked\r\n",
        " Transfer-Encoding: chunked\r\n",
        "X: y\nTransfer-Encoding: chunked\r\n",
        "X: y\rTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding\0: chunked\r\n",
        "\u{feff}Transfer-Encoding: chunked\r\n",
    ];
    let requests = lines.map(|line| post(line, format!("0\r\n\r\n{SMUGGLED}")));
    arena.refuses(&[400, 501], &requests);
    arena.refuses(
        &[400, 501],
        &lines.map(|line| post([line, "Content-Length: 5\r\n"].concat(), "hello")),
    );
}

#[test]
fn blanks_and_case_make_no_other_coding_of_chunked() {
    let arena = Arena::new();
    for line in ["transfer-encoding:chunked\r\n", "Transfer-Encoding: \t CHUNKED \t\r\n"] {
        let request = arena.passes(post(line, "5\r\nhello\r\n0\r\n\r\n"));
        assert_eq!(request.fields.all("transfer-encoding").collect::<Vec<_>>(), ["chunked"]);
        assert_eq!(request.body, b"hello");
    }
    arena.judge(Records::AreWhole);
}

#[test]
fn a_look_alike_of_a_framing_field_frames_nothing_and_goes_no_further() {
    let arena = Arena::new();
    for name in ["Transfer_Encoding", "Content_Length", "Transfer.Encoding", "Content-Length!"] {
        let request = arena.passes(post(format!("{name}: 5\r\n"), ""));
        assert_eq!((request.header(name), request.body.len()), (None, 0), "{name}");
    }
    arena.judge(Records::AreWhole);
}

#[test]
fn a_chunked_request_of_http_1_0_is_refused() {
    let arena = Arena::new();
    let request = |fields: &str| {
        format!("POST / HTTP/1.0\r\nHost: test\r\n{fields}\r\n5\r\nhello\r\n0\r\n\r\n{SMUGGLED}")
    };
    arena.refuses(
        &[400],
        &[
            request("Transfer-Encoding: chunked\r\n"),
            request("Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n"),
            request(
                "Transfer-Encoding: chunked\r\nContent-Length: 5\r\nConnection: keep-alive\r\n",
            ),
            request("Transfer-Encoding: identity\r\n"),
        ],
    );
}

#[test]
fn a_body_that_only_the_end_of_the_connection_would_end_is_no_body() {
    let arena = Arena::new();
    let mut client = arena.connect();
    let request = format!("POST / HTTP/1.0\r\nHost: test\r\n\r\n{SMUGGLED}");
    assert_eq!(client.exchange(request.as_bytes(), crate::running::LONG).unwrap().status, 200);
    assert_eq!(client.read_to_end(crate::running::LONG).unwrap(), b"");
    let requests = arena.origin.requests();
    assert_eq!((requests.len(), requests[0].body.len()), (1, 0));
    arena.judge(Records::AreWhole);
}

#[test]
fn a_chunk_that_two_readers_could_cut_differently_is_refused() {
    let arena = Arena::new();
    let bodies = [
        "0x5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "5_0\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "\t5\r\nhello\r\n0\r\n\r\n",
        "5\t\r\nhello\r\n0\r\n\r\n",
        "5 ;a=b\r\nhello\r\n0\r\n\r\n",
        "g\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        ";a=b\r\nhello\r\n0\r\n\r\n",
        "5,5\r\nhello\r\n0\r\n\r\n",
        "5\0\r\nhello\r\n0\r\n\r\n",
        "00000000000000005\r\nhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "5\nhello\n0\n\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\r\rhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\r0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhelloXX0\r\n\r\n",
        "5\r\nhello!\r\n0\r\n\r\n",
        "5\r\nhello\r\n\r\n0\r\n\r\n",
        "5\r\nhello\r\n\n0\r\n\r\n",
        "5\r\nhello\r\n0\n\r\n",
        "5\r\nhello\r\n0\r\n\n",
        "5\r\nhello\r\n0\r\r\n",
        "5\r\nhello\r\n 0\r\n\r\n",
    ];
    arena.refuses(&[400], &bodies.map(|body| post("Transfer-Encoding: chunked\r\n", body)));
}

/// TERM.EXT, EXT.TERM and SPILL: one reader ends the line at a lone LF or CR in the extension, the other goes on.
#[test]
fn a_line_break_in_a_chunk_extension_cannot_hide_a_request() {
    let arena = Arena::new();
    let hidden = format!("2;\nxx\r\n{:x}\r\n0\r\n\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len() + 5);
    let extensions = [
        "5;\n\r\nhello\r\n0\r\n\r\n",
        "5;a\nhello\r\n0\r\n\r\n",
        "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n",
        "5;a\rb\r\nhello\r\n0\r\n\r\n",
        "5;a\r\rb\r\nhello\r\n0\r\n\r\n",
        "5;a\n\r\nhello\r\n0\r\n\r\n",
        "5\n;a\r\nhello\r\n0\r\n\r\n",
        "5;\0\r\nhello\r\n0\r\n\r\n",
        "5;\u{7f}\r\nhello\r\n0\r\n\r\n",
        "0;a\nb\r\n\r\n",
        &hidden,
    ];
    arena.refuses(&[400], &extensions.map(|body| post("Transfer-Encoding: chunked\r\n", body)));
}

#[test]
fn an_endless_chunk_extension_is_cut_off() {
    let arena = Arena::new();
    let long = "a".repeat(17 << 10);
    let many = "1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n".repeat(500);
    for body in
        [format!("5;{long}\r\nhello\r\n0\r\n\r\n"), many, format!("0\r\nX-A: {long}\r\n\r\n")]
    {
        let mut client = arena.connect();
        drop(client.send(&post("Transfer-Encoding: chunked\r\n", body)));
        assert_eq!(client.read_response(crate::running::LONG).unwrap().status, 400);
        client.read_until_gone(crate::running::LONG).unwrap();
    }
    assert_eq!(arena.origin.request_count(), 0);
    arena.judge(Records::MayBeCut);
}

#[test]
fn chunks_are_cut_anew_and_lose_their_extensions() {
    let arena = Arena::new();
    let body = "5;evil=\"ext\"\r\nhello\r\n00007;x\r\n there!\r\n0;last\r\n\r\n";
    let request: Request = arena.passes(post("Transfer-Encoding: chunked\r\n", body));
    assert_eq!(request.body, b"hello there!");
    assert_eq!(request.header("content-length"), None);
    let recorded = arena.origin.received(request.connection);
    assert!(!recorded.contains(&b';'), "{}", recorded.escape_ascii());
    assert!(!recorded.windows(6).any(|bytes| bytes == b"\n00007"));
    arena.judge(Records::AreWhole);
}
