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
use crate::worker::Worker;

/// What the library reads from and writes to.
#[derive(Debug)]
pub(crate) struct Wire<'c> {
    io: &'c Io,
    worker: &'c Worker,
    state: &'c WireState,
    /// Bytes that were read before it was known what they are.
    unread: Vec<u8>,
    /// How much of the client's preface is still to come: the library looks at that.
    preface_left: usize,
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
    bytes: Vec<u8>,
    sent: usize,
    /// How many bytes were ever sent.
    total: u64,
}

impl<'c> Wire<'c> {
    /// Of a client's connection, of which the bytes in `unread` were read already.
    pub(crate) fn new(
        io: &'c Io,
        worker: &'c Worker,
        state: &'c WireState,
        unread: Vec<u8>,
    ) -> Self {
        Self { io, worker, state, unread, preface_left: PREFACE.len() }
    }

    /// Reads into what is free of `buffer`: first what was read before.
    fn poll_bytes(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.unread.is_empty() {
            return self.io.poll_recv(cx, buffer);
        }
        let count = self.unread.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.unread[..count]);
        self.unread.drain(..count);
        Poll::Ready(Ok(count))
    }

    /// Shows `bytes` to the guard. Returns how many of them may go on.
    fn judge(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let skipped = bytes.len().min(self.preface_left);
        self.preface_left -= skipped;
        let verdict = self.state.guard.borrow_mut().inbound(&bytes[skipped..], self.now());
        if verdict.objection.is_some() {
            self.state.objection.set(verdict.objection);
            // What comes before it is not worth an answer: the connection ends.
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(skipped + verdict.pass)
    }

    /// Floods are counted by the second: a tick is near enough.
    fn now(&self) -> u64 {
        self.worker.lately().as_nanos()
    }
}

impl AsyncRead for Wire<'_> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        // To copy what has come costs less than to fill with zeros what is free for it.
        let scratch = &mut wire.worker.buffers.scratch.borrow_mut();
        let most = buffer.remaining().min(scratch.len());
        let count = ready!(wire.poll_bytes(cx, &mut scratch[..most]))?;
        wire.state.received.update(|received| received + count as u64);
        let passed = wire.judge(&scratch[..count])?;
        buffer.put_slice(&scratch[..passed]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.state.outgoing.borrow().bytes.len() >= TOGETHER_BYTES {
            ready!(self.state.poll_send(cx, self.io))?;
        }
        let mut outgoing = self.state.outgoing.borrow_mut();
        if outgoing.bytes.capacity() == 0 {
            outgoing.bytes = self.worker.buffers.wide();
        }
        outgoing.bytes.extend_from_slice(bytes);
        self.state.guard.borrow_mut().sent(bytes, self.now());
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.state.poll_send(cx, self.io);
        if polled.is_pending() {
            self.state.outgoing.borrow_mut().shrink(&self.worker.buffers);
        }
        ready!(polled)?;
        let bytes = std::mem::take(&mut self.state.outgoing.borrow_mut().bytes);
        self.worker.buffers.give_wide(bytes);
        self.state.let_go();
        self.io.poll_flush(cx)
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
        let most = if self.parked.is_high() { READ_BYTES_HIGH } else { HELD_BYTES_MAX };
        self.held.borrow().bytes() < most
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
        buffers.give_wide(std::mem::take(&mut self.outgoing.borrow_mut().bytes));
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
            let small = self.bytes[self.sent..].to_vec();
            self.sent = 0;
            buffers.give_wide(std::mem::replace(&mut self.bytes, small));
        }
    }
}

/// Frames are sent together until they come to so much: four records of TLS.
const TOGETHER_BYTES: usize = 64 * 1024;

/// How much of the bodies of all streams the library may hold that the client does not take, unless the worker holds too much for all.
const HELD_BYTES_MAX: usize = 256 * 1024;
