//! Frames (RFC 9113 §4.1, §6): their headers read and written, and the codes of errors (§7). Called by the guard, by whoever writes
//! what it objects to, and by tests.

/// The bytes of a frame's header (RFC 9113 §4.1).
pub const HEADER_BYTES: usize = 9;

/// What precedes the first frame of a client (RFC 9113 §3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// END_STREAM of DATA and HEADERS (RFC 9113 §6.1, §6.2).
pub const END_STREAM: u8 = 0x1;

/// ACK of SETTINGS and PING (RFC 9113 §6.5, §6.7).
pub const ACK: u8 = 0x1;

/// END_HEADERS of HEADERS, PUSH_PROMISE and CONTINUATION (RFC 9113 §6.2, §6.6, §6.10).
pub const END_HEADERS: u8 = 0x4;

/// PADDED of DATA, HEADERS and PUSH_PROMISE (RFC 9113 §6.1, §6.2, §6.6).
pub const PADDED: u8 = 0x8;

/// PRIORITY of HEADERS (RFC 9113 §6.2).
pub const PRIORITY: u8 = 0x20;

/// What a frame is (RFC 9113 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// §6.1
    Data,
    /// §6.2
    Headers,
    /// §6.3
    Priority,
    /// §6.4
    RstStream,
    /// §6.5
    Settings,
    /// §6.6
    PushPromise,
    /// §6.7
    Ping,
    /// §6.8
    GoAway,
    /// §6.9
    WindowUpdate,
    /// §6.10
    Continuation,
    /// A type that RFC 9113 does not define (§5.5).
    Unknown(u8),
}

/// What a frame says about itself (RFC 9113 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Bytes of payload, 24 bits.
    pub length: u32,
    /// The type.
    pub kind: FrameKind,
    /// Bits that mean something else for each type; unused ones are ignored.
    pub flags: u8,
    /// The stream, 31 bits; 0 is the connection.
    pub stream: u32,
}

/// Why a connection or a stream ends (RFC 9113 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ErrorCode {
    /// Nothing is wrong.
    NoError = 0x0,
    /// A rule is broken that has no code of its own.
    ProtocolError = 0x1,
    /// Our own fault.
    InternalError = 0x2,
    /// A window was not kept or grew too large.
    FlowControlError = 0x3,
    /// SETTINGS were not acknowledged in time.
    SettingsTimeout = 0x4,
    /// A frame on a stream that is closed for it.
    StreamClosed = 0x5,
    /// A frame of a length that it cannot have.
    FrameSizeError = 0x6,
    /// Nothing was done for this stream.
    RefusedStream = 0x7,
    /// The stream is not wanted any more.
    Cancel = 0x8,
    /// Fields could not be decompressed.
    CompressionError = 0x9,
    /// The connection behind CONNECT has failed.
    ConnectError = 0xa,
    /// The peer makes more work than it should.
    EnhanceYourCalm = 0xb,
    /// TLS is not good enough.
    InadequateSecurity = 0xc,
    /// HTTP/1.1 is wanted.
    Http11Required = 0xd,
}

// === impl FrameKind ===

impl FrameKind {
    /// The kind with this number.
    pub const fn from_byte(byte: u8) -> Self {
        match byte {
            0 => Self::Data,
            1 => Self::Headers,
            2 => Self::Priority,
            3 => Self::RstStream,
            4 => Self::Settings,
            5 => Self::PushPromise,
            6 => Self::Ping,
            7 => Self::GoAway,
            8 => Self::WindowUpdate,
            9 => Self::Continuation,
            other => Self::Unknown(other),
        }
    }

    /// Its number.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Data => 0,
            Self::Headers => 1,
            Self::Priority => 2,
            Self::RstStream => 3,
            Self::Settings => 4,
            Self::PushPromise => 5,
            Self::Ping => 6,
            Self::GoAway => 7,
            Self::WindowUpdate => 8,
            Self::Continuation => 9,
            Self::Unknown(other) => other,
        }
    }
}

// === impl FrameHeader ===

impl FrameHeader {
    /// Reads a header. Any bytes are one; the reserved bit is ignored (RFC 9113 §4.1).
    pub const fn read(bytes: &[u8; HEADER_BYTES]) -> Self {
        let [a, b, c, kind, flags, d, e, f, g] = *bytes;
        Self {
            length: u32::from_be_bytes([0, a, b, c]),
            kind: FrameKind::from_byte(kind),
            flags,
            stream: u32::from_be_bytes([d & 0x7f, e, f, g]),
        }
    }

    /// Writes a header; of the length the lower 24 bits, of the stream the lower 31.
    pub const fn write(self) -> [u8; HEADER_BYTES] {
        let [_, a, b, c] = self.length.to_be_bytes();
        let [d, e, f, g] = self.stream.to_be_bytes();
        [a, b, c, self.kind.byte(), self.flags, d & 0x7f, e, f, g]
    }

    /// Whether all bits of `flag` are set.
    pub const fn has(self, flag: u8) -> bool {
        self.flags & flag == flag
    }
}

/// A GOAWAY without debug data (RFC 9113 §6.8): streams of the peer above `last_stream` were not and will not be acted on.
pub fn goaway(last_stream: u32, code: ErrorCode) -> [u8; HEADER_BYTES + 8] {
    let header = FrameHeader { length: 8, kind: FrameKind::GoAway, flags: 0, stream: 0 };
    let mut frame = [0; HEADER_BYTES + 8];
    frame[..HEADER_BYTES].copy_from_slice(&header.write());
    frame[HEADER_BYTES..HEADER_BYTES + 4]
        .copy_from_slice(&(last_stream & STREAM_MAX).to_be_bytes());
    frame[HEADER_BYTES + 4..].copy_from_slice(&(code as u32).to_be_bytes());
    frame
}

/// The highest stream (RFC 9113 §5.1.1), and the largest window (§6.9.1).
pub const STREAM_MAX: u32 = (1 << 31) - 1;

/// The largest frame that everybody takes, and the least that SETTINGS_MAX_FRAME_SIZE may say, in bytes of payload (RFC 9113 §4.2).
pub const FRAME_BYTES_LEAST: u32 = 1 << 14;

/// The most that SETTINGS_MAX_FRAME_SIZE may say (RFC 9113 §6.5.2).
pub const FRAME_BYTES_MOST: u32 = (1 << 24) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_as_it_was_written() {
        for kind in 0..=255 {
            let header = FrameHeader {
                length: 0x12_3456,
                kind: FrameKind::from_byte(kind),
                flags: !kind,
                stream: 0x7edc_ba98,
            };
            assert_eq!(header.write()[3], kind);
            assert_eq!(FrameHeader::read(&header.write()), header);
        }
    }

    #[test]
    fn the_reserved_bit_is_ignored_and_not_written() {
        let header = FrameHeader::read(&[0, 0, 0, 0, 0, 0x80, 0, 0, 1]);
        assert_eq!((header.stream, header.write()[5]), (1, 0));
        assert_eq!(goaway(u32::MAX, ErrorCode::NoError)[9], 0x7f);
    }

    #[test]
    fn goaway_says_which_stream_was_the_last_and_why() {
        let frame = goaway(5, ErrorCode::EnhanceYourCalm);
        assert_eq!(frame, *b"\0\0\x08\x07\0\0\0\0\0\0\0\0\x05\0\0\0\x0b");
    }
}
