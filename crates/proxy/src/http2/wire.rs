//! The bytes of a connection on their way to and from `h2`: a guard looks at them both ways, and small writes go out together.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use evenkeel_plan::limits::READ_BYTES_HIGH;
use evenkeel_proto::http2::frame::PREFACE;
use evenkeel_proto::http2::{Guard, Objection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::buffers::{Buffers, WIDE_BYTES};
use crate::io::Io;
use crate::parked::{Held, Parked};
use crate::staggered::Staggered;
use crate::worker::Worker;

/// What the library reads from and writes to.
#[derive(Debug)]
pub(crate) struct Wire<E> {
    ends: E,
    /// Bytes that were read before it was known what they are.
    unread: Vec<u8>,
    /// How much of the client's preface is still to come, in or out: the library looks at that.
    preface_in: usize,
    preface_out: usize,
    /// Whether nothing that is sent arrives any more, while what was sent to us before is still read.
    is_cut: bool,
}

/// Whose bytes they are.
pub(crate) trait Ends: Unpin {
    fn io(&self) -> &Io;

    fn worker(&self) -> &Worker;

    fn state(&self) -> &WireState;

    /// Something has come.
    fn heard(&self) {}

    /// Nothing that is sent arrives any more. Returns whether what the other side has sent before is to be read nevertheless.
    fn cut(&self) -> bool {
        false
    }

    /// Floods are counted by the second: a tick is near enough.
    fn now(&self) -> u64 {
        self.worker().lately().as_nanos()
    }
}

/// Those of a connection of a client, which outlives its wire.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientEnds<'c> {
    pub(crate) io: &'c Io,
    pub(crate) worker: &'c Worker,
    pub(crate) state: &'c WireState,
}

impl Ends for ClientEnds<'_> {
    fn io(&self) -> &Io {
        self.io
    }

    fn worker(&self) -> &Worker {
        self.worker
    }

    fn state(&self) -> &WireState {
        self.state
    }
}

/// What others see of a wire.
#[derive(Debug)]
pub(crate) struct WireState {
    guard: RefCell<Guard>,
    outgoing: RefCell<Outgoing>,
    /// How many bytes have come.
    received: Cell<u64>,
    /// The bytes of bodies that were given to the library since it last got rid of all.
    held: RefCell<Held>,
    /// Those of all connections of the worker.
    parked: Parked,
    /// Who waits until it does.
    waiting: RefCell<Vec<Waker>>,
    /// Why the guard has put an end to it.
    objection: Cell<Option<Objection>>,
}

/// What is written and not sent.
#[derive(Debug, Default)]
struct Outgoing {
    bytes: Staggered,
    sent: usize,
    /// How many bytes were ever sent.
    total: u64,
}

impl<'c> Wire<ClientEnds<'c>> {
    /// Of a client's connection, of which the bytes in `unread` were read already.
    pub(crate) fn facing_client(ends: ClientEnds<'c>, unread: Vec<u8>) -> Self {
        Self { ends, unread, preface_in: PREFACE.len(), preface_out: 0, is_cut: false }
    }
}

impl<E: Ends> Wire<E> {
    /// Of a connection to an endpoint, on which nothing was sent yet.
    pub(crate) fn facing_endpoint(ends: E) -> Self {
        let preface_out = PREFACE.len();
        Self { ends, unread: Vec::new(), preface_in: 0, preface_out, is_cut: false }
    }

