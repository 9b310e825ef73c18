//! Bodies without their framing: a decoder that is fed what a socket returned and leaves the payload in place.

use super::Framing;

/// Takes the framing off a body, piece by piece.
#[derive(Debug)]
pub struct BodyDecoder {
    state: State,
    /// Bytes of chunk extensions and trailers so far, which carry no payload and so need a bound of their own.
    overhead: usize,
    trailers: Vec<u8>,
    /// How far a read may go beyond what is known to be of this body.
    ahead_bytes_max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// So many bytes of a body of known length to come.
    Length(u64),
    UntilClose,
    /// In a chunk's size, with so many digits read.
    Size {
        size: u64,
        digits: u8,
    },
    /// In a chunk's extension.
    Extension {
        size: u64,
    },
    /// After the CR of a chunk's size line.
    SizeEnd {
        size: u64,
    },
    /// In a chunk, with so many bytes to come.
    Chunk(u64),
    /// After a chunk's payload.
    ChunkCr,
    ChunkLf,
    /// At the start of a line of the trailer section.
    TrailerStart,
    /// In such a line.
    TrailerLine,
    /// After the CR of such a line.
    TrailerLineEnd,
    /// After the CR of the line that ends the message.
    LastLf,
    Done,
}

/// What one call of [`BodyDecoder::decode`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The payload now stands in so many bytes at the front of the input.
    pub payload: usize,
    /// So many bytes of the input were used up. Fewer than there were: the rest belongs to the next message.
    pub consumed: usize,
}

/// Why a body cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// Its framing is malformed; the text says how.
    Malformed(&'static str),
    /// The connection ended before the body did.
    Truncated,
}

