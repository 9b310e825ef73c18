//! The bytes of a session on their way between the socket, the library and whoever reads and writes. Holds none of them while nothing is
//! under way.

use std::cell::RefCell;
use std::io;
use std::task::{Context, Poll, ready};

use super::super::socket::Socket;
use crate::staggered::Staggered;

/// What has come and is no whole record yet, what was decrypted and not read, and what was encrypted and not sent.
#[derive(Debug, Default)]
pub(super) struct Records {
    incoming: Vec<u8>,
    plain: Queue,
    outgoing: Queue,
    /// How much of that was ever sent.
    flushed: u64,
    /// Whether the other side has said that nothing follows.
    is_over: bool,
    /// How much has come that carried nothing for us, less what has come since that did.
    barren: usize,
    /// Whether the library did not like what has come.
    has_failed: bool,
}

/// Bytes of which the first are gone.
#[derive(Debug, Default)]
struct Queue {
    bytes: Vec<u8>,
    gone: usize,
}

/// Where what the library makes of incoming records goes.
#[derive(Debug)]
pub(super) struct Yield<'a> {
    /// What was decrypted goes here as far as it fits.
    into: &'a mut [u8],
    filled: usize,
    /// How much was decrypted, wherever it went.
    decrypted: usize,
    records: &'a mut Records,
}

/// What a thread reads into and sends from. A worker is a thread, and no two sessions of it do either at once.
#[derive(Debug, Default)]
struct Scratch {
    incoming: Staggered,
    outgoing: Staggered,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Records {
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Whether something was decrypted that nobody has read.
    pub(super) fn has_plain(&self) -> bool {
        !self.plain.rest().is_empty()
    }

    /// Whether a record has come in part.
    pub(super) fn has_part(&self) -> bool {
        !self.incoming.is_empty()
    }

    pub(super) fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Whether something was encrypted that the system has not got yet.
    pub(super) fn has_unsent(&self) -> bool {
        !self.outgoing.rest().is_empty()
    }

    /// How many bytes were sent later than they were encrypted.
    pub(super) fn flushed(&self) -> u64 {
        self.flushed
    }

    /// Moves what was decrypted to the front of `to`; returns how much.
    pub(super) fn take(&mut self, to: &mut [u8]) -> usize {
        let plain = self.plain.rest();
        let count = plain.len().min(to.len());
        to[..count].copy_from_slice(&plain[..count]);
        self.plain.go(count);
        count
    }

    /// Reads by `read`, and gives it to `turn` behind what had come before; that says how much of it is used up. Returns how much of `into`
    /// is filled.
    pub(super) fn poll_read(
        &mut self,
        read: impl FnOnce(&mut [u8]) -> Poll<io::Result<usize>>,
        into: &mut [u8],
        turn: impl FnOnce(&mut [u8], &mut Yield<'_>) -> Result<usize, rustls::Error>,
    ) -> Poll<io::Result<usize>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let room = &mut scratch.incoming;
            room.grow(SCRATCH_BYTES);
            let held = self.incoming.len();
            // No more than what fits when it is decrypted, or it would have to be kept.
            let most = room.len().min(held + into.len().max(READ_BYTES_MIN));
            if held >= most {
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            }
            let count = ready!(read(&mut room[held..most]))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            room[..held].copy_from_slice(&self.incoming);
            let room = &mut room[..held + count];
            let mut yielded = Yield { into, filled: 0, decrypted: 0, records: self };
            let used = turn(room, &mut yielded);
            let filled = yielded.filled;
            match used {
                Ok(used) => {
                    self.keep(&room[used..]);
                    Poll::Ready(Ok(filled))
                }
                Err(error) => {
                    self.has_failed = true;
                    // What came before it was good is read first.
                    Poll::Ready(if filled > 0 { Ok(filled) } else { Err(io::Error::other(error)) })
                }
            }
        })
    }

    /// Gives nothing to `turn`, for what it makes of its own.
    pub(super) fn turn(
        &mut self,
        turn: impl FnOnce(&mut [u8], &mut Yield<'_>) -> Result<usize, rustls::Error>,
    ) -> Result<(), rustls::Error> {
        let mut yielded = Yield { into: &mut [], filled: 0, decrypted: 0, records: self };
        turn(&mut [], &mut yielded).map(|_| ())
    }

    /// How many bytes of memory lie here.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.incoming.capacity() + self.plain.bytes.capacity() + self.outgoing.bytes.capacity()
    }

    fn keep(&mut self, rest: &[u8]) {
        match rest {
            [] => self.incoming = Vec::new(),
            rest => {
                self.incoming.clear();
                self.incoming.extend_from_slice(rest);
            }
        }
    }

    /// Encrypts by `encrypt`, which says how much it has taken and made, behind what is not sent yet, and hands as much as goes to `send`.
    /// Returns how much was taken.
    pub(super) fn send(
        &mut self,
        encrypt: impl FnOnce(&mut Vec<u8>, &mut [u8]) -> io::Result<(usize, usize)>,
        send: impl FnOnce(&[u8]) -> Poll<io::Result<usize>>,
    ) -> io::Result<usize> {
        SCRATCH.with_borrow_mut(|scratch| {
            let unsent = self.outgoing.rest();
            let room = &mut scratch.outgoing;
            room.grow(unsent.len() + SCRATCH_BYTES);
            room[..unsent.len()].copy_from_slice(unsent);
            let before = unsent.len();
            let (taken, made) = encrypt(&mut self.incoming, &mut room[before..])?;
            let all = &room[..before + made];
            let sent = match send(all) {
                Poll::Ready(sent) => sent?,
                Poll::Pending => 0,
            };
            self.outgoing = Queue::default();
            if sent < all.len() {
                self.outgoing.bytes.extend_from_slice(&all[sent..]);
            }
            Ok(taken)
        })
    }

    /// Waits until what is not sent is so little that it can go with what follows.
    pub(super) fn poll_make_way(
        &mut self,
        socket: &Socket,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        match self.outgoing.rest().len() {
            0..=LITTLE => Poll::Ready(Ok(())),
            _ => self.poll_flush(socket, cx),
        }
    }

    /// Waits until the system has all that was encrypted.
    pub(super) fn poll_flush(
        &mut self,
        socket: &Socket,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.has_unsent() {
            let sent = ready!(socket.poll_send(cx, self.outgoing.rest(), &[]))?;
            self.outgoing.go(sent);
            self.flushed += sent as u64;
        }
        Poll::Ready(Ok(()))
    }

    /// Sends what would lie here while everybody waits for the other side. If that fails, so does the next read or write.
    pub(super) fn flush_before_waiting(&mut self, socket: &Socket, cx: &mut Context<'_>) {
        let _ = self.poll_flush(socket, cx);
    }
}

