//! Sending a client that has come in clear text to where the same is to be had by TLS. Pure.

use evenkeel_proto::field::FieldName;
use evenkeel_proto::head::RequestHead;

/// Whether a proxy before us says that the client spoke TLS with it.
pub(super) fn has_come_by_tls(head: &RequestHead) -> bool {
    // What was added last is the word of the proxy that is believed.
    let scheme = head.fields.all(FieldName::XForwardedProto).last();
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"https"))
}

/// Where the same is to be had by TLS, on that port; `None` if the request does not say of whom.
pub(super) fn by_tls(head: &RequestHead, port: u16) -> Option<String> {
    let authority = String::from_utf8_lossy(head.authority().filter(|it| !it.is_empty())?);
    // An address keeps its brackets.
    let host = match authority.rfind(':') {
        Some(colon) if !authority[colon..].contains(']') => &authority[..colon],
        _ => &authority,
    };
    // `*` stands for the whole server (RFC 9110 §9.3.7), and cannot stand in an address.
    let path = String::from_utf8_lossy(head.path());
    let path = if path.starts_with('/') { &*path } else { "/" };
    Some(match port {
        443 => format!("https://{host}{path}"),
        port => format!("https://{host}:{port}{path}"),
    })
}

#[cfg(test)]
mod tests {
    use evenkeel_proto::field::Fields;
    use evenkeel_proto::http1::{ParseLimits, parse_request};

    use super::*;

    fn head(text: &str) -> RequestHead {
        let mut fields = Fields::default();
        fields.buffer = text.as_bytes().to_vec();
        let limits = ParseLimits { fields: 10, target_bytes: 100, names: Default::default() };
        parse_request(&mut fields, text.len(), limits).unwrap().unwrap().0
    }

    #[test]
    fn the_address_is_the_same_but_for_its_scheme_and_port() {
        for (request, port, expected) in [
            ("GET /a?b HTTP/1.1\r\nHost: test\r\n\r\n", 443, Some("https://test/a?b")),
            ("GET / HTTP/1.1\r\nHost: test:8080\r\n\r\n", 443, Some("https://test/")),
            ("GET / HTTP/1.1\r\nHost: test:8080\r\n\r\n", 8443, Some("https://test:8443/")),
            ("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 443, Some("https://[::1]/")),
            ("GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n", 8443, Some("https://[::1]:8443/")),
            ("OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n", 443, Some("https://test/")),
            ("GET http://b/c HTTP/1.1\r\nHost: b\r\n\r\n", 443, Some("https://b/c")),
            ("GET / HTTP/1.0\r\n\r\n", 443, None),
        ] {
            assert_eq!(by_tls(&head(request), port).as_deref(), expected, "{request}");
        }
    }
}
