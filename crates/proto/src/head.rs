//! The neutral heads of a request and an answer, which every version of HTTP is turned into and rendered from.

use crate::field::{Fields, Span};
use crate::method::Method;
use crate::path::{self, PathError, PathRules};

/// The version that a message came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2
    Http2,
}

impl Version {
    /// The version as `Via` wants it (RFC 9110 §7.6.3).
    pub const fn via(self) -> &'static str {
        match self {
            Self::Http10 => "1.0",
            Self::Http11 => "1.1",
            Self::Http2 => "2.0",
        }
    }
}

/// The head of a request: its control data and its fields.
#[derive(Debug)]
pub struct RequestHead {
    /// The method, as far as it matters to a proxy.
    pub method: Method,
    /// The version that the client spoke.
    pub version: Version,
    /// All fields, `Host` among them.
    pub fields: Fields,
    pub(crate) token: Span,
    pub(crate) target: Target,
}

/// The request's target (RFC 9112 §3.2), as ranges of the head's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// `/path?query`, or `*`.
    Origin(Span),
    /// `http://authority/path?query`, or `https://`; the path is empty when the client left it out.
    Absolute { authority: Span, path: Span, is_https: bool },
}

impl RequestHead {
    /// The method as it was sent.
    pub fn method_token(&self) -> &[u8] {
        self.token.of(&self.fields.buffer)
    }

    /// Path and query, in the form in which an endpoint gets them.
    pub fn path(&self) -> &[u8] {
        let (Target::Origin(path) | Target::Absolute { path, .. }) = self.target;
        match path.of(&self.fields.buffer) {
            // RFC 9112 §3.2.4: OPTIONS for a whole server, told to a proxy.
            [] if self.method == Method::Options => b"*",
            [] => b"/",
            path => path,
        }
    }

    /// Brings the path into its normal form, which is then what [`Self::path`] gives: what is matched is what goes on.
    ///
    /// # Errors
    /// [`PathError`]: answer 400. The path is as it was.
    pub fn normalise_path(&mut self, rules: &PathRules) -> Result<(), PathError> {
        let (Target::Origin(span) | Target::Absolute { path: span, .. }) = &mut self.target;
        let length = path::normalise(span.of_mut(&mut self.fields.buffer), rules)?;
        *span = span.shortened(length);
        Ok(())
    }

    /// The scheme of an absolute target; `None` for one that has none.
    pub fn scheme(&self) -> Option<&'static str> {
        match self.target {
            Target::Absolute { is_https, .. } => Some(if is_https { "https" } else { "http" }),
            Target::Origin(_) => None,
        }
    }

    /// Whom the client wants to talk to. An absolute target overrules `Host` (RFC 9112 §3.2.2).
    pub fn authority(&self) -> Option<&[u8]> {
        match self.target {
            Target::Absolute { authority, .. } => Some(authority.of(&self.fields.buffer)),
            Target::Origin(_) => self.fields.first(crate::field::FieldName::Host),
        }
    }
}

/// The head of an answer.
#[derive(Debug)]
pub struct ResponseHead {
    /// The status, 100 to 999.
    pub status: u16,
    /// The version that the endpoint spoke.
    pub version: Version,
    /// All fields.
    pub fields: Fields,
    pub(crate) reason: Span,
}

impl ResponseHead {
    /// The reason phrase; often empty, and never to be trusted.
    pub fn reason(&self) -> &[u8] {
        self.reason.of(&self.fields.buffer)
    }

    /// Whether another answer follows this one (RFC 9110 §15.2). 101 is final: what follows it is not HTTP/1 any more.
    pub fn is_interim(&self) -> bool {
        (100..200).contains(&self.status) && self.status != 101
    }
}
