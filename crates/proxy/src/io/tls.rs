//! TLS over a socket. Part of an [`Io`](super::Io).
//!
//! The library works on buffers of ours: what comes is decrypted where it was read, in a buffer of the thread, and what goes is encrypted into
//! another. A session that nothing is under way on holds none.

use std::cell::{OnceCell, RefCell};
use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use evenkeel_plan::listener::Protocol;
use evenkeel_plan::tls::{Handshake, Termination, trouble};
use evenkeel_proto::client_certificate::ClientCertificate;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, PeerMisbehaved};

use super::socket::Socket;

mod party;
mod records;

use party::Party;
use records::Records;

/// One side of TLS over one socket.
#[derive(Debug)]
pub(super) struct Session {
    state: RefCell<State>,
    /// By which the client has proved who it is, once the handshake is done; boxed, because most have none.
    certificate: OnceCell<Box<ClientCertificate>>,
}

#[derive(Debug)]
struct State {
    party: Party,
    records: Records,
    /// Whether nothing more is sent, and the end is said or need not be.
    is_finished: bool,
    /// What has come that ends the session, once it is told. Boxed: it is rare.
    error: Option<Box<rustls::Error>>,
    /// Whether the end shall not look like an orderly one.
    ends_broken: bool,
}

/// Why there is no handshake.
#[derive(Debug)]
pub(crate) enum HandshakeError {
    /// The connection ended, or broke.
    Closed,
    /// One side did not like what the other said.
    Refused(rustls::Error),
}

impl Session {
    /// The server's side, of what `carries` says.
    pub(super) fn server(termination: Termination, carries: Protocol) -> Self {
        Self::new(Party::server(termination, carries), Records::default())
    }

    /// The client's side, of whom `name` is to prove that it is, as a config of that edition says.
    ///
    /// # Errors
    /// The library's, for a configuration that it cannot work with.
    pub(super) fn client(
        config: (Arc<ClientConfig>, u64),
        name: ServerName<'static>,
    ) -> Result<Self, rustls::Error> {
        let (mut party, mut records) = (Party::client(config, name)?, Records::default());
        // A client is the first to speak.
        records.turn(|tls, target| party.turn(tls, target))?;
        Ok(Self::new(party, records))
    }

    fn new(party: Party, records: Records) -> Self {
        let (is_finished, ends_broken) = (false, false);
        let state = State { party, records, is_finished, error: None, ends_broken };
        Self { state: RefCell::new(state), certificate: OnceCell::new() }
    }

    /// The name that the client asked for.
    pub(super) fn server_name(&self) -> Option<Rc<str>> {
        self.state.borrow().party.server_name()
    }

    /// Whether both sides have agreed on HTTP/2.
    pub(super) fn speaks_http2(&self) -> bool {
        self.state.borrow().party.speaks_http2()
    }

    /// The certificate by which the client has proved who it is, if it has.
    pub(super) fn client_certificate(&self) -> Option<&ClientCertificate> {
        self.certificate.get().map(AsRef::as_ref)
    }

    /// By which edition of the listener's terms, or the cluster's, the other side was asked who it is.
    pub(super) fn edition(&self) -> Option<u64> {
        self.state.borrow().party.edition()
    }

    /// What it has ended by, if that was no end that anybody wanted.
    pub(super) fn error(&self) -> Option<rustls::Error> {
        self.state.borrow().error.as_deref().cloned()
    }

    /// Whether the client does not speak TLS.
    pub(super) fn is_stranger(&self) -> bool {
        self.state.borrow().party.is_stranger()
    }

    /// Whether the client only asks whether a name is ours.
    pub(super) fn is_challenge(&self) -> bool {
        self.state.borrow().party.is_challenge()
    }

    /// What the handshake came to, if it has come to its end.
    pub(super) fn handshake(&self) -> Handshake {
        if self.state.borrow().party.is_resumed() { Handshake::Resumed } else { Handshake::Full }
    }

