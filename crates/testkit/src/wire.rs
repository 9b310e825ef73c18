//! Takes whole things (heads, bodies, chunks) off a socket. Called by the client and the origin.

use std::io;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::gate::lock;
use crate::message::{Fields, malformed};
use crate::wait::Deadline;

/// Where bytes come from: a socket, or a record of one.
pub(crate) trait Supply: io::Read {
    /// How long one read may take; `None` for ever.
    fn limit_read(&self, within: Option<Duration>) -> io::Result<()>;
}

impl Supply for TcpStream {
    fn limit_read(&self, within: Option<Duration>) -> io::Result<()> {
        self.set_read_timeout(within)
    }
}

/// What was recorded is all there.
impl Supply for &[u8] {
    fn limit_read(&self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }
}

/// A blocking socket, or a record, and what was read from it but not yet taken.
#[derive(Debug)]
pub(crate) struct Wire<S = TcpStream> {
    stream: S,
    buffer: Vec<u8>,
    deadline: Option<Deadline>,
    record: Option<Arc<Mutex<Vec<u8>>>>,
}

impl<S: Supply> Wire<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new(), deadline: None, record: None }
    }

    /// Also appends every received byte to `record`, taken or not.
    pub(crate) fn recording(stream: S, record: Arc<Mutex<Vec<u8>>>) -> Self {
        Self { record: Some(record), ..Self::new(stream) }
    }

    pub(crate) fn stream(&self) -> &S {
        &self.stream
    }

    pub(crate) fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    pub(crate) fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = Some(deadline);
    }

    /// What was read but not taken.
    pub(crate) fn leftover(&self) -> &[u8] {
        &self.buffer
    }

    /// Takes a head with its empty line; `None` if the connection ends before its first byte.
    pub(crate) fn take_head(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                return Ok(Some(self.split_off(at + 4)));
            }
            if self.buffer.len() > MAX_HEAD_BYTES {
                return Err(malformed("a head without an end", &self.shown()));
            }
            match self.fill() {
                Ok(0) if self.buffer.is_empty() => return Ok(None),
                Ok(0) => return Err(self.cut_short()),
                Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) fn take_exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < length {
            if self.fill()? == 0 {
                return Err(self.cut_short());
            }
        }
        Ok(self.split_off(length))
    }

    /// Takes everything up to the peer's orderly end; a reset is an error.
    pub(crate) fn take_to_end(&mut self) -> io::Result<Vec<u8>> {
        while self.fill()? > 0 {}
        Ok(std::mem::take(&mut self.buffer))
    }

    /// Takes everything up to the peer's end, orderly or not.
    pub(crate) fn take_until_gone(&mut self) -> io::Result<Vec<u8>> {
        loop {
            match self.fill() {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break,
                Err(error) => return Err(error),
            }
        }
        Ok(std::mem::take(&mut self.buffer))
    }

    /// Takes a chunked body and its trailers. Returns the sizes of the chunks too.
    pub(crate) fn take_chunked(&mut self) -> io::Result<(Vec<u8>, Fields)> {
        let mut body = Vec::new();
        loop {
            let line = self.take_line()?;
            let size = parse_chunk_size(&line)?;
            if size == 0 {
                return Ok((body, self.take_trailers()?));
            }
            body.extend(self.take_exactly(size)?);
            if self.take_exactly(2)? != b"\r\n" {
                return Err(malformed("a chunk that does not end where it says", &self.shown()));
            }
        }
    }

    fn take_trailers(&mut self) -> io::Result<Fields> {
        let mut text = String::new();
        loop {
            match self.take_line()?.as_str() {
                "" => return Fields::parse(&text),
                line => text.extend([line, "\r\n"]),
            }
        }
    }

    fn take_line(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                let line = self.split_off(at + 2);
                let text = str::from_utf8(&line[..at]).map_err(io::Error::other)?;
                if text.contains('\n') {
                    return Err(malformed("a bare LF", text));
                }
                return Ok(text.to_owned());
            }
            if self.fill()? == 0 {
                return Err(self.cut_short());
            }
        }
    }

    /// Reads once; 0 is the end.
    fn fill(&mut self) -> io::Result<usize> {
        let mut block = [0; 16 * 1024];
        let read = loop {
            let left = self.deadline.map(|deadline| deadline.remaining()).transpose()?;
            self.stream.limit_read(left)?;
            match self.stream.read(&mut block) {
                // signal(7): a read with a timeout ends so when the process was stopped and goes on, without any handler.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        match read {
            Ok(length) => {
                self.buffer.extend_from_slice(&block[..length]);
                if let Some(record) = &self.record {
                    lock(record).extend_from_slice(&block[..length]);
                }
                Ok(length)
            }
            Err(error) => Err(self.explain(error)),
        }
    }

    /// A socket timeout reads `WouldBlock`, which would say nothing to a person.
    fn explain(&self, error: io::Error) -> io::Error {
        match self.deadline {
            Some(deadline) if error.kind() == io::ErrorKind::WouldBlock => {
                let passed = deadline.passed();
                io::Error::new(passed.kind(), format!("{passed}; so far {}", self.shown()))
            }
            _ => error,
        }
    }

    fn cut_short(&self) -> io::Error {
        let message = format!("the connection ended in mid-message, after {}", self.shown());
        io::Error::new(io::ErrorKind::UnexpectedEof, message)
    }

    fn shown(&self) -> String {
        let end = self.buffer.len().min(200);
        format!("{} bytes {:?}", self.buffer.len(), String::from_utf8_lossy(&self.buffer[..end]))
    }

    fn split_off(&mut self, length: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(length);
        std::mem::replace(&mut self.buffer, rest)
    }
}

// RFC 9112 §7.1: hexadecimal digits, then perhaps extensions after a semicolon.
fn parse_chunk_size(line: &str) -> io::Result<usize> {
    let digits = line.split_once(';').map_or(line, |(digits, _)| digits);
    let valid = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let size = valid.then(|| usize::from_str_radix(digits, 16).ok()).flatten();
    size.filter(|&size| size <= MAX_CHUNK_BYTES).ok_or_else(|| malformed("not a chunk size", line))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Far more than any proxy may let through; a bound so that a runaway test ends.
const MAX_HEAD_BYTES: usize = 1 << 20;

/// The same for one chunk.
const MAX_CHUNK_BYTES: usize = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_size_is_hexadecimal_and_nothing_else() {
        assert_eq!(parse_chunk_size("1f").unwrap(), 31);
        assert_eq!(parse_chunk_size("0;last=1").unwrap(), 0);
        for line in ["", "0x10", "+1", " 1", "1 ", "g", "ffffffffffffffffff", ";a"] {
            assert!(parse_chunk_size(line).is_err(), "{line:?}");
        }
    }
}
