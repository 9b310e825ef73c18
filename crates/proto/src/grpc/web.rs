//! gRPC-Web, as browsers speak it: which requests are such calls, what their bodies are called on either side, and how their bytes become those
//! of gRPC and back. Called by the exchange for routes that translate, and where we answer in our own name.
//!
//! The source is the project's own description, "gRPC Web" (`doc/PROTOCOL-WEB.md`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{find, is_media_type};
use crate::field::{FieldName, Fields, is_token, list_elements};
use crate::head::{RequestHead, ResponseHead};
use crate::method::Method;
use crate::trailer::is_trailer;

/// What the client of a call speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Whether the request's body is text: base64, in one piece or several.
    pub sends_text: bool,
    /// Whether the answer's body has to be.
    pub reads_text: bool,
    /// What its messages are made of, such as `+proto`; empty if it does not say.
    format: Box<str>,
}

impl Dialect {
    /// That of a call of gRPC-Web; `None` if the request is none.
    pub fn of(head: &RequestHead) -> Option<Self> {
        if head.method != Method::Post {
            return None;
        }
        let (sends_text, format) = parse(find(&head.fields, CONTENT_TYPE)?)?;
        // "The client library should indicate to the server via the "Accept" header that the response stream needs to be text encoded".
        let mut accepted = head.fields.all(FieldName::Accept).flat_map(list_elements);
        let reads_text = accepted.find_map(parse).map_or(sends_text, |(is_text, _)| is_text);
        Some(Self { sends_text, reads_text, format: format.into() })
    }

    /// What the body of the request is for an endpoint.
    pub fn request_type(&self) -> String {
        [super::MEDIA_TYPE, &self.format].concat()
    }

    /// What the body of an answer in our own name is.
    pub fn answer_type(&self) -> String {
        self.type_with(&self.format)
    }

    /// Makes the head of an endpoint's answer one for the client. False if the answer is none of gRPC, and goes on as it came.
    pub fn translate_head(&self, head: &mut ResponseHead) -> bool {
        let Some(of_grpc) = find(&head.fields, CONTENT_TYPE).filter(|it| is_media_type(it)) else {
            return false;
        };
        // Most servers do not repeat what the messages are made of.
        let format = format_of(&of_grpc[super::MEDIA_TYPE.len()..]).filter(|it| !it.is_empty());
        let media_type = self.type_with(format.unwrap_or(&self.format));
        let fields = &mut head.fields;
        // What it announces comes in the body.
        fields.remove(|field| field.id == FieldName::Trailer || is_content_type(field.name));
        fields.push(CONTENT_TYPE.as_bytes(), media_type.as_bytes());
        true
    }

    fn type_with(&self, format: &str) -> String {
        [MEDIA_TYPE, if self.reads_text { TEXT } else { "" }, format].concat()
    }
}

/// Whether a media type is one of gRPC-Web, and then whether it is that of text, and what the messages are made of.
fn parse(value: &[u8]) -> Option<(bool, &str)> {
    let rest = after(value, MEDIA_TYPE)?;
    let (is_text, rest) = after(rest, TEXT).map_or((false, rest), |rest| (true, rest));
    Some((is_text, format_of(rest)?))
}

/// What stands behind a media type, up to its parameters: nothing, or `+` and a token.
fn format_of(rest: &[u8]) -> Option<&str> {
    let format = rest.split(|&byte| byte == b';').next()?.trim_ascii_end();
    let is_format = format.is_empty() || format[0] == b'+' && is_token(&format[1..]);
    std::str::from_utf8(format).ok().filter(|_| is_format)
}

/// What stands behind `prefix`, which may be in any case.
fn after<'v>(value: &'v [u8], prefix: &str) -> Option<&'v [u8]> {
    let (begin, rest) = value.split_at_checked(prefix.len())?;
    begin.eq_ignore_ascii_case(prefix.as_bytes()).then_some(rest)
}

/// Whether it is the field that says what a body is.
pub(super) fn is_content_type(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(CONTENT_TYPE.as_bytes())
}

/// Appends the last frame of an answer: what gRPC has in trailers, as far as it may go on.
pub fn put_trailers(out: &mut Vec<u8>, trailers: &Fields) {
    let start = out.len();
    // "8th (MSB) bit of the 1st gRPC frame byte": it is one of trailers.
    out.extend_from_slice(&[0x80, 0, 0, 0, 0]);
    for field in trailers.iter().filter(is_trailer) {
        // "use lower-case header/trailer names"
        out.extend(field.name.iter().map(u8::to_ascii_lowercase));
        out.extend_from_slice(b": ");
        out.extend_from_slice(field.value);
        out.extend_from_slice(b"\r\n");
    }
    // Blocks of fields are far smaller than 4 GiB.
    let length = u32::try_from(out.len() - start - FRAME_HEADER_BYTES).unwrap_or(u32::MAX);
    out[start + 1..start + FRAME_HEADER_BYTES].copy_from_slice(&length.to_be_bytes());
}

/// Appends `bytes` as text. It is padded, so that all of them can be read at once: whatever comes later is another piece.
pub fn put_text(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * QUAD, 0);
    // There is room for it.
    let _ = STANDARD.encode_slice(bytes, &mut out[start..]);
}

/// Reads the text of a body, cut anywhere, in which any piece may have been padded.
#[derive(Clone, Copy, Debug, Default)]
pub struct TextDecoder {
    /// The beginning of a quad.
    begun: [u8; QUAD],
    length: usize,
}

/// It is no base64 (RFC 4648 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotText;

impl TextDecoder {
    /// Appends what `text` says, as far as its characters are complete.
    ///
    /// # Errors
    /// [`NotText`]: what was appended is worth nothing.
    pub fn decode(&mut self, mut text: &[u8], out: &mut Vec<u8>) -> Result<(), NotText> {
        if self.length > 0 {
            let (more, rest) = text.split_at(text.len().min(QUAD - self.length));
            self.begun[self.length..][..more.len()].copy_from_slice(more);
            (self.length, text) = (self.length + more.len(), rest);
            if self.length < QUAD {
                return Ok(());
            }
            decode_quads(&self.begun, out)?;
        }
        let (quads, rest) = text.split_at(text.len() / QUAD * QUAD);
        self.begun[..rest.len()].copy_from_slice(rest);
        self.length = rest.len();
        decode_quads(quads, out)
    }

    /// Nothing follows.
    ///
    /// # Errors
    /// [`NotText`]: something is missing.
    pub fn end(self) -> Result<(), NotText> {
        if self.length == 0 { Ok(()) } else { Err(NotText) }
    }
}

/// Appends what these quads say. Each that is padded ends a piece.
fn decode_quads(mut quads: &[u8], out: &mut Vec<u8>) -> Result<(), NotText> {
    while !quads.is_empty() {
        let padding = quads.iter().position(|&byte| byte == b'=');
        let end = padding.map_or(quads.len(), |at| at / QUAD * QUAD + QUAD);
        let (piece, rest) = quads.split_at(end);
        STANDARD.decode_vec(piece, out).map_err(|_| NotText)?;
        quads = rest;
    }
    Ok(())
}

const CONTENT_TYPE: &str = "content-type";

/// What the body of a call of gRPC-Web is.
const MEDIA_TYPE: &str = "application/grpc-web";

/// What follows it where the body is text.
const TEXT: &str = "-text";

/// Flags, and the length of what follows (gRPC over HTTP2, "Length-Prefixed-Message").
const FRAME_HEADER_BYTES: usize = 5;

/// As many characters stand for three bytes.
const QUAD: usize = 4;

#[cfg(test)]
mod tests;
