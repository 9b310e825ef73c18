//! The plan as one worker sees it, with what the worker remembers about each cluster. Cloned by exchanges as one `Rc`, so
//! that no count is shared between cores.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use evenkeel_plan::balance::{Balancer, Choice, Pick, Session, Tried, WorkerState};
use evenkeel_plan::breaker::Permit;
use evenkeel_plan::cluster::HttpVersion;
use evenkeel_plan::counters::Sharded;
use evenkeel_plan::endpoint::Life;
use evenkeel_plan::hedge::{self, Hedging};
use evenkeel_plan::listener::ListenerCounters;
use evenkeel_plan::overload::Room;
use evenkeel_plan::quantile::Quantiles;
use evenkeel_plan::retry::{self, Decision, Why};
use evenkeel_plan::route::Target;
use evenkeel_plan::time::Time;
use evenkeel_plan::tls::Origination;
use evenkeel_plan::vitals::{ClusterVitals, Lease, Vitals};
use evenkeel_plan::{Cluster, Endpoint, Listener, Plan};
use evenkeel_proto::head::RequestHead;

use crate::entrance::Entrance;
use crate::upstream::inquiry::Inquiry;
use crate::upstream::pool::{Demands, Pool};

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) plan: Arc<Plan>,
    /// Where each listener stands in the plan, by its name.
    listeners: HashMap<Box<str>, usize>,
    /// What the first few of them count in, which is their own.
    first: Box<[*const Sharded<ListenerCounters>]>,
    memories: Vec<Memory>,
}

/// What a worker remembers about one cluster.
#[derive(Debug)]
struct Memory {
    /// For its balancer, and then for that of each subset.
    states: Vec<Rc<RefCell<WorkerState>>>,
    /// One for each endpoint, in its order.
    pools: Vec<Rc<Pool>>,
    /// What all workers know of its endpoints together; `None` if it has none. Not reached by way of one of them, whose vitals all workers
    /// write.
    vitals: Option<Arc<ClusterVitals>>,
    /// How many requests came that the cluster's budget does not know of yet: it is shared by all workers.
    unearned: Cell<u32>,
    /// How long answers take, where that decides when a second attempt goes out.
    answers: Option<Rc<RefCell<Quantiles>>>,
}

/// One cluster of a world, or a subset of its endpoints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClusterView<'a> {
    pub(crate) plan: &'a Arc<Cluster>,
    balancer: &'a Balancer,
    state: &'a Rc<RefCell<WorkerState>>,
    memory: &'a Memory,
}

/// What a request has that its balancer goes by.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) key: Option<u64>,
    pub(crate) session: Option<Session>,
}

/// An endpoint that was chosen, with the right to use it.
#[derive(Debug)]
pub(crate) struct Chosen<'a> {
    pub(crate) choice: Choice,
    /// Its breaker's leave; `None` where it has none, or nobody gives any and the request has to go somewhere.
    pub(crate) permit: Option<Permit>,
    pub(crate) lease: Lease<&'a Vitals>,
}

/// Why nobody was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoChoice {
    /// No endpoint may be used, or all that may be were tried.
    Nobody,
    /// All have as much to do as they may.
    Full,
}

/// Why an endpoint is not taken.
#[derive(Clone, Copy, Debug)]
enum Refusal {
    Full,
    Breaker,
}

impl Asked {
    /// Whether the request's session goes on at the endpoint that was chosen.
    fn goes_on_at(self, choice: Choice) -> bool {
        matches!(self.session, Some(Session::At { position, .. }) if position == choice.position)
    }
}

