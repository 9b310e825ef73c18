//! What the guard objects to, with the code that the RFC gives it and a name for metrics and logs.

use super::frame::{self, ErrorCode, HEADER_BYTES};

/// Why a connection has to end. What would be an error of one stream ends the connection as well (RFC 9113 §5.4.1 lets an
/// endpoint choose so): none of it comes from a peer that is honest and in order, and `h2` would go on with the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Objection {
    /// The rule that was broken.
    pub fault: Fault,
    /// The highest stream of the peer that `h2` may have acted on (RFC 9113 §6.8); always 0 towards an endpoint.
    pub last_stream: u32,
}

/// The rule that a peer breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The first frame is not SETTINGS (RFC 9113 §3.4).
    NoSettings,
    /// What comes first is an answer of HTTP/1.
    Http1,
    /// A frame is larger than our SETTINGS_MAX_FRAME_SIZE (§4.2).
    LargeFrame,
    /// A frame has not the one length of its type, or is too short for what it must hold (§4.2, §6).
    FrameLength,
    /// There is as much padding as payload, or more (§6.1, §6.2).
    Padding,
    /// A frame that belongs to a stream is on none (§6.1, §6.2, §6.3, §6.4, §6.10).
    NoStream,
    /// A frame that belongs to the connection is on a stream (§6.5, §6.7, §6.8).
    OnStream,
    /// Something is between the frames of a block of fields (§4.3, §5.5, §6.2, §6.10).
    Interleaved,
    /// CONTINUATION continues nothing (§6.10).
    Continuation,
    /// A stream is opened that is not the peer's to open, or below one that was opened before (§5.1.1).
    StreamId,
    /// A frame on a stream that nobody has opened (§5.1).
    IdleStream,
    /// A frame on a stream that the peer has ended or reset (§5.1).
    ClosedStream,
    /// The body of an answer comes before its head (§8.1).
    DataBeforeHead,
    /// A stream depends on itself (RFC 7540 §5.3.1).
    SelfDependency,
    /// PUSH_PROMISE: from a client never, from an endpoint not to us, who forbid it (§6.6, §8.4).
    Push,
    /// SETTINGS_ENABLE_PUSH, SETTINGS_MAX_FRAME_SIZE, SETTINGS_ENABLE_CONNECT_PROTOCOL or SETTINGS_NO_RFC7540_PRIORITIES has a
    /// value that it must not have (§6.5.2, RFC 8441 §3, RFC 9218 §2.1).
    SettingValue,
    /// SETTINGS_INITIAL_WINDOW_SIZE is larger than a window can be (§6.5.2).
    SettingWindow,
    /// SETTINGS are acknowledged that we did not send (§6.5.3).
    SettingsAck,
    /// A window grows by nothing (§6.9).
    ZeroIncrement,
    /// A block of fields cannot be decompressed (§4.3).
    Compression,
    /// Trailers have a pseudo-header field (§8.1).
    PseudoTrailer,
    /// A block of fields has more of them than [`fields_max`](super::Limits::fields_max).
    ManyFields,
    /// A block of fields has more bytes than [`block_bytes_max`](super::Limits::block_bytes_max).
    LargeBlock,
    /// A block of fields has more frames than [`continuations_max`](super::Limits::continuations_max).
    ManyContinuations,
    /// One SETTINGS frame has more settings than [`settings_max`](super::Limits::settings_max).
    ManySettings,
    /// More streams are open than [`streams_max`](super::Limits::streams_max).
    ManyStreams,
    /// Too much of what is cheap for the peer and costs us (§10.5).
    Flood(Flood),
}

/// What there can be too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flood {
    /// RST_STREAM from the peer. Each answer that we complete earns one.
    Resets,
    /// RST_STREAM from us for what the peer did wrong. Nothing earns one.
    MadeResets,
    /// SETTINGS.
    Settings,
    /// PING, and acknowledgements of none. HEADERS and DATA that we send earn one each.
    Pings,
    /// PRIORITY. Each stream earns some.
    Priorities,
    /// WINDOW_UPDATE. What we send earns them by the byte, so that one byte does not earn the next.
    WindowUpdates,
    /// DATA with nothing in it, padding aside, that does not end its stream.
    EmptyData,
    /// DATA of a few bytes that does not end its stream.
    TinyData,
    /// HEADERS or CONTINUATION without a fragment.
    EmptyFragments,
    /// HEADERS on a stream that already has some. Each stream earns two: 100 or 103, and trailers.
    Headers,
    /// Frames of types that we do not know. Each stream earns some.
    Unknown,
    /// GOAWAY.
    GoAways,
}

// === impl Objection ===

impl Objection {
    /// The code that the peer is told.
    pub const fn code(self) -> ErrorCode {
        self.fault.code()
    }

    /// The frame that tells the peer; after it the connection is closed (RFC 9113 §5.4.1).
    pub fn goaway(self) -> [u8; HEADER_BYTES + 8] {
        frame::goaway(self.last_stream, self.code())
    }
}

