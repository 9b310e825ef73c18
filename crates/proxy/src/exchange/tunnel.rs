//! What an exchange becomes when the endpoint has switched protocols (RFC 9110 §7.8), or when it is a stream: bytes both ways, until a side has
//! had enough. Run by the connection when the exchange is over, because it is long-lived: it keeps no plan, and it ends politely when
//! the worker drains, its listener is gone, or its endpoint is and the time for that is up.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use evenkeel_plan::cluster::UpstreamTimeouts;
use evenkeel_plan::counters::Sharded;
use evenkeel_plan::endpoint::LongLease;
use evenkeel_plan::listener::{DownstreamTimeouts, ListenerCounters};
use evenkeel_plan::reason::Reason;
use evenkeel_plan::rebalance::Kind;
use evenkeel_plan::route::RouteCounters;
use evenkeel_plan::sight::Phase;
use evenkeel_proto::head::ResponseHead;
use evenkeel_proto::upgrade;

use super::attempt::{Target, Turn};
use super::leaving::{leave_at, spread};
use super::{Answer, Ended, Exchange, Messages, Progress, count_status};
use crate::access::{Course, RouteTaken};
use crate::body::{PumpError, Sink, Source};
use crate::deadline::Deadline;
use crate::entrance::Entrance;
use crate::patience::{Patience, Wait};
use crate::stays::Stay;
use crate::upstream::attempt::Attempt;
use crate::worker::{Leave, Worker};

mod direction;
mod parting;

use direction::Direction;

/// An exchange that has become a tunnel.
#[derive(Debug)]
pub(crate) struct Switched {
    pub(crate) ties: Ties,
    pub(crate) tunnel: Tunnel,
}

/// All that a tunnel needs of the plan under which it began. It may outlive many, and must not keep them in memory.
#[derive(Debug)]
pub(crate) struct Ties {
    /// Those of the listener.
    pub(crate) counters: Arc<Sharded<ListenerCounters>>,
    /// Whether the client's word was believed when it began.
    pub(crate) trusted: bool,
    /// What the client was answered; `None` for a stream.
    status: Option<u16>,
    downstream: DownstreamTimeouts,
    route: Box<str>,
    route_counters: Arc<Sharded<RouteCounters>>,
    cluster: Box<str>,
    endpoint: Box<str>,
    /// Held for as long, so that a tunnel counts as in flight.
    lease: LongLease,
    upstream: UpstreamTimeouts,
    /// When the first byte of the request was there.
    started: Instant,
    /// The figures up to the switch; what they refer to is above.
    course: Course<'static>,
}

/// The endpoint's side, and the two directions.
#[derive(Debug)]
pub(crate) struct Tunnel {
    attempt: Attempt,
    up: Direction,
    down: Direction,
}

/// The client's side.
#[derive(Debug)]
pub(crate) struct Downstream<B, A> {
    pub(crate) body: B,
    pub(crate) answer: A,
}

/// A tunnel while it is open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passage<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) entrance: &'a Entrance,
    pub(crate) deadline: &'a Deadline,
    pub(crate) ties: &'a Ties,
    /// How far it is, for whoever looks.
    pub(crate) progress: &'a Progress<'a>,
}

/// How a tunnel ended that did not break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    /// Both sides have said all.
    Said,
    /// The connection has to end, and neither side is in the middle of anything.
    Parting,
    /// The connection has to end, and somebody is.
    Cut,
    /// The client shall begin another one, at an endpoint that joined later; neither side is in the middle of anything.
    Moved,
}

impl Exchange<'_> {
    /// Tells the client that it has what it asked for. `None` if that is not what the endpoint has switched to: nobody may be
    /// switched who has not asked for it (RFC 9110 §15.2.2).
    pub(super) fn switch<B, A: Answer>(
        &self,
        turn: &mut Turn<'_>,
        (attempt, mut head): (Attempt, ResponseHead),
        messages: &mut Messages<'_, B, A>,
        course: &Course<'_>,
    ) -> Option<Switched> {
        let target = turn.target;
        self.tell_session(target, &mut head);
        let Some(protocol) = accepted(messages, &head) else {
            self.judge_end(turn, Err(Reason::UpgradeRefused));
            return None;
        };
        messages.answer.switch(&head, protocol);
        let framed = upgrade::is_websocket(protocol);
        count_status(&target.counters.responses, head.status);
        self.worker.buffers.give_head(head.fields);
        let ties = self.ties(target, course, Some(head.status));
        Some(Switched { ties, tunnel: self.tunnel(attempt, framed) })
    }

    /// What passes bytes both ways on the connection of `attempt`, which may be those of a WebSocket.
    pub(super) fn tunnel(&self, mut attempt: Attempt, framed: bool) -> Tunnel {
        attempt.switch(&self.worker.buffers);
        // Whatever ends it early, a panic or a forced stop, must not look like an end to the endpoint.
        attempt.break_on_close(true);
        Tunnel { attempt, up: Direction::new(framed), down: Direction::new(framed) }
    }

    pub(super) fn ties(
        &self,
        target: Target<'_>,
        course: &Course<'_>,
        status: Option<u16>,
    ) -> Ties {
        let Course { attempts, queue, connect, first_byte, waited, own, would_limit, .. } = *course;
        let (route, cluster, endpoint) = (None, None, None);
        Ties {
            counters: Arc::clone(&self.listener.counters),
            trusted: self.client.trusted,
            status,
            downstream: self.listener.timeouts,
            route: target.way.route.name.clone(),
            route_counters: Arc::clone(&target.way.route.counters),
            cluster: target.way.cluster.plan.name.clone(),
            endpoint: target.endpoint.name.clone(),
            lease: long_lease(target),
            upstream: target.way.timeouts(),
            started: self.started,
            course: Course {
                route,
                cluster,
                endpoint,
                attempts,
                queue,
                connect,
                first_byte,
                waited,
                own,
                would_limit,
            },
        }
    }
}

