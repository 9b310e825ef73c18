//! A simulated endpoint: its slots, its queue, its speed and its memory. `run` hands it requests and asks when they are done.

use std::collections::VecDeque;
use std::time::Duration;

use evenkeel_plan::balance::Load;
use evenkeel_plan::time::Time;

use crate::request::Turn;
use crate::scenario::{Cache, EndpointModel};
use crate::script::Condition;
use crate::workload::Workload;

/// A simulated endpoint. A slot works at the endpoint's speed, however many of the others do.
#[derive(Debug)]
pub(crate) struct Origin {
    condition: Condition,
    slots: Option<u32>,
    speed: f64,
    queue: Option<u32>,
    errors: f64,
    running: u32,
    /// Those that wait, in their order. One that gave up stays until its turn comes; its turn is over, which tells.
    line: VecDeque<Turn>,
    /// How many of the line still wait.
    waiting: u32,
    peak: u32,
    cache: Option<Memory>,
    workload: Workload,
    meter: Meter,
}

/// What becomes of a request that is handed to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reception {
    /// Nobody is there.
    Refused,
    /// The queue is full.
    TurnedAway,
    /// It will be answered with an error at once.
    FailsFast,
    /// It has a slot.
    Begins,
    /// It waits for one.
    Waits,
}

/// The keys that an endpoint remembers: each belongs to one shelf, on which the one not asked for the longest makes room.
#[derive(Debug)]
struct Memory {
    /// The latest first.
    shelves: Vec<[u32; SHELF]>,
    miss: f64,
}

impl Memory {
    fn new(cache: Cache) -> Self {
        let shelves = (cache.keys as usize).div_ceil(SHELF);
        Self { shelves: vec![[NOBODY; SHELF]; shelves], miss: cache.miss }
    }

    /// Whether `client` is remembered; from now on it is.
    fn recall(&mut self, client: u32) -> bool {
        let number = client as usize % self.shelves.len();
        let shelf = &mut self.shelves[number];
        let found = shelf.iter().position(|&key| key == client);
        shelf[..=found.unwrap_or(SHELF - 1)].rotate_right(1);
        shelf[0] = client;
        found.is_some()
    }

    fn forget(&mut self) {
        self.shelves.fill([NOBODY; SHELF]);
    }
}

/// How much the slots worked, and how much they could have, while requests arrive.
#[derive(Debug)]
struct Meter {
    since: Time,
    closing: Time,
    busy: f64,
    present: f64,
}

impl Origin {
    /// One that is as `condition` says at the start; `closing` is when arrivals end.
    pub(crate) fn new(
        model: &EndpointModel,
        condition: Condition,
        cache: Option<Cache>,
        closing: Time,
    ) -> Self {
        Self {
            condition,
            slots: model.slots,
            speed: model.speed,
            queue: model.queue,
            errors: model.errors,
            running: 0,
            line: VecDeque::new(),
            waiting: 0,
            peak: 0,
            cache: cache.map(Memory::new),
            workload: Workload::default(),
            meter: Meter { since: Time::START, closing, busy: 0.0, present: 0.0 },
        }
    }

    pub(crate) fn condition(&self) -> &Condition {
        &self.condition
    }

    /// How much work is done in a unit of time; 0 while it is frozen.
    pub(crate) fn speed(&self) -> f64 {
        if self.condition.frozen { 0.0 } else { self.speed / self.condition.slow }
    }

    /// The share of requests that it answers with an error.
    pub(crate) fn errors(&self) -> f64 {
        self.errors.max(self.condition.errors)
    }

    /// What becomes of a request that comes now.
    pub(crate) fn receive(&mut self, turn: Turn, now: Time) -> Reception {
        if self.condition.dead {
            return Reception::Refused;
        }
        if self.condition.fails_fast && !self.condition.frozen {
            return Reception::FailsFast;
        }
        let reception = if self.slots.is_none_or(|slots| self.running < slots) {
            self.begin(now);
            Reception::Begins
        } else if self.queue.is_some_and(|room| self.waiting >= room) {
            return Reception::TurnedAway;
        } else {
            self.line.push_back(turn);
            self.waiting += 1;
            Reception::Waits
        };
        self.peak = self.peak.max(self.in_flight());
        reception
    }