    /// Shows `bytes` that have come to the guard. Returns how many of them may go on.
    fn judge(ends: &E, preface_left: &mut usize, bytes: &[u8]) -> io::Result<usize> {
        let skipped = bytes.len().min(*preface_left);
        *preface_left -= skipped;
        let state = ends.state();
        state.received.update(|received| received + bytes.len() as u64);
        ends.heard();
        let verdict = state.guard.borrow_mut().inbound(&bytes[skipped..], ends.now());
        if verdict.objection.is_some() {
            state.objection.set(verdict.objection);
            // What comes before it is not worth an answer: the connection ends.
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(skipped + verdict.pass)
    }

    fn poll_flush_all(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { ends, .. } = self;
        let (state, buffers) = (ends.state(), &ends.worker().buffers);
        let polled = state.poll_send(cx, ends.io());
        if polled.is_pending() {
            state.outgoing.borrow_mut().shrink(buffers);
        }
        ready!(polled)?;
        state.release(buffers);
        state.let_go();
        ends.io().poll_flush(cx)
    }

    /// Who has closed the connection may have said before how far it got, and to end with what could not be sent would be to lose that. It is read
    /// up to its end, which has come by then.
    fn hear_out(&mut self, sent: io::Result<()>) -> io::Result<()> {
        match sent {
            Err(error) if is_cut(&error) && self.ends.cut() => {
                self.is_cut = true;
                let Self { ends, .. } = self;
                ends.state().release(&ends.worker().buffers);
                ends.state().let_go();
                Ok(())
            }
            sent => sent,
        }
    }

    /// What was read before it was known what it is.
    fn take_unread(&mut self, buffer: &mut ReadBuf<'_>) -> io::Result<()> {
        let count = self.unread.len().min(buffer.remaining());
        let bytes: Vec<u8> = self.unread.drain(..count).collect();
        let passed = Self::judge(&self.ends, &mut self.preface_in, &bytes)?;
        buffer.put_slice(&bytes[..passed]);
        Ok(())
    }
}

impl<E: Ends> AsyncRead for Wire<E> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        if !wire.unread.is_empty() {
            return Poll::Ready(wire.take_unread(buffer));
        }
        let Self { ends, preface_in, .. } = wire;
        // To copy what has come costs less than to fill with zeros what is free for it.
        let scratch = &mut ends.worker().buffers.scratch.borrow_mut();
        let most = buffer.remaining().min(scratch.len());
        let count = ready!(ends.io().poll_recv(cx, &mut scratch[..most]))?;
        let passed = Self::judge(ends, preface_in, &scratch[..count])?;
        buffer.put_slice(&scratch[..passed]);
        Poll::Ready(Ok(()))
    }
}

impl<E: Ends> AsyncWrite for Wire<E> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        if wire.ends.state().outgoing.borrow().bytes.len() >= TOGETHER_BYTES {
            let sent = ready!(wire.ends.state().poll_send(cx, wire.ends.io()));
            wire.hear_out(sent)?;
        }
        if wire.is_cut {
            return Poll::Ready(Ok(bytes.len()));
        }
        let Self { ends, preface_out, .. } = wire;
        let state = ends.state();
        let mut outgoing = state.outgoing.borrow_mut();
        if outgoing.bytes.capacity() == 0 {
            outgoing.bytes = ends.worker().buffers.wide();
        }
        outgoing.bytes.extend_from_slice(bytes);
        let skipped = bytes.len().min(*preface_out);
        *preface_out -= skipped;
        state.guard.borrow_mut().sent(&bytes[skipped..], ends.now());
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        if wire.is_cut {
            return Poll::Ready(Ok(()));
        }
        let flushed = ready!(wire.poll_flush_all(cx));
        Poll::Ready(wire.hear_out(flushed))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(cx))?;
        Poll::Ready(Ok(()))
    }
}

impl WireState {
    pub(crate) fn new(guard: Guard, parked: &Parked) -> Self {
        Self {
            guard: RefCell::new(guard),
            outgoing: RefCell::default(),
            received: Cell::new(0),
            held: RefCell::new(parked.hold(0)),
            parked: parked.clone(),
            waiting: RefCell::default(),
            objection: Cell::new(None),
        }
    }

    /// Why the guard has put an end to the connection, if it has.
    pub(crate) fn objection(&self) -> Option<Objection> {
        self.objection.get().or_else(|| self.guard.borrow().objection())
    }

