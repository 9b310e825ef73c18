//! What of a head goes on to the other side, and what is said besides, whatever version of HTTP is spoken there. Called by the codecs, which
//! add what is for their connections only.

use std::fmt;
use std::fmt::Write as _;
use std::net::IpAddr;

use crate::field::{FieldName, Fields, is_value, list_elements};
use crate::forward::{ClientFacts, claims_client, end_to_end, max_forwards};
use crate::grpc;
use crate::head::{RequestHead, ResponseHead, Version};
use crate::http1::{Framing, content_length};
use crate::method::Method;
use crate::trailer::{is_trailer_name, wants_trailers};

/// Where the fields of a head are written, one after the other. What is written was checked by a parser or made by us, so no line break is
/// in it.
pub trait FieldSink {
    /// Begins a field; its value follows, in pieces.
    fn begin(&mut self, name: &[u8]);

    /// Appends to the value of the field that was begun.
    fn value(&mut self, piece: &[u8]);

    /// Ends the field that was begun.
    fn end(&mut self);

    /// Writes a whole field.
    fn field(&mut self, name: &[u8], value: &[u8]) {
        self.begin(name);
        self.value(value);
        self.end();
    }
}

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
    /// Whether that is a WebSocket, for which HTTP/2 has its own way.
    pub offers_websocket: bool,
    /// The endpoint's own name, for a request that names no host.
    pub endpoint: &'a str,
    /// How much time is left for the answer, in milliseconds, and the field that says so; `None` where nobody is told.
    pub deadline: Option<(&'a str, u64)>,
    /// What the endpoint is told otherwise than the client has said it, where the request is a call of gRPC; `None` for nothing.
    pub call: Option<grpc::Retold<'a>>,
}

impl Onward<'_> {
    /// Whom the endpoint is told that `head` is for.
    pub fn authority<'a>(&'a self, head: &'a RequestHead) -> &'a [u8] {
        head.authority().unwrap_or(self.endpoint.as_bytes())
    }

    /// Whether the endpoint is told that trailers are welcome.
    pub fn welcomes_trailers(&self, head: &RequestHead) -> bool {
        wants_trailers(head) || self.call.is_some_and(|call| call.web.is_some())
    }
}

/// What is said to a client besides what an endpoint says.
#[derive(Clone, Copy, Debug)]
pub struct Additions<'a> {
    /// The identity of the request.
    pub request_id: &'a [u8],
    /// The time, as RFC 9110 §5.6.7 writes it, for an answer without one.
    pub date: &'a str,
    /// For how long the client shall come by TLS only, for an answer that does not say so itself (RFC 6797 §6.1); `None` for nothing.
    pub strict_transport: Option<&'a str>,
}

/// An answer of our own.
#[derive(Clone, Copy, Debug)]
pub struct OwnAnswer<'a> {
    /// The status.
    pub status: u16,
    /// Fields that only this answer has; with 426, what to upgrade to must be among them (RFC 9110 §15.5.22). A value that could end its line
    /// is left out with its field.
    pub fields: &'a [(&'static str, &'a str)],
    /// What `body` is; empty if there is none.
    pub media_type: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// Writes the fields with which `head` goes on to an endpoint, but for those of its framing and of the connection.
pub fn request_fields(out: &mut impl FieldSink, head: &RequestHead, onward: &Onward<'_>) {
    let client = &onward.client;
    let max_forwards = max_forwards(head);
    for field in end_to_end(&head.fields) {
        // RFC 9110 §7.6.2: rewritten for OPTIONS, where a value that is no number is as none; free to ignore elsewhere.
        let counted = field.id == FieldName::MaxForwards && head.method == Method::Options;
        let replaced = onward
            .deadline
            .is_some_and(|(name, _)| field.name.eq_ignore_ascii_case(name.as_bytes()))
            || onward.call.is_some_and(|call| call.replaces(field.name));
        if !counted && !replaced && (client.trusted || !claims_client(&field)) {
            out.field(field.name, field.value);
        }
    }
    if let Some(left) = max_forwards {
        number(out, b"Max-Forwards", left.saturating_sub(1));
    }
    if let Some((name, millis)) = onward.deadline {
        number(out, name.as_bytes(), millis);
    }
    if let Some(call) = onward.call {
        call.put(out, &head.fields);
    }
    client_fields(out, head, client);
    via(out, head.version);
    if onward.expects_continue {
        out.field(b"Expect", b"100-continue");
    }
}

/// Writes the fields with which an endpoint's answer goes on to the client, but for those of its framing and of the connection. `framing` is
/// how its body will be delimited.
pub fn response_fields(
    out: &mut impl FieldSink,
    head: &ResponseHead,
    framing: Framing,
    additions: &Additions<'_>,
) {
    let mut dated = false;
    let mut strict_transport = additions.strict_transport;
    for field in end_to_end(&head.fields) {
        dated |= field.id == FieldName::Date;
        strict_transport =
            strict_transport.filter(|_| !field.name.eq_ignore_ascii_case(STRICT_TRANSPORT));
        out.field(field.name, field.value);
    }
    put_strict_transport(out, strict_transport);
    if !dated {
        // RFC 9110 §6.6.1: who passes on an answer without a date says when it came.
        out.field(b"Date", additions.date.as_bytes());
    }
    if framing == Framing::Empty && head.status >= 200 && head.status != 204 {
        // The answer to HEAD, or 304: the length is not of this message but of the one that GET would get (RFC 9110 §8.6).
        length_of_absent_body(out, &head.fields);
    }
    out.field(b"X-Request-ID", additions.request_id);
    via(out, head.version);
}

