use proptest::prelude::*;

use super::*;
use crate::path::PathRules;

const LIMITS: ParseLimits = ParseLimits { fields: 10, target_bytes: 64, names: UnusualNames::Drop };

fn fields(bytes: &[u8]) -> Fields {
    Fields { buffer: bytes.to_vec(), ..Fields::default() }
}

fn request(text: &str) -> Result<Option<(RequestHead, usize)>, ParseError> {
    parse_request(&mut fields(text.as_bytes()), text.len(), LIMITS)
}

fn response(text: &str) -> Result<Option<(ResponseHead, usize)>, ParseError> {
    parse_response(&mut fields(text.as_bytes()), text.len(), LIMITS)
}

#[test]
fn a_request_is_taken_apart_and_its_length_known() {
    let text = "POST /a?b=c HTTP/1.1\r\nHost: x.example:81\r\nX-A:  two words \r\n\r\n";
    let (head, length) = request(&format!("{text}body")).unwrap().unwrap();
    assert_eq!(length, text.len());
    assert_eq!(
        (head.method, head.method_token(), head.version),
        (Method::Post, &b"POST"[..], Version::Http11)
    );
    assert_eq!((head.path(), head.authority()), (&b"/a?b=c"[..], Some(&b"x.example:81"[..])));
    let fields: Vec<_> = head.fields.iter().map(|field| (field.id, field.value)).collect();
    assert_eq!(fields, [(FieldName::Host, &b"x.example:81"[..]), (FieldName::Other, b"two words")]);
}

#[test]
fn an_unfinished_head_is_none_and_leaves_the_buffer_alone() {
    let text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for end in 0..text.len() {
        let mut fields = fields(text.as_bytes());
        assert!(parse_request(&mut fields, end, LIMITS).unwrap().is_none(), "{end}");
        assert_eq!(fields.buffer, text.as_bytes());
    }
    assert!(request(text).unwrap().is_some());
}

#[test]
fn an_absolute_target_overrules_host() {
    let (head, _) =
        request("GET http://a.example/p?q HTTP/1.1\r\nHost: other\r\n\r\n").unwrap().unwrap();
    assert_eq!((head.path(), head.authority()), (&b"/p?q"[..], Some(&b"a.example"[..])));
    let (head, _) =
        request("GET HTTP://a.example HTTP/1.1\r\nHost: other\r\n\r\n").unwrap().unwrap();
    assert_eq!((head.path(), head.authority()), (&b"/"[..], Some(&b"a.example"[..])));
    let (head, _) = request("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").unwrap().unwrap();
    assert_eq!(head.path(), b"*");
}

#[test]
fn requests_that_could_be_read_in_two_ways_are_refused() {
    let refused = [
        "GET / HTTP/1.1\nHost: a\n\n",
        "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        "GET / HTTP/1.1\r\n\tX: y\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n \r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\rHost: a\r\n\r\n",
        "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /\u{7f} HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / http/1.1\r\nHost: a\r\n\r\n",
        "GET /\tx HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http:///p HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://u@a/p HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n: empty\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \u{7f}\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX\t: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX\0: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX\u{e9}: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX(: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \u{b}chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\u{c}\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n",
    ];
    for text in refused {
        assert!(
            matches!(request(text), Err(ParseError::Malformed(_))),
            "{text:?} {:?}",
            request(text)
        );
    }
}

