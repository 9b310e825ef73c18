//! One balancer among those that share the load: the plan's endpoints, vitals and algorithm, as the proxy has them. All
//! contact with `plan::balance` is here; `run` speaks of endpoints by their number in the script, as rosters change.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use evenkeel_plan::Endpoint;
use evenkeel_plan::balance::{Balancer, Balancing, Pick, Tried, WorkerState};
use evenkeel_plan::endpoint::{Life, LongLease};
use evenkeel_plan::limits::AVOID_AFTER_REFUSAL;
use evenkeel_plan::time::Time;
use evenkeel_plan::vitals::{ClusterVitals, Heard, Standing};

use crate::scenario::EndpointModel;

/// One balancer. It knows what it sent itself, and what it was told of the others.
#[derive(Debug)]
pub(crate) struct Replica {
    balancing: Balancing,
    cluster: Arc<ClusterVitals>,
    /// Its number among the balancers: each begins at another place, as workers do.
    number: usize,
    /// Whom it chooses among.
    roster: Vec<Endpoint>,
    /// The number of each of them in the script.
    numbers: Vec<usize>,
    /// For each number in the script its position in the roster, if it is there.
    positions: Vec<Option<usize>>,
    /// What was told of the others: leases in their stead, by number in the script.
    ghosts: Vec<Vec<LongLease>>,
    balancer: Balancer,
    state: WorkerState,
}

/// What a balancer is told about a request when it chooses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    pub(crate) now: Time,
    /// Drawn for this choice alone.
    pub(crate) random: u64,
    /// The numbers of the endpoints that this request has tried.
    pub(crate) tried: &'a [u32],
    /// A hash of what tells clients apart.
    pub(crate) key: u64,
}

/// The right to have a request at an endpoint. Gives itself back on drop.
pub(crate) type Lease = LongLease;

impl Replica {
    /// Number `number`, which chooses among those of `models` that are `present`.
    pub(crate) fn new(
        balancing: &Balancing,
        number: usize,
        models: &[EndpointModel],
        present: &[bool],
    ) -> Self {
        let balancer = Balancer::new(balancing.clone(), &[]);
        let mut replica = Self {
            balancing: balancing.clone(),
            cluster: Arc::default(),
            number,
            roster: Vec::new(),
            numbers: Vec::new(),
            positions: vec![None; models.len()],
            ghosts: models.iter().map(|_| Vec::new()).collect(),
            state: balancer.worker_state(number, &[]),
            balancer,
        };
        replica.enroll(models, present);
        replica
    }

    /// Makes the roster anew, as a new plan would: the life of those who stay goes on, that of those who come begins.
    pub(crate) fn enroll(&mut self, models: &[EndpointModel], present: &[bool]) {
        let mut known: Vec<Option<Endpoint>> = models.iter().map(|_| None).collect();
        for (number, endpoint) in self.numbers.drain(..).zip(self.roster.drain(..)) {
            known[number] = Some(endpoint);
        }
        self.positions.fill(None);
        for (number, model) in models.iter().enumerate() {
            if !present[number] {
                self.ghosts[number].clear();
                continue;
            }
            self.positions[number] = Some(self.roster.len());
            self.numbers.push(number);
            self.roster
                .push(known[number].take().unwrap_or_else(|| endpoint(model, &self.cluster)));
        }
        self.balancer = Balancer::new(self.balancing.clone(), &self.roster);
        self.state = self.balancer.worker_state(self.number, &self.roster);
    }

    /// The number of the endpoint to try next; `None` when none can be used.
    pub(crate) fn pick(&mut self, question: Question<'_>) -> Option<usize> {
        let mut tried = Tried::default();
        for &number in question.tried {
            if let Some(position) = self.positions[number as usize] {
                tried.insert(position);
            }
        }
        let Question { now, random, key, .. } = question;
        let (key, session) = (Some(key), None);
        let pick = Pick { endpoints: &self.roster, tried: &tried, now, random, key, session };
        let choice = self.balancer.pick(&mut self.state, &pick)?;
        self.numbers.get(choice.position).copied()
    }

