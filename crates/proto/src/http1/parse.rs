//! Heads from bytes: `httparse` finds the pieces, this module refuses what it lets through but a proxy must not.

use std::mem::{MaybeUninit, take};

use httparse::{Header, ParserConfig, Request, Response, Status};

use crate::field::{FieldName, FieldSpan, Fields, Span};
use crate::head::{RequestHead, ResponseHead, Target, Version};
use crate::method::Method;

/// How large a head may be. Its length in bytes is the business of whoever fills the buffer.
#[derive(Clone, Copy, Debug)]
pub struct ParseLimits {
    /// How many fields, at most [`FIELDS_MAX`].
    pub fields: usize,
    /// The target of a request, in bytes.
    pub target_bytes: usize,
}

/// Why a head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// It breaks a rule of RFC 9112; the text says which.
    Malformed(&'static str),
    /// It is of a version that we do not speak.
    UnsupportedVersion,
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
        Err(httparse::Error::Version) if !names_a_version(bytes) => {
            return Err(ParseError::Malformed("the request line does not end in a version"));
        }
        Err(error) => return Err(refusal(error)),
    };
    refuse_bare_line_feeds(&bytes[..length])?;
    let (method, target) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
    if target.len() > limits.target_bytes {
        return Err(ParseError::TargetTooLong);
    }
    let locator = Locator::new(bytes);
    note_fields(list, request.headers, &locator);
    let (kind, version) = (Method::from_token(method.as_bytes()), version(request.version));
    let token = locator.span(method.as_bytes());
    let target = split_target(target.as_bytes(), kind, &locator)?;
    let head = RequestHead { method: kind, version, fields: take(fields), token, target };
    check_host(&head)?;
    Ok(Some((head, length)))
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

fn note_fields(list: &mut Vec<FieldSpan>, headers: &[Header<'_>], locator: &Locator) {
    list.clear();
    list.extend(headers.iter().map(|header| FieldSpan {
        id: FieldName::from_bytes(header.name.as_bytes()),
        name: locator.span(header.name.as_bytes()),
        value: locator.span(header.value),
    }));
}

/// RFC 9112 §2.2 lets a recipient take a lone LF for a line's end. Whoever stands behind us may not, and then the two of us
/// see different messages; so lines end in CRLF here.
fn refuse_bare_line_feeds(head: &[u8]) -> Result<(), ParseError> {
    let bare = head.windows(2).any(|pair| pair[1] == b'\n' && pair[0] != b'\r');
    if bare { Err(ParseError::Malformed("a line ends in LF without CR")) } else { Ok(()) }
}

/// Whether the request line ends in something that is a version (RFC 9112 §2.3), if one that we do not speak.
fn names_a_version(request: &[u8]) -> bool {
    let line = request.split(|&byte| byte == b'\r' || byte == b'\n').find(|line| !line.is_empty());
    let words: Vec<&[u8]> = line.unwrap_or_default().split(|&byte| byte == b' ').collect();
    matches!(words[..], [_, _, [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9']])
}

/// RFC 9112 §3.2: origin-form, absolute-form, or `*` for OPTIONS. Authority-form belongs to CONNECT, which is not for us.
fn split_target(target: &[u8], method: Method, locator: &Locator) -> Result<Target, ParseError> {
    // RFC 3986 §2: nothing but visible ASCII is in a URI, and a fragment is never sent (RFC 9112 §3.2.1).
    if !target.iter().all(|&byte| byte.is_ascii_graphic() && byte != b'#') {
        return Err(ParseError::Malformed("the target has a byte that no URI may have"));
    }
    match target {
        [b'/', ..] => Ok(Target::Origin(locator.span(target))),
        b"*" if method == Method::Options => Ok(Target::Origin(locator.span(target))),
        _ if method == Method::Connect => Ok(Target::Origin(locator.span(target))),
        _ => split_absolute(target, locator),
    }
}

fn split_absolute(target: &[u8], locator: &Locator) -> Result<Target, ParseError> {
    let refused = ParseError::Malformed("the target is neither a path nor an http:// address");
    let (scheme, rest) = target.split_at_checked(b"http://".len()).ok_or(refused)?;
    if !scheme.eq_ignore_ascii_case(b"http://") {
        return Err(refused);
    }
    let end = rest.iter().position(|byte| b"/?".contains(byte)).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if !is_authority(authority) {
        return Err(ParseError::Malformed("the target's authority is not a host"));
    }
    if path.starts_with(b"?") {
        // Would need a `/` that is not in the buffer; nobody sends it.
        return Err(ParseError::Malformed("the target has a query and no path"));
    }
    Ok(Target::Absolute { authority: locator.span(authority), path: locator.span(path) })
}

/// RFC 9112 §3.2: an HTTP/1.1 request has exactly one `Host`, and it is a host; anything else is for 400.
fn check_host(head: &RequestHead) -> Result<(), ParseError> {
    let mut hosts = head.fields.all(FieldName::Host);
    match (hosts.next(), hosts.next()) {
        (_, Some(_)) => Err(ParseError::Malformed("more than one Host field")),
        (Some(host), None) if host.is_empty() || is_authority(host) => Ok(()),
        (Some(_), None) => Err(ParseError::Malformed("the Host field is not a host")),
        (None, None) if head.version == Version::Http10 => Ok(()),
        (None, None) => Err(ParseError::Malformed("no Host field")),
    }
}

/// Whether `authority` can be `host[:port]` (RFC 3986 §3.2): what would let it be read in two ways is out, user names too.
fn is_authority(authority: &[u8]) -> bool {
    let allowed =
        |&byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:[]%!$&'()*+;=".contains(&byte);
    !authority.is_empty() && authority.iter().all(allowed)
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