impl BodyDecoder {
    /// A decoder for a body with this framing.
    pub fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::Empty | Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Size { size: 0, digits: 0 },
            Framing::UntilClose => State::UntilClose,
        };
        Self { state, overhead: 0, trailers: Vec::new(), ahead_bytes_max: usize::MAX }
    }

    /// A decoder for the body of a request, behind which other requests may stand already (RFC 9112 §9.3.2). What is read of
    /// them is copied again for each, so one read must not take in hundreds of kibibytes of them.
    pub fn for_request(framing: Framing) -> Self {
        Self { ahead_bytes_max: AHEAD_BYTES_MAX, ..Self::new(framing) }
    }

    /// Whether the body is complete.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// `count` bytes of payload went by without being shown to us. Only a body of known length can tell payload from framing.
    pub fn skip(&mut self, count: u64) {
        debug_assert!(
            self.ends_with_connection() || self.length_left().is_some_and(|left| count <= left),
            "all of it is payload"
        );
        self.take_payload(count);
    }

    /// How many bytes are still to come, if that is known.
    pub fn length_left(&self) -> Option<u64> {
        if let State::Length(left) = self.state { Some(left) } else { None }
    }

    /// Whether it is all that comes until the connection ends.
    pub fn ends_with_connection(&self) -> bool {
        self.state == State::UntilClose
    }

    /// How many bytes one read should ask for. A body of known length is not read beyond; chunks do not say where they end, so
    /// there it is what is left of the chunk, and as much more as does no harm.
    pub fn readable(&self) -> usize {
        let whole = |left| usize::try_from(left).unwrap_or(usize::MAX);
        match self.state {
            State::Length(left) => whole(left),
            State::UntilClose => usize::MAX,
            State::Done => 0,
            State::Chunk(left) => whole(left).saturating_add(self.ahead_bytes_max),
            _ => self.ahead_bytes_max,
        }
    }

    /// Takes the framing out of `input`, moving the payload to its front.
    ///
    /// # Errors
    /// [`BodyError::Malformed`]; the payload before the fault is lost with it.
    pub fn decode(&mut self, input: &mut [u8]) -> Result<Decoded, BodyError> {
        let mut done = Decoded { payload: 0, consumed: 0 };
        while done.consumed < input.len() && !self.is_done() {
            let here = done.consumed;
            // RFC 9112 §6.2 and §7.1: so many bytes are payload, whatever they look like.
            let payload = match self.state {
                State::Length(left) | State::Chunk(left) => clamp(left, input.len() - here),
                State::UntilClose => input.len() - here,
                _ => 0,
            };
            if payload > 0 {
                input.copy_within(here..here + payload, done.payload);
                done.payload += payload;
                done.consumed += payload;
                self.take_payload(payload as u64);
            } else {
                self.step(input[here])?;
                done.consumed += 1;
            }
        }
        Ok(done)
    }

    /// The connection has ended.
    ///
    /// # Errors
    /// [`BodyError::Truncated`] if the body has not (RFC 9112 §8).
    pub fn end_of_stream(&mut self) -> Result<(), BodyError> {
        match self.state {
            State::Done => Ok(()),
            // RFC 9112 §6.3 rule 8: here, and only here, the end of the connection ends the message.
            State::UntilClose => {
                self.state = State::Done;
                Ok(())
            }
            _ => Err(BodyError::Truncated),
        }
    }

    /// The trailer section of a body that is done, as lines ending in CRLF; empty for most.
    pub fn trailers(&self) -> &[u8] {
        &self.trailers
    }

    fn take_payload(&mut self, count: u64) {
        self.state = match self.state {
            State::Length(left) if left <= count => State::Done,
            State::Length(left) => State::Length(left - count),
            State::Chunk(left) if left <= count => State::ChunkCr,
            State::Chunk(left) => State::Chunk(left - count),
            other => other,
        };
    }

    /// One byte of chunk framing (RFC 9112 §7.1). Every line ends in CRLF and nothing else: peers that took a lone LF
    /// (erratum 7633) were made to see other chunks than their neighbours.
    fn step(&mut self, byte: u8) -> Result<(), BodyError> {
        self.state = match (self.state, byte) {
            (State::Size { size, digits }, _) if byte.is_ascii_hexdigit() => {
                add_digit(size, digits, byte)?
            }
            (State::Size { digits: 0, .. }, _) => return malformed("a chunk without a size"),
            (State::Size { size, .. } | State::Extension { size }, b'\r') => {
                State::SizeEnd { size }
            }
            (State::Size { size, .. }, b';') => State::Extension { size },
            (State::Extension { size }, _) if is_text(byte) => {
                self.count_overhead()?;
                State::Extension { size }
            }
            (State::SizeEnd { size: 0 }, b'\n') => State::TrailerStart,
            (State::SizeEnd { size }, b'\n') => State::Chunk(size),
            (State::ChunkCr, b'\r') => State::ChunkLf,
            (State::ChunkLf, b'\n') => State::Size { size: 0, digits: 0 },
            (State::TrailerStart, b'\r') => State::LastLf,
            (State::LastLf, b'\n') => State::Done,
            (State::TrailerStart | State::TrailerLine, _) if is_text(byte) => {
                self.keep_trailer(byte, State::TrailerLine)?
            }
            (State::TrailerLine, b'\r') => self.keep_trailer(byte, State::TrailerLineEnd)?,
            (State::TrailerLineEnd, b'\n') => self.keep_trailer(byte, State::TrailerStart)?,
            _ => return malformed("a byte that has no place in chunk framing"),
        };
        Ok(())
    }

    /// RFC 9112 §7.1.2: trailers are kept apart from the head; what of them may go on is [`crate::trailer`]'s business.
    fn keep_trailer(&mut self, byte: u8, next: State) -> Result<State, BodyError> {
        self.count_overhead()?;
        self.trailers.push(byte);
        Ok(next)
    }

    /// RFC 9112 §7.1.1: "a recipient ought to limit the total length of chunk extensions".
    fn count_overhead(&mut self) -> Result<(), BodyError> {
        self.overhead += 1;
        if self.overhead > OVERHEAD_BYTES_MAX {
            malformed("too much chunk extension and trailer")
        } else {
            Ok(())
        }
    }
}

/// RFC 9112 §7.1: hexadecimal digits, as many as fit in 64 bits; "recipients MUST anticipate potentially large" numbers.
fn add_digit(size: u64, digits: u8, byte: u8) -> Result<State, BodyError> {
    if digits == CHUNK_SIZE_DIGITS_MAX {
        return malformed("a chunk size that does not fit in 64 bits");
    }
    let digit = (byte as char).to_digit(16).map_or(0, u64::from);
    Ok(State::Size { size: size << 4 | digit, digits: digits + 1 })
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

fn malformed<T>(what: &'static str) -> Result<T, BodyError> {
    Err(BodyError::Malformed(what))
}

fn clamp(left: u64, available: usize) -> usize {
    usize::try_from(left).map_or(available, |left| left.min(available))
}

const CHUNK_SIZE_DIGITS_MAX: u8 = 16;

/// A few of the chunks that clients send, in one read; and copied once for each request in it, at most 32 KiB each time.
const AHEAD_BYTES_MAX: usize = 32 * 1024;

/// As hyper has it: far beyond any use, far below what would hurt.
const OVERHEAD_BYTES_MAX: usize = 16 * 1024;

#[cfg(test)]
mod tests;
