//! One try at one endpoint: over which connection, up to the head of its answer, and what a failure means. Made by the exchange.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use evenkeel_plan::Endpoint;
use evenkeel_plan::balance::Choice;
use evenkeel_plan::cluster::{HttpVersion, UpstreamTimeouts};
use evenkeel_plan::endpoint::{EndpointCounters, Life};
use evenkeel_plan::limits::AVOID_AFTER_REFUSAL;
use evenkeel_plan::listener::Protocol;
use evenkeel_plan::mention::NOW_AND_THEN;
use evenkeel_plan::reason::Reason;
use evenkeel_plan::retry::Failure;
use evenkeel_plan::sight::Phase;
use evenkeel_plan::time::Time;
use evenkeel_plan::vitals::{Lease, Slot, Vitals};
use evenkeel_proto::head::ResponseHead;

use super::again::{Attempts, Failed, failure_of};
use super::grant::Grant;
use super::way::Way;
use super::{Answer, Exchange, Messages};
use crate::access::Course;
use crate::body::Source;
use crate::deadline::Deadline;
use crate::io::Io;
use crate::upstream::attempt::{Attempt, AttemptError};
use crate::upstream::connect::{Reach, Unreached, connect};
use crate::upstream::link::Link;
use crate::upstream::multiplexed::Multiplexed;
use crate::upstream::opening::Part;
use crate::upstream::pool::{Demands, Pool};
use crate::upstream::slot::take_slot;

/// The endpoint that was chosen, and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) way: Way<'a>,
    pub(super) choice: Choice,
    pub(super) endpoint: &'a Endpoint,
    pub(super) pool: &'a Pool,
    pub(super) counters: &'a EndpointCounters,
}

/// An attempt that is under way, or about to be: at whom, and the right to it.
pub(super) struct Turn<'a> {
    pub(super) target: Target<'a>,
    pub(super) lease: Lease<&'a Vitals>,
    /// Its breaker's leave.
    pub(super) grant: Option<Grant<'a>>,
}

/// Why an attempt did not lead to an answer.
pub(super) struct Setback {
    pub(super) reason: Reason,
    /// What may be tried again; `None` if no other endpoint could do better.
    pub(super) failed: Option<Failed>,
}

impl<'a> Exchange<'a> {
    /// One try at one endpoint, up to the head of its final answer, or what is left of one that was given up before.
    ///
    /// An idle connection may have been closed at the moment at which we took it; then the request goes out once more on a new one, if
    /// that cannot do harm.
    pub(super) async fn attempt<B: Source, A: Answer>(
        &self,
        turn: &mut Turn<'a>,
        messages: &mut Messages<'_, B, A>,
        attempts: &mut Attempts<'a>,
    ) -> Result<(Attempt, ResponseHead), Setback> {
        if let Some(under_way) = attempts.under_way.take() {
            // Boxed: it is rare, and every exchange would have room for it.
            let answer = Box::pin(self.ask_on(turn, *under_way, messages, attempts)).await;
            return answer.map_err(Setback::after_sending);
        }
        let target = turn.target;
        if attempts.course.queue.is_none() {
            attempts.course.queue = self.arrived.map(|arrived| arrived.elapsed());
        }
        let demands = Demands::of(target.way.cluster.plan);
        let http = http_of(target.way.cluster.plan.http, messages);
        if let Some(attempt) = target.pool.find(http, demands, self.started) {
            target.counters.reuses.add(1);
            attempts.course.connect = None;
            if let Some(mute) = mute(&attempt, messages) {
                // Boxed: it is rare, and every exchange would have room for it.
                Box::pin(self.hear(turn, mute)).await?;
            }
            match self.ask_in_time(turn, attempt, messages, attempts).await {
                // RFC 9110 §9.2.2: only what may be done twice is sent twice, as the endpoint may have seen it.
                Err(AttemptError::Stale)
                    if messages.head.method.is_idempotent() && messages.rewind() => {}
                // It has not, and leaves.
                Err(AttemptError::Unasked) if messages.rewind() => {}
                outcome => return outcome.map_err(Setback::after_sending),
            }
        }
        let attempt = self.reach(turn, &mut attempts.course, http).await?;
        if let Some(mute) = mute(&attempt, messages) {
            Box::pin(self.hear(turn, mute)).await?;
        }
        let asked = self.ask_in_time(turn, attempt, messages, attempts).await;
        asked.map_err(Setback::after_sending)
    }

