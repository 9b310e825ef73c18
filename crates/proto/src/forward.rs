//! What HTTP asks of an intermediary (RFC 9110 §7.6): which fields end here, and what is added about the client.

use std::net::{IpAddr, SocketAddr};

use crate::client_certificate::{ClientCertificate, tells_certificate};
use crate::field::{Field, FieldName, Fields, is_alias, list_elements, starts_with_alias};
use crate::head::{RequestHead, Version};
use crate::http1::Framing;
use crate::method::Method;

/// What the endpoint is told about the client, beyond what the client says.
#[derive(Clone, Copy, Debug)]
pub struct ClientFacts<'a> {
    /// Who is connected to us.
    pub address: IpAddr,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// Whether the client is one of our own proxies, whose word about *its* client is believed.
    pub trusted: bool,
    /// The identity of this request, used unless a trusted client brings one.
    pub request_id: &'a [u8],
    /// The certificate by which the client has proved who it is; not told of a trusted client, which speaks for others.
    pub certificate: Option<&'a ClientCertificate>,
}

impl ClientFacts<'_> {
    /// The identity under which the request goes on: a trusted client's own if it is fit for a log line, else ours.
    pub fn request_id<'a>(&'a self, head: &'a RequestHead) -> &'a [u8] {
        let fit = |id: &&[u8]| {
            (1..=REQUEST_ID_BYTES_MAX).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
        };
        head.fields
            .first(FieldName::XRequestId)
            .filter(|_| self.trusted)
            .filter(fit)
            .unwrap_or(self.request_id)
    }
}

/// The address of the client that a request comes from, as far as it can be believed: `peer`, who is connected to us; or if that is one of
/// our own proxies, the last in `X-Forwarded-For` that is none. What stands before that anybody can have written.
pub fn origin(fields: &Fields, peer: IpAddr, is_trusted: impl Fn(IpAddr) -> bool) -> IpAddr {
    if !is_trusted(peer) {
        return peer;
    }
    // Of our own proxies the first, as long as nobody else came before it.
    let (mut ours, mut client) = (None, None);
    for hop in fields.all(FieldName::XForwardedFor).flat_map(list_elements) {
        match hop_address(hop) {
            Some(address) if is_trusted(address) => ours = ours.or(Some(address)),
            Some(address) => (ours, client) = (None, Some(address)),
            None => (ours, client) = (None, None),
        }
    }
    client.or(ours).unwrap_or(peer)
}

/// An element of `X-Forwarded-For`: an address, of which some also write the port.
fn hop_address(hop: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(hop).ok()?;
    let with_port = || text.parse().map(|address: SocketAddr| address.ip());
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().or_else(|_| with_port()).ok()
}

/// Whether the peer wants the connection kept after this message (RFC 9112 §9.3).
pub fn wants_keep_alive(fields: &Fields, version: Version) -> bool {
    let has = |token: &[u8]| {
        fields
            .all(FieldName::Connection)
            .flat_map(list_elements)
            .any(|element| element.eq_ignore_ascii_case(token))
    };
    !has(b"close") && (version >= Version::Http11 || has(b"keep-alive"))
}

/// The fields that go on to the other side: not those that are for one connection only (RFC 9110 §7.6.1), and not those
/// that every hop writes anew.
pub fn end_to_end(fields: &Fields) -> impl Iterator<Item = Field<'_>> {
    let names_more = names_more_than_hop_by_hop(fields);
    fields.iter().filter(move |field| match fate(field.id) {
        Fate::Ends | Fate::Rewritten => false,
        Fate::Protected => true,
        Fate::GoesOn => {
            !names_more || is_protected(field.name) || !is_named_by_connection(fields, field.name)
        }
    })
}

/// What becomes of a field at a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is for one connection.
    Ends,
    /// It is ours to write, so a `Connection: host` cannot take it away.
    Rewritten,
    /// It goes on, whatever `Connection` says.
    Protected,
    /// It goes on unless `Connection` names it.
    GoesOn,
}

