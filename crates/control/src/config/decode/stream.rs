//! What is different about listeners for streams of bytes, `protocol = "tcp"` and `"tls"`: what only requests have is a mistake there.

use evenkeel_plan::listener::Protocol;

use super::super::section::Section;

/// What comes in by a listener with that protocol.
pub(super) fn carries(protocol: Option<&str>) -> Option<Protocol> {
    Some(match protocol? {
        TCP => Protocol::Tcp,
        TLS => Protocol::Tls,
        _ => Protocol::Http,
    })
}

/// Reports the keys of a listener that have no effect on streams.
pub(super) fn refuse_keys(section: &mut Section<'_>, protocol: Option<&str>) {
    refuse(section, protocol, &HTTP_KEYS);
}

/// The same of its `timeouts`.
pub(super) fn refuse_timeouts(section: &mut Section<'_>, protocol: Option<&str>) {
    refuse(section, protocol, &HTTP_TIMEOUTS);
}

fn refuse(section: &mut Section<'_>, protocol: Option<&str>, keys: &[&'static str]) {
    if !matches!(protocol, Some(TCP | TLS)) {
        return;
    }
    for field in keys.iter().filter_map(|key| section.optional(key)) {
        field.report_misplaced(NEEDS_HTTP);
    }
}

pub(super) const TCP: &str = "tcp";
pub(super) const TLS: &str = "tls";

const HTTP_KEYS: [&str; 8] = [
    "http2",
    "trusted_proxies",
    "limits",
    "paths",
    "header_names",
    "errors",
    "redirect_to_https",
    "hsts",
];

const HTTP_TIMEOUTS: [&str; 4] = ["header", "body", "keep_alive", "write"];

const NEEDS_HTTP: &str = "it is about requests, and this listener passes on bytes: it belongs to one with `protocol = \"http\"` or `\"https\"`";
