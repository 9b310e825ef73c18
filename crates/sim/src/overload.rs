//! What one balancer does about too much work: how much its endpoints get, and who waits for room at one, as the plan has it. Part of
//! a `replica`.

use evenkeel_plan::Endpoint;
use evenkeel_plan::overload::{
    Adapts, Entered, Importance, Limits, Pacer, Queue, Standing, Ticket,
};
use evenkeel_plan::time::Time;

use crate::request::Turn;

/// What one balancer does about too much work. Endpoints go by their position in its roster.
#[derive(Debug)]
pub(crate) struct Overload {
    limits: Limits,
    queue: Queue<Turn>,
    /// One for each endpoint.
    pacers: Vec<Pacer>,
}

impl Overload {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, queue: Queue::default(), pacers: Vec::new() }
    }

    /// From now on the roster is another: each endpoint was at the given position, or is new.
    pub(crate) fn enroll(&mut self, before: &[Option<usize>], roster: &[Endpoint]) {
        let known = |before: &Option<usize>| self.pacers.get((*before)?).cloned();
        let pacer = |(before, endpoint): (&Option<usize>, &Endpoint)| {
            known(before).unwrap_or_else(|| Pacer::new(&endpoint.life))
        };
        self.pacers = before.iter().zip(roster).map(pacer).collect();
    }

    /// Lets an endpoint have no more than it may, besides so many of others.
    pub(crate) fn enforce(&self, position: usize, endpoint: &Endpoint, of_others: usize) {
        let others = u32::try_from(of_others).unwrap_or(u32::MAX);
        let most = |limit: Option<u32>| limit.map(|limit| limit.saturating_add(others));
        endpoint.life.vitals.limit_to(most(self.limits.requests));
        endpoint.life.vitals.pace_to(self.pacers[position].limit());
    }

    /// Limits those that have more to do than they can, as `control` does a few times a second. Returns who is to look for room.
    pub(crate) fn look(&mut self, roster: &[Endpoint], now: Time) -> Vec<Turn> {
        let mut called = Vec::new();
        for (pacer, endpoint) in self.pacers.iter_mut().zip(roster) {
            let most = || endpoint.life.vitals.limit().unwrap_or(u32::MAX);
            let before = most();
            pacer.look(&endpoint.life, self.limits.adaptive, now);
            let room = most().saturating_sub(before) as usize;
            let calls = room.min(self.queue.len());
            called.extend((0..calls).map_while(|_| self.queue.call().copied()));
        }
        called
    }

    /// Whether [`Overload::look`] is to be called at all.
    pub(crate) fn adapts(limits: &Limits) -> bool {
        limits.adaptive != Adapts::Never
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Whether somebody waits.
    pub(crate) fn is_waited_for(&self) -> bool {
        !self.queue.is_empty()
    }

    /// A request comes to wait; one that is `particular` cannot go to every endpoint.
    pub(crate) fn enter(&mut self, turn: Turn, particular: bool, now: Time) -> Entered<Turn> {
        self.queue.enter((Importance::default(), particular), &self.limits, now, turn)
    }

    /// Until when one that comes now may wait.
    pub(crate) fn patience(&self, now: Time) -> Time {
        now.after(self.limits.pending_wait)
    }

    /// Whether one that waits is to look for room now.
    pub(crate) fn is_called(&mut self, ticket: Ticket) -> bool {
        self.queue.look(ticket) == Standing::Called
    }

    /// There may be room: who is to look for it.
    pub(crate) fn call(&mut self) -> Option<Turn> {
        self.queue.call().copied()
    }

    /// One that is particular has found no room, and another one may.
    pub(crate) fn call_after(&mut self, ticket: Ticket) -> Option<Turn> {
        self.queue.call_after(ticket).copied()
    }

    /// There are other endpoints: everybody is to look.
    pub(crate) fn call_all(&mut self) -> Vec<Turn> {
        self.queue.call_all().copied().collect()
    }

    /// It waits no longer, as there is room for it.
    pub(crate) fn admit(&mut self, ticket: Ticket) {
        self.queue.admit(ticket);
    }

    /// It waits no longer. Returns who is to look for room in its place.
    pub(crate) fn leave(&mut self, ticket: Ticket) -> Option<Turn> {
        if self.queue.leave(ticket) { self.call() } else { None }
    }
}
