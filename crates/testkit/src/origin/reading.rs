//! A second look at what was recorded on one connection: nothing but whole requests in canonical form may have come there.

use std::io;

use super::Request;
use crate::message::{Framing, malformed};
use crate::wire::Wire;

/// One connection, read again.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Every byte that came.
    pub bytes: Vec<u8>,
    /// The complete requests in there.
    pub requests: Vec<Request>,
    /// Whether another one follows them that breaks off.
    pub is_cut: bool,
}

impl Reading {
    /// Reads `bytes` from their beginning to their end.
    ///
    /// # Errors
    /// When they are anything but requests as a proxy should write them.
    pub fn of(bytes: Vec<u8>) -> io::Result<Self> {
        let mut wire = Wire::new(&*bytes);
        let mut requests = Vec::new();
        let is_cut = loop {
            match next(&mut wire, requests.len()) {
                Ok(Some(request)) => requests.push(request),
                Ok(None) => break false,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break true,
                Err(error) => return Err(error),
            }
        };
        Ok(Self { bytes, requests, is_cut })
    }
}

fn next(wire: &mut Wire<&[u8]>, index: usize) -> io::Result<Option<Request>> {
    let Some(head) = wire.take_head()? else { return Ok(None) };
    let mut request = Request::parse(head, 0, index)?;
    check_canonical(&request)?;
    match request.framing()? {
        Framing::None | Framing::Close => {}
        Framing::Length(length) => request.body = wire.take_exactly(length)?,
        Framing::Chunked => (request.body, request.trailers) = wire.take_chunked()?,
    }
    Ok(Some(request))
}

/// A proxy speaks its own version (RFC 9110 §2.5), says whom it wants to talk to exactly once (RFC 9112 §3.2), and sends no
/// authority in a target.
fn check_canonical(request: &Request) -> io::Result<()> {
    let head = String::from_utf8_lossy(&request.head);
    let targeted = request.target.starts_with('/') || request.target == "*";
    if request.version != "HTTP/1.1" || !targeted {
        return Err(malformed("not a canonical request line", &head));
    }
    match request.fields.all("host").count() {
        1 => Ok(()),
        _ => Err(malformed("not one Host field", &head)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &str) -> io::Result<Reading> {
        Reading::of(bytes.as_bytes().to_vec())
    }

    #[test]
    fn requests_are_told_apart_up_to_the_last_byte() {
        let reading = read(
            "GET /a HTTP/1.1\r\nHost: a\r\n\r\nPOST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi\
             PUT * HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        )
        .unwrap();
        let bodies: Vec<&[u8]> = reading.requests.iter().map(|each| &*each.body).collect();
        assert_eq!(bodies, [&b""[..], b"hi", b"x"]);
        assert!(!reading.is_cut);
    }

    #[test]
    fn a_request_that_breaks_off_is_not_counted() {
        for cut in
            ["G", "GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n1"]
        {
            let reading = read(&format!("GET /a HTTP/1.1\r\nHost: a\r\n\r\n{cut}")).unwrap();
            assert_eq!((reading.requests.len(), reading.is_cut), (1, true), "{cut:?}");
        }
    }

    #[test]
    fn what_no_proxy_should_write_is_an_error() {
        for bytes in [
            "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n0\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
    }
}
