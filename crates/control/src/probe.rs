//! One active check of one endpoint. When to check, how many at once, and what an outcome means is for `health`.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use evenkeel_plan::health::{CheckKind, HealthCheck};
use rustix::io::Errno;
use tokio::net::TcpStream;

mod http;

/// Checks an endpoint once. The caller bounds the time.
pub(crate) trait Probe: Send + Sync + 'static {
    /// Does what the target's check says.
    fn check(&self, target: &Target) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// What to check.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    /// Where to connect.
    pub(crate) address: SocketAddr,
    /// The endpoint's name: what an HTTP check sends as `Host` unless it has its own.
    pub(crate) name: Box<str>,
    /// What to do there.
    pub(crate) check: HealthCheck,
}

/// Why a check failed. Displayed, it completes the sentence "the endpoint is down: …".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nobody listens there.
    Refused,
    /// No connection for another reason, in the words of the system.
    Unreachable(String),
    /// We could not even try, for a lack of our own: this says nothing about the endpoint.
    Untried(String),
    /// It took longer than it may.
    TimedOut(Duration),
    /// The endpoint closed or reset the connection before it had answered.
    Closed,
    /// The answer breaks a rule of HTTP/1; the text says which.
    Malformed(&'static str),
    /// The answer's head is longer than so many bytes.
    TooLarge(usize),
    /// Another status than wanted.
    Status {
        /// What came.
        status: u16,
        /// What would have passed.
        expected: Vec<RangeInclusive<u16>>,
    },
}

/// Checks over the network.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NetworkProbe;

impl Probe for NetworkProbe {
    async fn check(&self, target: &Target) -> Result<(), Failure> {
        let stream =
            TcpStream::connect(target.address).await.map_err(|error| not_connected(&error))?;
        match &target.check.kind {
            CheckKind::Tcp => Ok(()),
            CheckKind::Http { method, path, host, status } => {
                let host = host.as_deref().unwrap_or(&target.name);
                let received = http::exchange(stream, &http::request(method, path, host)).await?;
                if status.iter().any(|range| range.contains(&received)) {
                    return Ok(());
                }
                Err(Failure::Status { status: received, expected: status.clone() })
            }
        }
    }
}

fn not_connected(error: &io::Error) -> Failure {
    let lacks = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    if Errno::from_io_error(error).is_some_and(|errno| lacks.contains(&errno)) {
        return Failure::Untried(error.to_string());
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Failure::Refused,
        io::ErrorKind::HostUnreachable => Failure::Unreachable("host unreachable".to_owned()),
        io::ErrorKind::NetworkUnreachable => Failure::Unreachable("network unreachable".to_owned()),
        _ => Failure::Unreachable(error.to_string()),
    }
}

// === impl Failure ===

impl Failure {
    /// The kind of failure, as metrics label it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Refused => "connect_refused",
            Self::Unreachable(_) => "connect_failed",
            Self::Untried(_) => "untried",
            Self::TimedOut(_) => "timeout",
            Self::Closed => "closed",
            Self::Malformed(_) => "malformed",
            Self::TooLarge(_) => "too_large",
            Self::Status { .. } => "status",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("connection refused"),
            Self::Unreachable(why) => write!(f, "cannot connect: {why}"),
            Self::Untried(why) => write!(f, "the check could not be made: {why}"),
            Self::TimedOut(after) => write!(f, "timed out after {}", seconds(*after)),
            Self::Closed => f.write_str("connection closed before the answer"),
            Self::Malformed(rule) => write!(f, "malformed answer: {rule}"),
            Self::TooLarge(bytes) => write!(f, "the answer's head is longer than {bytes} bytes"),
            Self::Status { status, expected } => {
                write!(f, "status {status}, expected {}", ranges(expected))
            }
        }
    }
}

/// `1 s`, `250 ms`.
fn seconds(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{} s", duration.as_secs())
    } else {
        format!("{} ms", duration.as_millis())
    }
}

/// `200-399, 418`.
fn ranges(ranges: &[RangeInclusive<u16>]) -> String {
    let written = ranges.iter().map(|range| match (range.start(), range.end()) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    });
    written.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
