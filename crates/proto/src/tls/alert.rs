//! Fatal alerts (RFC 8446 §6.2): how a client learns why its connection ends. Sent by `proxy` before it closes.

/// Why a connection ends, in the words that TLS has for it. Only those that can be said before a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alert {
    /// A message came that has no place here.
    UnexpectedMessage,
    /// A record is longer than a record may be.
    RecordOverflow,
    /// There is no set of parameters that both sides accept; also for what is more than we are ready to take.
    HandshakeFailure,
    /// A field can be read but contradicts another one.
    IllegalParameter,
    /// A message cannot be read.
    DecodeError,
    /// A version that nobody here speaks.
    ProtocolVersion,
    /// Nothing that is the client's fault: there is nobody to pass the connection to.
    InternalError,
    /// An extension is missing that is needed: no server name, where one must be known (RFC 8446 §9.2).
    MissingExtension,
    /// No server has this name (RFC 6066 §3).
    UnrecognizedName,
    /// No server speaks any of these protocols (RFC 7301 §3.2).
    NoApplicationProtocol,
}

impl Alert {
    /// The number of the alert (RFC 8446 §B.2).
    pub const fn code(self) -> u8 {
        match self {
            Self::UnexpectedMessage => 10,
            Self::RecordOverflow => 22,
            Self::HandshakeFailure => 40,
            Self::IllegalParameter => 47,
            Self::DecodeError => 50,
            Self::ProtocolVersion => 70,
            Self::InternalError => 80,
            Self::MissingExtension => 109,
            Self::UnrecognizedName => 112,
            Self::NoApplicationProtocol => 120,
        }
    }

    /// The alert as a record of its own, not encrypted. Before a version is agreed upon, a record says 3.3 (RFC 8446 §5.1).
    pub const fn fatal_record(self) -> [u8; 7] {
        [ALERT, 3, 3, 0, 2, FATAL, self.code()]
    }
}

/// The content type of alerts (RFC 8446 §5.1).
const ALERT: u8 = 21;

/// The level of all alerts that end a connection (RFC 8446 §6).
const FATAL: u8 = 2;
