//! Heads of HTTP/2 as the library decodes them, turned into the neutral ones: RFC 9113 §8.2 and §8.3, as far as the library leaves them to
//! us. Called where a request begins.

use crate::field::{FieldName, Fields, Span, UnusualNames, is_usual_name};
use crate::head::{RequestHead, ResponseHead, Target, Version};
use crate::http1::{
    Framing, FramingError, ParseError, ParseLimits, check_host, content_length, is_authority,
    is_sendable,
};
use crate::method::Method;
use crate::upgrade::{handshake_key, handshake_proof, is_websocket};

/// The control data of a request (RFC 9113 §8.3.1).
#[derive(Clone, Copy, Debug)]
pub struct Control<'a> {
    /// `:method`
    pub method: &'a [u8],
    /// `:scheme`; CONNECT has none, and the library forgets it where there is no authority.
    pub scheme: Option<&'a [u8]>,
    /// `:authority`
    pub authority: Option<&'a [u8]>,
    /// `:path`; only CONNECT has none.
    pub path: Option<&'a [u8]>,
    /// `:protocol`, with which CONNECT asks for a WebSocket (RFC 8441 §4).
    pub protocol: Option<&'a [u8]>,
    /// Random bytes, for the handshake of a WebSocket over HTTP/1.
    pub nonce: u128,
}

/// Makes a head of what was decoded; its memory is that of `fields`, which are empty.
///
/// # Errors
/// [`ParseError`]: the stream is reset, or answered with 400, 414 or 431.
pub fn request_head<'a>(
    mut fields: Fields,
    control: Control<'_>,
    decoded: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    limits: ParseLimits,
) -> Result<RequestHead, ParseError> {
    let is_websocket = control.protocol.is_some_and(is_websocket);
    // The handshake that it stands for (RFC 8441 §5): whoever goes on with it needs to know no other.
    let control = if is_websocket { Control { method: b"GET", ..control } } else { control };
    let method = Method::from_token(control.method);
    let (token, target) = note_control(&mut fields, control, method, limits.target_bytes)?;
    let mut crumbs = Vec::new();
    for (count, (name, value)) in decoded.enumerate() {
        if count >= limits.fields {
            return Err(ParseError::TooManyFields);
        }
        // RFC 8441 §5: it means nothing here, and an endpoint of HTTP/1 gets ours.
        if !is_websocket || FieldName::from_bytes(name) != FieldName::SecWebSocketKey {
            note_field(&mut fields, &mut crumbs, (name, value), limits.names)?;
        }
    }
    if !crumbs.is_empty() {
        fields.push(b"cookie", &crumbs);
    }
    if is_websocket {
        fields.push(b"connection", b"upgrade");
        fields.push(b"upgrade", b"websocket");
        fields.push(b"sec-websocket-key", &handshake_key(control.nonce));
    }
    let head = RequestHead { method, version: Version::Http2, fields, token, target };
    check_authority(&head)?;
    Ok(head)
}

/// How the body of a request is delimited; `is_over` says whether its head was all of it. The library counts whether as much comes as was
/// announced (RFC 9113 §8.1.1).
///
/// # Errors
/// [`FramingError`]: answer 400.
pub fn request_framing(head: &RequestHead, is_over: bool) -> Result<Framing, FramingError> {
    Ok(match (content_length(&head.fields)?, is_over) {
        (Some(length), _) => Framing::Length(length),
        (None, true) => Framing::Empty,
        (None, false) => Framing::Chunked,
    })
}

/// Makes a head of an answer that was decoded; its memory is that of `fields`, which are empty. HTTP/2 has no phrases for statuses: `reason`
/// is what a client of HTTP/1 is told.
///
/// # Errors
/// [`ParseError`]: it is malformed, and nobody may see it.
pub fn response_head<'a>(
    mut fields: Fields,
    (status, reason): (u16, &str),
    decoded: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    fields_max: usize,
) -> Result<ResponseHead, ParseError> {
    if status == 101 {
        return Err(ParseError::Malformed("nobody can switch a stream (RFC 9113 §8.6)"));
    }
    let mut crumbs = Vec::new();
    for (count, field) in decoded.enumerate() {
        if count >= fields_max {
            return Err(ParseError::TooManyFields);
        }
        note_field(&mut fields, &mut crumbs, field, UnusualNames::Keep)?;
    }
    let reason = append(&mut fields, reason.as_bytes());
    Ok(ResponseHead { status, version: Version::Http2, fields, reason })
}

/// The same as an answer that has switched to a WebSocket, whose client has sent `key`.
pub fn as_switch(mut head: ResponseHead, key: &[u8]) -> ResponseHead {
    head.status = 101;
    head.reason = append(&mut head.fields, b"Switching Protocols");
    head.fields.push(b"connection", b"upgrade");
    head.fields.push(b"upgrade", b"websocket");
    head.fields.push(b"sec-websocket-accept", &handshake_proof(key));
    head
}

