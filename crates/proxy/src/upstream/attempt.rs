//! One try at one endpoint over HTTP/1: a connection, the request going out and the answer coming in.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use evenkeel_plan::limits::{INTERIM_RESPONSES_MAX, RESPONSE_FIELDS_MAX, RESPONSE_HEAD_BYTES_MAX};
use evenkeel_plan::listener::Protocol;
use evenkeel_plan::reason::Reason;
use evenkeel_plan::tls::{Origination, trouble};
use evenkeel_proto::field::UnusualNames;
use evenkeel_proto::forward::wants_keep_alive;
use evenkeel_proto::head::ResponseHead;
use evenkeel_proto::http1::{BodyDecoder, Framing, FramingError, ParseLimits, response_framing};
use evenkeel_proto::method::Method;
use rustix::io::Errno;

use super::link::Link;
use crate::buffers::Buffers;
use crate::deadline::Deadline;
use crate::http1::inbox::{HeadError, HeadLimits, Inbox};
use crate::http1::receive::Receive;
use crate::http1::send::{Outbox, Send};
use crate::io::Io;

/// A connection to an endpoint with one exchange on it.
#[derive(Debug)]
pub(crate) struct Attempt {
    link: Link,
    inbox: Inbox,
    outbox: Outbox,
    decoder: BodyDecoder,
    /// Whether another exchange used the connection before, so that the endpoint may have closed it in the meantime.
    reused: bool,
    /// Whether the endpoint takes no more of the request.
    pub(crate) is_deaf: bool,
    keep: bool,
}

/// Why no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptError {
    /// The connection had been idle, and was closed before a byte of the answer came: perhaps before the request did.
    Stale,
    /// The connection ended, or broke, before the answer's head was complete.
    Closed,
    /// The answer's head breaks a rule or a limit.
    Malformed,
    /// We gave up, for this reason.
    Gave(Reason),
}

impl AttemptError {
    /// What it means for the exchange.
    pub(crate) fn reason(self) -> Reason {
        match self {
            Self::Stale | Self::Closed => Reason::UpstreamClosed,
            Self::Malformed => Reason::UpstreamMalformed,
            Self::Gave(reason) => reason,
        }
    }
}

/// Opens a connection to an endpoint, and speaks TLS over it if the cluster wants that.
///
/// # Errors
/// The reason for which this endpoint is passed over.
pub(crate) async fn connect(reach: &Reach<'_>, deadline: &Deadline) -> Result<Io, Unreached> {
    let (within, late) = reach.at_most(reach.connect);
    deadline.set(within);
    let mut connecting = pin!(Io::connect(reach.address));
    let io = poll_fn(|cx| match connecting.as_mut().poll(cx) {
        Poll::Pending if deadline.is_expired() => Poll::Ready(Err(late)),
        outcome => outcome.map_err(|error| connect_reason(&error)),
    })
    .await?;
    match reach.origination {
        None => Ok(io),
        // Boxed: the room for a handshake is there only while there is one.
        Some(origination) => Box::pin(shake_hands(io, reach, origination, deadline)).await,
    }
}

/// Where an endpoint is, and how long it may take to get there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach<'a> {
    pub(crate) address: SocketAddr,
    /// As the config calls the endpoint.
    pub(crate) name: &'a str,
    pub(crate) origination: Option<&'a Origination>,
    /// What the connection is for.
    pub(crate) carries: Protocol,
    /// For the connection.
    pub(crate) connect: Duration,
    /// For TLS.
    pub(crate) tls: Duration,
    /// When the whole exchange has to be over, whoever is to blame for that; `None` for any time.
    pub(crate) until: Option<Instant>,
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreached {
    pub(crate) reason: Reason,
    /// What is known besides, for a person.
    pub(crate) detail: Option<Box<str>>,
}

impl From<Reason> for Unreached {
    fn from(reason: Reason) -> Self {
        Self { reason, detail: None }
    }
}

impl Reach<'_> {
    /// How long to wait for something that may take as long as `limit`, and whose time is over then: the endpoint's, or the exchange's.
    fn at_most(&self, limit: Duration) -> (Duration, Reason) {
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        match left {
            Some(left) if left < limit => (left, Reason::ExchangeTimeout),
            _ => (limit, Reason::ConnectTimeout),
        }
    }
}

async fn shake_hands(
    io: Io,
    reach: &Reach<'_>,
    origination: &Origination,
    deadline: &Deadline,
) -> Result<Io, Unreached> {
    let unreached = |reason, detail: Box<str>| Unreached { reason, detail: Some(detail) };
    let failed = |detail: Box<str>| unreached(Reason::TlsFailed, detail);
    let name = origination.name_of(reach.name).ok_or_else(|| failed(NO_NAME.into()))?;
    let edition = origination.edition();
    let config = match reach.carries {
        Protocol::Http => origination.config(),
        Protocol::Tcp | Protocol::Tls => origination.stream_config(),
    };
    let io = io.originate((config, edition), name);
    let io = io.map_err(|error| failed(trouble(&error).into()))?;
    let (within, late) = reach.at_most(reach.tls);
    deadline.set(within);
    poll_fn(|cx| match io.poll_handshake(cx) {
        Poll::Pending if deadline.is_expired() => Poll::Ready(Err(unreached(
            late,
            format!("no TLS handshake within {within:.1?}").into(),
        ))),
        outcome => outcome.map_err(|error| failed(error.to_string().into())),
    })
    .await?;
    Ok(io)
}

const NO_NAME: &str = "its name can be in no certificate";

