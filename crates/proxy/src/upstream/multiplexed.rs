//! A connection of HTTP/2 to an endpoint, on which many requests are under way at once. The pool keeps it; a task of its own reads and writes
//! for all of them.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use evenkeel_plan::limits::RESPONSE_HEAD_BYTES_MAX;
use evenkeel_proto::http2::{Guard, Limits, Side};
use futures_util::FutureExt as _;
use h2::client::{Builder, Connection, SendRequest};
use tokio::sync::Notify;
use tokio::task::spawn_local;

use super::link::Link;
use super::pool::Demands;
use crate::http2::outflow::PIECE_BYTES_MAX;
use crate::http2::wire::{Ends, Wire, WireState};
use crate::io::Io;
use crate::worker::Worker;

/// What the requests on one connection share.
#[derive(Debug)]
pub(crate) struct Multiplexed {
    pub(super) link: Link,
    pub(super) wire: WireState,
    /// How many requests are under way.
    under_way: Cell<usize>,
    /// When something has come last.
    heard: Cell<Instant>,
    /// When the last one ended, if none is.
    idle_since: Cell<Instant>,
    /// Whether it is given no more: it has served its time, or says nothing.
    is_leaving: Cell<bool>,
    /// Whether it has ended.
    is_over: Cell<bool>,
    /// Whether the endpoint has said what it can, or never will, and who waits for that.
    is_greeted: Cell<bool>,
    ungreeted: RefCell<Vec<Waker>>,
    /// Who waits for a place.
    places: Rc<Notify>,
    /// Its task.
    driver: RefCell<Option<Waker>>,
}

/// A connection as long as it may be given more requests. When it is dropped the connection ends with the last of them.
#[derive(Debug)]
pub(crate) struct Shared {
    connection: Rc<Multiplexed>,
    sender: SendRequest<Bytes>,
}

/// The right to one request on a connection.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(super) connection: Rc<Multiplexed>,
    pub(super) sender: SendRequest<Bytes>,
}

/// The bytes of a connection, for as long as its task runs.
#[derive(Clone, Debug)]
struct EndpointEnds {
    connection: Rc<Multiplexed>,
    worker: Rc<Worker>,
}

impl Ends for EndpointEnds {
    fn io(&self) -> &Io {
        &self.connection.link.io
    }

    fn worker(&self) -> &Worker {
        &self.worker
    }

    fn state(&self) -> &WireState {
        &self.connection.wire
    }

    fn heard(&self) {
        self.connection.heard.set(Instant::now());
    }

    /// It is given no more requests, and those that it has may have been answered.
    fn cut(&self) -> bool {
        self.connection.is_leaving.set(true);
        true
    }
}

impl Shared {
    /// Begins HTTP/2 on a new connection. `None` if the library has no use for it, of which nothing is known.
    pub(crate) fn begin(link: Link, worker: &Rc<Worker>, places: &Rc<Notify>) -> Option<Self> {
        let guard = Guard::new(Side::FacingEndpoint, Arc::clone(&GUARD_LIMITS));
        let connection = Rc::new(Multiplexed {
            link,
            wire: WireState::new(guard, &worker.buffers.parked),
            under_way: Cell::new(0),
            heard: Cell::new(worker.now()),
            idle_since: Cell::new(worker.now()),
            is_leaving: Cell::new(false),
            is_over: Cell::new(false),
            is_greeted: Cell::new(false),
            ungreeted: RefCell::default(),
            places: Rc::clone(places),
            driver: RefCell::default(),
        });
        let ends = EndpointEnds { connection: Rc::clone(&connection), worker: Rc::clone(worker) };
        // What we say first is kept until it is sent together with the first request, and nothing is waited for (RFC 9113 §3.4).
        let greeting = builder().handshake(Wire::facing_endpoint(ends.clone()));
        let (sender, library) = greeting.now_or_never()?.ok()?;
        spawn_local(drive(ends, library));
        Some(Self { connection, sender })
    }

    /// Whether it may be given a request, now or later.
    pub(super) fn is_fit(&self, demands: Demands<'_>, now: Instant) -> bool {
        let Multiplexed { link, is_over, is_leaving, .. } = &*self.connection;
        !is_over.get() && !is_leaving.get() && !link.has_served(demands, now)
    }

    /// How many requests are under way, if the endpoint takes one more.
    pub(super) fn load(&self) -> Option<usize> {
        let most = self.sender.current_max_send_streams().min(STREAMS_MAX);
        Some(self.connection.under_way.get()).filter(|under_way| *under_way < most)
    }

