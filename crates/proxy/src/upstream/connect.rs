//! A new connection to an endpoint, in clear text or by TLS, within its time. Made by the exchange and by inquiries.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use evenkeel_plan::cluster::HttpVersion;
use evenkeel_plan::reason::Reason;
use evenkeel_plan::tls::{Origination, trouble};
use rustix::io::Errno;

use crate::deadline::Deadline;
use crate::io::Io;

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
    /// What is spoken on the connection; `None` for what is in a stream of bytes.
    pub(crate) http: Option<HttpVersion>,
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
    let config = match reach.http {
        Some(HttpVersion::Http1) => origination.http1_config(),
        Some(_) => origination.config(),
        None => origination.stream_config(),
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
