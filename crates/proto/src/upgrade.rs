//! Switching to another protocol on the same connection (RFC 9110 §7.8): what a client offers, and whether an endpoint's 101 is
//! an answer to that. A 101 that is none would give a stranger a connection that nobody parses (CVE-2026-2833).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1_smol::Sha1;

use crate::field::{FieldName, Fields, list_elements};
use crate::head::{RequestHead, ResponseHead, Version};
use crate::http1::Framing;
use crate::method::Method;

/// What a client offers to speak in place of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    websocket: bool,
}

/// Why an offer, or its acceptance, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpgradeError {
    /// It breaks a rule; the text says which. 400 for a request, 502 for an answer.
    Malformed(&'static str),
    /// A version of WebSocket that does not exist: 426 with the one that does (RFC 6455 §4.4).
    UnsupportedVersion,
}

impl Offer {
    /// Whether a WebSocket is among the protocols.
    pub fn is_websocket(&self) -> bool {
        self.websocket
    }
}

/// What `head` offers; `None` if it is an ordinary request.
///
/// # Errors
/// [`UpgradeError`], if it is the handshake of a WebSocket and not a valid one (RFC 6455 §4.2.1).
pub fn offered(head: &RequestHead, framing: Framing) -> Result<Option<Offer>, UpgradeError> {
    // Nearly every request ends here.
    if !head.fields.contains(FieldName::Upgrade) || !can_switch(head, framing) {
        return Ok(None);
    }
    let mut protocols = protocols(&head.fields).peekable();
    if protocols.peek().is_none() {
        return Ok(None);
    }
    let websocket = protocols.any(is_websocket);
    if websocket {
        check_handshake(head)?;
    }
    Ok(Some(Offer { websocket }))
}

/// The protocols of `Upgrade` that may be passed on. Other versions of HTTP and TLS are agreed upon with us or not at all: an
/// endpoint that switched to them would speak with the client past every rule of ours (RFC 9113 §3.1 has removed `h2c`).
pub fn protocols(fields: &Fields) -> impl Iterator<Item = &[u8]> {
    fields.all(FieldName::Upgrade).flat_map(list_elements).filter(|protocol| {
        let name = protocol.split(|&byte| byte == b'/').next().unwrap_or_default();
        let ours = [&b"h2c"[..], b"h2", b"h3", b"http", b"tls"];
        is_protocol(protocol) && !ours.iter().any(|other| name.eq_ignore_ascii_case(other))
    })
}

/// The protocol that `answer`, a 101, has switched to.
///
/// # Errors
/// [`UpgradeError::Malformed`], if `request`, which offered `offer`, did not ask for that: answer 502, and close.
pub fn accepted<'a>(
    offer: &Offer,
    request: &RequestHead,
    answer: &'a ResponseHead,
) -> Result<&'a [u8], UpgradeError> {
    let refused = |what| Err(UpgradeError::Malformed(what));
    let fields = &answer.fields;
    // RFC 9110 §15.2: a 1xx answer has no body, so nothing may speak of one.
    if fields.contains(FieldName::ContentLength) || fields.contains(FieldName::TransferEncoding) {
        return refused("a 101 with a body");
    }
    if answer.version == Version::Http10 || !names_upgrade(fields) {
        return refused("a 101 without `Connection: upgrade`");
    }
    let mut named = fields.all(FieldName::Upgrade).flat_map(list_elements);
    let (Some(protocol), None) = (named.next(), named.next()) else {
        return refused("a 101 that does not name one protocol");
    };
    if !protocols(&request.fields).any(|offered| offered.eq_ignore_ascii_case(protocol)) {
        return refused("a 101 to a protocol that was not offered");
    }
    if offer.websocket && is_websocket(protocol) && !proves_key(&request.fields, fields) {
        return refused("a 101 without proof that the key was read");
    }
    Ok(protocol)
}

/// Whether `head` may be an offer at all. A body would have to end before the protocol can begin; nobody sends one.
fn can_switch(head: &RequestHead, framing: Framing) -> bool {
    // Over HTTP/2 nobody can write the field but we, for a CONNECT that means the same (RFC 8441).
    head.version >= Version::Http11
        && matches!(framing, Framing::Empty | Framing::Length(0))
        && names_upgrade(&head.fields)
}

fn names_upgrade(fields: &Fields) -> bool {
    let mut options = fields.all(FieldName::Connection).flat_map(list_elements);
    options.any(|option| option.eq_ignore_ascii_case(b"upgrade"))
}

/// Whether `protocol` is a WebSocket.
pub fn is_websocket(protocol: &[u8]) -> bool {
    protocol.eq_ignore_ascii_case(b"websocket")
}

/// What a client of WebSocket sends to have it proved that it was read (RFC 6455 §4.1).
pub fn handshake_key(nonce: u128) -> [u8; 24] {
    let mut key = [b'='; 24];
    // 16 bytes have room in 24 characters.
    let _ = STANDARD.encode_slice(nonce.to_be_bytes(), &mut key);
    key
}

/// RFC 9110 §7.8: `token [ "/" token ]`, which is written into a field again.
fn is_protocol(protocol: &[u8]) -> bool {
    let allowed = |&byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let is_token = |token: &[u8]| !token.is_empty() && token.iter().all(allowed);
    protocol.splitn(2, |&byte| byte == b'/').all(is_token)
}

/// RFC 6455 §4.2.1: GET, one key of 16 bytes, version 13.
fn check_handshake(head: &RequestHead) -> Result<(), UpgradeError> {
    if head.method != Method::Get {
        return Err(UpgradeError::Malformed("a WebSocket begins with GET"));
    }
    let mut versions = head.fields.all(FieldName::SecWebSocketVersion);
    if (versions.next(), versions.next()) != (Some(&b"13"[..]), None) {
        return Err(UpgradeError::UnsupportedVersion);
    }
    let mut keys = head.fields.all(FieldName::SecWebSocketKey);
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return Err(UpgradeError::Malformed("a WebSocket has one key"));
    };
    let mut bytes = [0; 18];
    if key.len() == 24 && STANDARD.decode_slice(key, &mut bytes) == Ok(16) {
        Ok(())
    } else {
        Err(UpgradeError::Malformed("the key of a WebSocket is 16 bytes"))
    }
}

/// Whether the key was read (RFC 6455 §4.2.2): it is hashed with a constant that no server has by accident.
fn proves_key(request: &Fields, answer: &Fields) -> bool {
    let mut proofs = answer.all(FieldName::SecWebSocketAccept);
    let (Some(proof), None) = (proofs.next(), proofs.next()) else { return false };
    let key = request.first(FieldName::SecWebSocketKey).unwrap_or_default();
    proof == handshake_proof(key)
}

/// What proves that `key` was read.
pub fn handshake_proof(key: &[u8]) -> [u8; 28] {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let mut proof = [b'='; 28];
    // 20 bytes have room in 28 characters.
    let _ = STANDARD.encode_slice(hash.digest().bytes(), &mut proof);
    proof
}

#[cfg(test)]
mod tests;
