//! The exchange: one request and its answer, whatever protocol either side speaks. Called by the protocols downstream.
//!
//! route → balance → attempt → relay. It is written once; codecs differ, this does not.

use std::future::poll_fn;
use std::net::IpAddr;
use std::task::Poll;
use std::time::Instant;

use evenkeel_plan::balance::Tried;
use evenkeel_plan::counters::Counter;
use evenkeel_plan::endpoint::EndpointCounters;
use evenkeel_plan::limits::AVOID_AFTER_REFUSAL;
use evenkeel_plan::reason::Reason;
use evenkeel_plan::{Endpoint, Listener};
use evenkeel_proto::forward::ClientFacts;
use evenkeel_proto::head::{RequestHead, ResponseHead};
use evenkeel_proto::http1::Framing;

use crate::body::{Pump, Sink, Source};
use crate::deadline::Deadline;
use crate::patience::Patience;
use crate::upstream::attempt::{Attempt, AttemptError, connect};
use crate::upstream::pool::Pool;
use crate::worker::{RequestId, Worker};
use crate::world::{ClusterView, World};

mod ask;
mod relay;

/// Where an answer goes: a sink that can be given heads.
pub(crate) trait Answer: Sink {
    /// Begins the final answer. `framing` is that of the endpoint's body; `request_done` says whether all of the request was
    /// read, without which the connection cannot carry another one.
    fn begin(&mut self, head: &ResponseHead, framing: Framing, request_done: bool);

    /// Passes an interim answer on, where the client can take one.
    fn interim(&mut self, head: &ResponseHead);

    /// Answers in our own name, and says why.
    fn refuse(&mut self, reason: Reason, request_done: bool);
}

/// What an exchange is about, apart from its messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exchange<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) world: &'a World,
    pub(crate) listener: &'a Listener,
    pub(crate) deadline: &'a Deadline,
    pub(crate) client: IpAddr,
    pub(crate) request_id: &'a RequestId,
    pub(crate) started: Instant,
}

/// The messages of an exchange: the request as it comes in, and where its answer goes.
#[derive(Debug)]
pub(crate) struct Messages<'a, B, A> {
    pub(crate) head: &'a RequestHead,
    pub(crate) framing: Framing,
    pub(crate) body: B,
    pub(crate) answer: A,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ended {
    /// The status of the answer; `None` if the client saw nothing of any.
    pub(crate) status: Option<u16>,
    /// Why it failed, if it did.
    pub(crate) failure: Option<Reason>,
    /// Whether the answer breaks off, so that the client must be made to see that.
    pub(crate) broken: bool,
    /// Bytes of body received from the client.
    pub(crate) bytes_in: u64,
    /// Bytes of body sent to the client.
    pub(crate) bytes_out: u64,
}

/// The endpoint that was chosen, and where it stands.
#[derive(Clone, Copy)]
struct Target<'a> {
    cluster: ClusterView<'a>,
    endpoint: &'a Endpoint,
    pool: &'a Pool,
    counters: &'a EndpointCounters,
}

/// Why an attempt did not lead to an answer.
struct Setback {
    reason: Reason,
    /// Whether another endpoint may be tried: nothing of the request has left us.
    again: bool,
}

impl<'a> Exchange<'a> {
    /// Finds an endpoint, and passes the request there and the answer back.
    pub(crate) async fn run<B: Source, A: Answer>(
        &self,
        messages: &mut Messages<'_, B, A>,
    ) -> Ended {
        let mut request = Pump::default();
        let mut tried = Tried::default();
        let mut reason = Reason::NoEndpoint;
        while let Some(target) = self.choose(&mut tried) {
            let _lease = target.endpoint.life.vitals.lease();
            match self.attempt(target, messages, &mut request).await {
                Ok((attempt, head)) => {
                    return self.relay(target, (attempt, head), messages, &mut request).await;
                }
                Err(setback) => {
                    target.counters.failures.add(u64::from(setback.reason.is_endpoints_fault()));
                    reason = setback.reason;
                    if !setback.again {
                        break;
                    }
                }
            }
        }
        self.refuse(reason, messages, &request).await
    }

