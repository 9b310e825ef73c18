//! What a connection does when its exchange has become a tunnel: it lends it its side, shows it and accounts for it.

use std::pin::pin;

use evenkeel_proto::http1::{BodyDecoder, Framing};

use super::account::Past;
use super::serve::Request;
use super::show::Shown;
use super::{Busy, Connection, Next};
use crate::deadline::Deadline;
use crate::exchange::{Downstream, Passage, Switched};
use crate::http1::receive::Receive;
use crate::http1::send::Send;

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
        let Switched { ties, mut tunnel } = switched;
        let Request { head, own_id, started } = request;
        let facts = self.facts(ties.trusted, own_id);
        let request_id = facts.request_id(head);
        let Busy { inbox, outbox } = busy;
        let (io, buffers) = (&self.io, &self.worker.buffers);
        let mut decoder = BodyDecoder::new(Framing::Empty);
        let body = Receive { io, inbox, decoder: &mut decoder, buffers, limit: 0 };
        let mut downstream = Downstream { body, answer: Send { io, outbox } };
        let (worker, entrance) = (&self.worker, &self.entrance);
        let passage = Passage { worker, entrance, deadline, ties: &ties };
        let progress = ties.progress();
        let shown = Shown { head, request_id, started: *started, progress: &progress };
        let run = pin!(passage.run(&mut tunnel, &mut downstream));
        let show = || self.show(deadline, Some(&shown));
        let ended = self.worker.looks.watch(deadline, run, show).await;
        let (head, progress) = (Some(*head), Some(&progress));
        let past = Past { head, request_id, started: *started, ended, progress };
        self.account(&ties.counters, &past);
        if ended.broken { Next::Reset } else { Next::CloseUnread }
    }
}
