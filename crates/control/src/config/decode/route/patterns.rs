//! Hosts and paths of routes as people write them: `api.example.com`, `*.example.com`; `/v1`, `/v1/*`.

use std::net::Ipv6Addr;

use evenkeel_plan::limits::ROUTE_PATH_BYTES_MAX;
use evenkeel_plan::route::{HOST_BYTES_MAX, HostPattern, PathPattern};

use super::super::super::diagnostic::{Code, Diagnostic, quoted};

/// Reads a name, `*.` and a name, an IP address, or `*` for any host.
pub(super) fn parse_host(text: &str) -> Result<HostPattern, Diagnostic> {
    if text == "*" {
        return Ok(HostPattern::Any);
    }
    let wrong = |label: &str, help: &str| {
        let message = format!("{} is not a host", quoted(text));
        Err(Diagnostic::new(Code::BadRequestPart, message).label(label).help(help))
    };
    if text.contains('/') {
        return wrong("has a `/`", "only the name; what comes after it belongs into `path`");
    }
    if let Some(literal) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'))
        && let Ok(ip) = literal.parse::<Ipv6Addr>()
    {
        return Ok(HostPattern::Exact(format!("[{ip}]").into()));
    }
    if text.contains([':', '[', ']']) {
        return wrong("has a port", "leave it out: hosts are compared without their ports");
    }
    let (name, below) = match text.strip_prefix("*.") {
        Some(parent) => (parent, true),
        None => (text, false),
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.contains('*') {
        return wrong("`*` stands for whole names only", "as in \"*.example.com\", at the front");
    }
    if !name.is_ascii() {
        return wrong("has letters that no host has", "write it as browsers send it: \"xn--…\"");
    }
    // RFC 1035 §2.3.4: labels have 63 octets or less. Underscores are in use in private zones.
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(is_good);
    if name.len() > HOST_BYTES_MAX || !name.split('.').all(label) {
        return wrong("is not a name", "as in \"api.example.com\" or \"*.example.com\"");
    }
    let name = name.to_ascii_lowercase().into();
    Ok(if below { HostPattern::Below(name) } else { HostPattern::Exact(name) })
}

/// Reads a path, or a path and `/*` for all below it. Whether requests can have it is not asked here.
pub(super) fn parse_path(text: &str) -> Result<PathPattern, Diagnostic> {
    let wrong = |label: &str, help: &str| {
        let message = format!("{} is not a path", quoted(text));
        Err(Diagnostic::new(Code::BadRequestPart, message).label(label).help(help))
    };
    if !text.starts_with('/') {
        return wrong("does not begin with `/`", "as in \"/v1\", or \"/v1/*\" for all below it");
    }
    if text.len() > ROUTE_PATH_BYTES_MAX {
        return wrong("is too long", "a route's path has at most 1024 bytes");
    }
    let (path, below) = match text.strip_suffix("/*") {
        Some(parent) => (parent, true),
        None => (text, false),
    };
    if path.contains('*') {
        let label = "`*` stands for whole segments only, and at the end";
        return wrong(label, "as in \"/v1/*\"; write a `*` that is meant as such as %2A");
    }
    Ok(match (path, below) {
        ("", true) => PathPattern::Any,
        (parent, true) => PathPattern::Below(parent.into()),
        (path, false) => PathPattern::Exact(path.into()),
    })
}

/// Reads the name of a protocol of ALPN (RFC 7301 §3.1). All that are registered are visible ASCII.
pub(super) fn parse_protocol(text: &str) -> Result<Box<str>, Diagnostic> {
    if (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.into());
    }
    Err(Diagnostic::new(Code::BadRequestPart, format!("{} is not a protocol", quoted(text)))
        .label("wants 1 to 255 visible ASCII characters")
        .help("as in \"h2\", \"http/1.1\" or \"postgresql\": what clients offer in ALPN"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_in_lower_case_without_the_dot_of_the_root() {
        for (text, expected) in [
            ("*", HostPattern::Any),
            ("API.Example.com.", HostPattern::Exact("api.example.com".into())),
            ("*.Example.com", HostPattern::Below("example.com".into())),
            ("*.internal", HostPattern::Below("internal".into())),
            ("127.0.0.1", HostPattern::Exact("127.0.0.1".into())),
            ("[0:0::1]", HostPattern::Exact("[::1]".into())),
            ("under_score", HostPattern::Exact("under_score".into())),
        ] {
            assert_eq!(parse_host(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        let long = format!("{}.example.com", "a".repeat(64));
        for text in [
            "",
            ".",
            "*.",
            "*.*.com",
            "a.*",
            "a*",
            "a..b",
            "a:80",
            "[::1]:80",
            "[x]",
            "http://a",
            "a/b",
            "a b",
            "straße.example",
            &long,
        ] {
            assert!(parse_host(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_protocol_is_a_short_visible_word() {
        for text in ["h2", "http/1.1", "acme-tls/1", &"a".repeat(255)] {
            assert_eq!(parse_protocol(text).as_deref(), Ok(text));
        }
        for text in ["", "h 2", "h2\n", "ü", &"a".repeat(256)] {
            assert!(parse_protocol(text).is_err(), "{text}");
        }
    }

    #[test]
    fn paths_are_exact_or_of_whole_segments() {
        for (text, expected) in [
            ("/", PathPattern::Exact("/".into())),
            ("/*", PathPattern::Any),
            ("/v1", PathPattern::Exact("/v1".into())),
            ("/v1/", PathPattern::Exact("/v1/".into())),
            ("/v1/*", PathPattern::Below("/v1".into())),
        ] {
            assert_eq!(parse_path(text), Ok(expected), "{text}");
        }
        let long = format!("/{}", "a".repeat(ROUTE_PATH_BYTES_MAX));
        for text in ["", "v1", "*", "/v*", "/*/a", "/v1/**", "/**", &long] {
            assert!(parse_path(text).is_err(), "{text}");
        }
    }
}
