//! SETTINGS of the peer (RFC 9113 §6.5). Called by [`Guard::inbound`] for the frame and for each setting in it.

use super::inbound::check_on_connection;
use super::{Fault, Flood, FrameHeader, Guard, Side};
use crate::http2::frame::{ACK, FRAME_BYTES_LEAST, FRAME_BYTES_MOST, STREAM_MAX};
use crate::http2::reader::PAYLOAD_BYTES_MAX;

impl Guard {
    pub(super) fn on_settings(&mut self, header: FrameHeader, now: u64) -> Result<(), Fault> {
        check_on_connection(header)?;
        if header.has(ACK) {
            return self.on_settings_ack(header);
        }
        let count = header.length / u32::from(SETTING_BYTES);
        if !header.length.is_multiple_of(u32::from(SETTING_BYTES)) {
            return Err(Fault::FrameLength);
        }
        if count > self.limits.settings_max {
            return Err(Fault::ManySettings);
        }
        self.charge(Flood::Settings, 1, now)?;
        if count > 0 { self.want(header, SETTING_BYTES) } else { Ok(()) }
    }

    fn on_settings_ack(&mut self, header: FrameHeader) -> Result<(), Fault> {
        if header.length != 0 {
            return Err(Fault::FrameLength);
        }
        let left = self.settings_unacknowledged.checked_sub(1);
        self.settings_unacknowledged = left.ok_or(Fault::SettingsAck)?;
        Ok(())
    }

    pub(super) fn on_setting(&mut self, setting: [u8; PAYLOAD_BYTES_MAX]) -> Result<(), Fault> {
        let [a, b, c, d, e, f, ..] = setting;
        self.check_setting(u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, f]))?;
        if self.incoming.payload_left() > 0 {
            self.incoming.want(SETTING_BYTES);
        }
        Ok(())
    }

    /// What is not known is ignored (RFC 9113 §6.5.2).
    fn check_setting(&self, id: u16, value: u32) -> Result<(), Fault> {
        let is_allowed = match id {
            // A server never says that a client may push (RFC 9113 §6.5.2).
            ENABLE_PUSH => value == 0 || (value == 1 && self.side == Side::FacingClient),
            INITIAL_WINDOW_SIZE if value > STREAM_MAX => return Err(Fault::SettingWindow),
            MAX_FRAME_SIZE => (FRAME_BYTES_LEAST..=FRAME_BYTES_MOST).contains(&value),
            ENABLE_CONNECT_PROTOCOL | NO_RFC7540_PRIORITIES => value <= 1,
            _ => true,
        };
        if is_allowed { Ok(()) } else { Err(Fault::SettingValue) }
    }
}

/// An identifier and a value (RFC 9113 §6.5.1).
const SETTING_BYTES: u8 = 6;

/// RFC 9113 §6.5.2.
const ENABLE_PUSH: u16 = 0x2;
const INITIAL_WINDOW_SIZE: u16 = 0x4;
const MAX_FRAME_SIZE: u16 = 0x5;

/// RFC 8441 §3.
const ENABLE_CONNECT_PROTOCOL: u16 = 0x8;

/// RFC 9218 §2.1.
const NO_RFC7540_PRIORITIES: u16 = 0x9;
