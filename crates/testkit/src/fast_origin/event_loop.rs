//! The single thread of a fast origin: edge-triggered epoll, registered once per connection.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

use super::connection::{Connection, Progress};

#[derive(Debug)]
pub(super) struct EventLoop {
    epoll: OwnedFd,
    listener: TcpListener,
    answer: Vec<u8>,
    connections: Vec<Option<Connection>>,
    vacant: Vec<usize>,
    scratch: Vec<u8>,
    /// Held for its registration: it becomes ready when the owner lets go of the other end.
    _lifeline: UnixStream,
}

impl EventLoop {
    pub(super) fn new(
        listener: TcpListener,
        lifeline: UnixStream,
        answer: Vec<u8>,
    ) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        listener.set_nonblocking(true)?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        epoll::add(&epoll, &lifeline, EventData::new_u64(LIFELINE), EventFlags::IN)?;
        Ok(Self {
            epoll,
            listener,
            answer,
            connections: Vec::new(),
            vacant: Vec::new(),
            scratch: vec![0; SCRATCH_BYTES],
            _lifeline: lifeline,
        })
    }

    /// Serves until the lifeline is cut.
    pub(super) fn run(&mut self) -> io::Result<()> {
        let mut events = Vec::with_capacity(EVENTS_AT_ONCE);
        loop {
            events.clear();
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), None) {
                Err(rustix::io::Errno::INTR) => continue,
                waited => _ = waited?,
            }
            for &Event { flags, data } in &events {
                match data.u64() {
                    LIFELINE => return Ok(()),
                    LISTENER => self.accept_all()?,
                    slot => self.serve(slot, flags),
                }
            }
        }
    }

    fn accept_all(&mut self) -> io::Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // Gone before we came for it.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let slot = self.vacant.pop().unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
            epoll::add(&self.epoll, stream.as_fd(), EventData::new_u64(slot as u64), flags)?;
            self.connections[slot] = Some(Connection::new(stream));
        }
    }

    fn serve(&mut self, slot: u64, flags: EventFlags) {
        let Ok(slot) = usize::try_from(slot) else { return };
        let Some(Some(connection)) = self.connections.get_mut(slot) else { return };
        let ending = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
        let served = if ending || flags.contains(EventFlags::IN) {
            connection.read(&mut self.scratch, &self.answer, ending)
        } else {
            connection.pay(&self.answer).map(|()| Progress::Waiting)
        };
        if !matches!(served, Ok(Progress::Waiting)) {
            self.connections[slot] = None;
            self.vacant.push(slot);
        }
    }
}

const LISTENER: u64 = u64::MAX;
const LIFELINE: u64 = u64::MAX - 1;

/// More than the connections of any benchmark case, so that one wait serves a whole round.
const EVENTS_AT_ONCE: usize = 256;

/// Some hundred pipelined heads; a request of the benchmark has 300 bytes.
const SCRATCH_BYTES: usize = 64 * 1024;
