use super::*;
use crate::upgrade::{accepted, offered};

const LIMITS: ParseLimits = ParseLimits { fields: 4, target_bytes: 16, names: UnusualNames::Drop };

fn read(
    control: (&str, Option<&str>, Option<&str>),
    decoded: &[(&str, &str)],
) -> Result<RequestHead, ParseError> {
    let (method, authority, path) = control;
    let control = Control {
        method: method.as_bytes(),
        scheme: Some(b"https"),
        authority: authority.map(str::as_bytes),
        path: path.map(str::as_bytes),
        protocol: None,
        nonce: 0,
    };
    let decoded = decoded.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    request_head(Fields::default(), control, decoded, LIMITS)
}

fn malformed(outcome: &Result<RequestHead, ParseError>) -> bool {
    matches!(outcome, Err(ParseError::Malformed(_)))
}

#[test]
fn a_head_says_the_same_as_one_of_http1() {
    let head = read(("POST", Some("h:1"), Some("/a?b")), &[("x-a", "1"), ("x-b", "")]).unwrap();
    assert_eq!((head.method, head.method_token()), (Method::Post, &b"POST"[..]));
    assert_eq!(
        (head.path(), head.authority(), head.scheme()),
        (&b"/a?b"[..], Some(&b"h:1"[..]), None)
    );
    let fields: Vec<_> = head.fields.iter().map(|field| (field.name, field.value)).collect();
    assert_eq!(fields, [(&b"x-a"[..], &b"1"[..]), (b"x-b", b"")]);
}

/// RFC 9113 §8.2.3.
#[test]
fn a_cookie_in_pieces_goes_on_in_one() {
    let crumbs = [("cookie", "a=1"), ("x", "y"), ("cookie", "b=2"), ("cookie", "c=3")];
    let head = read(("GET", Some("h"), Some("/")), &crumbs).unwrap();
    let cookies: Vec<_> = head.fields.all(FieldName::Cookie).collect();
    assert_eq!(cookies, [b"a=1; b=2; c=3"]);
}

/// RFC 9113 §8.3.1.
#[test]
fn host_stands_for_a_missing_authority_and_contradicts_none() {
    for (authority, hosts, expected) in [
        (Some("h"), &[][..], Some("h")),
        (None, &["h"], Some("h")),
        (Some("h"), &["H"], Some("h")),
        (Some("h"), &["other"], None),
        (Some("h"), &["h", "other"], None),
        (None, &["h", "h"], None),
        (None, &[], None),
        (Some(""), &[], None),
        (Some("user@h"), &[], None),
        (Some("a,b"), &[], None),
        (Some("h/x"), &[], None),
    ] {
        let decoded: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
        let read = read(("GET", authority, Some("/")), &decoded);
        let found = read.as_ref().ok().and_then(|head| head.authority());
        assert_eq!(found, expected.map(str::as_bytes), "{authority:?} {hosts:?}");
    }
}