    /// A slot is free again.
    pub(crate) fn end(&mut self, now: Time) {
        self.measure(now);
        self.running -= 1;
    }

    /// The next in line gets a free slot. `still_waits` tells whether a turn is not over.
    pub(crate) fn next(&mut self, now: Time, still_waits: impl Fn(Turn) -> bool) -> Option<Turn> {
        if self.slots.is_some_and(|slots| self.running >= slots) {
            return None;
        }
        while let Some(turn) = self.line.pop_front() {
            if still_waits(turn) {
                self.waiting -= 1;
                self.begin(now);
                return Some(turn);
            }
        }
        None
    }

    /// One in line has given up.
    pub(crate) fn leave(&mut self) {
        self.waiting -= 1;
        if self.waiting == 0 {
            self.line.clear();
        }
    }

    /// How many times as much work it is for a request of `client` that begins at `now`, and whether its key was
    /// remembered, where anything is.
    pub(crate) fn effort(&mut self, client: u32, now: Time) -> (f64, Option<bool>) {
        let cold = self.condition.cold.map_or(1.0, |cold| cold.factor(now));
        let Some(memory) = &mut self.cache else { return (cold, None) };
        let hit = memory.recall(client);
        (if hit { cold } else { cold * memory.miss }, Some(hit))
    }

    /// From `now` on it is as `condition` says. What it worked on and who waited is forgotten with its death.
    pub(crate) fn change(&mut self, condition: Condition, now: Time) {
        self.measure(now);
        if condition.dead && !self.condition.dead {
            (self.running, self.waiting) = (0, 0);
            self.line.clear();
            if let Some(memory) = &mut self.cache {
                memory.forget();
            }
        }
        self.condition = condition;
    }

    /// How many it has, waiting ones included.
    pub(crate) fn in_flight(&self) -> u32 {
        self.running.saturating_add(self.waiting)
    }

    /// It has answered a request that came when it had so many.
    pub(crate) fn finished(&mut self, in_flight: u32, took: Duration, now: Time) {
        self.workload.finished(in_flight, took, now);
    }

    /// What it says to a balancer that asks.
    pub(crate) fn load(&self, now: Time) -> Load {
        let in_flight = self.in_flight();
        Load { in_flight, latency: self.workload.expected(in_flight.saturating_add(1), now) }
    }

    pub(crate) fn waiting(&self) -> u32 {
        self.waiting
    }

    pub(crate) fn peak(&self) -> u32 {
        self.peak
    }

    /// How long its slots worked in all.
    pub(crate) fn busy_seconds(&self) -> f64 {
        self.meter.busy
    }

    /// How long they could have; `None` where they have no bound.
    pub(crate) fn slot_seconds(&self) -> Option<f64> {
        Some(self.meter.present * f64::from(self.slots?))
    }

    /// Counts up to `now`, before something changes.
    pub(crate) fn measure(&mut self, now: Time) {
        let meter = &mut self.meter;
        let passed: Duration = now.min(meter.closing).since(meter.since);
        meter.since = now.min(meter.closing);
        meter.busy += passed.as_secs_f64() * f64::from(self.running);
        // One that has left counts until it has finished.
        let counts = self.condition.present || self.running > 0;
        meter.present += if counts { passed.as_secs_f64() } else { 0.0 };
    }

    fn begin(&mut self, now: Time) {
        self.measure(now);
        self.running = self.running.saturating_add(1);
    }
}

/// Marks an empty place: there are fewer clients.
const NOBODY: u32 = u32::MAX;

/// How many keys share a shelf: enough that few find theirs full while others have room.
const SHELF: usize = 8;
