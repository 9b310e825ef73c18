//! From a request to an endpoint that has begun to answer it: who is tried, over which connection, and what a failure means.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use evenkeel_plan::Endpoint;
use evenkeel_plan::balance::hash::stable::mix;
use evenkeel_plan::balance::{Choice, Session, Tried};
use evenkeel_plan::cluster::UpstreamTimeouts;
use evenkeel_plan::endpoint::EndpointCounters;
use evenkeel_plan::limits::AVOID_AFTER_REFUSAL;
use evenkeel_plan::reason::Reason;
use evenkeel_plan::route::Route;
use evenkeel_plan::sight::Phase;
use evenkeel_plan::vitals::{Heard, Lease, Vitals};
use evenkeel_proto::forward::origin;
use evenkeel_proto::head::{RequestHead, ResponseHead};

use super::again::{Failed, failure_of};
use super::ask::heard_in;
use super::{Answer, Exchange, Messages};
use crate::access::Course;
use crate::body::Source;
use crate::io::Io;
use crate::upstream::attempt::{Attempt, AttemptError, connect};
use crate::upstream::pool::Pool;
use crate::world::{Asked, ClusterView};

/// Where an exchange goes, whichever endpoint answers: decided once, so that a second try goes the same way.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) route: &'a Route,
    pub(super) cluster: ClusterView<'a>,
    pub(super) asked: Asked,
}

/// The endpoint that was chosen, and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) way: Way<'a>,
    pub(super) choice: Choice,
    pub(super) endpoint: &'a Endpoint,
    pub(super) pool: &'a Pool,
    pub(super) counters: &'a EndpointCounters,
}

/// Why an attempt did not lead to an answer.
pub(super) struct Setback {
    pub(super) reason: Reason,
    /// What may be tried again; `None` if no other endpoint could do better.
    pub(super) failed: Option<Failed>,
}

