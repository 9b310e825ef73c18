//! What clients speak with a contender: the one thing in which the benchmarks of this module differ.

use std::io;
use std::net::SocketAddr;

use evenkeel_testkit::Client;

use super::case::Case;
use super::load::Target;
use super::tls::Tls;
use crate::Outcome;

/// With what it takes to speak TLS, or without: what is measured of it does not depend on that.
#[derive(Clone, Copy, Debug)]
pub(super) enum Protocol<T = Tls> {
    /// In clear text.
    Http1,
    /// HTTP/1 over TLS; in clear text to the origins.
    Tls(T),
    /// HTTP/2 over TLS; HTTP/1 in clear text to the origins.
    Http2(T),
    /// Calls of gRPC over HTTP/2, in clear text on both sides.
    Grpc,
}

impl Protocol<()> {
    pub(super) const ALL: [Self; 4] = [Self::Http1, Self::Tls(()), Self::Http2(()), Self::Grpc];

    /// As `cargo xtask bench` calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Http1 => "http1",
            Self::Tls(()) => "tls",
            Self::Http2(()) => "http2",
            Self::Grpc => "grpc",
        }
    }

    /// Makes and writes what it takes.
    pub(super) fn set_up(self) -> Outcome<Protocol> {
        Ok(match self {
            Self::Http1 => Protocol::Http1,
            Self::Tls(()) => Protocol::Tls(Tls::write()?),
            Self::Http2(()) => Protocol::Http2(Tls::write()?),
            Self::Grpc => Protocol::Grpc,
        })
    }
}

impl<T> Protocol<T> {
    pub(super) fn title(&self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1",
            Self::Tls(_) => "HTTP/1 over TLS",
            Self::Http2(_) => "HTTP/2 over TLS",
            Self::Grpc => "gRPC",
        }
    }

    /// What everybody does alike to be compared, and what not, where the title does not say it all.
    pub(super) fn terms(&self) -> Option<&'static str> {
        match self {
            Self::Http1 => None,
            Self::Tls(_) => Some(Tls::TERMS),
            Self::Http2(_) => Some(HTTP2_TERMS),
            Self::Grpc => Some(GRPC_TERMS),
        }
    }

    /// As URLs and `X-Forwarded-Proto` have it.
    pub(super) fn scheme(&self) -> &'static str {
        match self {
            Self::Http1 | Self::Grpc => "http",
            Self::Tls(_) | Self::Http2(_) => "https",
        }
    }

    pub(super) fn tls(&self) -> Option<&T> {
        match self {
            Self::Http1 | Self::Grpc => None,
            Self::Tls(tls) | Self::Http2(tls) => Some(tls),
        }
    }

    pub(super) fn is_http2(&self) -> bool {
        matches!(self, Self::Http2(_) | Self::Grpc)
    }

    /// Whether origins are asked over HTTP/2, too.
    pub(super) fn is_grpc(&self) -> bool {
        matches!(self, Self::Grpc)
    }

    /// What is measured.
    pub(super) fn cases(&self) -> &'static [Case] {
        match self {
            Self::Http1 | Self::Tls(_) => &[Case::Small, Case::Large, Case::Connect],
            Self::Http2(_) => &[Case::Streams, Case::LargeStreams],
            Self::Grpc => &[Case::Calls],
        }
    }

    /// What system calls are counted of.
    pub(super) fn small(&self) -> Case {
        self.cases()[0]
    }

    /// Idle connections are made by a client of HTTP/1.
    pub(super) fn measures_memory(&self) -> bool {
        !self.is_http2()
    }
}

impl Protocol {
    /// The one whose new connections are measured, in which no session must be resumed.
    pub(super) fn resumed(&self) -> Option<&Tls> {
        self.tls().filter(|_| !self.is_http2())
    }

    /// Where the load finds a contender that listens at `address`, on loopback.
    pub(super) fn target(&self, address: SocketAddr) -> Target {
        let target = |tls: &Tls| tls.target(address.port());
        self.tls().map_or_else(|| Target::clear(address), target)
    }

    /// One connection to a contender that listens at `address`.
    pub(super) fn connect(&self, address: SocketAddr) -> io::Result<Client> {
        self.tls().map_or_else(|| Client::connect(address), |tls| tls.connect(address))
    }
}

const HTTP2_TERMS: &str = "\
    HTTP/2 by ALPN, in TLS 1.3 with TLS_AES_128_GCM_SHA256 and X25519, which is all that clients offer; the origins speak HTTP/1.1. The load is \
    made by h2load, in one thread. That all do the same work is judged over HTTP/1.";

const GRPC_TERMS: &str = "\
    Unary calls over HTTP/2 in clear text on both sides, by h2load in one thread; the origins are nghttpd, whose answers end with the trailer \
    grpc-status. A call that fails has status 200, too, and is known by the message that its answer lacks. That all do the same work is judged \
    over HTTP/2.";
