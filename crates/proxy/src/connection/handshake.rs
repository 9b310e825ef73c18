//! The handshake of TLS, before the first request.

use std::future::poll_fn;
use std::task::Poll;

use evenkeel_plan::tls::Handshake;

use super::{Connection, DRAIN_GRACE};
use crate::deadline::Deadline;
use crate::io::HandshakeError;

impl Connection {
    /// Shakes hands within the time that the listener gives. False if it came to nothing.
    pub(super) async fn shake_hands(&self, deadline: &Deadline) -> bool {
        let Some(timeout) = self.handshake_timeout() else { return false };
        let mut draining = self.worker.is_parting(&self.entrance);
        deadline.set(if draining { DRAIN_GRACE } else { timeout });
        let outcome = poll_fn(|cx| match self.io.poll_handshake(cx) {
            Poll::Pending if !draining && self.worker.is_parting(&self.entrance) => {
                draining = true;
                deadline.set(DRAIN_GRACE);
                Poll::Pending
            }
            Poll::Pending if deadline.is_expired() => Poll::Ready(Handshake::TimedOut),
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) => Poll::Ready(self.io.handshake()),
            Poll::Ready(Err(HandshakeError::Closed)) => Poll::Ready(Handshake::Closed),
            Poll::Ready(Err(HandshakeError::Refused(error))) => {
                let (listener, client) = (&*self.entrance.name, self.client);
                tracing::debug!(listener, %client, %error, "no handshake");
                Poll::Ready(Handshake::Refused)
            }
        })
        .await;
        self.entrance.counters.shard(self.worker.index).handshakes[outcome as usize].add(1);
        if outcome == Handshake::Refused {
            // So that the client hears why.
            self.linger(deadline).await;
        }
        outcome.is_done()
    }

    fn handshake_timeout(&self) -> Option<std::time::Duration> {
        let world = self.worker.world_of(&self.entrance);
        Some(world.listener(&self.entrance)?.timeouts.tls)
    }
}
