//! Where all endpoints have as much to do as they may, requests wait for room at one: the simulated twin of the proxy's.

use evenkeel_plan::overload::{Entered, Ticket};
use evenkeel_plan::time::Time;

use super::{Occasion, Simulation};
use crate::replica::NoChoice;
use crate::request::{Stage, Turn};
use crate::tally::Failure;

impl Simulation<'_> {
    /// All endpoints are full, or others wait already: the request waits, if it may.
    pub(super) fn wait_for_room(&mut self, place: u32, now: Time) {
        let turn = self.requests.turn(place);
        let is_bound = self.is_bound(place);
        let request = self.requests.get(place);
        let overload = &mut self.replicas[request.arrival.replica as usize].overload;
        let (ticket, displaced) = match overload.enter(turn, is_bound, now) {
            Entered::Refused => return self.shed(place, Failure::Overloaded, now),
            Entered::Waits(ticket) => (ticket, None),
            Entered::Instead(ticket, displaced) => (ticket, Some(displaced)),
        };
        request.stage = Stage::Queues { ticket };
        self.queue.push(overload.patience(now), Occasion::PendingTimeout(turn));
        if let Some(displaced) = displaced {
            self.shed(displaced.place, Failure::Overloaded, now);
        }
        self.look_for_room(turn, now);
    }

    /// A request that waits takes a place at an endpoint, if it was called and there is one.
    pub(super) fn look_for_room(&mut self, turn: Turn, now: Time) {
        let place = turn.place;
        let Some(ticket) = self.ticket(turn) else { return };
        let replica = self.requests.get(place).arrival.replica as usize;
        if !self.replicas[replica].overload.is_called(ticket) {
            return;
        }
        match self.choose(place, now) {
            Ok(position) => {
                let overload = &mut self.replicas[replica].overload;
                overload.admit(ticket);
                // There may be room for another one.
                let next = overload.call();
                self.summon(next, now);
                self.send_to(place, position, now);
            }
            Err(NoChoice::Full) => {
                if self.is_bound(place) {
                    let next = self.replicas[replica].overload.call_after(ticket);
                    self.summon(next, now);
                }
            }
            Err(NoChoice::Nobody) => {
                self.leave_queue(place, ticket, now);
                self.fail(place, now);
            }
        }
    }

    /// A request has waited for as long as it may.
    pub(super) fn end_wait(&mut self, turn: Turn, now: Time) {
        let Some(ticket) = self.ticket(turn) else { return };
        self.leave_queue(turn.place, ticket, now);
        self.shed(turn.place, Failure::PendingTimeout, now);
    }

    pub(super) fn leave_queue(&mut self, place: u32, ticket: Ticket, now: Time) {
        let replica = self.requests.get(place).arrival.replica as usize;
        let next = self.replicas[replica].overload.leave(ticket);
        self.summon(next, now);
    }

    /// Those who are called look for room, one after the other, when what happens now is done.
    pub(super) fn summon(&mut self, called: impl IntoIterator<Item = Turn>, now: Time) {
        for turn in called {
            self.queue.push(now, Occasion::Called(turn));
        }
    }

    fn ticket(&mut self, turn: Turn) -> Option<Ticket> {
        let is_current = self.requests.is_current(turn);
        match self.requests.get(turn.place).stage {
            Stage::Queues { ticket } if is_current => Some(ticket),
            _ => None,
        }
    }

    /// Whether the client's session is at an endpoint, so that the request cannot go wherever there is room.
    fn is_bound(&mut self, place: u32) -> bool {
        let arrival = self.requests.get(place).arrival;
        let session = self.cookies.endpoint(arrival.client);
        self.replicas[arrival.replica as usize].is_bound(session)
    }

    fn shed(&mut self, place: u32, failure: Failure, now: Time) {
        self.requests.get(place).failure = Some(failure);
        self.fail(place, now);
    }
}
