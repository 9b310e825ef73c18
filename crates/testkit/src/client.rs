//! A raw, blocking HTTP/1 client, in clear text or over TLS: sends any bytes, and judges the answer's framing strictly.

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::{Domain, SockRef, Socket, Type};

mod drip;
mod response;
mod stream;

pub use drip::Drip;
pub use response::Response;

use crate::message::Framing;
use crate::wait::Deadline;
use crate::wire::Wire;
use stream::Stream;

/// One connection, kept alive between requests for as long as the other side does.
#[derive(Debug)]
pub struct Client {
    wire: Wire<Stream>,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// What `connect` says.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        Self::over(TcpStream::connect_timeout(&address, CONNECT_WITHIN)?)
    }

    /// Connects, and shakes hands over TLS with whoever is to be `name`, by the rules of `config`.
    ///
    /// # Errors
    /// What `connect` and the handshake say; also a handshake in which nothing comes for 5 s.
    pub fn connect_tls(
        address: SocketAddr,
        name: ServerName<'static>,
        config: Arc<ClientConfig>,
    ) -> io::Result<Self> {
        let socket = prepared(TcpStream::connect_timeout(&address, CONNECT_WITHIN)?)?;
        socket.set_read_timeout(Some(CONNECT_WITHIN))?;
        Ok(Self { wire: Wire::new(Stream::shake_hands(socket, name, config)?) })
    }

    /// Connects from that address of this machine, such as any of 127.0.0.0/8.
    ///
    /// # Errors
    /// What `bind` and `connect` say.
    pub fn connect_from(source: Ipv4Addr, address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((source, 0)).into())?;
        socket.connect_timeout(&address.into(), CONNECT_WITHIN)?;
        Self::over(socket.into())
    }

    fn over(socket: TcpStream) -> io::Result<Self> {
        Ok(Self { wire: Wire::new(Stream::Clear(prepared(socket)?)) })
    }

    /// Sends `bytes` as they are.
    ///
    /// # Errors
    /// What `send` says; a timeout when the other side takes nothing for 10 s.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.wire.stream_mut().write_all(bytes)
    }

    /// Sends `bytes` in pieces of `size`, each a segment of its own if the other side is quick enough to read it so.
    ///
    /// # Errors
    /// As [`Client::send`]: also when the other side has had enough before the end.
    pub fn send_in_pieces(&mut self, bytes: &[u8], size: usize) -> io::Result<()> {
        bytes.chunks(size.max(1)).try_for_each(|piece| self.send(piece))
    }

    /// Begins to send `byte` again and again, with a `pause` after each, until the other side or the drip is gone. It goes past
    /// TLS, which cannot be shared.
    ///
    /// # Errors
    /// When the socket cannot be shared with a thread.
    pub fn drip(&self, byte: u8, pause: Duration) -> io::Result<Drip> {
        Drip::begin(self.stream().try_clone()?, byte, pause)
    }

    /// Reads one answer to anything but a HEAD. An interim answer (1xx) is one too.
    ///
    /// # Errors
    /// A malformed, ambiguous or cut answer, or none by the deadline.
    pub fn read_response(&mut self, within: Duration) -> io::Result<Response> {
        self.read(within, "GET")
    }

    /// Reads one answer to a request of `method`: the answer to a HEAD has no body.
    ///
    /// # Errors
    /// As [`Client::read_response`].
    pub fn read_response_to(&mut self, method: &str, within: Duration) -> io::Result<Response> {
        self.read(within, method)
    }

    /// Sends `request`, and reads one answer.
    ///
    /// # Errors
    /// As [`Client::send`] and [`Client::read_response`].
    pub fn exchange(&mut self, request: &[u8], within: Duration) -> io::Result<Response> {
        self.send(request)?;
        self.read_response(within)
    }

    /// Bytes that came after the last answer that was read: pipelined, or wrongly framed.
    #[must_use]
    pub fn leftover(&self) -> &[u8] {
        self.wire.leftover()
    }

    /// Reads until the other side closes in order; returns what came.
    ///
    /// # Errors
    /// A reset, or no end by the deadline.
    pub fn read_to_end(&mut self, within: Duration) -> io::Result<Vec<u8>> {
        self.wire.set_deadline(Deadline::after(within));
        self.wire.take_to_end()
    }

    /// Reads until the other side ends the connection, in order or by a reset; returns what came.
    ///
    /// # Errors
    /// When there is no end by the deadline.
    pub fn read_until_gone(&mut self, within: Duration) -> io::Result<Vec<u8>> {
        self.wire.set_deadline(Deadline::after(within));
        self.wire.take_until_gone()
    }

    /// Ends our sending side; the answer can still be read.
    ///
    /// # Errors
    /// When the connection is already gone.
    pub fn finish_sending(&self) -> io::Result<()> {
        self.stream().shutdown(Shutdown::Write)
    }

    /// Ends the connection with a reset.
    ///
    /// # Errors
    /// What `setsockopt` says.
    pub fn reset(self) -> io::Result<()> {
        SockRef::from(self.stream()).set_linger(Some(Duration::ZERO))
    }

    /// The socket, for its addresses and options.
    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        self.wire.stream().socket()
    }

    fn read(&mut self, within: Duration, method: &str) -> io::Result<Response> {
        self.wire.set_deadline(Deadline::after(within));
        let Some(head) = self.wire.take_head()? else {
            let message = "the connection ended without an answer";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        };
        let mut response = Response::parse(head, method)?;
        match response.framing {
            Framing::None => {}
            Framing::Length(length) => response.body = self.wire.take_exactly(length)?,
            Framing::Chunked => (response.body, response.trailers) = self.wire.take_chunked()?,
            Framing::Close => response.body = self.wire.take_to_end()?,
        }
        Ok(response)
    }
}

pub(crate) fn prepared(socket: TcpStream) -> io::Result<TcpStream> {
    socket.set_nodelay(true)?;
    socket.set_write_timeout(Some(WRITE_WITHIN))?;
    Ok(socket)
}

/// Gets `path` over a connection of its own, which must end after the answer.
///
/// # Errors
/// As [`Client::read_response`]; also bytes behind the answer, or no end of the connection.
pub fn get(address: SocketAddr, path: &str) -> io::Result<Response> {
    let mut client = Client::connect(address)?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let response = client.exchange(request.as_bytes(), ANSWER_WITHIN)?;
    match client.read_to_end(ANSWER_WITHIN)?.len() {
        0 => Ok(response),
        extra => {
            let message = format!("{extra} bytes behind the end of the answer");
            Err(io::Error::new(io::ErrorKind::InvalidData, message))
        }
    }
}

/// Loopback connects in microseconds; a busy machine may take long to schedule both ends.
pub(crate) const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// A test that writes to someone who never reads must end.
const WRITE_WITHIN: Duration = Duration::from_secs(10);

/// For [`get`], which takes no deadline of its own.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
