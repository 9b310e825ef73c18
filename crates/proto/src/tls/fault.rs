//! Why a ClientHello is refused, and how the client is told.

use super::Alert;

/// Why nothing can be made of a connection's first bytes. None of these changes when more bytes come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelloError {
    /// They do not begin a record of TLS: another protocol, or SSL 2.0. No alert would be understood.
    NotTls,
    /// They break a rule.
    Malformed(HelloFault),
    /// The hello takes more bytes than the limit, its records' headers included.
    TooLarge,
}

/// The rule that a ClientHello breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelloFault {
    /// A record between those of the hello carries something else (RFC 8446 §5.1: none may be interleaved).
    ForeignRecord,
    /// A record after the first one does not belong to version 3.x.
    RecordVersion,
    /// A record is empty (RFC 8446 §5.1: not for a handshake).
    EmptyRecord,
    /// A record is longer than [`super::RECORD_BYTES_MAX`] (RFC 8446 §5.1).
    LongRecord,
    /// The first message of the handshake is not a ClientHello.
    OtherMessage,
    /// The last record goes on after the hello (RFC 8446 §5.1: it ends where its record ends).
    BehindHello,
    /// The hello's own version is not 3.x.
    LegacyVersion,
    /// A field ends beyond the structure that it is in.
    Truncated,
    /// A structure goes on after its last field.
    TrailingBytes,
    /// A list or string is longer or shorter than it may be, or ends within an element.
    Length,
    /// There are more than [`super::EXTENSIONS_MAX`] extensions.
    ManyExtensions,
    /// Two extensions are of one type (RFC 8446 §4.2).
    RepeatedExtension,
    /// There are several host names (RFC 6066 §3: one of each type).
    SeveralNames,
    /// The server name cannot be the name of a host.
    HostName,
}

impl HelloError {
    /// What to tell the client; `None` if it does not speak TLS.
    pub const fn alert(self) -> Option<Alert> {
        match self {
            Self::NotTls => None,
            Self::Malformed(fault) => Some(fault.alert()),
            Self::TooLarge => Some(Alert::HandshakeFailure),
        }
    }

    /// What to tell the operator.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NotTls => "the connection does not begin with a record of TLS",
            Self::Malformed(fault) => fault.reason(),
            Self::TooLarge => "the ClientHello is larger than allowed",
        }
    }
}

impl HelloFault {
    /// What to tell the client.
    pub const fn alert(self) -> Alert {
        match self {
            Self::ForeignRecord | Self::EmptyRecord | Self::OtherMessage | Self::BehindHello => {
                Alert::UnexpectedMessage
            }
            Self::RecordVersion | Self::LegacyVersion => Alert::ProtocolVersion,
            Self::LongRecord => Alert::RecordOverflow,
            Self::Truncated | Self::TrailingBytes | Self::Length => Alert::DecodeError,
            Self::ManyExtensions => Alert::HandshakeFailure,
            Self::RepeatedExtension | Self::SeveralNames => Alert::IllegalParameter,
            // Such names are nobody's, so nobody is found by them.
            Self::HostName => Alert::UnrecognizedName,
        }
    }

    /// What to tell the operator.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::ForeignRecord => "a record within the ClientHello is not of the handshake",
            Self::RecordVersion => "a record within the ClientHello is not of version 3.x",
            Self::EmptyRecord => "a record of the ClientHello is empty",
            Self::LongRecord => "a record is longer than 16384 bytes",
            Self::OtherMessage => "the handshake does not begin with a ClientHello",
            Self::BehindHello => "the ClientHello does not end where its record ends",
            Self::LegacyVersion => "the version of the ClientHello is not 3.x",
            Self::Truncated => "a field of the ClientHello ends beyond what holds it",
            Self::TrailingBytes => "a structure of the ClientHello goes on after its last field",
            Self::Length => "a list of the ClientHello has a length that it may not have",
            Self::ManyExtensions => "the ClientHello has more extensions than allowed",
            Self::RepeatedExtension => "the ClientHello has two extensions of one type",
            Self::SeveralNames => "the ClientHello names several hosts",
            Self::HostName => "the server name is not the name of a host",
        }
    }
}

impl From<HelloFault> for HelloError {
    fn from(fault: HelloFault) -> Self {
        Self::Malformed(fault)
    }
}
