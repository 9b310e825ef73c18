//! The story of an exchange that failed, was slow, or needed more than one attempt: what was tried, what came of it, and why.
//!
//! Workers in `proxy` write stories when such an exchange is over and keep the latest in a [`Ring`]; the admin API in `control`
//! asks for them through [`crate::sight::Sight::recall`]. Of an exchange that went well at once nothing is written.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_proto::grpc;

use crate::cluster::Cluster;
use crate::endpoint::{Endpoint, Forced};
use crate::reason::Reason;
use crate::retry;
use crate::time::Time;
use crate::vitals::Standing;

mod limit;
mod refusal;
mod ring;
mod sentence;

pub use limit::{Full, LimitKey, Rule, Wait};
pub use ring::Ring;

/// What is called with each worker's answer. It must not block: the worker has clients.
pub type Tell = Arc<dyn Fn(Answer) + Send + Sync>;

/// Which stories somebody wants to hear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// That of the request with this identity only.
    pub request_id: Option<Box<str>>,
    /// Those of this cluster only.
    pub cluster: Option<Box<str>>,
    /// Those that ended with this status only.
    pub status: Option<u16>,
    /// Those of this kind only.
    pub kind: Option<Kind>,
    /// How many each worker may tell, the latest first.
    pub max: usize,
}

/// What one worker remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The worker's number.
    pub worker: usize,
    /// The latest first.
    pub stories: Vec<Arc<Story>>,
    /// How far back it remembers each kind, in the order of [`Kind::ALL`].
    pub reaches: [Reach; Kind::ALL.len()],
}

/// How far back somebody remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// How many stories there are.
    pub kept: usize,
    /// How many there were that made room for others.
    pub forgotten: u64,
    /// When the oldest began that is kept, as time since 1970.
    pub oldest: Option<Duration>,
}

/// Why a story was written. Each kind has a ring of its own, so that a flood of one pushes out no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It failed by the doing of endpoints or of ours, or the answer's status is 500 or above.
    Failed,
    /// It went well, but only because there was more than one attempt.
    Rescued,
    /// It went well, and took longer than [`crate::limits::SLOW_EXCHANGE`].
    Slow,
    /// It was refused for what the client asked, or the client has broken it off.
    Client,
}

impl Kind {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 4] = [Self::Failed, Self::Rescued, Self::Slow, Self::Client];

    /// As people ask for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Rescued => "rescued",
            Self::Slow => "slow",
            Self::Client => "client",
        }
    }

    /// The kind of an exchange that failed for this reason.
    pub const fn of(reason: Reason) -> Self {
        match reason {
            Reason::NoEndpoint
            | Reason::Overloaded
            | Reason::PendingTimeout
            | Reason::OutOfDescriptors
            | Reason::ExchangeTimeout
            | Reason::TunnelIdle
            | Reason::DrainTimeout
            | Reason::Drained
            | Reason::Moved => Self::Failed,
            reason if reason.is_endpoints_fault() => Self::Failed,
            _ => Self::Client,
        }
    }
}

/// One exchange that is over. Its texts from outside are valid UTF-8, and at most [`crate::sight::TEXT_BYTES_MAX`] long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// Why it is told.
    pub kind: Kind,
    /// The identity under which the client and the endpoints know the request.
    pub request_id: Box<str>,
    /// When its first byte was read, as time since 1970.
    pub began: Duration,
    /// The name of the listener that it came in by.
    pub listener: Box<str>,
    /// Who was connected to us.
    pub client: SocketAddr,
    /// The method as it was sent; empty if no head could be read.
    pub method: Box<str>,
    /// The path in its normal form, without the query: queries carry tokens.
    pub path: Box<str>,
    /// Whom the client wanted to talk to, if it said so.
    pub host: Option<Box<str>>,
    /// The name of the route; `None` if there was none for it.
    pub route: Option<Box<str>>,
    /// The name of the cluster; `None` if none was chosen.
    pub cluster: Option<Box<str>>,
    /// The rule that refused it: of the route, or else of the listener; `None` if none did.
    pub rule: Option<Rule>,
    /// How it waited for room at an endpoint; `None` if it had no need to.
    pub wait: Option<Wait>,
    /// In the order in which they began.
    pub attempts: Vec<Attempt>,
    /// How many attempts there were besides.
    pub attempts_left_out: usize,
    /// Endpoints that there were to choose from when the last attempt had failed, with those that were tried.
    pub candidates: Vec<Candidate>,
    /// How many endpoints the cluster has besides.
    pub candidates_left_out: usize,
    /// The status that the client was sent, or the one that stands for that of its call; `None` if it saw nothing of any.
    pub status: Option<u16>,
    /// How it ended, if it was a call of gRPC.
    pub call: Option<grpc::Status>,
    /// Why it failed, if it did.
    pub failure: Option<Reason>,
    /// From its first byte to the last byte of its answer.
    pub total: Duration,
}

/// One try at one endpoint. All times count from the first byte of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The endpoint's name.
    pub endpoint: Box<str>,
    /// Whether it was sent while another attempt waited.
    pub hedge: bool,
    /// When it began.
    pub began: Duration,
    /// Whether an idle connection was used; `None` if that is not known.
    pub pooled: Option<bool>,
    /// When the connection stood on which the request went out; `None` if it never did, or an idle one was used.
    pub connected: Option<Duration>,
    /// When the head of the final answer was there; `None` if it never was.
    pub first_byte: Option<Duration>,
    /// When it was over.
    pub ended: Duration,
    /// The status of its answer, or the one that stands for that of the call, if it gave one.
    pub status: Option<u16>,
    /// How the call ended there, if it was one of gRPC and not well.
    pub call: Option<grpc::Status>,
    /// Why it failed, if it did.
    pub failure: Option<Reason>,
    /// What is known of that besides, for a person: what is wrong with the endpoint's certificate, say.
    pub detail: Option<Box<str>>,
    /// What came after it.
    pub then: Then,
}

