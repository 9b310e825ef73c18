//! All requests of a connection of HTTP/2 together: what of the library and of the exchanges can go on does so in one turn. Called by the connection.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use evenkeel_plan::reason::Reason;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use h2::server;

use super::super::{Connection, DRAIN_GRACE};
use super::Incoming;
use super::waiting::Waiting;
use crate::deadline::Deadline;
use crate::http2::share::Share;
use crate::http2::wire::{ClientEnds, Wire, WireState};

pub(super) type Library<'c> = server::Connection<Wire<ClientEnds<'c>>, Bytes>;

/// The requests of one connection, and the library that has the rest.
pub(super) struct Service<'c, F> {
    connection: &'c Connection,
    wire: &'c WireState,
    library: Library<'c>,
    streams: FuturesUnordered<F>,
    /// How many may run at once.
    most: usize,
    share: Share<'c>,
    waiting: Waiting,
    /// The last stream that was there when the time began that is measured in [`Phase::Short`].
    waits_since: u32,
    /// Up to which stream those that wait have waited for too long; 0 for none.
    overdue: u32,
    write_timeout: Duration,
    /// Whether the client knows that we leave.
    is_leaving: bool,
    /// Up to where the client has taken what we send.
    sent: u64,
    phase: Phase,
}

/// What is waited for, and so what the deadline is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A request.
    Idle,
    /// The client, that it takes what we send.
    Blocked,
    /// Exchanges, which have deadlines of their own.
    Busy,
    /// Other connections, that they give back what was lent to them.
    Short,
    /// That the client sees that we leave.
    Leaving,
}

impl<'c, F: Future<Output = ()>> Service<'c, F> {
    pub(super) fn new(
        connection: &'c Connection,
        wire: &'c WireState,
        library: Library<'c>,
        most: usize,
        write_timeout: Duration,
    ) -> Self {
        let worker = &connection.worker;
        Self {
            connection,
            wire,
            library,
            streams: FuturesUnordered::new(),
            most,
            share: Share::of(&worker.spare_streams, &worker.buffers.parked),
            waiting: Waiting::default(),
            waits_since: 0,
            overdue: 0,
            write_timeout,
            is_leaving: false,
            sent: 0,
            phase: Phase::Busy,
        }
    }

