use evenkeel_plan::listener::DownstreamLimits;
use evenkeel_proto::field::{Fields, UnusualNames};
use evenkeel_proto::http1::{ParseLimits, parse_request, request_framing};

use super::*;
use crate::fixture::listener;

fn judged(text: &str) -> Result<(Judged, String), Refusal> {
    judged_by(text, "http")
}

fn judged_by(text: &str, scheme: &str) -> Result<(Judged, String), Refusal> {
    let mut fields = Fields::default();
    fields.buffer.extend_from_slice(text.as_bytes());
    let limits = ParseLimits { fields: 20, target_bytes: 64, names: UnusualNames::Drop };
    let (mut head, _) = parse_request(&mut fields, text.len(), limits).unwrap().unwrap();
    let framing = request_framing(&head);
    let limits = DownstreamLimits { body: Some(10), ..DownstreamLimits::default() };
    let judged = judge(&mut head, framing, &Listener { limits, ..listener() }, scheme)?;
    Ok((judged, String::from_utf8_lossy(head.path()).into_owned()))
}

#[test]
fn a_request_that_is_not_passed_on_has_one_reason() {
    let chunked = "Transfer-Encoding: chunked\r\n";
    let websocket = "Connection: upgrade\r\nUpgrade: websocket\r\n";
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let cases = [
        (format!("POST / _Content-Length: 3\r\n{chunked}"), Reason::RequestMalformed),
        ("POST / _Transfer-Encoding: gzip, chunked\r\n".into(), Reason::NotImplemented),
        ("CONNECT a:443 _".into(), Reason::MethodNotAllowed),
        ("CONNECT a:443 _Content-Length: 3\r\n".into(), Reason::RequestMalformed),
        (format!("CONNECT a:443 _{chunked}"), Reason::RequestMalformed),
        ("TRACE / _".into(), Reason::MethodNotAllowed),
        ("GET /a/..%2fb _".into(), Reason::PathRefused),
        ("GET /../b _".into(), Reason::PathRefused),
        ("PUT / _Content-Length: 11\r\n".into(), Reason::BodyTooLarge),
        ("PUT / _Content-Length: 1\r\nExpect: 101-continue\r\n".into(), Reason::ExpectationFailed),
        (format!("GET / _{websocket}{key}Sec-WebSocket-Version: 7\r\n"), Reason::UpgradeRequired),
        (format!("GET / _{websocket}Sec-WebSocket-Version: 13\r\n"), Reason::RequestMalformed),
    ];
    for (text, reason) in cases {
        let text = text.replace('_', "HTTP/1.1\r\nHost: a\r\n") + "\r\n";
        let refusal = judged(&text).unwrap_err();
        assert_eq!(refusal.reason, reason, "{text}");
        // It has many causes, and the log says which.
        assert_eq!(refusal.what.is_some(), HAVE_MANY.contains(&reason), "{text}: {refusal:?}");
    }
}

const HAVE_MANY: [Reason; 3] =
    [Reason::RequestMalformed, Reason::PathRefused, Reason::NotImplemented];

/// A target that names the other scheme was meant for somebody else, or is to be read in two ways (RFC 9112 §3.2.2).
#[test]
fn an_absolute_target_names_the_scheme_by_which_it_came() {
    for (target, scheme, is_taken) in [
        ("http://a/", "http", true),
        ("HTTPS://a/", "https", true),
        ("https://a/", "http", false),
        ("http://a/", "https", false),
        ("/", "https", true),
    ] {
        let text = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(judged_by(&text, scheme).is_ok(), is_taken, "{target} by {scheme}");
    }
}

#[test]
fn what_is_passed_on_has_its_path_in_normal_form() {
    let text = "PUT /a/./%7Eb/../c?d=%2f HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n";
    let (judged, path) = judged(text).unwrap();
    assert_eq!(path, "/a/c?d=%2f");
    assert_eq!((judged.framing, judged.expects_continue), (Framing::Length(10), true));
    assert!(judged.offer.is_none());
}
