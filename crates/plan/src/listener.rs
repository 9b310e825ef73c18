//! An address we accept on, and what may come in there.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use evenkeel_proto::field::UnusualNames;
use evenkeel_proto::http2::Fault;
use evenkeel_proto::method::Method;
use evenkeel_proto::path::PathRules;
use ipnet::IpNet;

use crate::admission::{Admission, Door, Refusal};
use crate::counters::{Counter, Counters, Gauge, Histogram, Sharded};
use crate::errors::ErrorAnswers;
use crate::reason::Reason;
use crate::route::Router;
use crate::tls::{Handshake, Objection, Termination};

/// An address we accept on.
#[derive(Debug)]
pub struct Listener {
    /// As the config names it.
    pub name: Box<str>,
    /// Where it listens.
    pub binds: Vec<Bind>,
    /// What comes in there.
    pub protocol: Protocol,
    /// Whether requests may come over HTTP/2, too.
    pub http2: bool,
    /// What is asked of each connection; `None` for nothing.
    pub door: Option<Box<Door>>,
    /// What is asked of each request before its route is looked for; `None` for nothing.
    pub admission: Option<Arc<Admission>>,
    /// Whether anything is asked of requests, by the listener or one of its routes.
    pub is_guarded: bool,
    /// Who answers what; shared with the next plan if that has the same.
    pub routes: Arc<Router>,
    /// Whose word about the client is believed.
    pub trusted_proxies: TrustedProxies,
    /// How long a client may take.
    pub timeouts: DownstreamTimeouts,
    /// How much a client may send.
    pub limits: DownstreamLimits,
    /// What may stand in a request's path.
    pub paths: PathRules,
    /// What becomes of fields with unusual names.
    pub header_names: UnusualNames,
    /// How the errors that we make ourselves are answered.
    pub errors: Arc<ErrorAnswers>,
    /// How it speaks TLS with clients; `None` for clear text.
    pub tls: Option<Termination>,
    /// Where requests are sent instead of being served: the port of `https` that they shall come to; `None` for nowhere.
    pub redirect_to_https: Option<u16>,
    /// What answers say of how long clients shall come by TLS only: the value of `Strict-Transport-Security` (RFC 6797 §6.1).
    pub hsts: Option<Box<str>>,
    /// Outlives this plan; carried over by whoever makes the next one.
    pub counters: Arc<Sharded<ListenerCounters>>,
}

/// What comes in by a listener: inside TLS, if the listener speaks that itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Requests.
    #[default]
    Http,
    /// Streams of bytes that mean nothing to us.
    Tcp,
    /// Streams of TLS that we pass on without a key, by what their clients say first.
    Tls,
}

/// Where a listener listens. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Bind {
    /// This port on every address of the machine, IPv6 and IPv4.
    Any(u16),
    /// This address only.
    Only(SocketAddr),
    /// The sockets that whoever started us has opened and named so, as systemd does for a `.socket` unit.
    Inherited(Arc<str>),
}

impl Bind {
    /// The port, if it is known.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Any(port) => Some(*port),
            Self::Only(address) => Some(address.port()),
            Self::Inherited(_) => None,
        }
    }
}

impl std::fmt::Display for Bind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any(port) => write!(f, ":{port}"),
            Self::Only(address) => address.fmt(f),
            Self::Inherited(name) => write!(f, "fd:{name}"),
        }
    }
}

/// The networks whose `X-Forwarded-*` and `X-Request-ID` are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Box<[IpNet]>);

impl TrustedProxies {
    /// Trusts these networks.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks.into())
    }

    /// Whether `address` is in one of the networks. An IPv4 client of a dual-stack socket counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// How long a client may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DownstreamTimeouts {
    /// For the handshake of TLS; or for its first message, where it is passed on.
    pub tls: Duration,
    /// For a whole head, from its first byte.
    pub header: Duration,
    /// Without progress of a request body, which is [`crate::limits::PROGRESS_BYTES_MIN`].
    pub body: Duration,
    /// Between two requests on one connection.
    pub keep_alive: Duration,
    /// Without taking as much of the answer.
    pub write: Duration,
    /// Without a byte in either direction, once the connection has become a tunnel (RFC 9110 §7.8), or of a stream.
    pub tunnel: Duration,
}

impl Default for DownstreamTimeouts {
    fn default() -> Self {
        Self {
            tls: Duration::from_secs(10),
            header: Duration::from_secs(10),
            body: Duration::from_secs(30),
            keep_alive: Duration::from_secs(75),
            write: Duration::from_secs(30),
            tunnel: Duration::from_secs(3600),
        }
    }
}

/// How much a client may send in one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DownstreamLimits {
    /// The whole head, in bytes.
    pub header_bytes: usize,
    /// How many fields.
    pub header_count: usize,
    /// The target of the request line, in bytes.
    pub target_bytes: usize,
    /// The body, in bytes; `None` for any length.
    pub body: Option<u64>,
    /// How many requests at once over one connection of HTTP/2.
    pub streams: u32,
}

impl Default for DownstreamLimits {
    fn default() -> Self {
        Self {
            header_bytes: 32 * 1024,
            header_count: 100,
            target_bytes: 8 * 1024,
            body: None,
            streams: 128,
        }
    }
}

/// What one worker counts about one listener.
#[derive(Debug, Default)]
pub struct ListenerCounters {
    /// Connections accepted.
    pub connections: Counter,
    /// Connections open now.
    pub connections_active: Gauge,
    /// Connections that were closed as soon as they were accepted, by reason.
    pub refused: [Counter; Refusal::COUNT],
    /// Handshakes of TLS that have ended, by what they came to.
    pub handshakes: Counters<{ Handshake::COUNT }>,
    /// Of these the refused ones, by what was wrong.
    pub objections: Counters<{ Objection::COUNT }>,
    /// Connections of HTTP/2 that were ended for what their client sent, by what that was.
    pub http2_faults: Counters<{ Fault::COUNT }>,
    /// Connections that a panic ended: each is a mistake of ours.
    pub panics: Counter,
    /// Requests answered, by method and class of status (`[0]` is 1xx).
    pub requests: [[Counter; 5]; Method::COUNT],
    /// Answers that we made ourselves, or exchanges that broke, by reason.
    pub failures: Counters<{ Reason::COUNT }>,
    /// From the first byte of a request to the last byte of its answer.
    pub duration: Histogram,
    /// Bytes of bodies received from clients.
    pub bytes_in: Counter,
    /// Bytes of bodies sent to clients.
    pub bytes_out: Counter,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_ipv4_client_is_trusted_as_ipv4() {
        let trusted = TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()]);
        assert!(trusted.contains("10.1.2.3".parse().unwrap()));
        assert!(trusted.contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!trusted.contains("11.0.0.1".parse().unwrap()));
        assert!(!TrustedProxies::default().contains("127.0.0.1".parse().unwrap()));
    }
}
