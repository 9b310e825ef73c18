//! What the access log says about an exchange. The connection hands it over when the exchange has ended.

use std::net::SocketAddr;
use std::time::Duration;

use evenkeel_plan::counters::Sharded;
use evenkeel_plan::reason::Reason;
use evenkeel_plan::route::{Route, RouteCounters};
use evenkeel_proto::grpc::Status;
use evenkeel_proto::head::RequestHead;

mod combined;
mod escape;
mod figures;
mod json;
mod log;
mod request;

pub(crate) use combined::combined;
pub(crate) use json::json;
pub(crate) use log::Log;
pub(crate) use request::split_port;

/// An exchange that has ended, or a request that never became one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    /// When its first byte was read, as time since 1970.
    pub(crate) began: Duration,
    /// The name of the listener that it came in by.
    pub(crate) listener: &'a str,
    /// Who is connected to us.
    pub(crate) client: SocketAddr,
    /// Whom its certificate is for, if it has proved who it is by one that says so.
    pub(crate) subject: Option<&'a str>,
    /// `http` or `https`, of a request.
    pub(crate) scheme: &'a str,
    /// The request, or what stands for a stream, if one could be read.
    pub(crate) head: Option<&'a RequestHead>,
    /// The identity under which it went on.
    pub(crate) request_id: &'a [u8],
    /// The status of the answer, of a call of gRPC the one that stands for its own; `None` if the client saw nothing of any.
    pub(crate) status: Option<u16>,
    /// How it ended, if it was a call of gRPC.
    pub(crate) call: Option<Status>,
    /// Why it failed, if it did.
    pub(crate) failure: Option<Reason>,
    /// What is known of that besides, for a person.
    pub(crate) detail: Option<&'a str>,
    /// Bytes of body received from the client.
    pub(crate) bytes_in: u64,
    /// Bytes of body sent to the client.
    pub(crate) bytes_out: u64,
    /// From its first byte to the last byte of its answer.
    pub(crate) total: Duration,
    pub(crate) course: Course<'a>,
}

impl Record<'_> {
    /// Whether it is about a stream, which has no answer.
    fn is_stream(&self) -> bool {
        self.head.is_some_and(RequestHead::is_stream)
    }

    /// Whether it failed, or was answered with 400 or above, or with nothing.
    fn has_failed(&self) -> bool {
        let is_bad = self.status.map_or(!self.is_stream(), |status| status >= 400);
        self.failure.is_some_and(|reason| !reason.is_meant()) || is_bad
    }
}

/// What is told about the route of an exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RouteTaken<'a> {
    pub(crate) name: &'a str,
    pub(crate) counters: &'a Sharded<RouteCounters>,
    /// Whether it makes calls of gRPC-Web calls of gRPC.
    pub(crate) translates: bool,
}

impl<'a> From<&'a Route> for RouteTaken<'a> {
    fn from(route: &'a Route) -> Self {
        Self { name: &route.name, counters: &route.counters, translates: route.grpc_web }
    }
}

/// Which way an exchange took, and what it waited for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Course<'a> {
    /// The route; `None` if there was none for it.
    pub(crate) route: Option<RouteTaken<'a>>,
    /// The name of the cluster.
    pub(crate) cluster: Option<&'a str>,
    /// The name of the endpoint that was tried last.
    pub(crate) endpoint: Option<&'a str>,
    /// How many endpoints were tried.
    pub(crate) attempts: u32,
    /// Until the first attempt could begin.
    pub(crate) queue: Option<Duration>,
    /// For the connection of the last attempt; `None` if an idle one was used.
    pub(crate) connect: Option<Duration>,
    /// From the request's first byte sent to the answer's head received.
    pub(crate) first_byte: Option<Duration>,
    /// How much of the whole was waiting for either side.
    pub(crate) waited: Duration,
    /// What we added ourselves: all but the waiting.
    pub(crate) own: Option<Duration>,
    /// Whether a rate limit would have refused it that only counts.
    pub(crate) would_limit: bool,
}

#[cfg(test)]
mod tests;
