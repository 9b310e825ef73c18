//! Heads that are built to be misread, to lie about the client, or to take away what protects an endpoint.

use evenkeel_testkit::Request;

use crate::hostile_arena::{Arena, Records, get, post};
use crate::running::LONG;

#[test]
fn a_blank_before_the_colon_is_refused() {
    let arena = Arena::new();
    arena.refuses(
        &[400],
        &[
            "GET / HTTP/1.1\r\nHost : test\r\n\r\n",
            "GET / HTTP/1.1\r\nHost\t: test\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: test\r\nX-A : b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: test\r\nX A: b\r\n\r\n",
            // RFC 9112 §2.2: a blank line's worth of blanks between the request line and the first field.
            "GET / HTTP/1.1\r\n Host: test\r\n\r\n",
            "GET / HTTP/1.1\r\n\tHost: test\r\n\r\n",
            "GET / HTTP/1.1\r\n \r\nHost: test\r\n\r\n",
        ],
    );
}

#[test]
fn a_folded_line_is_refused() {
    let arena = Arena::new();
    let lines = [
        "X-A: b\r\n c\r\n",
        "X-A: b\r\n\tc\r\n",
        "X-A:\r\n b\r\n",
        "X-A: b\r\n \r\n",
        "X-A: b\r\n Host: evil\r\n",
    ];
    arena.refuses(&[400], &lines.map(get));
}

#[test]
fn a_control_byte_in_a_field_is_refused() {
    let arena = Arena::new();
    // HTAB is white space, and CR and LF have their own rows.
    let bytes = (0..32).chain([127]).filter(|byte| !b"\t\r\n".contains(byte));
    let mut requests: Vec<Vec<u8>> = bytes
        .flat_map(|byte| {
            [
                get([b"X-A: b", &[byte][..], b"c\r\n"].concat()),
                get([b"X-A", &[byte][..], b": b\r\n"].concat()),
            ]
        })
        .collect();
    let lines: [&[u8]; 18] = [
        b"X-A: b\rc\r\n",
        b"X-A: b\nc\r\n",
        b"X-A: b\n\r\n",
        b"X-A: b\r\r\n",
        b"X-A: b\nX-B: c\r\n",
        b"X-A: b\rX-B: c\r\n",
        b"\nX-A: b\r\n",
        b"\rX-A: b\r\n",
        b": b\r\n",
        b":\r\n",
        b"X-A\r\n",
        b"X-A b\r\n",
        b"X-\x80: b\r\n",
        b"X-\xff: b\r\n",
        "X-\u{e4}: b\r\n".as_bytes(),
        b"X[a]: b\r\n",
        b"X(a): b\r\n",
        b"X/A: b\r\n",
    ];
    requests.extend(lines.map(get));
    arena.refuses(&[400], &requests);
}

#[test]
fn an_escaped_line_break_stays_escaped() {
    let arena = Arena::new();
    let request = arena.passes(
        "GET /a%0d%0aX-Evil:%201?b=%0D%0Ac HTTP/1.1\r\nHost: test\r\nX-A: %0d%0aX-Evil: 1\r\n\r\n",
    );
    assert_eq!(request.target, "/a%0D%0AX-Evil:%201?b=%0D%0Ac");
    assert_eq!((request.header("x-a"), request.header("x-evil")), (Some("%0d%0aX-Evil: 1"), None));
    arena.judge(Records::AreWhole);
}