    /// Since when nothing is under way on it, if so.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let Multiplexed { under_way, idle_since, .. } = &*self.connection;
        (under_way.get() == 0).then(|| idle_since.get())
    }

    /// Whether another worker wants a connection to the same endpoint, which has as many as it may: then it gets no more requests, and ends
    /// with those that it has.
    pub(super) fn is_wanted(&self) -> bool {
        self.connection.link.is_in_the_way()
    }

    /// Whether it is in the way of that while nothing is on it.
    pub(super) fn is_in_the_way(&self) -> bool {
        self.idle_since().is_some() && self.is_wanted()
    }

    pub(super) fn seat(&self) -> Seat {
        let connection = Rc::clone(&self.connection);
        connection.under_way.update(|under_way| under_way + 1);
        Seat { connection, sender: self.sender.clone() }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.connection.leave();
    }
}

impl Multiplexed {
    /// From now on it is given no more requests.
    pub(crate) fn leave(&self) {
        self.is_leaving.set(true);
        self.wake();
    }

    /// For how long nothing at all has come.
    pub(super) fn silence(&self) -> Duration {
        self.heard.get().elapsed()
    }

    /// Whether the endpoint has said what it can, or the connection has ended.
    pub(super) fn is_greeted(&self) -> bool {
        self.is_greeted.get()
    }

    /// Waits for that (RFC 9113 §3.4).
    pub(crate) fn poll_greeted(&self, cx: &Context<'_>) -> Poll<()> {
        if self.is_greeted() {
            return Poll::Ready(());
        }
        self.ungreeted.borrow_mut().push(cx.waker().clone());
        Poll::Pending
    }

    fn greeted(&self) {
        self.is_greeted.set(true);
        self.ungreeted.take().into_iter().for_each(Waker::wake);
    }

    fn wake(&self) {
        self.driver.borrow().iter().for_each(Waker::wake_by_ref);
    }

    /// Whether nobody needs it any more.
    fn is_done(&self) -> bool {
        self.is_leaving.get() && self.under_way.get() == 0
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Multiplexed { under_way, idle_since, .. } = &*self.connection;
        under_way.update(|under_way| under_way - 1);
        self.connection.places.notify_one();
        if under_way.get() == 0 {
            idle_since.set(Instant::now());
            self.connection.wake();
        }
    }
}

/// Says that a connection has ended, however that came.
struct Ending(EndpointEnds);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.connection.is_over.set(true);
        self.0.connection.greeted();
    }
}

/// Reads and writes until the connection ends, or nobody needs it any more and the endpoint has had time to see that.
async fn drive(ends: EndpointEnds, library: Connection<Wire<EndpointEnds>, Bytes>) {
    let ending = Ending(ends);
    let EndpointEnds { connection, worker } = &ending.0;
    let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
    connection.driver.replace(Some(waker.clone()));
    let deadline = worker.deadlines.register(waker);
    let mut library = pin!(library);
    let mut is_done = false;
    poll_fn(|cx| {
        if library.poll_unpin(cx).is_ready() {
            return Poll::Ready(());
        }
        if !connection.is_greeted.get() && connection.wire.has_acknowledged() {
            connection.greeted();
        }
        if !is_done && connection.is_done() {
            is_done = true;
            deadline.set(LEAVE_WITHIN);
        }
        if is_done && deadline.is_expired() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    if let Some(objection) = connection.wire.objection() {
        connection.wire.say_objection(&connection.link.io, objection);
        let fault = objection.fault.name();
        tracing::debug!(fault, "a connection of HTTP/2 to an endpoint is ended");
    }
    connection.wire.release(&worker.buffers);
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        .initial_window_size(WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_header_list_size(RESPONSE_HEAD_BYTES_MAX as u32)
        .max_send_buffer_size(PIECE_BYTES_MAX)
        .max_concurrent_reset_streams(RESET_STREAMS_MAX);
    builder
}

static GUARD_LIMITS: LazyLock<Arc<Limits>> = LazyLock::new(|| Arc::new(Limits::facing_endpoint()));

/// What an endpoint may send of one answer before the client has taken any of it: that much is held for a slow one.
const WINDOW_BYTES: u32 = 64 * 1024;

/// What it may send of all together: as much as all may, so that slow clients hold up no other.
const CONNECTION_WINDOW_BYTES: u32 = STREAMS_MAX as u32 * WINDOW_BYTES;

/// The most requests on one connection, even where the endpoint takes more: a connection is one core's work there, and what is lost on it holds
/// up all.
const STREAMS_MAX: usize = 100;

/// Streams that we have reset, on which something may still come.
const RESET_STREAMS_MAX: usize = 100;

/// For what is left to send when nobody needs the connection any more.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);
