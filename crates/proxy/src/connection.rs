//! A client's connection: requests over HTTP/1 one after the other, each an exchange, and nothing held in between; or a stream of bytes, which
//! is one exchange.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use evenkeel_plan::listener::Protocol;
use evenkeel_plan::reason::Reason;
use evenkeel_plan::time::Time;

use crate::deadline::Deadline;
use crate::entrance::Entrance;
use crate::http1::inbox::Inbox;
use crate::http1::send::Outbox;
use crate::io::Io;
use crate::worker::{Leave, Membership, Worker};

mod account;
mod handshake;
mod http2;
mod read;
mod redirect;
mod serve;
mod show;
mod stream;
mod tell;
mod testament;
mod tunnel;

/// A client's connection. Small, because there may be many that do nothing.
#[derive(Debug)]
pub(crate) struct Connection {
    worker: Rc<Worker>,
    io: Io,
    client: SocketAddr,
    entrance: Entrance,
    /// When it was accepted, up to a tick before that.
    opened: Time,
    /// How many requests have come.
    requests: Cell<u64>,
    /// Whether something has come that means nothing, and is forgotten.
    has_skipped: Cell<bool>,
    /// Whether an answer may be on its way.
    is_answering: Cell<bool>,
    /// The request that a panic has ended.
    victim: RefCell<Option<Box<str>>>,
    /// Why all ends that is still under way on it; `None` as long as it lives, and where all of us are made to stop.
    lost: Cell<Option<Reason>>,
    _membership: Membership,
}

/// What comes after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Nothing: there was none.
    Wait,
    /// Another one.
    Request,
    /// The end.
    Close,
    /// The end, although the client may still be sending.
    CloseUnread,
    /// HTTP/2.
    Http2,
    /// The end, such that the client cannot take what it has for all there is.
    Reset,
}

/// What a connection holds only while a request is on it.
#[derive(Debug, Default)]
struct Busy {
    inbox: Inbox,
    outbox: Outbox,
}

// === impl Connection ===

impl Connection {
    pub(crate) fn new(
        worker: Rc<Worker>,
        io: Io,
        client: SocketAddr,
        entrance: Entrance,
        membership: Membership,
    ) -> Self {
        let counters = entrance.counters.shard(worker.index);
        counters.connections.add(1);
        counters.connections_active.add(1);
        let client = SocketAddr::new(client.ip().to_canonical(), client.port());
        Self {
            opened: worker.lately(),
            requests: Cell::new(0),
            has_skipped: Cell::new(false),
            worker,
            io,
            client,
            entrance,
            is_answering: Cell::new(false),
            victim: RefCell::default(),
            lost: Cell::new(None),
            _membership: membership,
        }
    }

    /// Serves until either side has had enough.
    #[expect(clippy::manual_async_fn, reason = "an async fn has room for its arguments twice")]
    pub(crate) fn serve(self) -> impl Future<Output = ()> {
        async move {
            let register = |waker: &std::task::Waker| self.worker.deadlines.register(waker.clone());
            let deadline = poll_fn(|cx| Poll::Ready(register(cx.waker()))).await;
            let life = pin!(self.live(&deadline));
            self.worker.looks.watch(&deadline, life, || self.show(&deadline, None)).await;
        }
    }

    async fn live(&self, deadline: &Deadline) {
        // Boxed, so that the room which it needs is there only while there is one.
        if self.io.is_tls() && !Box::pin(self.shake_hands(deadline)).await {
            return;
        }
        if self.entrance.protocol != Protocol::Http {
            return Box::pin(self.serve_stream(deadline)).await;
        }
        if self.io.speaks_http2() {
            return Box::pin(self.serve_http2(Vec::new(), deadline)).await;
        }
        let mut blanks = 0;
        let unread = loop {
            if blanks >= BLANKS_MAX || !self.request_arrives(deadline).await {
                return;
            }
            // Boxed, so that the room which a request needs is there only while there is one.
            let (next, unread) = Box::pin(self.serve_requests(deadline)).await;
            match next {
                Next::Wait => blanks += 1,
                Next::Request => blanks = 0,
                Next::Http2 => break unread,
                _ => return,
            }
        };
        Box::pin(self.serve_http2(unread, deadline)).await;
    }

