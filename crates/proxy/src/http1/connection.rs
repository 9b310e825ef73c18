//! A client's HTTP/1 connection: requests one after the other, each an exchange, and nothing held in between.

use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use evenkeel_plan::Listener;
use evenkeel_plan::listener::ListenerCounters;
use evenkeel_plan::reason::Reason;
use evenkeel_proto::forward::wants_keep_alive;
use evenkeel_proto::head::RequestHead;
use evenkeel_proto::http1::{
    BodyDecoder, Framing, FramingError, ParseError, ParseLimits, request_framing,
};
use evenkeel_proto::method::Method;

use crate::deadline::Deadline;
use crate::exchange::{Answer, Ended, Exchange, Messages, count_status, flush};
use crate::http1::inbox::{HeadError, HeadLimits, Inbox};
use crate::http1::receive::Receive;
use crate::http1::respond::{KeepAlive, Respond};
use crate::http1::send::{Outbox, Send};
use crate::io::Io;
use crate::worker::{Membership, RequestId, Worker};

/// A client's connection. Small, because there may be many that do nothing.
#[derive(Debug)]
pub(crate) struct Connection {
    worker: Rc<Worker>,
    io: Io,
    client: IpAddr,
    /// The listener that it came in by, as it was then.
    listener: Arc<Listener>,
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
        socket: OwnedFd,
        client: SocketAddr,
        listener: Arc<Listener>,
        membership: Membership,
    ) -> Self {
        let counters = listener.counters.shard(worker.index);
        counters.connections.add(1);
        counters.connections_active.add(1);
        let client = client.ip().to_canonical();
        Self { worker, io: Io::new(socket), client, listener, _membership: membership }
    }

    /// Serves requests until either side has had enough.
    pub(crate) async fn serve(self) {
        let register = |waker: &std::task::Waker| self.worker.deadlines.register(waker.clone());
        let deadline = poll_fn(|cx| Poll::Ready(register(cx.waker()))).await;
        let mut fresh = true;
        while self.request_arrives(&deadline, fresh).await {
            // Boxed, so that the room which a request needs is there only while there is one.
            match Box::pin(self.serve_requests(&deadline)).await {
                Next::Wait => {}
                Next::Request => fresh = false,
                _ => break,
            }
        }
    }

    /// Waits, holding nothing, until there is something to read. False when the wait is over without.
    async fn request_arrives(&self, deadline: &Deadline, fresh: bool) -> bool {
        let timeouts = self.listener.timeouts;
        deadline.set(timeouts.keep_alive);
        let mut draining = false;
        poll_fn(|cx| {
            if self.worker.draining.get() && !draining {
                draining = true;
                // Who has just connected was promised an answer to what must already be on its way.
                deadline.set(DRAIN_GRACE);
            }
            match self.io.poll_readable(cx) {
                Poll::Ready(outcome) => Poll::Ready(outcome.is_ok()),
                Poll::Pending if draining && !fresh || deadline.is_expired() => Poll::Ready(false),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Serves what has arrived, and what was sent after it without waiting for the answer (RFC 9112 §9.3.2).
    async fn serve_requests(&self, deadline: &Deadline) -> Next {
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
        if next == Next::Close && !(busy.inbox.is_empty() && self.io.is_drained()) {
            next = Next::CloseUnread;
        }
        busy.inbox.release(&self.worker.buffers);
        busy.outbox.release(&self.worker.buffers);
        match next {
            Next::Wait | Next::Request | Next::Close => {}
            Next::CloseUnread => self.linger(deadline).await,
            Next::Reset => self.io.reset_on_close(),
        }
        next
    }

    async fn serve_request(&self, busy: &mut Busy, deadline: &Deadline) -> Next {
        let head = match self.read_head(busy, deadline).await {
            Ok(head) => head,
            Err(NoHead::Nothing) => return Next::Wait,
            Err(NoHead::Gone) => return Next::Close,
            Err(NoHead::Refused(reason)) => {
                return self.refuse(busy, deadline, None, reason).await;
            }
        };
        let framing = match request_framing(&head) {
            // RFC 9110 §9.3.6: a tunnel is not what we are for.
            _ if head.method == Method::Connect => Err(Reason::NotImplemented),
            Ok(framing) => Ok(framing),
            Err(FramingError::Ambiguous(_)) => Err(Reason::RequestMalformed),
            Err(FramingError::UnknownCoding) => Err(Reason::NotImplemented),
        };
        let next = match framing {
            Ok(framing) => self.exchange(busy, deadline, &head, framing).await,
            Err(reason) => self.refuse(busy, deadline, Some(&head), reason).await,
        };
        self.worker.buffers.give_head(head.fields);
        next
    }

    /// Reads the head of a request.
    async fn read_head(&self, busy: &mut Busy, deadline: &Deadline) -> Result<RequestHead, NoHead> {
        let limits = HeadLimits {
            bytes: self.listener.limits.header_bytes,
            parse: ParseLimits {
                fields: self.listener.limits.header_count,
                target_bytes: self.listener.limits.target_bytes,
            },
        };
        let mut draining = self.worker.draining.get();
        deadline.set(if draining { DRAIN_GRACE } else { self.listener.timeouts.header });
        poll_fn(|cx| match busy.inbox.poll_head(cx, &self.io, &self.worker.buffers, &limits) {
            Poll::Pending if self.worker.draining.get() && !draining => {
                draining = true;
                deadline.set(DRAIN_GRACE);
                Poll::Pending
            }
            // It only seemed as if there was something. To wait for it here would hold a buffer.
            Poll::Pending if busy.inbox.is_empty() => Poll::Ready(Err(NoHead::Nothing)),
            Poll::Pending if deadline.is_expired() => {
                Poll::Ready(Err(NoHead::Refused(Reason::HeaderTimeout)))
            }
            outcome => outcome.map_err(NoHead::from),
        })
        .await
    }

    async fn exchange(
        &self,
        busy: &mut Busy,
        deadline: &Deadline,
        head: &RequestHead,
        framing: Framing,
    ) -> Next {
        let mut decoder = BodyDecoder::new(framing);
        let started = self.worker.now();
        let world = self.worker.world();
        // Gone from the plan: it drains.
        let Some(listener) = world.listener(&self.listener) else { return Next::CloseUnread };
        let request_id = self.worker.request_id(started);
        let mut keep_alive = KeepAlive::new(wants_keep_alive(&head.fields, head.version));
        let exchange = Exchange {
            worker: &self.worker,
            world: &world,
            listener,
            deadline,
            client: self.client,
            request_id: &request_id,
            started,
        };
        let facts = exchange.facts();
        let Busy { inbox, outbox } = busy;
        let (io, buffers) = (&self.io, &self.worker.buffers);
        let mut messages = Messages {
            head,
            framing,
            body: Receive { io, inbox, decoder: &mut decoder, buffers },
            answer: Respond {
                send: Send { io, outbox },
                buffers,
                head: Some(head),
                request_id: facts.request_id(head),
                keep_alive: &mut keep_alive,
                draining: &self.worker.draining,
            },
        };
        let ended = exchange.run(&mut messages).await;
        self.count(listener, head.method, &ended, started);
        if ended.broken {
            Next::Reset
        } else if !decoder.is_done() {
            Next::CloseUnread
        } else if keep_alive.is_kept() {
            Next::Request
        } else {
            Next::Close
        }
    }

    /// Answers what cannot be taken for a request, after which nobody knows where the next one would begin.
    async fn refuse(
        &self,
        busy: &mut Busy,
        deadline: &Deadline,
        head: Option<&RequestHead>,
        reason: Reason,
    ) -> Next {
        let started = self.worker.now();
        let request_id: RequestId = self.worker.request_id(started);
        let mut respond = Respond {
            send: Send { io: &self.io, outbox: &mut busy.outbox },
            buffers: &self.worker.buffers,
            head,
            request_id: request_id.as_str().as_bytes(),
            keep_alive: &mut KeepAlive::new(false),
            draining: &self.worker.draining,
        };
        respond.refuse(reason, false);
        let flushed = flush(&mut respond, deadline, &self.listener).await;
        let ended =
            Ended { status: Some(reason.status()), failure: Some(reason), ..Ended::default() };
        let method = head.map_or(Method::Other, |head| head.method);
        self.count(&self.listener, method, &ended, started);
        if flushed.is_ok() { Next::CloseUnread } else { Next::Reset }
    }

    fn count(&self, listener: &Listener, method: Method, ended: &Ended, started: Instant) {
        let counters: &ListenerCounters = listener.counters.shard(self.worker.index);
        if let Some(status) = ended.status {
            count_status(&counters.requests[method as usize], status);
            counters.duration.observe(started.elapsed());
        }
        if let Some(reason) = ended.failure {
            counters.failures[reason as usize].add(1);
        }
        counters.bytes_in.add(ended.bytes_in);
        counters.bytes_out.add(ended.bytes_out);
    }

    /// Closing with bytes unread makes the system send a reset, which could destroy the answer on its way (RFC 9112 §9.6). So
    /// we say that we are done, and throw away what still comes, for a while.
    async fn linger(&self, deadline: &Deadline) {
        self.io.finish();
        deadline.set(LINGER);
        poll_fn(|cx| {
            let mut scratch = self.worker.buffers.scratch.borrow_mut();
            for _ in 0..LINGER_READS_PER_TURN {
                match self.io.poll_recv(cx, &mut scratch) {
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
        self.listener.counters.shard(self.worker.index).connections_active.add(-1);
    }
}

/// Why there is no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NoHead {
    /// Nothing has arrived.
    Nothing,
    /// The client is gone.
    Gone,
    /// What has arrived cannot be taken.
    Refused(Reason),
}

impl From<HeadError> for NoHead {
    fn from(error: HeadError) -> Self {
        Self::Refused(match error {
            HeadError::Closed => return Self::Gone,
            HeadError::TooLong | HeadError::Refused(ParseError::TooManyFields) => {
                Reason::HeadTooLarge
            }
            HeadError::Refused(ParseError::TargetTooLong) => Reason::TargetTooLong,
            HeadError::Refused(ParseError::UnsupportedVersion) => Reason::VersionNotSupported,
            HeadError::Refused(ParseError::Malformed(_)) => Reason::RequestMalformed,
        })
    }
}

/// How long somebody who had connected, or begun a request, when we began to drain has to complete it.
const DRAIN_GRACE: Duration = Duration::from_secs(1);

/// As nginx has it: time for the answer to arrive where it is going.
const LINGER: Duration = Duration::from_secs(5);

const LINGER_READS_PER_TURN: usize = 8;

/// How many requests that came at once are served before other connections get a turn.
const REQUESTS_PER_TURN: u32 = 16;

#[cfg(test)]
mod tests;
