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
    /// Calls of gRPC, which are only made over HTTP/2.
    pub(super) call: bool,
}

impl Load {
    /// Over so many connections, which are kept.
    pub(super) fn kept(connections: u32) -> Self {
        Self { connections, close: false, host: None, streams: None, call: false }
    }

    /// New connections are made by `wrk`, too, unless they are to be new sessions of TLS: it would resume the one before.
    pub(super) fn maker(self, is_tls: bool) -> Maker {
        match self.streams {
            Some(streams) => Maker::H2load { streams },
            None if self.close && is_tls => Maker::Ab,
            None => Maker::Wrk,
        }
    }
}

/// Who makes it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Maker {
    Wrk,
    Ab,
    H2load { streams: u32 },
}

impl Maker {
    /// What its executable is called.
    pub(super) fn program(self) -> &'static str {
        match self {
            Self::Wrk => "wrk",
            Self::Ab => "ab",
            Self::H2load { .. } => "h2load",
        }
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
    fn command(&self, load: Load) -> Outcome<Command> {
        let maker = load.maker(self.openssl.is_some());
        let mut command = Command::new(tools::require(maker.program())?);
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

pub(super) fn run(target: &Target, load: Load, seconds: u32) -> Outcome<Counted> {
    match load.maker(target.openssl.is_some()) {
        Maker::Wrk => wrk::run(target, load, seconds),
        Maker::Ab => ab::run(target, load, seconds),
        Maker::H2load { streams } => h2load::run(target, load, streams, seconds),
    }
}