impl World {
    /// The world after `plan` was published. What lived on in the plan keeps its pool.
    pub(crate) fn new(plan: Arc<Plan>, worker: usize, before: Option<&Self>) -> Self {
        let past = before.map(Past::of).unwrap_or_default();
        let memories = plan
            .clusters
            .iter()
            .map(|cluster| Memory {
                states: past.states_of(cluster, worker),
                pools: cluster.endpoints.iter().map(|it| past.pool_of(cluster, it)).collect(),
                vitals: cluster.endpoints.first().map(|it| Arc::clone(it.life.vitals.cluster())),
                unearned: Cell::new(0),
                answers: past.answers_of(cluster),
            })
            .collect();
        let names = plan.listeners.iter().map(|listener| listener.name.clone());
        let listeners = names.zip(0..).collect();
        let first = plan.listeners.iter().take(COMPARED_MAX);
        let first = first.map(|listener| Arc::as_ptr(&listener.counters)).collect();
        Self { plan, listeners, first, memories }
    }

    /// The listener called `name`.
    pub(crate) fn listener_named(&self, name: &str) -> Option<&Arc<Listener>> {
        self.plan.listeners.get(*self.listeners.get(name)?)
    }

    /// What the listener is now by which a connection came in, under this or an earlier plan. One where something else comes in now is
    /// another, whatever its name: a request must not be taken for a stream, nor a stream for requests.
    pub(crate) fn listener(&self, entrance: &Entrance) -> Option<&Arc<Listener>> {
        let counters = Arc::as_ptr(&entrance.counters);
        let listener = match self.first.iter().position(|&other| std::ptr::eq(other, counters)) {
            Some(position) => self.plan.listeners.get(position),
            None => self.listener_named(&entrance.name),
        };
        listener.filter(|listener| listener.protocol == entrance.protocol)
    }

    /// A number that is another one as soon as a listener's clients have to prove anew who they are.
    pub(crate) fn editions(&self) -> u64 {
        let all = self.plan.listeners.iter().filter_map(|listener| listener.tls.as_ref());
        all.fold(0, |sum, tls| sum.wrapping_add(tls.terms.edition()))
    }

    /// The cluster that a route sends to, or the subset of it.
    pub(crate) fn cluster(&self, target: &Target) -> Option<ClusterView<'_>> {
        let plan = self.plan.clusters.get(target.cluster)?;
        let memory = self.memories.get(target.cluster)?;
        let state = memory.states.get(target.subset.map_or(0, |subset| subset + 1))?;
        Some(ClusterView { plan, balancer: plan.balancer_of(target.subset)?, state, memory })
    }

    /// Closes idle connections that are too old, or dead.
    pub(crate) fn sweep_pools(&self, now: Instant) {
        for (cluster, memory) in self.plan.clusters.iter().zip(&self.memories) {
            let demands = Demands::of(cluster);
            memory.pools.iter().for_each(|pool| pool.sweep(demands, now));
        }
    }

    /// Closes idle connections to the endpoint of this `life` that are in the way of others.
    pub(crate) fn make_way(&self, life: &Arc<Life>) {
        for (cluster, memory) in self.plan.clusters.iter().zip(&self.memories) {
            let pools = cluster.endpoints.iter().zip(&memory.pools);
            let at = pools.filter(|(endpoint, _)| Arc::ptr_eq(&endpoint.life, life));
            at.for_each(|(_, pool)| pool.make_way());
        }
    }

    /// Closes all idle connections.
    pub(crate) fn clear_pools(&self) {
        self.pools().for_each(|pool| pool.clear());
    }

    /// Closes the idle connections to endpoints that `after`, the next world, does not have: this one may live on for as long as
    /// an exchange that began in it, and nobody sweeps it any more.
    pub(crate) fn retire_pools(&self, after: &Self) {
        let kept: HashSet<*const Pool> = after.pools().map(Rc::as_ptr).collect();
        let gone = self.pools().filter(|pool| !kept.contains(&Rc::as_ptr(pool)));
        gone.for_each(|pool| pool.retire());
    }

    fn pools(&self) -> impl Iterator<Item = &Rc<Pool>> {
        self.memories.iter().flat_map(|memory| &memory.pools)
    }
}

impl<'a> ClusterView<'a> {
    /// Whether the balancer looks at requests.
    pub(crate) fn goes_by_requests(&self) -> bool {
        self.balancer.goes_by_requests()
    }

