//! Sticky sessions: who came before goes where it went. The exchange asks for a request's session before it picks, and sets the cookie.

use std::time::Duration;

use evenkeel_proto::head::RequestHead;

use super::hash::{HashKey, Node, Ring, ring};
use crate::endpoint::Endpoint;

mod cookie;
mod token;

pub use cookie::{SameSite, SessionCookie};
pub use token::SessionKey;

use token::Tokens;

/// What makes the requests of a session go to one endpoint.
#[derive(Clone, Debug, PartialEq)]
pub enum Sticky {
    /// A cookie that we set. It says which endpoint, to us alone.
    Cookie(SessionCookie),
    /// Something that a request has by itself, by hash. Requests that do not have it are balanced like any other.
    Key(HashKey),
}

/// The sessions of a cluster.
#[derive(Debug)]
pub(super) enum Sessions {
    Cookie(SessionCookie, Tokens),
    Key(HashKey, Ring),
}

/// Where a request's session was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// At the endpoint of this position.
    At {
        /// A position in the cluster.
        position: usize,
        /// Whether the cookie has to be set anew, because most of its time is over or its key is no longer the first.
        renew: bool,
    },
    /// Wherever a hash leads.
    By(u64),
}

impl Sessions {
    pub(super) fn new(sticky: &Sticky, endpoints: &[Endpoint], nodes: &[Node<'_>]) -> Self {
        match sticky {
            Sticky::Cookie(cookie) => {
                Self::Cookie(cookie.clone(), Tokens::new(&cookie.keys, endpoints))
            }
            Sticky::Key(key) => Self::Key(key.clone(), Ring::new(nodes, ring::VNODES_DEFAULT)),
        }
    }

    /// The session that a request belongs to; `None` if it is the first one, or its cookie is worth nothing. `wall` is the time since 1970.
    pub(super) fn of(
        &self,
        head: &RequestHead,
        client: std::net::IpAddr,
        wall: Duration,
    ) -> Option<Session> {
        match self {
            Self::Key(key, _) => key.hash(head, client).map(Session::By),
            Self::Cookie(cookie, tokens) => cookie.session(head, tokens, wall),
        }
    }

    /// The value of the `Set-Cookie` field that makes a session stay at an endpoint; `None` where no cookie says it.
    pub(super) fn cookie(&self, position: usize, wall: Duration) -> Option<String> {
        match self {
            Self::Key(..) => None,
            Self::Cookie(cookie, tokens) => cookie.field(tokens, position, wall),
        }
    }

    /// For how long an endpoint that is being drained keeps its sessions.
    pub(super) fn drain(&self) -> Duration {
        match self {
            Self::Cookie(cookie, _) => cookie.drain,
            Self::Key(..) => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests;
