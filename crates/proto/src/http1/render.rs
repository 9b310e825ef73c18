//! Heads to bytes: one canonical form, whatever came in. Everything written is checked by the parser or made by us, so no
//! line break can get into a field.

use std::io::Write;

use super::Framing;
use crate::field::{FieldName, Fields};
use crate::forward::{ClientFacts, PSEUDONYM, claims_client, end_to_end};
use crate::head::{RequestHead, ResponseHead, Version};

/// Appends the head with which `head` goes on to an endpoint, whose own name is `endpoint`.
pub fn request_head(
    out: &mut Vec<u8>,
    head: &RequestHead,
    client: &ClientFacts<'_>,
    framing: Framing,
    endpoint: &str,
) {
    let authority = head.authority().unwrap_or(endpoint.as_bytes());
    put(out, &[head.method_token(), b" ", head.path(), b" HTTP/1.1\r\nHost: ", authority, b"\r\n"]);
    for field in end_to_end(&head.fields) {
        let stranger = !client.trusted && claims_client(&field);
        // RFC 9110 §10.1.1: an HTTP/1.0 client cannot be waiting for 100.
        let void = field.id == FieldName::Expect && head.version == Version::Http10;
        if !stranger && !void {
            put(out, &[field.name, b": ", field.value, b"\r\n"]);
        }
    }
    put_client(out, head, client);
    put_via(out, head.version);
    put_framing(out, framing);
    out.extend_from_slice(b"\r\n");
}

/// Appends the head with which an endpoint's answer goes on to the client.
///
/// `framing` is what the body will have on the client's side; `Connection` is written only where it says something.
pub fn response_head(
    out: &mut Vec<u8>,
    head: &ResponseHead,
    framing: Framing,
    connection: Connection,
    request_id: &[u8],
) {
    put_status_line(out, head.status, head.reason());
    for field in end_to_end(&head.fields) {
        put(out, &[field.name, b": ", field.value, b"\r\n"]);
    }
    if framing == Framing::Empty && head.status >= 200 && head.status != 204 {
        // The answer to HEAD, or 304: the length is not of this message but of the one that GET would get (RFC 9110 §8.6).
        put_length_of_absent_body(out, &head.fields);
    }
    put(out, &[b"X-Request-ID: ", request_id, b"\r\n"]);
    put_via(out, head.version);
    put_framing(out, framing);
    out.extend_from_slice(connection.line());
    out.extend_from_slice(b"\r\n");
}

/// Appends an interim answer (RFC 9110 §15.2), which goes on as it came.
pub fn interim_head(out: &mut Vec<u8>, head: &ResponseHead) {
    put_status_line(out, head.status, head.reason());
    for field in end_to_end(&head.fields) {
        put(out, &[field.name, b": ", field.value, b"\r\n"]);
    }
    out.extend_from_slice(b"\r\n");
}

/// A short answer of our own.
#[derive(Clone, Copy, Debug)]
pub struct PlainResponse<'a> {
    /// The status.
    pub status: u16,
    /// The identity of the request.
    pub request_id: &'a [u8],
    /// The time, as RFC 9110 §5.6.7 writes it.
    pub date: &'a str,
    /// Plain text for a person.
    pub text: &'a str,
    /// What becomes of the connection.
    pub connection: Connection,
    /// Whether it answers HEAD, and so must not have the body that it describes (RFC 9110 §9.3.2).
    pub head_only: bool,
}

/// Appends a whole answer of our own.
pub fn plain_response(out: &mut Vec<u8>, response: &PlainResponse<'_>) {
    put_status_line(out, response.status, standard_reason(response.status).as_bytes());
    out.extend_from_slice(b"Content-Type: text/plain; charset=utf-8\r\n");
    // RFC 9110 §6.6.1: who answers in its own name says when.
    put(out, &[b"Date: ", response.date.as_bytes(), b"\r\n"]);
    put(out, &[b"X-Request-ID: ", response.request_id, b"\r\n"]);
    put_framing(out, Framing::Length(response.text.len() as u64));
    out.extend_from_slice(response.connection.line());
    out.extend_from_slice(b"\r\n");
    if !response.head_only {
        out.extend_from_slice(response.text.as_bytes());
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
        Framing::Length(length) => {
            let mut digits = itoa::Buffer::new();
            put(out, &[b"Content-Length: ", digits.format(length).as_bytes(), b"\r\n"]);
        }
    }
}

fn put_length_of_absent_body(out: &mut Vec<u8>, fields: &Fields) {
    if let Some(length) = fields.first(FieldName::ContentLength) {
        put(out, &[b"Content-Length: ", length, b"\r\n"]);
    }
}

/// `X-Forwarded-*` and `X-Request-ID`: what a stranger says of itself is replaced, what one of our own proxies says is kept.
fn put_client(out: &mut Vec<u8>, head: &RequestHead, client: &ClientFacts<'_>) {
    let believed = |id| head.fields.first(id).filter(|_| client.trusted);
    out.extend_from_slice(b"X-Forwarded-For: ");
    if client.trusted {
        for hop in head.fields.all(FieldName::XForwardedFor) {
            put(out, &[hop, b", "]);
        }
    }
    // Writing to memory cannot fail.
    let _ = write!(out, "{}", client.address);
    let scheme = believed(FieldName::XForwardedProto).unwrap_or(client.scheme.as_bytes());
    put(out, &[b"\r\nX-Forwarded-Proto: ", scheme, b"\r\n"]);
    if let Some(host) = believed(FieldName::XForwardedHost).or_else(|| head.authority()) {
        put(out, &[b"X-Forwarded-Host: ", host, b"\r\n"]);
    }
    put(out, &[b"X-Request-ID: ", client.request_id(head), b"\r\n"]);
}

/// RFC 9110 §7.6.3: a line of our own after those of the hops before us.
fn put_via(out: &mut Vec<u8>, received: Version) {
    put(out, &[b"Via: ", received.via().as_bytes(), b" ", PSEUDONYM.as_bytes(), b"\r\n"]);
}

/// The reason phrases of the statuses that we send ourselves.
fn standard_reason(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        408 => "Request Timeout",
        414 => "URI Too Long",
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
