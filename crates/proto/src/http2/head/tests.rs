use super::*;

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
