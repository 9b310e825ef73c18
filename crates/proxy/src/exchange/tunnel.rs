//! What an exchange becomes when the endpoint has switched protocols (RFC 9110 §7.8): bytes both ways, until a side has had
//! enough. Long-lived, so it ends politely when the worker drains.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use evenkeel_plan::reason::Reason;
use evenkeel_plan::sight::Phase;
use evenkeel_proto::head::ResponseHead;
use evenkeel_proto::upgrade;

use super::attempt::Target;
use super::{Answer, Ended, Exchange, Messages, count_status};
use crate::access::Course;
use crate::body::{PumpError, Source};
use crate::patience::Wait;
use crate::upstream::attempt::Attempt;

mod direction;
mod parting;

use direction::Direction;

/// The two directions of a tunnel.
#[derive(Debug)]
struct Tunnel {
    up: Direction,
    down: Direction,
}

/// How a tunnel ended that did not break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    /// Both sides have said all.
    Said,
    /// The worker drains, and neither side is in the middle of anything.
    Draining,
    /// The worker drains, and somebody is.
    Cut,
}

impl<'a> Exchange<'a> {
    /// Passes bytes both ways, if this is what the client asked for. The lease is held for as long, so that a tunnel counts as
    /// in flight.
    pub(super) async fn tunnel<B: Source, A: Answer>(
        &self,
        target: Target<'a>,
        (mut attempt, head): (Attempt, ResponseHead),
        messages: &mut Messages<'_, B, A>,
        course: &mut Course<'a>,
    ) -> Ended<'a> {
        let Some(mut tunnel) = switch(messages, &head) else {
            self.note(target, Err(Reason::UpgradeRefused));
            return self.refuse(Reason::UpgradeRefused, messages).await;
        };
        self.progress.enter(Phase::Tunnel);
        count_status(&target.counters.responses, head.status);
        self.worker.buffers.give_head(head.fields);
        attempt.switch(&self.worker.buffers);
        let mut patience = self.patience(target);
        let mut leaving = None;
        // Whatever ends it early, a panic or a forced stop, must not look like an end to the endpoint.
        attempt.break_on_close(true);
        let outcome = poll_fn(|cx| {
            patience.resume();
            self.poll_both(cx, &mut attempt, messages, &mut tunnel)?;
            if tunnel.is_over() {
                return Poll::Ready(Ok(Over::Said));
            }
            if self.worker.draining.get() {
                patience.pause();
                return self.poll_leave(*leaving.get_or_insert_with(|| self.leave_at()), &tunnel);
            }
            patience.wait(tunnel.wait(), tunnel.moved())?;
            Poll::Pending
        })
        .await;
        course.waited += patience.waited();
        let whole = match outcome {
            Ok(Over::Said) => true,
            Ok(Over::Draining) => self.part(&mut attempt, messages, &tunnel).await,
            Ok(Over::Cut) | Err(_) => false,
        };
        attempt.break_on_close(!whole);
        let failure = outcome.err();
        self.note(target, failure.map_or(Ok(()), Err));
        Ended {
            status: Some(101),
            failure,
            broken: !whole,
            bytes_in: tunnel.up.moved(),
            bytes_out: tunnel.down.moved(),
            ..Ended::default()
        }
    }

    fn poll_both<B: Source, A: Answer>(
        &self,
        cx: &mut Context<'_>,
        attempt: &mut Attempt,
        messages: &mut Messages<'_, B, A>,
        tunnel: &mut Tunnel,
    ) -> Result<(), Reason> {
        let buffers = &self.worker.buffers;
        let Messages { body, answer, .. } = messages;
        buffers
            .lend(|room| tunnel.up.pass(cx, body, &mut attempt.request(), room))
            .map_err(|error| blame(error, Reason::ClientGone, Reason::UpstreamClosed))?;
        buffers
            .lend(|room| tunnel.down.pass(cx, &mut attempt.answer(buffers), answer, room))
            .map_err(|error| blame(error, Reason::UpstreamClosed, Reason::ClientGone))
    }

    /// When to leave: not all tunnels at once, for their clients come back elsewhere at that moment.
    fn leave_at(&self) -> Instant {
        let spread = (self.worker.drain_within.get() / 2).min(LEAVE_WITHIN);
        let share = f64::from(self.worker.random() as u32) / f64::from(u32::MAX);
        Instant::now() + spread.mul_f64(share)
    }

    /// Leaves at a moment at which nothing is cut in two. If there is none for a while, both sides are made to see the cut.
    fn poll_leave(&self, at: Instant, tunnel: &Tunnel) -> Poll<Result<Over, Reason>> {
        let left = at.saturating_duration_since(Instant::now());
        if left.is_zero() && tunnel.up.is_at_rest() && tunnel.down.is_at_rest() {
            return Poll::Ready(Ok(Over::Draining));
        }
        if at.elapsed() > LEAVE_LATE {
            return Poll::Ready(Ok(Over::Cut));
        }
        self.deadline.set(left);
        Poll::Pending
    }
}

/// Tells the client that it has what it asked for. `None` if that is not what the endpoint has switched to: nobody may be
/// switched who has not asked for it (RFC 9110 §15.2.2).
fn switch<B: Source, A: Answer>(
    messages: &mut Messages<'_, B, A>,
    head: &ResponseHead,
) -> Option<Tunnel> {
    let offer = messages.offer.as_ref()?;
    let protocol = upgrade::accepted(offer, messages.head, head).ok()?;
    messages.answer.switch(head, protocol);
    messages.body.switch();
    let framed = upgrade::is_websocket(protocol);
    Some(Tunnel { up: Direction::new(framed), down: Direction::new(framed) })
}

impl Tunnel {
    fn is_over(&self) -> bool {
        self.up.has_ended() && self.down.has_ended()
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

/// The longest time over which the tunnels of a draining worker are spread; half the time for draining, if that is less.
const LEAVE_WITHIN: Duration = Duration::from_secs(10);

/// How long it is waited for a moment of rest.
const LEAVE_LATE: Duration = Duration::from_secs(1);
