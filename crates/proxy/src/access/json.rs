//! A line as one JSON object (RFC 8259), with the attribute names of OpenTelemetry's semantic conventions where there are any.
//!
//! Hand-written: a line is made for every request, and building a tree of values first would cost several times as much.

use std::time::Duration;

use evenkeel_plan::reason::Reason;
use evenkeel_proto::head::{RequestHead, Version};
use evenkeel_proto::method::Method;
use evenkeel_proto::onward::address;

use super::escape::{LONG, SHORT, append, first_char, hex, is_treacherous};
use super::figures::{Moment, digits, number, seconds};
use super::request::{Told, Trace, split_port, split_query};
use super::{Course, Record};

/// Appends the line for `record`, with its line feed.
pub(crate) fn json(out: &mut Vec<u8>, record: &Record<'_>) {
    out.extend_from_slice(b"{\"timestamp\":\"");
    timestamp(out, record.began);
    out.extend_from_slice(b"\",\"client.address\":\"");
    address(out, record.client.ip());
    out.extend_from_slice(b"\",\"client.port\":");
    number(out, record.client.port());
    if let Some(subject) = record.subject {
        text(out, ",\"tls.client.subject\":\"", subject.as_bytes(), SHORT);
    }
    match record.head {
        Some(head) if head.is_stream() => stream(out, head, record),
        head => http(out, head, record),
    }
    text(out, ",\"evenkeel.listener\":\"", record.listener.as_bytes(), SHORT);
    course(out, &record.course);
    if !record.request_id.is_empty() {
        text(out, ",\"evenkeel.request_id\":\"", record.request_id, SHORT);
    }
    if let Some(reason) = record.failure {
        text(out, ",\"evenkeel.reason\":\"", reason.name().as_bytes(), SHORT);
        if let Some(detail) = record.detail {
            text(out, ",\"evenkeel.reason_detail\":\"", detail.as_bytes(), SHORT);
        }
    }
    if record.course.would_limit {
        let reason = Reason::RateLimited.name();
        text(out, ",\"evenkeel.dry_run\":\"", reason.as_bytes(), SHORT);
    }
    times(out, record);
    out.extend_from_slice(b"}\n");
}

/// RFC 3339 in UTC, with milliseconds.
fn timestamp(out: &mut Vec<u8>, began: Duration) {
    let moment = Moment::from_epoch(began);
    digits::<4>(out, moment.year);
    out.push(b'-');
    digits::<2>(out, moment.month);
    out.push(b'-');
    digits::<2>(out, moment.day);
    out.push(b'T');
    moment.clock(out);
    out.push(b'.');
    digits::<3>(out, moment.millis);
    out.push(b'Z');
}

fn stream(out: &mut Vec<u8>, head: &RequestHead, record: &Record<'_>) {
    out.extend_from_slice(b",\"network.transport\":\"tcp\"");
    if let Some(host) = head.authority() {
        text(out, ",\"server.address\":\"", host, SHORT);
    }
    integer(out, ",\"evenkeel.bytes.in\":", record.bytes_in);
    integer(out, ",\"evenkeel.bytes.out\":", record.bytes_out);
}

fn http(out: &mut Vec<u8>, head: Option<&RequestHead>, record: &Record<'_>) {
    if let Some(head) = head {
        request(out, head, record.scheme);
    }
    if let Some(status) = record.status {
        integer(out, ",\"http.response.status_code\":", status);
    }
    if let Some(call) = record.call {
        text(out, ",\"rpc.response.status_code\":\"", call.name().as_bytes(), SHORT);
    }
    integer(out, ",\"http.request.body.size\":", record.bytes_in);
    integer(out, ",\"http.response.body.size\":", record.bytes_out);
    if let Some(head) = head {
        told(out, Told::by(head));
    }
}

