//! One active check of one endpoint. When to check, how many at once, and what an outcome means is for `health`.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use evenkeel_plan::health::{CheckKind, HealthCheck};
use rustix::io::Errno;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

mod exec;
mod failure;
mod grpc;
mod http;
mod tls;
mod words;

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
        let late = match target.check.kind {
            CheckKind::Tls { .. } => Failure::NoHandshake(limit),
            _ => Failure::NoAnswer(limit),
        };
        timeout_at(deadline, converse(stream, target)).await.unwrap_or(Err(late))
    }
}

/// What there is to say once there is a connection.
async fn converse(stream: TcpStream, target: &Target) -> Result<(), Failure> {
    match &target.check.kind {
        CheckKind::Tls { server_name } => {
            tls::shake_hands(stream, &tls::server_name(server_name.as_deref(), target)).await
        }
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
            grpc::ask(stream, host.as_deref().unwrap_or(&target.name), service).await
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

// === impl Target ===

impl Target {
    /// The host and the port of the endpoint's name, the host of an IPv6 address without brackets.
    fn host_and_port(&self) -> (&str, &str) {
        let (host, port) = self.name.rsplit_once(':').unwrap_or((&self.name, ""));
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        (bare.unwrap_or(host), port)
    }
}

#[cfg(test)]
mod tests;
