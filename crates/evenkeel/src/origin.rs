//! `evenkeel origin`: a test server that can be slow, flaky, overloaded or dead. The command line
//! calls [`run`]; whoever wants origins inside its own process starts [`Origin`]s.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

mod answer;
mod args;
mod behaviour;
mod command;
mod fate;
mod gate;
mod serving;
mod workload;

pub(crate) use self::args::Args;
pub(crate) use self::behaviour::{Behaviour, Spread};
pub(crate) use self::command::run;
pub(crate) use self::gate::Capacity;

use self::answer::Site;
use self::serving::Serving;

/// What an origin is for its whole life.
pub(crate) struct Setup {
    /// Where to listen; port 0 picks a free one.
    pub(crate) bind: SocketAddr,
    /// What `X-Origin` says; the address if there is none.
    pub(crate) name: Option<String>,
    /// How many exchanges are served at a time; no limit if there is none.
    pub(crate) capacity: Option<Capacity>,
    /// Told of every request but for those of `/health` and `/load`.
    pub(crate) requested: Arc<Notify>,
}

/// One listening origin. Dropping it kills it.
pub(crate) struct Origin {
    address: SocketAddr,
    site: Arc<Site>,
    serving: Option<Serving>,
}

impl Origin {
    /// Listens and serves on the current runtime. The caller keeps the sender of `behaviour`, and
    /// what it sends holds from the next exchange on.
    pub(crate) async fn start(
        setup: Setup,
        behaviour: watch::Receiver<Behaviour>,
    ) -> Result<Origin, StartError> {
        let listener = bind(setup.bind).await?;
        let address = listener.local_addr().map_err(|error| StartError::new(setup.bind, error))?;
        let name = setup.name.clone().unwrap_or_else(|| address.to_string());
        let site = Arc::new(Site::new(name, setup, behaviour));
        let serving = Some(Serving::start(listener, Arc::clone(&site)));
        Ok(Origin { address, site, serving })
    }

    /// Where it listens, or did while it was alive.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What its `X-Origin` says.
    pub(crate) fn name(&self) -> &str {
        self.site.name()
    }

    /// How many exchanges it has answered in all its lives, `/health` and `/load` included.
    pub(crate) fn answered(&self) -> u64 {
        self.site.answered()
    }

    /// Whether it listens.
    pub(crate) fn is_alive(&self) -> bool {
        self.serving.is_some()
    }

    /// Dies as a crashed process does: the port refuses, open connections are reset. Returns when
    /// that is so.
    pub(crate) async fn kill(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.kill().await;
        }
    }

    /// Listens again on the same address after [`Origin::kill`].
    pub(crate) async fn revive(&mut self) -> Result<(), StartError> {
        if self.serving.is_none() {
            let listener = bind(self.address).await?;
            self.serving = Some(Serving::start(listener, Arc::clone(&self.site)));
        }
        Ok(())
    }

    /// Stops listening, lets the running exchanges finish, and cuts what is left after `limit`.
    pub(crate) async fn drain(&mut self, limit: Duration) {
        if let Some(serving) = self.serving.take() {
            serving.drain(limit).await;
        }
    }
}

/// Why an origin could not listen.
#[derive(Debug)]
pub(crate) struct StartError {
    address: SocketAddr,
    cause: io::Error,
}

impl StartError {
    fn new(address: SocketAddr, cause: io::Error) -> Self {
        StartError { address, cause }
    }
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let StartError { address, cause } = self;
        let port = address.port();
        write!(f, "cannot listen on {address}: ")?;
        match cause.kind() {
            io::ErrorKind::AddrInUse => write!(
                f,
                "the port is in use\n  \
                 `ss -ltnp 'sport = :{port}'` shows by whom; stop that, choose another port, \
                 or write 0 for a free one"
            ),
            io::ErrorKind::PermissionDenied => write!(
                f,
                "this user may not open port {port}\n  \
                 choose a port from 1024 on, or write 0 for a free one"
            ),
            io::ErrorKind::AddrNotAvailable => write!(
                f,
                "this machine has no such address\n  \
                 `ip address` shows which it has; 127.0.0.1 always works"
            ),
            _ => write!(f, "{cause}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|cause| StartError::new(address, cause))
}

#[cfg(test)]
mod tests;
