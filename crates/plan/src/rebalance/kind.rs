//! Which streams may move: in a config, and in vitals as one byte.

/// What a long-lived stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A WebSocket, over any version of HTTP; ends with a frame that says so.
    WebSocket,
    /// A call of gRPC that goes on; ends with a status.
    Grpc,
    /// What a connection became by an upgrade to any other protocol.
    Upgrade,
    /// A stream of a listener for TCP or TLS.
    Tcp,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::WebSocket, Self::Grpc, Self::Upgrade, Self::Tcp];

    /// As a config has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Grpc => "grpc",
            Self::Upgrade => "upgrade",
            Self::Tcp => "tcp",
        }
    }
}

/// Some kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    /// Those whose clients are told, and so come back at once.
    pub fn usual() -> Self {
        [Kind::WebSocket, Kind::Grpc].into_iter().collect()
    }

    /// All of them.
    pub fn all() -> Self {
        Kind::ALL.into_iter().collect()
    }

    /// Whether `kind` is one of them.
    pub const fn contains(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }

    pub(super) const fn bits(self) -> u8 {
        self.0
    }

    pub(super) const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        Self(kinds.into_iter().fold(0, |bits, kind| bits | 1 << kind as u8))
    }
}
