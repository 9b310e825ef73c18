use evenkeel_proto::field::{Fields, UnusualNames};
use evenkeel_proto::http1::{ParseLimits, parse_request};
use proptest::prelude::*;

use super::*;

const CLIENT: &str = "192.0.2.7";

fn request(text: &str) -> RequestHead {
    let limits = ParseLimits { fields: 20, target_bytes: 8192, names: UnusualNames::Keep };
    let mut fields = Fields::default();
    fields.buffer.extend_from_slice(text.as_bytes());
    parse_request(&mut fields, text.len(), limits).unwrap().unwrap().0
}

/// A GET of `target` with these lines in its head.
fn get(target: &str, lines: &str) -> RequestHead {
    request(&format!("GET {target} HTTP/1.1\r\n{lines}\r\n"))
}

fn key(sources: &str) -> HashKey {
    let sources: Vec<KeySource> = sources.split(' ').map(|text| text.parse().unwrap()).collect();
    HashKey::new(sources)
}

fn client() -> IpAddr {
    CLIENT.parse().unwrap()
}

#[test]
fn a_key_is_what_the_first_source_has() {
    const HOST: &str = "Host: A.example:8080\r\n";
    for (sources, target, lines, expected) in [
        ("host", "/", "Host: A.Example.:8080\r\n", Some("a.example")),
        ("host", "/", "Host: a.example\r\n", Some("a.example")),
        ("host", "/", "Host: [2001:DB8::1]:80\r\n", Some("[2001:db8::1]")),
        ("host", "http://b.example/", HOST, Some("b.example")),
        ("host", "/", "Host:\r\n", None),
        ("path", "/a/b?c=d", HOST, Some("/a/b")),
        ("path", "http://b.example", HOST, Some("/")),
        ("header:X-User", "/", "Host: a\r\nx-uSER:  seven \r\n", Some("seven")),
        ("header:x-user", "/", "Host: a\r\nX-User:\r\nX-User: 8\r\nX-User: 9\r\n", Some("8")),
        ("header:x-user", "/", "Host: a\r\nX-User2: 8\r\n", None),
        ("header:x-user", "/", "Host: a\r\nX-User:\r\n", None),
        ("cookie:id", "/", "Host: a\r\nCookie: a=1; id=2; id=3\r\n", Some("2")),
        ("cookie:id", "/", "Host: a\r\nCookie: id=; id=\"3\"\r\n", Some("\"3\"")),
        ("cookie:id", "/", "Host: a\r\nCookie: a=1\r\nCookie: id=4\r\n", Some("4")),
        ("cookie:id", "/", "Host: a\r\nCookie: ID=1; id\r\n", None),
        ("query:id", "/?id=7", HOST, Some("7")),
        ("query:id", "/?a=id=1&id=7&id=8", HOST, Some("7")),
        ("query:id", "/?id&id=&id=%41=b?c", HOST, Some("%41=b?c")),
        ("query:id", "/?idx=1&ID=2&xid=3", HOST, None),
        ("query:id", "/id=1", HOST, None),
        ("query:id", "/?", HOST, None),
        // What comes later counts if there is nothing before.
        (
            "header:a cookie:b query:c path",
            "/p?c=3",
            "Host: a\r\nCookie: b=2\r\na: 1\r\n",
            Some("1"),
        ),
        ("header:a cookie:b query:c path", "/p?c=3", "Host: a\r\nCookie: b=2\r\n", Some("2")),
        ("header:a cookie:b query:c path", "/p?c=3", HOST, Some("3")),
        ("header:a cookie:b query:c path", "/p", HOST, Some("/p")),
        ("header:a cookie:b query:c", "/p", HOST, None),
    ] {
        let found = key(sources).hash(&get(target, lines), client());
        let expected_hash = expected.map(|text| hash(text.as_bytes()));
        assert_eq!(found, expected_hash, "{sources} of {target} {lines:?} is not {expected:?}");
    }
}

#[test]
fn clients_are_told_apart_by_address_and_by_network() {
    let head = get("/", "Host: a\r\n");
    let of = |address: &str| HashKey::default().hash(&head, address.parse().unwrap());
    for (one, other, is_same) in [
        ("192.0.2.7", "192.0.2.8", false),
        ("192.0.2.7", "::ffff:192.0.2.7", true),
        ("2001:db8::1", "2001:db8::ffff:2:3:4", true),
        ("2001:db8::1", "2001:db8:0:1::1", false),
    ] {
        assert_eq!(of(one) == of(other), is_same, "{one} and {other}");
    }
    assert_eq!(of("192.0.2.7"), Some(hash(&[192, 0, 2, 7])));
    assert_eq!(of("2001:db8::1"), Some(hash(&[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0])));
}

#[test]
fn hosts_that_are_too_long_are_none() {
    let of = |length: usize| {
        let head = get("/", &format!("Host: {}\r\n", "a".repeat(length)));
        key("host").hash(&head, client())
    };
    assert_eq!(of(253), Some(hash(&[b'a'; 253])));
    assert_eq!(of(254), None);
}

#[test]
fn sources_are_written_as_they_are_read() {
    for text in ["client", "host", "path", "header:x-user-id", "cookie:__Host-Id", "query:user[id]"]
    {
        assert_eq!(text.parse::<KeySource>().unwrap().to_string(), text);
    }
    assert_eq!("header:X-User".parse::<KeySource>().unwrap().to_string(), "header:x-user");
    let key = key("cookie:a client");
    assert_eq!(key.sources(), [KeySource::Cookie("a".into()), KeySource::Client]);
}

#[test]
fn what_is_no_source_is_told() {
    let unknown = |text: &str| {
        format!(
            "`{text}` is no source of a key; write `client`, `host`, `path`, `header:NAME`, `cookie:NAME` or `query:NAME`"
        )
    };
    for (text, expected) in [
        ("", unknown("")),
        ("ip", unknown("ip")),
        ("Client", unknown("Client")),
        ("client:1", unknown("client:1")),
        ("head:a", unknown("head:a")),
        (":a", unknown(":a")),
        ("header", "`header` needs a name, as in `header:id`".into()),
        ("cookie:", "`cookie` needs a name, as in `cookie:id`".into()),
        ("header:x user", "`x user` cannot be the name in `header:`".into()),
        ("header:a:b", "`a:b` cannot be the name in `header:`".into()),
        ("cookie:a=b", "`a=b` cannot be the name in `cookie:`".into()),
        ("query:a&b", "`a&b` cannot be the name in `query:`".into()),
        ("query:ä", "`ä` cannot be the name in `query:`".into()),
    ] {
        let error = text.parse::<KeySource>().unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

proptest! {
    #[test]
    fn a_parameter_is_found_whatever_stands_beside_it(
        other in "[a-h&=?%+]{0,30}",
        value in "[a-z=?%+]{1,10}",
    ) {
        let head = get(&format!("/?{other}&id={value}&{other}"), "Host: a\r\n");
        prop_assert_eq!(key("query:id").hash(&head, client()), Some(hash(value.as_bytes())));
    }
}