// === impl Fault ===

impl Fault {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// All of them.
    pub const ALL: [Self; 26 + Flood::COUNT] = [
        Self::NoSettings,
        Self::Http1,
        Self::LargeFrame,
        Self::FrameLength,
        Self::Padding,
        Self::NoStream,
        Self::OnStream,
        Self::Interleaved,
        Self::Continuation,
        Self::StreamId,
        Self::IdleStream,
        Self::ClosedStream,
        Self::DataBeforeHead,
        Self::SelfDependency,
        Self::Push,
        Self::SettingValue,
        Self::SettingWindow,
        Self::SettingsAck,
        Self::ZeroIncrement,
        Self::Compression,
        Self::PseudoTrailer,
        Self::ManyFields,
        Self::LargeBlock,
        Self::ManyContinuations,
        Self::ManySettings,
        Self::ManyStreams,
        Self::Flood(Flood::Resets),
        Self::Flood(Flood::MadeResets),
        Self::Flood(Flood::Settings),
        Self::Flood(Flood::Pings),
        Self::Flood(Flood::Priorities),
        Self::Flood(Flood::WindowUpdates),
        Self::Flood(Flood::EmptyData),
        Self::Flood(Flood::TinyData),
        Self::Flood(Flood::EmptyFragments),
        Self::Flood(Flood::Headers),
        Self::Flood(Flood::Unknown),
        Self::Flood(Flood::GoAways),
    ];

    /// Its place among all.
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|fault| *fault == self).unwrap_or_default()
    }

    /// The code that RFC 9113 gives it.
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::NoSettings
            | Self::Http1
            | Self::Padding
            | Self::NoStream
            | Self::OnStream
            | Self::Interleaved
            | Self::Continuation
            | Self::StreamId
            | Self::IdleStream
            | Self::DataBeforeHead
            | Self::SelfDependency
            | Self::Push
            | Self::SettingValue
            | Self::SettingsAck
            | Self::PseudoTrailer
            | Self::ZeroIncrement => ErrorCode::ProtocolError,
            Self::LargeFrame | Self::FrameLength => ErrorCode::FrameSizeError,
            Self::ClosedStream => ErrorCode::StreamClosed,
            Self::SettingWindow => ErrorCode::FlowControlError,
            Self::Compression => ErrorCode::CompressionError,
            Self::LargeBlock
            | Self::ManyFields
            | Self::ManyContinuations
            | Self::ManySettings
            | Self::ManyStreams
            | Self::Flood(_) => ErrorCode::EnhanceYourCalm,
        }
    }

    /// Its name in metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoSettings => "no_settings",
            Self::Http1 => "http1",
            Self::LargeFrame => "large_frame",
            Self::FrameLength => "frame_length",
            Self::Padding => "padding",
            Self::NoStream => "no_stream",
            Self::OnStream => "on_stream",
            Self::Interleaved => "interleaved",
            Self::Continuation => "continuation",
            Self::StreamId => "stream_id",
            Self::IdleStream => "idle_stream",
            Self::ClosedStream => "closed_stream",
            Self::DataBeforeHead => "data_before_head",
            Self::SelfDependency => "self_dependency",
            Self::Push => "push",
            Self::SettingValue => "setting_value",
            Self::SettingWindow => "setting_window",
            Self::SettingsAck => "settings_ack",
            Self::ZeroIncrement => "zero_increment",
            Self::Compression => "compression",
            Self::PseudoTrailer => "pseudo_trailer",
            Self::ManyFields => "many_fields",
            Self::LargeBlock => "large_block",
            Self::ManyContinuations => "many_continuations",
            Self::ManySettings => "many_settings",
            Self::ManyStreams => "many_streams",
            Self::Flood(flood) => flood.name(),
        }
    }
}

impl From<Flood> for Fault {
    fn from(flood: Flood) -> Self {
        Self::Flood(flood)
    }
}

// === impl Flood ===

impl Flood {
    /// How many kinds there are.
    pub const COUNT: usize = Self::GoAways as usize + 1;

    /// Its name in metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resets => "flood_resets",
            Self::MadeResets => "flood_made_resets",
            Self::Settings => "flood_settings",
            Self::Pings => "flood_pings",
            Self::Priorities => "flood_priorities",
            Self::WindowUpdates => "flood_window_updates",
            Self::EmptyData => "flood_empty_data",
            Self::TinyData => "flood_tiny_data",
            Self::EmptyFragments => "flood_empty_fragments",
            Self::Headers => "flood_headers",
            Self::Unknown => "flood_unknown",
            Self::GoAways => "flood_goaways",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_among_all_and_has_a_name_of_its_own() {
        let mut names: Vec<_> = Fault::ALL.into_iter().map(Fault::name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Fault::COUNT);
        for (index, fault) in Fault::ALL.into_iter().enumerate() {
            assert_eq!(fault.index(), index, "{fault:?}");
        }
    }
}
