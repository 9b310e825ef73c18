//! Blocks of fields (RFC 9113 §4.3): HEADERS and the CONTINUATION frames behind it, and what is in them. Called by
//! [`Guard::inbound`].

use super::{Fault, Flood, FrameHeader, FrameKind, Guard, Side};
use crate::http2::frame::{END_HEADERS, PADDED, PRIORITY, STREAM_MAX};
use crate::http2::reader::PAYLOAD_BYTES_MAX;

impl Guard {
    pub(super) fn on_headers_payload(
        &mut self,
        header: FrameHeader,
        payload: [u8; PAYLOAD_BYTES_MAX],
        now: u64,
    ) -> Result<(), Fault> {
        let [a, b, c, d, e, ..] = payload;
        let (padding, stream, mut fixed) = match header.has(PADDED) {
            true => (u32::from(a), [b, c, d, e], 1),
            false => (0, [a, b, c, d], 0),
        };
        if header.has(PRIORITY) {
            fixed += 5;
            if u32::from_be_bytes(stream) & STREAM_MAX == header.stream {
                return Err(Fault::SelfDependency);
            }
        }
        // RFC 9113 §6.2: padding that exceeds what is left for the fragment. `want` has seen to the fixed part.
        let fragment = (header.length - fixed).checked_sub(padding).ok_or(Fault::Padding)?;
        self.grow_block(header, fragment, now)
    }

    /// A frame while a block of fields is not at its end: only more of it will do (RFC 9113 §4.3).
    pub(super) fn on_continuation(&mut self, header: FrameHeader, now: u64) -> Result<(), Fault> {
        if header.kind != FrameKind::Continuation {
            return Err(Fault::Interleaved);
        }
        if header.stream != self.block.stream {
            return Err(if header.stream == 0 { Fault::NoStream } else { Fault::Interleaved });
        }
        self.block.continuations += 1;
        if self.block.continuations > self.limits.continuations_max {
            return Err(Fault::ManyContinuations);
        }
        self.grow_block(header, header.length, now)
    }

    /// In trailers of clients there are no pseudo-header fields; those of an endpoint look like an answer behind an interim one.
    #[inline]
    pub(super) fn begin_block(&mut self, header: FrameHeader, has_headers: bool) {
        self.block.stream = header.stream;
        self.block.bytes = 0;
        self.block.continuations = 0;
        self.block.is_trailer = has_headers && self.side == Side::FacingClient;
    }

    #[inline]
    pub(super) fn grow_block(
        &mut self,
        header: FrameHeader,
        fragment: u32,
        now: u64,
    ) -> Result<(), Fault> {
        self.block.bytes = self.block.bytes.saturating_add(header.length);
        if self.block.bytes > self.limits.block_bytes_max {
            return Err(Fault::LargeBlock);
        }
        self.block.fragment_left = fragment;
        self.block.is_ending = header.has(END_HEADERS);
        if fragment == 0 {
            self.charge(Flood::EmptyFragments, 1, now)?;
            return self.end_fragment();
        }
        Ok(())
    }

    #[inline]
    pub(super) fn on_fragment(&mut self, fragment: &[u8]) -> Result<(), Fault> {
        self.block.reader.read(fragment, self.limits.fields_max)?;
        self.block.fragment_left -= fragment.len() as u32;
        if self.block.fragment_left == 0 { self.end_fragment() } else { Ok(()) }
    }

    #[inline]
    fn end_fragment(&mut self) -> Result<(), Fault> {
        if !self.block.is_ending {
            return Ok(());
        }
        self.block.stream = 0;
        let has_pseudo = self.block.reader.end()?;
        if has_pseudo && self.block.is_trailer { Err(Fault::PseudoTrailer) } else { Ok(()) }
    }
}
