//! Heads to bytes: one canonical form, whatever came in. Everything written is checked by the parser or made by us, so no
//! line break can get into a field.

use std::io::Write;

use super::Framing;
use crate::field::Fields;
use crate::head::{RequestHead, ResponseHead};
use crate::onward::{
    Additions, FieldSink, Onward, OwnAnswer, content_length_field, interim_fields, list,
    own_fields, request_fields, response_fields, trailer_names, via,
};
use crate::trailer::is_trailer;
use crate::upgrade::protocols;

/// How an answer goes on to a client.
#[derive(Clone, Copy, Debug)]
pub struct Outward<'a> {
    /// How the body will be delimited.
    pub framing: Framing,
    /// What becomes of the connection. Written only where it says something.
    pub connection: Connection,
    /// Whether trailers will follow the body.
    pub trailers: bool,
    /// What is said besides.
    pub additions: Additions<'a>,
}

/// Fields as lines.
impl FieldSink for Vec<u8> {
    fn begin(&mut self, name: &[u8]) {
        put(self, &[name, b": "]);
    }

    fn value(&mut self, piece: &[u8]) {
        self.extend_from_slice(piece);
    }

    fn end(&mut self) {
        self.extend_from_slice(b"\r\n");
    }
}

/// Appends the head with which `head` goes on to an endpoint.
pub fn request_head(out: &mut Vec<u8>, head: &RequestHead, onward: &Onward<'_>) {
    put(out, &[head.method_token(), b" ", head.path(), b" HTTP/1.1\r\n"]);
    out.field(b"Host", onward.authority(head));
    request_fields(out, head, onward);
    put_options(out, head, onward);
    put_framing(out, onward.framing);
    out.end();
}

/// Appends the head with which an endpoint's answer goes on to the client.
pub fn response_head(out: &mut Vec<u8>, head: &ResponseHead, outward: &Outward<'_>) {
    put_status_line(out, head.status, head.reason());
    response_fields(out, head, outward.framing, &outward.additions);
    if outward.trailers {
        trailer_names(out, &head.fields);
    }
    put_framing(out, outward.framing);
    out.extend_from_slice(outward.connection.line());
    out.end();
}

/// Appends the 101 with which the connection to the client becomes one that speaks `protocol` (RFC 9110 §15.2.2).
pub fn switch_head(out: &mut Vec<u8>, head: &ResponseHead, protocol: &[u8], request_id: &[u8]) {
    put_status_line(out, head.status, head.reason());
    interim_fields(out, head);
    out.field(b"X-Request-ID", request_id);
    via(out, head.version);
    put(out, &[b"Connection: Upgrade\r\nUpgrade: ", protocol, b"\r\n\r\n"]);
}

/// Appends an interim answer (RFC 9110 §15.2), which goes on as it came.
pub fn interim_head(out: &mut Vec<u8>, head: &ResponseHead) {
    put_status_line(out, head.status, head.reason());
    interim_fields(out, head);
    out.end();
}

/// Appends a whole answer of our own; if it is `head_only`, because it answers HEAD, without the body that it describes (RFC 9110 §9.3.2).
pub fn own_response(
    out: &mut Vec<u8>,
    answer: &OwnAnswer<'_>,
    additions: &Additions<'_>,
    connection: Connection,
    head_only: bool,
) {
    put_status_line(out, answer.status, reason_phrase(answer.status).as_bytes());
    own_fields(out, answer, additions);
    let upgrades = answer.fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("upgrade"));
    out.extend_from_slice(match (upgrades, connection) {
        // RFC 9110 §7.8: whoever sends `Upgrade` names it in `Connection`, so that it goes no further.
        (true, Connection::Close) => b"Connection: close, Upgrade\r\n",
        (true, _) => b"Connection: Upgrade\r\n",
        (false, connection) => connection.line(),
    });
    out.end();
    if !head_only {
        out.extend_from_slice(answer.body);
    }
}

/// Appends the line before a chunk of `length` bytes; after it comes CRLF (RFC 9112 §7.1). A length of 0 would end the body.
pub fn chunk_prefix(out: &mut Vec<u8>, length: usize) {
    debug_assert!(length > 0, "the last chunk is LAST_CHUNK");
    // Writing to memory cannot fail.
    let _ = write!(out, "{length:x}\r\n");
}

/// What ends a chunked body that has no trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Appends the last chunk and `trailers`, as far as they may go on (RFC 9112 §7.1.2).
pub fn trailer_section(out: &mut Vec<u8>, trailers: &Fields) {
    out.extend_from_slice(b"0\r\n");
    for field in trailers.iter().filter(is_trailer) {
        put(out, &[field.name, b": ", field.value, b"\r\n"]);
    }
    out.extend_from_slice(b"\r\n");
}

/// What an answer says about the connection that it goes out on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// Nothing: it is kept, as HTTP/1.1 has it.
    Implied,
    /// It is kept, and an HTTP/1.0 client has to be told.
    KeepAlive,
    /// It is closed after this answer.
    Close,
}

impl Connection {
    fn line(self) -> &'static [u8] {
        match self {
            Self::Implied => b"",
            Self::KeepAlive => b"Connection: keep-alive\r\n",
            Self::Close => b"Connection: close\r\n",
        }
    }
}

fn put(out: &mut Vec<u8>, pieces: &[&[u8]]) {
    for piece in pieces {
        out.extend_from_slice(piece);
    }
}

fn put_status_line(out: &mut Vec<u8>, status: u16, reason: &[u8]) {
    let mut digits = itoa::Buffer::new();
    put(out, &[b"HTTP/1.1 ", digits.format(status).as_bytes(), b" ", reason, b"\r\n"]);
}

fn put_framing(out: &mut Vec<u8>, framing: Framing) {
    match framing {
        Framing::Empty | Framing::UntilClose => {}
        Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        Framing::Length(length) => content_length_field(out, length),
    }
}

/// What is for the connection to the endpoint only (RFC 9110 §7.6.1): an offer to switch, and that trailers are welcome.
fn put_options(out: &mut Vec<u8>, head: &RequestHead, onward: &Onward<'_>) {
    let trailers = onward.welcomes_trailers(head);
    match (onward.offers_upgrade, trailers) {
        (false, false) => {}
        (true, false) => out.extend_from_slice(b"Connection: Upgrade\r\n"),
        (false, true) => out.extend_from_slice(b"Connection: TE\r\n"),
        (true, true) => out.extend_from_slice(b"Connection: Upgrade, TE\r\n"),
    }
    if onward.offers_upgrade {
        list(out, b"Upgrade", protocols(&head.fields));
    }
    if trailers {
        out.extend_from_slice(b"TE: trailers\r\n");
    }
}

/// The reason phrase of a status that we send ourselves (RFC 9110 §15, RFC 6585 §5); empty for others.
pub const fn reason_phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
