//! What a program writes: read so that it need not wait, kept as far as it is worth a look. Called by `probe::exec`.

use std::future;
use std::io;
use std::os::fd::OwnedFd;

use tokio::net::unix::pipe::Receiver;

/// One of the two outputs of a program.
#[derive(Debug)]
pub(super) struct Output {
    /// `None` once it has ended, or more has come than anybody means.
    pipe: Option<Receiver>,
    kept: Vec<u8>,
    seen: usize,
}

impl Output {
    /// What comes out of `pipe`.
    pub(super) fn new(pipe: Option<OwnedFd>) -> io::Result<Self> {
        let pipe = pipe.map(Receiver::from_owned_fd).transpose()?;
        Ok(Self { pipe, kept: Vec::new(), seen: 0 })
    }

    /// Reads some of it; never returns once there is no more. May be dropped at any time.
    pub(super) async fn read(&mut self) {
        match &self.pipe {
            Some(pipe) if pipe.readable().await.is_ok() => self.take(),
            _ => future::pending().await,
        }
    }

    /// What was worth keeping, with what is still in the pipe.
    pub(super) fn all(mut self) -> Vec<u8> {
        while self.pipe.is_some() && self.kept.len() < KEPT_BYTES_MAX {
            let seen = self.seen;
            self.take();
            if self.seen == seen {
                break;
            }
        }
        self.kept
    }

    /// Reads once, without waiting.
    fn take(&mut self) {
        let Some(pipe) = &self.pipe else { return };
        let mut bytes = [0; READ_BYTES];
        match pipe.try_read(&mut bytes) {
            Ok(0) => self.pipe = None,
            Ok(read) => {
                let room = KEPT_BYTES_MAX - self.kept.len();
                self.kept.extend_from_slice(&bytes[..read.min(room)]);
                self.seen += read;
                if self.seen > SEEN_BYTES_MAX {
                    self.pipe = None;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => self.pipe = None,
        }
    }
}

const READ_BYTES: usize = 4096;

/// Enough for a first line that is not blank.
const KEPT_BYTES_MAX: usize = 1024;

/// A program that writes more is cut off (SIGPIPE): it would only cost us time.
const SEEN_BYTES_MAX: usize = 1024 * 1024;