    /// The value of the field that keeps a session at the endpoint that was chosen, if there is need for one.
    pub(crate) fn cookie(&self, choice: Choice, asked: Asked, wall: Duration) -> Option<String> {
        self.balancer.cookie(choice, asked.session, wall)
    }

    /// What a request has that the balancer goes by. `wall` is the time since 1970.
    pub(crate) fn asked(&self, head: &RequestHead, client: IpAddr, wall: Duration) -> Asked {
        let (key, session) =
            (self.balancer.key(head, client), self.balancer.session(head, client, wall));
        Asked { key, session }
    }

    /// Whether the request's session goes on in this cluster.
    pub(crate) fn keeps(&self, asked: Asked, now: Time) -> bool {
        asked.session.is_some_and(|session| self.balancer.keeps(session, &self.plan.endpoints, now))
    }

    /// Chooses an endpoint that was not tried yet, takes a place at it, and gets its breaker's leave. Those whose breakers say no are passed
    /// over, unless nobody else is left: then a breaker would only turn a bad answer into none. So are those that are full; where all
    /// are, or the one at which the request's session goes on, there is nobody to be chosen now.
    pub(crate) fn choose(
        &self,
        asked: Asked,
        tried: &Tried,
        now: Time,
        random: u64,
    ) -> Result<Chosen<'a>, NoChoice> {
        let first = self.pick(asked, tried, now, random).ok_or(NoChoice::Nobody)?;
        let is_full = Cell::new(match self.take(first, now) {
            Ok(chosen) => return Ok(chosen),
            Err(Refusal::Full) if asked.goes_on_at(first) => return Err(NoChoice::Full),
            Err(refusal) => matches!(refusal, Refusal::Full),
        });
        let pick = |tried: &Tried| self.pick(asked, tried, now, random);
        let take = |choice| {
            // Who cannot go where it is well to be does not go where it is not.
            if is_full.get() && !self.is_well(choice, now) && self.is_well(first, now) {
                return None;
            }
            let taken = self.take(choice, now);
            is_full.set(is_full.get() || matches!(taken, Err(Refusal::Full)));
            taken.ok()
        };
        match other_than(first, tried, pick, take) {
            Some(chosen) => Ok(chosen),
            None if is_full.get() => Err(NoChoice::Full),
            // Picked anew: who goes round would come to the first of them every time.
            None => self.lease(self.pick(asked, tried, now, random).unwrap_or(first)),
        }
    }

    /// A place at an endpoint, with its breaker's leave.
    fn take(&self, choice: Choice, now: Time) -> Result<Chosen<'a>, Refusal> {
        let vitals = self.vitals_at(choice).ok_or(Refusal::Breaker)?;
        // Looked at first: the leave of a breaker that is half open is dear.
        if !vitals.has_room() {
            return Err(Refusal::Full);
        }
        let breaker = self.plan.resilience.breaker.as_ref();
        let permit = match breaker {
            Some(settings) => Some(vitals.breaker.ask(now, settings).ok_or(Refusal::Breaker)?),
            None => None,
        };
        let lease = vitals.try_lease();
        if let (None, Some(settings), Some(permit)) = (&lease, breaker, permit) {
            vitals.breaker.abandon(permit, now, settings);
        }
        Ok(Chosen { choice, permit, lease: lease.ok_or(Refusal::Full)? })
    }

    /// A place at an endpoint, whatever its breaker says.
    fn lease(&self, choice: Choice) -> Result<Chosen<'a>, NoChoice> {
        let vitals = self.vitals_at(choice).ok_or(NoChoice::Nobody)?;
        let lease = vitals.try_lease().ok_or(NoChoice::Full)?;
        Ok(Chosen { choice, permit: None, lease })
    }

    fn is_well(&self, choice: Choice, now: Time) -> bool {
        self.plan.endpoints.get(choice.position).is_some_and(|endpoint| endpoint.is_well(now))
    }

    fn vitals_at(&self, choice: Choice) -> Option<&'a Vitals> {
        Some(&self.plan.endpoints.get(choice.position)?.life.vitals)
    }

    /// Where a request waits while there is no room for it: with those whose sessions are at the same endpoint, or with all others.
    pub(crate) fn room(&self, asked: Asked) -> Option<&'a Room> {
        match asked.session {
            Some(Session::At { position, .. }) => {
                Some(&self.plan.endpoints.get(position)?.life.vitals.room)
            }
            _ => Some(&self.vitals()?.room),
        }
    }

    /// Whether it is a part of a cluster only.
    pub(crate) fn is_subset(&self) -> bool {
        !std::ptr::eq(self.balancer, &raw const self.plan.balancer)
    }

    /// Chooses an endpoint that was not tried yet.
    fn pick(&self, asked: Asked, tried: &Tried, now: Time, random: u64) -> Option<Choice> {
        let Asked { key, session } = asked;
        let pick = Pick { endpoints: &self.plan.endpoints, tried, now, random, key, session };
        self.balancer.pick(&mut self.state.borrow_mut(), &pick)
    }

    /// A request has come, which may cost more than one attempt.
    pub(crate) fn earn(&self, now: Time) {
        let unearned = self.memory.unearned.get() + 1;
        self.memory.unearned.set(unearned % EARNED_AT_ONCE);
        if unearned == EARNED_AT_ONCE {
            self.earn_all(unearned, now);
        }
    }

    fn earn_all(&self, requests: u32, now: Time) {
        let Some(vitals) = self.vitals() else { return };
        vitals.retries.earn(requests, now);
        if self.hedging().is_some() {
            vitals.hedges.earn(requests, now);
        }
    }

    /// When a second attempt goes out, where one may.
    pub(crate) fn hedging(&self) -> Option<&'a Hedging> {
        self.plan.resilience.hedge.as_ref()
    }

    /// Whether a second attempt goes out now.
    pub(crate) fn hedge(
        &self,
        hedging: &Hedging,
        course: &hedge::Course,
        now: Time,
    ) -> hedge::Decision {
        let (Some(vitals), Some(answers)) = (self.vitals(), &self.memory.answers) else {
            return hedge::Decision::No(hedge::Why::NoOtherEndpoint);
        };
        self.earn_all(self.memory.unearned.take(), now);
        hedge::decide(hedging, course, &answers.borrow(), &vitals.hedges, now)
    }

    /// An answer has begun after so long, or it was waited for so long in vain.
    #[inline]
    pub(crate) fn answered(&self, after: Duration, now: Time) {
        if let Some(answers) = &self.memory.answers {
            answers.borrow_mut().observe(after, now);
        }
    }

    /// Whether there is another attempt after one that failed.
    pub(crate) fn decide(&self, course: &retry::Course, now: Time, random: u64) -> Decision {
        let Some(vitals) = self.vitals() else { return Decision::No(Why::NotListed) };
        self.earn_all(self.memory.unearned.take(), now);
        retry::decide(&self.plan.resilience.retry, course, &vitals.retries, now, random)
    }

    fn vitals(&self) -> Option<&'a ClusterVitals> {
        self.memory.vitals.as_deref()
    }

    /// The next endpoint that the balancer wants to ask how much it has to do.
    pub(crate) fn next_inquiry(&self) -> Option<Inquiry> {
        let position = self.state.borrow_mut().next_probe()?;
        let (cluster, state) = (Arc::clone(self.plan), Rc::clone(self.state));
        let pool = Rc::clone(self.memory.pools.get(position)?);
        Some(Inquiry { cluster, position, pool, state })
    }

    /// An endpoint that was chosen, and the idle connections to it.
    pub(crate) fn chosen(&self, choice: Choice) -> Option<(&'a Endpoint, &'a Pool)> {
        let endpoint = self.plan.endpoints.get(choice.position)?;
        Some((endpoint, self.memory.pools.get(choice.position)?))
    }
}

