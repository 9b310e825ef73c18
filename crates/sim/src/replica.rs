//! One balancer among those that share the load: the plan's endpoints, vitals and algorithm, as the proxy has them. All
//! contact with `plan::balance` is here; `run` speaks of endpoints by their number in the script, as rosters change.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use evenkeel_plan::Endpoint;
use evenkeel_plan::balance::{
    Balancer, Balancing, Choice, Load, Pick, Session, Sticky, Tried, WorkerState,
};
use evenkeel_plan::breaker::Permit;
use evenkeel_plan::endpoint::{Life, LongLease};
use evenkeel_plan::limits::AVOID_AFTER_REFUSAL;
use evenkeel_plan::outlier::Verdict;
use evenkeel_plan::overload::Limits;
use evenkeel_plan::retry::Course;
use evenkeel_plan::time::Time;
use evenkeel_plan::vitals::{ClusterVitals, Heard, Standing};

use crate::guard::{Ending, Guard};
use crate::overload::Overload;
use crate::request::Turn;
use crate::resilience::Resilience;
use crate::scenario::EndpointModel;
use crate::tally::Failure;

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
    guard: Guard,
    pub(crate) overload: Overload,
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
    /// The number of the endpoint that the client's cookie names.
    pub(crate) session: Option<usize>,
}

/// An endpoint that was chosen, by its number.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) number: usize,
    pub(crate) lease: Lease,
}

/// Why nobody was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoChoice {
    /// No endpoint can be used.
    Nobody,
    /// All that can be have as much to do as they may.
    Full,
}

/// Why an endpoint is not taken.
enum Refusal {
    Full,
    Breaker,
}

/// The right to have a request at an endpoint. Gives itself back on drop.
#[derive(Debug)]
pub(crate) struct Lease {
    lease: LongLease,
    permit: Option<Permit>,
    pub(crate) began: Time,
}

/// The position of an endpoint, and the right to have a request there, with its breaker's leave.
type Place = (usize, LongLease, Option<Permit>);

/// What a look for outliers has found, by the endpoints' numbers.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) ejected: Vec<usize>,
    /// Those that are suspected to stall, with the time for which an attempt may wait there: none where that is news.
    pub(crate) suspects: Vec<(usize, Duration)>,
}

