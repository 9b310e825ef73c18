use std::sync::Arc;

use evenkeel_plan::access::{AccessFormat, AccessLog, Kept};
use evenkeel_plan::counters::Sharded;
use evenkeel_plan::lines::lines;
use evenkeel_proto::field::{Fields, UnusualNames};
use evenkeel_proto::http1::{ParseLimits, parse_request};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn head(text: &[u8]) -> RequestHead {
    let mut fields = Fields::default();
    fields.buffer.extend_from_slice(text);
    let limits = ParseLimits { fields: 100, target_bytes: 1 << 20, names: UnusualNames::Keep };
    parse_request(&mut fields, text.len(), limits).unwrap().unwrap().0
}

fn record(head: Option<&RequestHead>) -> Record<'_> {
    Record {
        began: Duration::from_millis(1_763_718_000_042),
        listener: "web",
        client: "192.0.2.7:4711".parse().unwrap(),
        subject: None,
        scheme: "http",
        head,
        request_id: b"0199-id",
        status: Some(200),
        call: None,
        failure: None,
        detail: None,
        bytes_in: 0,
        bytes_out: 1234,
        total: Duration::from_micros(1_500_250),
        course: Course::default(),
    }
}

fn route(name: &str) -> Route {
    let everything = Route::everything(0, |_| Arc::new(Sharded::new(1)));
    Route { name: name.into(), ..everything }
}

fn as_json(record: &Record<'_>) -> Value {
    let mut line = Vec::new();
    super::json(&mut line, record);
    assert_eq!(line.iter().position(|&byte| byte == b'\n'), Some(line.len() - 1));
    serde_json::from_slice(&line).unwrap()
}

fn as_combined(record: &Record<'_>) -> String {
    let mut line = Vec::new();
    combined(&mut line, record);
    String::from_utf8(line).unwrap()
}

const PLAIN: &[u8] = b"GET /a/b?c=d HTTP/1.1\r\nHost: www.example.com:8080\r\n\
    User-Agent: curl/8.5 \"x\"\r\nReferer: http://r.example/\r\n\
    traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n";

#[test]
fn json_has_every_attribute_under_its_conventional_name() {
    let head = head(PLAIN);
    let route = route("www.example.com/a/*");
    let course = Course {
        route: Some((&route).into()),
        cluster: Some("api"),
        endpoint: Some("10.0.0.1:80"),
        attempts: 2,
        queue: Some(Duration::from_micros(1)),
        connect: Some(Duration::from_micros(20)),
        first_byte: Some(Duration::from_micros(300)),
        waited: Duration::ZERO,
        own: Some(Duration::from_micros(4)),
        would_limit: true,
    };
    let subject = Some("CN=a\\,b");
    let line = as_json(&Record { course, bytes_in: 7, subject, ..record(Some(&head)) });
    let expected = json!({
        "timestamp": "2025-11-21T09:40:00.042Z",
        "client.address": "192.0.2.7",
        "client.port": 4711,
        "tls.client.subject": "CN=a\\,b",
        "http.request.method": "GET",
        "url.scheme": "http",
        "url.path": "/a/b",
        "url.query": "c=d",
        "server.address": "www.example.com",
        "server.port": 8080,
        "network.protocol.name": "http",
        "network.protocol.version": "1.1",
        "http.response.status_code": 200,
        "http.request.body.size": 7,
        "http.response.body.size": 1234,
        "user_agent.original": "curl/8.5 \"x\"",
        "http.request.header.referer": ["http://r.example/"],
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "span_id": "b7ad6b7169203331",
        "evenkeel.listener": "web",
        "evenkeel.route": "www.example.com/a/*",
        "evenkeel.cluster": "api",
        "evenkeel.endpoint": "10.0.0.1:80",
        "evenkeel.attempts": 2,
        "evenkeel.request_id": "0199-id",
        "evenkeel.dry_run": "rate_limited",
        "evenkeel.time.queue": 0.000001,
        "evenkeel.time.connect": 0.00002,
        "evenkeel.time.first_byte": 0.0003,
        "evenkeel.time.own": 0.000004,
        "evenkeel.time.total": 1.50025,
    });
    assert_eq!(line, expected);
}

