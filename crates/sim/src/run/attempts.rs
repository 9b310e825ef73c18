//! From a request to an endpoint that takes it, and what comes of that: the simulated twin of the proxy's exchange.

use std::time::Duration;

use evenkeel_plan::time::Time;

use super::{Occasion, Simulation};
use crate::event::FAST_FAIL_AFTER;
use crate::keys::mix;
use crate::origin::Reception;
use crate::replica::Question;
use crate::request::{Stage, Turn};
use crate::retry::may_go_on;
use crate::tally::Failure;

impl Simulation<'_> {
    /// Tries endpoints until one takes the request, or until there is none left to try.
    pub(super) fn send(&mut self, place: u32, now: Time) {
        loop {
            let Some(position) = self.choose(place, now) else { return self.fail(place, now) };
            let Some(failure) = self.attempt(place, position, now) else { return };
            if !self.goes_on(place, position, failure, now) {
                return self.fail(place, now);
            }
        }
    }

    fn choose(&mut self, place: u32, now: Time) -> Option<usize> {
        let random = self.picks.u64(..);
        let request = self.requests.get(place);
        let replica = &mut self.replicas[request.arrival.replica as usize];
        let key = request.arrival.key;
        let question = Question { now, random, tried: request.tried(), key };
        let position = replica.pick(question)?;
        let again = !request.tried().is_empty();
        request.tries(position);
        request.lease = replica.begin(position, now);
        self.tally.chosen(position, again, now);
        Some(position)
    }

    /// One try at one endpoint; the failure if it fails at once.
    fn attempt(&mut self, place: u32, position: usize, now: Time) -> Option<Failure> {
        let turn = self.requests.turn(place);
        let reception = self.origins[position].receive(turn, now);
        let request = self.requests.get(place);
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
            Stage::Nowhere | Stage::Waits { .. } => {}
        }
    }

    /// The client has waited long enough. Its endpoint sees the connection close, and stops.
    pub(super) fn give_up(&mut self, place: u32, now: Time) {
        let stage = std::mem::replace(&mut self.requests.get(place).stage, Stage::Nowhere);
        self.requests.turn(place);
        match stage {
            Stage::Works { at, .. } => self.free_slot(at, now),
            Stage::Waits { at } => self.origins[at].leave(),
            Stage::FailsFast { .. } | Stage::Nowhere => {}
        }
        if let Some(at) = stage.position() {
            self.goes_on(place, at, Failure::TimedOut, now);
        }
        self.fail(place, now);
    }

    /// The endpoint at `position` has died with the request.
    pub(super) fn lose(&mut self, place: u32, position: usize, now: Time) {
        self.try_again(place, position, Failure::Lost, now);
    }

    /// An attempt has failed after something was sent: the request goes elsewhere, or to its end.
    fn try_again(&mut self, place: u32, position: usize, failure: Failure, now: Time) {
        self.requests.turn(place);
        if self.goes_on(place, position, failure, now) {
            self.send(place, now);
        } else {
            self.fail(place, now);
        }
    }

    /// Ends an attempt that failed; whether another may follow.
    fn goes_on(&mut self, place: u32, position: usize, failure: Failure, now: Time) -> bool {
        self.tally.failed(position);
        let request = self.requests.get(place);
        request.stage = Stage::Nowhere;
        request.failure = Some(failure);
        if let Some(lease) = request.lease.take() {
            self.replicas[request.arrival.replica as usize].heard(position, lease, false, now);
        }
        let goes_on = may_go_on(self.scenario.retries, request, failure);
        request.retries += u32::from(goes_on && failure != Failure::Refused);
        goes_on
    }

    fn succeed(&mut self, place: u32, position: usize, now: Time) {
        let request = self.requests.get(place);
        if let Some(lease) = request.lease.take() {
            self.replicas[request.arrival.replica as usize].heard(position, lease, true, now);
        }
        self.tally.answered(position, request.arrival.at, now);
        self.requests.leave(place);
    }

    /// The request has come to a bad end, by what befell its last attempt.
    fn fail(&mut self, place: u32, now: Time) {
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
