//! A connected socket: non-blocking reads and writes that wake the connection's task. Part of an [`Io`](super::Io).

use std::cell::{OnceCell, RefCell};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};
use rustix::pipe::{SpliceFlags, splice};
use tokio::io::Interest;
use tokio::net::{TcpSocket, TcpStream};

use crate::pipes::Pipe;

/// A connected socket. The runtime gets to know it when something has to be waited for and not before: a client that sends
/// one request and closes costs no registration at all.
#[derive(Debug)]
pub(super) struct Socket {
    stream: OnceCell<TcpStream>,
    /// The socket until then.
    unregistered: RefCell<Option<OwnedFd>>,
}

impl Socket {
    /// Takes over a socket that is connected and non-blocking.
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self { stream: OnceCell::new(), unregistered: RefCell::new(Some(socket)) }
    }

    /// Connects to an endpoint.
    pub(super) async fn connect(address: SocketAddr) -> io::Result<Self> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.set_nodelay(true)?;
        let stream = socket.connect(address).await?;
        Ok(Self { stream: stream.into(), unregistered: RefCell::default() })
    }

    /// Reads what is there into `buffer`, which must not be empty; 0 is the end of the stream.
    pub(super) fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(outcome) = self.at_once(|socket| receive(socket, buffer)) {
            return Poll::Ready(outcome);
        }
        let stream = self.registered()?;
        loop {
            ready!(stream.poll_read_ready(cx))?;
            let mut partial = None;
            let outcome = stream.try_io(Interest::READABLE, || {
                let count = receive(stream.as_fd(), buffer)?;
                if (1..buffer.len()).contains(&count) {
                    // A short read has emptied the socket. Saying 'would block' lets the runtime know it too, which
                    // spares the next read a syscall that would only find that out.
                    partial = Some(count);
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Ok(count)
            });
            match (partial, outcome) {
                (Some(count), _) | (None, Ok(count)) => return Poll::Ready(Ok(count)),
                (None, Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                (None, Err(error)) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Writes what fits of `first` and then `second`; returns how much that was.
    pub(super) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        first: &[u8],
        second: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(outcome) = self.at_once(|socket| transmit(socket, first, second)) {
            return Poll::Ready(outcome);
        }
        self.poll_write_with(cx, |socket| transmit(socket, first, second))
    }

    /// The same without waiting: what cannot be done at once is an error.
    pub(super) fn try_recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.with_socket(|socket| receive(socket, buffer)).unwrap_or_else(not_connected)
    }

    /// As [`Socket::try_recv`].
    pub(super) fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.with_socket(|socket| transmit(socket, bytes, &[])).unwrap_or_else(not_connected)
    }

    /// Moves up to `length` bytes of what is there into an empty pipe; 0 is the end of the stream.
    pub(super) fn poll_splice_in(
        &self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        length: usize,
    ) -> Poll<io::Result<usize>> {
        let stream = self.registered()?;
        loop {
            ready!(stream.poll_read_ready(cx))?;
            // A short count may mean a full pipe as well as an empty socket: only 'would block' speaks for the socket.
            let moved = stream.try_io(Interest::READABLE, || {
                Ok(splice(stream, None, &pipe.write, None, length, SPLICE_FLAGS)?)
            });
            match moved {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                moved => return Poll::Ready(moved),
            }
        }
    }

    /// Writes up to `length` bytes that are in the pipe; returns how many that were.
    pub(super) fn poll_splice_out(
        &self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        length: usize,
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |socket| {
            Ok(splice(&pipe.read, None, socket, None, length, SPLICE_FLAGS)?)
        })
    }

    /// Waits until a read may find something: bytes, the end, or an error. Costs no syscall. A socket that nobody has read
    /// yet may always have something.
    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.stream.get() {
            Some(stream) => stream.poll_read_ready(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Waits until the other side has closed the connection, or its half of it. Never ready while there is something to read before that.
    pub(super) fn poll_gone(&self, cx: &mut Context<'_>) -> Poll<()> {
        let Ok(stream) = self.registered() else { return Poll::Ready(()) };
        loop {
            let Ok(()) = ready!(stream.poll_read_ready(cx)) else { return Poll::Ready(()) };
            match stream.try_io(Interest::READABLE, || peek(stream.as_fd())) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(1..) => return Poll::Pending,
                Ok(0) | Err(_) => return Poll::Ready(()),
            }
        }
    }

    /// Whether the socket is open with nothing to read, as an idle connection ought to be. Costs a syscall only in doubt.
    pub(super) fn is_quiet(&self) -> bool {
        // Not by polling: a task that has done much would be told 'pending' whatever the truth.
        let peek = match self.stream.get() {
            Some(stream) => stream.try_io(Interest::READABLE, || peek(stream.as_fd())),
            None => self.with_socket(peek).unwrap_or_else(not_connected),
        };
        matches!(peek, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Whether a close now would leave nothing unread.
    pub(super) fn is_drained(&self) -> bool {
        !matches!(self.with_socket(peek), Some(Ok(1..)))
    }

    /// Says that we will send nothing more.
    pub(super) fn finish(&self) {
        // It may be closed already, which is what we want.
        let _ = self.with_socket(|socket| shutdown(socket, Shutdown::Write));
    }

    /// Makes the close that follows a reset or not; after one the other side cannot take what it has for all there is.
    pub(super) fn reset_on_close(&self, reset: bool) {
        let linger = reset.then_some(Duration::ZERO);
        // If this fails the close is an ordinary one: the best that is left.
        let _ = self.with_socket(|socket| set_socket_linger(socket, linger));
    }

    /// Tries `operation` whenever the socket takes bytes, until it does not have to wait.
    fn poll_write_with(
        &self,
        cx: &mut Context<'_>,
        operation: impl Fn(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let stream = self.registered()?;
        loop {
            ready!(stream.poll_write_ready(cx))?;
            match stream.try_io(Interest::WRITABLE, || operation(stream.as_fd())) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }

    /// Tries `operation` on a socket that the runtime does not know. `None` if it knows it, or would have to.
    fn at_once<T>(
        &self,
        operation: impl FnOnce(BorrowedFd<'_>) -> io::Result<T>,
    ) -> Option<io::Result<T>> {
        let socket = self.unregistered.borrow();
        match operation(socket.as_ref()?.as_fd()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            outcome => Some(outcome),
        }
    }

    /// The socket as the runtime knows it, from now on.
    fn registered(&self) -> io::Result<&TcpStream> {
        if let Some(socket) = self.unregistered.take() {
            let stream = TcpStream::from_std(socket.into())?;
            return Ok(self.stream.get_or_init(|| stream));
        }
        self.stream.get().map_or_else(not_connected, Ok)
    }

    fn with_socket<T>(&self, operation: impl FnOnce(BorrowedFd<'_>) -> T) -> Option<T> {
        match (self.stream.get(), &*self.unregistered.borrow()) {
            (Some(stream), _) => Some(operation(stream.as_fd())),
            (None, Some(socket)) => Some(operation(socket.as_fd())),
            (None, None) => None,
        }
    }
}

const SPLICE_FLAGS: SpliceFlags = SpliceFlags::MOVE.union(SpliceFlags::NONBLOCK);

fn not_connected<T>() -> io::Result<T> {
    Err(io::ErrorKind::NotConnected.into())
}

fn peek(socket: BorrowedFd<'_>) -> io::Result<usize> {
    Ok(recv(socket, &mut [0_u8; 1][..], RecvFlags::PEEK)?.1)
}

fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(recv(socket, buffer, RecvFlags::empty())?.1)
}

fn transmit(socket: BorrowedFd<'_>, first: &[u8], second: &[u8]) -> io::Result<usize> {
    Ok(match (first, second) {
        (bytes, []) | ([], bytes) => send(socket, bytes, SendFlags::NOSIGNAL)?,
        _ => rustix::io::writev(socket, &[IoSlice::new(first), IoSlice::new(second)])?,
    })
}
