//! The limits that an exchange has met: what an endpoint may have at a time, where it waited for room, and the rule that refused it.
//! Parts of a story.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::cluster::Cluster;
use crate::rate::Quota;
use crate::vitals::Vitals;

/// An endpoint that had as much as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    /// How many attempts it had that count.
    pub has: u32,
    /// How many it may have.
    pub most: u32,
    /// What says so.
    pub key: LimitKey,
}

/// What limits an endpoint, of the keys of `limits` of its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKey {
    /// `requests`
    Requests,
    /// `connections`: a request over HTTP/1 holds one.
    Connections,
    /// `adaptive`: as follows from how long answers take.
    Adaptive,
}

/// How an exchange waited for room at an endpoint, where all that it could go to were full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// For how long; `None` if it was not let in to wait.
    pub waited: Option<Duration>,
    /// How many may: `limits.pending`.
    pub pending: u32,
    /// For how long each may: `limits.pending_wait`.
    pub pending_wait: Duration,
    /// The endpoint that its session is at; `None` if any would have done.
    pub session_at: Option<Box<str>>,
}

/// What a rule of a listener or of a route said against a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// There were too many of its kind.
    Rate {
        /// What clients are told that the limit is called.
        name: Box<str>,
        /// How many it allows.
        quota: Quota,
    },
    /// `allow` and `deny` keep out the client.
    Networks {
        /// The client's address, as far as it can be believed.
        client: IpAddr,
    },
}

impl Full {
    /// Of an endpoint of `cluster`; `None` if it has room.
    pub(super) fn of(vitals: &Vitals, cluster: &Cluster) -> Option<Self> {
        let fullness = vitals.fullness()?;
        let written = match cluster.limits.requests {
            Some(requests) if Some(requests) == cluster.in_flight_max() => LimitKey::Requests,
            _ => LimitKey::Connections,
        };
        let key = if fullness.is_paced { LimitKey::Adaptive } else { written };
        Some(Self { has: fullness.has, most: fullness.most, key })
    }
}

impl LimitKey {
    /// As the config has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests => "limits.requests",
            Self::Connections => "limits.connections",
            Self::Adaptive => "limits.adaptive",
        }
    }
}

impl Rule {
    /// How much memory its texts take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Rate { name, .. } => name.len(),
            Self::Networks { .. } => 0,
        }
    }
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { has, most, key } = self;
        write!(f, "full: {has} of {most} (`{}`)", key.name())
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate { name, quota } => {
                let (rate, burst) = (quota.rate(), quota.burst());
                // Of several, a place has numbered its own.
                let which = if name.contains('-') { format!(" {name}") } else { String::new() };
                write!(f, "`rate_limit`{which} allows {rate}, and {burst} at once")
            }
            Self::Networks { client } => write!(f, "`allow` and `deny` do not let in {client}"),
        }
    }
}
