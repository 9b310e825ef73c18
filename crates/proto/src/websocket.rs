//! Where the frames of a WebSocket end (RFC 6455 §5.2), so that a close frame can be put between two of them. The proxy's tunnels
//! feed it one direction each; nothing else of the protocol is its business.

/// The status code of an endpoint that goes away (RFC 6455 §7.4.1).
pub const GOING_AWAY: u16 = 1001;

/// Follows the frames of one direction. Never fails: what is no WebSocket has frames of some length, too.
#[derive(Debug, Default)]
pub struct Frames {
    /// The head of the frame that is being read, as far as it has come.
    head: [u8; HEAD_BYTES_MAX],
    head_bytes: usize,
    /// How much of the frame is still to come after its head.
    left: u64,
    closed: bool,
}

impl Frames {
    /// Takes note of `bytes` that went by.
    pub fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let count =
                    usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
                self.left -= count as u64;
                bytes = &bytes[count..];
            } else {
                self.head[self.head_bytes] = bytes[0];
                self.head_bytes += 1;
                bytes = &bytes[1..];
                self.finish_head();
            }
        }
    }

    /// Whether nothing of a frame has gone by that is not complete.
    pub fn is_between_frames(&self) -> bool {
        self.head_bytes == 0 && self.left == 0
    }

    /// Whether a close frame has gone by: nothing may follow it (RFC 6455 §5.5.1).
    pub fn has_closed(&self) -> bool {
        self.closed
    }

    /// Begins the payload once the head says how long it is. The masking key counts as a part of it.
    fn finish_head(&mut self) {
        let [first, second, ..] = self.head;
        let extended = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if self.head_bytes < 2 + extended {
            return;
        }
        let length = match extended {
            0 => u64::from(second & 0x7f),
            _ => self.head[2..2 + extended]
                .iter()
                .fold(0, |length, &byte| length << 8 | u64::from(byte)),
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        self.left = length.saturating_add(mask);
        self.closed |= first & 0x0f == CLOSE;
        self.head_bytes = 0;
    }
}

/// A close frame to a client.
pub fn close_frame(code: u16) -> [u8; 4] {
    let [high, low] = code.to_be_bytes();
    [FIN | CLOSE, 2, high, low]
}

/// A close frame to an endpoint: what a client says is masked (RFC 6455 §5.3).
pub fn masked_close_frame(code: u16, mask: [u8; 4]) -> [u8; 8] {
    let [high, low] = code.to_be_bytes();
    let [a, b, c, d] = mask;
    [FIN | CLOSE, 0x80 | 2, a, b, c, d, high ^ a, low ^ b]
}

/// Two bytes, and eight more for the longest frames.
const HEAD_BYTES_MAX: usize = 10;

const FIN: u8 = 0x80;

const CLOSE: u8 = 8;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(opcode: u8, length: usize, masked: bool) -> Vec<u8> {
        let flag = if masked { 0x80 } else { 0 };
        let mut frame = vec![FIN | opcode];
        match length {
            0..=125 => frame.push(flag | length as u8),
            126..=65_535 => {
                frame.push(flag | 126);
                frame.extend((length as u16).to_be_bytes());
            }
            _ => {
                frame.push(flag | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.resize(frame.len() + length + usize::from(masked) * 4, 0xa5);
        frame
    }

    #[test]
    fn a_frame_of_every_kind_of_length_ends_where_it_ends() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536] {
            for masked in [false, true] {
                let frame = frame(1, length, masked);
                let mut frames = Frames::default();
                frames.pass(&frame[..frame.len() - 1]);
                assert!(!frames.is_between_frames(), "{length} {masked}");
                frames.pass(&frame[frame.len() - 1..]);
                assert!(frames.is_between_frames() && !frames.has_closed(), "{length} {masked}");
            }
        }
    }

    #[test]
    fn a_close_frame_is_seen_and_ours_are_frames_of_that_kind() {
        let (plain, masked) = (close_frame(1001), masked_close_frame(1001, *b"mask"));
        for frame in [&plain[..], &masked[..]] {
            let mut frames = Frames::default();
            frames.pass(frame);
            assert!(frames.is_between_frames() && frames.has_closed());
        }
        assert_eq!([masked[6] ^ b'm', masked[7] ^ b'a'], plain[2..]);
    }

    proptest! {
        #[test]
        fn any_split_of_any_frames_is_followed_alike(
            lengths in prop::collection::vec((0..70_000_usize, any::<bool>()), 0..4),
            extra in prop::collection::vec(any::<u8>(), 0..20),
            size in 1..100_usize,
        ) {
            let mut bytes: Vec<u8> =
                lengths.iter().flat_map(|&(length, masked)| frame(2, length, masked)).collect();
            bytes.extend(&extra);
            let (mut whole, mut pieces) = (Frames::default(), Frames::default());
            whole.pass(&bytes);
            bytes.chunks(size).for_each(|piece| pieces.pass(piece));
            prop_assert_eq!(whole.is_between_frames(), pieces.is_between_frames());
            prop_assert_eq!((whole.left, whole.head_bytes), (pieces.left, pieces.head_bytes));
            prop_assert!(!extra.is_empty() || whole.is_between_frames());
        }
    }
}
