//! The kinds of load that are measured.

use super::Pass;
use super::load::Load;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Small,
    Large,
    Connect,
}

impl Case {
    pub(super) const ALL: [Self; 3] = [Self::Small, Self::Large, Self::Connect];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Small => "13-byte answers, 64 kept connections",
            Self::Large => "1 MiB answers, 16 kept connections",
            Self::Connect => "13-byte answers, a new connection for each request",
        }
    }

    pub(super) fn pass(self) -> Pass {
        match self {
            Self::Small => Pass::Small,
            Self::Large => Pass::Large,
            Self::Connect => Pass::Connect,
        }
    }

    pub(super) fn body_bytes(self) -> usize {
        match self {
            Self::Small | Self::Connect => 13,
            Self::Large => 1 << 20,
        }
    }

    pub(super) fn load(self) -> Load {
        match self {
            Self::Small => Load { connections: 64, close: false, host: None },
            Self::Large => Load { connections: 16, close: false, host: None },
            Self::Connect => Load { connections: 64, close: true, host: None },
        }
    }
}
