//! HTTP/1 heads as a strict reader sees them. Called by the client and the origin, never by the
//! proxy: a judge that shared the proxy's parser would share its faults.

use std::io;

/// The header or trailer fields of a message, in order, with their names as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// The value of the first field called `name`, in any case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The values of all fields called `name`, in any case and in order.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }

    /// Every field as name and value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Parses field lines, each with its CRLF.
    pub(crate) fn parse(text: &str) -> io::Result<Self> {
        let lines = text.split_terminator("\r\n").map(parse_field);
        Ok(Self(lines.collect::<io::Result<_>>()?))
    }

    /// How the body of the message is delimited, if these fields say so.
    ///
    /// # Errors
    /// When they say two things, or something that two readers could take differently.
    pub(crate) fn framing(&self) -> io::Result<Option<Framing>> {
        let codings: Vec<&str> = self.all("transfer-encoding").collect();
        let lengths: Vec<&str> = self.all("content-length").collect();
        match (codings.as_slice(), lengths.as_slice()) {
            ([], []) => Ok(None),
            // RFC 9112 §6.3 rule 3: both may be an attempt at smuggling.
            ([_, ..], [_, ..]) => Err(malformed("both Transfer-Encoding and Content-Length", "")),
            ([coding], []) if coding.eq_ignore_ascii_case("chunked") => Ok(Some(Framing::Chunked)),
            ([coding, ..], []) => Err(malformed("an unknown transfer coding", coding)),
            ([], [length]) => Ok(Some(Framing::Length(parse_decimal(length)?))),
            ([], [length, ..]) => Err(malformed("more than one Content-Length", length)),
        }
    }
}

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body: by the status, or because the request was a HEAD.
    None,
    /// `Content-Length`, in bytes.
    Length(usize),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// The end of the connection.
    Close,
}

/// Splits a head, with its empty line, into the start line and the fields.
pub(crate) fn parse_head(head: &[u8]) -> io::Result<(&str, Fields)> {
    let text = str::from_utf8(head).map_err(|_| malformed("a head that is not UTF-8", ""))?;
    if text.replace("\r\n", "").contains(['\r', '\n', '\0']) {
        return Err(malformed("a bare CR, LF or NUL in a head", text));
    }
    let text = text.strip_suffix("\r\n").unwrap_or(text);
    let (start_line, fields) = text.split_once("\r\n").unwrap_or((text, ""));
    Ok((start_line, Fields::parse(fields)?))
}

/// An error that shows what was wrong.
pub(crate) fn malformed(what: &str, shown: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what}: {shown:?}"))
}

// RFC 9110 §8.6: 1*DIGIT; Rust's own parser would also take a sign.
pub(crate) fn parse_decimal(text: &str) -> io::Result<usize> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number.ok_or_else(|| malformed("not a number", text))
}

fn parse_field(line: &str) -> io::Result<(String, String)> {
    let (name, value) = line.split_once(':').ok_or_else(|| malformed("no colon", line))?;
    // RFC 9112 §5.1: no space before the colon; §5.2: no folded line. Both fail to be a token.
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(malformed("not a field name", line));
    }
    Ok((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()))
}

// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_a_start_line_and_its_fields_in_order() {
        let head = b"HTTP/1.1 200 OK\r\nVia: 1.1 a\r\nX-Empty:\r\nvia:  1.1 b \r\n\r\n";
        let (start_line, fields) = parse_head(head).unwrap();
        assert_eq!(start_line, "HTTP/1.1 200 OK");
        assert_eq!(fields.all("VIA").collect::<Vec<_>>(), ["1.1 a", "1.1 b"]);
        assert_eq!(fields.get("x-empty"), Some(""));
        assert_eq!(fields.get("absent"), None);
        assert_eq!(fields.len(), 3);
    }

    #[test]
    fn a_head_may_have_no_fields() {
        let (start_line, fields) = parse_head(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        assert_eq!((start_line, fields.is_empty()), ("GET / HTTP/1.0", true));
    }

    #[test]
    fn heads_that_readers_disagree_about_are_refused() {
        for head in [
            "GET / HTTP/1.1\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
            "GET / HTTP/1.1\r\nA\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
            "GET / HTTP/1.1\r\n: b\r\n\r\n",
        ] {
            assert!(parse_head(head.as_bytes()).is_err(), "{head:?}");
        }
    }

    #[test]
    fn framing_is_taken_from_one_unambiguous_field() {
        let framing = |text| Fields::parse(text).unwrap().framing();
        assert_eq!(framing("Content-Length: 12\r\n").unwrap(), Some(Framing::Length(12)));
        assert_eq!(framing("Transfer-Encoding: Chunked\r\n").unwrap(), Some(Framing::Chunked));
        assert_eq!(framing("Host: a\r\n").unwrap(), None);
        for text in [
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: 1\r\nContent-Length: 1\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: 1, 1\r\n",
            "Content-Length:\r\n",
            "Transfer-Encoding: gzip\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        ] {
            assert!(framing(text).is_err(), "{text:?}");
        }
    }
}