    /// Goes on with the handshake. What it leaves to be sent goes with the first bytes that are written, or when somebody waits.
    pub(super) fn poll_handshake(
        &self,
        socket: &Socket,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), HandshakeError>> {
        let state = &mut *self.state.borrow_mut();
        ready!(state.records.poll_flush(socket, cx))?;
        while state.party.is_handshaking() {
            match state.poll_fill(socket, cx, &mut []) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(_)) if state.party.is_handshaking() && state.records.is_over() => {
                    return Poll::Ready(Err(HandshakeError::Closed));
                }
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => {
                    // It has said so in an alert, which is worth a try.
                    let _ = state.records.poll_flush(socket, cx);
                    return Poll::Ready(Err(error.into()));
                }
            }
        }
        if let Some(der) = state.party.client_certificate() {
            self.certificate.get_or_init(|| Box::new(ClientCertificate::new(der)));
        }
        Poll::Ready(Ok(()))
    }

    /// As [`Io::poll_recv`](super::Io::poll_recv).
    pub(super) fn poll_recv(
        &self,
        socket: &Socket,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let state = &mut *self.state.borrow_mut();
        for _ in 0..RECORDS_OF_NOTHING_MAX {
            let taken = state.records.take(buffer);
            if taken > 0 || state.records.is_over() {
                return Poll::Ready(Ok(taken));
            }
            let read = ready!(state.poll_fill(socket, cx, buffer))?;
            if read > 0 {
                return Poll::Ready(Ok(read));
            }
        }
        // Others have something to say, too.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// As [`Io::poll_send`](super::Io::poll_send).
    pub(super) fn poll_send(
        &self,
        socket: &Socket,
        cx: &mut Context<'_>,
        first: &[u8],
        second: &[u8],
    ) -> Poll<io::Result<usize>> {
        let state = &mut *self.state.borrow_mut();
        if state.is_finished {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        ready!(state.records.poll_make_way(socket, cx))?;
        let (mut sent, length) = (0_usize, first.len() + second.len());
        loop {
            let second = rest(second, sent.saturating_sub(first.len()));
            sent += state.encrypt_and_send(socket, cx, rest(first, sent), second)?;
            if state.records.has_unsent() || sent >= length {
                return Poll::Ready(Ok(sent));
            }
        }
    }

    /// As [`Io::poll_flush`](super::Io::poll_flush).
    pub(super) fn poll_flush(&self, socket: &Socket, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state.borrow_mut().records.poll_flush(socket, cx)
    }

    /// As [`Io::poll_end`](super::Io::poll_end).
    pub(super) fn poll_end(&self, socket: &Socket, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finish(socket);
        self.poll_flush(socket, cx)
    }

    /// As [`Io::flushed`](super::Io::flushed).
    pub(super) fn flushed(&self) -> u64 {
        self.state.borrow().records.flushed()
    }

    /// As [`Io::poll_readable`](super::Io::poll_readable).
    pub(super) fn poll_readable(
        &self,
        socket: &Socket,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let state = &mut *self.state.borrow_mut();
        if state.records.has_plain() || state.records.is_over() {
            return Poll::Ready(Ok(()));
        }
        let readable = socket.poll_readable(cx);
        if readable.is_pending() {
            state.records.flush_before_waiting(socket, cx);
        }
        readable
    }

    /// As [`Io::poll_gone`](super::Io::poll_gone): the end is said in a record, so what is there is read, up to what somebody wants to read.
    pub(super) fn poll_gone(&self, socket: &Socket, cx: &mut Context<'_>) -> Poll<()> {
        let state = &mut *self.state.borrow_mut();
        loop {
            if state.records.has_plain() {
                return Poll::Pending;
            }
            if state.records.is_over() || ready!(state.poll_fill(socket, cx, &mut [])).is_err() {
                return Poll::Ready(());
            }
        }
    }

    /// As [`Io::is_quiet`](super::Io::is_quiet): records that carry nothing for us, as tickets do, are taken in.
    pub(super) fn is_quiet(&self, socket: &Socket) -> bool {
        let state = &mut *self.state.borrow_mut();
        for _ in 0..RECORDS_OF_NOTHING_MAX {
            if state.records.has_plain() || state.records.is_over() {
                return false;
            }
            if socket.is_quiet() {
                return !state.records.has_part();
            }
            match state.try_fill(socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return false,
                Ok(()) => {}
            }
        }
        false
    }

    /// Whether nothing that has come waits to be read.
    pub(super) fn is_drained(&self) -> bool {
        !self.state.borrow().records.has_plain()
    }

    /// Says that nothing more will be sent, as far as that can be done without waiting.
    pub(super) fn finish(&self, socket: &Socket) {
        let state = &mut *self.state.borrow_mut();
        if !std::mem::replace(&mut state.is_finished, true) {
            state.say_end(socket);
        }
    }

    /// The same when the connection ends before that was said, unless that shall not look like an orderly end.
    pub(super) fn part(&self, socket: &Socket) {
        if !self.state.borrow().ends_broken {
            self.finish(socket);
        }
    }

    /// Makes an end of the connection that was not said before look like an orderly one or not.
    pub(super) fn end_broken(&self, broken: bool) {
        self.state.borrow_mut().ends_broken = broken;
    }

    /// Whether something has come of which the rest has not.
    pub(super) fn has_begun(&self) -> bool {
        self.state.borrow().records.has_part()
    }
}

impl State {
    /// Reads what is there and takes it in: what is decrypted goes into `into` as far as it fits. Returns how much that was, which may be 0.
    fn poll_fill(
        &mut self,
        socket: &Socket,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let filled = self.fill(into, |room| socket.poll_recv(cx, room));
        if filled.is_pending() {
            self.records.flush_before_waiting(socket, cx);
        }
        filled
    }

    fn try_fill(&mut self, socket: &Socket) -> io::Result<()> {
        match self.fill(&mut [], |room| Poll::Ready(socket.try_recv(room))) {
            Poll::Ready(outcome) => outcome.map(|_| ()),
            Poll::Pending => Ok(()),
        }
    }

    fn fill(
        &mut self,
        into: &mut [u8],
        read: impl FnOnce(&mut [u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let Self { party, records, .. } = self;
        if records.has_failed() {
            // The library must not be asked again: it would look for what it has seen where that is no more.
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        let filled = records.poll_read(read, into, |tls, target| {
            let used = party.turn(tls, target)?;
            if !party.is_handshaking() && !target.may_go_on(used) {
                return Err(PeerMisbehaved::TooManyKeyUpdateRequests.into());
            }
            Ok(used)
        });
        self.is_finished |= records.has_failed();
        if let Poll::Ready(Err(error)) = &filled {
            let told = error.get_ref().and_then(|it| it.downcast_ref::<rustls::Error>());
            self.error = told.cloned().map(Box::new).or(self.error.take());
        }
        filled
    }

    /// Encrypts as much as one turn takes of both, and hands it to the system as far as that takes it. Returns how much was encrypted.
    fn encrypt_and_send(
        &mut self,
        socket: &Socket,
        cx: &mut Context<'_>,
        first: &[u8],
        second: &[u8],
    ) -> io::Result<usize> {
        let Self { party, records, .. } = self;
        records.send(
            |held, room| party.encrypt((first, second), held, room),
            |bytes| socket.poll_send(cx, bytes, &[]),
        )
    }

    /// Says the end in a record behind all that is on its way. What does not go out at once goes when it is flushed.
    fn say_end(&mut self, socket: &Socket) {
        let Self { party, records, .. } = self;
        let send = |bytes: &[u8]| match socket.try_send(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            sent => Poll::Ready(sent),
        };
        // Nobody is told if it fails: the connection is over.
        let _ = records.send(|held, room| party.encrypt_end(held, room), send);
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => {
                f.write_str("it has closed the connection in the middle of the handshake")
            }
            Self::Refused(error) => f.write_str(&trouble(error)),
        }
    }
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> Self {
        error.downcast::<rustls::Error>().map_or(Self::Closed, Self::Refused)
    }
}

/// More reads in a row than that which bring nothing do not come for a good reason.
const RECORDS_OF_NOTHING_MAX: usize = 8;

/// What is left of `bytes` when so many are gone.
fn rest(bytes: &[u8], gone: usize) -> &[u8] {
    &bytes[gone.min(bytes.len())..]
}

#[cfg(test)]
mod tests;
