//! One exchange over a kept connection, and why it failed; `drive` calls it for every request.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HeaderValue;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::payload::Payload;

use super::{Settings, Shape, Target};

/// What all exchanges of a run share.
pub(super) struct Client {
    addresses: Vec<SocketAddr>,
    target: Target,
    shape: Shape,
    tls: Option<TlsConnector>,
    timeout: Duration,
    opened: AtomicU64,
}

/// A complete answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// What its `X-Origin` says.
    pub(super) origin: Option<HeaderValue>,
    pub(super) body_bytes: u64,
}

/// No complete answer came.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) kind: FailureKind,
    pub(super) detail: String,
}

/// Why no complete answer came, in the order of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FailureKind {
    /// Nobody listens.
    Refused,
    /// The connection could not be opened for another reason, or not be used.
    Unreachable,
    /// The connection ended before the answer began.
    Reset,
    /// What came is no HTTP.
    Garbled,
    /// The answer began, and its body broke off.
    BrokenBody,
    /// It took too long.
    Timeout,
}

/// An open connection, with the task that moves its bytes.
pub(super) struct Connection {
    sender: SendRequest<Payload>,
    moving: JoinHandle<()>,
}

impl Client {
    pub(super) fn new(addresses: Vec<SocketAddr>, settings: &Settings) -> Self {
        Client {
            addresses,
            target: settings.target.clone(),
            shape: settings.shape.clone(),
            tls: settings.trust.clone().filter(|_| settings.target.is_secure()).map(Into::into),
            timeout: settings.timeout,
            opened: AtomicU64::new(0),
        }
    }

    /// How many connections were opened.
    pub(super) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Sends one request and reads its answer to the end, over the kept connection if there is one
    /// and it is still open. Keeps the connection if it can be used again.
    pub(super) async fn exchange(&self, kept: &mut Option<Connection>) -> Result<Answer, Failure> {
        match timeout(self.timeout, self.try_exchange(kept)).await {
            Ok(result) => result,
            Err(_) => Err(Failure { kind: FailureKind::Timeout, detail: String::new() }),
        }
    }

    async fn try_exchange(&self, kept: &mut Option<Connection>) -> Result<Answer, Failure> {
        // Taken out: when this is cut by the timeout, the connection goes with it.
        let mut connection = match usable(kept.take()).await {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let request = self.target.request(&self.shape);
        let sent = connection.sender.send_request(request).await;
        let response = sent.map_err(|error| Failure::of_exchange(&error))?;
        let status = response.status().as_u16();
        let origin = response.headers().get("x-origin").cloned();
        let mut body = response.into_body();
        let mut body_bytes = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Failure::new(FailureKind::BrokenBody, &error))?;
            body_bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        *kept = Some(connection);
        Ok(Answer { status, origin, body_bytes })
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let connected = TcpStream::connect(self.addresses.as_slice()).await;
        let stream = connected.map_err(|error| Failure::of_connect(&error))?;
        // Worth trying, not worth failing for.
        let _ = stream.set_nodelay(true);
        self.opened.fetch_add(1, Ordering::Relaxed);
        let Some(tls) = &self.tls else { return Connection::over(stream).await };
        let name = self.target.server_name();
        let name = name.map_err(|error| Failure::new(FailureKind::Unreachable, &error))?;
        let shaken = tls.connect(name, stream).await;
        Connection::over(shaken.map_err(|error| Failure::of_connect(&error))?).await
    }
}

impl Connection {
    async fn over<S>(stream: S) -> Result<Self, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let shaken = handshake(TokioIo::new(stream)).await;
        let (sender, connection) = shaken.map_err(|error| Failure::of_exchange(&error))?;
        let moving = tokio::spawn(async move {
            // What breaks the connection is told to its exchange.
            let _ = connection.await;
        });
        Ok(Self { sender, moving })
    }
}

/// The connection, if it did not end meanwhile.
async fn usable(kept: Option<Connection>) -> Option<Connection> {
    let mut connection = kept?;
    connection.sender.ready().await.ok().map(|()| connection)
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.moving.abort();
    }
}

// === impl Failure ===

impl Failure {
    fn new(kind: FailureKind, error: &(dyn Error + 'static)) -> Self {
        Failure { kind, detail: root(error).to_string() }
    }

    fn of_connect(error: &io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::ConnectionRefused => FailureKind::Refused,
            io::ErrorKind::ConnectionReset => FailureKind::Reset,
            _ => FailureKind::Unreachable,
        };
        Failure::new(kind, error)
    }

    fn of_exchange(error: &hyper::Error) -> Self {
        let kind = if error.is_parse() { FailureKind::Garbled } else { FailureKind::Reset };
        Failure::new(kind, error)
    }
}

/// The innermost cause, which says most.
fn root<'a>(mut error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    while let Some(cause) = error.source() {
        error = cause;
    }
    error
}

// === impl FailureKind ===

impl FailureKind {
    /// All of them, in the order in which they are reported.
    pub(crate) const ALL: [FailureKind; 6] = [
        FailureKind::Refused,
        FailureKind::Unreachable,
        FailureKind::Reset,
        FailureKind::Garbled,
        FailureKind::BrokenBody,
        FailureKind::Timeout,
    ];

    /// Its name in the table and in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            FailureKind::Refused => "refused",
            FailureKind::Unreachable => "unreachable",
            FailureKind::Reset => "reset",
            FailureKind::Garbled => "garbled",
            FailureKind::BrokenBody => "broken_body",
            FailureKind::Timeout => "timeout",
        }
    }
}
