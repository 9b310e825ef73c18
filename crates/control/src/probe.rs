//! One active check of one endpoint. When to check, how many at once, and what an outcome means is for `health`.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_plan::cluster::HttpVersion;
use evenkeel_plan::health::{CheckKind, HealthCheck};
use evenkeel_plan::tls::Origination;
use rustix::io::Errno;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

mod exec;
mod failure;
mod grpc;
mod http;
mod http1;
mod http2;
mod tls;
mod words;

pub(crate) use exec::run_with;
pub(crate) use failure::Failure;

/// Checks an endpoint once.
pub(crate) trait Probe: Send + Sync + 'static {
    /// Does what the target's check says, within the check's timeout. The permit is given back when nothing of it is left, which
    /// may be later: a program that was killed is not always gone at once.
    fn check(
        &self,
        target: &Target,
        permit: OwnedSemaphorePermit,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// What to check.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    /// Where to connect.
    pub(crate) address: SocketAddr,
    /// The cluster's name.
    pub(crate) cluster: Box<str>,
    /// The endpoint's name: what an HTTP check sends as `Host` unless it has its own.
    pub(crate) name: Box<str>,
    /// How the cluster speaks TLS with it; `None` if it does not. A check goes the way that requests go.
    pub(crate) tls: Option<Arc<Origination>>,
    /// In which version of HTTP the cluster asks it.
    pub(crate) http: HttpVersion,
    /// Whether it gets streams and no requests: what it speaks in them is not for us to know.
    pub(crate) gets_streams: bool,
    /// What to do there.
    pub(crate) check: HealthCheck,
}

/// Checks over the network, or by a program.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NetworkProbe;

impl Probe for NetworkProbe {
    async fn check(&self, target: &Target, permit: OwnedSemaphorePermit) -> Result<(), Failure> {
        let limit = target.check.timeout;
        let deadline = Instant::now() + limit;
        if let CheckKind::Exec { command } = &target.check.kind {
            let program = exec::run(command, target, permit);
            return timeout_at(deadline, program)
                .await
                .unwrap_or(Err(Failure::StillRunning(limit)));
        }
        let stream = timeout_at(deadline, TcpStream::connect(target.address))
            .await
            .map_err(|_| Failure::ConnectTimedOut(limit))?
            .map_err(|error| not_connected(&error))?;
        let session = tls::session(target)?;
        let Some(session) = session else {
            let is_http2 = target.http == HttpVersion::Http2;
            return in_time(deadline, limit, converse(stream, target, is_http2)).await;
        };
        let (stream, is_http2) = timeout_at(deadline, session.begin(stream))
            .await
            .unwrap_or(Err(Failure::NoHandshake(limit)))?;
        in_time(deadline, limit, converse(stream, target, is_http2)).await
    }
}

async fn in_time(
    deadline: Instant,
    limit: Duration,
    conversation: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    timeout_at(deadline, conversation).await.unwrap_or(Err(Failure::NoAnswer(limit)))
}

/// What is spoken over: a socket, or TLS over one.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// What there is to say once there is a connection, and a handshake where one belongs to it.
async fn converse(stream: impl Stream, target: &Target, is_http2: bool) -> Result<(), Failure> {
    let scheme = if target.tls.is_some() { "https" } else { "http" };
    match &target.check.kind {
        CheckKind::Tls { .. } => tls::part(stream).await,
        CheckKind::Http { method, path, host, status, body } => {
            let (host, body) = (host.as_deref().unwrap_or(&target.name), body.as_deref());
            let question = http::Question { method, path, scheme, host, status, body };
            http::ask(stream, &question, is_http2).await
        }
        CheckKind::Grpc { service, host } => {
            let authority = host.as_deref().unwrap_or(&target.name);
            grpc::ask(stream, (scheme, authority), service).await
        }
        CheckKind::Tcp | CheckKind::Exec { .. } => Ok(()),
    }
}

fn not_connected(error: &io::Error) -> Failure {
    if is_our_lack(error) {
        return Failure::Untried(error.to_string());
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Failure::Refused,
        io::ErrorKind::HostUnreachable => Failure::Unreachable("host unreachable".to_owned()),
        io::ErrorKind::NetworkUnreachable => Failure::Unreachable("network unreachable".to_owned()),
        _ => Failure::Unreachable(error.to_string()),
    }
}

/// Whether it says that our machine is short of something.
fn is_our_lack(error: &io::Error) -> bool {
    let lacks = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM, Errno::AGAIN];
    Errno::from_io_error(error).is_some_and(|errno| lacks.contains(&errno))
}

#[cfg(test)]
mod tests;
