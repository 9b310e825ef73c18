//! What a balancer has to know of gRPC over HTTP/2: which requests are calls, how long they may take, and how a call fails. Called by the
//! exchange and where we answer in our own name.
//!
//! The source is the project's own description, "gRPC over HTTP2" (`doc/PROTOCOL-HTTP2.md`).

use std::time::Duration;

use crate::field::{Field, Fields};
use crate::head::{RequestHead, Version};
use crate::method::Method;

/// Whether a request is a call: a POST with a body of gRPC's. Over HTTP/1 there are none.
pub fn is_call(head: &RequestHead) -> bool {
    head.version == Version::Http2
        && head.method == Method::Post
        && find(&head.fields, "content-type").is_some_and(is_media_type)
}

/// `application/grpc`, and what may follow it.
fn is_media_type(value: &[u8]) -> bool {
    let Some((begin, rest)) = value.split_at_checked(MEDIA_TYPE.len()) else { return false };
    begin.eq_ignore_ascii_case(MEDIA_TYPE.as_bytes())
        && matches!(rest.first(), None | Some(b'+' | b';' | b' '))
}

/// How long a call may take by the word of its client; `None` if it says nothing that can be understood.
pub fn timeout(fields: &Fields) -> Option<Duration> {
    let (unit, digits) = find(fields, TIMEOUT)?.split_last()?;
    if digits.is_empty()
        || digits.len() > TIMEOUT_DIGITS_MAX
        || !digits.iter().all(u8::is_ascii_digit)
    {
        return None;
    }
    let value = digits.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
    Some(match unit {
        b'H' => Duration::from_secs(value * 3600),
        b'M' => Duration::from_secs(value * 60),
        b'S' => Duration::from_secs(value),
        b'm' => Duration::from_millis(value),
        b'u' => Duration::from_micros(value),
        b'n' => Duration::from_nanos(value),
        _ => return None,
    })
}

/// How an endpoint is told that a call may take so long.
pub fn timeout_value(left: Duration) -> String {
    let most = 10_u128.pow(TIMEOUT_DIGITS_MAX as u32) - 1;
    match left.as_millis() {
        millis if millis <= most => format!("{millis}m"),
        _ => format!("{}S", u128::from(left.as_secs()).min(most)),
    }
}

/// The status in the head of an answer, where that is all of it ("Trailers-Only").
pub fn status(fields: &Fields) -> Option<&[u8]> {
    find(fields, STATUS)
}

/// After how many milliseconds an endpoint wants a call to be made again, if it says so (gRPC proposal A6).
pub fn pushback(fields: &Fields) -> Option<&[u8]> {
    find(fields, "grpc-retry-pushback-ms")
}

/// What a status that is not good says about an endpoint, as HTTP would say it. That a call was wrong says nothing about it.
pub const fn http_status(code: u8) -> u16 {
    match code {
        // UNKNOWN, INTERNAL, DATA_LOSS.
        2 | 13 | 15 => 500,
        // UNAVAILABLE.
        14 => 503,
        // DEADLINE_EXCEEDED is that of the client: it may have been short.
        _ => 200,
    }
}

/// A message as the field for it wants it: percent-encoded, but for printable ASCII.
pub fn message_value(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => value.push(char::from(byte)),
            _ => value.extend(["%".to_owned(), format!("{byte:02X}")]),
        }
    }
    value
}

/// Whether it is the field of a call's timeout.
pub(crate) fn is_timeout(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(TIMEOUT.as_bytes())
}

fn find<'f>(fields: &'f Fields, name: &str) -> Option<&'f [u8]> {
    let named = |field: &Field<'_>| field.name.eq_ignore_ascii_case(name.as_bytes());
    fields.iter().find(named).map(|field| field.value)
}

/// What the body of a call is.
pub const MEDIA_TYPE: &str = "application/grpc";

/// The field of a call's status, a number.
pub const STATUS: &str = "grpc-status";

/// The field of what is said about it.
pub const MESSAGE: &str = "grpc-message";

/// The field of a call's timeout.
pub const TIMEOUT: &str = "grpc-timeout";

const TIMEOUT_DIGITS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_eight_digits_and_a_unit() {
        for (value, expected) in [
            ("1S", Some(Duration::from_secs(1))),
            ("2H", Some(Duration::from_secs(7200))),
            ("3M", Some(Duration::from_secs(180))),
            ("99999999m", Some(Duration::from_millis(99_999_999))),
            ("250u", Some(Duration::from_micros(250))),
            ("0n", Some(Duration::ZERO)),
            ("100000000m", None),
            ("S", None),
            ("", None),
            ("-1S", None),
            ("1s", None),
            ("1", None),
        ] {
            let mut fields = Fields::default();
            fields.push(b"Grpc-Timeout", value.as_bytes());
            assert_eq!(timeout(&fields), expected, "{value}");
        }
        assert_eq!(timeout(&Fields::default()), None);
    }

    #[test]
    fn a_timeout_goes_on_in_milliseconds_or_in_seconds_where_these_are_too_many() {
        for (left, expected) in [
            (Duration::from_micros(1500), "1m"),
            (Duration::from_millis(99_999_999), "99999999m"),
            (Duration::from_millis(100_000_000), "100000S"),
            (Duration::MAX, "99999999S"),
        ] {
            assert_eq!(timeout_value(left), expected);
        }
    }

    #[test]
    fn a_call_is_a_post_over_http_2_of_its_media_type() {
        for (value, expected) in [
            ("application/grpc", true),
            ("Application/GRPC+proto", true),
            ("application/grpc; charset=utf-8", true),
            ("application/grpc-web", false),
            ("application/grp", false),
            ("", false),
        ] {
            assert_eq!(is_media_type(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn messages_are_printable_ascii() {
        assert_eq!(message_value("50% \u{fc}\n~"), "50%25 %C3%BC%0A~");
    }
}