#[test]
fn hosts_that_are_no_host_are_refused_in_the_field_and_in_the_target() {
    let refused = [
        "a,b",
        "a, b",
        "a/b",
        "u@a",
        "u:p@a",
        "a?b",
        "a b",
        "a\\b",
        "a\"b",
        "<a>",
        "a^b",
        "a|b",
        "{a}",
        "a`",
        "[::1",
        "::1]",
        "::1",
        "[]",
        "[::1]x",
        "[::1]:x",
        "[v1.a]",
        "[fe80::1%25eth0]",
        "[127.0.0.1]",
        "a[b]",
        "[a]",
        "a:b",
        "a:8o",
        "a:-1",
        "a:+1",
        "a:65536",
        "a:999999999999",
        "a:1:2",
        ":80",
        ":",
        "a%",
        "a%2",
        "a%zz",
        "\u{e9}",
    ];
    for host in refused {
        let in_field = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert!(matches!(request(&in_field), Err(ParseError::Malformed(_))), "{host}");
        // Here these end the authority.
        if !host.contains(['/', '?']) {
            let in_target = format!("GET http://{host}/ HTTP/1.1\r\nHost: a\r\n\r\n");
            assert!(matches!(request(&in_target), Err(ParseError::Malformed(_))), "{host}");
        }
    }
    for host in [
        "a",
        "a.example.",
        "a_b",
        "a:",
        "a:80",
        "a:65535",
        "10.0.0.1:1",
        "[::1]",
        "[::ffff:1.2.3.4]:80",
        "a%c3%a9",
    ] {
        assert!(request(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).is_ok(), "{host}");
        let (head, _) =
            request(&format!("GET http://{host} HTTP/1.1\r\nHost: b\r\n\r\n")).unwrap().unwrap();
        assert_eq!(head.authority(), Some(host.as_bytes()), "{host}");
    }
}

#[test]
fn an_absolute_target_without_a_path_gets_the_one_that_it_means() {
    let table = [
        ("GET http://a.example?q=1", "/?q=1"),
        ("GET http://a.example?", "/?"),
        ("OPTIONS http://a.example?q", "/?q"),
        ("OPTIONS http://a.example", "*"),
        ("OPTIONS http://a.example/", "/"),
        ("GET http://a.example", "/"),
    ];
    for (line, path) in table {
        let text = format!("{line} HTTP/1.1\r\nHost: other\r\nX: y\r\n\r\n");
        let (mut head, length) = request(&text).unwrap().unwrap();
        assert_eq!(length, text.len());
        for _ in 0..2 {
            assert_eq!(
                (head.path(), head.authority()),
                (path.as_bytes(), Some(&b"a.example"[..])),
                "{line}"
            );
            head.normalise_path(&PathRules::default()).unwrap();
        }
        assert_eq!(head.fields.first(FieldName::Host), Some(&b"other"[..]));
    }
}

#[test]
fn the_path_of_a_head_is_brought_into_its_normal_form() {
    for target in ["/a/%2e%2e/%62?c=%62", "http://h/a/%2e%2e/%62?c=%62"] {
        let text = format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
        let (mut head, _) = request(&text).unwrap().unwrap();
        assert_eq!(head.normalise_path(&PathRules::default()), Ok(()));
        assert_eq!(head.path(), b"/b?c=%62");
    }
    let (mut head, _) = request("GET /.. HTTP/1.1\r\nHost: h\r\n\r\n").unwrap().unwrap();
    assert!(head.normalise_path(&PathRules::default()).is_err());
}

#[test]
fn fields_whose_names_could_stand_for_others_are_dropped_refused_or_kept() {
    let text = "GET / HTTP/1.1\r\nHost: a\r\nX_Real_IP: 1\r\nConnection: x_a, x-b\r\nX_A: 1\r\nX.B: 1\r\n\
                Content_Length: 5\r\nTransfer_Encoding: chunked\r\nX-Plain: 1\r\n\r\n";
    let read = |names| {
        parse_request(&mut fields(text.as_bytes()), text.len(), ParseLimits { names, ..LIMITS })
    };
    let (head, _) = read(UnusualNames::Drop).unwrap().unwrap();
    let names: Vec<_> = head.fields.iter().map(|field| field.name).collect();
    assert_eq!(names, [&b"Host"[..], b"Connection", b"X-Plain"]);
    assert!(matches!(read(UnusualNames::Refuse), Err(ParseError::Malformed(_))));
    let (head, _) = read(UnusualNames::Keep).unwrap().unwrap();
    assert_eq!(head.fields.count(), 8);
    // What an endpoint says in its own name stays.
    let (head, _) = response("HTTP/1.1 200 OK\r\nX_A: 1\r\n\r\n").unwrap().unwrap();
    assert_eq!(head.fields.count(), 1);
}

