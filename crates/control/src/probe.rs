//! One active check of one endpoint. When to check, how many at once, and what an outcome means is for `health`.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

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
            return in_time(deadline, limit, converse(stream, target)).await;
        };
        let stream = timeout_at(deadline, session.begin(stream))
            .await
            .unwrap_or(Err(Failure::NoHandshake(limit)))?;
        in_time(deadline, limit, converse(stream, target)).await
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
async fn converse(stream: impl Stream, target: &Target) -> Result<(), Failure> {
    match &target.check.kind {
        CheckKind::Tls { .. } => tls::part(stream).await,
        CheckKind::Http { method, path, host, status, body } => {
            let host = host.as_deref().unwrap_or(&target.name);
            let mut answer = http::ask(stream, method, path, host).await?;
            if !status.iter().any(|range| range.contains(&answer.status())) {
                let (status, expected) = (answer.status(), status.clone());
                return Err(Failure::Status { status, expected });
            }
            match body {
                Some(text) if !answer.contains(text).await? => Err(Failure::Body(text.clone())),
                _ => Ok(()),
            }
        }
        CheckKind::Grpc { service, host } => {
            let scheme = if target.tls.is_some() { "https" } else { "http" };
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