impl Replica {
    /// Number `number`, which chooses among those of `models` that are `present`.
    pub(crate) fn new(
        (balancing, resilience, limits): (&Balancing, &Resilience, &Limits),
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
            guard: Guard::new(resilience.clone()),
            overload: Overload::new(limits.clone()),
        };
        replica.enroll(models, present);
        replica.roster.iter().for_each(|endpoint| endpoint.life.vitals.presume_fit());
        replica
    }

    /// Makes the roster anew, as a new plan would: the life of those who stay goes on, that of those who come begins.
    pub(crate) fn enroll(&mut self, models: &[EndpointModel], present: &[bool]) {
        let mut known: Vec<Option<Endpoint>> = models.iter().map(|_| None).collect();
        for (number, endpoint) in self.numbers.drain(..).zip(self.roster.drain(..)) {
            known[number] = Some(endpoint);
        }
        let before = std::mem::replace(&mut self.positions, vec![None; models.len()]);
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
        let before: Vec<_> = self.numbers.iter().map(|&number| before[number]).collect();
        self.guard.enroll(&before);
        self.overload.enroll(&before, &self.roster);
        (0..self.roster.len()).for_each(|position| self.enforce_limits(position));
        self.balancer = Balancer::new(self.balancing.clone(), &self.roster);
        self.state = self.balancer.worker_state(self.number, &self.roster);
    }

    /// A request has come.
    pub(crate) fn arrived(&self, now: Time) {
        self.guard.earn(now);
    }

    /// The endpoint to try next, with a request more in flight there.
    pub(crate) fn choose(&mut self, question: Question<'_>) -> Result<Chosen, NoChoice> {
        let (position, mut lease, permit) = self.pick(question)?;
        self.roster[position].life.vitals.given(question.now);
        lease.ask(question.now);
        let lease = Lease { lease, permit, began: question.now };
        Ok(Chosen { number: self.numbers[position], lease })
    }

    /// A place at the endpoint to try next. Those whose breakers say no are passed over, unless nobody else is left: then a breaker
    /// would only turn a bad answer into none. So are those that are full; where all are, or the one at which the client's session goes
    /// on, there is nobody to be chosen now.
    fn pick(&mut self, question: Question<'_>) -> Result<Place, NoChoice> {
        let mut tried = self.tried(question.tried);
        let Question { now, random, key, session, .. } = question;
        let home = self.home(session);
        let session = match &self.balancing.sticky {
            Some(Sticky::Key(_)) => Some(Session::By(key)),
            _ => home.map(|position| Session::At { position, renew: false }),
        };
        let key = Some(key);
        let (mut first, mut is_full) = (None, false);
        while !tried.is_full() {
            let pick = Pick { endpoints: &self.roster, tried: &tried, now, random, key, session };
            let Some(Choice { position }) = self.balancer.pick(&mut self.state, &pick) else {
                break;
            };
            tried.insert(position);
            let first = *first.get_or_insert(position);
            // Who cannot go where it is well to be does not go where it is not.
            if is_full && !self.roster[position].is_well(now) && self.roster[first].is_well(now) {
                continue;
            }
            match self.take(position, now) {
                Ok(place) => return Ok(place),
                Err(Refusal::Full) if home == Some(position) && first == position => {
                    return Err(NoChoice::Full);
                }
                Err(Refusal::Full) => is_full = true,
                Err(Refusal::Breaker) => {}
            }
        }
        match first {
            Some(_) if is_full => Err(NoChoice::Full),
            Some(position) => Ok((position, LongLease::new(self.life(position)), None)),
            None => Err(NoChoice::Nobody),
        }
    }

    /// A place at an endpoint, with its breaker's leave.
    fn take(&self, position: usize, now: Time) -> Result<Place, Refusal> {
        let lease = LongLease::try_new(self.life(position)).ok_or(Refusal::Full)?;
        let permit = self.guard.ask(position, now).map_err(|_| Refusal::Breaker)?;
        Ok((position, lease, permit))
    }

    fn life(&self, position: usize) -> Arc<Life> {
        Arc::clone(&self.roster[position].life)
    }

    fn tried(&self, numbers: &[u32]) -> Tried {
        let mut tried = Tried::default();
        for &number in numbers {
            if let Some(position) = self.positions[number as usize] {
                tried.insert(position);
            }
        }
        tried
    }

    /// The position of the endpoint that the client's cookie names, if it is there.
    fn home(&self, session: Option<usize>) -> Option<usize> {
        let by_cookie = !matches!(self.balancing.sticky, Some(Sticky::Key(_)));
        session.filter(|_| by_cookie).and_then(|number| self.positions[number])
    }

    /// Whether a client whose cookie names that endpoint cannot go to every endpoint.
    pub(crate) fn is_bound(&self, session: Option<usize>) -> bool {
        self.home(session).is_some()
    }

    /// Whether there are endpoints besides those of the given numbers, and all of them are full.
    pub(crate) fn are_others_full(&self, numbers: &[u32]) -> bool {
        let tried = |number: usize| numbers.iter().any(|&other| other as usize == number);
        let others = self.numbers.iter().zip(&self.roster).filter(|(number, _)| !tried(**number));
        let mut rooms = others.map(|(_, endpoint)| endpoint.life.vitals.has_room()).peekable();
        rooms.peek().is_some() && !rooms.any(|has_room| has_room)
    }

    /// Looks how quickly endpoints answer, and limits those that have too much to do. Returns who is to look for room.
    pub(crate) fn pace(&mut self, now: Time) -> Vec<Turn> {
        self.overload.look(&self.roster, now)
    }

    fn enforce_limits(&self, position: usize) {
        let of_others = self.ghosts[self.numbers[position]].len();
        self.overload.enforce(position, &self.roster[position], of_others);
    }

    /// The attempt at the endpoint of that number, for which `lease` stands, has ended, well or by a failure.
    pub(crate) fn ended(
        &mut self,
        number: usize,
        mut lease: Lease,
        failure: Option<Failure>,
        now: Time,
    ) {
        let heard = match failure {
            None => Heard::Answer,
            // The client has gone.
            Some(Failure::TimedOut) => Heard::Nothing,
            Some(_) => Heard::Failure,
        };
        let spoke = matches!(failure, None | Some(Failure::Answered | Failure::QueueFull));
        lease.lease.hear(heard, now);
        let counters = lease.lease.of().counters.shard(0);
        if spoke {
            counters.first_byte.observe(now.since(lease.began));
        }
        if heard == Heard::Answer {
            counters.time(now.since(lease.began));
        }
        counters.given_up.add(u64::from(heard == Heard::Nothing));
        let Some(position) = self.positions[number] else { return };
        if heard == Heard::Nothing {
            return self.guard.abandon(position, lease.permit, now);
        }
        let ending = Ending { failed: failure.is_some(), spoke, took: now.since(lease.began) };
        if let Some(until) = self.guard.observe(position, ending, lease.permit, now) {
            self.roster[position].life.vitals.avoid(now, until);
        }
    }

    /// After how long a request whose attempt failed may go elsewhere; `None` if it may not.
    pub(crate) fn decide(&self, course: &Course, now: Time, random: u64) -> Option<Duration> {
        self.guard.decide(course, now, random)
    }

    /// Looks for outliers, and gives them no work.
    pub(crate) fn sweep(&mut self, now: Time) -> Findings {
        let in_flight: Vec<u32> =
            self.numbers.iter().map(|&number| self.own(number) as u32).collect();
        let mut findings = Findings::default();
        let suspicion = |(position, &number)| Some((number, self.guard.suspicion(position)?));
        findings.suspects = self.numbers.iter().enumerate().filter_map(suspicion).collect();
        for (position, verdict) in self.guard.sweep(&in_flight, now) {
            let (number, vitals) = (self.numbers[position], &self.roster[position].life.vitals);
            match verdict {
                Verdict::Eject { until, .. } => {
                    vitals.eject(now, until);
                    findings.ejected.push(number);
                }
                Verdict::Suspect { .. } => {
                    let pause = self.guard.suspicion(position).unwrap_or_default();
                    vitals.suspect(now, pause);
                    findings.suspects.push((number, Duration::ZERO));
                }
                Verdict::Readmit => vitals.readmit(),
                Verdict::Clear => vitals.clear(),
            }
        }
        findings
    }

    /// The number of an endpoint that is to be asked how much it has to do.
    pub(crate) fn next_probe(&mut self) -> Option<usize> {
        self.state.next_probe().map(|position| self.numbers[position])
    }

    /// What the endpoint of that number has answered; `None` if nothing.
    pub(crate) fn probed(&mut self, number: usize, load: Option<Load>, now: Time) {
        if let Some(position) = self.positions[number] {
            self.state.probed(position, load, now);
        }
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
        self.ghosts[number].resize_with(in_flight, || {
            let mut ghost = LongLease::new(Arc::clone(life));
            // Nobody here waits for it.
            ghost.stream();
            ghost
        });
        self.enforce_limits(position);
    }

    fn endpoint(&self, number: usize) -> Option<&Endpoint> {
        self.roster.get(self.positions[number]?)
    }
}

