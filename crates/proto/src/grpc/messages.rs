//! Where one message of a call ends and the next begins: asked where a call is ended that could go on, and must not be in the middle of one.

/// How far a body is (gRPC over HTTP/2, `Length-Prefixed-Message`): a byte says whether a message is compressed, four how long it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    prefix: [u8; PREFIX_BYTES],
    /// How much of the prefix has come.
    filled: usize,
    /// How much of a message is still to come.
    left: u32,
}

impl Messages {
    /// More of the body has come.
    pub fn pass(&mut self, mut bytes: &[u8]) {
        while let [first, rest @ ..] = bytes {
            if self.left > 0 {
                let passed = bytes.len().min(self.left as usize);
                // No more than what is left, which is one.
                self.left -= passed as u32;
                bytes = &bytes[passed..];
                continue;
            }
            self.prefix[self.filled] = *first;
            self.filled += 1;
            bytes = rest;
            if self.filled == PREFIX_BYTES {
                let [_, length @ ..] = self.prefix;
                (self.left, self.filled) = (u32::from_be_bytes(length), 0);
            }
        }
    }

    /// Whether all that has begun is whole.
    pub fn is_between(&self) -> bool {
        self.filled == 0 && self.left == 0
    }
}

const PREFIX_BYTES: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_between_messages_only_where_one_ends_whatever_pieces_they_come_in() {
        let body = b"\0\0\0\0\x03abc\x01\0\0\0\0\0\0\0\x01\x02".iter();
        let mut body: Vec<u8> = body.copied().collect();
        body.extend([7; 258]);
        let ends = [0, 8, 13, body.len()];
        for size in [1, 2, 3, 4, 5, 7, 64, body.len()] {
            let (mut messages, mut passed) = (Messages::default(), 0);
            assert!(messages.is_between());
            for piece in body.chunks(size) {
                messages.pass(piece);
                passed += piece.len();
                assert_eq!(messages.is_between(), ends.contains(&passed), "{passed} by {size}");
            }
        }
    }

    #[test]
    fn the_longest_message_there_can_be_does_not_overflow() {
        let mut messages = Messages::default();
        messages.pass(&[0, 255, 255, 255, 255, 1, 2]);
        assert!(!messages.is_between());
        assert_eq!(messages.left, u32::MAX - 2);
    }
}