    /// Goes on with the requests that are under way, takes new ones, and sends what has come of them, all in one turn. Ready with the reason
    /// for which all ends that is still under way.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        deadline: &Deadline,
        serve: impl Fn(Incoming) -> F,
    ) -> Poll<Reason> {
        loop {
            self.poll_streams(cx);
            let begun = self.streams.len();
            if self.poll_library(cx, &serve).is_ready() {
                return Poll::Ready(Reason::ClientGone);
            }
            let goes_on = self.streams.len() > begun
                || self.begins_to_leave(deadline)
                || self.turns_away(cx, deadline);
            if !goes_on {
                return self.wait(deadline);
            }
        }
    }

    /// Goes on with the exchanges that can. A panic ends one of them.
    fn poll_streams(&mut self, cx: &mut Context<'_>) {
        loop {
            let streams = &mut self.streams;
            match catch_unwind(AssertUnwindSafe(|| streams.poll_next_unpin(cx))) {
                Ok(Poll::Ready(Some(()))) => {}
                Ok(Poll::Ready(None) | Poll::Pending) => break,
                Err(_) => self.connection.tell_panic("a panic ended an exchange"),
            }
        }
        self.share.settle(self.streams.len(), self.wire.received());
    }

    /// Reads and writes what can be, and begins what has come. Ready when the connection is over.
    fn poll_library(&mut self, cx: &mut Context<'_>, serve: &impl Fn(Incoming) -> F) -> Poll<()> {
        while self.may_take(cx) {
            match self.library.poll_accept(cx) {
                Poll::Ready(Some(Ok(incoming))) => {
                    if self.waiting.is_empty() && self.may_begin(cx) {
                        self.streams.push(serve(incoming));
                    } else {
                        self.waiting.push(incoming);
                    }
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => {
                    self.begin_waiting(cx, serve);
                    return Poll::Pending;
                }
            }
        }
        // What the client has reset may still be under way here, and what comes after it waits in the library.
        let over = self.library.poll_closed(cx).map(|_| ());
        if over.is_pending() {
            self.begin_waiting(cx, serve);
        }
        over
    }

    /// Whether one more may be taken out of the library.
    fn may_take(&mut self, cx: &mut Context<'_>) -> bool {
        let most = self.most.saturating_sub(self.streams.len());
        if self.waiting.len() >= most {
            self.waiting.sweep(cx, |reset| self.connection.never_began(reset, Reason::ClientGone));
        }
        self.waiting.len() < most
    }

    /// Begins what waits and may begin by now: what has come in the meantime may have earned it.
    fn begin_waiting(&mut self, cx: &mut Context<'_>, serve: &impl Fn(Incoming) -> F) {
        while self.first_waiting(cx).is_some() {
            if !self.may_begin(cx) {
                return;
            }
            self.streams.extend(self.waiting.pop().map(serve));
        }
        self.share.stop_waiting();
    }

    /// The first one that waits and that its client still wants.
    fn first_waiting(&mut self, cx: &mut Context<'_>) -> Option<u32> {
        self.waiting.first(cx, |reset| self.connection.never_began(reset, Reason::ClientGone))
    }

    fn may_begin(&mut self, cx: &Context<'_>) -> bool {
        self.share.begins(self.streams.len(), self.wire.received(), cx.waker())
    }

    /// Answers some of what has waited for too long, and begins the time for the others. A few at a time, and none while the client does not read:
    /// the library keeps for ever the room that as many answers have taken in it as have ever waited there.
    fn turns_away(&mut self, cx: &mut Context<'_>, deadline: &Deadline) -> bool {
        if self.phase == Phase::Short && deadline.is_expired() {
            self.overdue = self.waits_since;
            self.phase = Phase::Busy;
            self.set(deadline);
        }
        if self.overdue == 0 {
            return false;
        }
        for turned_away in 0..TURNED_AWAY_AT_ONCE {
            if self.wire.is_blocked() {
                return turned_away > 0;
            }
            if self.first_waiting(cx).is_none_or(|first| first > self.overdue) {
                self.overdue = 0;
                return turned_away > 0;
            }
            let first = self.waiting.pop();
            first.into_iter().for_each(|it| self.connection.turn_away(it, self.wire));
        }
        true
    }

    /// Tells the client that we leave, once: because all of us do, because it has to prove anew who it is, or because it has asked for nothing for a while. What it has begun may end.
    fn begins_to_leave(&mut self, deadline: &Deadline) -> bool {
        let Connection { worker, entrance, .. } = self.connection;
        let is_idle = self.phase == Phase::Idle && deadline.is_expired();
        if self.is_leaving || (!is_idle && worker.keep_alive(entrance).is_ok()) {
            return false;
        }
        self.is_leaving = true;
        self.library.graceful_shutdown();
        true
    }

    /// Waits for what is to come, but not for ever. Ready when that is over.
    fn wait(&mut self, deadline: &Deadline) -> Poll<Reason> {
        let (phase, sent) = (self.next_phase(), self.wire.sent());
        if phase != self.phase || phase == Phase::Blocked && sent != self.sent {
            (self.phase, self.sent) = (phase, sent);
            self.set(deadline);
        } else if deadline.is_expired() {
            let is_blocked = phase == Phase::Blocked;
            return Poll::Ready(if is_blocked { Reason::WriteTimeout } else { Reason::ClientGone });
        }
        Poll::Pending
    }

    /// Ends all that is still under way, and accounts for it: the connection is over, for this `reason`.
    pub(super) fn end(mut self, reason: Reason) {
        self.connection.lost.set(Some(reason));
        while let Some(waiting) = self.waiting.pop() {
            self.connection.never_began(waiting, reason);
        }
    }

    fn next_phase(&self) -> Phase {
        match self.streams.is_empty() {
            _ if self.wire.is_blocked() => Phase::Blocked,
            false if !self.waiting.is_empty() => Phase::Short,
            false => Phase::Busy,
            true if self.is_leaving => Phase::Leaving,
            true => Phase::Idle,
        }
    }

    fn set(&mut self, deadline: &Deadline) {
        let Connection { worker, entrance, .. } = self.connection;
        let keep_alive = worker.keep_alive(entrance);
        match self.phase {
            Phase::Idle => deadline.rest(keep_alive.unwrap_or(DRAIN_GRACE)),
            Phase::Leaving => deadline.set(DRAIN_GRACE),
            Phase::Blocked => deadline.set(self.write_timeout),
            Phase::Short => {
                self.waits_since = self.wire.highest_stream();
                deadline.set(SHORT_MAX);
            }
            // Each has its own.
            Phase::Busy => deadline.clear(),
        }
    }
}

/// So many answers go to the library before it is let write them.
const TURNED_AWAY_AT_ONCE: usize = 4;

/// As long as requests may wait for an endpoint, if the config says nothing else. What has come since the time began waits for up to twice as long.
const SHORT_MAX: Duration = Duration::from_secs(5);
