//! The requests that are in flight, in reused places: nothing is allocated for each. `run` keeps them.

use evenkeel_plan::limits::TRIES_MAX;
use evenkeel_plan::overload::Ticket;
use evenkeel_plan::time::Time;

use crate::load::Arrival;
use crate::replica::Lease;
use crate::tally::Failure;

/// All that are in flight.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    places: Vec<Request>,
    free: Vec<u32>,
}

/// A request that has arrived.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) arrival: Arrival,
    tried: [u32; TRIES_MAX],
    tries: usize,
    /// How many attempts ended badly, of those that count: see [`evenkeel_plan::retry::RetryPolicy::attempts`].
    pub(crate) attempts: u32,
    /// What the last attempt that has failed died of.
    pub(crate) failure: Option<Failure>,
    pub(crate) stage: Stage,
    /// How many its endpoint had when it came, itself included.
    pub(crate) crowd: u32,
    /// Of the attempt that runs.
    pub(crate) lease: Option<Lease>,
    /// Counts who had this place.
    tenant: u32,
    /// Counts turns in this place, over all tenants.
    turn: u32,
}

/// How far an attempt is, and at which endpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stage {
    /// Nobody has it. Only so for a moment; places that are free are so for long.
    Nowhere,
    /// It will be sent again soon.
    Pauses,
    /// It waits for room at an endpoint.
    Queues { ticket: Ticket },
    /// It waits for a slot.
    Waits { at: usize },
    /// It had so much work left, in nanoseconds at speed 1, at that time.
    Works { at: usize, left: f64, since: Time, will_fail: bool },
    /// It will get an error soon, without having a slot.
    FailsFast { at: usize },
}

/// A request's turn: what waits or is planned for it is void when its turn is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) place: u32,
    number: u32,
}

/// A request for as long as it is in flight, whatever its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tenant {
    pub(crate) place: u32,
    number: u32,
}

impl Requests {
    /// Takes in a request.
    pub(crate) fn enter(&mut self, arrival: Arrival) -> Tenant {
        let place = self.free.pop().unwrap_or(self.places.len() as u32);
        let (tenant, turn) = match self.places.get(place as usize) {
            Some(last) => (last.tenant.wrapping_add(1), last.turn),
            None => (0, 0),
        };
        let request = Request {
            arrival,
            tried: [0; TRIES_MAX],
            tries: 0,
            attempts: 0,
            failure: None,
            stage: Stage::Nowhere,
            crowd: 0,
            lease: None,
            tenant,
            turn,
        };
        match self.places.get_mut(place as usize) {
            Some(last) => *last = request,
            None => self.places.push(request),
        }
        Tenant { place, number: tenant }
    }

    /// Lets a request go.
    pub(crate) fn leave(&mut self, place: u32) {
        let request = self.get(place);
        request.lease = None;
        request.stage = Stage::Nowhere;
        request.tenant = request.tenant.wrapping_add(1);
        request.turn = request.turn.wrapping_add(1);
        self.free.push(place);
    }

    pub(crate) fn get(&mut self, place: u32) -> &mut Request {
        &mut self.places[place as usize]
    }

    /// Begins another turn, which voids what was planned.
    pub(crate) fn turn(&mut self, place: u32) -> Turn {
        let request = self.get(place);
        request.turn = request.turn.wrapping_add(1);
        Turn { place, number: request.turn }
    }

    pub(crate) fn is_current(&self, turn: Turn) -> bool {
        self.places[turn.place as usize].turn == turn.number
    }

    pub(crate) fn is_here(&self, tenant: Tenant) -> bool {
        self.places[tenant.place as usize].tenant == tenant.number
    }

    /// How many are in flight.
    pub(crate) fn count(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Those that the endpoint at `position` has.
    pub(crate) fn at(&self, position: usize) -> Vec<u32> {
        let is_there = |request: &Request| request.stage.position() == Some(position);
        (0..)
            .zip(&self.places)
            .filter(|(_, request)| is_there(request))
            .map(|(place, _)| place)
            .collect()
    }
}

impl Request {
    /// The endpoints that were tried.
    pub(crate) fn tried(&self) -> &[u32] {
        &self.tried[..self.tries]
    }

    /// Whether no other may be tried.
    pub(crate) fn has_tried_enough(&self) -> bool {
        self.tries == TRIES_MAX
    }

    /// Remembers that the endpoint at `position` is tried.
    pub(crate) fn tries(&mut self, position: usize) {
        if let Some(next) = self.tried.get_mut(self.tries) {
            *next = position as u32;
            self.tries += 1;
        }
    }
}

impl Stage {
    /// Who has it.
    pub(crate) fn position(self) -> Option<usize> {
        match self {
            Self::Nowhere | Self::Pauses | Self::Queues { .. } => None,
            Self::Waits { at } | Self::Works { at, .. } | Self::FailsFast { at } => Some(at),
        }
    }
}
