//! HTTP/1.0 and 1.1 (RFC 9112): parsing heads, framing bodies, rendering heads. Called by `proxy` and by `control`'s probes.

mod body;
mod framing;
mod parse;
mod render;

pub use body::{BodyDecoder, BodyError, Decoded};
pub(crate) use framing::content_length;
pub use framing::{Framing, FramingError, request_framing, response_framing};
pub use parse::{
    FIELDS_MAX, ParseError, ParseLimits, parse_request, parse_response, parse_trailers,
};
pub(crate) use parse::{check_host, is_authority, is_sendable};
pub use render::{
    Connection, LAST_CHUNK, Outward, chunk_prefix, interim_head, own_response, reason_phrase,
    request_head, response_head, switch_head, trailer_section,
};
