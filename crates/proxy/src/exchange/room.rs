//! A request waits for room at an endpoint, where all have as much to do as they may. Called by the exchange.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use evenkeel_plan::balance::Session;
use evenkeel_plan::cluster::Cluster;
use evenkeel_plan::overload::{Importance, Limits, Room, Standing, Ticket};
use evenkeel_plan::reason::Reason;
use evenkeel_plan::story::Wait;
use evenkeel_proto::head::RequestHead;

use super::again::Attempts;
use super::attempt::Turn;
use super::way::Way;
use super::{Exchange, Messages};
use crate::body::Source;

/// A place in the queue, which is given up if nobody says otherwise.
struct Place<'a> {
    room: &'a Room,
    ticket: Option<Ticket>,
}

impl<'a> Exchange<'a> {
    /// Who gets the request first. Waits for room where all endpoints are full.
    ///
    /// # Errors
    /// The reason to refuse the request instead.
    pub(super) async fn choose_first<B: Source, A>(
        &self,
        attempts: &mut Attempts<'a>,
        messages: &mut Messages<'_, B, A>,
    ) -> Result<Turn<'a>, Reason> {
        match self.choose(attempts) {
            Some(turn) => Ok(turn),
            // Boxed: it is rare, and every exchange would have room for it.
            None if attempts.is_full => Box::pin(self.wait_for_room(attempts, messages)).await,
            None => Err(Reason::NoEndpoint),
        }
    }

    /// Waits until there is room for the request at an endpoint, and takes it.
    ///
    /// # Errors
    /// The reason to refuse the request instead.
    async fn wait_for_room<B: Source, A>(
        &self,
        attempts: &mut Attempts<'a>,
        messages: &mut Messages<'_, B, A>,
    ) -> Result<Turn<'a>, Reason> {
        let way = attempts.way;
        let limits = &way.cluster.plan.limits;
        let room = way.cluster.room(way.asked).ok_or(Reason::NoEndpoint)?;
        let began = self.worker.now();
        let who = (self.importance(limits, messages.head), way.cluster.is_subset());
        let now = self.worker.time(began);
        let enter = |cx: &mut Context<'_>| room.enter(who, limits, now, cx.waker().clone());
        let Some(ticket) = poll_fn(|cx| Poll::Ready(enter(cx))).await else {
            self.note_wait(way.wait(None));
            return Err(Reason::Overloaded);
        };
        let place = Place { room, ticket: Some(ticket) };
        self.deadline.set(limits.pending_wait.min(self.left(way)));
        attempts.has_waited = true;
        let outcome = poll_fn(|cx| {
            match room.look(ticket, cx.waker()) {
                Standing::Displaced => return Poll::Ready(Err(Reason::Overloaded)),
                Standing::Called => match self.choose(attempts) {
                    Some(turn) => return Poll::Ready(Ok(turn)),
                    None if !attempts.is_full => return Poll::Ready(Err(Reason::NoEndpoint)),
                    None if who.1 => room.call_after(ticket),
                    None => {}
                },
                Standing::Waiting => {}
            }
            if messages.body.poll_gone(cx).is_ready() {
                return Poll::Ready(Err(way.departure(self.started.elapsed())));
            }
            match self.deadline.is_expired() {
                true if self.left(way).is_zero() => Poll::Ready(Err(Reason::ExchangeTimeout)),
                true => Poll::Ready(Err(Reason::PendingTimeout)),
                false => Poll::Pending,
            }
        })
        .await;
        let waited = began.elapsed();
        attempts.course.waited += waited;
        self.note_wait(way.wait(Some(waited)));
        match outcome {
            Ok(_) => {
                self.progress.begin(self.worker.now());
                place.admit(waited);
            }
            Err(reason) => {
                attempts.course.queue = self.arrived.map(|arrived| arrived.elapsed());
                if reason == Reason::PendingTimeout {
                    place.time_out();
                }
            }
        }
        outcome
    }

    fn importance(&self, limits: &Limits, head: &RequestHead) -> Importance {
        let Some(name) = &limits.priority else { return Importance::default() };
        let mut fields = head.fields.iter();
        let said = fields.find(|field| field.name.eq_ignore_ascii_case(name.as_bytes()));
        said.map_or_else(Importance::default, |field| {
            Importance::said(field.value, self.client.trusted)
        })
    }

    /// How much is left of the time for the whole exchange.
    pub(super) fn left(&self, way: Way<'_>) -> Duration {
        let whole = way.timeouts().exchange;
        whole.map_or(Duration::MAX, |whole| whole.saturating_sub(self.started.elapsed()))
    }
}

impl Way<'_> {
    /// What a story tells about having `waited`.
    fn wait(&self, waited: Option<Duration>) -> Wait {
        let Cluster { limits, endpoints, .. } = &**self.cluster.plan;
        let at = match self.asked.session {
            Some(Session::At { position, .. }) => endpoints.get(position),
            _ => None,
        };
        Wait {
            waited,
            pending: limits.pending,
            pending_wait: limits.pending_wait,
            session_at: at.map(|endpoint| endpoint.name.clone()),
        }
    }
}

impl Place<'_> {
    /// It has got in. There may be room for another one.
    fn admit(mut self, after: Duration) {
        if let Some(ticket) = self.ticket.take() {
            self.room.admit(ticket, after);
            self.room.call_some(1);
        }
    }

    fn time_out(mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.room.time_out(ticket);
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.room.give_up(ticket);
        }
    }
}