impl Yield<'_> {
    /// So much was decrypted.
    pub(super) fn decrypted(&mut self, bytes: &[u8]) {
        self.decrypted += bytes.len();
        let fits = bytes.len().min(self.into.len() - self.filled);
        // Not into the caller's buffer behind what has to go before.
        let fits = if self.records.has_plain() { 0 } else { fits };
        let (now, later) = bytes.split_at(fits);
        self.into[self.filled..self.filled + fits].copy_from_slice(now);
        self.filled += fits;
        self.records.plain.bytes.extend_from_slice(later);
    }

    /// Whether the session may go on after so much was used up: not if most of it is new keys, tickets and the like, each of which costs us
    /// more than the other side (RFC 8446 §4.6.3). A byte for us makes up for a record.
    pub(super) fn may_go_on(&mut self, used: usize) -> bool {
        let barren = &mut self.records.barren;
        *barren = (*barren + used).saturating_sub(self.decrypted.saturating_mul(RECORD_BYTES_MIN));
        *barren <= BARREN_BYTES_MAX
    }

    /// Sends `bytes`, which we say and not the library.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.records.outgoing.bytes.extend_from_slice(bytes);
    }

    /// Room for so much that is to be sent.
    pub(super) fn outgoing(&mut self, length: usize) -> &mut [u8] {
        let bytes = &mut self.records.outgoing.bytes;
        let before = bytes.len();
        bytes.resize(before + length, 0);
        &mut bytes[before..]
    }

    /// The other side says that nothing follows.
    pub(super) fn over(&mut self) {
        self.records.is_over = true;
    }
}

impl Queue {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.gone..]
    }

    fn go(&mut self, count: usize) {
        self.gone += count;
        if self.gone >= self.bytes.len() {
            *self = Self::default();
        }
    }
}

/// So much is encrypted at a time: several records, so that a long body costs few system calls.
pub(super) const PIECE_BYTES: usize = 64 * 1024;

/// A piece, and what its records add to it; or the longest message of a handshake (RFC 8446 §4 allows more than the library takes).
const SCRATCH_BYTES: usize = PIECE_BYTES + 4 * 1024;

/// For a reader that asks for less, or for nothing.
const READ_BYTES_MIN: usize = 4 * 1024;

/// What a record with one byte takes up, and a little more: header, type and tag.
const RECORD_BYTES_MIN: usize = 32;

/// More than all tickets that a server sends, with the certificates of its client in them.
const BARREN_BYTES_MAX: usize = 64 * 1024;

/// What the handshake leaves to be sent, as tickets, is no longer.
const LITTLE: usize = 4 * 1024;
