//! Heads to bytes: one canonical form, whatever came in. Everything written is checked by the parser or made by us, so no
//! line break can get into a field.

use std::io::Write;

use super::Framing;
use super::framing::content_length;
use crate::field::{FieldName, Fields, is_value, list_elements};
use crate::forward::{ClientFacts, PSEUDONYM, claims_client, end_to_end, max_forwards};
use crate::head::{RequestHead, ResponseHead, Version};
use crate::method::Method;
use crate::trailer::{is_trailer, is_trailer_name, wants_trailers};
use crate::upgrade::protocols;

/// How a request goes on to an endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Onward<'a> {
    /// What the endpoint is told about the client.
    pub client: ClientFacts<'a>,
    /// How the body will be delimited.
    pub framing: Framing,
    /// Whether the client waits for 100 before it sends it.
    pub expects_continue: bool,
    /// Whether the client's offer to speak another protocol goes on.
    pub offers_upgrade: bool,
    /// The endpoint's own name, for a request that names no host.
    pub endpoint: &'a str,
    /// How much time is left for the answer, in milliseconds, and the field that says so; `None` where nobody is told.
    pub deadline: Option<(&'a str, u64)>,
}

/// How an answer goes on to a client.
#[derive(Clone, Copy, Debug)]
pub struct Outward<'a> {
    /// How the body will be delimited.
    pub framing: Framing,
    /// What becomes of the connection. Written only where it says something.
    pub connection: Connection,
    /// Whether trailers will follow the body.
    pub trailers: bool,
    /// The identity of the request.
    pub request_id: &'a [u8],
    /// The time, as RFC 9110 §5.6.7 writes it, for an answer without one.
    pub date: &'a str,
    /// For how long the client shall come by TLS only, for an answer that does not say so itself (RFC 6797 §6.1); `None` for nothing.
    pub strict_transport: Option<&'a str>,
}

/// Appends the head with which `head` goes on to an endpoint.
pub fn request_head(out: &mut Vec<u8>, head: &RequestHead, onward: &Onward<'_>) {
    let client = &onward.client;
    let authority = head.authority().unwrap_or(onward.endpoint.as_bytes());
    put(out, &[head.method_token(), b" ", head.path(), b" HTTP/1.1\r\nHost: ", authority, b"\r\n"]);
    let max_forwards = max_forwards(head);
    for field in end_to_end(&head.fields) {
        // RFC 9110 §7.6.2: rewritten for OPTIONS, where a value that is no number is as none; free to ignore elsewhere.
        let counted = field.id == FieldName::MaxForwards && head.method == Method::Options;
        let replaced = onward
            .deadline
            .is_some_and(|(name, _)| field.name.eq_ignore_ascii_case(name.as_bytes()));
        if !counted && !replaced && (client.trusted || !claims_client(&field)) {
            put(out, &[field.name, b": ", field.value, b"\r\n"]);
        }
    }
    if let Some(left) = max_forwards {
        let mut digits = itoa::Buffer::new();
        let left = digits.format(left.saturating_sub(1)).as_bytes();
        put(out, &[b"Max-Forwards: ", left, b"\r\n"]);
    }
    if let Some((name, millis)) = onward.deadline {
        let mut digits = itoa::Buffer::new();
        put(out, &[name.as_bytes(), b": ", digits.format(millis).as_bytes(), b"\r\n"]);
    }
    put_client(out, head, client);
    put_via(out, head.version);
    put_options(out, head, onward);
    put_framing(out, onward.framing);
    out.extend_from_slice(b"\r\n");
}

/// Appends the head with which an endpoint's answer goes on to the client.
pub fn response_head(out: &mut Vec<u8>, head: &ResponseHead, outward: &Outward<'_>) {
    put_status_line(out, head.status, head.reason());
    let mut dated = false;
    let mut strict_transport = outward.strict_transport;
    for field in end_to_end(&head.fields) {
        dated |= field.id == FieldName::Date;
        strict_transport =
            strict_transport.filter(|_| !field.name.eq_ignore_ascii_case(STRICT_TRANSPORT));
        put(out, &[field.name, b": ", field.value, b"\r\n"]);
    }
    put_strict_transport(out, strict_transport);
    if !dated {
        // RFC 9110 §6.6.1: who passes on an answer without a date says when it came.
        put(out, &[b"Date: ", outward.date.as_bytes(), b"\r\n"]);
    }
    if outward.framing == Framing::Empty && head.status >= 200 && head.status != 204 {
        // The answer to HEAD, or 304: the length is not of this message but of the one that GET would get (RFC 9110 §8.6).
        put_length_of_absent_body(out, &head.fields);
    }
    put(out, &[b"X-Request-ID: ", outward.request_id, b"\r\n"]);
    put_via(out, head.version);
    if outward.trailers {
        put_trailer_names(out, &head.fields);
    }
    put_framing(out, outward.framing);
    out.extend_from_slice(outward.connection.line());
    out.extend_from_slice(b"\r\n");
}

/// How long the client shall come by TLS only (RFC 6797 §6.1), if that is said.
fn put_strict_transport(out: &mut Vec<u8>, value: Option<&str>) {
    if let Some(value) = value {
        put(out, &[STRICT_TRANSPORT, b": ", value.as_bytes(), b"\r\n"]);
    }
}

const STRICT_TRANSPORT: &[u8] = b"Strict-Transport-Security";

