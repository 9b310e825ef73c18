//! From a request to where it goes, whichever endpoint answers: its route, and one of that one's clusters. Asked by the exchange.

use std::net::IpAddr;
use std::time::Duration;

use evenkeel_plan::balance::Session;
use evenkeel_plan::balance::hash::stable::mix;
use evenkeel_plan::cluster::UpstreamTimeouts;
use evenkeel_plan::reason::Reason;
use evenkeel_plan::retry::Failure;
use evenkeel_plan::route::Route;
use evenkeel_plan::vitals::Heard;
use evenkeel_proto::field::Field;
use evenkeel_proto::forward::origin;
use evenkeel_proto::grpc::web::Dialect;
use evenkeel_proto::grpc::{self, Retold, Status};
use evenkeel_proto::head::{RequestHead, ResponseHead};

use super::attempt::Target;
use super::verdict::heard_in;
use super::{Exchange, Messages};
use crate::access::Course;
use crate::world::{Asked, ClusterView};

/// Where an exchange goes, whichever endpoint answers: decided once, so that a second try goes the same way.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) route: &'a Route,
    pub(super) cluster: ClusterView<'a>,
    pub(super) asked: Asked,
    /// How much time the client says is left, if it may say so.
    pub(super) left: Option<Duration>,
    /// Whether it is a call of gRPC, and has a time limit by the word of its client.
    call: Option<Call>,
}

/// A call of gRPC.
#[derive(Clone, Copy)]
struct Call {
    is_timed: bool,
}

impl<'a> Exchange<'a> {
    /// The route of the request, and one of its clusters.
    ///
    /// # Errors
    /// The reason to refuse the request, if there is none.
    pub(super) fn find_way<B, A>(
        &self,
        messages: &mut Messages<'_, B, A>,
        course: &mut Course<'a>,
    ) -> Result<Way<'a>, Reason> {
        let head = messages.head;
        let route = match self.listener.is_guarded {
            false => self.route(head, course)?,
            true => self.guarded_route(messages, course)?,
        };
        if route.grpc_web {
            messages.translate();
        }
        let (cluster, asked) = self.divide(route, head).ok_or(Reason::NoEndpoint)?;
        course.cluster = Some(&cluster.plan.name);
        cluster.earn(self.worker.time(self.started));
        let is_call = messages.web.is_some() || grpc::is_call(head);
        // The client may say so of its own call.
        let limit = is_call.then(|| grpc::timeout(&head.fields)).flatten();
        let left = self.time_left(cluster, head).into_iter().chain(limit).min();
        let call = is_call.then_some(Call { is_timed: limit.is_some() });
        Ok(Way { route, cluster, asked, left, call })
    }

    /// The route of the request.
    pub(super) fn route(
        &self,
        head: &RequestHead,
        course: &mut Course<'a>,
    ) -> Result<&'a Route, Reason> {
        let routes = &self.listener.routes;
        let found = match self.hello {
            None => routes.route(head),
            Some(hello) => routes.route_stream(hello).ok(),
        };
        let route = found.ok_or(Reason::NoRoute)?;
        course.route = Some(route.into());
        Ok(route)
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

    /// How much time is left by the word of a trusted proxy.
    fn time_left(&self, cluster: ClusterView<'_>, head: &RequestHead) -> Option<Duration> {
        let name = cluster.plan.deadline_header.as_ref().filter(|_| self.client.trusted)?;
        let said = |field: &Field<'_>| field.name.eq_ignore_ascii_case(name.as_bytes());
        let millis = std::str::from_utf8(head.fields.iter().find(said)?.value).ok()?.trim().parse();
        millis.ok().map(Duration::from_millis)
    }

    /// The client's address, as far as it can be believed.
    pub(super) fn origin(&self, head: &RequestHead) -> IpAddr {
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
}

