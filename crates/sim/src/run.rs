//! The simulation itself: takes one occasion after the other until nothing is left to do.

use std::collections::VecDeque;

use evenkeel_plan::balance::{Algorithm, Balancing};
use evenkeel_plan::limits::OUTLIER_LOOK_INTERVAL;
use evenkeel_plan::time::Time;
use fastrand::Rng;

use crate::cookies::Cookies;
use crate::load::{Arrival, LoadStream};
use crate::mistake::Mistake;
use crate::origin::Origin;
use crate::overload::Overload;
use crate::queue::EventQueue;
use crate::replica::Replica;
use crate::report::Report;
use crate::request::{Requests, Tenant, Turn};
use crate::scenario::Scenario;
use crate::script::Script;
use crate::tally::Tally;

mod attempts;
mod changes;
mod checks;
mod inquiries;
mod room;
mod sweeps;

use checks::{Checks, Round};
use inquiries::Inquiry;

/// Runs `scenario` to its end under `algorithm`. Tells `progress` now and then how much is done, up to 1. Memory grows with
/// what is in flight and with the time that the client waits, not with the requests.
///
/// # Errors
/// What is wrong with the scenario.
pub fn run(
    scenario: &Scenario,
    algorithm: Algorithm,
    progress: &mut dyn FnMut(f64),
) -> Result<Report, Mistake> {
    let script = Script::of(scenario)?;
    let mut simulation = Simulation::new(scenario, algorithm, &script);
    simulation.prepare();
    while simulation.is_going() {
        simulation.step(progress);
    }
    progress(1.0);
    let Simulation { tally, mut origins, .. } = simulation;
    let closing = Time::START.after(scenario.load.duration);
    origins.iter_mut().for_each(|origin| origin.measure(closing));
    Ok(tally.report(algorithm, &script, &origins))
}

/// What may be next.
#[derive(Clone, Copy, Debug)]
enum Occasion {
    /// The request that is expected arrives.
    Arrival,
    /// Work is done, if the turn is still what it was.
    Answer(Turn),
    /// A request is sent again, if the turn is still what it was.
    Again(Turn),
    /// A request that waits looks for room, if the turn is still what it was.
    Called(Turn),
    /// It has waited for room for as long as it may.
    PendingTimeout(Turn),
    /// Something of the script begins or ends.
    Change,
    /// A balancer checks an endpoint.
    Check(Round),
    /// A check has waited as long as it may.
    CheckTimeout(Round),
    /// An endpoint says how much it has to do.
    Inquiry(Inquiry),
    /// An endpoint has not said it for too long.
    Silence(Inquiry),
    /// The balancers look for outliers, and for those that have too much to do.
    Sweep,
    /// The balancers tell each other what they have in flight.
    Gossip,
    /// A point of the series is over.
    Sample(usize),
}

struct Simulation<'a> {
    scenario: &'a Scenario,
    script: &'a Script,
    queue: EventQueue<Occasion>,
    load: LoadStream,
    /// The next that arrives; `None` when no more do.
    expected: Option<Arrival>,
    /// When clients give up. All wait equally long, so they are in order as they came.
    deadlines: VecDeque<(Time, Tenant)>,
    requests: Requests,
    origins: Vec<Origin>,
    replicas: Vec<Replica>,
    checks: Option<Checks>,
    cookies: Cookies,
    picks: Rng,
    tally: Tally,
}

impl<'a> Simulation<'a> {
    fn new(scenario: &'a Scenario, algorithm: Algorithm, script: &'a Script) -> Self {
        let closing = Time::START.after(scenario.load.duration);
        let origin = |(position, model)| {
            let condition = script.condition(position, Time::START);
            Origin::new(model, condition, scenario.cache, closing)
        };
        let origins: Vec<Origin> = script.endpoints.iter().enumerate().map(origin).collect();
        let present: Vec<bool> = origins.iter().map(|origin| origin.condition().present).collect();
        let cookies = Cookies::of(scenario);
        let sticky = cookies.sticky().or_else(|| scenario.balancing.sticky.clone());
        let balancing = Balancing { algorithm, sticky, ..scenario.balancing.clone() };
        let rules = (&balancing, &scenario.resilience, &scenario.limits);
        let replica = |number| Replica::new(rules, number as usize, &script.endpoints, &present);
        // Apart from the streams of the load, which start with the seed itself.
        let mut seeds = Rng::with_seed(!scenario.seed);
        let checks = scenario.health.clone();
        let count = script.endpoints.len();
        let checks =
            checks.map(|check| Checks::new(check, scenario.balancers, count, seeds.fork()));
        Self {
            queue: EventQueue::new(),
            load: LoadStream::new(scenario, script.rates.clone()),
            expected: None,
            deadlines: VecDeque::new(),
            requests: Requests::default(),
            replicas: (0..scenario.balancers).map(replica).collect(),
            origins,
            checks,
            cookies,
            picks: seeds.fork(),
            tally: Tally::new(scenario, script),
            scenario,
            script,
        }
    }

