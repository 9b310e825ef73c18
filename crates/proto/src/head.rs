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
    /// What `Via` says of a message of this version that we have received (RFC 9110 §7.6.3), under our pseudonym.
    pub const fn via(self) -> &'static str {
        match self {
            Self::Http10 => "1.0 evenkeel",
            Self::Http11 => "1.1 evenkeel",
            Self::Http2 => "2.0 evenkeel",
        }
    }
}

/// The head of a request: its control data and its fields. Of a stream, what stands for one: see [`RequestHead::of_stream`].
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
    /// `http://authority/path?query`, or `https://`, or without saying which; the path is empty when the client left it out.
    Absolute { authority: Span, path: Span, is_https: Option<bool> },
    /// None: it is a stream, to this host if the client says so.
    Stream { host: Option<Span> },
}

impl RequestHead {
    /// What stands for the request of a stream of bytes, which has none: to be passed on to `host`, if the client has said whom it wants.
    /// So whatever goes by hosts goes by those of streams, too. In the place of a method it is [`STREAM`].
    pub fn of_stream(host: Option<&str>) -> Self {
        let mut fields = Fields::default();
        fields.buffer.extend_from_slice(STREAM);
        fields.buffer.extend_from_slice(host.unwrap_or_default().as_bytes());
        let token = Span::new(0, STREAM.len());
        let host = host.map(|_| Span::new(STREAM.len(), fields.buffer.len()));
        let (method, version) = (Method::Other, Version::Http11);
        Self { method, version, fields, token, target: Target::Stream { host } }
    }

    /// Whether it stands for a stream.
    pub fn is_stream(&self) -> bool {
        matches!(self.target, Target::Stream { .. })
    }

    /// The method as it was sent.
    pub fn method_token(&self) -> &[u8] {
        self.token.of(&self.fields.buffer)
    }

    /// Path and query, in the form in which an endpoint gets them.
    pub fn path(&self) -> &[u8] {
        let (Target::Origin(path) | Target::Absolute { path, .. }) = self.target else {
            return b"";
        };
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
        let (Target::Origin(span) | Target::Absolute { path: span, .. }) = &mut self.target else {
            return Ok(());
        };
        let length = path::normalise(span.of_mut(&mut self.fields.buffer), rules)?;
        *span = span.shortened(length);
        Ok(())
    }

    /// The scheme of an absolute target; `None` for one that has none.
    pub fn scheme(&self) -> Option<&'static str> {
        match self.target {
            Target::Absolute { is_https, .. } => {
                is_https.map(|is_https| if is_https { "https" } else { "http" })
            }
            Target::Origin(_) | Target::Stream { .. } => None,
        }
    }

    /// Whom the client wants to talk to. An absolute target overrules `Host` (RFC 9112 §3.2.2).
    pub fn authority(&self) -> Option<&[u8]> {
        match self.target {
            Target::Absolute { authority, .. } => Some(authority.of(&self.fields.buffer)),
            Target::Origin(_) => self.fields.first(crate::field::FieldName::Host),
            Target::Stream { host } => Some(host?.of(&self.fields.buffer)),
        }
    }
}

/// What people are shown of a stream where a request has its method.
pub const STREAM: &[u8] = b"STREAM";

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_has_a_host_or_none_and_nothing_else() {
        for host in [Some("db.example.com"), None] {
            let mut head = RequestHead::of_stream(host);
            assert!(head.is_stream());
            assert_eq!(head.normalise_path(&PathRules::default()), Ok(()));
            assert_eq!((head.method_token(), head.path(), head.scheme()), (STREAM, &b""[..], None));
            assert_eq!(head.authority(), host.map(str::as_bytes));
            assert_eq!(head.fields.iter().count(), 0);
            assert!(!head.method.is_idempotent());
        }
    }
}