#[test]
fn later_major_versions_are_refused_as_such_and_what_is_no_version_as_malformed() {
    for version in ["HTTP/2.0", "HTTP/3.0", "HTTP/9.9"] {
        let text = format!("GET / {version}\r\nHost: a\r\n\r\n");
        assert_eq!(request(&text).err(), Some(ParseError::UnsupportedVersion), "{version}");
    }
    // RFC 9113 §3.4: whoever begins HTTP/2 on a connection that does not speak it.
    assert_eq!(request("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").err(), Some(ParseError::Preface));
    for version in
        ["HTTP/1.2", "HTTP/0.9", "http/1.1", "HTTP/1", "HTTP/11", "HTTP/1.10", "HTTP/ 1.1", "x"]
    {
        let text = format!("GET / {version}\r\nHost: a\r\n\r\n");
        assert!(matches!(request(&text), Err(ParseError::Malformed(_))), "{version}");
    }
}

#[test]
fn http_0_9_is_never_taken_for_a_request() {
    for text in ["GET /\r\n", "GET /\r\n\r\n", "GET / \r\n\r\n", "GET\r\n\r\n"] {
        assert!(matches!(request(text), Err(ParseError::Malformed(_))), "{text:?}");
    }
}

/// RFC 9113 §3.4: what a server says first, and last, that speaks nothing but HTTP/2.
#[test]
fn an_answer_in_http2_is_told_from_what_is_no_http() {
    for (text, refusal) in [
        ("\0\0\x06\x04\0\0\0\0\0\0\x03", ParseError::Preface),
        ("\0\0\x08\x07\0\0\0\0\0", ParseError::Preface),
        ("\0\0\x06\x04\0\0\0\0\x01", ParseError::UnsupportedVersion),
        ("\0\0\0\0\0\0\0\0\0", ParseError::UnsupportedVersion),
        ("SSH-2.0", ParseError::UnsupportedVersion),
    ] {
        let first_error = (0..=text.len()).find_map(|end| response(&text[..end]).err());
        assert_eq!(first_error, Some(refusal), "{text:?}");
    }
}

#[test]
fn a_refused_version_is_the_same_refusal_however_the_line_arrives() {
    for (text, refusal) in [
        ("GET / HTTP/2.0\r\n", ParseError::UnsupportedVersion),
        ("GET / HTTP/1.2\r\n", ParseError::Malformed("the request line does not end in a version")),
    ] {
        let first_error = (0..=text.len()).find_map(|end| request(&text[..end]).err());
        assert_eq!(first_error, Some(refusal), "{text:?}");
    }
}

#[test]
fn http_1_0_needs_no_host() {
    let (head, _) = request("GET / HTTP/1.0\r\n\r\n").unwrap().unwrap();
    assert_eq!((head.version, head.authority()), (Version::Http10, None));
}

#[test]
fn limits_have_errors_of_their_own() {
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(10));
    assert_eq!(request(&many).err(), Some(ParseError::TooManyFields));
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(64));
    assert_eq!(request(&long).err(), Some(ParseError::TargetTooLong));
}

#[test]
fn an_answer_begins_with_its_status_line() {
    for text in ["\r\nHTTP/1.1 200 OK\r\n\r\n", "\nHTTP/1.1 200 OK\r\n\r\n", "\r", " ", "<"] {
        assert!(response(text).is_err(), "{text:?}");
    }
    assert!(response("").unwrap().is_none());
}

