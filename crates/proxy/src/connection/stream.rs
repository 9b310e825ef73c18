//! A connection that carries a stream of bytes: from its first byte on, or by what its client says first of TLS that is not for us. The
//! stream is one exchange, which becomes a tunnel as soon as it has an endpoint.

use std::pin::pin;
use std::task::Context;
use std::time::Instant;

use evenkeel_plan::Listener;
use evenkeel_plan::listener::Protocol;
use evenkeel_plan::reason::Reason;
use evenkeel_proto::head::RequestHead;
use evenkeel_proto::http1::{BodyDecoder, Framing};
use evenkeel_proto::tls::{Alert, ClientHello, ClientHelloReader, HELLO_BYTES_MAX, HelloError};

use super::account::Past;
use super::serve::Request;
use super::show::Shown;
use super::{Busy, Connection, Next};
use crate::body::{Pump, Replay};
use crate::deadline::Deadline;
use crate::exchange::{Ended, Exchange, Messages, Progress, Switched};
use crate::http1::inbox::NoHello;
use crate::http1::receive::Receive;

/// Why a stream goes no further, and what its client is told in the words of TLS, if it may understand them.
#[derive(Clone, Copy, Debug)]
struct Refused {
    reason: Reason,
    alert: Option<Alert>,
}

impl Connection {
    /// Passes a stream on, until both sides have said all or it has to end.
    pub(super) async fn serve_stream(&self, deadline: &Deadline) {
        let mut busy = Busy::default();
        let next = match self.entrance.protocol {
            Protocol::Tls => match self.read_hello(&mut busy, deadline).await {
                Ok(hello) => self.pass_stream(&mut busy, deadline, Some(&hello)).await,
                Err(next) => next,
            },
            Protocol::Http | Protocol::Tcp => self.pass_stream(&mut busy, deadline, None).await,
        };
        self.let_go(&mut busy, next, deadline).await;
    }