/// Writes the fields of an interim answer (RFC 9110 §15.2), which goes on as it came.
pub fn interim_fields(out: &mut impl FieldSink, head: &ResponseHead) {
    end_to_end(&head.fields).for_each(|field| out.field(field.name, field.value));
}

/// Writes the fields with which a client of HTTP/2 is told that it has the WebSocket it has asked for (RFC 8441 §5): those of the handshake
/// over HTTP/1 mean nothing there.
pub fn tunnel_fields(out: &mut impl FieldSink, head: &ResponseHead, request_id: &[u8]) {
    let of_handshake =
        |id| matches!(id, FieldName::SecWebSocketAccept | FieldName::SecWebSocketKey);
    let fields = end_to_end(&head.fields).filter(|field| !of_handshake(field.id));
    fields.for_each(|field| out.field(field.name, field.value));
    out.field(b"X-Request-ID", request_id);
    via(out, head.version);
}

/// Writes the fields of an answer of our own, but for those of the connection.
pub fn own_fields(out: &mut impl FieldSink, answer: &OwnAnswer<'_>, additions: &Additions<'_>) {
    let content_type = [("Content-Type", answer.media_type)];
    let described = usize::from(!answer.media_type.is_empty());
    for (name, value) in content_type[..described].iter().chain(answer.fields) {
        if is_value(value.as_bytes()) {
            out.field(name.as_bytes(), value.as_bytes());
        }
    }
    put_strict_transport(out, additions.strict_transport);
    // RFC 9110 §6.6.1: who answers in its own name says when.
    out.field(b"Date", additions.date.as_bytes());
    out.field(b"X-Request-ID", additions.request_id);
    content_length_field(out, answer.body.len() as u64);
}

/// Writes which trailers an endpoint has announced, as far as they may go on.
pub fn trailer_names(out: &mut impl FieldSink, fields: &Fields) {
    let names = fields.all(FieldName::Trailer).flat_map(list_elements);
    list(out, b"Trailer", names.filter(|name| is_trailer_name(name)));
}

/// Writes how long the body is.
pub fn content_length_field(out: &mut impl FieldSink, length: u64) {
    number(out, b"Content-Length", length);
}

/// RFC 9110 §7.6.3: a line of our own after those of the hops before us.
pub(crate) fn via(out: &mut impl FieldSink, received: Version) {
    out.field(b"Via", received.via().as_bytes());
}

/// Writes a field with a list, if there is anything in it.
pub(crate) fn list<'a>(
    out: &mut impl FieldSink,
    name: &[u8],
    mut elements: impl Iterator<Item = &'a [u8]>,
) {
    let Some(first) = elements.next() else { return };
    out.begin(name);
    out.value(first);
    for element in elements {
        out.value(b", ");
        out.value(element);
    }
    out.end();
}

fn number(out: &mut impl FieldSink, name: &[u8], value: u64) {
    out.field(name, itoa::Buffer::new().format(value).as_bytes());
}

fn length_of_absent_body(out: &mut impl FieldSink, fields: &Fields) {
    // RFC 9110 §8.6: `5, 5` goes on as one number, so that nobody takes it for two.
    if let Ok(Some(length)) = content_length(fields) {
        content_length_field(out, length);
    }
}

/// How long the client shall come by TLS only (RFC 6797 §6.1), if that is said.
fn put_strict_transport(out: &mut impl FieldSink, value: Option<&str>) {
    if let Some(value) = value {
        out.field(STRICT_TRANSPORT, value.as_bytes());
    }
}

const STRICT_TRANSPORT: &[u8] = b"Strict-Transport-Security";

/// `X-Forwarded-*`, `X-Request-ID` and `Client-Cert`: what a stranger says of itself is replaced, what one of our own proxies says is kept.
fn client_fields(out: &mut impl FieldSink, head: &RequestHead, client: &ClientFacts<'_>) {
    let believed = |id| head.fields.first(id).filter(|_| client.trusted);
    out.begin(b"X-Forwarded-For");
    if client.trusted {
        for hop in head.fields.all(FieldName::XForwardedFor) {
            out.value(hop);
            out.value(b", ");
        }
    }
    address(out, client.address);
    out.end();
    let scheme = believed(FieldName::XForwardedProto).unwrap_or(client.scheme.as_bytes());
    out.field(b"X-Forwarded-Proto", scheme);
    if let Some(host) = believed(FieldName::XForwardedHost).or_else(|| head.authority()) {
        out.field(b"X-Forwarded-Host", host);
    }
    out.field(b"X-Request-ID", client.request_id(head));
    if let Some(certificate) = client.certificate.filter(|_| !client.trusted) {
        certificate.fields().for_each(|(name, value)| out.field(name, value));
    }
}

/// Writes an address without allocating for it. Nearly all are of the first kind, which is written faster than the formatter could.
pub fn address(out: &mut impl FieldSink, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            for (position, octet) in address.octets().into_iter().enumerate() {
                out.value(if position == 0 { b"" } else { b"." });
                out.value(itoa::Buffer::new().format(octet).as_bytes());
            }
        }
        IpAddr::V6(address) => formatted(out, &address),
    }
}

fn formatted(out: &mut impl FieldSink, text: &impl fmt::Display) {
    struct Text<'a, S>(&'a mut S);

    impl<S: FieldSink> fmt::Write for Text<'_, S> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.value(text.as_bytes());
            Ok(())
        }
    }
    // Writing to memory cannot fail.
    let _ = write!(Text(out), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_as_std_writes_them() {
        for text in ["0.0.0.0", "127.0.0.1", "255.10.0.9", "::1", "2001:db8::7"] {
            let mut out = Vec::new();
            address(&mut out, text.parse().unwrap());
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
