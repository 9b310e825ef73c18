//! Reading the head of a request, within its time and its limits.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use evenkeel_plan::Listener;
use evenkeel_plan::reason::Reason;
use evenkeel_proto::head::RequestHead;
use evenkeel_proto::http1::{ParseError, ParseLimits};

use super::{Busy, Connection, DRAIN_GRACE};
use crate::deadline::Deadline;
use crate::http1::inbox::{HeadError, HeadLimits};
use crate::refusal::Refusal;

/// Why there is no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoHead {
    /// Nothing has arrived.
    Nothing,
    /// The client is gone.
    Gone,
    /// The listener is, and not only just now.
    Shut,
    /// HTTP/2 begins so.
    Preface,
    /// What has arrived cannot be taken.
    Refused(Refusal),
}

impl Connection {
    /// Reads the head of a request. The time for it counts from its first byte, whatever comes after that (RFC 9110 §15.5.9).
    pub(super) async fn read_head(
        &self,
        busy: &mut Busy,
        deadline: &Deadline,
    ) -> Result<RequestHead, NoHead> {
        // The head is judged by what is in force when it begins.
        let (limits, timeout) = self.head_limits().ok_or(NoHead::Shut)?;
        let mut draining = self.worker.is_parting(&self.entrance);
        deadline.set(if draining { DRAIN_GRACE } else { timeout });
        poll_fn(|cx| match busy.inbox.poll_head(cx, &self.io, &self.worker.buffers, &limits) {
            Poll::Pending if !draining && self.worker.is_parting(&self.entrance) => {
                draining = true;
                deadline.set(DRAIN_GRACE);
                Poll::Pending
            }
            // It only seemed as if there was something. To wait for it here would hold a buffer.
            Poll::Pending if busy.inbox.is_empty() && !self.io.has_begun() => {
                Poll::Ready(Err(NoHead::Nothing))
            }
            Poll::Pending if deadline.is_expired() => {
                Poll::Ready(Err(NoHead::Refused(Reason::HeaderTimeout.into())))
            }
            outcome => outcome.map_err(NoHead::from),
        })
        .await
    }

    /// What holds for a head that begins now, and the time for it.
    fn head_limits(&self) -> Option<(HeadLimits, Duration)> {
        let world = self.worker.world_of(&self.entrance);
        let listener = world.listener(&self.entrance)?;
        Some((head_limits(listener), listener.timeouts.header))
    }
}

fn head_limits(listener: &Listener) -> HeadLimits {
    HeadLimits { bytes: listener.limits.header_bytes, parse: parse_limits(listener) }
}

/// What holds for heads whatever version of HTTP they come in.
pub(super) fn parse_limits(listener: &Listener) -> ParseLimits {
    let limits = &listener.limits;
    ParseLimits {
        fields: limits.header_count,
        target_bytes: limits.target_bytes,
        names: listener.header_names,
    }
}

impl From<HeadError> for NoHead {
    fn from(error: HeadError) -> Self {
        Self::Refused(match error {
            HeadError::Closed => return Self::Gone,
            HeadError::Refused(ParseError::Preface) => return Self::Preface,
            HeadError::TooLong => Reason::HeadTooLarge.into(),
            HeadError::TargetTooLong => Reason::TargetTooLong.into(),
            HeadError::Refused(error) => error.into(),
        })
    }
}
