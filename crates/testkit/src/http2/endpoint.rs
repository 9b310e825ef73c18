//! A raw HTTP/2 server: a test says what it does with each frame that comes. Shares nothing with `h2`.

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::frame::{self, Block, END_HEADERS, END_STREAM, Frame, Kind, frame};
use super::{PREFACE, is_end};
use crate::gate::lock;
use crate::wait::Deadline;
use crate::wire::Wire;

/// A running server. Dropping it closes everything that it holds.
#[derive(Debug)]
pub struct Http2Endpoint {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    is_stopped: AtomicBool,
    connections: AtomicUsize,
    sockets: Mutex<Vec<TcpStream>>,
    /// What came on each connection, but for SETTINGS, PING and WINDOW_UPDATE, with the connection's number.
    frames: Mutex<Vec<(usize, Frame)>>,
}

/// The other side of one connection.
#[derive(Debug)]
pub struct Peer {
    /// The number of the connection, from 0.
    pub connection: usize,
    wire: Wire<TcpStream>,
}

impl Http2Endpoint {
    /// Starts on a free loopback port, with these settings: pairs of an identifier and a value. `on` is called with each frame but
    /// SETTINGS and PING, which are acknowledged.
    ///
    /// # Errors
    /// What `bind` says.
    pub fn start(
        settings: &[(u16, u32)],
        on: impl Fn(&mut Peer, &Frame) -> io::Result<()> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (address, shared) = (listener.local_addr()?, Arc::<Shared>::default());
        let (settings, on, state) = (frame::settings(settings), Arc::new(on), Arc::clone(&shared));
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                if state.is_stopped.load(Ordering::Acquire) {
                    return;
                }
                let connection = state.connections.fetch_add(1, Ordering::AcqRel);
                lock(&state.sockets).extend(socket.try_clone());
                let peer = Peer { connection, wire: Wire::new(socket) };
                let (settings, on, state) = (settings.clone(), Arc::clone(&on), Arc::clone(&state));
                // How it ends, the other side sees.
                thread::spawn(move || drop(peer.serve(&settings, &state, &*on)));
            }
        });
        Ok(Self { address, shared })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections there were, open or not.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Acquire)
    }

    /// The frames of this kind that came so far, with the number of their connection.
    #[must_use]
    pub fn frames(&self, kind: Kind) -> Vec<(usize, Frame)> {
        let frames = lock(&self.shared.frames);
        frames.iter().filter(|(_, frame)| frame.kind == kind).cloned().collect()
    }
}

impl Drop for Http2Endpoint {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::Release);
        // Wakes the acceptor, which sees that it is over.
        drop(TcpStream::connect(self.address));
        for socket in lock(&self.shared.sockets).drain(..) {
            // It may be closed already.
            drop(socket.shutdown(Shutdown::Both));
        }
    }
}

impl Peer {
    /// Sends `bytes` as they are.
    ///
    /// # Errors
    /// What `send` says.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.wire.stream_mut().write_all(bytes)
    }

    /// Sends the head of an answer, which is all of it if `is_end`.
    ///
    /// # Errors
    /// As [`Peer::send`].
    pub fn head(&mut self, stream: u32, block: &Block, is_end: bool) -> io::Result<()> {
        let flags = END_HEADERS | if is_end { END_STREAM } else { 0 };
        self.send(&frame(Kind::Headers, flags, stream, block))
    }

    /// Sends a part of a body.
    ///
    /// # Errors
    /// As [`Peer::send`].
    pub fn data(&mut self, stream: u32, bytes: &[u8], is_end: bool) -> io::Result<()> {
        self.send(&frame(Kind::Data, if is_end { END_STREAM } else { 0 }, stream, bytes))
    }

    /// Answers with 200 and this body.
    ///
    /// # Errors
    /// As [`Peer::send`].
    pub fn answer(&mut self, stream: u32, body: &[u8]) -> io::Result<()> {
        self.head(stream, &Block::new().field(":status", "200"), false)?;
        self.data(stream, body, true)
    }

    /// Says that nothing after stream `last` was looked at, and why the connection ends.
    ///
    /// # Errors
    /// As [`Peer::send`].
    pub fn goaway(&mut self, last: u32, code: u32) -> io::Result<()> {
        self.send(&frame(Kind::GoAway, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat()))
    }

    /// Resets a stream.
    ///
    /// # Errors
    /// As [`Peer::send`].
    pub fn reset(&mut self, stream: u32, code: u32) -> io::Result<()> {
        self.send(&frame(Kind::RstStream, 0, stream, &code.to_be_bytes()))
    }

    /// Closes the connection.
    pub fn close(&mut self) {
        // It may be closed already.
        drop(self.wire.stream().shutdown(Shutdown::Both));
    }

    fn serve(
        mut self,
        settings: &[u8],
        state: &Shared,
        on: &(impl Fn(&mut Self, &Frame) -> io::Result<()> + ?Sized),
    ) -> io::Result<()> {
        self.wire.set_deadline(Deadline::after(LIFE));
        self.wire.take_exactly(PREFACE.len())?;
        self.send(settings)?;
        loop {
            let frame = match Frame::take(&mut self.wire) {
                Err(error) if is_end(&error) => return Ok(()),
                outcome => outcome?,
            };
            match frame.kind {
                Kind::Settings if frame.flags == 0 => {
                    self.send(&self::frame(Kind::Settings, frame::ACK, 0, &[]))?;
                }
                Kind::Ping if frame.flags == 0 => {
                    self.send(&self::frame(Kind::Ping, frame::ACK, 0, &frame.payload))?;
                }
                Kind::Settings | Kind::Ping | Kind::WindowUpdate => {}
                _ => {
                    lock(&state.frames).push((self.connection, frame.clone()));
                    on(&mut self, &frame)?;
                }
            }
        }
    }
}

/// No test takes longer.
const LIFE: Duration = Duration::from_secs(120);