    /// A connection to the endpoint on which nothing of the request is sent yet: a new one, or one that another opens.
    async fn reach(
        &self,
        turn: &mut Turn<'a>,
        course: &mut Course<'a>,
        http: HttpVersion,
    ) -> Result<Attempt, Setback> {
        if !turn.target.pool.may_be_shared(http) {
            return self.reach_anew(turn, course, http).await;
        }
        // Boxed: only a few open one.
        Box::pin(self.reach_together(turn, course, http)).await
    }

    /// Waits until the endpoint has said anything at all on the connection.
    async fn hear(&self, turn: &Turn<'_>, connection: &Multiplexed) -> Result<(), Setback> {
        let way = turn.target.way;
        self.progress.enter(Phase::Connecting);
        self.deadline.set(self.time_to_connect(way));
        poll_fn(|cx| match connection.poll_greeted(cx) {
            Poll::Pending if self.deadline.is_expired() => {
                // Nothing comes on it: whoever shares it is the last.
                connection.leave();
                let silent = Setback::before_sending(Reason::ConnectTimeout);
                Poll::Ready(Err(self.out_of_time(way, silent)))
            }
            polled => polled.map(Ok),
        })
        .await
    }

    /// One that many can use is opened by one of them, and the others wait for it; where there are as many as may be, for a place on one.
    async fn reach_together(
        &self,
        turn: &mut Turn<'a>,
        course: &mut Course<'a>,
        http: HttpVersion,
    ) -> Result<Attempt, Setback> {
        let Target { way, pool, endpoint, .. } = turn.target;
        let (began, most) = (self.worker.now(), self.time_to_connect(way));
        let reached = loop {
            let left = most.saturating_sub(began.elapsed());
            match pool.openings.join() {
                _ if left.is_zero() => break Err(self.out_of_time(way, Setback::crowded())),
                Part::Opens(opener) if pool.is_full(&endpoint.life) => {
                    // Nobody can have begun to wait for it.
                    drop(opener);
                    pool.wait_for_place().await;
                }
                Part::Opens(opener) => {
                    let reached = self.reach_anew(turn, course, http).await;
                    // Others may have more time than we had.
                    if let Err(Setback { reason, .. }) = &reached
                        && reason.is_endpoints_fault()
                    {
                        opener.fail(*reason);
                    }
                    return reached;
                }
                Part::Waits(opening) => {
                    self.progress.enter(Phase::Connecting);
                    self.progress.connecting.set(Some(began));
                    if let Err(failure) = opening.wait(self.deadline, left).await {
                        // Who opens it may not even have asked the endpoint, but wait for a slot.
                        let is_crowded =
                            failure.is_none() && endpoint.life.vitals.wants_connection();
                        let reason = failure.unwrap_or(Reason::ConnectTimeout);
                        let otherwise = match is_crowded {
                            true => Setback::crowded(),
                            false => Setback::before_sending(reason),
                        };
                        break Err(self.out_of_time(way, otherwise));
                    }
                }
            }
            if !pool.may_be_shared(http) {
                course.waited += began.elapsed();
                return self.reach_anew(turn, course, http).await;
            }
            let now = self.worker.now();
            if let Some(attempt) = pool.find(http, Demands::of(way.cluster.plan), now) {
                turn.lease.ask(self.worker.time(now));
                break Ok(attempt);
            }
        };
        course.waited += began.elapsed();
        reached
    }

    /// There was no connection in time: that of the exchange, or else it is as `otherwise` says.
    fn out_of_time(&self, way: Way<'_>, otherwise: Setback) -> Setback {
        if self.left(way).is_zero() {
            return Setback { reason: Reason::ExchangeTimeout, failed: None };
        }
        otherwise
    }

    /// How long it may take until there is a connection.
    fn time_to_connect(&self, way: Way<'_>) -> Duration {
        let UpstreamTimeouts { connect, tls, .. } = way.timeouts();
        let handshake = way.cluster.plan.tls.as_ref().map_or(Duration::ZERO, |_| tls);
        (connect + handshake).min(self.left(way))
    }