/// RFC 9113 §8.2.2: what one of HTTP/1 behind us could take for its own (H2.TE, CVE-2021-21295).
#[test]
fn fields_of_a_connection_of_http1_make_a_request_malformed() {
    for (name, value) in [
        ("connection", "close"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "close"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        ("http2-settings", "AAA"),
        ("te", "gzip"),
        ("te", "trailers, gzip"),
        ("x", " a"),
        ("x", "a\t"),
    ] {
        assert!(
            malformed(&read(("GET", Some("h"), Some("/")), &[(name, value)])),
            "{name}: {value:?}"
        );
    }
    assert!(read(("GET", Some("h"), Some("/")), &[("te", "trailers")]).is_ok());
    let twice = [("te", "trailers"), ("te", "trailers")];
    assert!(malformed(&read(("GET", Some("h"), Some("/")), &twice)));
}

#[test]
fn a_path_is_one() {
    for (method, path, is_path) in [
        ("GET", "/", true),
        ("GET", "*", false),
        ("OPTIONS", "*", true),
        ("GET", "a", false),
        ("GET", "", false),
        ("GET", "/a#b", false),
        ("GET", "/a b", false),
        ("GET", "/\u{e4}", false),
        ("GET", "http://h/", false),
    ] {
        assert_eq!(
            !malformed(&read((method, Some("h"), Some(path)), &[])),
            is_path,
            "{method} {path}"
        );
    }
    assert!(read(("CONNECT", Some("h:443"), None), &[]).is_ok());
    let long = format!("/{}", "a".repeat(16));
    assert_eq!(read(("GET", Some("h"), Some(&long)), &[]).unwrap_err(), ParseError::TargetTooLong);
}

#[test]
fn a_field_too_many_is_one_even_if_it_is_a_crumb() {
    let crumbs = [("cookie", "a=1"); 5];
    let read = |count: usize| read(("GET", Some("h"), Some("/")), &crumbs[..count]).map(|_| ());
    assert_eq!((read(4), read(5)), (Ok(()), Err(ParseError::TooManyFields)));
}

#[test]
fn unusual_names_do_not_go_on() {
    let head = read(("GET", Some("h"), Some("/")), &[("x_real_ip", "1"), ("x-a", "1")]).unwrap();
    assert_eq!(head.fields.count(), 1);
}

#[test]
fn a_body_is_as_long_as_announced_or_as_it_is() {
    for (length, is_over, expected) in [
        (Some("5"), false, Some(Framing::Length(5))),
        (Some("0"), true, Some(Framing::Length(0))),
        (None, true, Some(Framing::Empty)),
        (None, false, Some(Framing::Chunked)),
        (Some("+5"), false, None),
        (Some("5, 6"), false, None),
    ] {
        let fields: Vec<_> = length.iter().map(|length| ("content-length", *length)).collect();
        let head = read(("POST", Some("h"), Some("/")), &fields).unwrap();
        assert_eq!(request_framing(&head, is_over).ok(), expected, "{length:?}");
    }
}

/// RFC 8441 §5: what it stands for is a handshake that an endpoint of HTTP/1 understands, and nothing of the client's can be taken for ours.
#[test]
fn a_connect_for_a_websocket_is_a_handshake_with_a_key_of_our_own() {
    let read = |protocol: &'static [u8], path: &'static [u8]| {
        let control = Control {
            method: b"CONNECT",
            scheme: Some(b"https"),
            authority: Some(b"h"),
            path: Some(path),
            protocol: Some(protocol),
            nonce: 7,
        };
        let decoded = [("sec-websocket-version", "13"), ("sec-websocket-key", "theirs")];
        let decoded = decoded.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        request_head(Fields::default(), control, decoded, LIMITS)
    };
    let head = read(b"WebSocket", b"/chat").unwrap();
    assert_eq!((head.method, head.method_token()), (Method::Get, &b"GET"[..]));
    let keys: Vec<_> = head.fields.all(FieldName::SecWebSocketKey).collect();
    assert_eq!(keys, [&b"AAAAAAAAAAAAAAAAAAAABw=="[..]]);
    let offer = offered(&head, Framing::Empty).unwrap().unwrap();
    assert!(offer.is_websocket());
    // And the answer of an endpoint of HTTP/2 is one to it.
    let answer = response_head(Fields::default(), (200, "OK"), std::iter::empty(), 9).unwrap();
    let answer = as_switch(answer, keys[0]);
    assert_eq!((answer.status, accepted(&offer, &head, &answer)), (101, Ok(&b"websocket"[..])));
    let other = response_head(Fields::default(), (200, "OK"), std::iter::empty(), 9).unwrap();
    assert!(accepted(&offer, &head, &as_switch(other, b"another")).is_err());
    assert!(malformed(&read(b"websocket", b"")));
}

#[test]
fn answers_are_read_and_framed_by_what_has_come() {
    let read = |status, decoded: &[(&str, &str)]| {
        let decoded = decoded.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        response_head(Fields::default(), (status, ""), decoded, 2)
    };
    let length = &[("content-length", "5")][..];
    for (status, fields, method, is_over, expected) in [
        (200, length, Method::Get, false, Some(Framing::Length(5))),
        (200, length, Method::Head, true, Some(Framing::Empty)),
        (304, length, Method::Get, true, Some(Framing::Empty)),
        (204, &[], Method::Get, true, Some(Framing::Empty)),
        (200, &[], Method::Get, true, Some(Framing::Length(0))),
        (200, &[], Method::Get, false, Some(Framing::Chunked)),
        (200, &[("content-length", "5, 6")], Method::Get, false, None),
    ] {
        let head = read(status, fields).unwrap();
        assert_eq!(response_framing(&head, method, is_over).ok(), expected, "{status} {fields:?}");
    }
    for (status, fields) in [
        (101, &[][..]),
        (200, &[("connection", "close")]),
        (200, &[("transfer-encoding", "chunked")]),
        (200, &[("x", " y")]),
    ] {
        assert!(
            matches!(read(status, fields), Err(ParseError::Malformed(_))),
            "{status} {fields:?}"
        );
    }
    let many = [("a", "1"), ("b", "2"), ("c", "3")];
    assert_eq!(read(200, &many).map(|_| ()), Err(ParseError::TooManyFields));
}
