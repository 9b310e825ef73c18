//! What a balancer has to know of gRPC over HTTP/2: which requests are calls, how long they may take, and how a call fails. Called by the
//! exchange and where we answer in our own name.
//!
//! The source is the project's own description, "gRPC over HTTP2" (`doc/PROTOCOL-HTTP2.md`).

use std::borrow::Cow;
use std::time::Duration;

use crate::field::{Field, Fields};
use crate::head::{RequestHead, Version};
use crate::method::Method;
use crate::onward::FieldSink;

pub mod web;

use web::Dialect;

/// What an endpoint is told of a call otherwise than its client has said it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Retold<'a> {
    /// How much time is left for it, if its client has set it a limit.
    pub timeout: Option<Duration>,
    /// What its client speaks, if that is gRPC-Web, and is translated.
    pub web: Option<&'a Dialect>,
}

impl Retold<'_> {
    /// Whether a field of that name does not go on as it came.
    pub(crate) fn replaces(&self, name: &[u8]) -> bool {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        // Nothing can be put behind a body that is compressed as a whole.
        let of_web = || web::is_content_type(name) || is("accept-encoding");
        self.timeout.is_some() && is(TIMEOUT) || self.web.is_some() && of_web()
    }

    /// Writes what is said instead, beside the other `fields`.
    pub(crate) fn put(&self, out: &mut impl FieldSink, fields: &Fields) {
        if let Some(left) = self.timeout {
            out.field(TIMEOUT.as_bytes(), timeout_value(left).as_bytes());
        }
        let Some(dialect) = self.web else { return };
        out.field(b"content-type", dialect.request_type().as_bytes());
        // Browsers have nothing to unpack messages with; Envoy says so for them, too.
        if find(fields, ACCEPT_ENCODING).is_none() {
            out.field(ACCEPT_ENCODING.as_bytes(), b"identity");
        }
    }
}

mod messages;
mod status;

pub use messages::Messages;
pub use status::Status;

/// Whether a request is a call: a POST with a body of gRPC's. Over HTTP/1 there are none.
pub fn is_call(head: &RequestHead) -> bool {
    head.version == Version::Http2
        && head.method == Method::Post
        && find(&head.fields, "content-type").is_some_and(is_media_type)
}

/// What an answer to a call says of its body, whether the call is one of gRPC or of gRPC-Web; `None` if the request is none.
pub fn answer_type(head: &RequestHead) -> Option<Cow<'static, str>> {
    if is_call(head) {
        return Some(MEDIA_TYPE.into());
    }
    Dialect::of(head).map(|dialect| dialect.answer_type().into())
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

/// The status of a call as its field has it: in the head of an answer that is nothing else ("Trailers-Only"), or in what follows the body.
pub fn status(fields: &Fields) -> Option<&[u8]> {
    find(fields, STATUS)
}

/// After how many milliseconds an endpoint wants a call to be made again, if it says so (gRPC proposal A6).
pub fn pushback(fields: &Fields) -> Option<&[u8]> {
    find(fields, "grpc-retry-pushback-ms")
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

/// The field of how an endpoint may compress messages.
const ACCEPT_ENCODING: &str = "grpc-accept-encoding";

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
