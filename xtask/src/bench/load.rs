//! The load: whom it falls on, who makes it, and what was counted.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

mod ab;
mod h2load;
mod wrk;

use crate::Outcome;
use crate::tools;

/// Whom to load.
#[derive(Clone, Debug)]
pub(super) struct Target {
    url: String,
    /// The file that tells OpenSSL how to speak TLS; `None` for clear text.
    openssl: Option<PathBuf>,
}

/// What to load with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) connections: u32,
    /// A new connection for each request, instead of keeping the first.
    pub(super) close: bool,
    /// What `Host` says; `None` for the address.
    pub(super) host: Option<&'static str>,
    /// Over HTTP/2, with so many requests at once on each connection.
    pub(super) streams: Option<u32>,
}

impl Load {
    /// Over so many connections, which are kept.
    pub(super) fn kept(connections: u32) -> Self {
        Self { connections, close: false, host: None, streams: None }
    }
}

/// What one run counted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Counted {
    pub(super) answers: u64,
    pub(super) answers_per_second: f64,
    /// The slowest one in a hundred, in milliseconds, of a closed loop.
    pub(super) p99_ms: f64,
    /// What makes the run worthless.
    pub(super) fault: Option<String>,
}

impl Target {
    pub(super) fn clear(address: SocketAddr) -> Self {
        Self { url: format!("http://{address}/"), openssl: None }
    }

    /// TLS by the rules of that file for OpenSSL with `host`, a name of loopback.
    pub(super) fn tls(host: &str, port: u16, openssl: PathBuf) -> Self {
        Self { url: format!("https://{host}:{port}/"), openssl: Some(openssl) }
    }

    /// What all programs are told in the same words.
    fn command(&self, program: &str, load: Load) -> Outcome<Command> {
        let mut command = Command::new(tools::require(program)?);
        if let Some(openssl) = &self.openssl {
            command.env("OPENSSL_CONF", openssl);
        }
        command.args(["-c", &load.connections.to_string()]);
        if let Some(host) = load.host {
            command.args(["-H", &format!("Host: {host}")]);
        }
        Ok(command)
    }
}

/// New connections are made by `wrk`, too, unless they are to be new sessions of TLS: it would resume the one before.
pub(super) fn run(target: &Target, load: Load, seconds: u32) -> Outcome<Counted> {
    if let Some(streams) = load.streams {
        h2load::run(target, load, streams, seconds)
    } else if load.close && target.openssl.is_some() {
        ab::run(target, load, seconds)
    } else {
        wrk::run(target, load, seconds)
    }
}
