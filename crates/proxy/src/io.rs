//! A connection as the protocols see it: non-blocking reads and writes that wake the connection's task, of a socket as it is or with TLS over it.
//!
//! Methods take `&self`, so that a body can flow in while an answer flows out.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use evenkeel_plan::listener::Protocol;
use evenkeel_plan::tls::{Handshake, Termination};
use evenkeel_proto::client_certificate::ClientCertificate;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use crate::pipes::Pipe;

mod socket;
mod tls;

use socket::Socket;
pub(crate) use tls::HandshakeError;
use tls::Session;

/// A connection.
#[derive(Debug)]
pub(crate) struct Io {
    socket: Socket,
    tls: Option<Box<Session>>,
}

impl Io {
    /// Takes over a socket that is connected and non-blocking.
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self { socket: Socket::new(socket), tls: None }
    }

    /// Connects to an endpoint.
    pub(crate) async fn connect(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { socket: Socket::connect(address).await?, tls: None })
    }

    /// The same of a client that is to begin TLS, for what `carries` says: nothing can be read or written before [`Io::poll_handshake`] is
    /// ready.
    pub(crate) fn terminate(socket: OwnedFd, termination: Termination, carries: Protocol) -> Self {
        let tls = Some(Box::new(Session::server(termination, carries)));
        Self { socket: Socket::new(socket), tls }
    }

    /// From now on it is a client of TLS to whom `name` has to prove itself, as a config of that edition says: nothing can be read or written
    /// before [`Io::poll_handshake`] is ready.
    ///
    /// # Errors
    /// The library's, for a configuration that it cannot work with.
    pub(crate) fn originate(
        mut self,
        config: (Arc<ClientConfig>, u64),
        name: ServerName<'static>,
    ) -> Result<Self, rustls::Error> {
        self.tls = Some(Box::new(Session::client(config, name)?));
        Ok(self)
    }

    /// Whether there is TLS over the socket.
    pub(crate) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// The name that the client asked for when it began TLS.
    pub(crate) fn server_name(&self) -> Option<Rc<str>> {
        self.tls.as_ref()?.server_name()
    }

    /// Whether both sides have agreed on HTTP/2 when they began TLS (RFC 9113 §3.2).
    pub(crate) fn speaks_http2(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.speaks_http2())
    }

    /// The certificate by which the client has proved who it is, if it has.
    pub(crate) fn client_certificate(&self) -> Option<&ClientCertificate> {
        self.tls.as_ref()?.client_certificate()
    }

    /// By which edition of the listener's terms, or the cluster's, the other side was asked who it is; `None` where there is no TLS.
    pub(crate) fn edition(&self) -> Option<u64> {
        self.tls.as_ref()?.edition()
    }

    /// Whether the client was to begin TLS, and has begun something else.
    pub(crate) fn is_stranger(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_stranger())
    }

    /// Whether all that was wanted of TLS is the handshake itself.
    pub(crate) fn is_challenge(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_challenge())
    }

    /// What the handshake of TLS came to, once it is done.
    pub(crate) fn handshake(&self) -> Handshake {
        self.tls.as_ref().map_or(Handshake::Full, |tls| tls.handshake())
    }

    /// Goes on with the handshake of TLS; ready at once where there is none.
    pub(crate) fn poll_handshake(&self, cx: &mut Context<'_>) -> Poll<Result<(), HandshakeError>> {
        match &self.tls {
            Some(tls) => tls.poll_handshake(&self.socket, cx),
            None => Poll::Ready(Ok(())),
        }
    }

    /// What the library did not like of what has come, or the other side of what we have said, if TLS has ended by that.
    pub(crate) fn tls_error(&self) -> Option<rustls::Error> {
        self.tls.as_ref()?.error()
    }

    /// Reads what is there into `buffer`, which must not be empty; 0 is the end of the stream.
    pub(crate) fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match &self.tls {
            Some(tls) => tls.poll_recv(&self.socket, cx, buffer),
            None => self.socket.poll_recv(cx, buffer),
        }
    }

    /// Reads what is there as it is, and means nothing any more; 0 is the end of the stream.
    pub(crate) fn poll_discard(
        &self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_recv(cx, scratch)
    }

    /// Writes what fits of `first` and then `second`; returns how much that was. See [`Io::poll_flush`].
    pub(crate) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        first: &[u8],
        second: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &self.tls {
            Some(tls) => tls.poll_send(&self.socket, cx, first, second),
            None => self.socket.poll_send(cx, first, second),
        }
    }

    /// Writes a few bytes that are the first or follow nothing that is on its way. Whoever does not take them at once does without.
    pub(crate) fn send_at_once(&self, bytes: &[u8]) {
        let mut cx = Context::from_waker(Waker::noop());
        let _ = self.poll_send(&mut cx, bytes, &[]);
    }

    /// Waits until all that was written is handed to the system: without TLS that is when it is written.
    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.tls {
            Some(tls) => tls.poll_flush(&self.socket, cx),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Says that nothing more will be written, and waits until all is handed to the system: for bytes whose end is that of the connection.
    /// Without TLS [`Io::finish`] says it.
    pub(crate) fn poll_end(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.tls {
            Some(tls) => tls.poll_end(&self.socket, cx),
            None => Poll::Ready(Ok(())),
        }
    }

    /// How many bytes of what was written were handed to the system later than when they were.
    pub(crate) fn flushed(&self) -> u64 {
        self.tls.as_ref().map_or(0, |tls| tls.flushed())
    }

    /// Whether bytes may go past us from or to the socket as they are.
    pub(crate) fn is_direct(&self) -> bool {
        self.tls.is_none()
    }

    /// Moves up to `length` bytes of what is there into an empty pipe; 0 is the end of the stream. Only where [`Io::is_direct`].
    pub(crate) fn poll_splice_in(
        &self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        length: usize,
    ) -> Poll<io::Result<usize>> {
        debug_assert!(self.is_direct());
        self.socket.poll_splice_in(cx, pipe, length)
    }

    /// Writes up to `length` bytes that are in the pipe; returns how many that were. Only where [`Io::is_direct`].
    pub(crate) fn poll_splice_out(
        &self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        length: usize,
    ) -> Poll<io::Result<usize>> {
        debug_assert!(self.is_direct());
        self.socket.poll_splice_out(cx, pipe, length)
    }

    /// Waits until a read may find something: bytes, the end, or an error. Costs no syscall. A socket that nobody has read
    /// yet may always have something.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.tls {
            Some(tls) => tls.poll_readable(&self.socket, cx),
            None => self.socket.poll_readable(cx),
        }
    }

    /// Waits until the other side has closed the connection, or its half of it. Never ready while there is something to read before that.
    pub(crate) fn poll_gone(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &self.tls {
            Some(tls) => tls.poll_gone(&self.socket, cx),
            None => self.socket.poll_gone(cx),
        }
    }

    /// Whether something has come that cannot be read before the rest of it has.
    pub(crate) fn has_begun(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.has_begun())
    }

    /// Whether the connection is open with nothing to read, as an idle one ought to be. Costs a syscall only in doubt.
    pub(crate) fn is_quiet(&self) -> bool {
        match &self.tls {
            Some(tls) => tls.is_quiet(&self.socket),
            None => self.socket.is_quiet(),
        }
    }

    /// Whether a close now would leave nothing unread.
    pub(crate) fn is_drained(&self) -> bool {
        self.tls.as_ref().is_none_or(|tls| tls.is_drained()) && self.socket.is_drained()
    }

    /// Says that we will send nothing more.
    pub(crate) fn finish(&self) {
        if let Some(tls) = &self.tls {
            tls.finish(&self.socket);
        }
        self.socket.finish();
    }

    /// Makes the close that follows a reset or not; after one the other side cannot take what it has for all there is.
    pub(crate) fn reset_on_close(&self, reset: bool) {
        if let Some(tls) = &self.tls {
            tls.end_broken(reset);
        }
        self.socket.reset_on_close(reset);
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        if thread::panicking() {
            // Perhaps in the middle of a session, which must not be asked again.
            return;
        }
        // Without it the other side could not tell the end from one that somebody between us has made (RFC 8446 §6.1).
        if let Some(tls) = &self.tls {
            tls.part(&self.socket);
        }
    }
}