#[test]
fn an_answer_is_taken_apart() {
    let (head, length) = response("HTTP/1.0 404 Not Found\r\nA: b\r\n\r\nrest").unwrap().unwrap();
    assert_eq!(
        (head.status, head.reason(), head.version),
        (404, &b"Not Found"[..], Version::Http10)
    );
    assert_eq!((length, head.fields.count()), (32, 1));
    let (head, _) = response("HTTP/1.1 200\r\n\r\n").unwrap().unwrap();
    assert_eq!(head.reason(), b"");
    for text in [
        "HTTP/1.1 099 X\r\n\r\n",
        "HTTP/1.1 200 OK\n\n",
        "hello",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        "HTTP/1.1 200 OK\r\n A: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: \0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA\0: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 O\0K\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
    ] {
        assert!(response(text).is_err(), "{text:?}");
    }
}

#[test]
fn trailers_are_fields_or_nothing() {
    let fields = parse_trailers(b"X-T: 1\r\nY:2\r\n").unwrap();
    let all: Vec<_> = fields.iter().map(|field| (field.name, field.value)).collect();
    assert_eq!(all, [(&b"X-T"[..], &b"1"[..]), (b"Y", b"2")]);
    assert!(parse_trailers(b"").is_none() && parse_trailers(b"no colon\r\n").is_none());
}

proptest! {
    #[test]
    fn no_bytes_make_the_parsers_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse_request(&mut fields(&bytes), bytes.len(), LIMITS);
        let _ = parse_response(&mut fields(&bytes), bytes.len(), LIMITS);
    }

    #[test]
    fn a_head_is_the_same_however_it_is_cut_into_segments(
        path in "/[a-z0-9%./]{0,20}", sent in prop::collection::vec(("[A-Za-z][A-Za-z0-9_-]{0,12}", "[ -~\\t]{0,20}"), 0..8),
        after in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let lines: String = sent.iter().map(|(name, value)| format!("X{name}:{value}\r\n")).collect();
        let request_head = format!("GET {path} HTTP/1.1\r\nHost: h\r\n{lines}\r\n");
        let answer_head = format!("HTTP/1.1 200 Fine\r\n{lines}\r\n");
        for end in 0..request_head.len() {
            prop_assert!(request(&request_head[..end]).unwrap().is_none());
        }
        for end in 0..answer_head.len() {
            prop_assert!(response(&answer_head[..end]).unwrap().is_none());
        }
        let bytes = [request_head.as_bytes(), &after].concat();
        let (head, length) = parse_request(&mut fields(&bytes), bytes.len(), LIMITS).unwrap().unwrap();
        prop_assert_eq!((length, head.path()), (request_head.len(), path.as_bytes()));
        let bytes = [answer_head.as_bytes(), &after].concat();
        let (head, length) = parse_response(&mut fields(&bytes), bytes.len(), LIMITS).unwrap().unwrap();
        prop_assert_eq!((length, head.fields.count()), (answer_head.len(), sent.len()));
    }

    #[test]
    fn what_is_noted_is_what_was_sent(
        method in "[A-Z]{1,8}", path in "/[a-z0-9/._~-]{0,40}",
        sent in prop::collection::vec(("[a-z][a-z0-9-]{0,12}", "[!-~]([ -~]{0,20}[!-~])?"), 0..8),
    ) {
        prop_assume!(method != "CONNECT");
        let mut text = format!("{method} {path} HTTP/1.1\r\nhost: h\r\n");
        let sent: Vec<_> = sent.into_iter().filter(|(name, _)| name != "host").collect();
        for (name, value) in &sent {
            text.push_str(&format!("{name}:  {value} \r\n"));
        }
        text.push_str("\r\n");
        let (head, length) = request(&text).unwrap().unwrap();
        prop_assert_eq!(length, text.len());
        prop_assert_eq!(head.path(), path.as_bytes());
        let noted: Vec<_> = head.fields.iter().skip(1).map(|field| (field.name, field.value)).collect();
        let sent: Vec<_> = sent.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        prop_assert_eq!(noted, sent);
    }
}