    /// A new connection to the endpoint, on which nothing is sent yet.
    pub(super) async fn reach_anew(
        &self,
        turn: &mut Turn<'a>,
        course: &mut Course<'a>,
        http: HttpVersion,
    ) -> Result<Attempt, Setback> {
        let target = turn.target;
        let slot = match Slot::try_new(Arc::clone(&target.endpoint.life)) {
            Some(slot) => slot,
            // Boxed: it is rare, and every exchange would have room for it.
            None => Box::pin(self.wait_for_slot(target, course)).await?,
        };
        let asked = Instant::now();
        self.progress.connecting.set(Some(asked));
        turn.lease.ask(self.worker.time(asked));
        let link = self.connect((target, http), slot).await;
        course.connect = self.is_timed().then(|| asked.elapsed());
        course.waited += course.connect.unwrap_or_default();
        let adopted = target.pool.adopt(link?, http, self.worker);
        adopted.map_err(|unreached| self.unreached(unreached))
    }

    /// Asks, and asks another one too if that takes too long and the cluster wants it.
    async fn ask_in_time<B: Source, A: Answer>(
        &self,
        turn: &mut Turn<'a>,
        attempt: Attempt,
        messages: &mut Messages<'_, B, A>,
        attempts: &mut Attempts<'a>,
    ) -> Result<(Attempt, ResponseHead), AttemptError> {
        match self.hedging(attempts.way, messages) {
            None => {
                let under_way = self.ask(turn.target, attempt, messages);
                self.ask_on(turn, under_way, messages, attempts).await
            }
            // Boxed: it is rare, and every exchange would have room for it.
            Some(hedging) => {
                Box::pin(self.ask_hedged(hedging, (turn, attempt), messages, attempts)).await
            }
        }
    }

    /// Waits for a connection to make way. It is no fault of the endpoint's, which is not asked yet.
    async fn wait_for_slot(
        &self,
        target: Target<'_>,
        course: &mut Course<'_>,
    ) -> Result<Slot<Arc<Life>>, Setback> {
        let began = self.worker.now();
        self.progress.enter(Phase::Connecting);
        self.progress.connecting.set(Some(began));
        let connect = target.way.timeouts().connect;
        let within = connect.min(self.left(target.way));
        let slot = take_slot(self.worker, &target.endpoint.life, target.pool, within).await;
        course.waited += began.elapsed();
        slot.ok_or_else(|| match within < connect {
            true => Setback { reason: Reason::ExchangeTimeout, failed: None },
            false => Setback::crowded(),
        })
    }

