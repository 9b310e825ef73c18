//! Trailers: which fields may come after a body (RFC 9110 §6.5), and who wants to see them. They are kept apart from the head, and
//! none of them may be one that a recipient could act upon as if it stood there (CVE-2026-88004).

use crate::client_certificate::tells_certificate;
use crate::field::{Field, FieldName, is_alias, is_value, list_elements, starts_with_alias};
use crate::head::{RequestHead, Version};

/// Whether the client asked for trailers (RFC 9110 §10.1.4). Without that they are not sent to it.
pub fn wants_trailers(head: &RequestHead) -> bool {
    head.version >= Version::Http11
        && head
            .fields
            .all(FieldName::Te)
            .flat_map(list_elements)
            .any(|element| element.eq_ignore_ascii_case(b"trailers"))
}

/// Whether a field may go on as a trailer.
pub fn is_trailer(field: &Field<'_>) -> bool {
    field.id == FieldName::Other && is_trailer_name(field.name) && is_value(field.value)
}

/// Whether a field of that name may (RFC 9110 §6.5.1): not one that frames, routes, modifies the request, authenticates, or
/// says how the body is to be read or kept.
pub fn is_trailer_name(name: &[u8]) -> bool {
    FieldName::from_bytes(name) == FieldName::Other
        && !BANNED.iter().any(|banned| is_alias(name, banned))
        && !BANNED_FAMILIES.iter().any(|family| starts_with_alias(name, family))
        && !tells_certificate(name)
        && !ANYWHERE.iter().any(|known| is_alias(name, known))
}

const BANNED: [&[u8]; 25] = [
    b"age",
    b"allow",
    b"alt-svc",
    b"authentication-info",
    b"authorization",
    b"cache-control",
    b"client-ip",
    b"cookie",
    b"early-data",
    b"expires",
    b"location",
    b"origin",
    b"pragma",
    b"range",
    b"refresh",
    b"retry-after",
    b"set-cookie",
    b"status",
    b"strict-transport-security",
    b"true-client-ip",
    b"vary",
    b"warning",
    b"www-authenticate",
    b"x-client-ip",
    b"x-cluster-client-ip",
];

const BANNED_FAMILIES: [&[u8]; 14] = [
    b"accept-",
    b"access-control-",
    b"content-",
    b"if-",
    b"proxy-",
    b"sec-",
    b"x-accel-",
    b"x-evenkeel-",
    b"x-forwarded-",
    b"x-http-method",
    b"x-method-override",
    b"x-original-",
    b"x-real-ip",
    b"x-rewrite-",
];

/// What the proxy knows is never a trailer, in no spelling that a gateway could take for it.
const ANYWHERE: [&[u8]; 17] = [
    b"accept",
    b"connection",
    b"date",
    b"expect",
    b"forwarded",
    b"host",
    b"http2-settings",
    b"keep-alive",
    b"max-forwards",
    b"referer",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
    b"user-agent",
    b"via",
    b"x-request-id",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailer_cannot_be_a_field_that_somebody_acts_upon() {
        for name in [
            "Content-Length",
            "Transfer-Encoding",
            "transfer_encoding",
            "Host",
            "X-Forwarded-For",
            "X_Forwarded_For",
            "X-Real-IP",
            "Authorization",
            "Set-Cookie",
            "Content-Encoding",
            "Cache-Control",
            "If-Match",
            "Proxy-Authenticate",
            "X-Request-ID",
            "Connection",
            "Via",
            "Date",
            "max_forwards",
            "User.Agent",
            "X-HTTP-Method-Override",
            "X-Original-URL",
            "X_Client_IP",
        ] {
            assert!(!is_trailer_name(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn what_trailers_are_used_for_goes_on() {
        for name in ["Server-Timing", "grpc-status", "grpc-message", "ETag", "Digest", "X-Checksum"]
        {
            assert!(is_trailer_name(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn a_trailer_has_no_line_break() {
        let field = |value| Field { id: FieldName::Other, name: b"x-sum", value };
        assert!(is_trailer(&field(b"1")));
        assert!(!is_trailer(&field(b"1\r\nHost: evil")));
    }
}
