//! What is asked of each frame of the peer (RFC 9113 §4 to §6). Called by [`Guard::inbound`].

use super::{Fault, Flood, FrameHeader, FrameKind, Guard, Side, WINDOW_UPDATE_PRICE};
use crate::http2::frame::{ACK, END_STREAM, PADDED, PRIORITY, STREAM_MAX};
use crate::http2::reader::PAYLOAD_BYTES_MAX;
use crate::http2::streams::State;

impl Guard {
    /// What can be said by the header alone.
    #[inline]
    pub(super) fn on_header(&mut self, header: FrameHeader, now: u64) -> Result<(), Fault> {
        if header.length > self.limits.frame_bytes_max {
            return Err(self.too_large(header));
        }
        if self.block.stream != 0 {
            return self.on_continuation(header, now);
        }
        if !self.has_settings {
            self.begin(header)?;
        }
        match header.kind {
            FrameKind::Data => self.on_data(header, now),
            FrameKind::Headers => self.on_headers(header, now),
            FrameKind::Priority => self.on_priority(header, now),
            FrameKind::RstStream => self.on_reset(header, now),
            FrameKind::Settings => self.on_settings(header, now),
            FrameKind::PushPromise => Err(Fault::Push),
            FrameKind::Ping => self.on_ping(header, now),
            FrameKind::GoAway => self.on_goaway(header, now),
            FrameKind::WindowUpdate => self.on_window_update(header, now),
            FrameKind::Continuation if header.stream == 0 => Err(Fault::NoStream),
            FrameKind::Continuation => Err(Fault::Continuation),
            FrameKind::Unknown(_) => self.charge(Flood::Unknown, 1, now),
        }
    }

    /// What needs the first bytes of the payload, or those of one setting.
    pub(super) fn on_payload(
        &mut self,
        header: FrameHeader,
        payload: [u8; PAYLOAD_BYTES_MAX],
        now: u64,
    ) -> Result<(), Fault> {
        let [a, b, c, d, ..] = payload;
        let number = u32::from_be_bytes([a, b, c, d]) & STREAM_MAX;
        match header.kind {
            FrameKind::Data => self.on_padded_data(header, a, now),
            FrameKind::Headers => self.on_headers_payload(header, payload, now),
            FrameKind::Priority if number == header.stream => Err(Fault::SelfDependency),
            FrameKind::WindowUpdate if number == 0 => Err(Fault::ZeroIncrement),
            FrameKind::Settings => self.on_setting(payload),
            _ => Ok(()),
        }
    }

    /// A server that knows nothing of HTTP/2 answers the preface with `HTTP/1.1 400`, or the like.
    #[cold]
    fn too_large(&self, header: FrameHeader) -> Fault {
        let is_http1 = header.length.to_be_bytes() == *b"\0HTT" && header.flags == b'/';
        if is_http1 && !self.has_settings { Fault::Http1 } else { Fault::LargeFrame }
    }

    /// RFC 9113 §3.4: SETTINGS, and not an acknowledgement, is what the peer says first.
    #[cold]
    fn begin(&mut self, header: FrameHeader) -> Result<(), Fault> {
        if header.kind != FrameKind::Settings || header.has(ACK) {
            return Err(Fault::NoSettings);
        }
        self.has_settings = true;
        Ok(())
    }

    #[inline]
    fn on_data(&mut self, header: FrameHeader, now: u64) -> Result<(), Fault> {
        if header.stream == 0 {
            return Err(Fault::NoStream);
        }
        let ends = header.has(END_STREAM);
        let noted = if ends { State::PEER_ENDED } else { State::default() };
        match self.streams.note(header.stream, noted) {
            Some(before) => check_takes_data(before)?,
            None => self.check_not_idle(header.stream)?,
        }
        if header.has(PADDED) {
            // RFC 9113 §4.2: the length of the padding must be there.
            return self.want(header, 1);
        }
        if ends || header.length >= TINY_DATA_BYTES {
            return Ok(());
        }
        self.on_little_data(header.length, now)
    }

    /// RFC 9113 §6.1: "the length of the frame payload or greater" is too much padding.
    fn on_padded_data(&mut self, header: FrameHeader, padding: u8, now: u64) -> Result<(), Fault> {
        let data = header.length.checked_sub(u32::from(padding) + 1).ok_or(Fault::Padding)?;
        if header.has(END_STREAM) || data >= TINY_DATA_BYTES {
            return Ok(());
        }
        self.on_little_data(data, now)
    }

    #[cold]
    fn on_little_data(&mut self, bytes: u32, now: u64) -> Result<(), Fault> {
        let flood = if bytes == 0 { Flood::EmptyData } else { Flood::TinyData };
        self.charge(flood, 1, now)
    }

    #[inline]
    fn on_headers(&mut self, header: FrameHeader, now: u64) -> Result<(), Fault> {
        if header.stream == 0 {
            return Err(Fault::NoStream);
        }
        let ended = if header.has(END_STREAM) { State::PEER_ENDED } else { State::default() };
        let state = State::PEER_HEADERS.with(ended);
        let before = self.streams.note(header.stream, state);
        match before {
            Some(before) => self.check_takes_headers(before, now)?,
            None => self.open(header.stream, state)?,
        }
        self.begin_block(header, before.is_some());
        // The length of the padding, and a stream to depend on with its weight.
        let wanted = u8::from(header.has(PADDED)) + if header.has(PRIORITY) { 5 } else { 0 };
        if wanted == 0 {
            return self.grow_block(header, header.length, now);
        }
        self.want(header, wanted)
    }

