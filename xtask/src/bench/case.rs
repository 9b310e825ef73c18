//! The kinds of load that are measured.

use super::Pass;
use super::load::Load;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Small,
    Large,
    Connect,
    Streams,
    LargeStreams,
    Calls,
}

impl Case {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Small => "13-byte answers, 64 kept connections",
            Self::Large => "1 MiB answers, 16 kept connections",
            Self::Connect => "13-byte answers, a new connection for each request",
            Self::Streams => "13-byte answers, 10 connections with 32 streams each",
            Self::LargeStreams => "1 MiB answers, 10 connections with 2 streams each",
            Self::Calls => "unary calls of 5 bytes each way, 10 connections with 32 streams each",
        }
    }

    pub(super) fn pass(self) -> Pass {
        match self {
            Self::Small | Self::Streams | Self::Calls => Pass::Small,
            Self::Large | Self::LargeStreams => Pass::Large,
            Self::Connect => Pass::Connect,
        }
    }

    pub(super) fn body_bytes(self) -> usize {
        match self {
            Self::Small | Self::Connect | Self::Streams => 13,
            Self::Large | Self::LargeStreams => 1 << 20,
            // With the five bytes before each message.
            Self::Calls => 10,
        }
    }

    pub(super) fn load(self) -> Load {
        match self {
            Self::Small => Load::kept(64),
            Self::Large => Load::kept(16),
            Self::Connect => Load { close: true, ..Load::kept(64) },
            Self::Streams => Load { streams: Some(32), ..Load::kept(10) },
            Self::LargeStreams => Load { streams: Some(2), ..Load::kept(10) },
            Self::Calls => Load { call: true, ..Self::Streams.load() },
        }
    }
}