/// The protocol that the client has offered, and the endpoint has chosen.
fn accepted<'h, B, A>(messages: &Messages<'_, B, A>, head: &'h ResponseHead) -> Option<&'h [u8]> {
    upgrade::accepted(messages.offer.as_ref()?, messages.head, head).ok()
}

impl Ties {
    /// How far it is, for whoever looks.
    pub(crate) fn progress(&self) -> Progress<'_> {
        let progress = Progress::default();
        progress.follow(&self.course());
        progress.status.set(self.status);
        progress.enter(Phase::Tunnel);
        progress
    }

    /// The way that was taken.
    fn course(&self) -> Course<'_> {
        Course {
            route: Some(RouteTaken {
                name: &self.route,
                counters: &self.route_counters,
                translates: false,
            }),
            cluster: Some(&self.cluster),
            endpoint: Some(&self.endpoint),
            ..self.course
        }
    }
}

impl<'a> Passage<'a> {
    /// Passes bytes both ways until both sides have said all, or the connection has to end.
    pub(crate) async fn run<B: Source, A: Sink>(
        &self,
        tunnel: &mut Tunnel,
        downstream: &mut Downstream<B, A>,
    ) -> Ended<'a> {
        downstream.body.switch();
        let counters = self.ties.counters.shard(self.worker.index);
        let (mut patience, mut leaving) = (self.patience(), None);
        let stay = self.stay(tunnel);
        let outcome = poll_fn(|cx| {
            patience.resume();
            let passed = self.poll_both(cx, tunnel, downstream);
            tunnel.up.count(&counters.bytes_in);
            tunnel.down.count(&counters.bytes_out);
            self.progress.bytes_in.set(tunnel.up.moved());
            self.progress.bytes_out.set(tunnel.down.moved());
            passed?;
            if tunnel.is_over() {
                return Poll::Ready(Ok(Over::Said));
            }
            if stay.is_asked(self.worker.lately()) && tunnel.is_at_rest() {
                return Poll::Ready(Ok(Over::Moved));
            }
            if leaving.is_none() {
                leaving = self.leaves(tunnel, &mut patience)?;
            }
            let Some(at) = leaving else { return Poll::Pending };
            patience.pause();
            self.poll_leave(at, tunnel)
        })
        .await;
        drop(stay);
        let whole = match outcome {
            Ok(Over::Said) => true,
            Ok(Over::Parting | Over::Moved) => self.part(tunnel, downstream).await,
            Ok(Over::Cut) | Err(_) => false,
        };
        tunnel.attempt.break_on_close(!whole);
        let failure = match outcome {
            Ok(Over::Cut) => Some(Reason::DrainTimeout),
            Ok(Over::Parting) => Some(Reason::Drained),
            Ok(Over::Moved) => Some(Reason::Moved),
            outcome => outcome.err(),
        };
        let endpoint = self.ties.lease.of().counters.shard(self.worker.index);
        endpoint.failures.add(u64::from(failure.is_some_and(Reason::is_endpoints_fault)));
        endpoint.moved.add(u64::from(failure == Some(Reason::Moved)));
        let mut course = self.ties.course();
        course.waited += patience.waited();
        Ended {
            status: self.ties.status,
            failure,
            broken: !whole,
            bytes_in: tunnel.up.moved(),
            bytes_out: tunnel.down.moved(),
            are_counted: true,
            course,
            call: None,
        }
    }

    /// It is there to last, and so may have to move.
    fn stay(&self, tunnel: &Tunnel) -> Stay {
        let Ties { status, started, lease, .. } = self.ties;
        let kind = match status {
            None => Kind::Tcp,
            Some(_) if tunnel.up.is_framed() => Kind::WebSocket,
            Some(_) => Kind::Upgrade,
        };
        let since = self.worker.time(*started);
        self.worker.stays.enter(kind, lease.of(), since, self.deadline)
    }

    fn patience(&self) -> Patience<'a> {
        let Ties { downstream, upstream, started, course, .. } = self.ties;
        let patience = Patience::new(self.deadline, *downstream, *upstream, *started);
        // The same that decides it for the exchange: somebody wants to read how long things took.
        if course.queue.is_some() { patience.timed() } else { patience }
    }

    fn poll_both<B: Source, A: Sink>(
        &self,
        cx: &mut Context<'_>,
        tunnel: &mut Tunnel,
        downstream: &mut Downstream<B, A>,
    ) -> Result<(), Reason> {
        let buffers = &self.worker.buffers;
        let Tunnel { attempt, up, down } = tunnel;
        let Downstream { body, answer } = downstream;
        buffers
            .lend(|room| up.pass(cx, body, &mut attempt.request(), room))
            .map_err(|error| blame(error, Reason::ClientGone, Reason::UpstreamClosed))?;
        buffers
            .lend(|room| down.pass(cx, &mut attempt.answer(buffers), answer, room))
            .map_err(|error| blame(error, Reason::UpstreamClosed, Reason::ClientGone))
    }

    /// When to leave; `None` while there is no need to.
    fn leaves(
        &self,
        tunnel: &Tunnel,
        patience: &mut Patience<'_>,
    ) -> Result<Option<Instant>, Reason> {
        if let Err(leave) = self.worker.keep_alive(self.entrance) {
            return Ok(Some(Instant::now() + self.grace(leave)));
        }
        let vitals = &self.ties.lease.of().vitals;
        patience.heed(vitals.leaves_within(), |within| leave_at(self.worker, vitals, within));
        match patience.wait(tunnel.wait(), tunnel.moved()) {
            Ok(()) => Ok(None),
            Err(Reason::DrainTimeout) => Ok(Some(Instant::now())),
            Err(reason) => Err(reason),
        }
    }

    /// How long it goes on when it has to end.
    fn grace(&self, leave: Leave) -> Duration {
        let within = self.worker.drain_within();
        match (leave, self.ties.status) {
            // Perhaps nobody should listen to its client any more.
            (Leave::Superseded, _) => spread(self.worker, PROVE_ANEW),
            (Leave::Parting, Some(_)) => spread(self.worker, within),
            // Nobody can ask its two sides to come to an end: they get nearly all of the time for that.
            (Leave::Parting, None) => {
                within.saturating_sub(ENDING).max(within / 2) - spread(self.worker, within / 5)
            }
        }
    }

    /// Leaves at a moment at which nothing is cut in two. If there is none for a while, both sides are made to see the cut.
    fn poll_leave(&self, at: Instant, tunnel: &Tunnel) -> Poll<Result<Over, Reason>> {
        let left = at.saturating_duration_since(Instant::now());
        if left.is_zero() && tunnel.is_at_rest() {
            return Poll::Ready(Ok(Over::Parting));
        }
        if at.elapsed() > LEAVE_LATE {
            return Poll::Ready(Ok(Over::Cut));
        }
        self.deadline.set(left);
        Poll::Pending
    }
}