/// Another endpoint than `first`, as far as one can be taken.
#[cold]
fn other_than<T>(
    first: Choice,
    tried: &Tried,
    pick: impl Fn(&Tried) -> Option<Choice>,
    take: impl Fn(Choice) -> Option<T>,
) -> Option<T> {
    let mut tried = tried.clone();
    tried.insert(first.position);
    while !tried.is_full() {
        let choice = pick(&tried)?;
        if let Some(taken) = take(choice) {
            return Some(taken);
        }
        tried.insert(choice.position);
    }
    None
}

/// What a world remembers, by whose memory it is: plans may have ten thousand endpoints, so nobody goes through them for each.
#[derive(Default)]
struct Past<'a> {
    /// By the address in memory of the cluster, which it keeps for as long as nothing in it changes.
    states: HashMap<*const Cluster, &'a [Rc<RefCell<WorkerState>>]>,
    pools: HashMap<PoolKey, &'a Rc<Pool>>,
    /// By that of what its endpoints have in common, which it keeps under its name.
    answers: HashMap<*const ClusterVitals, &'a Rc<RefCell<Quantiles>>>,
}

impl<'a> Past<'a> {
    fn of(world: &'a World) -> Self {
        let clusters = || world.plan.clusters.iter().zip(&world.memories);
        let states = clusters().map(|(cluster, memory)| (Arc::as_ptr(cluster), &*memory.states));
        let pools = clusters().flat_map(|(cluster, memory)| {
            let keys = cluster.endpoints.iter().map(|endpoint| key_of(cluster, endpoint));
            keys.zip(&memory.pools)
        });
        let answers = clusters()
            .filter_map(|(cluster, memory)| Some((vitals_of(cluster)?, memory.answers.as_ref()?)));
        let answers = answers.collect();
        Self { states: states.collect(), pools: pools.collect(), answers }
    }

