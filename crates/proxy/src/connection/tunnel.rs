//! What a connection does when its exchange has become a tunnel: it lends it its side, shows it and accounts for it.

use std::pin::pin;

use evenkeel_proto::http1::{BodyDecoder, Framing};
use h2::RecvStream;

use super::account::Past;
use super::serve::Request;
use super::show::Shown;
use super::testament::Testament;
use super::{Busy, Connection, Next};
use crate::body::{Sink, Source};
use crate::deadline::Deadline;
use crate::exchange::{Downstream, Ended, Passage, Switched};
use crate::http1::receive::Receive;
use crate::http1::send::Send;
use crate::http2::outflow::{Flow, Outflow};
use crate::http2::receive::Receive as ReceiveStream;
use crate::http2::stream::Stream;
use crate::http2::wire::WireState;

impl Connection {
    /// Passes bytes both ways until the tunnel ends. The connection is not to be used after that: what the client sent in the
    /// belief that it is understood is no request.
    pub(super) async fn tunnel(
        &self,
        busy: &mut Busy,
        deadline: &Deadline,
        request: &Request<'_>,
        switched: Switched,
    ) -> Next {
        let Busy { inbox, outbox } = busy;
        let (io, buffers) = (&self.io, &self.worker.buffers);
        let mut decoder = BodyDecoder::new(Framing::Empty);
        let body = Receive { io, inbox, decoder: &mut decoder, buffers, limit: 0 };
        let downstream = Downstream { body, answer: Send { io, outbox } };
        let broken = self.pass_both(downstream, (deadline, request), switched).await;
        if broken { Next::Reset } else { Next::CloseUnread }
    }

    /// The same on a stream of HTTP/2.
    pub(super) async fn tunnel_stream(
        &self,
        stream: &Stream,
        (body, wire): (RecvStream, &WireState),
        asked: (&Deadline, &Request<'_>),
        switched: Switched,
    ) {
        let body = ReceiveStream::new(body, Some(stream), u64::MAX);
        let answer = Flow { stream, wire, outflow: Outflow::default() };
        // One that breaks off is reset.
        let _ = self.pass_both(Downstream { body, answer }, asked, switched).await;
    }

    /// Passes bytes both ways, and accounts for it. Returns whether the tunnel broke off.
    async fn pass_both<B: Source, A: Sink>(
        &self,
        mut downstream: Downstream<B, A>,
        (deadline, request): (&Deadline, &Request<'_>),
        switched: Switched,
    ) -> bool {
        let Switched { ties, mut tunnel } = switched;
        let Request { head, own_id, started } = request;
        let facts = self.facts(ties.trusted, own_id);
        let request_id = facts.request_id(head);
        let (worker, entrance) = (&self.worker, &self.entrance);
        let progress = ties.progress();
        let passage = Passage { worker, entrance, deadline, ties: &ties, progress: &progress };
        let ended = Ended { are_counted: true, ..Ended::default() };
        let past = Past {
            head: Some(*head),
            request_id,
            started: *started,
            ended,
            progress: Some(&progress),
        };
        let testament = Testament::new(self, &ties.counters, past);
        let shown = Shown { head, request_id, started: *started, progress: &progress };
        let run = pin!(passage.run(&mut tunnel, &mut downstream));
        let show = || self.show(deadline, Some(&shown));
        let ended = self.worker.looks.watch(deadline, run, show).await;
        testament.ends(ended);
        ended.broken
    }
}
