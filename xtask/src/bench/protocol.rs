//! What clients speak with a contender: the one thing in which the benchmarks of this module differ.

use std::io;
use std::net::SocketAddr;

use evenkeel_testkit::Client;

use super::load::Target;
use super::tls::Tls;

#[derive(Debug)]
pub(super) enum Protocol {
    /// In clear text.
    Http1,
    /// HTTP/1 over TLS; in clear text to the origins.
    Tls(Tls),
}

impl Protocol {
    pub(super) fn title(&self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1",
            Self::Tls(_) => "HTTP/1 over TLS",
        }
    }

    /// What everybody does alike to be compared, and what not, where the title does not say it all.
    pub(super) fn terms(&self) -> Option<&'static str> {
        match self {
            Self::Http1 => None,
            Self::Tls(_) => Some(Tls::TERMS),
        }
    }

    /// As URLs and `X-Forwarded-Proto` have it.
    pub(super) fn scheme(&self) -> &'static str {
        match self {
            Self::Http1 => "http",
            Self::Tls(_) => "https",
        }
    }

    pub(super) fn tls(&self) -> Option<&Tls> {
        match self {
            Self::Http1 => None,
            Self::Tls(tls) => Some(tls),
        }
    }

    /// Where the load finds a contender that listens at `address`, on loopback.
    pub(super) fn target(&self, address: SocketAddr) -> Target {
        self.tls().map_or_else(|| Target::clear(address), |tls| tls.target(address.port()))
    }

    /// One connection to a contender that listens at `address`.
    pub(super) fn connect(&self, address: SocketAddr) -> io::Result<Client> {
        self.tls().map_or_else(|| Client::connect(address), |tls| tls.connect(address))
    }
}
