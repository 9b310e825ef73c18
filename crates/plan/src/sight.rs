//! Seeing what is in flight, on demand: nothing is written down while nobody looks.
//!
//! `proxy` implements [`Sight`], the binary hands it to the admin API in `control`; neither knows the other.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::story;

/// A look at the connections of all workers, and the exchanges on them.
pub trait Sight: fmt::Debug + Send + Sync {
    /// Puts `question` to every worker, and returns at once. A worker that can answer calls `tell` once, from its own thread;
    /// one that has ended has nothing in flight, which is told for it. When nobody will answer any more, all clones of `tell`
    /// have been dropped.
    fn look(&self, question: &Question, tell: Tell);

    /// Asks every worker for stories of exchanges that are over, as [`Sight::look`] does; a worker that has ended has forgotten its own.
    fn recall(&self, question: &story::Question, tell: story::Tell);
}

/// What is called with each worker's answer. It must not block: the worker has clients.
pub type Tell = Arc<dyn Fn(Answer) + Send + Sync>;

/// What somebody wants to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// Connections of this listener only.
    pub listener: Option<Box<str>>,
    /// Connections with an exchange only.
    pub exchanges_only: bool,
    /// How many connections each worker may show; the others are counted. 0 counts all.
    pub max: usize,
}

/// What one worker sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The worker's number.
    pub worker: usize,
    /// How many connections there are that were asked for.
    pub total: usize,
    /// The oldest of them, oldest first: those with the longest-running exchanges if it was asked for exchanges only, else those
    /// that have been open for longest.
    pub connections: Vec<Connection>,
}

/// A client's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The name of the listener that it came in by.
    pub listener: Box<str>,
    /// Who is connected to us.
    pub client: SocketAddr,
    /// Since it was accepted, to a tenth of a second.
    pub open: Duration,
    /// Requests of which the head was read, the running one among them.
    pub requests: u64,
    /// The running exchange. `None` while there is none: the connection is idle, a head is being read, or a request is refused
    /// without being passed on.
    pub exchange: Option<Exchange>,
}

/// An exchange that runs. Its texts come from outside: they are valid UTF-8, and at most [`TEXT_BYTES_MAX`] long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The method as it was sent; [`evenkeel_proto::head::STREAM`] for a stream.
    pub method: Box<str>,
    /// The path in its normal form, without the query: queries carry tokens.
    pub target: Box<str>,
    /// Whom the client wants to talk to, if it says so.
    pub host: Option<Box<str>>,
    /// The identity under which the request goes on.
    pub request_id: Box<str>,
    /// The name of the cluster; `None` while none is chosen.
    pub cluster: Option<Box<str>>,
    /// The name of the endpoint that was tried last; `None` while none is chosen.
    pub endpoint: Option<Box<str>>,
    /// How many endpoints were tried.
    pub attempts: u32,
    /// Since the first byte of the request.
    pub running: Duration,
    /// How far it is.
    pub phase: Phase,
}

/// How far an exchange is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// No endpoint is chosen yet.
    #[default]
    Choosing,
    /// A connection to the endpoint is being opened.
    Connecting,
    /// The request is on its way to the endpoint, which has not begun its final answer.
    Asking,
    /// The answer goes to the client; the request's body may still be coming.
    Relaying,
    /// The endpoint has switched protocols, or it is a stream, and bytes go both ways.
    Tunnel,
    /// It failed, and our own answer goes to the client.
    Refusing,
}

/// The longest text of an [`Exchange`], in bytes. What is longer is cut: targets and hosts may be kilobytes, and ten thousand
/// of them may be asked for.
pub const TEXT_BYTES_MAX: usize = 256;
