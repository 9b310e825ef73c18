//! Heads that are built to be misread: RFC 9113 §8.2 and §8.3.

use evenkeel_testkit::Script;
use evenkeel_testkit::http2::{Block, END_HEADERS, END_STREAM, Kind, frame};

use super::{COMPRESSION_ERROR, PROTOCOL_ERROR, Refusal, passes, raw, refuses};
use crate::hostile_arena::{Arena, Records};
use crate::running::LONG;

fn get() -> Block {
    Block::request("GET", "/")
}

#[test]
fn a_field_that_could_not_be_one_of_http_1_resets_its_stream() {
    let arena = Arena::new();
    let names: [&[u8]; 14] = [
        b"X-Upper", b"x a", b" x", b"x ", b"x\0", b"x\r\ny", b"x\ny", b"x\ry", b"x:y", b":",
        b"x\x7f", b"x\xff", b"", b"x\t",
    ];
    refuses(&arena, &MALFORMED, names.map(|name| get().field(name, "b")));
    let values: [&[u8]; 10] = [
        b"b\r\nx-evil: 1",
        b"b\rc",
        b"b\nc",
        b"b\0c",
        b"b\r",
        b"\nb",
        b" b",
        b"b ",
        b"\tb",
        b"b\t",
    ];
    refuses(&arena, &MALFORMED, values.map(|value| get().field("x-a", value)));
    let controls = (0..32).chain([127]).filter(|byte| !b"\t\r\n".contains(byte));
    refuses(&arena, &MALFORMED, controls.map(|byte| get().field("x-a", [b'b', byte, b'c'])));
}

#[test]
fn pseudo_header_fields_are_there_once_and_first_and_none_is_unknown() {
    let arena = Arena::new();
    let rest = |block: Block| block.field(":authority", "test").field("x-a", "b");
    let blocks = [
        // Missing.
        rest(Block::new().field(":scheme", "http").field(":path", "/")),
        rest(Block::new().field(":method", "GET").field(":path", "/")),
        rest(Block::new().field(":method", "GET").field(":scheme", "http")),
        rest(Block::new()),
        // Twice.
        get().field(":method", "GET"),
        get().field(":scheme", "http"),
        get().field(":path", "/"),
        get().field(":authority", "test"),
        // Late.
        Block::new()
            .field("x-a", "b")
            .field(":method", "GET")
            .field(":scheme", "http")
            .field(":path", "/"),
        get().field("x-a", "b").field(":path", "/other"),
        // Unknown, of answers, or of CONNECT alone (RFC 8441 §4).
        get().field(":x", "b"),
        get().field(":status", "200"),
        get().field(":protocol", "websocket"),
        Block::request("CONNECT", "").field(":protocol", "websocket"),
        // Empty.
        Block::request("", "/"),
        Block::request("GET", ""),
        Block::new()
            .field(":method", "GET")
            .field(":scheme", "")
            .field(":authority", "test")
            .field(":path", "/"),
    ];
    refuses(&arena, &MALFORMED, blocks);
}

/// RFC 9113 §8.1: the guard sees them where the library would drop them.
#[test]
fn a_pseudo_header_field_in_trailers_ends_the_connection() {
    let arena = Arena::new();
    for name in [":path", ":status", ":x"] {
        let mut client = raw(&arena.running);
        let stream = client.request(&Block::request("POST", "/"), false).unwrap();
        let trailers = Block::new().field(name, "/");
        let flags = END_STREAM | END_HEADERS;
        client.send(&frame(Kind::Headers, flags, stream, &trailers)).unwrap();
        assert_eq!(client.goaway(LONG).unwrap(), Some(PROTOCOL_ERROR), "{name}");
    }
    assert_eq!(arena.origin.request_count(), 0);
    arena.judge(Records::MayBeCut);
}

