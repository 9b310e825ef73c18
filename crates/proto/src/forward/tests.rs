use super::*;
use crate::field::UnusualNames;
use crate::http1::{ParseLimits, parse_request};
use crate::trailer::wants_trailers;

const LIMITS: ParseLimits = ParseLimits { fields: 20, target_bytes: 64, names: UnusualNames::Keep };

fn request(line: &str, lines: &str) -> RequestHead {
    let text = format!("{line}\r\nHost: a\r\n{lines}\r\n");
    let mut fields = Fields { buffer: text.clone().into_bytes(), ..Fields::default() };
    parse_request(&mut fields, text.len(), LIMITS).unwrap().unwrap().0
}

fn fields(list: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::default();
    for (name, value) in list {
        fields.push(name.as_bytes(), value.as_bytes());
    }
    fields
}

#[test]
fn connections_are_kept_as_the_version_has_it_unless_told_otherwise() {
    let table = [
        (Version::Http11, "", true),
        (Version::Http11, "close", false),
        (Version::Http11, "Keep-Alive, CLOSE", false),
        (Version::Http10, "", false),
        (Version::Http10, "Keep-Alive", true),
        (Version::Http10, "keep-alive, close", false),
    ];
    for (version, connection, kept) in table {
        let fields = fields(&[("Connection", connection)]);
        assert_eq!(wants_keep_alive(&fields, version), kept, "{version:?} {connection}");
    }
}

#[test]
fn what_connection_names_ends_here_but_not_what_endpoints_rely_on() {
    let fields = fields(&[
        ("Connection", "X-A, cookie, x-forwarded-for"),
        ("x-a", "1"),
        ("X-B", "2"),
        ("Cookie", "c"),
    ]);
    let names: Vec<_> = end_to_end(&fields).map(|field| field.name).collect();
    assert_eq!(names, [&b"X-B"[..], b"Cookie"]);
}

#[test]
fn a_client_cannot_have_what_proxies_vouch_for_taken_away() {
    let vouched = [
        "Host",
        "Content-Length",
        "Via",
        "Forwarded",
        "X-Real-IP",
        "X-Forwarded-Port",
        "Authorization",
        "Cookie",
        "Date",
        "Content-Type",
        "Max-Forwards",
    ];
    for name in vouched {
        for spelling in [name.to_lowercase(), name.to_uppercase()] {
            let fields = fields(&[("connection", &format!("CLOSE , {spelling}")), (name, "1")]);
            let kept = end_to_end(&fields).any(|field| field.name == name.as_bytes());
            let ours = fate(FieldName::from_bytes(name.as_bytes())) == Fate::Rewritten;
            assert!(kept || ours, "{name}");
        }
    }
}

#[test]
fn what_connection_names_is_found_in_any_case_and_any_line() {
    let fields = fields(&[
        ("CONNECTION", "keep-alive"),
        ("connection", " ,X-Hop,, accept"),
        ("x-HOP", "1"),
        ("Accept", "*/*"),
        ("Keep-Alive", "1"),
        ("Proxy-Connection", "1"),
        ("HTTP2-Settings", "1"),
        ("TE", "1"),
        ("Trailer", "1"),
        ("Upgrade", "1"),
        ("Transfer-Encoding", "1"),
    ]);
    assert_eq!(end_to_end(&fields).count(), 0);
}

#[test]
fn a_claim_about_the_client_is_one_in_every_spelling() {
    let field = |name: &'static str| Field {
        id: FieldName::from_bytes(name.as_bytes()),
        name: name.as_bytes(),
        value: b"1",
    };
    for name in [
        "Forwarded",
        "X_Forwarded_For",
        "x.forwarded-proto",
        "X-REAL-IP",
        "X_Real_Ip",
        "x_request_id",
    ] {
        assert!(claims_client(&field(name)), "{name}");
    }
    for name in ["Forward", "X-Forward", "X-Real", "Accept", "X-Request"] {
        assert!(!claims_client(&field(name)), "{name}");
    }
}