/// It has no attributes of HTTP: nobody who counts requests by a log shall count it.
#[test]
fn a_stream_is_told_as_bytes_between_a_client_and_whom_it_has_named() {
    for name in [Some("db.example.com"), None] {
        let head = RequestHead::of_stream(name);
        let record = Record { status: None, bytes_in: 7, ..record(Some(&head)) };
        let mut expected = json!({
            "timestamp": "2025-11-21T09:40:00.042Z",
            "client.address": "192.0.2.7",
            "client.port": 4711,
            "network.transport": "tcp",
            "evenkeel.bytes.in": 7,
            "evenkeel.bytes.out": 1234,
            "evenkeel.listener": "web",
            "evenkeel.request_id": "0199-id",
            "evenkeel.time.total": 1.50025,
        });
        if let Some(name) = name {
            expected["server.address"] = name.into();
        }
        assert_eq!(as_json(&record), expected);
        let expected = "192.0.2.7 - - [21/Nov/2025:09:40:00 +0000] \"-\" - 1234 \"-\" \"-\"\n";
        assert_eq!(as_combined(&record), expected);
    }
}

#[test]
fn what_is_not_known_is_left_out_of_json() {
    let failure = Some(Reason::RequestMalformed);
    let line = as_json(&Record {
        failure,
        detail: Some("it is \"odd\""),
        status: None,
        request_id: b"",
        ..record(None)
    });
    let expected = json!({
        "timestamp": "2025-11-21T09:40:00.042Z",
        "client.address": "192.0.2.7",
        "client.port": 4711,
        "http.request.body.size": 0,
        "http.response.body.size": 1234,
        "evenkeel.listener": "web",
        "evenkeel.reason": "request_malformed",
        "evenkeel.reason_detail": "it is \"odd\"",
        "evenkeel.time.total": 1.50025,
    });
    assert_eq!(line, expected);
}

/// The status beside it is the one that stands for it.
#[test]
fn a_call_of_grpc_has_the_name_of_its_status_in_json_and_that_of_http_in_both_forms() {
    let head = head(PLAIN);
    let call = Some(Status::new(14));
    let record = Record { call, status: Some(503), ..record(Some(&head)) };
    let line = as_json(&record);
    assert_eq!(line["rpc.response.status_code"], "UNAVAILABLE");
    assert_eq!(line["http.response.status_code"], 503);
    assert!(as_combined(&record).contains(" HTTP/1.1\" 503 1234 "));
}

#[test]
fn an_unknown_method_is_other_and_tells_its_name() {
    let head = head(b"PURGE / HTTP/1.0\r\n\r\n");
    let line = as_json(&record(Some(&head)));
    assert_eq!(line["http.request.method"], "_OTHER");
    assert_eq!(line["http.request.method_original"], "PURGE");
    assert_eq!(line["network.protocol.version"], "1.0");
    assert_eq!(line.get("server.address"), None);
    assert_eq!(line.get("url.query"), None);
}

#[test]
fn combined_is_what_apache_writes() {
    let head = head(PLAIN);
    assert_eq!(
        as_combined(&record(Some(&head))),
        "192.0.2.7 - - [21/Nov/2025:09:40:00 +0000] \"GET /a/b?c=d HTTP/1.1\" 200 1234 \
         \"http://r.example/\" \"curl/8.5 \\\"x\\\"\"\n"
    );
    assert_eq!(
        as_combined(&Record { status: None, bytes_out: 0, ..record(None) }),
        "192.0.2.7 - - [21/Nov/2025:09:40:00 +0000] \"-\" - - \"-\" \"-\"\n"
    );
}

#[test]
fn what_could_mislead_a_reader_is_escaped() {
    let agent = "\t\u{7f}\u{85}\u{202e}é\\\u{2028}\u{2066}\u{200f}\u{61c}";
    let bytes = [b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: x".as_slice(), agent.as_bytes()];
    let head = head_with_any_fields(&[&bytes.concat(), b"\xff\xc0y\r\n\r\n".as_slice()].concat());
    let mut line = Vec::new();
    super::json(&mut line, &record(Some(&head)));
    let text = String::from_utf8(line).unwrap();
    let escaped = "x\\u0009\\u007f\\u0085\\u202eé\\\\\\u2028\\u2066\\u200f\\u061c\\ufffd\\ufffdy\"";
    assert!(text.contains(escaped), "{text}");
    let text = as_combined(&record(Some(&head)));
    let escaped = "\"x\\x09\\x7f\\xc2\\x85\\xe2\\x80\\xae\\xc3\\xa9\\\\\\xe2\\x80\\xa8\\xe2\\x81\\xa6\
                   \\xe2\\x80\\x8f\\xd8\\x9c\\xff\\xc0y\"";
    assert!(text.contains(escaped), "{text}");
}

/// A head with a field that a parser may refuse, as other protocols' heads may bring it.
fn head_with_any_fields(text: &[u8]) -> RequestHead {
    let (start, fields) = text.split_at(text.iter().position(|&byte| byte == b'\n').unwrap() + 1);
    let mut head = head(&[start, b"Host: a\r\n\r\n"].concat());
    for line in fields.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(colon) = line.iter().position(|&byte| byte == b':') {
            head.fields.push(&line[..colon], line[colon + 1..].strip_prefix(b" ").unwrap());
        }
    }
    head
}

