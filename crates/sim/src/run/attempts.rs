//! From a request to an endpoint that takes it, and what comes of that: the simulated twin of the proxy's exchange.

use std::time::Duration;

use evenkeel_plan::time::Time;

use super::{Occasion, Simulation};
use crate::event::FAST_FAIL_AFTER;
use crate::keys::mix;
use crate::origin::Reception;
use crate::replica::{Lease, NoChoice, Question};
use crate::request::{Stage, Turn};
use crate::retry::course;
use crate::tally::Failure;

impl Simulation<'_> {
    /// Tries endpoints until one takes the request, or until there is none left to try. The first time it may wait for room at one.
    pub(super) fn send(&mut self, place: u32, now: Time) {
        let request = self.requests.get(place);
        let is_new = request.tried().is_empty();
        // Others wait already, and are first.
        let must_wait =
            is_new && self.replicas[request.arrival.replica as usize].overload.is_waited_for();
        if must_wait {
            return self.wait_for_room(place, now);
        }
        match self.choose(place, now) {
            Ok(position) => self.send_to(place, position, now),
            Err(NoChoice::Full) if is_new => self.wait_for_room(place, now),
            Err(_) => self.fail(place, now),
        }
    }

    /// Tries the endpoint at `position`, which was chosen, and then others.
    pub(super) fn send_to(&mut self, place: u32, mut position: usize, now: Time) {
        while let Some(failure) = self.attempt(place, position, now) {
            match self.after(place, position, failure, now) {
                None => return self.fail(place, now),
                Some(Duration::ZERO) => {}
                Some(wait) => return self.pause(place, wait, now),
            }
            let Ok(next) = self.choose(place, now) else { return self.fail(place, now) };
            position = next;
        }
    }

    pub(super) fn choose(&mut self, place: u32, now: Time) -> Result<usize, NoChoice> {
        let random = self.picks.u64(..);
        let request = self.requests.get(place);
        if request.has_tried_enough() {
            return Err(NoChoice::Nobody);
        }
        let replica = &mut self.replicas[request.arrival.replica as usize];
        let (key, session) = (request.arrival.key, self.cookies.endpoint(request.arrival.client));
        let question = Question { now, random, tried: request.tried(), key, session };
        let chosen = replica.choose(question)?;
        let again = !request.tried().is_empty();
        request.tries(chosen.number);
        request.lease = Some(chosen.lease);
        let replica = request.arrival.replica;
        self.tally.chosen(chosen.number, again, now);
        self.inquire(replica, now);
        Ok(chosen.number)
    }

    fn pause(&mut self, place: u32, wait: Duration, now: Time) {
        self.requests.get(place).stage = Stage::Pauses;
        let turn = self.requests.turn(place);
        self.queue.push(now.after(wait), Occasion::Again(turn));
    }

    /// The wait before another attempt is over.
    pub(super) fn resume(&mut self, turn: Turn, now: Time) {
        if self.requests.is_current(turn) {
            self.requests.get(turn.place).stage = Stage::Nowhere;
            self.send(turn.place, now);
        }
    }

    /// One try at one endpoint; the failure if it fails at once.
    fn attempt(&mut self, place: u32, position: usize, now: Time) -> Option<Failure> {
        let turn = self.requests.turn(place);
        let origin = &mut self.origins[position];
        let reception = origin.receive(turn, now);
        let request = self.requests.get(place);
        request.crowd = origin.in_flight();
        match reception {
            Reception::Refused => {
                self.replicas[request.arrival.replica as usize].refused(position, now);
                return Some(Failure::Refused);
            }
            Reception::TurnedAway => return Some(Failure::QueueFull),
            Reception::Waits => request.stage = Stage::Waits { at: position },
            Reception::FailsFast => {
                request.stage = Stage::FailsFast { at: position };
                self.queue.push(now.after(FAST_FAIL_AFTER), Occasion::Answer(turn));
            }
            Reception::Begins => self.begin(place, position, now),
        }
        let client = self.requests.get(place).arrival.client;
        self.tally.taken(position, client);
        None
    }

    /// The request has a slot.
    fn begin(&mut self, place: u32, position: usize, now: Time) {
        let origin = &mut self.origins[position];
        let request = self.requests.get(place);
        let (effort, hit) = origin.effort(request.arrival.client, now);
        let left = request.arrival.work.as_nanos() as f64 * effort;
        // Each try has luck of its own, and under every algorithm the same.
        let luck = mix(request.arrival.luck ^ request.tried().len() as u64);
        let will_fail = ((luck >> 11) as f64) < origin.errors() * DRAWS;
        request.stage = Stage::Works { at: position, left, since: now, will_fail };
        if let Some(hit) = hit {
            self.tally.remembered(hit);
        }
        self.plan_answer(place, now);
    }

    /// Plans when the work will be done at the speed of now; a frozen endpoint has no plan.
    pub(super) fn plan_answer(&mut self, place: u32, now: Time) {
        let turn = self.requests.turn(place);
        let Stage::Works { at, left, .. } = self.requests.get(place).stage else { return };
        let speed = self.origins[at].speed();
        if speed > 0.0 {
            // What is more than 584 years saturates.
            let takes = Duration::from_nanos((left / speed).ceil() as u64);
            self.queue.push(now.after(takes), Occasion::Answer(turn));
        }
    }

    pub(super) fn answer(&mut self, turn: Turn, now: Time) {
        if !self.requests.is_current(turn) {
            return;
        }
        let request = self.requests.get(turn.place);
        if let (Some(at), Some(lease)) = (request.stage.position(), &request.lease) {
            self.origins[at].finished(request.crowd, now.since(lease.began), now);
        }
        match request.stage {
            Stage::Works { at, will_fail, .. } => {
                request.stage = Stage::Nowhere;
                self.free_slot(at, now);
                if will_fail {
                    self.try_again(turn.place, at, Failure::Answered, now);
                } else {
                    self.succeed(turn.place, at, now);
                }
            }
            Stage::FailsFast { at } => self.try_again(turn.place, at, Failure::Answered, now),
            Stage::Nowhere | Stage::Pauses | Stage::Queues { .. } | Stage::Waits { .. } => {}
        }
    }

    /// The client has waited long enough.
    pub(super) fn give_up(&mut self, place: u32, now: Time) {
        if let Some(at) = self.withdraw(place, now) {
            self.end_attempt(place, at, Failure::TimedOut, now);
        }
        self.requests.get(place).failure = Some(Failure::TimedOut);
        self.fail(place, now);
    }

    /// The endpoint at `position` is suspected to stall: what has waited for so long goes elsewhere, if it may.
    pub(super) fn move_on(&mut self, place: u32, position: usize, now: Time) {
        let request = self.requests.get(place);
        if self.replicas[request.arrival.replica as usize].are_others_full(request.tried()) {
            return;
        }
        let Some(Duration::ZERO) = self.decide(place, Failure::Stalled, now) else { return };
        self.withdraw(place, now);
        self.end_attempt(place, position, Failure::Stalled, now);
        self.send(place, now);
    }

    /// Ends the running attempt from our side. Its endpoint sees the connection close, and stops.
    fn withdraw(&mut self, place: u32, now: Time) -> Option<usize> {
        let stage = std::mem::replace(&mut self.requests.get(place).stage, Stage::Nowhere);
        self.requests.turn(place);
        match stage {
            Stage::Works { at, .. } => self.free_slot(at, now),
            Stage::Waits { at } => self.origins[at].leave(),
            Stage::Queues { ticket } => self.leave_queue(place, ticket, now),
            Stage::FailsFast { .. } | Stage::Pauses | Stage::Nowhere => {}
        }
        stage.position()
    }

    /// The endpoint at `position` has died with the request.
    pub(super) fn lose(&mut self, place: u32, position: usize, now: Time) {
        self.try_again(place, position, Failure::Lost, now);
    }

    /// An attempt has failed after something was sent: the request goes elsewhere, or to its end.
    fn try_again(&mut self, place: u32, position: usize, failure: Failure, now: Time) {
        self.requests.turn(place);
        match self.after(place, position, failure, now) {
            None => self.fail(place, now),
            Some(Duration::ZERO) => self.send(place, now),
            Some(wait) => self.pause(place, wait, now),
        }
    }

    /// Ends an attempt that failed; after how long another may follow, if it may.
    fn after(
        &mut self,
        place: u32,
        position: usize,
        failure: Failure,
        now: Time,
    ) -> Option<Duration> {
        self.end_attempt(place, position, failure, now);
        self.decide(place, failure, now)
    }

    fn end_attempt(&mut self, place: u32, position: usize, failure: Failure, now: Time) {
        self.tally.failed(position);
        let request = self.requests.get(place);
        request.stage = Stage::Nowhere;
        request.failure = Some(failure);
        if let Some(lease) = request.lease.take() {
            let replica = request.arrival.replica;
            self.release(replica, (position, lease), Some(failure), now);
        }
    }

    /// An attempt at the endpoint at that position has ended, well or by a failure. There may be room for another one.
    fn release(
        &mut self,
        replica: u32,
        (position, lease): (usize, Lease),
        failure: Option<Failure>,
        now: Time,
    ) {
        let replica = &mut self.replicas[replica as usize];
        replica.ended(position, lease, failure, now);
        let called = replica.overload.call();
        self.summon(called, now);
    }

    fn decide(&mut self, place: u32, failure: Failure, now: Time) -> Option<Duration> {
        let request = self.requests.get(place);
        let course = course(request, failure)?;
        let replica = &self.replicas[request.arrival.replica as usize];
        let wait = replica.decide(&course, now, self.picks.u64(..))?;
        request.attempts = course.attempts;
        Some(wait)
    }

    fn succeed(&mut self, place: u32, position: usize, now: Time) {
        let request = self.requests.get(place);
        if let Some(lease) = request.lease.take() {
            let replica = request.arrival.replica;
            self.release(replica, (position, lease), None, now);
        }
        let arrival = self.requests.get(place).arrival;
        self.cookies.set(arrival.client, position);
        self.tally.answered(position, arrival.at, now);
        self.requests.leave(place);
    }

    /// The request has come to a bad end, by what befell its last attempt.
    pub(super) fn fail(&mut self, place: u32, now: Time) {
        let request = self.requests.get(place);
        let failure = request.failure.unwrap_or(Failure::NoEndpoint);
        self.tally.ended_badly(failure, request.arrival.at, now);
        self.requests.leave(place);
    }

    /// A slot at the endpoint at `position` is free: the next in line begins.
    fn free_slot(&mut self, position: usize, now: Time) {
        self.origins[position].end(now);
        let requests = &self.requests;
        let next = self.origins[position].next(now, |turn| requests.is_current(turn));
        if let Some(next) = next {
            self.begin(next.place, position, now);
        }
    }
}

/// How many numbers of 53 bits there are: as many as an `f64` holds exactly.
const DRAWS: f64 = 9_007_199_254_740_992.0;