    /// Waits, holding nothing, until there is something to read. False when the wait is over without.
    async fn request_arrives(&self, deadline: &Deadline) -> bool {
        let (mut begun, mut draining) = (false, false);
        poll_fn(|cx| {
            let mut superseded = false;
            if !draining {
                let keep_alive = self.worker.keep_alive(&self.entrance);
                draining = keep_alive == Err(Leave::Parting);
                superseded = keep_alive == Err(Leave::Superseded);
                if draining || !begun {
                    // A request may be on its way already; who has just connected was promised an answer to it. Whoever asks
                    // in this time is told to come back on another connection, and nobody is cut off in mid-sentence.
                    deadline.rest(keep_alive.unwrap_or(DRAIN_GRACE));
                }
                begun = true;
            }
            match self.io.poll_readable(cx) {
                Poll::Ready(outcome) => Poll::Ready(outcome.is_ok()),
                Poll::Pending if superseded || deadline.is_expired() => Poll::Ready(false),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Serves what has arrived, and what was sent after it without waiting for the answer (RFC 9112 §9.3.2). Returns what
    /// begins HTTP/2 besides.
    async fn serve_requests(&self, deadline: &Deadline) -> (Next, Vec<u8>) {
        let mut busy = Busy::default();
        let mut next = Next::Wait;
        for turn in 1_u32.. {
            next = self.serve_request(&mut busy, deadline).await;
            if next != Next::Request || busy.inbox.is_empty() {
                break;
            }
            if turn % REQUESTS_PER_TURN == 0 {
                // Requests that we answer ourselves need not wait for anybody; the worker's other clients would have to.
                tokio::task::yield_now().await;
            }
        }
        let unread = if next == Next::Http2 { busy.inbox.take_all() } else { Vec::new() };
        if next == Next::Close && !(busy.inbox.is_empty() && self.io.is_drained()) {
            next = Next::CloseUnread;
        }
        self.let_go(&mut busy, next, deadline).await;
        (next, unread)
    }

    /// Counts a panic, and tells of it.
    fn tell_panic(&self, what: &str) {
        self.entrance.counters.shard(self.worker.index).panics.add(1);
        let (listener, client) = (&*self.entrance.name, self.client);
        let request_id = self.victim.take().unwrap_or_default();
        tracing::error!(listener, %client, request_id = &*request_id, "{what}");
    }

    /// Gives back what was needed, and closes the connection as `next` says.
    async fn let_go(&self, busy: &mut Busy, next: Next, deadline: &Deadline) {
        busy.inbox.release(&self.worker.buffers);
        busy.outbox.release(&self.worker.buffers);
        self.is_answering.set(false);
        match next {
            Next::Wait | Next::Request | Next::Close | Next::Http2 => {}
            Next::CloseUnread => self.linger(deadline).await,
            Next::Reset => self.io.reset_on_close(true),
        }
    }

    /// Closing with bytes unread makes the system send a reset, which could destroy the answer on its way (RFC 9112 §9.6). So
    /// we say that we are done, and throw away what still comes, for a while.
    async fn linger(&self, deadline: &Deadline) {
        self.io.finish();
        deadline.set(LINGER);
        poll_fn(|cx| {
            let mut scratch = self.worker.buffers.scratch.borrow_mut();
            for _ in 0..LINGER_READS_PER_TURN {
                match self.io.poll_discard(cx, &mut scratch) {
                    _ if deadline.is_expired() => return Poll::Ready(()),
                    Poll::Ready(Ok(1..)) => {}
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let counters = self.entrance.counters.shard(self.worker.index);
        counters.connections_active.add(-1);
        if thread::panicking() {
            self.tell_panic("a panic ended the connection");
        }
        if self.is_answering.get() {
            // A forced stop, or a panic: the end must not look like that of an answer.
            self.io.reset_on_close(true);
        }
    }
}

/// How often something may arrive that is no request: empty lines (RFC 9112 §2.2), or nothing after all. Each begins the wait
/// anew, and would keep the connection for ever.
const BLANKS_MAX: u32 = 16;

/// How long somebody who had connected, or begun a request, when we began to drain has to complete it.
const DRAIN_GRACE: Duration = Duration::from_secs(1);

/// As nginx has it: time for the answer to arrive where it is going.
const LINGER: Duration = Duration::from_secs(5);

const LINGER_READS_PER_TURN: usize = 8;

/// How many requests that came at once are served before other connections get a turn.
const REQUESTS_PER_TURN: u32 = 16;

#[cfg(test)]
mod tests;
