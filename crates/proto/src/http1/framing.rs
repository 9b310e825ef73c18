//! Where a body ends (RFC 9112 §6.3). A message whose end could be found in two ways is refused, never interpreted.

use crate::field::{FieldName, Fields};
use crate::head::{RequestHead, ResponseHead, Version};
use crate::method::Method;

/// How a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    Empty,
    /// So many bytes, which may be none.
    Length(u64),
    /// In chunks.
    Chunked,
    /// Up to the end of the connection. Answers only.
    UntilClose,
}

/// Why a message has no certain end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramingError {
    /// It breaks a rule; the text says which.
    Ambiguous(&'static str),
    /// A transfer coding other than `chunked`.
    UnknownCoding,
}

/// How the body of a request is delimited.
///
/// # Errors
/// [`FramingError`]: answer 400, or 501 for an unknown coding, and close.
pub fn request_framing(head: &RequestHead) -> Result<Framing, FramingError> {
    // RFC 9112 §6.3 rules 3 to 6, in our order: two framings, then each by itself.
    match (is_chunked(&head.fields, head.version)?, content_length(&head.fields)?) {
        (true, Some(_)) => {
            Err(FramingError::Ambiguous("both Content-Length and Transfer-Encoding"))
        }
        (true, None) => Ok(Framing::Chunked),
        (false, Some(length)) => Ok(Framing::Length(length)),
        (false, None) => Ok(Framing::Empty),
    }
}

/// How the body of the answer to a `method` request is delimited.
///
/// # Errors
/// [`FramingError`]: answer 502 and close the connection to the endpoint.
pub fn response_framing(head: &ResponseHead, method: Method) -> Result<Framing, FramingError> {
    let chunked = is_chunked(&head.fields, head.version)?;
    let length = content_length(&head.fields)?;
    if chunked && length.is_some() {
        return Err(FramingError::Ambiguous("both Content-Length and Transfer-Encoding"));
    }
    // RFC 9112 §6.3 rule 1: these never have a body, whatever their fields say.
    if method == Method::Head || matches!(head.status, 100..=199 | 204 | 304) {
        return Ok(Framing::Empty);
    }
    Ok(match (chunked, length) {
        (true, _) => Framing::Chunked,
        (false, Some(length)) => Framing::Length(length),
        (false, None) => Framing::UntilClose,
    })
}

/// RFC 9112 §6.1: `chunked` once, last, and the only coding that we know; never in HTTP/1.0.
fn is_chunked(fields: &Fields, version: Version) -> Result<bool, FramingError> {
    let mut values = fields.all(FieldName::TransferEncoding);
    let Some(value) = values.next() else { return Ok(false) };
    if version == Version::Http10 {
        return Err(FramingError::Ambiguous("Transfer-Encoding in HTTP/1.0"));
    }
    if values.next().is_some() {
        return Err(FramingError::Ambiguous("more than one Transfer-Encoding"));
    }
    // Not `list_elements`: `,chunked` is read differently by different peers, so it is no `chunked` here.
    if value.eq_ignore_ascii_case(b"chunked") { Ok(true) } else { Err(FramingError::UnknownCoding) }
}

/// RFC 9112 §6.3 rule 5: one number, or the same number again and again.
pub(crate) fn content_length(fields: &Fields) -> Result<Option<u64>, FramingError> {
    let mut length = None;
    for value in fields.all(FieldName::ContentLength) {
        // Not `list_elements`: `5,` and an empty value are read differently by different peers, so they are no number here.
        for element in value.split(|&byte| byte == b',') {
            let number = decimal(element.trim_ascii())
                .ok_or(FramingError::Ambiguous("a Content-Length that is not a number"))?;
            if length.is_some_and(|length| length != number) {
                return Err(FramingError::Ambiguous("two different Content-Lengths"));
            }
            length = Some(number);
        }
    }
    Ok(length)
}

/// RFC 9110 §8.6: `1*DIGIT`. No sign, no white space, no prefix, and no number that does not fit.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|&digit| digit <= 9)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests;
