//! Whom an exchange is waiting for, for how long, and what to say when that was in vain.

use std::time::Duration;

use evenkeel_plan::cluster::UpstreamTimeouts;
use evenkeel_plan::listener::DownstreamTimeouts;
use evenkeel_plan::reason::Reason;

use crate::deadline::Deadline;

/// What an exchange is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// The client, to send more of its body.
    RequestBody,
    /// The endpoint, to take more of the request's body.
    EndpointReads,
    /// The endpoint, to begin its answer.
    FirstByte,
    /// The endpoint, to send more of its answer.
    AnswerBody,
    /// The client, to take more of the answer.
    ClientReads,
}

/// Keeps a deadline that moves with progress.
#[derive(Debug)]
pub(crate) struct Patience<'a> {
    deadline: &'a Deadline,
    downstream: DownstreamTimeouts,
    upstream: UpstreamTimeouts,
    /// What was waited for, and how much had moved, when the deadline was set.
    set_for: Option<(Wait, u64)>,
}

impl<'a> Patience<'a> {
    pub(crate) fn new(
        deadline: &'a Deadline,
        downstream: DownstreamTimeouts,
        upstream: UpstreamTimeouts,
    ) -> Self {
        Self { deadline, downstream, upstream, set_for: None }
    }

    /// Now waiting for `wait`, with `moved` bytes moved so far. Starts anew if either has changed.
    ///
    /// # Errors
    /// The reason to give up, if nothing has changed for too long.
    pub(crate) fn wait(&mut self, wait: Wait, moved: u64) -> Result<(), Reason> {
        let now = Some((wait, moved));
        if self.set_for != now {
            self.set_for = now;
            self.deadline.set(self.timeout(wait));
        } else if self.deadline.is_expired() {
            return Err(reason(wait));
        }
        Ok(())
    }

    fn timeout(&self, wait: Wait) -> Duration {
        match wait {
            Wait::RequestBody => self.downstream.body,
            Wait::EndpointReads | Wait::AnswerBody => self.upstream.idle,
            Wait::FirstByte => self.upstream.first_byte,
            Wait::ClientReads => self.downstream.write,
        }
    }
}

fn reason(wait: Wait) -> Reason {
    match wait {
        Wait::RequestBody => Reason::BodyTimeout,
        Wait::EndpointReads | Wait::AnswerBody => Reason::UpstreamIdle,
        Wait::FirstByte => Reason::FirstByteTimeout,
        Wait::ClientReads => Reason::ClientGone,
    }
}
