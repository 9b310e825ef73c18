//! The simulation itself: takes one event after the other until nothing is left to happen.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use evenkeel_plan::Endpoint;
use evenkeel_plan::balance::{Balancer, Balancing, Pick, Tried, WorkerState};
use evenkeel_plan::endpoint::Life;
use evenkeel_plan::time::Time;
use evenkeel_plan::vitals::{ClusterVitals, Heard, Lease, Vitals};
use fastrand::Rng;

use crate::queue::EventQueue;
use crate::report::Report;
use crate::scenario::{EndpointModel, Scenario};
use crate::service::Work;

mod tally;

use tally::Tally;

/// Runs `scenario` to its end: one worker, no bound on what an endpoint takes at once. Memory grows with the requests.
pub fn run(scenario: &Scenario) -> Report {
    let cluster = Arc::default();
    let endpoints: Vec<Endpoint> =
        scenario.endpoints.iter().map(|model| endpoint(model, &cluster)).collect();
    let mut simulation = Simulation::new(scenario, &endpoints);
    let mut end = Time::START;
    if scenario.requests > 0 {
        simulation.queue.push(Time::START, Event::Arrive);
    }
    while let Some((now, event)) = simulation.queue.pop() {
        end = now;
        match event {
            Event::Arrive => simulation.arrive(now),
            Event::Answer(attempt) => simulation.answer(attempt, now),
        }
    }
    simulation.tally.report(&scenario.endpoints, end)
}

/// An endpoint of the plan. Its address is only there so that it counts as resolved; nothing connects.
fn endpoint(model: &EndpointModel, cluster: &Arc<ClusterVitals>) -> Endpoint {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Endpoint {
        weight: model.weight,
        ..Endpoint::new(&model.name, Some(address), Life::new(1, cluster))
    }
}

enum Event<'a> {
    Arrive,
    Answer(Attempt<'a>),
}

/// A request that an endpoint works on.
struct Attempt<'a> {
    position: usize,
    began: Time,
    lease: Lease<&'a Vitals>,
}

struct Simulation<'a> {
    scenario: &'a Scenario,
    endpoints: &'a [Endpoint],
    balancer: Balancer,
    state: WorkerState,
    queue: EventQueue<Event<'a>>,
    chance: Chance,
    arrived: u64,
    tally: Tally,
}

impl<'a> Simulation<'a> {
    fn new(scenario: &'a Scenario, endpoints: &'a [Endpoint]) -> Self {
        let balancing = Balancing { algorithm: scenario.algorithm, ..Balancing::default() };
        let balancer = Balancer::new(balancing, endpoints);
        Self {
            state: balancer.worker_state(0, endpoints),
            balancer,
            queue: EventQueue::new(),
            chance: Chance::new(scenario.seed),
            arrived: 0,
            tally: Tally::new(endpoints.len()),
            scenario,
            endpoints,
        }
    }

    fn arrive(&mut self, now: Time) {
        self.arrived += 1;
        if self.arrived < self.scenario.requests {
            let gap = self.scenario.arrivals.gap(&mut self.chance.arrivals);
            self.queue.push(now.after(gap), Event::Arrive);
        }
        match self.pick(now) {
            Some(position) => self.attempt(position, now),
            None => self.tally.refused += 1,
        }
    }

    fn pick(&mut self, now: Time) -> Option<usize> {
        let tried = Tried::default();
        let random = self.chance.picks.u64(..);
        let pick = Pick { endpoints: self.endpoints, tried: &tried, now, random };
        self.balancer.pick(&mut self.state, &pick).map(|choice| choice.position)
    }

    fn attempt(&mut self, position: usize, now: Time) {
        let vitals = &self.endpoints[position].life.vitals;
        let mut lease = vitals.lease();
        lease.ask(now);
        let work = Work { now, in_flight: vitals.in_flight() };
        self.tally.begin(position, work.in_flight);
        let service = &self.scenario.endpoints[position].service;
        let time = service.time(work, &mut self.chance.service);
        self.queue.push(now.after(time), Event::Answer(Attempt { position, began: now, lease }));
    }

    fn answer(&mut self, mut attempt: Attempt<'a>, now: Time) {
        attempt.lease.hear(Heard::Answer, now);
        drop(attempt.lease);
        self.tally.finish(attempt.position, now.since(attempt.began));
    }
}

/// One stream of chance for each use, so that a draw more in one does not shift the others.
struct Chance {
    arrivals: Rng,
    picks: Rng,
    service: Rng,
}

impl Chance {
    fn new(seed: u64) -> Self {
        let mut seeds = Rng::with_seed(seed);
        Self { arrivals: seeds.fork(), picks: seeds.fork(), service: seeds.fork() }
    }
}

#[cfg(test)]
mod tests;