#[test]
fn a_field_of_one_connection_resets_its_stream() {
    let arena = Arena::new();
    let fields = [
        ("connection", "close"),
        ("connection", "x-a"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "identity"),
        ("upgrade", "websocket"),
        ("upgrade", "h2c"),
        ("http2-settings", "AAMAAABkAAQAAP__"),
        ("te", "gzip"),
        ("te", "trailers, deflate"),
        ("te", "trailers;q=0.5"),
        ("te", ""),
    ];
    let twice = get().field("te", "trailers").field("te", "trailers");
    let blocks = fields.map(|(name, value)| get().field(name, value)).into_iter().chain([twice]);
    refuses(&arena, &MALFORMED, blocks);
    passes(&arena, &get().field("te", "trailers"));
}

#[test]
fn a_host_beside_the_authority_is_the_same_or_the_request_is_malformed() {
    let arena = Arena::new();
    let without =
        || Block::new().field(":method", "GET").field(":scheme", "http").field(":path", "/");
    refuses(
        &arena,
        &MALFORMED_OR_400,
        [
            get().field("host", "other"),
            get().field("host", "test:80"),
            get().field("host", "test, other"),
            get().field("host", ""),
            get().field("host", "test").field("host", "other"),
            without(),
            without().field("host", "test").field("host", "test"),
            without().field("host", "a, b"),
        ],
    );
    for block in [get().field("host", "TEST"), without().field("host", "test"), get()] {
        let request = passes(&arena, &block);
        let hosts: Vec<String> = request.fields.all("host").map(str::to_lowercase).collect();
        assert_eq!(hosts, ["test"]);
    }
    arena.judge(Records::AreWhole);
}

#[test]
fn an_authority_that_could_be_read_in_two_ways_is_refused() {
    let arena = Arena::new();
    let authorities = [
        "user@test",
        "user:password@test",
        "test@",
        "a,b",
        "a, b",
        "a b",
        "a/b",
        "a#b",
        "a?b",
        "a\\b",
        "http://a",
        "a:80:80",
        "a:port",
        ":80",
        "[::1",
        "a]",
        "<a>",
        "a\0b",
        "a\r\nb",
        "a\tb",
        "",
    ];
    let block = |authority: &str| {
        let block = Block::new().field(":method", "GET").field(":scheme", "http");
        block.field(":authority", authority).field(":path", "/")
    };
    refuses(&arena, &MALFORMED_OR_400, authorities.map(block));
}

#[test]
fn a_method_scheme_or_path_that_would_break_a_request_line_is_refused() {
    let arena = Arena::new();
    let paths = [
        "a",
        "test/",
        "http://test/",
        "*",
        "/ HTTP/1.1",
        "/a b",
        "/a\tb",
        "/a\rb",
        "/a\nb",
        "/a\0b",
        "/\x7f",
        "/ HTTP/1.1\r\nx-evil: 1\r\n\r\nGET /smuggled",
        "?a",
        "//\0",
        "/%00",
        "/a/../../b",
        "/a%2fb",
    ];
    let paths = paths.map(|path| Block::request("GET", path));
    let methods = ["GET ", " GET", "GET / HTTP/1.1\r\n", "G\0ET", "G:T", "G(T", "G\nT"];
    let methods = methods.map(|method| Block::request(method, "/"));
    let schemes = ["http://test/?", "ht tp", "http\r\n", "http:", "1http", "ftp", ""];
    let scheme = |scheme: &str| {
        let block = Block::new().field(":method", "GET").field(":scheme", scheme);
        block.field(":authority", "test").field(":path", "/")
    };
    let blocks = paths.into_iter().chain(methods).chain(schemes.map(scheme));
    refuses(&arena, &MALFORMED_OR_400, blocks);
}

#[test]
fn connect_and_trace_are_refused_over_http_2_too() {
    let arena = Arena::new();
    let connect = Block::new().field(":method", "CONNECT").field(":authority", "test:443");
    refuses(
        &arena,
        &[Refusal::Status(405), Refusal::Malformed, Refusal::Status(0)],
        [
            connect.clone(),
            connect.field(":path", "/"),
            Block::new().field(":method", "CONNECT"),
            Block::request("TRACE", "/"),
        ],
    );
}

