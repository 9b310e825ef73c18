use proptest::prelude::*;

use super::*;

const LIMITS: ParseLimits = ParseLimits { fields: 10, target_bytes: 64 };

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
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / http/1.1\r\nHost: a\r\n\r\n",
        "GET /\tx HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http:///p HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://u@a/p HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a?q HTTP/1.1\r\nHost: a\r\n\r\n",
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
fn other_versions_are_refused_as_such() {
    for version in ["HTTP/1.2", "HTTP/2.0", "HTTP/0.9"] {
        let text = format!("GET / {version}\r\nHost: a\r\n\r\n");
        assert_eq!(request(&text).err(), Some(ParseError::UnsupportedVersion), "{version}");
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
