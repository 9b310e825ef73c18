//! Frames of HTTP/2 (RFC 9113 §4), and blocks of fields (RFC 7541) as far as a raw client writes and reads them.

use std::io;
use std::net::TcpStream;

use crate::wire::Wire;

/// A frame as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub kind: Kind,
    /// Its flags.
    pub flags: u8,
    /// Its stream; 0 for the connection.
    pub stream: u32,
    /// What is in it.
    pub payload: Vec<u8>,
}

/// The types of RFC 9113 §6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the RFC")]
pub enum Kind {
    Data,
    Headers,
    Priority,
    RstStream,
    Settings,
    PushPromise,
    Ping,
    GoAway,
    WindowUpdate,
    Continuation,
    /// Any other.
    Other(u8),
}

/// A frame's bytes.
#[must_use]
pub fn frame(kind: Kind, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    let header = [length[1], length[2], length[3], kind.number(), flags];
    [&header[..], &stream.to_be_bytes(), payload].concat()
}

/// SETTINGS with these: pairs of an identifier and a value.
pub(super) fn settings(settings: &[(u16, u32)]) -> Vec<u8> {
    let pair = |&(id, value): &(u16, u32)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
    frame(Kind::Settings, 0, 0, &settings.iter().flat_map(pair).collect::<Vec<u8>>())
}

impl Frame {
    /// The next one.
    pub(super) fn take(wire: &mut Wire<TcpStream>) -> io::Result<Self> {
        let header = wire.take_exactly(HEADER_BYTES)?;
        let (length, mut frame) = Self::of(&header);
        frame.payload = wire.take_exactly(length)?;
        Ok(frame)
    }

    /// The length of the payload, and the frame without it.
    fn of(header: &[u8]) -> (usize, Self) {
        let number = |from: usize, to: usize| {
            header[from..to].iter().fold(0_u32, |sum, &byte| sum << 8 | u32::from(byte))
        };
        let frame = Self {
            kind: Kind::of(header[3]),
            flags: header[4],
            stream: number(5, 9),
            payload: Vec::new(),
        };
        (number(0, 3) as usize, frame)
    }

    /// Whether its sender sends no more on its stream.
    #[must_use]
    pub fn ends_stream(&self) -> bool {
        matches!(self.kind, Kind::Data | Kind::Headers) && self.flags & END_STREAM != 0
    }

    /// The code of RST_STREAM and GOAWAY.
    #[must_use]
    pub fn code(&self) -> Option<u32> {
        let at = match self.kind {
            Kind::RstStream => 0,
            Kind::GoAway => 4,
            _ => return None,
        };
        Some(u32::from_be_bytes(self.payload.get(at..at + 4)?.try_into().ok()?))
    }

    /// The status in HEADERS, where it is the first field and one of the static table, or three digits with Huffman's code or without. `None` for
    /// trailers, and where it is in the dynamic table.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match *self.payload.first()? {
            // RFC 7541 Appendix A.
            indexed @ 0x88..=0x8e => {
                Some([200, 204, 206, 304, 400, 404, 500][usize::from(indexed - 0x88)])
            }
            // A literal whose name is `:status`, with or without indexing (§6.2).
            0x48 | 0x08 | 0x18 => digits(&self.payload[1..]),
            _ => None,
        }
    }
}

/// A string of three digits (RFC 7541 §5.2).
fn digits(string: &[u8]) -> Option<u16> {
    let (&length, rest) = string.split_first()?;
    let bytes = rest.get(..usize::from(length & 0x7f))?;
    if length & 0x80 == 0 {
        return std::str::from_utf8(bytes).ok()?.parse().ok();
    }
    let bits = bytes.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte));
    let (mut left, mut value) = (8 * bytes.len(), 0);
    for _ in 0..3 {
        let next = |count: usize| Some(bits >> left.checked_sub(count)? & ((1 << count) - 1));
        // RFC 7541 Appendix B: 0, 1 and 2 have five bits, the others six, from 011001 on.
        let digit = match next(5)? {
            short @ 0..=2 => {
                left -= 5;
                short
            }
            _ => {
                let long = next(6)?;
                left -= 6;
                long.checked_sub(0b01_0110).filter(|digit| (3..=9).contains(digit))?
            }
        };
        value = value * 10 + u16::try_from(digit).ok()?;
    }
    Some(value)
}

impl Kind {
    fn number(self) -> u8 {
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
            Self::Other(number) => number,
        }
    }

    fn of(number: u8) -> Self {
        const ALL: [Kind; 10] = [
            Kind::Data,
            Kind::Headers,
            Kind::Priority,
            Kind::RstStream,
            Kind::Settings,
            Kind::PushPromise,
            Kind::Ping,
            Kind::GoAway,
            Kind::WindowUpdate,
            Kind::Continuation,
        ];
        ALL.get(usize::from(number)).copied().unwrap_or(Self::Other(number))
    }
}

/// A block of fields that is being written.
#[derive(Clone, Debug, Default)]
pub struct Block(Vec<u8>);

impl Block {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The pseudo-header fields of a request for `test`.
    #[must_use]
    pub fn request(method: &str, path: &str) -> Self {
        Self::new()
            .field(":method", method)
            .field(":scheme", "http")
            .field(":authority", "test")
            .field(":path", path)
    }

    /// Adds a field as a literal that is not indexed (RFC 7541 §6.2.2), whatever is in it.
    #[must_use]
    pub fn field(self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.raw([0]).string(name.as_ref()).string(value.as_ref())
    }

    /// Adds a field as a literal that is put into the dynamic table (RFC 7541 §6.2.1): index 62 from then on, until the next one is.
    #[must_use]
    pub fn indexed(self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.raw([0x40]).string(name.as_ref()).string(value.as_ref())
    }

    /// Adds bytes as they are.
    #[must_use]
    pub fn raw(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.extend_from_slice(bytes.as_ref());
        self
    }

    fn string(mut self, bytes: &[u8]) -> Self {
        // RFC 7541 §5.1: an integer with a prefix of seven bits.
        let mut left = bytes.len();
        if left < 0x7f {
            self.0.push(left as u8);
        } else {
            left -= 0x7f;
            self.0.push(0x7f);
            while left >= 0x80 {
                self.0.push((left & 0x7f) as u8 | 0x80);
                left >>= 7;
            }
            self.0.push(left as u8);
        }
        self.raw(bytes)
    }
}

impl std::ops::Deref for Block {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// How long the header of a frame is (RFC 9113 §4.1).
pub(super) const HEADER_BYTES: usize = 9;

/// On DATA and HEADERS.
pub const END_STREAM: u8 = 1;

/// On SETTINGS and PING.
pub(super) const ACK: u8 = 1;

/// On HEADERS and CONTINUATION.
pub const END_HEADERS: u8 = 4;