/// RFC 3986 §3.5: it is not for servers. The library takes it off before anybody matches the path.
#[test]
fn a_fragment_goes_no_further_than_us() {
    let arena = Arena::new();
    assert_eq!(passes(&arena, &Block::request("GET", "/a?b#c")).target, "/a?b");
}

/// RFC 9113 §8.2.3.
#[test]
fn crumbs_of_a_cookie_go_on_as_one_field() {
    let arena = Arena::new();
    let block = get()
        .field("cookie", "a=1")
        .field("x-a", "b")
        .field("cookie", "b=2")
        .field("cookie", "c=3");
    let request = passes(&arena, &block);
    assert_eq!(request.fields.all("cookie").collect::<Vec<_>>(), ["a=1; b=2; c=3"]);
    arena.judge(Records::AreWhole);
}

#[test]
fn what_a_stranger_claims_over_http_2_goes_no_further() {
    let arena = Arena::new();
    let claims = [
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-port",
        "x-real-ip",
        "forwarded",
        "x_forwarded_for",
        "x-request-id",
        "client-cert",
    ];
    for name in claims {
        let request = passes(&arena, &get().field(name, "claimed"));
        let head = String::from_utf8_lossy(&request.head).to_lowercase();
        assert!(!head.contains("claimed"), "{name}: {head}");
        assert_eq!(request.fields.all("x-forwarded-for").collect::<Vec<_>>(), ["127.0.0.1"]);
        assert_eq!(request.header("x-forwarded-proto"), Some("http"));
    }
    arena.judge(Records::AreWhole);
}

#[test]
fn a_head_over_its_limits_is_answered_and_no_memory_is_kept_for_it() {
    let limits = "limits = { header_bytes = \"1KiB\", header_count = 10, target_bytes = \"256B\" }";
    let arena = Arena::before(|_: &evenkeel_testkit::Request| Script::ok("well"), limits, "");
    let many = |count: usize| (0..count).fold(get(), |block, _| block.field("a", "b"));
    let crumbs = (0..11).fold(get(), |block, _| block.field("cookie", "a"));
    let too_large = get().field("x-a", "a".repeat(1024));
    refuses(&arena, &[Refusal::Status(431)], [many(11), many(20), crumbs, too_large]);
    let long = Block::request("GET", &format!("/{}", "a".repeat(256)));
    assert!(Refusal::Status(414).is(&super::ask(&arena.running, &long)));
    passes(&arena, &many(9));
}

/// RFC 9113 §4.3: the table of the whole connection is out of step.
#[test]
fn a_block_that_cannot_be_decompressed_ends_the_connection() {
    let arena = Arena::new();
    // Index 0, one beyond the table, a table larger than allowed, a size in mid-block, a number without an end, a field cut short.
    let blocks: [&[u8]; 6] = [
        b"\x80",
        b"\xff\xff\x7f",
        b"\x3f\xff\xff\x03",
        b"\x82\x20",
        b"\xff\xff\xff\xff\xff\xff",
        b"\x00\x05ab",
    ];
    refuses(&arena, &[Refusal::Goaway(COMPRESSION_ERROR)], blocks.map(|bytes| get().raw(bytes)));
}

/// The library ends the connection for a name that it cannot represent, and resets the stream for all else.
const MALFORMED: [Refusal; 2] = [Refusal::Malformed, Refusal::Goaway(PROTOCOL_ERROR)];

/// What is an error by the rules of HTTP rather than those of its second version may have an answer.
const MALFORMED_OR_400: [Refusal; 3] =
    [Refusal::Malformed, Refusal::Goaway(PROTOCOL_ERROR), Refusal::Status(400)];
