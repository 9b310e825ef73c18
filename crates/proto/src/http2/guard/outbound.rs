//! What is learnt from the frames that `h2` sends: how far streams are, what was earned, and what the peer makes us reset. Called
//! by [`Guard::sent`].

use super::{Fault, Flood, FrameHeader, FrameKind, Guard, Side};
use crate::http2::frame::{ACK, END_STREAM, ErrorCode, STREAM_MAX};
use crate::http2::reader::PAYLOAD_BYTES_MAX;
use crate::http2::streams::State;

impl Guard {
    #[inline]
    pub(super) fn on_sent_header(&mut self, header: FrameHeader) {
        match header.kind {
            FrameKind::Data => {
                self.earn(Flood::WindowUpdates, header.length);
                self.on_sent_part(header);
            }
            FrameKind::Headers => self.on_sent_headers(header),
            FrameKind::RstStream if header.length == 4 => self.outgoing.want(4),
            FrameKind::GoAway if header.length >= 8 => self.outgoing.want(8),
            FrameKind::Settings if header.has(ACK) => self.has_acknowledged = true,
            FrameKind::Settings => self.settings_unacknowledged += 1,
            FrameKind::Ping if !header.has(ACK) => self.pings_unacknowledged += 1,
            _ => {}
        }
    }

    pub(super) fn on_sent_payload(
        &mut self,
        header: FrameHeader,
        payload: [u8; PAYLOAD_BYTES_MAX],
        now: u64,
    ) {
        let [a, b, c, d, ..] = payload;
        let number = u32::from_be_bytes([a, b, c, d]);
        match header.kind {
            FrameKind::RstStream => self.on_sent_reset(header.stream, number, now),
            FrameKind::GoAway => self.ignored_above = number & STREAM_MAX,
            _ => {}
        }
    }

    fn on_sent_headers(&mut self, header: FrameHeader) {
        if self.side == Side::FacingEndpoint && header.stream > self.streams.highest() {
            self.streams.open(header.stream, State::default());
            self.earn_for_stream();
        }
        self.on_sent_part(header);
    }

    /// HEADERS or DATA: gRPC measures the bandwidth with a PING for some of them.
    #[inline]
    fn on_sent_part(&mut self, header: FrameHeader) {
        self.earn(Flood::Pings, 1);
        if !header.has(END_STREAM) {
            return;
        }
        let before = self.streams.note(header.stream, State::WE_ENDED);
        if before.is_some_and(|before| !before.is_closed()) {
            self.earn(Flood::Resets, 1);
        }
    }

    fn on_sent_reset(&mut self, stream: u32, code: u32, now: u64) {
        self.streams.note(stream, State::WE_RESET);
        if is_made(code) && self.charge(Flood::MadeResets, 1, now).is_err() {
            self.object(Fault::Flood(Flood::MadeResets));
        }
    }
}

/// Whether a stream is reset with this code for what the peer did (CVE-2025-8671), and not because an exchange has failed or needs
/// no more of a request.
fn is_made(code: u32) -> bool {
    const MADE: [ErrorCode; 7] = [
        ErrorCode::ProtocolError,
        ErrorCode::FlowControlError,
        ErrorCode::StreamClosed,
        ErrorCode::FrameSizeError,
        ErrorCode::RefusedStream,
        ErrorCode::CompressionError,
        ErrorCode::EnhanceYourCalm,
    ];
    MADE.iter().any(|&made| made as u32 == code)
}
