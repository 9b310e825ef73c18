//! Where frames begin and end in bytes that come in any pieces. Called by the guard, once for each direction.

use super::frame::{FrameHeader, FrameKind, HEADER_BYTES};

/// Reads headers, the first bytes of payloads where they are asked for, and skips the rest by counting.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameReader {
    header: FrameHeader,
    /// Bytes of the current payload that are still to come.
    payload_left: u32,
    /// So many bytes are wanted at once: a header's, or of a payload; 0 while it is skipped.
    wanted: u8,
    /// So many of them are in `held`.
    filled: u8,
    held: [u8; HEADER_BYTES],
}

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// A frame begins.
    Header(FrameHeader),
    /// Bytes that [`FrameReader::want`] asked for, from the front.
    Payload(FrameHeader, [u8; PAYLOAD_BYTES_MAX]),
    /// Bytes of a block of fields, which [`FrameReader::take`] has taken.
    Fragment(&'a [u8]),
    /// Nothing more without more bytes.
    Starved,
}

/// The most bytes of a payload that can be wanted at once: a GOAWAY without debug data has so many.
pub(super) const PAYLOAD_BYTES_MAX: usize = 8;

impl Default for FrameReader {
    fn default() -> Self {
        Self {
            header: FrameHeader { length: 0, kind: FrameKind::Data, flags: 0, stream: 0 },
            payload_left: 0,
            wanted: HEADER_BYTES as u8,
            filled: 0,
            held: [0; HEADER_BYTES],
        }
    }
}

impl FrameReader {
    /// Reads on in `bytes` and takes away what was read.
    // It has two callers, and what it returns is matched at once.
    #[inline(always)]
    pub(super) fn step(&mut self, bytes: &mut &[u8]) -> Step<'static> {
        if self.wanted == 0 {
            self.skip(bytes);
        }
        if bytes.is_empty() {
            return Step::Starved;
        }
        if self.wanted as usize == HEADER_BYTES
            && self.filled == 0
            && let Some((header, rest)) = bytes.split_first_chunk()
        {
            *bytes = rest;
            return self.begin(FrameHeader::read(header));
        }
        self.collect(bytes)
    }

    /// After a header or a part of its payload: the next `count` bytes of the payload are wanted, which must be there, at most
    /// [`PAYLOAD_BYTES_MAX`]. Without a call the payload is skipped.
    #[inline]
    pub(super) fn want(&mut self, count: u8) {
        self.wanted = count;
    }

    /// Takes up to `count` bytes of a payload that is being skipped.
    #[inline]
    pub(super) fn take<'a>(&mut self, bytes: &mut &'a [u8], count: u32) -> &'a [u8] {
        let count =
            count.min(self.payload_left).min(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        let (taken, rest) = bytes.split_at(count as usize);
        *bytes = rest;
        self.payload_left -= count;
        taken
    }

    /// Bytes of the current payload that were neither read nor skipped.
    #[inline]
    pub(super) fn payload_left(&self) -> u32 {
        self.payload_left
    }

    /// Whether bytes of a payload are wanted.
    #[inline]
    pub(super) fn is_wanting(&self) -> bool {
        self.wanted > 0
    }

    /// How many bytes the current frame still has; `None` within a header.
    pub(super) fn left_of_frame(&self) -> Option<usize> {
        match self.wanted as usize == HEADER_BYTES && self.filled > 0 {
            true => None,
            false => Some(self.payload_left as usize),
        }
    }

    /// How many bytes of the current frame were read, its header included.
    pub(super) fn bytes_into_frame(&self) -> usize {
        HEADER_BYTES + (self.header.length - self.payload_left) as usize
    }

    #[inline]
    fn begin(&mut self, header: FrameHeader) -> Step<'static> {
        self.header = header;
        self.payload_left = header.length;
        self.wanted = 0;
        self.filled = 0;
        Step::Header(header)
    }

    #[inline]
    fn skip(&mut self, bytes: &mut &[u8]) {
        let count = bytes.len().min(self.payload_left as usize);
        *bytes = &bytes[count..];
        self.payload_left -= count as u32;
        if self.payload_left == 0 {
            self.wanted = HEADER_BYTES as u8;
        }
    }

    /// Joins what came in pieces; payloads always go this way, since they are short.
    #[inline(never)]
    fn collect(&mut self, bytes: &mut &[u8]) -> Step<'static> {
        let (filled, wanted) = (self.filled as usize, self.wanted as usize);
        let count = bytes.len().min(wanted - filled);
        let (piece, rest) = bytes.split_at(count);
        self.held[filled..filled + count].copy_from_slice(piece);
        *bytes = rest;
        self.filled += count as u8;
        let is_header = wanted == HEADER_BYTES;
        if !is_header {
            self.payload_left -= count as u32;
        }
        if filled + count < wanted {
            return Step::Starved;
        }
        if is_header {
            return self.begin(FrameHeader::read(&self.held));
        }
        let mut payload = [0; PAYLOAD_BYTES_MAX];
        payload[..wanted].copy_from_slice(&self.held[..wanted]);
        (self.wanted, self.filled) = (0, 0);
        Step::Payload(self.header, payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of `bytes` that come in pieces of `size`, wanting as many bytes of each payload as its stream says.
    fn read(bytes: &[u8], size: usize) -> (Vec<Step<'_>>, FrameReader) {
        let (mut reader, mut steps) = (FrameReader::default(), Vec::new());
        for mut piece in bytes.chunks(size) {
            loop {
                match reader.step(&mut piece) {
                    Step::Starved => break,
                    step => steps.push(step),
                }
                if let Some(&Step::Header(header)) = steps.last() {
                    reader.want(header.stream as u8);
                }
            }
            assert!(piece.is_empty());
        }
        (steps, reader)
    }

    #[test]
    fn frames_are_found_however_they_are_cut() {
        let wire = b"\0\0\0\x04\0\0\0\0\0\0\0\x03\0\0\0\0\0\x02abc\0\0\x09\x07\0\0\0\0\x0812345678x\0\0\0\x04\x01\0\0\0\0";
        let (whole, _) = read(wire, wire.len());
        let payloads: Vec<_> =
            whole.iter().filter(|step| matches!(step, Step::Payload(..))).collect();
        assert_eq!((whole.len(), payloads.len()), (6, 2));
        assert!(matches!(payloads[0], Step::Payload(_, bytes) if bytes == b"ab\0\0\0\0\0\0"));
        assert!(matches!(payloads[1], Step::Payload(_, bytes) if bytes == b"12345678"));
        for size in 1..wire.len() {
            let (steps, reader) = read(wire, size);
            assert_eq!(steps, whole, "in pieces of {size}");
            assert_eq!(reader.left_of_frame(), Some(0));
        }
    }

    #[test]
    fn what_is_left_of_a_frame_is_told_but_within_its_header() {
        let wire = b"\0\0\x02\x04\0\0\0\0\0ab";
        for end in 0..=wire.len() {
            let (_, reader) = read(&wire[..end], wire.len());
            let expected = if end == 0 { Some(0) } else { (end >= 9).then(|| wire.len() - end) };
            assert_eq!(reader.left_of_frame(), expected, "after {end} bytes");
        }
    }
}