/// Appends the 101 with which the connection to the client becomes one that speaks `protocol` (RFC 9110 §15.2.2).
pub fn switch_head(out: &mut Vec<u8>, head: &ResponseHead, protocol: &[u8], request_id: &[u8]) {
    put_status_line(out, head.status, head.reason());
    for field in end_to_end(&head.fields) {
        put(out, &[field.name, b": ", field.value, b"\r\n"]);
    }
    put(out, &[b"X-Request-ID: ", request_id, b"\r\n"]);
    put_via(out, head.version);
    put(out, &[b"Connection: Upgrade\r\nUpgrade: ", protocol, b"\r\n\r\n"]);
}

/// Appends an interim answer (RFC 9110 §15.2), which goes on as it came.
pub fn interim_head(out: &mut Vec<u8>, head: &ResponseHead) {
    put_status_line(out, head.status, head.reason());
    for field in end_to_end(&head.fields) {
        put(out, &[field.name, b": ", field.value, b"\r\n"]);
    }
    out.extend_from_slice(b"\r\n");
}

/// An answer of our own.
#[derive(Clone, Copy, Debug)]
pub struct OwnResponse<'a> {
    /// The status.
    pub status: u16,
    /// The identity of the request.
    pub request_id: &'a [u8],
    /// The time, as RFC 9110 §5.6.7 writes it.
    pub date: &'a str,
    /// Further fields; with 426, what to upgrade to must be among them (RFC 9110 §15.5.22). A value that could end its line is
    /// left out with its field.
    pub fields: &'a [(&'static str, &'a str)],
    /// How long the client shall come by TLS only (RFC 6797 §6.1), if that is said.
    pub strict_transport: Option<&'a str>,
    /// What `body` is; empty if there is none.
    pub media_type: &'a str,
    /// The body.
    pub body: &'a [u8],
    /// What becomes of the connection.
    pub connection: Connection,
    /// Whether it answers HEAD, and so must not have the body that it describes (RFC 9110 §9.3.2).
    pub head_only: bool,
}

/// Appends a whole answer of our own.
pub fn own_response(out: &mut Vec<u8>, response: &OwnResponse<'_>) {
    put_status_line(out, response.status, reason_phrase(response.status).as_bytes());
    let content_type = [("Content-Type", response.media_type)];
    let described = usize::from(!response.media_type.is_empty());
    for (name, value) in content_type[..described].iter().chain(response.fields) {
        if is_value(value.as_bytes()) {
            put(out, &[name.as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
        }
    }
    put_strict_transport(out, response.strict_transport);
    // RFC 9110 §6.6.1: who answers in its own name says when.
    put(out, &[b"Date: ", response.date.as_bytes(), b"\r\n"]);
    put(out, &[b"X-Request-ID: ", response.request_id, b"\r\n"]);
    put_framing(out, Framing::Length(response.body.len() as u64));
    let upgrades = response.fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("upgrade"));
    out.extend_from_slice(match (upgrades, response.connection) {
        // RFC 9110 §7.8: whoever sends `Upgrade` names it in `Connection`, so that it goes no further.
        (true, Connection::Close) => b"Connection: close, Upgrade\r\n",
        (true, _) => b"Connection: Upgrade\r\n",
        (false, connection) => connection.line(),
    });
    out.extend_from_slice(b"\r\n");
    if !response.head_only {
        out.extend_from_slice(response.body);
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
        Framing::Length(length) => {
            let mut digits = itoa::Buffer::new();
            put(out, &[b"Content-Length: ", digits.format(length).as_bytes(), b"\r\n"]);
        }
    }
}

/// What is for the connection to the endpoint only (RFC 9110 §7.6.1): an offer to switch, and that trailers are welcome.
fn put_options(out: &mut Vec<u8>, head: &RequestHead, onward: &Onward<'_>) {
    let trailers = wants_trailers(head);
    match (onward.offers_upgrade, trailers) {
        (false, false) => {}
        (true, false) => out.extend_from_slice(b"Connection: Upgrade\r\n"),
        (false, true) => out.extend_from_slice(b"Connection: TE\r\n"),
        (true, true) => out.extend_from_slice(b"Connection: Upgrade, TE\r\n"),
    }
    if onward.offers_upgrade {
        put_list(out, b"Upgrade: ", protocols(&head.fields));
    }
    if trailers {
        out.extend_from_slice(b"TE: trailers\r\n");
    }
    if onward.expects_continue {
        out.extend_from_slice(b"Expect: 100-continue\r\n");
    }
}

fn put_trailer_names(out: &mut Vec<u8>, fields: &Fields) {
    let names = fields.all(FieldName::Trailer).flat_map(list_elements);
    put_list(out, b"Trailer: ", names.filter(|name| is_trailer_name(name)));
}

/// A field with a list, if there is anything in it.
fn put_list<'a>(out: &mut Vec<u8>, name: &[u8], elements: impl Iterator<Item = &'a [u8]>) {
    for (position, element) in elements.enumerate() {
        put(out, &[if position == 0 { name } else { b", " }, element]);
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
}

fn put_length_of_absent_body(out: &mut Vec<u8>, fields: &Fields) {
    // RFC 9110 §8.6: `5, 5` goes on as one number, so that nobody takes it for two.
    if let Ok(Some(length)) = content_length(fields) {
        put_framing(out, Framing::Length(length));
    }
}

/// `X-Forwarded-*`, `X-Request-ID` and `Client-Cert`: what a stranger says of itself is replaced, what one of our own proxies says is kept.
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
    if let Some(certificate) = client.certificate.filter(|_| !client.trusted) {
        out.extend_from_slice(certificate.lines());
    }
}

/// RFC 9110 §7.6.3: a line of our own after those of the hops before us.
fn put_via(out: &mut Vec<u8>, received: Version) {
    put(out, &[b"Via: ", received.via().as_bytes(), b" ", PSEUDONYM.as_bytes(), b"\r\n"]);
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