    /// Counts a request in flight at the endpoint of that number; `None` if it has left meanwhile.
    pub(crate) fn begin(&self, number: usize, now: Time) -> Option<Lease> {
        let mut lease = LongLease::new(Arc::clone(&self.endpoint(number)?.life));
        lease.ask(now);
        Some(lease)
    }

    /// The attempt at the endpoint of that number, for which `lease` stands, has ended, well or not.
    pub(crate) fn heard(&mut self, _number: usize, mut lease: Lease, is_ok: bool, now: Time) {
        lease.hear(if is_ok { Heard::Answer } else { Heard::Failure }, now);
    }

    /// The endpoint of that number has refused a connection.
    pub(crate) fn refused(&self, number: usize, now: Time) {
        if let Some(endpoint) = self.endpoint(number) {
            endpoint.life.vitals.avoid(now, now.after(AVOID_AFTER_REFUSAL));
        }
    }

    /// Writes down what the checks found.
    pub(crate) fn set_standing(&self, number: usize, standing: Standing) {
        if let Some(endpoint) = self.endpoint(number) {
            endpoint.life.vitals.set_standing(standing);
        }
    }

    /// How many requests it has itself at the endpoint of that number.
    pub(crate) fn own(&self, number: usize) -> usize {
        let counted = self.endpoint(number).map_or(0, |endpoint| endpoint.life.vitals.in_flight());
        (counted as usize).saturating_sub(self.ghosts[number].len())
    }

    /// It is told that the others have so many there.
    pub(crate) fn hear_of_others(&mut self, number: usize, in_flight: usize) {
        let Some(position) = self.positions[number] else { return };
        let life = &self.roster[position].life;
        self.ghosts[number].resize_with(in_flight, || LongLease::new(Arc::clone(life)));
    }

    fn endpoint(&self, number: usize) -> Option<&Endpoint> {
        self.roster.get(self.positions[number]?)
    }
}

/// An endpoint of the plan. Its address is only there so that it counts as resolved; nothing connects.
fn endpoint(model: &EndpointModel, cluster: &Arc<ClusterVitals>) -> Endpoint {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let life = Life::new(1, cluster);
    Endpoint { weight: model.weight, ..Endpoint::new(&model.name, Some(address), life) }
}

#[cfg(test)]
mod tests {
    use evenkeel_plan::balance::Algorithm;

    use super::*;

    fn by(algorithm: Algorithm) -> Balancing {
        Balancing { algorithm, ..Balancing::default() }
    }

    fn ask(tried: &[u32]) -> Question<'_> {
        Question { now: Time::START, random: 0, tried, key: 0 }
    }

    #[test]
    fn those_who_stay_keep_their_leases_when_others_come_and_go() {
        let models = EndpointModel::several(3, None);
        let mut replica =
            Replica::new(&by(Algorithm::LeastRequest), 0, &models, &[true, true, false]);
        let lease = replica.begin(1, Time::START).unwrap();
        assert!(replica.begin(2, Time::START).is_none());
        replica.enroll(&models, &[false, true, true]);
        assert_eq!((replica.own(0), replica.own(1), replica.own(2)), (0, 1, 0));
        assert_eq!(replica.pick(ask(&[])), Some(2));
        assert_eq!(replica.pick(ask(&[0, 2])), Some(1));
        replica.set_standing(2, Standing::Down);
        assert_eq!(replica.pick(ask(&[1])), None);
        replica.heard(1, lease, true, Time::START);
        assert_eq!(replica.own(1), 0);
    }

    #[test]
    fn what_it_hears_of_others_counts_as_in_flight_but_not_as_its_own() {
        let models = EndpointModel::several(2, None);
        let mut replica = Replica::new(&by(Algorithm::LeastRequest), 0, &models, &[true, true]);
        replica.hear_of_others(0, 3);
        let lease = replica.begin(1, Time::START);
        assert_eq!((replica.own(0), replica.own(1)), (0, 1));
        assert_eq!(replica.pick(ask(&[])), Some(1));
        replica.hear_of_others(0, 0);
        assert_eq!(replica.pick(ask(&[])), Some(0));
        drop(lease);
    }
}
