//! What `/api/v1/connections` and `/api/v1/exchanges` answer, as types: `look` fills them, the command line and the tests read
//! them.

use std::net::SocketAddr;

use evenkeel_plan::sight::{Connection, Exchange, Phase};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Connections, and the exchanges on them, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InFlight {
    /// How many there are that were asked for.
    pub total: usize,
    /// How many of them are listed.
    pub shown: usize,
    /// The numbers of the workers that did not answer within a second: theirs are neither counted nor listed.
    pub silent_workers: Vec<usize>,
    /// The oldest first: of `/connections` those that have been open for longest, of `/exchanges` those whose exchange has been
    /// running for longest.
    pub connections: Vec<ConnectionInFlight>,
}

/// A client's connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConnectionInFlight {
    /// The number of the worker that serves it.
    pub worker: usize,
    /// The name of the listener that it came in by.
    pub listener: String,
    /// The address of whoever is connected to us.
    #[schema(value_type = String)]
    pub client: SocketAddr,
    /// Since it was accepted, to a tenth of a second.
    pub open_seconds: f64,
    /// How many requests have come on it, the running one among them.
    pub requests: u64,
    /// The running exchange; `None` while it is idle, a request's head is being read, or a request is refused without being
    /// passed on.
    pub exchange: Option<ExchangeInFlight>,
}

/// An exchange that runs. Texts from outside are at most 256 bytes long; what is longer is cut.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExchangeInFlight {
    /// The method as it was sent; `STREAM` for a stream of bytes, which has none.
    pub method: String,
    /// The path in its normal form, without the query: queries carry tokens. Empty for a stream.
    pub target: String,
    /// Whom the client wants to talk to, of a stream of TLS its server name; `None` if it does not say.
    pub host: Option<String>,
    /// The identity under which the request goes on, as `X-Request-ID` and the access log have it.
    pub request_id: String,
    /// The cluster; `None` while none is chosen.
    pub cluster: Option<String>,
    /// The endpoint that was tried last; `None` while none is chosen.
    pub endpoint: Option<String>,
    /// How many endpoints were tried.
    pub attempts: u32,
    /// Since the first byte of the request.
    pub running_seconds: f64,
    /// How far it is.
    pub phase: ExchangePhase,
}

/// How far an exchange is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExchangePhase {
    /// No endpoint is chosen yet.
    Choosing,
    /// A connection to the endpoint is being opened.
    Connecting,
    /// The request is on its way to the endpoint, which has not begun its answer.
    Asking,
    /// The answer goes to the client; the request's body may still be coming.
    Relaying,
    /// The endpoint has switched protocols, to a WebSocket say, or it is a stream, and bytes go both ways.
    Tunnel,
    /// It failed, and our own answer goes to the client.
    Refusing,
}

impl ConnectionInFlight {
    /// What worker number `worker` has seen.
    pub(super) fn new(worker: usize, seen: Connection) -> Self {
        Self {
            worker,
            listener: seen.listener.into(),
            client: seen.client,
            open_seconds: seen.open.as_secs_f64(),
            requests: seen.requests,
            exchange: seen.exchange.map(Into::into),
        }
    }
}

impl From<Exchange> for ExchangeInFlight {
    fn from(seen: Exchange) -> Self {
        Self {
            method: seen.method.into(),
            target: seen.target.into(),
            host: seen.host.map(Into::into),
            request_id: seen.request_id.into(),
            cluster: seen.cluster.map(Into::into),
            endpoint: seen.endpoint.map(Into::into),
            attempts: seen.attempts,
            running_seconds: seen.running.as_secs_f64(),
            phase: seen.phase.into(),
        }
    }
}

impl From<Phase> for ExchangePhase {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Choosing => Self::Choosing,
            Phase::Connecting => Self::Connecting,
            Phase::Asking => Self::Asking,
            Phase::Relaying => Self::Relaying,
            Phase::Tunnel => Self::Tunnel,
            Phase::Refusing => Self::Refusing,
        }
    }
}