fn request(out: &mut Vec<u8>, head: &RequestHead, scheme: &str) {
    text(out, ",\"http.request.method\":\"", head.method.label().as_bytes(), SHORT);
    if head.method == Method::Other {
        // As the conventions have it, so that the method itself has few values.
        text(out, ",\"http.request.method_original\":\"", head.method_token(), SHORT);
    }
    text(out, ",\"url.scheme\":\"", scheme.as_bytes(), SHORT);
    let (path, query) = split_query(head.path());
    text(out, ",\"url.path\":\"", path, LONG);
    if let Some(query) = query {
        text(out, ",\"url.query\":\"", query, LONG);
    }
    if let Some(authority) = head.authority() {
        let (host, port) = split_port(authority);
        text(out, ",\"server.address\":\"", host, SHORT);
        let default = if scheme == "https" { 443 } else { 80 };
        integer(out, ",\"server.port\":", port.unwrap_or(default));
    }
    let version = match head.version {
        Version::Http10 => "1.0",
        Version::Http11 => "1.1",
        Version::Http2 => "2",
    };
    out.extend_from_slice(b",\"network.protocol.name\":\"http\"");
    text(out, ",\"network.protocol.version\":\"", version.as_bytes(), SHORT);
}

fn told(out: &mut Vec<u8>, told: Told<'_>) {
    if let Some(agent) = told.user_agent {
        text(out, ",\"user_agent.original\":\"", agent, LONG);
    }
    if let Some(referer) = told.referer {
        // The conventions make a list of every header field.
        text(out, ",\"http.request.header.referer\":[\"", referer, LONG);
        out.push(b']');
    }
    if let Some(Trace { trace_id, span_id }) = told.trace {
        text(out, ",\"trace_id\":\"", trace_id, SHORT);
        text(out, ",\"span_id\":\"", span_id, SHORT);
    }
}

fn course(out: &mut Vec<u8>, course: &Course<'_>) {
    if let Some(route) = course.route {
        text(out, ",\"evenkeel.route\":\"", route.name.as_bytes(), SHORT);
    }
    if let Some(cluster) = course.cluster {
        text(out, ",\"evenkeel.cluster\":\"", cluster.as_bytes(), SHORT);
        integer(out, ",\"evenkeel.attempts\":", course.attempts);
    }
    if let Some(endpoint) = course.endpoint {
        text(out, ",\"evenkeel.endpoint\":\"", endpoint.as_bytes(), SHORT);
    }
}

fn times(out: &mut Vec<u8>, record: &Record<'_>) {
    let course = &record.course;
    for (key, time) in [
        (",\"evenkeel.time.queue\":", course.queue),
        (",\"evenkeel.time.connect\":", course.connect),
        (",\"evenkeel.time.first_byte\":", course.first_byte),
        (",\"evenkeel.time.own\":", course.own),
        (",\"evenkeel.time.total\":", Some(record.total)),
    ] {
        if let Some(time) = time {
            out.extend_from_slice(key.as_bytes());
            seconds(out, time);
        }
    }
}

/// A key, as it is written up to the value's first character, and a string.
fn text(out: &mut Vec<u8>, key: &str, value: &[u8], limit: usize) {
    out.extend_from_slice(key.as_bytes());
    append(out, value, limit, odd);
    out.push(b'"');
}

fn integer(out: &mut Vec<u8>, key: &str, value: impl itoa::Integer) {
    out.extend_from_slice(key.as_bytes());
    number(out, value);
}

/// Appends the first character of `rest` as RFC 8259 §7 wants it; returns its length. What a viewer would obey in place of
/// showing it is escaped although JSON does not ask for that.
fn odd(out: &mut Vec<u8>, rest: &[u8]) -> usize {
    match first_char(rest) {
        Some(character @ ('"' | '\\')) => out.extend_from_slice(&[b'\\', character as u8]),
        Some(character) if character.is_ascii() || is_treacherous(character) => {
            escape(out, character);
        }
        Some(character) => out.extend_from_slice(&rest[..character.len_utf8()]),
        // JSON has no way to say a byte: one that is no text becomes the replacement character.
        None => escape(out, char::REPLACEMENT_CHARACTER),
    }
    first_char(rest).map_or(1, char::len_utf8)
}

/// All that are escaped are below U+10000, where one escape is one character.
fn escape(out: &mut Vec<u8>, character: char) {
    let [high, low] = (character as u32 as u16).to_be_bytes();
    out.extend_from_slice(&[b'\\', b'u', hex(high >> 4), hex(high), hex(low >> 4), hex(low)]);
}
