//! A line in Apache's combined form: `%h - %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i"`, for the many tools that read it.
//!
//! It escapes as Apache does: nothing but printable ASCII is copied, every other byte becomes `\xhh`.

use std::time::Duration;

use evenkeel_proto::head::{RequestHead, Version};
use evenkeel_proto::onward::address;

use super::Record;
use super::escape::{LONG, SHORT, append, hex};
use super::figures::{Moment, digits, number};
use super::request::Told;

/// Appends the line for `record`, with its line feed.
pub(crate) fn combined(out: &mut Vec<u8>, record: &Record<'_>) {
    address(out, record.client.ip());
    out.extend_from_slice(b" - - [");
    timestamp(out, record.began);
    out.extend_from_slice(b"] \"");
    match record.head.filter(|head| !head.is_stream()) {
        Some(head) => request_line(out, head),
        None => out.push(b'-'),
    }
    out.extend_from_slice(b"\" ");
    number_or_hyphen(out, record.status.unwrap_or(0).into());
    out.push(b' ');
    number_or_hyphen(out, record.bytes_out);
    let told = record.head.map(Told::by).unwrap_or_default();
    quoted(out, told.referer);
    quoted(out, told.user_agent);
    out.push(b'\n');
}

/// `10/Oct/2000:13:55:36 +0000`
fn timestamp(out: &mut Vec<u8>, began: Duration) {
    let moment = Moment::from_epoch(began);
    digits::<2>(out, moment.day);
    out.push(b'/');
    // 1 to 12.
    out.extend_from_slice(MONTHS[(moment.month - 1) as usize % 12]);
    out.push(b'/');
    digits::<4>(out, moment.year);
    out.push(b':');
    moment.clock(out);
    out.extend_from_slice(b" +0000");
}

fn request_line(out: &mut Vec<u8>, head: &RequestHead) {
    append(out, head.method_token(), SHORT, odd);
    out.push(b' ');
    append(out, head.path(), LONG, odd);
    out.extend_from_slice(match head.version {
        Version::Http10 => b" HTTP/1.0",
        Version::Http11 => b" HTTP/1.1",
        Version::Http2 => b" HTTP/2.0",
    });
}

/// A hyphen stands for 'none', as it does in Apache's log.
fn number_or_hyphen(out: &mut Vec<u8>, value: u64) {
    match value {
        0 => out.push(b'-'),
        value => number(out, value),
    }
}

fn quoted(out: &mut Vec<u8>, value: Option<&[u8]>) {
    out.extend_from_slice(b" \"");
    append(out, value.unwrap_or(b"-"), LONG, odd);
    out.push(b'"');
}

/// Appends the first byte of `rest` as Apache does; returns 1.
fn odd(out: &mut Vec<u8>, rest: &[u8]) -> usize {
    match rest[0] {
        byte @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', byte]),
        byte => out.extend_from_slice(&[b'\\', b'x', hex(byte >> 4), hex(byte)]),
    }
    1
}

const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];