    /// The next endpoint to try.
    fn choose(&self, tried: &mut Tried) -> Option<Target<'a>> {
        let cluster = self.world.cluster(self.listener.to)?;
        if tried.is_full() {
            return None;
        }
        let now = self.worker.time(self.started);
        let choice = cluster.pick(tried, now, self.worker.random())?;
        tried.insert(choice.position);
        let (endpoint, pool) = cluster.chosen(choice)?;
        let counters = endpoint.life.counters.shard(self.worker.index);
        counters.attempts.add(1);
        Some(Target { cluster, endpoint, pool, counters })
    }

    /// One try at one endpoint, up to the head of its final answer. An idle connection may have been closed at the moment
    /// at which we took it; then the request goes out once more on a new one, if that cannot do harm.
    async fn attempt<B: Source, A: Answer>(
        &self,
        target: Target<'a>,
        messages: &mut Messages<'_, B, A>,
        request: &mut Pump,
    ) -> Result<(Attempt, ResponseHead), Setback> {
        if let Some(io) = target.pool.check_out() {
            target.counters.reuses.add(1);
            let attempt = Attempt::new(io, true);
            match self.ask(target, attempt, messages, request).await {
                // RFC 9110 §9.2.2: only what may be done twice is sent twice, as the endpoint may have seen it.
                Err(AttemptError::Stale)
                    if messages.head.method.is_idempotent() && request.is_untouched() =>
                {
                    *request = Pump::default();
                }
                outcome => return outcome.map_err(Setback::after_sending),
            }
        }
        let io = self.connect(target).await?;
        let attempt = Attempt::new(io, false);
        self.ask(target, attempt, messages, request).await.map_err(Setback::after_sending)
    }

    async fn connect(&self, target: Target<'_>) -> Result<crate::io::Io, Setback> {
        let refused = |reason| Setback { reason, again: true };
        let address = target.endpoint.address.ok_or(refused(Reason::NoEndpoint))?;
        let timeout = target.cluster.plan.timeouts.connect;
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
                Err(Setback { reason: Reason::OutOfDescriptors, again: false })
            }
            Err(reason) => {
                target.counters.connect_failures.add(1);
                let until = self.worker.time(self.worker.now()).after(AVOID_AFTER_REFUSAL);
                target.endpoint.life.vitals.avoid(until);
                Err(refused(reason))
            }
        }
    }

    /// Answers in our own name.
    async fn refuse<B, A: Answer>(
        &self,
        reason: Reason,
        messages: &mut Messages<'_, B, A>,
        request: &Pump,
    ) -> Ended {
        let mut ended =
            Ended { failure: Some(reason), bytes_in: request.moved(), ..Ended::default() };
        if reason == Reason::ClientGone {
            ended.broken = true;
            return ended;
        }
        messages.answer.refuse(reason, request.is_done() || messages.framing == Framing::Empty);
        ended.status = Some(reason.status());
        ended.broken = flush(&mut messages.answer, self.deadline, self.listener).await.is_err();
        ended
    }

    /// What the endpoint is told about the client.
    pub(crate) fn facts(&self) -> ClientFacts<'_> {
        ClientFacts {
            address: self.client,
            scheme: "http",
            trusted: self.listener.trusted_proxies.contains(self.client),
            request_id: self.request_id.as_str(),
        }
    }

    fn patience(&self, target: Target<'_>) -> Patience<'_> {
        Patience::new(self.deadline, self.listener.timeouts, target.cluster.plan.timeouts)
    }
}

impl Setback {
    /// What has been sent may have been acted upon, so no other endpoint gets it.
    fn after_sending(error: AttemptError) -> Self {
        let reason = match error {
            AttemptError::Stale | AttemptError::Closed => Reason::UpstreamClosed,
            AttemptError::Malformed => Reason::UpstreamMalformed,
            AttemptError::Gave(reason) => reason,
        };
        Self { reason, again: false }
    }
}

/// Sends what an answer still holds, for as long as the client takes any of it.
pub(crate) async fn flush(
    answer: &mut impl Sink,
    deadline: &Deadline,
    listener: &Listener,
) -> Result<(), Reason> {
    deadline.set(listener.timeouts.write);
    poll_fn(|cx| match answer.poll_flush(cx) {
        Poll::Pending if deadline.is_expired() => Poll::Ready(Err(Reason::ClientGone)),
        outcome => outcome.map_err(|_| Reason::ClientGone),
    })
    .await
}

/// Adds to the class of `status`. 101 to 599 have one; what lies beyond is counted with the last.
pub(crate) fn count_status(classes: &[Counter; 5], status: u16) {
    classes[usize::from(status / 100).clamp(1, 5) - 1].add(1);
}