    async fn connect(
        &self,
        (target, http): (Target<'_>, HttpVersion),
        slot: Slot<Arc<Life>>,
    ) -> Result<Link, Setback> {
        self.progress.enter(Phase::Connecting);
        match self.open((target, http), self.deadline).await {
            Ok(io) => Ok(Link::new(io, slot, self.worker.now(), self.worker.random())),
            Err(unreached) => Err(self.unreached(unreached)),
        }
    }

    fn unreached(&self, Unreached { reason, detail }: Unreached) -> Setback {
        detail.into_iter().for_each(|detail| self.note_detail(detail));
        Setback::before_sending(reason)
    }

    /// Opens a connection to the endpoint, and counts what comes of it.
    pub(super) async fn open(
        &self,
        (target, http): (Target<'_>, HttpVersion),
        deadline: &Deadline,
    ) -> Result<Io, Unreached> {
        let timeouts = target.way.timeouts();
        let reach = Reach {
            address: target.endpoint.address.ok_or(Reason::NoEndpoint)?,
            name: &target.endpoint.name,
            origination: target.way.cluster.plan.tls.as_deref(),
            http: Some(http).filter(|_| self.listener.protocol == Protocol::Http),
            connect: timeouts.connect,
            tls: timeouts.tls,
            until: timeouts.exchange.and_then(|exchange| self.started.checked_add(exchange)),
        };
        let mut outcome = connect(&reach, deadline).await;
        if outcome.as_ref().is_err_and(|it| it.reason == Reason::OutOfDescriptors) {
            // Idle connections are a luxury: some descriptors are there after all.
            self.world.clear_pools();
            outcome = connect(&reach, deadline).await;
        }
        match &outcome {
            Ok(_) => target.counters.connects.add(1),
            Err(unreached) if unreached.reason.is_endpoints_fault() => {
                target.counters.connect_failures.add(1);
                let now = self.worker.time(self.worker.now());
                let until = now.after(AVOID_AFTER_REFUSAL);
                target.endpoint.life.vitals.avoid(now, until);
                unreached.detail.iter().for_each(|detail| self.log_trouble(target, detail));
            }
            Err(_) => {}
        }
        outcome
    }

    /// Why there is no answer, if it is TLS that has ended the connection, or a version of HTTP that the endpoint does not speak: then that is known,
    /// and told.
    #[cold]
    pub(super) fn explain(
        &self,
        error: AttemptError,
        attempt: &Attempt,
        target: Target<'_>,
    ) -> AttemptError {
        let trouble = Some(attempt).filter(|_| error == AttemptError::Closed);
        if let Some(trouble) = trouble.and_then(Attempt::tls_trouble) {
            self.log_trouble(target, &trouble);
            self.note_detail(trouble);
            return AttemptError::Gave(Reason::TlsFailed);
        }
        if let Some(why) = attempt.detail(error) {
            // Who says nothing may as well have died, or have nobody behind it.
            if matches!(error, AttemptError::Malformed(_)) {
                self.log_broken_rule(target, &why);
            }
            self.note_detail(why.into());
        }
        error
    }

    /// The body of an answer breaks this rule, or its framing does.
    #[cold]
    pub(super) fn note_broken_rule(&self, target: Target<'_>, rule: &'static str) {
        self.log_broken_rule(target, rule);
        self.note_detail(rule.into());
    }

    /// Tells of it now and then: also where it speaks another version of HTTP than its cluster's `http`.
    fn log_broken_rule(&self, target: Target<'_>, why: &str) {
        let now = self.worker.time(self.worker.now());
        if target.endpoint.life.breaks_rules.is_due(now, NOW_AND_THEN) {
            let (cluster, endpoint) = (&*target.way.cluster.plan.name, &*target.endpoint.name);
            tracing::warn!(cluster, endpoint, why, "an endpoint breaks the rules of HTTP");
        }
    }

    fn log_trouble(&self, target: Target<'_>, why: &str) {
        let (cluster, endpoint) = (target.way.cluster.plan, &*target.endpoint.name);
        let now = self.worker.time(self.worker.now());
        if cluster.tls.as_ref().is_some_and(|tls| tls.is_news(endpoint, now)) {
            let cluster = &*cluster.name;
            tracing::warn!(cluster, endpoint, why, "no secure connection to an endpoint");
        }
    }
}

/// What a request is asked in, where the endpoints of its cluster are asked in `http`: those who would rather speak something else have to have
/// a connection of their own for that, where there is a choice.
fn http_of<B, A>(http: HttpVersion, messages: &Messages<'_, B, A>) -> HttpVersion {
    match http {
        HttpVersion::Auto if messages.offer.is_some() => HttpVersion::Http1,
        http => http,
    }
}

/// The connection on which the endpoint has to say something before it is asked, as it is asked what may not be done twice: the system accepts connections for
/// servers that are about to end, or hang, and will never look at them, and when such a one breaks nobody can tell what was done on it.
fn mute<'m, B, A>(attempt: &'m Attempt, messages: &Messages<'_, B, A>) -> Option<&'m Multiplexed> {
    attempt.ungreeted().filter(|_| !messages.head.method.is_idempotent())
}

impl Turn<'_> {
    /// For how long a trial may take at the endpoint, while that is suspected to stall.
    pub(super) fn suspicion(&self) -> Option<Duration> {
        self.lease.of().suspicion()
    }

    /// Whether it is in vain to wait for the endpoint: it is suspected since, or was already and has not passed its trial.
    pub(super) fn stalls(&self, on_trial: Option<Duration>, asked: Instant) -> bool {
        self.suspicion().is_some() && on_trial.is_none_or(|pause| asked.elapsed() >= pause)
    }

    /// Whether the endpoint is likely to do better than one that stalls.
    pub(super) fn is_promising(&self, now: Time) -> bool {
        self.suspicion().is_none() && self.target.endpoint.is_well(now)
    }
}

impl Setback {
    /// Nothing of the request has left us.
    fn before_sending(reason: Reason) -> Self {
        let failed = failure_of(reason).map(|failure| Failed { failure, sent: false });
        Self { reason, failed }
    }

    /// The endpoint has as many connections as it may, and none made way in time.
    fn crowded() -> Self {
        let failed = Failed { failure: Failure::Crowded, sent: false };
        Self { reason: Reason::Overloaded, failed: Some(failed) }
    }

    /// What has been sent may have been acted upon, unless the endpoint says that it was not.
    fn after_sending(error: AttemptError) -> Self {
        let reason = error.reason();
        let failure = match error {
            AttemptError::Unasked | AttemptError::Refused => Some(Failure::RefusedStream),
            _ => failure_of(reason),
        };
        Self { reason, failed: failure.map(|failure| Failed { failure, sent: true }) }
    }
}
