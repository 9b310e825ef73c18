//! One connection of a fast origin: counts the ends of heads, owes as many answers. Called by the
//! event loop.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;

#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    /// How many bytes of the `\r\n\r\n` that ends a head have been seen.
    matched_bytes: u8,
    owed_answers: usize,
    /// How much of the current answer is sent.
    sent_bytes: usize,
}

/// Whether a connection is still needed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Waiting,
    Done,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, matched_bytes: 0, owed_answers: 0, sent_bytes: 0 }
    }

    /// Reads what is there, and pays what is owed.
    ///
    /// `ending` says that the other side sends no more: only then is there something to learn from
    /// a second `recv` after a short one.
    pub(super) fn read(
        &mut self,
        scratch: &mut [u8],
        answer: &[u8],
        ending: bool,
    ) -> io::Result<Progress> {
        loop {
            match self.stream.read(scratch) {
                Ok(0) => {
                    self.pay(answer)?;
                    let paid = self.owed_answers == 0;
                    return Ok(if paid { Progress::Done } else { Progress::Waiting });
                }
                Ok(length) => {
                    self.owed_answers += self.count_heads(&scratch[..length]);
                    if length < scratch.len() && !ending {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.pay(answer)?;
        Ok(Progress::Waiting)
    }

    /// Sends what is owed, as far as the socket takes it.
    pub(super) fn pay(&mut self, answer: &[u8]) -> io::Result<()> {
        while self.owed_answers > 0 {
            match self.stream.write(&answer[self.sent_bytes..]) {
                Ok(length) => self.sent_bytes += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
            if self.sent_bytes == answer.len() {
                self.owed_answers -= 1;
                self.sent_bytes = 0;
            }
        }
        Ok(())
    }

    fn count_heads(&mut self, bytes: &[u8]) -> usize {
        let mut heads = 0;
        for &byte in bytes {
            self.matched_bytes = match (byte, self.matched_bytes) {
                (b'\r', 2) => 3,
                (b'\r', _) => 1,
                (b'\n', 1) => 2,
                (b'\n', 3) => {
                    heads += 1;
                    0
                }
                _ => 0,
            };
        }
        heads
    }
}
