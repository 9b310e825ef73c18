//! An answer as it came over the wire. Made by `Client`.

use std::io;

use crate::message::{Fields, Framing, malformed, parse_decimal, parse_head};

/// One complete answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The reason phrase, often empty.
    pub reason: String,
    /// The version: `HTTP/1.1` or `HTTP/1.0`.
    pub version: String,
    /// The header fields.
    pub fields: Fields,
    /// The body, without its chunking.
    pub body: Vec<u8>,
    /// The trailer fields of a chunked body.
    pub trailers: Fields,
    /// How the end of the body was found.
    pub framing: Framing,
    /// The head as it came, with its empty line.
    pub head: Vec<u8>,
}

impl Response {
    /// The value of the first header field called `name`.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.fields.get(name)
    }

    /// The body as text, with what is not UTF-8 replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Parses the head of an answer to `method`; the body is still to come.
    pub(super) fn parse(head: Vec<u8>, method: &str) -> io::Result<Self> {
        let (status_line, fields) = parse_head(&head)?;
        let (version, status, reason) = parse_status_line(status_line)?;
        let framing = response_framing(version, status, &fields, method)?;
        Ok(Self {
            status,
            reason: reason.to_owned(),
            version: version.to_owned(),
            fields,
            body: Vec::new(),
            trailers: Fields::default(),
            framing,
            head,
        })
    }
}

// RFC 9112 §4: the space after the status is there even if the reason is empty.
fn parse_status_line(line: &str) -> io::Result<(&str, u16, &str)> {
    let mut parts = line.splitn(3, ' ');
    let (Some(version), Some(status), Some(reason)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(malformed("not a status line", line));
    };
    let known = matches!(version, "HTTP/1.1" | "HTTP/1.0") && status.len() == 3;
    let code = parse_decimal(status)?;
    match u16::try_from(code) {
        Ok(code @ 100..=599) if known => Ok((version, code, reason)),
        _ => Err(malformed("not a status line", line)),
    }
}

// RFC 9112 §6.3, in the order of its rules.
fn response_framing(
    version: &str,
    status: u16,
    fields: &Fields,
    method: &str,
) -> io::Result<Framing> {
    let said = fields.framing()?;
    if matches!(status, 100..=199 | 204) && said.is_some() {
        // RFC 9110 §8.6 and RFC 9112 §6.1: MUST NOT.
        return Err(malformed("a body announced where none can be", &status.to_string()));
    }
    if version == "HTTP/1.0" && said == Some(Framing::Chunked) {
        return Err(malformed("a transfer coding in an HTTP/1.0 answer", ""));
    }
    let without_body = method == "HEAD" || matches!(status, 100..=199 | 204 | 304);
    let tunnel = method == "CONNECT" && matches!(status, 200..=299);
    Ok(if without_body || tunnel { Framing::None } else { said.unwrap_or(Framing::Close) })
}
