//! What comes before all else: the handshake of TLS, and the time for it, or for what is read of one that is passed on.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use evenkeel_plan::listener::Protocol;
use evenkeel_plan::tls::{Handshake, Objection, trouble};

use super::{Connection, DRAIN_GRACE};
use crate::deadline::Deadline;
use crate::io::HandshakeError;

impl Connection {
    /// Shakes hands within the time that the listener gives. False if it came to nothing.
    pub(super) async fn shake_hands(&self, deadline: &Deadline) -> bool {
        let Some(timeout) = self.handshake_timeout() else { return false };
        let outcome = match self.in_time(deadline, timeout, |cx| self.io.poll_handshake(cx)).await {
            None => Handshake::TimedOut,
            Some(Ok(())) => self.io.handshake(),
            Some(Err(HandshakeError::Closed)) => Handshake::Closed,
            Some(Err(HandshakeError::Refused(error))) => {
                self.note_refusal(&error);
                Handshake::Refused
            }
        };
        self.entrance.prove(self.io.edition());
        self.entrance.counters.shard(self.worker.index).handshakes[outcome as usize].add(1);
        if self.io.is_stranger() && self.entrance.protocol != Protocol::Http {
            // Who speaks no TLS would take an orderly end for that of what there is to be said.
            self.io.reset_on_close(true);
            return false;
        }
        let goes_no_further = self.io.is_challenge() || outcome.is_done() && self.is_superseded();
        if outcome == Handshake::Refused || goes_no_further {
            // So that the client hears why, or has all of it.
            self.linger(deadline).await;
        }
        outcome.is_done() && !goes_no_further
    }

    /// Counts why there is no handshake, and says so: of clients that did not prove who they are to whoever looks at the log, now and then.
    fn note_refusal(&self, error: &rustls::Error) {
        let objection = match self.io.is_stranger() {
            true => Objection::NotTls,
            false => Objection::of(error),
        };
        let reason = objection.name();
        self.entrance.counters.shard(self.worker.index).objections[objection as usize].add(1);
        let (listener, client) = (&*self.entrance.name, self.client);
        let world = self.worker.world_of(&self.entrance);
        let tls = world.listener(&self.entrance).and_then(|listener| listener.tls.as_ref());
        let now = self.worker.time(self.worker.now());
        if objection.is_of_certificate()
            && tls.is_some_and(|it| it.terms.told().is_news(objection, now))
        {
            let why = trouble(error);
            tracing::info!(listener, %client, reason, why, "a client is refused");
        } else {
            tracing::debug!(listener, %client, reason, %error, "no handshake");
        }
    }

    /// Whether the client was asked who it is by other terms than are in force now: it may take its time to answer, and who is believed may
    /// have changed meanwhile.
    fn is_superseded(&self) -> bool {
        let world = self.worker.world_of(&self.entrance);
        world.listener(&self.entrance).is_some_and(|it| self.entrance.is_superseded(it))
    }

    /// How long the client may take to say what comes before all else; `None` if the listener is gone.
    pub(super) fn handshake_timeout(&self) -> Option<Duration> {
        let world = self.worker.world_of(&self.entrance);
        Some(world.listener(&self.entrance)?.timeouts.tls)
    }

    /// Waits for `step`. `None` if that takes longer than `timeout`, or than there is time for when the connection shall end. What follows has a time
    /// of its own: none of this one is left.
    pub(super) async fn in_time<T>(
        &self,
        deadline: &Deadline,
        timeout: Duration,
        mut step: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Option<T> {
        let mut draining = self.worker.is_parting(&self.entrance);
        deadline.set(if draining { DRAIN_GRACE } else { timeout });
        let done = poll_fn(|cx| match step(cx) {
            Poll::Pending if !draining && self.worker.is_parting(&self.entrance) => {
                draining = true;
                deadline.set(DRAIN_GRACE);
                Poll::Pending
            }
            Poll::Pending if deadline.is_expired() => Poll::Ready(None),
            step => step.map(Some),
        })
        .await;
        deadline.clear();
        done
    }
}
