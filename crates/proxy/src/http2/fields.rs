//! Fields between our form and that of the library.

use evenkeel_proto::field::Fields;
use evenkeel_proto::onward::FieldSink;
use evenkeel_proto::trailer::is_trailer;
use http::header::{HeaderMap, HeaderName, HeaderValue};

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
        if let (Some(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
            self.map.append(name, value);
        }
    }
}

impl FieldSink for Outgoing {
    fn begin(&mut self, name: &[u8]) {
        self.name = HeaderName::from_bytes(name).ok();
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
        self.put(HeaderName::from_bytes(name).ok(), value);
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