#[test]
fn a_host_that_could_be_read_in_two_ways_is_refused() {
    let arena = Arena::new();
    let hosts = [
        "a, b",
        "a,b",
        "user@a",
        "user:password@a",
        "a@",
        "a b",
        "a\tb",
        "a/b",
        "/a",
        "a\\b",
        "a#b",
        "a?b",
        "http://a",
        "a:80:80",
        "a:port",
        "a:-1",
        ":80",
        "[::1",
        "::1]",
        "a]",
        "[a",
        "<a>",
        "\"a\"",
        "a|b",
        "a^b",
        "a`b",
        "{a}",
        "\u{e4}",
        "a%",
        "a%zz",
    ];
    let requests = hosts.map(|host| format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    arena.refuses(&[400], &requests);
    let absolute = hosts.map(|host| format!("GET http://{host}/ HTTP/1.1\r\nHost: test\r\n\r\n"));
    // As a target, a slash, a question mark or a blank has a meaning of its own.
    let ambiguous =
        |text: &&String| !["a/b", "a?b", "http://http://a"].iter().any(|part| text.contains(part));
    arena.refuses(&[400], &absolute.iter().filter(ambiguous).collect::<Vec<_>>());
}

#[test]
fn a_request_that_does_not_say_exactly_once_for_whom_it_is_is_refused() {
    let arena = Arena::new();
    arena.refuses(
        &[400],
        &[
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nX-Host: test\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost:\r\n\r\n",
            "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\n\r\n",
        ],
    );
}

#[test]
fn connection_cannot_take_away_a_field_that_protects() {
    let arena = Arena::new();
    let protected = [
        ("Authorization", "Basic YTpi"),
        ("Cookie", "session=1"),
        ("Content-Type", "text/plain"),
        ("Content-Encoding", "identity"),
        ("Via", "1.1 before"),
    ];
    let fields: String =
        protected.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    for spelling in [str::to_owned, str::to_lowercase, str::to_uppercase] {
        let names = "close, Host, Content-Length, Transfer-Encoding, X-Forwarded-For, X-Forwarded-Proto, \
                     X-Forwarded-Host, X-Request-ID, Authorization, Cookie, Content-Type, Content-Encoding, Via, X-Secret";
        let line = format!(
            "Connection: {}\r\n{fields}Content-Length: 5\r\nX-Secret: 1\r\n",
            spelling(names)
        );
        let request = arena.passes(post(line, "hello"));
        for (name, value) in protected {
            assert_eq!(request.fields.all(name).next(), Some(value), "{name}");
        }
        assert_eq!((request.header("host"), &*request.body), (Some("test"), &b"hello"[..]));
        assert_eq!(request.header("x-forwarded-for"), Some("127.0.0.1"));
        assert_eq!(request.header("x-forwarded-host"), Some("test"));
        assert!(
            request.header("x-request-id").is_some()
                && request.header("x-forwarded-proto") == Some("http")
        );
        assert_eq!(request.header("x-secret"), None, "what is named and protects nobody ends here");
    }
    arena.judge(Records::AreWhole);
}

#[test]
fn what_is_for_one_connection_does_not_go_on() {
    let arena = Arena::new();
    let request = arena.passes(get(
        "connection: X-ONE\r\nConnection:\tx-two ,, X-Three\r\nx-one: 1\r\nX-Two: 2\r\nX-THREE: 3\r\n\
         Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: gzip\r\nTrailer: X-A\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    ));
    let names = [
        "connection",
        "x-one",
        "x-two",
        "x-three",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
        "http2-settings",
    ];
    for name in names {
        assert_eq!(request.header(name), None, "{name}");
    }
    arena.judge(Records::AreWhole);
}

#[test]
fn what_a_stranger_claims_about_itself_goes_no_further() {
    let arena = Arena::new();
    let claims = [
        "X-Forwarded-For: claimed",
        "x-forwarded-for: claimed",
        "X_Forwarded_For: claimed",
        "X-Forwarded_For: claimed",
        "X.Forwarded.For: claimed",
        "X-Forwarded-Host: claimed.example",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Port: claimed",
        "X-Forwarded-Server: claimed.example",
        "X-Forwarded-Prefix: /claimed",
        "X-Real-IP: claimed",
        "X_Real_IP: claimed",
        "Forwarded: for=claimed",
        "X-Request-ID: claimed",
    ];
    for claim in claims {
        let request: Request =
            arena.passes(get(format!("{claim}\r\nConnection: {}\r\n", &claim[..9])));
        let head = String::from_utf8_lossy(&request.head).to_lowercase();
        assert!(!head.contains("claimed"), "{claim}: {head}");
        assert_eq!(request.fields.all("x-forwarded-for").collect::<Vec<_>>(), ["127.0.0.1"]);
    }
    arena.judge(Records::AreWhole);
}

#[test]
fn names_that_gateways_take_for_others_are_dropped() {
    let arena = Arena::new();
    let request =
        arena.passes(get("X_A: 1\r\nX.B: 2\r\nX!C: 3\r\nX~D: 4\r\nX-E: 5\r\nContent_Type: 6\r\n"));
    let kept: Vec<&str> =
        request.fields.iter().map(|(name, _)| name).filter(|name| name.len() == 3).collect();
    assert_eq!(kept, ["X-E", "Via"]);
    assert_eq!(request.header("content_type"), None);
    arena.judge(Records::AreWhole);
}

#[test]
fn names_that_gateways_take_for_others_can_be_refused() {
    let behaviour = |_: &Request| evenkeel_testkit::Script::ok("well");
    let arena = Arena::before(behaviour, "header_names = \"refuse\"", "");
    arena.refuses(&[400], &["X_A: 1\r\n", "X.B: 2\r\n", "X_Forwarded_For: claimed\r\n"].map(get));
    arena.judge(Records::AreWhole);
}

#[test]
fn a_head_that_is_too_large_is_refused_before_it_is_kept() {
    let behaviour = |_: &Request| evenkeel_testkit::Script::ok("well");
    let limits = "limits = { header_bytes = \"1KiB\", header_count = 10, target_bytes = \"256B\" }";
    let arena = Arena::before(behaviour, limits, "");
    let many = |count: usize| get("A: b\r\n".repeat(count - 1));
    let target =
        |length: usize| format!("GET /{} HTTP/1.1\r\nHost: test\r\n\r\n", "a".repeat(length - 1));
    arena.refuses(&[431], &[many(11), many(300), get(format!("X-A: {}\r\n", "a".repeat(1024)))]);
    arena.refuses(&[414], &[target(257), target(1000), target(100_000)]);
    arena.passes(many(10));
    arena.passes(target(256));
    arena.judge(Records::AreWhole);
}

#[test]
fn a_head_without_an_end_is_refused_at_its_limit() {
    let arena = Arena::new();
    for (beginning, endless, status) in [
        ("GET / HTTP/1.1\r\nHost: test\r\nX-A: ", "a", 431),
        ("GET / HTTP/1.1\r\nHost: test\r\n", "A: b\r\n", 431),
        ("GET /", "a", 414),
        ("", "A", 400),
    ] {
        let mut client = arena.connect();
        let endless = endless.repeat((1 << 20) / endless.len());
        // It is cut off long before the end.
        drop(client.send(&[beginning, &endless].concat().into_bytes()));
        let response = client.read_response(LONG).unwrap();
        let fits =
            response.status == status || status == 400 && (400..500).contains(&response.status);
        assert!(fits, "{beginning:?}: {}", response.status);
    }
    assert_eq!(arena.origin.connection_count(), 0);
    arena.serves();
    arena.judge(Records::AreWhole);
}
