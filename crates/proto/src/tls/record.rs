//! Records (RFC 8446 §5.1): joins what they carry until a ClientHello is whole, however it was cut.

use super::client_hello::ClientHello;
use super::fault::{HelloError, HelloFault};

/// Reads a ClientHello from the first bytes of a connection, as they come. It goes on where it stopped, so a client that sends
/// them one at a time makes it do no more work than any other.
#[derive(Debug)]
pub struct ClientHelloReader {
    bytes_max: usize,
    /// So many bytes of the connection were read.
    position: usize,
    /// So many bytes of the current record are still to come.
    fragment_left: usize,
    /// The version of the first record.
    record_version: u16,
    /// What the records carried: a message's type, its length, and as much of it as has come.
    message: Vec<u8>,
}

/// A usual limit for a hello, in bytes with the headers of its records: a message of 16 KiB in 64 records. One with a key for
/// post-quantum exchange and another hello hidden in it takes two.
pub const HELLO_BYTES_MAX: usize = 16 * 1024 + 64 * RECORD_HEADER_BYTES;

/// The most that a record carries (RFC 8446 §5.1).
pub const RECORD_BYTES_MAX: usize = 1 << 14;

impl ClientHelloReader {
    /// A reader at the beginning of a connection. A hello may take `bytes_max` bytes of it, the headers of its records
    /// included; what they carry is copied. See [`HELLO_BYTES_MAX`].
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, position: 0, fragment_left: 0, record_version: 0, message: Vec::new() }
    }

    /// Reads on in `received`: all bytes of the connection so far, from the first one. Those of earlier calls are not looked at
    /// again, but for a record's header that was not whole. What comes behind the hello is left alone: a client may send early
    /// data at once (RFC 8446 §4.2.10).
    ///
    /// Returns the hello when it is whole, and `None` while it is not: then fewer than `bytes_max` bytes have come, and more
    /// can change that. The answer is the same wherever the bytes were cut.
    ///
    /// # Errors
    /// [`HelloError`], as soon as it is certain; the same one if it is asked again.
    pub fn read(&mut self, received: &[u8]) -> Result<Option<ClientHello>, HelloError> {
        loop {
            self.check()?;
            if let Some(message) = self.whole_message() {
                return Ok(Some(ClientHello::parse(self.record_version, message)?));
            }
            let rest = received.get(self.position..).unwrap_or_default();
            let has_moved = match self.fragment_left {
                0 => self.begin_record(rest)?,
                _ => self.take_fragment(rest),
            };
            if !has_moved {
                return Ok(None);
            }
        }
    }

    /// What can be told before the message is whole.
    fn check(&self) -> Result<(), HelloError> {
        if self.message.first().is_some_and(|&kind| kind != CLIENT_HELLO) {
            return Err(HelloFault::OtherMessage.into());
        }
        let missing = self.missing();
        if self.message.len() >= MESSAGE_HEADER_BYTES && self.fragment_left > missing {
            return Err(HelloFault::BehindHello.into());
        }
        let header = if missing > 0 && self.fragment_left == 0 { RECORD_HEADER_BYTES } else { 0 };
        if self.position + header + missing > self.bytes_max {
            return Err(HelloError::TooLarge);
        }
        Ok(())
    }

    /// How many bytes the message lacks; or its header, while that does not say how long it is.
    fn missing(&self) -> usize {
        let whole = match self.message.first_chunk() {
            Some(&[_, high, middle, low]) => {
                MESSAGE_HEADER_BYTES + u32::from_be_bytes([0, high, middle, low]) as usize
            }
            None => MESSAGE_HEADER_BYTES,
        };
        whole - self.message.len()
    }

    /// The message without its header, if all of it is there.
    fn whole_message(&self) -> Option<&[u8]> {
        let body = self.message.get(MESSAGE_HEADER_BYTES..)?;
        (self.missing() == 0).then_some(body)
    }

    /// Reads a record's header; returns whether it was there. What is wrong with a part of it is said at once.
    fn begin_record(&mut self, rest: &[u8]) -> Result<bool, HelloError> {
        let is_first = self.position == 0;
        let unless_first = |fault| if is_first { HelloError::NotTls } else { fault };
        if rest.first().is_some_and(|&content| content != HANDSHAKE) {
            return Err(unless_first(HelloFault::ForeignRecord.into()));
        }
        if rest.get(1).is_some_and(|&major| major != 3) {
            return Err(unless_first(HelloFault::RecordVersion.into()));
        }
        let Some(&[_, major, minor, high, low]) = rest.first_chunk() else { return Ok(false) };
        match usize::from(u16::from_be_bytes([high, low])) {
            0 => return Err(HelloFault::EmptyRecord.into()),
            length if length > RECORD_BYTES_MAX => return Err(HelloFault::LongRecord.into()),
            length => self.fragment_left = length,
        }
        if is_first {
            self.record_version = u16::from_be_bytes([major, minor]);
        }
        self.position += RECORD_HEADER_BYTES;
        Ok(true)
    }

    /// Takes what is there of a record, up to the end of the message or its header; returns whether that was anything.
    fn take_fragment(&mut self, rest: &[u8]) -> bool {
        let count = rest.len().min(self.fragment_left).min(self.missing());
        self.message.extend_from_slice(&rest[..count]);
        self.position += count;
        self.fragment_left -= count;
        count > 0
    }
}

/// Content type, version and length.
const RECORD_HEADER_BYTES: usize = 5;

/// Type and length of a message of the handshake (RFC 8446 §4).
const MESSAGE_HEADER_BYTES: usize = 4;

/// The content type of the handshake (RFC 8446 §5.1).
const HANDSHAKE: u8 = 22;

/// The type of a ClientHello (RFC 8446 §4).
const CLIENT_HELLO: u8 = 1;
