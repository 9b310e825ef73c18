//! Heads from bytes: `httparse` finds the pieces, this module refuses what it lets through but a proxy must not.

use std::mem::{MaybeUninit, take};

use httparse::{Header, ParserConfig, Request, Response, Status};

use crate::field::{FieldList, FieldName, FieldSpan, Fields, Span, UnusualNames, is_usual_name};
use crate::head::{RequestHead, ResponseHead, Version};
use crate::method::Method;

mod target;

pub(crate) use target::{is_authority, is_sendable};

/// How large a head may be. Its length in bytes is the business of whoever fills the buffer.
#[derive(Clone, Copy, Debug)]
pub struct ParseLimits {
    /// How many fields, at most [`FIELDS_MAX`].
    pub fields: usize,
    /// The target of a request, in bytes.
    pub target_bytes: usize,
    /// What becomes of a request's fields with unusual names. An answer's stay: the endpoint vouches for them itself.
    pub names: UnusualNames,
}

/// Why a head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// It breaks a rule of RFC 9112; the text says which.
    Malformed(&'static str),
    /// It is of a version that we do not speak.
    UnsupportedVersion,
    /// It is none: HTTP/2 begins so, from either side (RFC 9113 §3.4).
    Preface,
    /// It has more fields than allowed.
    TooManyFields,
    /// Its target is longer than allowed.
    TargetTooLong,
}

/// The most fields that any head may have: the parser's slots lie on the stack.
pub const FIELDS_MAX: usize = 256;