#[test]
fn only_the_one_expectation_that_there_is_is_met() {
    let expects = |version: &str, lines: &str, framing| {
        expects_continue(&request(&format!("POST / HTTP/{version}"), lines), framing)
    };
    let (body, unknown) = (Framing::Length(1), Err(UnknownExpectation));
    let table = [
        ("", Ok(false)),
        ("Expect: 100-continue\r\n", Ok(true)),
        ("Expect: 100-continuE\r\nExpect: 100-Continue, 100-continue\r\n", Ok(true)),
        ("Expect:\r\n", Ok(false)),
        ("Expect: y 100-continue\r\n", unknown),
        ("Expect: 100-continue;a\r\n", unknown),
        ("Expect: 100-continue=1\r\n", unknown),
        ("Expect: 100-continue, y\r\n", unknown),
        ("Expect: \"100-continue\"\r\n", unknown),
    ];
    for (lines, expected) in table {
        assert_eq!(expects("1.1", lines, body), expected, "{lines}");
        assert_eq!(expects("1.1", lines, Framing::Empty), expected.map(|_| false), "{lines}");
        assert_eq!(expects("1.0", lines, body), Ok(false), "{lines}");
    }
    assert_eq!(expects("1.1", "Expect: 100-continue\r\n", Framing::Chunked), Ok(true));
    assert_eq!(expects("1.1", "Expect: 100-continue\r\n", Framing::Length(0)), Ok(false));
}

#[test]
fn hops_are_counted_for_options_only_and_only_by_numbers() {
    let left = |method: &str, value: &str| {
        max_forwards(&request(
            &format!("{method} / HTTP/1.1"),
            &format!("Max-Forwards: {value}\r\n"),
        ))
    };
    assert_eq!(left("OPTIONS", "0"), Some(0));
    assert_eq!(left("OPTIONS", "10"), Some(10));
    assert_eq!(left("GET", "0"), None);
    for value in ["", "-1", "+1", "1 0", "0x1", "a", "1,2"] {
        assert_eq!(left("OPTIONS", value), None, "{value}");
    }
}

#[test]
fn trailers_are_wanted_by_whoever_says_so() {
    let wants = |version: &str, te: &str| {
        wants_trailers(&request(&format!("GET / HTTP/{version}"), &format!("TE: {te}\r\n")))
    };
    assert!(wants("1.1", "trailers") && wants("1.1", "gzip;q=0.5, Trailers"));
    for te in ["", "trailer", "gzip", "trailers;q=0", "xtrailers"] {
        assert!(!wants("1.1", te), "{te}");
    }
    assert!(!wants("1.0", "trailers"));
}

#[test]
fn the_origin_is_the_last_hop_that_is_not_ours() {
    let ours = |address: IpAddr| address.to_string().starts_with("10.");
    let origin_of = |peer: &str, hops: &[&str]| {
        let mut fields = Fields::default();
        for hop in hops {
            fields.push(b"X-Forwarded-For", hop.as_bytes());
        }
        origin(&fields, peer.parse().unwrap(), ours).to_string()
    };
    for (peer, hops, expected) in [
        ("192.0.2.1", &["203.0.113.9"][..], "192.0.2.1"),
        ("10.0.0.1", &[], "10.0.0.1"),
        ("10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", &["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", &["198.51.100.1, 203.0.113.9, 10.0.0.7", "10.0.0.8"], "203.0.113.9"),
        ("10.0.0.1", &["10.0.0.7, 10.0.0.8"], "10.0.0.7"),
        ("10.0.0.1", &["203.0.113.9, unknown"], "10.0.0.1"),
        ("10.0.0.1", &["203.0.113.9, unknown, 10.0.0.7"], "10.0.0.7"),
        ("10.0.0.1", &["203.0.113.9:4711"], "203.0.113.9"),
        ("10.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
        ("10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
    ] {
        assert_eq!(origin_of(peer, hops), expected, "{peer} {hops:?}");
    }
}