/// What came after an attempt, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Its answer went to the client.
    Passed,
    /// There was another attempt.
    Again {
        /// So much later: the backoff.
        after: Duration,
    },
    /// Another attempt was answered first.
    Overtaken,
    /// Nothing could be better elsewhere: the reason lies with the client or with us, or comes from an answer that had begun.
    Hopeless,
    /// There was no other attempt.
    Not(retry::Why),
    /// There was no time left for another one.
    NoTime,
    /// There was no endpoint left for another one.
    NobodyLeft,
    /// Those that were left for another one were full.
    NoRoom,
}

/// An endpoint that might have been chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The endpoint's name.
    pub endpoint: Box<str>,
    /// Whether it was tried in this exchange.
    pub tried: bool,
    /// What speaks against it; `None` if nothing does.
    pub bar: Option<Bar>,
    /// How many attempts were running there, over all workers.
    pub in_flight: u32,
    /// How long it takes to answer, as far as is known.
    pub expected: Option<Duration>,
}

/// What speaks against choosing an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bar {
    /// Its name has not been resolved.
    NoAddress,
    /// An operator lets it finish what it has, or it weighs nothing.
    Draining,
    /// An operator says that it is down.
    ForcedDown,
    /// The checks say that it is down.
    Down,
    /// It is suspected to stall.
    Suspected,
    /// It has refused somebody, or was ejected.
    Avoided {
        /// For so much longer.
        left: Duration,
    },
    /// It has as much as it may.
    Full(Full),
}

// === impl Story ===

impl Story {
    /// How much memory it takes, in bytes.
    pub fn bytes(&self) -> usize {
        let texts = [&self.request_id, &self.listener, &self.method, &self.path];
        let session_at = self.wait.as_ref().and_then(|wait| wait.session_at.as_ref());
        let optional = [self.host.as_ref(), self.route.as_ref(), self.cluster.as_ref(), session_at];
        let attempts =
            self.attempts.iter().flat_map(|each| [Some(&each.endpoint), each.detail.as_ref()]);
        let names = attempts.flatten().chain(self.candidates.iter().map(|each| &each.endpoint));
        let texts = texts.into_iter().chain(optional.into_iter().flatten()).chain(names);
        size_of::<Self>()
            + size_of::<Attempt>() * self.attempts.capacity()
            + size_of::<Candidate>() * self.candidates.capacity()
            + texts.map(|text| text.len()).sum::<usize>()
            + self.rule.as_ref().map_or(0, Rule::bytes)
    }

    /// What the client was told: of a call of gRPC the name of its status.
    fn end(&self) -> String {
        match (self.call, self.status) {
            (Some(call), _) => call.name().to_owned(),
            (None, Some(status)) => status.to_string(),
            (None, None) => "no status".to_owned(),
        }
    }

    /// Whether somebody who asks `question` wants to hear it.
    fn answers(&self, question: &Question) -> bool {
        let Question { request_id, cluster, status, kind, .. } = question;
        request_id.as_ref().is_none_or(|id| *id == self.request_id)
            && cluster.as_ref().is_none_or(|name| self.cluster.as_ref() == Some(name))
            && status.is_none_or(|status| self.status == Some(status))
            && kind.is_none_or(|kind| self.kind == kind)
    }
}

// === impl Candidate ===

impl Candidate {
    /// The endpoint, of `cluster`, as it stands at `now`.
    pub fn new(endpoint: &Endpoint, cluster: &Cluster, tried: bool, now: Time) -> Self {
        let vitals = &endpoint.life.vitals;
        let nanos = vitals.expected(now).map(|expected| expected.nanos);
        Self {
            endpoint: endpoint.name.clone(),
            tried,
            bar: Bar::of(endpoint, cluster, now),
            in_flight: vitals.in_flight(),
            // A float is cut to the bounds of the integer.
            expected: nanos.map(|nanos| Duration::from_nanos(nanos as u64)),
        }
    }
}

// === impl Bar ===

impl Bar {
    /// What speaks against the endpoint at `now`; of several, what lasts longest.
    fn of(endpoint: &Endpoint, cluster: &Cluster, now: Time) -> Option<Self> {
        let vitals = &endpoint.life.vitals;
        let is_checked_down = endpoint.forced.is_none() && vitals.standing() == Standing::Down;
        if endpoint.address.is_none() {
            Some(Self::NoAddress)
        } else if endpoint.forced == Some(Forced::Down) {
            Some(Self::ForcedDown)
        } else if endpoint.is_draining() {
            Some(Self::Draining)
        } else if is_checked_down {
            Some(Self::Down)
        } else if vitals.suspicion().is_some() {
            Some(Self::Suspected)
        } else if vitals.is_avoided(now) {
            Some(Self::Avoided { left: vitals.avoided_until().since(now) })
        } else {
            Full::of(vitals, cluster).map(Self::Full)
        }
    }
}

#[cfg(test)]
mod tests;