/// Reads a request's head from the first `filled` bytes of `fields.buffer`.
///
/// Returns the head, which takes `fields` with it, and its length in bytes; or `None`, with the buffer untouched, when the
/// head is not complete yet.
///
/// # Errors
/// [`ParseError`], after which the connection is of no use: nobody knows where the next message would begin.
pub fn parse_request(
    fields: &mut Fields,
    filled: usize,
    limits: ParseLimits,
) -> Result<Option<(RequestHead, usize)>, ParseError> {
    let Fields { buffer, list } = fields;
    let bytes = buffer.get(..filled).unwrap_or_default();
    let mut slots = [const { MaybeUninit::<Header<'_>>::uninit() }; FIELDS_MAX];
    let slots = &mut slots[..limits.fields.min(FIELDS_MAX)];
    let mut request = Request::new(&mut []);
    let length = match request.parse_with_uninit_headers(bytes, slots) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(httparse::Error::Version) => return refuse_version(bytes).map(|()| None),
        Err(error) => return Err(refusal(error)),
    };
    refuse_bare_line_feeds(&bytes[..length])?;
    let (method, target) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
    if target.len() > limits.target_bytes {
        return Err(ParseError::TargetTooLong);
    }
    let locator = Locator::new(bytes);
    note_request_fields(list, request.headers, &locator, limits.names)?;
    let (method, version) = (Method::from_token(method.as_bytes()), version(request.version));
    let token = locator.span(request.method.unwrap_or_default().as_bytes());
    let target = target::split(target.as_bytes(), method, &locator)?;
    let mut head = RequestHead { method, version, fields: take(fields), token, target };
    target::complete(&mut head);
    check_host(&head)?;
    Ok(Some((head, length)))
}

/// Says of what begins like a frame of HTTP/2 whether it is one with which a server begins, or ends at once: SETTINGS or GOAWAY, on no stream (RFC 9113
/// §3.4, §4.1). Nothing as long as its header is not there.
fn refuse_frames(bytes: &[u8]) -> Result<(), ParseError> {
    match bytes {
        [_, _, _, 4 | 7, 0, 0, 0, 0, 0, ..] => Err(ParseError::Preface),
        [_, _, _, _, _, _, _, _, _, ..] => Err(ParseError::UnsupportedVersion),
        _ => Ok(()),
    }
}

/// Reads an answer's head: the counterpart of [`parse_request`].
///
/// # Errors
/// [`ParseError`], after which the connection to the endpoint is of no use.
pub fn parse_response(
    fields: &mut Fields,
    filled: usize,
    limits: ParseLimits,
) -> Result<Option<(ResponseHead, usize)>, ParseError> {
    let Fields { buffer, list } = fields;
    let bytes = buffer.get(..filled).unwrap_or_default();
    // The parser would skip empty lines, as a server may (RFC 9112 §2.2). Before an answer they are what is left of another one.
    match bytes.first() {
        Some(b'\r' | b'\n') => {
            return Err(ParseError::Malformed("an empty line before the status line"));
        }
        Some(b'H') | None => {}
        Some(0) => return refuse_frames(bytes).map(|()| None),
        Some(_) => return Err(ParseError::UnsupportedVersion),
    }
    let mut slots = [const { MaybeUninit::<Header<'_>>::uninit() }; FIELDS_MAX];
    let slots = &mut slots[..limits.fields.min(FIELDS_MAX)];
    let mut response = Response::new(&mut []);
    let parsed =
        ParserConfig::default().parse_response_with_uninit_headers(&mut response, bytes, slots);
    let length = match parsed {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(error) => return Err(refusal(error)),
    };
    refuse_bare_line_feeds(&bytes[..length])?;
    let status = response.code.unwrap_or_default();
    if !(100..=999).contains(&status) {
        return Err(ParseError::Malformed("the status is not between 100 and 999"));
    }
    let locator = Locator::new(bytes);
    note_fields(list, response.headers, &locator);
    let version = version(response.version);
    let reason = locator.span(response.reason.unwrap_or_default().as_bytes());
    Ok(Some((ResponseHead { status, version, fields: take(fields), reason }, length)))
}

/// Reads a trailer section as [`super::BodyDecoder::trailers`] returns it. `None` when it is empty, or malformed: trailers are
/// optional information, and nobody may rely on them to arrive (RFC 9110 §6.5.2).
pub fn parse_trailers(section: &[u8]) -> Option<Fields> {
    if section.is_empty() {
        return None;
    }
    let section = [section, b"\r\n"].concat();
    let mut headers = [httparse::EMPTY_HEADER; TRAILERS_MAX];
    let (_, headers) = complete(httparse::parse_headers(&section, &mut headers))?;
    let mut fields = Fields::default();
    for header in headers {
        fields.push(header.name.as_bytes(), header.value);
    }
    Some(fields)
}

fn complete<T>(parsed: httparse::Result<T>) -> Option<T> {
    match parsed {
        Ok(Status::Complete(value)) => Some(value),
        Ok(Status::Partial) | Err(_) => None,
    }
}

/// How many trailers are read; a section with more is dropped.
const TRAILERS_MAX: usize = 64;

/// Turns the slices that the parser returns into ranges of the buffer that it was given.
struct Locator {
    origin: usize,
}

impl Locator {
    fn new(buffer: &[u8]) -> Self {
        Self { origin: buffer.as_ptr() as usize }
    }

    fn span(&self, piece: &[u8]) -> Span {
        // An empty slice may point anywhere.
        let start = if piece.is_empty() { 0 } else { piece.as_ptr() as usize - self.origin };
        Span::new(start, start + piece.len())
    }
}

fn note_fields(list: &mut FieldList, headers: &[Header<'_>], locator: &Locator) {
    list.clear();
    headers.iter().for_each(|header| list.push(noted(header, locator)));
}

fn noted(header: &Header<'_>, locator: &Locator) -> FieldSpan {
    FieldSpan {
        id: FieldName::from_bytes(header.name.as_bytes()),
        name: locator.span(header.name.as_bytes()),
        value: locator.span(header.value),
    }
}

/// The names that we know are usual, so only the others are looked at. A field that is dropped is as if it had never been
/// sent: `Connection` may go on naming it.
fn note_request_fields(
    list: &mut FieldList,
    headers: &[Header<'_>],
    locator: &Locator,
    names: UnusualNames,
) -> Result<(), ParseError> {
    list.clear();
    for header in headers {
        let field = noted(header, locator);
        let is_usual = field.id != FieldName::Other || is_usual_name(header.name.as_bytes());
        match names {
            UnusualNames::Drop if !is_usual => {}
            UnusualNames::Refuse if !is_usual => {
                return Err(ParseError::Malformed("a field's name has an unusual character"));
            }
            _ => list.push(field),
        }
    }
    Ok(())
}

/// RFC 9112 §2.2 lets a recipient take a lone LF for a line's end. Whoever stands behind us may not, and then the two of us
/// see different messages; so lines end in CRLF here.
fn refuse_bare_line_feeds(head: &[u8]) -> Result<(), ParseError> {
    let bare = head.first() == Some(&b'\n')
        || head.windows(2).any(|pair| pair[1] == b'\n' && pair[0] != b'\r');
    if bare { Err(ParseError::Malformed("a line ends in LF without CR")) } else { Ok(()) }
}

/// The request line does not end in a version that we speak. What it ends in is known only when it is there: until then, the
/// answer must not depend on how the line was cut into segments.
fn refuse_version(request: &[u8]) -> Result<(), ParseError> {
    let start = request.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or_default();
    let line = &request[start..];
    let Some(end) = line.iter().position(|byte| b"\r\n".contains(byte)) else { return Ok(()) };
    let words: Vec<&[u8]> = line[..end].split(|&byte| byte == b' ').collect();
    match words[..] {
        [b"PRI", b"*", b"HTTP/2.0"] => Err(ParseError::Preface),
        // RFC 9110 §15.6.6: 505 is about the major version.
        [_, _, [b'H', b'T', b'T', b'P', b'/', b'2'..=b'9', b'.', b'0'..=b'9']] => {
            Err(ParseError::UnsupportedVersion)
        }
        // RFC 9112 §2.3: anything else is no HTTP-version, or one that nobody speaks: 0.9, 1.2, `http/1.1`.
        _ => Err(ParseError::Malformed("the request line does not end in a version")),
    }
}

/// RFC 9112 §3.2: an HTTP/1.1 request has exactly one `Host`, and it is a host; anything else is for 400.
pub(crate) fn check_host(head: &RequestHead) -> Result<(), ParseError> {
    let mut hosts = head.fields.all(FieldName::Host);
    match (hosts.next(), hosts.next()) {
        (_, Some(_)) => Err(ParseError::Malformed("more than one Host field")),
        (Some(host), None) if host.is_empty() || target::is_authority(host) => Ok(()),
        (Some(_), None) => Err(ParseError::Malformed("the Host field is not a host")),
        (None, None) if head.version == Version::Http10 => Ok(()),
        (None, None) => Err(ParseError::Malformed("no Host field")),
    }
}

fn version(minor: Option<u8>) -> Version {
    if minor == Some(0) { Version::Http10 } else { Version::Http11 }
}

fn refusal(error: httparse::Error) -> ParseError {
    match error {
        httparse::Error::HeaderName => ParseError::Malformed("a field's name is malformed"),
        httparse::Error::HeaderValue => ParseError::Malformed("a field's value is malformed"),
        httparse::Error::NewLine => ParseError::Malformed("a line does not end in CRLF"),
        httparse::Error::Status => ParseError::Malformed("the status line is malformed"),
        httparse::Error::Token => ParseError::Malformed("the request line is malformed"),
        httparse::Error::TooManyHeaders => ParseError::TooManyFields,
        httparse::Error::Version => ParseError::UnsupportedVersion,
    }
}

#[cfg(test)]
mod tests;
