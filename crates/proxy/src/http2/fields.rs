//! Fields between our form and that of the library.

use evenkeel_proto::field::Fields;
use evenkeel_proto::onward::FieldSink;
use evenkeel_proto::trailer::is_trailer;
use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue,
    PROXY_AUTHORIZATION, SERVER, VIA,
};

/// Fields on their way out.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    pub(crate) map: HeaderMap,
    name: Option<HeaderName>,
    value: Vec<u8>,
}

impl Outgoing {
    fn put(&mut self, name: Option<HeaderName>, value: &[u8]) {
        // Both were checked where they came from, or are ours.
        if let (Some(name), Ok(mut value)) = (name, HeaderValue::from_bytes(value)) {
            value.set_sensitive(is_never_indexed(&name));
            self.map.append(name, value);
        }
    }
}

/// Whether a field stays out of the table of HPACK: what is secret (RFC 7541 §7.1.3), and what is never the same twice. That would drive out
/// all others, and the library compares each new value with all that are there.
fn is_never_indexed(name: &HeaderName) -> bool {
    matches!(*name, AUTHORIZATION | PROXY_AUTHORIZATION)
        || matches!(name.as_str(), "x-request-id" | "traceparent" | "grpc-timeout")
}

/// The name of a field. Those that nearly all answers have are found by their length: the library copies a name, and looks it up by its hash.
fn name_of(bytes: &[u8]) -> Option<HeaderName> {
    let usual = match bytes.len() {
        3 => VIA,
        4 => DATE,
        6 => SERVER,
        12 if bytes.first().is_some_and(|first| first.eq_ignore_ascii_case(&b'c')) => CONTENT_TYPE,
        12 => X_REQUEST_ID,
        14 => CONTENT_LENGTH,
        _ => return HeaderName::from_bytes(bytes).ok(),
    };
    match bytes.eq_ignore_ascii_case(usual.as_str().as_bytes()) {
        true => Some(usual),
        false => HeaderName::from_bytes(bytes).ok(),
    }
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

impl FieldSink for Outgoing {
    fn begin(&mut self, name: &[u8]) {
        self.name = name_of(name);
        self.value.clear();
    }

    fn value(&mut self, piece: &[u8]) {
        self.value.extend_from_slice(piece);
    }

    fn end(&mut self) {
        let (name, value) = (self.name.take(), std::mem::take(&mut self.value));
        self.put(name, &value);
        self.value = value;
    }

    fn field(&mut self, name: &[u8], value: &[u8]) {
        self.put(name_of(name), value);
    }
}

/// Trailers, as far as they may go on.
pub(crate) fn outgoing_trailers(trailers: &Fields) -> HeaderMap {
    let mut out = Outgoing::default();
    trailers.iter().filter(is_trailer).for_each(|field| out.field(field.name, field.value));
    out.map
}

/// Fields that have come, such as trailers.
pub(crate) fn received(map: &HeaderMap) -> Fields {
    let mut fields = Fields::default();
    pairs(map).for_each(|(name, value)| fields.push(name, value));
    fields
}

/// The fields of a map, those of one name together.
pub(crate) fn pairs(map: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    map.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_the_library_would_make_of_it() {
        let usual = ["via", "date", "server", "content-type", "x-request-id", "content-length"];
        let alike = ["age", "vary", "pragma", "cache-status", "x-request-no", "accept-charset"];
        let odd = ["", "Via", "X-REQUEST-ID", "content_type", "content type", "dat\u{e9}"];
        for name in usual.iter().chain(&alike).chain(&odd).map(|name| name.as_bytes()) {
            assert_eq!(name_of(name), HeaderName::from_bytes(name).ok(), "{}", name.escape_ascii());
        }
    }
}