#[test]
fn long_values_are_cut_between_characters_and_say_so() {
    let path = "/é".repeat(5000);
    let mut head = head(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    head.fields.push(b"user-agent", path.as_bytes());
    let line = as_json(&record(Some(&head)));
    let agent = line["user_agent.original"].as_str().unwrap();
    assert_eq!(agent, format!("{}/...", "/é".repeat(682)));
    head.fields.push(b"referer", &[b'x'; 2048]);
    let line = as_json(&record(Some(&head)));
    assert_eq!(line["http.request.header.referer"][0], "x".repeat(2048), "it just fits");
}

#[test]
fn the_longest_line_fits_into_the_ring() {
    let (word, host) = ("x".repeat(9999), "x".repeat(250));
    let mut head =
        head(format!("{word} /{word}?{word} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
    let bad = [0x01; 9999];
    head.fields.push(b"user-agent", &bad);
    head.fields.push(b"referer", &bad);
    let name = String::from_utf8(bad.to_vec()).unwrap();
    let route = route(&name);
    let course = Course {
        route: Some((&route).into()),
        cluster: Some(&name),
        endpoint: Some(&name),
        attempts: u32::MAX,
        queue: Some(Duration::MAX),
        connect: Some(Duration::MAX),
        first_byte: Some(Duration::MAX),
        waited: Duration::ZERO,
        own: Some(Duration::MAX),
        would_limit: false,
    };
    let record = Record {
        listener: &name,
        subject: Some(&name),
        request_id: &bad,
        failure: Some(Reason::RequestMalformed),
        detail: Some("it is \"odd\""),
        bytes_in: u64::MAX,
        total: Duration::MAX,
        course,
        ..record(Some(&head))
    };
    for form in [super::json, combined] {
        let mut line = Vec::new();
        form(&mut line, &record);
        assert!(line.len() < evenkeel_plan::lines::LINE_BYTES_MAX, "{}", line.len());
    }
}

fn harmless(text: &str) -> bool {
    let line = text.strip_suffix('\n').unwrap();
    line.chars().all(|each| !each.is_control() && !escape::is_treacherous(each))
}

proptest! {
    #[test]
    fn whatever_is_sent_makes_one_harmless_line(
        target in "[a-z0-9?&=]{0,3000}",
        agent in prop::collection::vec(any::<u8>(), 0..3000),
        referer in any::<String>(),
        id in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut head = head(format!("GET /{target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        head.fields.push(b"User-Agent", &agent);
        head.fields.push(b"REFERER", referer.as_bytes());
        let record = Record { request_id: &id, ..record(Some(&head)) };
        let mut line = Vec::new();
        super::json(&mut line, &record);
        let text = std::str::from_utf8(&line).unwrap();
        prop_assert!(harmless(text), "{}", text);
        let value: Value = serde_json::from_str(text).unwrap();
        if referer.len() < 300 {
            prop_assert_eq!(value["http.request.header.referer"][0].as_str(), Some(&*referer));
        }
        let text = as_combined(&record);
        prop_assert!(harmless(&text) && text.is_ascii(), "{}", text);
        let marks = text.replace("\\\\", "").replace("\\\"", "").matches('"').count();
        prop_assert_eq!(marks, 6);
    }
}

#[test]
fn the_log_keeps_what_it_shall_in_the_form_it_shall() {
    let (mut senders, mut receiver) = lines(1);
    let mut log = Log::new(senders.remove(0));
    let fine = record(None);
    let failed = Record { failure: Some(Reason::UpstreamClosed), ..fine };
    let missing = Record { status: Some(404), ..fine };
    let unanswered = Record { status: None, ..fine };
    let head = RequestHead::of_stream(None);
    let stream = Record { head: Some(&head), ..unanswered };
    let broken = Record { failure: Some(Reason::TunnelIdle), ..stream };
    let mut written = |format, keep| {
        for record in [&fine, &failed, &missing, &unanswered, &stream, &broken] {
            log.write(AccessLog { format, keep }, record);
        }
        let mut text = Vec::new();
        receiver.take(&mut text);
        String::from_utf8(text).unwrap()
    };
    let all = written(AccessFormat::Json, Kept::All);
    assert_eq!((all.lines().count(), all.matches("{\"timestamp\"").count()), (6, 6));
    let errors = written(AccessFormat::Combined, Kept::Errors);
    assert_eq!((errors.lines().count(), errors.matches(" 404 1234 ").count()), (4, 1));
}
