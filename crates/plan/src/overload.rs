//! What is done when there is more work than the endpoints of a cluster may get: who waits, for how long, and who is refused.
//!
//! The exchange in `proxy` takes a place at an endpoint by [`Vitals::try_lease`](crate::vitals::Vitals::try_lease), and where all are full
//! waits in the [`Room`] of the cluster, or of the endpoint to which its session belongs.

use std::time::Duration;

use crate::cluster::HttpVersion;

mod adaptive;
mod pacer;
mod queue;
mod room;

pub use adaptive::{Adaptive, Seen};
pub use pacer::Pacer;
pub use queue::{Entered, Queue, Standing, Ticket};
pub use room::Room;

/// How much work the endpoints of a cluster get at a time, and what becomes of the rest. The keys of `limits` of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many connections each endpoint may have open, over all workers, idle ones included; `None` for any number.
    pub connections: Option<u32>,
    /// How many requests each endpoint may have in flight, over all workers; `None` for any number.
    pub requests: Option<u32>,
    /// How many requests of the cluster may wait for an endpoint, over all workers; 0 for none.
    pub pending: u32,
    /// How long each of them may.
    pub pending_wait: Duration,
    /// When each endpoint has a limit besides that follows from how long it takes to answer.
    pub adaptive: Adapts,
    /// The field of a request that says how important it is; `None` if all are the same.
    pub priority: Option<Box<str>>,
}

/// When an endpoint has a limit that follows from how long it takes to answer: see [`Adaptive`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Adapts {
    /// It has none.
    Never,
    /// While it shows that it has more to do than it can.
    #[default]
    InNeed,
    /// From its first request on.
    Always,
}

/// How important a request is, the most important first: these are admitted first, and refused last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Importance {
    /// `high`.
    High,
    /// Whatever says nothing else.
    #[default]
    Normal,
    /// `low`.
    Low,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: None,
            requests: None,
            pending: 1024,
            pending_wait: Duration::from_secs(5),
            adaptive: Adapts::default(),
            priority: None,
        }
    }
}

impl Limits {
    /// How many attempts each endpoint may have in flight that is asked in `http`; `None` for any number.
    pub fn in_flight(&self, http: HttpVersion) -> Option<u32> {
        match http {
            // Many are on one connection.
            HttpVersion::Http2 => self.requests,
            // Each holds one, or may have to.
            HttpVersion::Http1 | HttpVersion::Auto => {
                [self.requests, self.connections].into_iter().flatten().min()
            }
        }
    }

    /// For how long the queue may not have been empty, and more may have come than got in, before the newest come first: a tenth of what each may wait.
    pub(crate) fn patience(&self) -> Duration {
        self.pending_wait / 10
    }
}

impl Importance {
    /// How many there are.
    pub const COUNT: usize = 3;

    /// What the field says, in any case. Anybody may step back behind the others; who is not `trusted` may not push in before them.
    pub fn said(value: &[u8], trusted: bool) -> Self {
        let value = value.trim_ascii();
        if value.eq_ignore_ascii_case(b"low") {
            Self::Low
        } else if trusted && value.eq_ignore_ascii_case(b"high") {
            Self::High
        } else {
            Self::Normal
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_in_flight_than_there_are_connections_unless_many_are_on_one() {
        for (requests, connections, in_flight) in [
            (None, None, None),
            (Some(5), None, Some(5)),
            (None, Some(2), Some(2)),
            (Some(5), Some(2), Some(2)),
            (Some(1), Some(2), Some(1)),
        ] {
            let limits = Limits { requests, connections, ..Limits::default() };
            for (http, in_flight) in [
                (HttpVersion::Http1, in_flight),
                (HttpVersion::Auto, in_flight),
                (HttpVersion::Http2, requests),
            ] {
                let shown = format!("{requests:?} {connections:?} {http:?}");
                assert_eq!(limits.in_flight(http), in_flight, "{shown}");
            }
        }
    }

    #[test]
    fn anybody_may_step_back_and_only_the_trusted_may_push_in() {
        for (value, stranger, trusted) in [
            (&b"high"[..], Importance::Normal, Importance::High),
            (b" HIGH ", Importance::Normal, Importance::High),
            (b"Low", Importance::Low, Importance::Low),
            (b"normal", Importance::Normal, Importance::Normal),
            (b"highest", Importance::Normal, Importance::Normal),
            (b"", Importance::Normal, Importance::Normal),
        ] {
            assert_eq!(Importance::said(value, false), stranger, "{value:?}");
            assert_eq!(Importance::said(value, true), trusted, "{value:?}");
        }
    }
}
