//! A request as the origin got it. Handed to behaviours, kept in the records.

use std::io;

use crate::message::{Fields, Framing, malformed, parse_head};

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The number of its connection, from 0 in the order of acceptance.
    pub connection: usize,
    /// Its place on that connection, from 0.
    pub index: usize,
    /// The method.
    pub method: String,
    /// The request target, as it came.
    pub target: String,
    /// The version: `HTTP/1.1` or `HTTP/1.0`.
    pub version: String,
    /// The header fields.
    pub fields: Fields,
    /// The body, without its chunking; empty while only the head has arrived.
    pub body: Vec<u8>,
    /// The trailer fields of a chunked body.
    pub trailers: Fields,
    /// The head as it came, with its empty line.
    pub head: Vec<u8>,
}

impl Request {
    /// The value of the first header field called `name`.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.fields.get(name)
    }

    pub(super) fn parse(head: Vec<u8>, connection: usize, index: usize) -> io::Result<Self> {
        let (line, fields) = parse_head(&head)?;
        let mut parts = line.split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed("not a request line", line));
        };
        Ok(Self {
            connection,
            index,
            method: method.to_owned(),
            target: target.to_owned(),
            version: version.to_owned(),
            fields,
            body: Vec::new(),
            trailers: Fields::default(),
            head,
        })
    }

    // RFC 9112 §6.3 rule 7: a request that says nothing of a body has none.
    pub(super) fn framing(&self) -> io::Result<Framing> {
        Ok(self.fields.framing()?.unwrap_or(Framing::None))
    }
}
