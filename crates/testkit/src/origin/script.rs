//! What an origin shall do: bytes in any segmentation, pauses, an end. Written by tests.

use std::time::Duration;

use crate::gate::Gate;

/// Steps, played in order. A script without an end keeps the connection for the next request.
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub(super) steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Send(Vec<u8>),
    Pause(Duration),
    WaitFor(Gate),
    Open(Gate),
    FinishSending,
    Close,
    Reset,
}

impl Script {
    /// Does nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A `200 OK` with `body` and its length.
    #[must_use]
    pub fn ok(body: impl AsRef<[u8]>) -> Self {
        Self::status(200, body)
    }

    /// An answer with `status`, `body` and its length.
    #[must_use]
    pub fn status(status: u16, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let head = format!("HTTP/1.1 {status} \r\nContent-Length: {}\r\n\r\n", body.len());
        Self::new().send([head.as_bytes(), body].concat())
    }

    /// Sends `bytes` with one `send`.
    #[must_use]
    pub fn send(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.then(Step::Send(bytes.into()))
    }

    /// Sends `bytes` in pieces of `size`, with a short pause between two, so that each tends to
    /// be a segment of its own.
    #[must_use]
    pub fn send_in_pieces(self, bytes: impl AsRef<[u8]>, size: usize) -> Self {
        let pieces = bytes.as_ref().chunks(size.max(1));
        pieces.fold(self, |script, piece| script.send(piece).pause(BETWEEN_PIECES))
    }

    /// Does nothing for a while. Where a test can say when, [`Script::wait_for`] is better.
    #[must_use]
    pub fn pause(self, pause: Duration) -> Self {
        self.then(Step::Pause(pause))
    }

    /// Waits until the test opens `gate`.
    #[must_use]
    pub fn wait_for(self, gate: &Gate) -> Self {
        self.then(Step::WaitFor(gate.clone()))
    }

    /// Opens `gate`, which tells the test that the steps before are done.
    #[must_use]
    pub fn open(self, gate: &Gate) -> Self {
        self.then(Step::Open(gate.clone()))
    }

    /// Ends the sending side, and goes on reading.
    #[must_use]
    pub fn finish_sending(self) -> Self {
        self.then(Step::FinishSending)
    }

    /// Closes the connection. With unread bytes the kernel makes a reset of it.
    #[must_use]
    pub fn close(self) -> Self {
        self.then(Step::Close)
    }

    /// Resets the connection.
    #[must_use]
    pub fn reset(self) -> Self {
        self.then(Step::Reset)
    }

    /// Goes on with the steps of `next`.
    #[must_use]
    pub fn followed_by(mut self, next: Self) -> Self {
        self.steps.extend(next.steps);
        self
    }

    fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

/// Longer than a hop over loopback, short enough for thousands of pieces in a test.
const BETWEEN_PIECES: Duration = Duration::from_micros(200);