/// An endpoint of the plan. Its address is only there so that it counts as resolved; nothing connects.
fn endpoint(model: &EndpointModel, cluster: &Arc<ClusterVitals>) -> Endpoint {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let life = Life::new(1, cluster);
    Endpoint {
        weight: model.weight,
        backup: model.backup,
        priority: model.priority,
        ..Endpoint::new(&model.name, Some(address), life)
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_plan::balance::Algorithm;

    use super::*;

    fn replica(models: &[EndpointModel], present: &[bool]) -> Replica {
        let balancing = Balancing { algorithm: Algorithm::LeastRequest, ..Balancing::default() };
        Replica::new((&balancing, &Resilience::off(), &Limits::default()), 0, models, present)
    }

    fn choose(replica: &mut Replica, tried: &[u32]) -> Option<Chosen> {
        replica.choose(ask(tried)).ok()
    }

    fn number(replica: &mut Replica, tried: &[u32]) -> Option<usize> {
        choose(replica, tried).map(|chosen| chosen.number)
    }

    fn ask(tried: &[u32]) -> Question<'_> {
        Question { now: Time::START, random: 0, tried, key: 0, session: None }
    }

    #[test]
    fn those_who_stay_keep_their_leases_when_others_come_and_go() {
        let models = EndpointModel::several(3, None);
        let mut replica = replica(&models, &[true, true, false]);
        let chosen = choose(&mut replica, &[0]).unwrap();
        assert_eq!((chosen.number, number(&mut replica, &[0, 1])), (1, None));
        replica.enroll(&models, &[false, true, true]);
        assert_eq!((replica.own(0), replica.own(1), replica.own(2)), (0, 1, 0));
        assert_eq!(number(&mut replica, &[]), Some(2));
        assert_eq!(number(&mut replica, &[0, 2]), Some(1));
        replica.set_standing(2, Standing::Down);
        assert_eq!(number(&mut replica, &[1]), None);
        replica.ended(1, chosen.lease, None, Time::START);
        assert_eq!(replica.own(1), 0);
    }

    #[test]
    fn what_it_hears_of_others_counts_as_in_flight_but_not_as_its_own() {
        let models = EndpointModel::several(2, None);
        let mut replica = replica(&models, &[true, true]);
        replica.hear_of_others(0, 3);
        let chosen = choose(&mut replica, &[]).unwrap();
        assert_eq!((replica.own(0), replica.own(1)), (0, 1));
        assert_eq!(number(&mut replica, &[]), Some(1));
        replica.hear_of_others(0, 0);
        assert_eq!(number(&mut replica, &[]), Some(0));
        drop(chosen);
    }
}