impl Way<'_> {
    /// Whether the request belongs to a session that is at one endpoint: that one has what the session is about, and its answer counts.
    pub(super) fn is_bound(&self) -> bool {
        matches!(self.asked.session, Some(Session::At { .. }))
    }

    /// How long an endpoint may take.
    pub(super) fn timeouts(&self) -> UpstreamTimeouts {
        let timeouts = self.route.timeouts(self.cluster.plan.timeouts);
        let exchange = timeouts.exchange.into_iter().chain(self.left).min();
        UpstreamTimeouts { exchange, ..timeouts }
    }

    /// Why the client has left that did so after so long. A client that ends its call when its time is up is here before our own deadline is, as
    /// that is coarse, and its clock began earlier: such a call has taken too long, and nobody has changed their mind.
    pub(super) fn departure(&self, running: Duration) -> Reason {
        let limit = self.call.filter(|call| call.is_timed).and_then(|_| self.timeouts().exchange);
        let is_over = |limit: Duration| running + DEPARTURE_EARLY_MAX.max(limit / 50) >= limit;
        if limit.is_some_and(is_over) { Reason::ExchangeTimeout } else { Reason::ClientGone }
    }

    /// What an endpoint is told about the time that is left, of an exchange that runs for so long already.
    pub(super) fn deadline(&self, running: impl FnOnce() -> Duration) -> Option<(&str, u64)> {
        let name = self.cluster.plan.deadline_header.as_deref()?;
        let left = self.timeouts().exchange?.saturating_sub(running());
        Some((name, u64::try_from(left.as_millis()).unwrap_or(u64::MAX)))
    }

    /// What it is told of a call of gRPC otherwise than the client has said it: how much time is left for it by now, if that has set it a limit; and
    /// what it is in gRPC, if that speaks gRPC-Web.
    pub(super) fn retold<'w>(
        &self,
        web: Option<&'w Dialect>,
        running: impl FnOnce() -> Duration,
    ) -> Option<Retold<'w>> {
        let call = self.call?;
        let exchange = if call.is_timed { self.timeouts().exchange } else { None };
        let timeout = exchange.map(|exchange| exchange.saturating_sub(running()));
        (timeout.is_some() || web.is_some()).then_some(Retold { timeout, web })
    }

    /// Whether it is none, and goes to servers of calls.
    pub(super) fn is_stray(&self) -> bool {
        self.call.is_none() && self.cluster.plan.is_for_calls()
    }

    /// Whether it is a call of gRPC.
    pub(super) fn is_call(&self) -> bool {
        self.call.is_some()
    }

    /// How a call of gRPC has failed of which this is all of the answer. What speaks against nobody is an answer like any other, unless the config wants
    /// another attempt after it.
    pub(super) fn failure_of_call(&self, head: &ResponseHead) -> Option<Failure> {
        self.call?;
        let status = grpc::status(&head.fields)?;
        let failure = Failure::of_call(status, grpc::pushback(&head.fields))?;
        let counts =
            Status::read(status).is_fault() || self.cluster.plan.resilience.retry.wants(failure);
        counts.then_some(failure)
    }

    /// How a call has gone, as far as the head of its answer says that: it is all of it, or no answer of gRPC.
    pub(super) fn status_of_call(&self, head: &ResponseHead) -> Option<Status> {
        self.call?;
        match grpc::status(&head.fields) {
            Some(status) => Some(Status::read(status)),
            None => (head.status != 200).then(|| Status::of_http(head.status)),
        }
    }

    /// What the head of an answer says about its endpoint. Those of calls that have failed have the status 200, too.
    pub(super) fn heard_in(&self, head: &ResponseHead) -> Heard {
        match self.status_of_call(head) {
            Some(status) if head.status == 200 && status.is_fault() => Heard::Failure,
            None if self.is_call() => Heard::Begun,
            _ => heard_in(head.status),
        }
    }
}

impl<B, A> Messages<'_, B, A> {
    /// Whether the client may have nothing to say for as long as it likes, before all of its request has come: it is a call of which nobody knows how
    /// many messages it will have. Any byte is progress then: a message may be as small as that.
    pub(super) fn may_be_quiet(&self, way: Way<'_>) -> bool {
        way.is_call() && !self.has_length()
    }
}

/// Sets the hash that chooses a cluster apart from those that choose an endpoint.
const DIVISION: u64 = u64::MAX - 1;

/// How much earlier than we think a client may end a call whose time is up: what its request took to get here, and what its end has.
const DEPARTURE_EARLY_MAX: Duration = Duration::from_millis(20);