impl<'a> Exchange<'a> {
    /// The route of the request, and one of its clusters.
    ///
    /// # Errors
    /// The reason to refuse the request, if there is none.
    pub(super) fn find_way(
        &self,
        head: &RequestHead,
        course: &mut Course<'a>,
    ) -> Result<Way<'a>, Reason> {
        let route = self.listener.routes.route(head).ok_or(Reason::NoRoute)?;
        course.route = Some(route.into());
        let (cluster, asked) = self.divide(route, head).ok_or(Reason::NoEndpoint)?;
        course.cluster = Some(&cluster.plan.name);
        cluster.earn(self.worker.time(self.started));
        Ok(Way { route, cluster, asked })
    }

    /// The cluster of a route that its request goes to, with what that goes by: where its session goes on, if it has one, and else by
    /// weight.
    fn divide(&self, route: &Route, head: &RequestHead) -> Option<(ClusterView<'a>, Asked)> {
        let mut lot = None;
        if route.to.list().len() > 1 {
            let now = self.worker.time(self.started);
            for to in route.to.list().iter().filter(|to| to.weight > 0) {
                let Some(cluster) = self.world.cluster(to) else { continue };
                let asked = self.asked(cluster, head);
                if cluster.keeps(asked, now) {
                    return Some((cluster, asked));
                }
                if let Some(Session::By(hash)) = asked.session {
                    lot = lot.or(Some(hash));
                }
            }
        }
        // A session by hash draws the same lot each time.
        let lot = || lot.map_or_else(|| self.worker.random(), |hash| mix(hash, DIVISION));
        let cluster = self.world.cluster(route.to.pick(lot)?)?;
        Some((cluster, self.asked(cluster, head)))
    }

    /// What a request has that the balancer of a cluster goes by.
    fn asked(&self, cluster: ClusterView<'_>, head: &RequestHead) -> Asked {
        if !cluster.goes_by_requests() {
            return Asked::default();
        }
        cluster.asked(head, self.origin(head), self.worker.wall_time(self.started))
    }

    /// The client's address, as far as it can be believed.
    fn origin(&self, head: &RequestHead) -> IpAddr {
        let trusted = &self.listener.trusted_proxies;
        origin(&head.fields, self.client.address, |address| trusted.contains(address))
    }

    /// Tells the client where its session goes on, if that is news; not where the endpoint has failed. No cache that is shared may
    /// give the cookie to others.
    pub(super) fn tell_session(&self, target: Target<'_>, head: &mut ResponseHead) {
        if heard_in(head.status) == Heard::Failure {
            return;
        }
        let wall = self.worker.wall_time(self.started);
        if let Some(cookie) = target.way.cluster.cookie(target.choice, target.way.asked, wall) {
            head.fields.push(b"Set-Cookie", cookie.as_bytes());
            head.fields.push(b"Cache-Control", b"private");
        }
    }

    /// The next endpoint to try.
    pub(super) fn choose(
        &self,
        way: Way<'a>,
        tried: &mut Tried,
        course: &mut Course<'a>,
    ) -> Option<Target<'a>> {
        if tried.is_full() {
            return None;
        }
        // The first is chosen as of when the request came, which spares a look at the clock.
        let now = if course.attempts == 0 { self.started } else { self.worker.now() };
        let choice =
            way.cluster.pick(way.asked, tried, self.worker.time(now), self.worker.random())?;
        while let Some(inquiry) = way.cluster.next_inquiry() {
            self.worker.inquiries.order(inquiry);
        }
        tried.insert(choice.position);
        let (endpoint, pool) = way.cluster.chosen(choice)?;
        course.endpoint = Some(&endpoint.name);
        course.attempts += 1;
        let counters = endpoint.life.counters.shard(self.worker.index);
        counters.attempts.add(1);
        Some(Target { way, choice, endpoint, pool, counters })
    }

    /// One try at one endpoint, up to the head of its final answer. An idle connection may have been closed at the moment
    /// at which we took it; then the request goes out once more on a new one, if that cannot do harm.
    pub(super) async fn attempt<B: Source, A: Answer>(
        &self,
        target: Target<'a>,
        lease: &mut Lease<&Vitals>,
        messages: &mut Messages<'_, B, A>,
        course: &mut Course<'a>,
    ) -> Result<(Attempt, ResponseHead), Setback> {
        if course.queue.is_none() {
            course.queue = self.arrived.map(|arrived| arrived.elapsed());
        }
        if let Some(io) = target.pool.check_out(self.started) {
            target.counters.reuses.add(1);
            course.connect = None;
            let attempt = Attempt::new(io, true);
            match self.ask(target, (attempt, lease), messages, course).await {
                // RFC 9110 §9.2.2: only what may be done twice is sent twice, as the endpoint may have seen it.
                Err(AttemptError::Stale)
                    if messages.head.method.is_idempotent() && messages.rewind() => {}
                outcome => return outcome.map_err(Setback::after_sending),
            }
        }
        let asked = Instant::now();
        lease.ask(self.worker.time(asked));
        let io = self.connect(target).await;
        course.connect = self.is_timed().then(|| asked.elapsed());
        course.waited += course.connect.unwrap_or_default();
        let io = io?;
        let attempt = Attempt::new(io, false);
        self.ask(target, (attempt, lease), messages, course).await.map_err(Setback::after_sending)
    }

    async fn connect(&self, target: Target<'_>) -> Result<Io, Setback> {
        self.progress.enter(Phase::Connecting);
        let refused = Setback::before_sending;
        let address = target.endpoint.address.ok_or(refused(Reason::NoEndpoint))?;
        let timeouts = target.way.timeouts();
        let left =
            timeouts.exchange.map(|exchange| exchange.saturating_sub(self.started.elapsed()));
        let timeout = timeouts.connect.min(left.unwrap_or(Duration::MAX));
        let mut outcome = connect(address, timeout, self.deadline).await;
        if outcome.as_ref().err() == Some(&Reason::OutOfDescriptors) {
            // Idle connections are a luxury: some descriptors are there after all.
            self.world.clear_pools();
            outcome = connect(address, timeout, self.deadline).await;
        }
        match outcome {
            Ok(io) => {
                target.counters.connects.add(1);
                Ok(io)
            }
            Err(Reason::OutOfDescriptors) => {
                Err(Setback { reason: Reason::OutOfDescriptors, failed: None })
            }
            Err(Reason::ConnectTimeout) if timeout < timeouts.connect => {
                Err(Setback { reason: Reason::ExchangeTimeout, failed: None })
            }
            Err(reason) => {
                target.counters.connect_failures.add(1);
                let now = self.worker.time(self.worker.now());
                let until = now.after(AVOID_AFTER_REFUSAL);
                target.endpoint.life.vitals.avoid(now, until);
                Err(refused(reason))
            }
        }
    }
}

impl Way<'_> {
    /// Whether the request belongs to a session that is at one endpoint: that one has what the session is about, and its answer counts.
    pub(super) fn is_bound(&self) -> bool {
        matches!(self.asked.session, Some(Session::At { .. }))
    }

    /// How long an endpoint may take.
    pub(super) fn timeouts(&self) -> UpstreamTimeouts {
        self.route.timeouts(self.cluster.plan.timeouts)
    }
}

impl Setback {
    /// Nothing of the request has left us.
    fn before_sending(reason: Reason) -> Self {
        let failed = failure_of(reason).map(|failure| Failed { failure, sent: false });
        Self { reason, failed }
    }

    /// What has been sent may have been acted upon.
    fn after_sending(error: AttemptError) -> Self {
        let reason = match error {
            AttemptError::Stale | AttemptError::Closed => Reason::UpstreamClosed,
            AttemptError::Malformed => Reason::UpstreamMalformed,
            AttemptError::Gave(reason) => reason,
        };
        let failed = failure_of(reason).map(|failure| Failed { failure, sent: true });
        Self { reason, failed }
    }
}

/// Sets the hash that chooses a cluster apart from those that choose an endpoint.
const DIVISION: u64 = u64::MAX - 1;