    /// RFC 9113 §5.1.1: streams of clients are odd, and each is above the last one. Endpoints open none: we forbid to push.
    fn open(&mut self, stream: u32, state: State) -> Result<(), Fault> {
        match self.side {
            Side::FacingEndpoint if stream % 2 == 1 && stream <= self.streams.highest() => Ok(()),
            Side::FacingEndpoint if stream % 2 == 1 => Err(Fault::IdleStream),
            Side::FacingEndpoint => Err(Fault::StreamId),
            Side::FacingClient if stream > self.ignored_above => Ok(()),
            Side::FacingClient if stream.is_multiple_of(2) => Err(Fault::StreamId),
            Side::FacingClient if stream <= self.streams.highest() => Err(Fault::StreamId),
            Side::FacingClient if self.streams.open_count() >= self.limits.streams_max => {
                Err(Fault::ManyStreams)
            }
            Side::FacingClient => {
                self.streams.open(stream, state);
                self.earn_for_stream();
                Ok(())
            }
        }
    }

    fn check_takes_headers(&mut self, before: State, now: u64) -> Result<(), Fault> {
        if before.has(State::WE_RESET) {
            return self.charge(Flood::Headers, 1, now);
        }
        if before.has(ENDED_BY_PEER) {
            return Err(Fault::ClosedStream);
        }
        if before.has(State::PEER_HEADERS) {
            return self.charge(Flood::Headers, 1, now);
        }
        Ok(())
    }

    fn on_priority(&mut self, header: FrameHeader, now: u64) -> Result<(), Fault> {
        check_on_stream(header)?;
        check_length(header, 5)?;
        self.charge(Flood::Priorities, 1, now)?;
        self.want(header, 4)
    }

    fn on_reset(&mut self, header: FrameHeader, now: u64) -> Result<(), Fault> {
        check_on_stream(header)?;
        check_length(header, 4)?;
        if self.streams.note(header.stream, State::PEER_RESET).is_none() {
            self.check_not_idle(header.stream)?;
        }
        self.charge(Flood::Resets, 1, now)
    }

    fn on_ping(&mut self, header: FrameHeader, now: u64) -> Result<(), Fault> {
        check_on_connection(header)?;
        check_length(header, 8)?;
        if header.has(ACK) && self.pings_unacknowledged > 0 {
            self.pings_unacknowledged -= 1;
            return Ok(());
        }
        self.charge(Flood::Pings, 1, now)
    }

    fn on_goaway(&mut self, header: FrameHeader, now: u64) -> Result<(), Fault> {
        check_on_connection(header)?;
        if header.length < 8 {
            return Err(Fault::FrameLength);
        }
        self.charge(Flood::GoAways, 1, now)
    }

    fn on_window_update(&mut self, header: FrameHeader, now: u64) -> Result<(), Fault> {
        check_length(header, 4)?;
        if header.stream != 0 && self.streams.state(header.stream).is_none() {
            self.check_not_idle(header.stream)?;
        }
        self.charge(Flood::WindowUpdates, WINDOW_UPDATE_PRICE, now)?;
        self.want(header, 4)
    }

    /// A stream that is not known: it may have been closed long ago, and then `h2` answers. If nobody has ever opened it, that is
    /// for the connection to answer (RFC 9113 §5.1).
    #[cold]
    fn check_not_idle(&self, stream: u32) -> Result<(), Fault> {
        let is_idle = match self.side {
            _ if stream.is_multiple_of(2) => true,
            Side::FacingClient if stream > self.ignored_above => false,
            _ => stream > self.streams.highest(),
        };
        if is_idle { Err(Fault::IdleStream) } else { Ok(()) }
    }

    /// RFC 9113 §4.2: a frame that is too short for what it must hold has a wrong size.
    pub(super) fn want(&mut self, header: FrameHeader, count: u8) -> Result<(), Fault> {
        if header.length < u32::from(count) {
            return Err(Fault::FrameLength);
        }
        self.incoming.want(count);
        Ok(())
    }
}

/// RFC 9113 §5.1: on a stream that the peer has ended or reset it sends nothing more. On one that we have reset it may not know.
#[inline]
fn check_takes_data(before: State) -> Result<(), Fault> {
    if before.has(State::WE_RESET) {
        return Ok(());
    }
    if before.has(ENDED_BY_PEER) {
        return Err(Fault::ClosedStream);
    }
    if !before.has(State::PEER_HEADERS) {
        return Err(Fault::DataBeforeHead);
    }
    Ok(())
}

const ENDED_BY_PEER: State = State::PEER_ENDED.with(State::PEER_RESET);

fn check_on_stream(header: FrameHeader) -> Result<(), Fault> {
    if header.stream == 0 { Err(Fault::NoStream) } else { Ok(()) }
}

pub(super) fn check_on_connection(header: FrameHeader) -> Result<(), Fault> {
    if header.stream == 0 { Ok(()) } else { Err(Fault::OnStream) }
}

fn check_length(header: FrameHeader, length: u32) -> Result<(), Fault> {
    if header.length == length { Ok(()) } else { Err(Fault::FrameLength) }
}

/// DATA below this is more header than data, and is counted.
const TINY_DATA_BYTES: u32 = 16;
