//! The polite end of a tunnel: both sides are told, and get a little time to answer.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use evenkeel_proto::websocket::{GOING_AWAY, close_frame, masked_close_frame};

use super::{Direction, Downstream, Passage, Tunnel};
use crate::body::{Sink, Source, poll_discard};

impl Passage<'_> {
    /// Says good-bye, to WebSockets with the frame for it (RFC 6455 §7.4.1), to all others with the end of the stream; then
    /// waits until they have ended too. False if one of them does not listen.
    pub(super) async fn part<B: Source, A: Sink>(
        &self,
        tunnel: &mut Tunnel,
        downstream: &mut Downstream<B, A>,
    ) -> bool {
        let Tunnel { attempt, up, down } = tunnel;
        self.deadline.set(PARTING);
        let mask = (self.worker.random() as u32).to_ne_bytes();
        let to_client = farewell(down, close_frame(GOING_AWAY).as_ref());
        let to_endpoint = farewell(up, masked_close_frame(GOING_AWAY, mask).as_ref());
        let told = self.say(&mut downstream.answer, &to_client).await
            && self.say(&mut attempt.request(), &to_endpoint).await;
        if !told {
            return false;
        }
        let buffers = &self.worker.buffers;
        poll_fn(|cx| {
            let client = buffers.lend(|room| poll_discard(cx, &mut downstream.body, room.scratch));
            let mut answer = attempt.answer(buffers);
            let endpoint = buffers.lend(|room| poll_discard(cx, &mut answer, room.scratch));
            if self.deadline.is_expired() {
                return Poll::Ready(());
            }
            ready!(client);
            endpoint
        })
        .await;
        true
    }

    /// Sends `bytes` and the end of the stream; false if the other side does not take them in time.
    async fn say(&self, sink: &mut impl Sink, bytes: &[u8]) -> bool {
        let mut left = bytes;
        let said = poll_fn(|cx| match poll_say(cx, sink, &mut left) {
            Poll::Pending if self.deadline.is_expired() => {
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            outcome => outcome,
        });
        let told = said.await.is_ok();
        if told {
            sink.close();
        }
        told
    }
}

fn farewell(direction: &Direction, frame: &[u8]) -> Vec<u8> {
    if direction.may_close() { frame.to_vec() } else { Vec::new() }
}

fn poll_say(cx: &mut Context<'_>, sink: &mut impl Sink, left: &mut &[u8]) -> Poll<io::Result<()>> {
    while !left.is_empty() {
        let taken = ready!(sink.poll_write(cx, left, false))?;
        *left = &left[taken..];
    }
    sink.poll_flush(cx)
}

/// As long as the other sides get to end too, before they are left alone.
const PARTING: Duration = Duration::from_secs(2);
