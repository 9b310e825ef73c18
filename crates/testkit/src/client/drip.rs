//! A client that never stops sending, a byte at a time. Made by `Client`.

use std::io::{self, Write as _};
use std::net::TcpStream;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::gate::Gate;

/// Sends for as long as it lives.
#[derive(Debug)]
pub struct Drip {
    stop: Gate,
    thread: Option<JoinHandle<()>>,
}

impl Drip {
    pub(super) fn begin(mut stream: TcpStream, byte: u8, pause: Duration) -> io::Result<Self> {
        let stop = Gate::new();
        let stopped = stop.clone();
        let drip = move || while stream.write_all(&[byte]).is_ok() && !stopped.wait(pause) {};
        let thread = thread::Builder::new().spawn(drip)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Drip {
    fn drop(&mut self) {
        self.stop.open();
        // It cannot panic, and would have printed it.
        drop(self.thread.take().map(JoinHandle::join));
    }
}
