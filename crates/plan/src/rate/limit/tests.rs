use evenkeel_proto::field::{Fields, UnusualNames};
use evenkeel_proto::http1::{ParseLimits, parse_request};

use super::*;
use crate::rate::{Per, Prefixes, Rate};

fn request(lines: &str) -> RequestHead {
    let text = format!("GET /a?b HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
    let limits = ParseLimits { fields: 20, target_bytes: 8192, names: UnusualNames::Keep };
    let mut fields = Fields::default();
    fields.buffer.extend_from_slice(text.as_bytes());
    parse_request(&mut fields, text.len(), limits).unwrap().unwrap().0
}

fn limit(key: &str, burst: u32) -> RateLimit {
    let sources: Vec<_> = key.split(' ').map(|source| source.parse().unwrap()).collect();
    RateLimit {
        name: key.into(),
        quota: Quota::new(Rate { count: 1, per: Per::Hour }, burst),
        key: RateKey { sources: sources.into(), prefixes: Prefixes::default() },
        dry_run: false,
        headers: true,
        table: Arc::new(RateTable::new(1024)),
        secret: RandomState::new(),
    }
}

/// How many of ten requests are let through.
fn let_through(limits: &[RateLimit], lines: &str, client: &str) -> usize {
    let (head, client) = (request(lines), client.parse().unwrap());
    (0..10).filter(|_| ask(limits, &head, client, Time::START).refused.is_none()).count()
}

#[test]
fn requests_are_counted_together_that_have_the_same_key() {
    const A: &str = "192.0.2.1";
    for (key, one, other, is_same) in [
        ("client", ("", A), ("", A), true),
        ("client", ("", A), ("", "192.0.2.2"), false),
        ("client", ("", A), ("", "::ffff:192.0.2.1"), true),
        ("client", ("", "2001:db8::1"), ("", "2001:db8::ffff:1"), true),
        ("client", ("", "2001:db8::1"), ("", "2001:db8:0:1::1"), false),
        ("header:k", ("k: 1\r\n", A), ("K: 1\r\n", "192.0.2.2"), true),
        ("header:k", ("k: 1\r\n", A), ("k: 2\r\n", A), false),
        ("header:k", ("", A), ("k:\r\n", A), true),
        ("header:k", ("", A), ("", "192.0.2.2"), false),
        ("cookie:k", ("Cookie: k=1\r\n", A), ("Cookie: a=b; k=1\r\n", "192.0.2.2"), true),
        ("client path", ("", A), ("", A), true),
        ("client path", ("", A), ("", "192.0.2.2"), false),
        ("header:k header:l", ("k: 1\r\nl: 2\r\n", A), ("k: 1\r\nl: 3\r\n", A), false),
        // Where one value ends and the next begins matters.
        ("header:k header:l", ("k: 1\r\nl: 23\r\n", A), ("k: 12\r\nl: 3\r\n", A), false),
    ] {
        let limits = [limit(key, 3)];
        assert_eq!(let_through(&limits, one.0, one.1), 3);
        let expected = if is_same { 0 } else { 3 };
        assert_eq!(let_through(&limits, other.0, other.1), expected, "{key} {one:?} {other:?}");
    }
}

#[test]
fn a_request_that_one_limit_refuses_takes_nothing_from_the_others() {
    let limits = [limit("client", 5), limit("header:k", 2)];
    assert_eq!(let_through(&limits, "k: 1\r\n", "192.0.2.1"), 2);
    // Three of the client's five are left, whatever the other limit refused.
    assert_eq!(let_through(&limits, "k: 2\r\n", "192.0.2.1"), 2);
    assert_eq!(let_through(&limits, "k: 3\r\n", "192.0.2.1"), 1);
}

#[test]
fn a_dry_run_refuses_nobody_and_says_whom_it_would() {
    let limits = [RateLimit { dry_run: true, ..limit("client", 2) }, limit("client", 4)];
    let (head, client) = (request(""), "192.0.2.1".parse().unwrap());
    let said: Vec<_> = (0..6)
        .map(|_| ask(&limits, &head, client, Time::START))
        .map(|said| (said.refused.is_some(), said.would_refuse))
        .collect();
    let [well, would, refused] = [(false, false), (false, true), (true, false)];
    assert_eq!(said, [well, well, would, would, refused, refused]);
}

#[test]
fn the_client_is_told_of_the_limit_of_which_least_remains_if_that_is_wanted() {
    let quiet = RateLimit { headers: false, ..limit("path", 2) };
    let limits = [limit("client", 9), limit("header:k", 4), quiet];
    let head = request("");
    let said = ask(&limits, &head, "192.0.2.1".parse().unwrap(), Time::START);
    let told = said.scarcest.unwrap();
    assert_eq!((told.name, told.verdict.remaining), ("header:k", 3));
}

#[test]
fn a_network_is_as_long_as_its_prefix() {
    for (v4, v6, one, other, is_same) in [
        (24, 64, "192.0.2.1", "192.0.2.200", true),
        (24, 64, "192.0.2.1", "192.0.3.1", false),
        (0, 64, "192.0.2.1", "10.0.0.1", true),
        (32, 48, "2001:db8::1", "2001:db8:0:ffff::1", true),
        (32, 128, "2001:db8::1", "2001:db8::2", false),
        (32, 0, "2001:db8::1", "fd00::1", true),
        // What is no IPv4 network is never one of IPv6 either.
        (0, 0, "2001:db8::1", "10.0.0.1", false),
    ] {
        let prefixes = Prefixes { v4, v6 };
        let [one, other] = [one, other].map(|text| prefixes.cut(text.parse().unwrap()));
        assert_eq!(one == other, is_same, "{prefixes:?} {one:?} {other:?}");
    }
}

#[test]
fn asking_limits_allocates_nothing() {
    let limits = [limit("client", 5), limit("header:k cookie:l path", 5)];
    let head = request("k: 1\r\nCookie: l=2\r\n");
    let client = "2001:db8::1".parse().unwrap();
    let counted = allocation_counter::measure(|| {
        for _ in 0..10 {
            ask(&limits, &head, client, Time::START);
        }
    });
    assert_eq!(counted.count_total, 0);
}