    /// Reads what the client says first, within the time for a handshake.
    async fn read_hello(&self, busy: &mut Busy, deadline: &Deadline) -> Result<ClientHello, Next> {
        let timeout = self.handshake_timeout().ok_or(Next::Close)?;
        let started = self.worker.now();
        let mut reader = ClientHelloReader::new(HELLO_BYTES_MAX);
        let Busy { inbox, .. } = busy;
        let poll = |cx: &mut Context<'_>| {
            inbox.poll_hello(cx, &self.io, &self.worker.buffers, &mut reader)
        };
        let refused = match self.in_time(deadline, timeout, poll).await {
            Some(Ok(hello)) => return Ok(hello),
            // It only looked whether somebody is here.
            Some(Err(NoHello::Closed)) if busy.inbox.is_empty() => return Err(Next::Close),
            Some(Err(NoHello::Closed)) => Reason::ClientGone.into(),
            Some(Err(NoHello::Refused(error))) => {
                let (listener, client, why) = (&*self.entrance.name, self.client, error.reason());
                tracing::debug!(listener, %client, why, "no ClientHello");
                error.into()
            }
            None => Reason::HelloTimeout.into(),
        };
        let request = RequestHead::of_stream(None);
        Err(self.refuse_stream(&request, started, refused))
    }

    /// What cannot be read as a stream is refused before there is an exchange.
    fn refuse_stream(&self, head: &RequestHead, started: Instant, refused: Refused) -> Next {
        let request_id = self.worker.request_id(started);
        let ended = Ended { failure: Some(refused.reason), broken: true, ..Ended::default() };
        let past = Past {
            head: Some(head),
            request_id: request_id.as_bytes(),
            started,
            ended,
            progress: None,
        };
        self.account(&self.entrance.counters, &past);
        self.say(refused)
    }

    /// Passes on a stream whose way is known as far as its client says.
    async fn pass_stream(
        &self,
        busy: &mut Busy,
        deadline: &Deadline,
        hello: Option<&ClientHello>,
    ) -> Next {
        let started = self.worker.now();
        let head = RequestHead::of_stream(hello.and_then(|hello| hello.server_name.as_deref()));
        let request = Request { head: &head, own_id: self.worker.request_id(started), started };
        self.is_answering.set(true);
        match self.open_stream(busy, deadline, &request, hello).await {
            Err(next) => next,
            // The world in which it began is let go of by now.
            Ok(switched) => {
                busy.outbox.begin(Framing::UntilClose, &self.worker.buffers);
                self.tunnel(busy, deadline, &request, switched).await
            }
        }
    }

    /// Finds an endpoint for a stream, and connects to it.
    async fn open_stream(
        &self,
        busy: &mut Busy,
        deadline: &Deadline,
        request: &Request<'_>,
        hello: Option<&ClientHello>,
    ) -> Result<Switched, Next> {
        let world = self.worker.world_of(&self.entrance);
        // Gone from the plan, and not only just now.
        let listener = world.listener(&self.entrance).ok_or(Next::Reset)?;
        let Request { head, ref own_id, started } = *request;
        let progress = Progress::default();
        let exchange = Exchange {
            worker: &self.worker,
            world: &world,
            listener,
            deadline,
            client: self.facts(false, own_id),
            hello,
            started,
            arrived: world.plan.access.map(|_| started),
            progress: &progress,
        };
        let mut decoder = BodyDecoder::new(Framing::UntilClose);
        let (io, buffers, inbox) = (&self.io, &self.worker.buffers, &mut busy.inbox);
        let body = Receive { io, inbox, decoder: &mut decoder, buffers, limit: u64::MAX };
        let mut messages = Messages {
            head,
            framing: Framing::UntilClose,
            expects_continue: false,
            offer: None,
            body: Replay::new(body),
            upload: Pump::default(),
            advice: None,
            web: None,
            answer: (),
        };
        let request_id = own_id.as_bytes();
        let shown = Shown { head, request_id, started, progress: &progress };
        let show = || self.show(deadline, Some(&shown));
        let open = pin!(exchange.open_stream(&mut messages));
        let ended = match self.worker.looks.watch(deadline, open, show).await {
            Ok(switched) => return Ok(switched),
            Err(ended) => ended,
        };
        let past = Past { head: Some(head), request_id, started, ended, progress: Some(&progress) };
        self.account(&listener.counters, &past);
        let reason = ended.failure.unwrap_or(Reason::ClientGone);
        let alert = hello.and_then(|hello| alert(reason, hello, listener));
        Err(self.say(Refused { reason, alert }))
    }

    /// Tells the client of a stream that it is refused. Nothing was sent before, so that there is room for it.
    fn say(&self, refused: Refused) -> Next {
        let Some(alert) = refused.alert else {
            // Without TLS only a reset tells the end of a stream from the end of what was to be said.
            return match self.entrance.protocol {
                Protocol::Tls => Next::CloseUnread,
                Protocol::Http | Protocol::Tcp => Next::Reset,
            };
        };
        self.io.send_at_once(&alert.fatal_record());
        Next::CloseUnread
    }
}

/// What the client of a stream of TLS is told.
fn alert(reason: Reason, hello: &ClientHello, listener: &Listener) -> Option<Alert> {
    match reason {
        Reason::ClientGone => None,
        Reason::NoRoute => listener.routes.route_stream(hello).err(),
        Reason::Denied | Reason::RateLimited => Some(Alert::HandshakeFailure),
        _ => Some(Alert::InternalError),
    }
}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Self {
        Self { reason, alert: None }
    }
}

impl From<HelloError> for Refused {
    fn from(error: HelloError) -> Self {
        let reason = match error {
            HelloError::NotTls => Reason::NotTls,
            HelloError::Malformed(_) => Reason::HelloMalformed,
            HelloError::TooLarge => Reason::HelloTooLarge,
        };
        Self { reason, alert: error.alert() }
    }
}
