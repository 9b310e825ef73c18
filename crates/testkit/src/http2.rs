//! A raw, blocking HTTP/2 client, and a server: they send any frames, and look at those that come. Called by tests; nothing is shared with `h2`.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

mod endpoint;
mod frame;

pub use endpoint::{Http2Endpoint, Peer};
pub use frame::{Block, END_HEADERS, END_STREAM, Frame, Kind, frame};

use crate::client::{CONNECT_WITHIN, prepared};
use crate::wait::Deadline;
use crate::wire::Wire;

/// One connection.
#[derive(Debug)]
pub struct Http2Client {
    wire: Wire<TcpStream>,
    sent: u64,
    next_stream: u32,
}

/// What has become of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer, complete.
    Answered {
        /// Its status; 0 where its field is compressed in a way that this client does not read.
        status: u16,
        /// Its body.
        body: Vec<u8>,
    },
    /// RST_STREAM with this code.
    Reset(u32),
    /// The end of the connection; GOAWAY with this code came before.
    Ended(Option<u32>),
}

impl Http2Client {
    /// Connects, and sends the preface with no settings.
    ///
    /// # Errors
    /// What `connect` and `send` say.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        Self::connect_with(address, &[])
    }

    /// Connects, and sends the preface with these settings: pairs of an identifier and a value.
    ///
    /// # Errors
    /// What `connect` and `send` say.
    pub fn connect_with(address: SocketAddr, settings: &[(u16, u32)]) -> io::Result<Self> {
        let mut client = Self::connect_silently(address)?;
        client.send(&[PREFACE, &*frame::settings(settings)].concat())?;
        Ok(client)
    }

    /// Connects, and sends nothing.
    ///
    /// # Errors
    /// What `connect` says.
    pub fn connect_silently(address: SocketAddr) -> io::Result<Self> {
        let socket = prepared(TcpStream::connect_timeout(&address, CONNECT_WITHIN)?)?;
        Ok(Self { wire: Wire::new(socket), sent: 0, next_stream: 1 })
    }

    /// Sends `bytes` as they are.
    ///
    /// # Errors
    /// What `send` says; a timeout when the other side takes nothing for 10 s.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sent += bytes.len() as u64;
        self.wire.stream_mut().write_all(bytes)
    }

    /// How many bytes were sent.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// The next stream that nobody has opened.
    pub fn open(&mut self) -> u32 {
        let stream = self.next_stream;
        self.next_stream += 2;
        stream
    }

    /// Opens a stream with `block`, which is all of the request if `is_end`. Returns its number.
    ///
    /// # Errors
    /// As [`Http2Client::send`].
    pub fn request(&mut self, block: &[u8], is_end: bool) -> io::Result<u32> {
        let stream = self.open();
        let flags = END_HEADERS | if is_end { END_STREAM } else { 0 };
        self.send(&frame(Kind::Headers, flags, stream, block))?;
        Ok(stream)
    }

    /// Sends a part of a body.
    ///
    /// # Errors
    /// As [`Http2Client::send`].
    pub fn data(&mut self, stream: u32, bytes: &[u8], is_end: bool) -> io::Result<()> {
        let flags = if is_end { END_STREAM } else { 0 };
        self.send(&frame(Kind::Data, flags, stream, bytes))
    }

    /// The next frame; `None` at the end of the connection, in order or by a reset. SETTINGS are acknowledged.
    ///
    /// # Errors
    /// When neither comes by the deadline.
    pub fn read_frame(&mut self, within: Duration) -> io::Result<Option<Frame>> {
        self.wire.set_deadline(Deadline::after(within));
        let frame = match Frame::take(&mut self.wire) {
            Err(error) if is_end(&error) => return Ok(None),
            outcome => outcome?,
        };
        if frame.kind == Kind::Settings && frame.flags == 0 {
            // It may be gone already, which shows where it is read next.
            drop(self.send(&self::frame(Kind::Settings, frame::ACK, 0, &[])));
        }
        Ok(Some(frame))
    }

    /// Reads until `stream` or the connection ends.
    ///
    /// # Errors
    /// When neither comes by the deadline.
    pub fn outcome(&mut self, stream: u32, within: Duration) -> io::Result<Outcome> {
        let (mut goaway, mut status, mut body) = (None, 0, Vec::new());
        while let Some(frame) = self.read_frame(within)? {
            match frame.kind {
                Kind::GoAway => goaway = frame.code(),
                _ if frame.stream != stream => continue,
                Kind::RstStream => return Ok(Outcome::Reset(frame.code().unwrap_or_default())),
                Kind::Headers => status = frame.status().unwrap_or(status),
                Kind::Data => body.extend_from_slice(&frame.payload),
                _ => {}
            }
            if frame.stream == stream && frame.ends_stream() {
                return Ok(Outcome::Answered { status, body });
            }
        }
        Ok(Outcome::Ended(goaway))
    }

    /// Reads until the connection ends; returns the code of the last GOAWAY.
    ///
    /// # Errors
    /// When nothing comes by the deadline.
    pub fn goaway(&mut self, within: Duration) -> io::Result<Option<u32>> {
        let mut code = None;
        while let Some(frame) = self.read_frame(within)? {
            if frame.kind == Kind::GoAway {
                code = frame.code();
            }
        }
        Ok(code)
    }

    /// The socket, for its addresses and options.
    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        self.wire.stream()
    }
}

fn is_end(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), UnexpectedEof | ConnectionReset | BrokenPipe)
}

/// RFC 9113 §3.4.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[cfg(test)]
mod tests;
