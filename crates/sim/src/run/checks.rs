//! Active checks, as `control` runs them: each balancer's own, with the plan's rise-and-fall machine.

use evenkeel_plan::health::{CheckKind, HealthCheck, Outcome, RiseFall};
use evenkeel_plan::time::Time;
use fastrand::Rng;

use super::{Occasion, Simulation};

/// What all balancers know from checking.
#[derive(Debug)]
pub(super) struct Checks {
    check: HealthCheck,
    /// For each balancer, for each endpoint.
    machines: Vec<Machine>,
    endpoints: usize,
    random: Rng,
}

#[derive(Clone, Debug, Default)]
struct Machine {
    rise_fall: RiseFall,
    /// Counts how often the endpoint came into the cluster: what was planned for an earlier life is void.
    life: u32,
}

/// Whose check of whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    replica: u32,
    position: u32,
    life: u32,
    began: Time,
}

impl Checks {
    pub(super) fn new(check: HealthCheck, balancers: u32, endpoints: usize, random: Rng) -> Self {
        let machines = vec![Machine::default(); balancers as usize * endpoints];
        Self { check, machines, endpoints, random }
    }

    fn machine(&mut self, replica: u32, position: u32) -> &mut Machine {
        &mut self.machines[replica as usize * self.endpoints + position as usize]
    }

    /// When the next check after `round` is: its pace, moved either way by at most the share of jitter.
    fn next(&mut self, round: Round) -> Time {
        let share = self.check.jitter.clamp(0.0, 1.0) * (2.0 * self.random.f64() - 1.0);
        let machine = self.machine(round.replica, round.position).rise_fall;
        round.began.after(self.check.pace(&machine).mul_f64(1.0 + share.clamp(-0.999, 1.0)))
    }
}

impl Simulation<'_> {
    /// Plans the first check of everybody, at once: the first decides.
    pub(super) fn begin_checks(&mut self) {
        for position in 0..self.origins.len() {
            if self.origins[position].condition().present {
                self.restart_checks(position, Time::START);
            }
        }
    }

    /// Begins to check an endpoint that has come.
    pub(super) fn restart_checks(&mut self, position: usize, now: Time) {
        let Some(checks) = &mut self.checks else { return };
        for replica in 0..self.scenario.balancers {
            let position = position as u32;
            let machine = checks.machine(replica, position);
            *machine = Machine { rise_fall: RiseFall::default(), life: machine.life + 1 };
            let round = Round { replica, position, life: machine.life, began: now };
            self.queue.push(now, Occasion::Check(round));
        }
    }

    pub(super) fn check(&mut self, round: Round, now: Time) {
        let Some(checks) = &mut self.checks else { return };
        let condition = *self.origins[round.position as usize].condition();
        if !condition.present || checks.machine(round.replica, round.position).life != round.life {
            return;
        }
        let round = Round { began: now, ..round };
        // A kernel accepts connections for a process that does nothing.
        let hangs = condition.frozen && checks.check.kind != CheckKind::Tcp;
        if hangs && !condition.dead {
            self.queue.push(now.after(checks.check.timeout), Occasion::CheckTimeout(round));
        } else {
            let outcome = if condition.dead { Outcome::Fail } else { Outcome::Pass };
            self.observe(round, outcome, now);
        }
    }

    /// A check that hung has waited as long as it may; one that the endpoint has woken up for has its answer.
    pub(super) fn end_check(&mut self, round: Round, now: Time) {
        let condition = self.origins[round.position as usize].condition();
        let fails = condition.frozen || condition.dead;
        self.observe(round, if fails { Outcome::Fail } else { Outcome::Pass }, now);
    }

    /// Takes the outcome of a check that ends `now`, and plans the next one.
    fn observe(&mut self, round: Round, outcome: Outcome, now: Time) {
        let Some(checks) = &mut self.checks else { return };
        let check = checks.check.clone();
        let machine = checks.machine(round.replica, round.position);
        if machine.life != round.life {
            return;
        }
        let changed = machine.rise_fall.observe(outcome, &check);
        let next = checks.next(round).max(now);
        self.queue.push(next, Occasion::Check(round));
        if let Some(standing) = changed {
            self.replicas[round.replica as usize].set_standing(round.position as usize, standing);
        }
    }
}