    /// Plans what is known at the start.
    fn prepare(&mut self) {
        for moment in self.script.moments() {
            self.queue.push(*moment, Occasion::Change);
        }
        for number in 0..self.tally.points() {
            self.queue.push(self.tally.point_end(number), Occasion::Sample(number));
        }
        if let Some(every) = self.scenario.gossip {
            self.queue.push(Time::START.after(every), Occasion::Gossip);
        }
        if self.scenario.resilience.outlier.is_some() || Overload::adapts(&self.scenario.limits) {
            self.queue.push(Time::START.after(OUTLIER_LOOK_INTERVAL), Occasion::Sweep);
        }
        self.begin_checks();
        self.expect();
    }

    /// Whether there is a request left to think of. Checks, sweeps and gossip go on for ever.
    fn is_going(&self) -> bool {
        self.expected.is_some() || self.requests.count() > 0
    }

    /// Takes what is next. Of one moment an answer comes before a client's giving up.
    fn step(&mut self, progress: &mut dyn FnMut(f64)) {
        self.forget_deadlines();
        let next = self.queue.next_time();
        if let Some(&(at, tenant)) = self.deadlines.front()
            && next.is_none_or(|next| at < next)
        {
            self.deadlines.pop_front();
            self.give_up(tenant.place, at);
            return;
        }
        let Some((now, occasion)) = self.queue.pop() else { return };
        match occasion {
            Occasion::Arrival => self.arrive(now),
            Occasion::Answer(turn) => self.answer(turn, now),
            Occasion::Again(turn) => self.resume(turn, now),
            Occasion::Called(turn) => self.look_for_room(turn, now),
            Occasion::PendingTimeout(turn) => self.end_wait(turn, now),
            Occasion::Change => self.change(now),
            Occasion::Check(round) => self.check(round, now),
            Occasion::CheckTimeout(round) => self.end_check(round, now),
            Occasion::Inquiry(inquiry) => self.hear(inquiry, now),
            Occasion::Silence(inquiry) => self.hear_nothing(inquiry, now),
            Occasion::Sweep => self.sweep(now),
            Occasion::Gossip => self.gossip(now),
            Occasion::Sample(number) => {
                self.tally.sample(number, self.waiting());
                progress(number as f64 / self.tally.points() as f64);
            }
        }
    }

    /// How many wait, at endpoints and at balancers.
    fn waiting(&self) -> u64 {
        let there: u64 = self.origins.iter().map(|origin| u64::from(origin.waiting())).sum();
        let here: usize = self.replicas.iter().map(|replica| replica.overload.waiting()).sum();
        there + here as u64
    }

    /// Plans the next arrival.
    fn expect(&mut self) {
        self.expected = self.load.next();
        if let Some(arrival) = &self.expected {
            self.queue.push(arrival.at, Occasion::Arrival);
        }
    }

    fn arrive(&mut self, now: Time) {
        let Some(arrival) = self.expected.take() else { return };
        self.expect();
        self.tally.arrived(now);
        self.replicas[arrival.replica as usize].arrived(now);
        let tenant = self.requests.enter(arrival);
        self.deadlines.push_back((now.after(self.scenario.timeout), tenant));
        self.send(tenant.place, now);
    }

    /// Drops the deadlines of those who are done, as far as they come first.
    fn forget_deadlines(&mut self) {
        while self.deadlines.front().is_some_and(|(_, tenant)| !self.requests.is_here(*tenant)) {
            self.deadlines.pop_front();
        }
    }

    fn gossip(&mut self, now: Time) {
        for number in 0..self.origins.len() {
            let all: usize = self.replicas.iter().map(|replica| replica.own(number)).sum();
            for replica in &mut self.replicas {
                let others = all - replica.own(number);
                replica.hear_of_others(number, others);
            }
        }
        if let Some(every) = self.scenario.gossip {
            self.queue.push(now.after(every), Occasion::Gossip);
        }
    }
}

#[cfg(test)]
mod tests;