    /// What was remembered about a cluster that has not changed; a new start for any other.
    fn states_of(&self, cluster: &Arc<Cluster>, worker: usize) -> Vec<Rc<RefCell<WorkerState>>> {
        if let Some(remembered) = self.states.get(&Arc::as_ptr(cluster)) {
            return remembered.to_vec();
        }
        let balancers = std::iter::once(&cluster.balancer).chain(&cluster.subsets);
        let begin = |balancer: &Balancer| balancer.worker_state(worker, &cluster.endpoints);
        balancers.map(begin).map(RefCell::new).map(Rc::new).collect()
    }

    fn answers_of(&self, cluster: &Cluster) -> Option<Rc<RefCell<Quantiles>>> {
        cluster.resilience.hedge?;
        let before = vitals_of(cluster).and_then(|vitals| self.answers.get(&vitals));
        Some(before.map(|before| Rc::clone(before)).unwrap_or_default())
    }

    fn pool_of(&self, cluster: &Cluster, endpoint: &Endpoint) -> Rc<Pool> {
        let before = self.pools.get(&key_of(cluster, endpoint));
        before.map(|pool| Rc::clone(pool)).unwrap_or_default()
    }
}

fn vitals_of(cluster: &Cluster) -> Option<*const ClusterVitals> {
    Some(Arc::as_ptr(cluster.endpoints.first()?.life.vitals.cluster()))
}

/// Whose connections are as good as any other: the address in memory of an endpoint's life, which it keeps under its name, where it is, and
/// how TLS and HTTP are spoken with it.
type PoolKey = (*const Life, Option<SocketAddr>, Option<*const Origination>, HttpVersion);

fn key_of(cluster: &Cluster, endpoint: &Endpoint) -> PoolKey {
    let tls = cluster.tls.as_ref().map(Arc::as_ptr);
    (Arc::as_ptr(&endpoint.life), endpoint.address, tls, cluster.http)
}

/// So many requests are told to the budget together.
const EARNED_AT_ONCE: u32 = 16;

/// So many addresses in memory are compared in less time than one name is hashed.
const COMPARED_MAX: usize = 8;

#[cfg(test)]
mod tests;
