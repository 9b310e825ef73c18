//! An origin that costs as little as an origin can: one `recv` and one `send` per request, on one
//! thread. Called by the benchmark, through the program `fast-origin` or in process.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};

mod connection;
mod event_loop;

use event_loop::EventLoop;

/// A running fast origin: a canned answer to every request without a body. Dropping it stops it.
#[derive(Debug)]
pub struct FastOrigin {
    address: SocketAddr,
    /// The event loop ends when this end of the pair closes.
    lifeline: Option<UnixStream>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl FastOrigin {
    /// Starts on a port of 127.0.0.1 (0 for any free one); every answer is a `200 OK` with
    /// `body_bytes` bytes of body.
    ///
    /// # Errors
    /// What `bind` or `epoll` say.
    pub fn start(port: u16, body_bytes: usize) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let address = listener.local_addr()?;
        let (lifeline, watched) = UnixStream::pair()?;
        let mut event_loop = EventLoop::new(listener, watched, canned_answer(body_bytes))?;
        let thread = thread::spawn(move || event_loop.run());
        Ok(Self { address, lifeline: Some(lifeline), thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until its thread fails.
    ///
    /// # Errors
    /// Why it failed.
    pub fn join(mut self) -> io::Result<()> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(ended)) => ended,
            Some(Err(_)) => Err(io::Error::other("the origin's thread panicked")),
            None => Ok(()),
        }
    }
}

impl Drop for FastOrigin {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        if let Some(thread) = self.thread.take() {
            // Its failure shows in the requests that it no longer answers.
            drop(thread.join());
        }
    }
}

fn canned_answer(body_bytes: usize) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {body_bytes}\r\n\r\n"
    );
    let body = b"Hello, world\n".iter().copied().cycle().take(body_bytes);
    head.bytes().chain(body).collect()
}

#[cfg(test)]
mod tests;