fn fate(id: FieldName) -> Fate {
    match id {
        FieldName::Connection
        // RFC 9113 §3.1: the upgrade that it belonged to is gone.
        | FieldName::Http2Settings
        | FieldName::KeepAlive
        | FieldName::ProxyConnection
        | FieldName::Te
        | FieldName::Trailer
        | FieldName::TransferEncoding
        | FieldName::Upgrade => Fate::Ends,
        FieldName::ContentLength
        | FieldName::Expect
        | FieldName::Host
        | FieldName::XForwardedFor
        | FieldName::XForwardedHost
        | FieldName::XForwardedProto
        | FieldName::XRequestId => Fate::Rewritten,
        FieldName::Date
        | FieldName::Forwarded
        | FieldName::MaxForwards
        | FieldName::SecWebSocketAccept
        | FieldName::SecWebSocketKey
        | FieldName::SecWebSocketVersion
        | FieldName::Via
        | FieldName::XRealIp => Fate::Protected,
        FieldName::Accept
        | FieldName::Cookie
        | FieldName::Referer
        | FieldName::UserAgent
        | FieldName::Other => Fate::GoesOn,
    }
}

/// Whether the client waits for 100 before it sends its body (RFC 9110 §10.1.1). One of HTTP/1.0 cannot, and nobody waits to
/// send nothing.
///
/// # Errors
/// It expects something else: 417.
pub fn expects_continue(head: &RequestHead, framing: Framing) -> Result<bool, UnknownExpectation> {
    if head.version == Version::Http10 {
        return Ok(false);
    }
    let mut expects = false;
    for value in head.fields.all(FieldName::Expect) {
        for element in list_elements(value) {
            if !element.eq_ignore_ascii_case(b"100-continue") {
                return Err(UnknownExpectation);
            }
            expects = true;
        }
    }
    Ok(expects && !matches!(framing, Framing::Empty | Framing::Length(0)))
}

/// The client expects what nobody can promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownExpectation;

/// How many more proxies an OPTIONS request may pass (RFC 9110 §7.6.2); `None` for any number. At 0 the answer is ours to give.
pub fn max_forwards(head: &RequestHead) -> Option<u64> {
    let value = head.fields.first(FieldName::MaxForwards)?;
    let number = std::str::from_utf8(value).ok().filter(|text| !text.starts_with('+'))?;
    number.parse().ok().filter(|_| head.method == Method::Options)
}

/// Whether a field claims something about the client that only a proxy could know, in any spelling that a gateway could take for
/// that field.
pub fn claims_client(field: &Field<'_>) -> bool {
    let name = field.name;
    // Most fields are told by their first letter, which is never punctuation.
    match name.first().map(u8::to_ascii_lowercase) {
        Some(b'f') => field.id == FieldName::Forwarded,
        Some(b'x') => {
            starts_with_alias(name, b"x-forwarded-")
                || starts_with_alias(name, b"x-real-ip")
                || is_alias(name, b"x-request-id")
                || tells_certificate(name)
        }
        Some(b'c' | b's') => tells_certificate(name),
        _ => false,
    }
}

/// Whether `Connection` names a field whose fate that decides. Nearly never, and then nothing more is compared.
fn names_more_than_hop_by_hop(fields: &Fields) -> bool {
    fields.all(FieldName::Connection).flat_map(list_elements).any(|element| {
        fate(FieldName::from_bytes(element)) == Fate::GoesOn
            && !element.eq_ignore_ascii_case(b"close")
    })
}

fn is_named_by_connection(fields: &Fields, name: &[u8]) -> bool {
    fields
        .all(FieldName::Connection)
        .flat_map(list_elements)
        .any(|element| element.eq_ignore_ascii_case(name))
}

/// What an endpoint relies on to tell friend from stranger must not be taken away by a client's `Connection` field.
fn is_protected(name: &[u8]) -> bool {
    const PROTECTED: [&[u8]; 5] =
        [b"authorization", b"cookie", b"content-type", b"content-encoding", b"set-cookie"];
    PROTECTED.iter().any(|protected| name.eq_ignore_ascii_case(protected))
        || starts_with_alias(name, b"x-forwarded-")
        || tells_certificate(name)
}

const REQUEST_ID_BYTES_MAX: usize = 128;

#[cfg(test)]
mod tests;