impl Tunnel {
    fn is_over(&self) -> bool {
        self.up.has_ended() && self.down.has_ended()
    }

    /// Whether nothing would be cut in two if it ended now.
    fn is_at_rest(&self) -> bool {
        self.up.is_at_rest() && self.down.is_at_rest()
    }

    fn moved(&self) -> u64 {
        self.up.moved() + self.down.moved()
    }

    /// Once a side has ended there is no more talk, only a rest that the other may still have to say.
    fn wait(&self) -> Wait {
        if self.up.has_ended() || self.down.has_ended() { Wait::TunnelEnd } else { Wait::Tunnel }
    }
}

fn blame(error: PumpError, source: Reason, sink: Reason) -> Reason {
    match error {
        PumpError::Source(_) => source,
        PumpError::Sink => sink,
    }
}

/// How much of the time is kept for the end of a stream: for a moment of rest, for both sides to end too, and to spare.
const ENDING: Duration = Duration::from_secs(4);

/// Over half of it those are spread whose clients have to prove anew who they are: they all come back for a handshake.
const PROVE_ANEW: Duration = Duration::from_secs(2);

/// How long it is waited for a moment of rest.
const LEAVE_LATE: Duration = Duration::from_secs(1);

/// The endpoint has answered; whatever comes now, it is not waited for.
fn long_lease(target: Target<'_>) -> LongLease {
    let mut lease = LongLease::new(Arc::clone(&target.endpoint.life));
    lease.stream();
    lease
}