/// Running out of descriptors is our own fault, and must not be held against an endpoint.
fn connect_reason(error: &io::Error) -> Reason {
    match Errno::from_io_error(error) {
        Some(Errno::MFILE | Errno::NFILE) => Reason::OutOfDescriptors,
        _ => Reason::ConnectFailed,
    }
}

impl Attempt {
    /// One more exchange on this connection.
    pub(crate) fn new(mut link: Link) -> Self {
        let reused = link.give_request();
        Self {
            link,
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            decoder: BodyDecoder::new(Framing::Empty),
            reused,
            is_deaf: false,
            keep: false,
        }
    }

    /// Whether another exchange used the connection before.
    pub(crate) fn is_reused(&self) -> bool {
        self.reused
    }

    /// What was wrong with TLS, if it is that by which a new connection has ended: an endpoint that does not like our certificate, or misses
    /// one, says so only when we count the handshake as done (RFC 8446 §4.4.2.4).
    pub(crate) fn tls_trouble(&self) -> Option<Box<str>> {
        self.link.io.tls_error().filter(|_| !self.reused).map(|error| trouble(&error).into())
    }

    /// Whether nothing of an answer has come.
    pub(crate) fn is_silent(&self) -> bool {
        self.inbox.is_empty()
    }

    /// Begins a request whose body is framed so. Returns the buffer to append its head to, which goes out with the first of
    /// the body.
    pub(crate) fn begin(&mut self, framing: Framing, buffers: &Buffers) -> &mut Vec<u8> {
        self.outbox.begin(framing, buffers)
    }

    /// Where the request's body goes.
    pub(crate) fn request(&mut self) -> Send<'_> {
        Send { io: &self.link.io, outbox: &mut self.outbox }
    }

    /// How much of the request went out later than it was taken.
    pub(crate) fn flushed(&self) -> u64 {
        self.outbox.flushed() + self.link.io.flushed()
    }

    /// Reads the head of the next answer, interim or final.
    pub(crate) fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        buffers: &Buffers,
    ) -> Poll<Result<ResponseHead, AttemptError>> {
        let head = ready!(self.inbox.poll_head(cx, &self.link.io, buffers, &HEAD_LIMITS));
        let silent = self.reused && self.is_silent();
        // From the first head on the endpoint is known to have seen the request.
        self.reused &= head.is_err();
        Poll::Ready(head.map_err(|error| match error {
            HeadError::Refused(_) | HeadError::TooLong | HeadError::TargetTooLong => {
                AttemptError::Malformed
            }
            HeadError::Closed if silent => AttemptError::Stale,
            HeadError::Closed => AttemptError::Closed,
        }))
    }

    /// Reads the head of the final answer; the interim ones before it, which are counted in `interim`, go to nobody.
    pub(crate) fn poll_final_head(
        &mut self,
        cx: &mut Context<'_>,
        buffers: &Buffers,
        interim: &mut usize,
    ) -> Poll<Result<ResponseHead, AttemptError>> {
        loop {
            let head = ready!(self.poll_head(cx, buffers))?;
            if !head.is_interim() {
                return Poll::Ready(Ok(head));
            }
            buffers.give_head(head.fields);
            *interim += 1;
            if *interim > INTERIM_RESPONSES_MAX {
                return Poll::Ready(Err(AttemptError::Malformed));
            }
        }
    }

    /// Makes ready for the body of the final answer; returns how it is framed. An endpoint that answers before the request is
    /// complete may never read the rest, and take it for the next one (RFC 9112 §9.3): such a connection is used no more.
    pub(crate) fn expect_body(
        &mut self,
        head: &ResponseHead,
        method: Method,
        request_done: bool,
    ) -> Result<Framing, FramingError> {
        let framing = response_framing(head, method)?;
        self.decoder = BodyDecoder::new(framing);
        self.keep = request_done
            && framing != Framing::UntilClose
            && wants_keep_alive(&head.fields, head.version);
        Ok(framing)
    }

    /// Where the answer's body comes from.
    pub(crate) fn answer<'c>(&'c mut self, buffers: &'c Buffers) -> Receive<'c> {
        let Self { link, inbox, decoder, .. } = self;
        Receive { io: &link.io, inbox, decoder, buffers, limit: u64::MAX }
    }

    /// The endpoint has switched protocols: from now on bytes go both ways as they are.
    pub(crate) fn switch(&mut self, buffers: &Buffers) {
        self.decoder = BodyDecoder::new(Framing::UntilClose);
        self.outbox.begin(Framing::UntilClose, buffers);
    }

    /// Whether the end of the attempt shall be one that the endpoint cannot take for an orderly one.
    pub(crate) fn break_on_close(&self, broken: bool) {
        self.link.io.reset_on_close(broken);
    }

    /// Ends the attempt. Returns the connection if the next exchange may use it: both messages are complete, and the endpoint
    /// has sent nothing that nobody asked for (RFC 9112 §9.3.2; a response queue could be poisoned with it).
    pub(crate) fn finish(mut self, buffers: &Buffers) -> Option<Link> {
        let clean =
            self.keep && self.decoder.is_done() && self.outbox.is_sent() && self.inbox.is_empty();
        self.inbox.release(buffers);
        self.outbox.release(buffers);
        clean.then_some(self.link)
    }
}

const HEAD_LIMITS: HeadLimits = HeadLimits {
    bytes: RESPONSE_HEAD_BYTES_MAX,
    parse: ParseLimits { fields: RESPONSE_FIELDS_MAX, target_bytes: 0, names: UnusualNames::Keep },
};