/// How the body of an answer to `method` is delimited; `is_over` says whether its head was all of it.
///
/// # Errors
/// [`FramingError`]: it cannot be relied on.
pub fn response_framing(
    head: &ResponseHead,
    method: Method,
    is_over: bool,
) -> Result<Framing, FramingError> {
    let length = content_length(&head.fields)?;
    Ok(match length {
        _ if method == Method::Head || matches!(head.status, 204 | 304) => Framing::Empty,
        _ if is_over => Framing::Length(0),
        // Trailers may follow a body without bytes, too.
        None | Some(0) => Framing::Chunked,
        Some(length) => Framing::Length(length),
    })
}

fn note_control(
    fields: &mut Fields,
    control: Control<'_>,
    method: Method,
    target_bytes: usize,
) -> Result<(Span, Target), ParseError> {
    let path = control.path.unwrap_or_default();
    if path.len() > target_bytes {
        return Err(ParseError::TargetTooLong);
    }
    let is_path = match path {
        [b'/', ..] => is_sendable(path),
        b"*" => method == Method::Options,
        // RFC 9113 §8.5: it is for somebody, and nothing of theirs.
        [] => method == Method::Connect && control.authority.is_some_and(|it| !it.is_empty()),
        _ => false,
    };
    if !is_path {
        return Err(ParseError::Malformed("the path is none"));
    }
    // RFC 9113 §8.3.1 leaves others to gateways that translate them; we are none, and what is no scheme at all is among them.
    let is_http = match control.scheme {
        Some(scheme) => [&b"http"[..], b"https"].iter().any(|it| scheme.eq_ignore_ascii_case(it)),
        None => method == Method::Connect || control.authority.is_none(),
    };
    if !is_http {
        return Err(ParseError::Malformed("the scheme is none of HTTP"));
    }
    let token = append(fields, control.method);
    let authority = control.authority.map(|authority| append(fields, authority));
    let path = append(fields, path);
    Ok((
        token,
        match authority {
            // What it is asked by says nothing about how it came: a proxy before us may have ended TLS.
            Some(authority) => Target::Absolute { authority, path, is_https: None },
            None => Target::Origin(path),
        },
    ))
}

fn append(fields: &mut Fields, bytes: &[u8]) -> Span {
    let start = fields.buffer.len();
    fields.buffer.extend_from_slice(bytes);
    Span::new(start, fields.buffer.len())
}

/// RFC 9113 §8.2.1 and §8.2.2: what could mean something else on a connection of HTTP/1 makes the request malformed.
fn note_field(
    fields: &mut Fields,
    crumbs: &mut Vec<u8>,
    (name, value): (&[u8], &[u8]),
    names: UnusualNames,
) -> Result<(), ParseError> {
    if value.first().is_some_and(is_blank) || value.last().is_some_and(is_blank) {
        return Err(ParseError::Malformed("a field's value has white space around it"));
    }
    match FieldName::from_bytes(name) {
        FieldName::Connection
        | FieldName::KeepAlive
        | FieldName::ProxyConnection
        | FieldName::TransferEncoding
        | FieldName::Upgrade
        | FieldName::Http2Settings => {
            return Err(ParseError::Malformed("a field of a connection of HTTP/1"));
        }
        FieldName::Te if value != b"trailers" || fields.contains(FieldName::Te) => {
            return Err(ParseError::Malformed("TE is `trailers`, and once"));
        }
        // RFC 9113 §8.2.3: it may come in pieces, for the sake of compression, and goes on in one.
        FieldName::Cookie => {
            crumbs.extend_from_slice(if crumbs.is_empty() { b"" } else { b"; " });
            crumbs.extend_from_slice(value);
            return Ok(());
        }
        FieldName::Other if !is_usual_name(name) => match names {
            UnusualNames::Drop => return Ok(()),
            UnusualNames::Refuse => {
                return Err(ParseError::Malformed("a field's name has an unusual character"));
            }
            UnusualNames::Keep => {}
        },
        _ => {}
    }
    fields.push(name, value);
    Ok(())
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// RFC 9113 §8.3.1: `Host` stands for an authority that is missing, and must not say anything else than one that is there.
fn check_authority(head: &RequestHead) -> Result<(), ParseError> {
    let Target::Absolute { authority, .. } = head.target else {
        return check_host(head);
    };
    let authority = authority.of(&head.fields.buffer);
    if !is_authority(authority) {
        return Err(ParseError::Malformed("the authority is not a host"));
    }
    if head.fields.all(FieldName::Host).any(|host| !host.eq_ignore_ascii_case(authority)) {
        return Err(ParseError::Malformed("Host names another one than the authority"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