    /// How many bytes have ever come.
    pub(crate) fn received(&self) -> u64 {
        self.received.get()
    }

    /// Whether the library has read the other side's first settings.
    pub(crate) fn has_acknowledged(&self) -> bool {
        self.guard.borrow().has_acknowledged()
    }

    /// The last stream that the client has opened.
    pub(crate) fn highest_stream(&self) -> u32 {
        self.guard.borrow().highest_stream()
    }

    /// How many bytes were ever sent.
    pub(crate) fn sent(&self) -> u64 {
        self.outgoing.borrow().total
    }

    /// Whether something waits to be sent.
    pub(crate) fn is_blocked(&self) -> bool {
        !self.outgoing.borrow().bytes.is_empty()
    }

    /// Waits until the library holds so little that it may be given more.
    pub(crate) fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        if self.has_room() {
            return Poll::Ready(());
        }
        self.waiting.borrow_mut().push(cx.waker().clone());
        Poll::Pending
    }

    pub(crate) fn has_room(&self) -> bool {
        let most = if self.is_little_left() { READ_BYTES_HIGH } else { HELD_BYTES_MAX };
        self.held.borrow().bytes() < most
    }

    /// Whether the worker holds so much for everybody that it reads little.
    pub(crate) fn is_little_left(&self) -> bool {
        self.parked.is_high()
    }

    /// So much of a body is the library's now.
    pub(crate) fn hold(&self, bytes: usize) {
        let mut held = self.held.borrow_mut();
        let all = held.bytes() + bytes;
        held.set(all);
    }

    /// Sends the frame that says why the connection ends, as far as that goes at once.
    pub(crate) fn say_objection(&self, io: &Io, objection: Objection) {
        let is_between_frames = self.guard.borrow().left_of_frame() == Some(0);
        if is_between_frames {
            self.outgoing.borrow_mut().bytes.extend_from_slice(&objection.goaway());
        }
        let mut cx = Context::from_waker(Waker::noop());
        let _ = self.poll_send(&mut cx, io);
    }

    /// Gives up what was not sent.
    pub(crate) fn release(&self, buffers: &Buffers) {
        let outgoing = &mut *self.outgoing.borrow_mut();
        buffers.give_wide(std::mem::take(&mut outgoing.bytes));
        outgoing.sent = 0;
    }

    fn poll_send(&self, cx: &mut Context<'_>, io: &Io) -> Poll<io::Result<()>> {
        let outgoing = &mut *self.outgoing.borrow_mut();
        while outgoing.sent < outgoing.bytes.len() {
            let count = ready!(io.poll_send(cx, &outgoing.bytes[outgoing.sent..], &[]))?;
            outgoing.sent += count;
            outgoing.total += count as u64;
        }
        outgoing.bytes.clear();
        outgoing.sent = 0;
        Poll::Ready(Ok(()))
    }

    fn let_go(&self) {
        self.held.borrow_mut().set(0);
        self.waiting.take().into_iter().for_each(Waker::wake);
    }
}

impl Outgoing {
    /// A client that takes nothing for a while holds what it does not take, and no buffer that has room for more.
    fn shrink(&mut self, buffers: &Buffers) {
        let left = self.bytes.len() - self.sent;
        if self.bytes.capacity() == WIDE_BYTES && left <= WIDE_BYTES / 4 {
            let mut small = Staggered::with_capacity(left);
            small.extend_from_slice(&self.bytes[self.sent..]);
            self.sent = 0;
            buffers.give_wide(std::mem::replace(&mut self.bytes, small));
        }
    }
}

/// Whether the other side has closed the connection for what is sent to it.
fn is_cut(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

/// Frames are sent together until they come to so much: four records of TLS.
const TOGETHER_BYTES: usize = 64 * 1024;

/// How much of the bodies of all streams the library may hold that the client does not take, unless the worker holds too much for all.
const HELD_BYTES_MAX: usize = 256 * 1024;

#[cfg(test)]
mod tests;
