//! What HTTP asks of an intermediary (RFC 9110 §7.6): which fields end here, and what is added about the client.

use std::net::IpAddr;

use crate::field::{Field, FieldName, Fields, list_elements};
use crate::head::{RequestHead, Version};

/// The name by which we call ourselves in `Via`.
pub const PSEUDONYM: &str = "evenkeel";

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
    pub request_id: &'a str,
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
            .unwrap_or(self.request_id.as_bytes())
    }
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
    fields.iter().filter(move |field| match field.id {
        FieldName::Connection
        | FieldName::KeepAlive
        | FieldName::ProxyConnection
        | FieldName::Te
        | FieldName::Trailer
        | FieldName::TransferEncoding
        | FieldName::Upgrade => false,
        // Ours to write, so a `Connection: host` cannot take them away.
        FieldName::ContentLength
        | FieldName::Host
        | FieldName::XForwardedFor
        | FieldName::XForwardedHost
        | FieldName::XForwardedProto
        | FieldName::XRequestId => false,
        FieldName::Expect | FieldName::Forwarded | FieldName::Via | FieldName::XRealIp => true,
        FieldName::Other => {
            !names_more || is_protected(field.name) || !is_named_by_connection(fields, field.name)
        }
    })
}

/// Whether a field claims something about the client that only a proxy could know. `_` counts as `-`, because gateways to
/// older interfaces make one of the other.
pub fn claims_client(field: &Field<'_>) -> bool {
    let starts_with = |claim: &[u8]| {
        field.name.len() >= claim.len()
            && field.name.iter().zip(claim).all(|(&byte, &expected)| {
                let folded = if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
                folded == expected
            })
    };
    field.id == FieldName::Forwarded || starts_with(b"x-forwarded-") || starts_with(b"x-real-ip")
}

/// Whether `Connection` names a field that has no arm of its own above. Nearly never, and then nothing more is compared.
fn names_more_than_hop_by_hop(fields: &Fields) -> bool {
    fields.all(FieldName::Connection).flat_map(list_elements).any(|element| {
        FieldName::from_bytes(element) == FieldName::Other
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
    [&b"authorization"[..], b"cookie", b"content-type", b"content-encoding"]
        .iter()
        .any(|protected| name.eq_ignore_ascii_case(protected))
}

const REQUEST_ID_BYTES_MAX: usize = 128;

#[cfg(test)]
mod tests;
