//! A stamping origin at work: accepts, keeps the journal, answers as its conduct says. Run by [`super::main`].

use std::io::{self, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use socket2::SockRef;

use super::answer::Answer;
use super::conduct::{Conduct, Cut, Drip, Ends, Greeting, Phase};
use super::journal::Journal;
use crate::gate::lock;
use crate::message::{Framing, malformed, parse_head};
use crate::stamp;
use crate::wait::{Deadline, pause};
use crate::wire::Wire;

/// What all connections of an origin share.
pub(super) struct Serving {
    journal: Journal,
    state: Mutex<State>,
    /// Told when the conduct changes.
    changed: Condvar,
    /// Told the same, and when a request is done; then one of those who wait is enough.
    room: Condvar,
    open: AtomicU32,
    failing: AtomicU32,
    cutting: AtomicU32,
}

struct State {
    conduct: Conduct,
    /// How many requests have come and are not answered.
    busy: u32,
    /// How many of them are being worked on.
    working: u32,
}

impl Serving {
    /// Serves `listener` on threads of its own, until the process ends.
    pub(super) fn start(
        listener: TcpListener,
        journal: &Path,
        conduct: Conduct,
    ) -> io::Result<Arc<Self>> {
        let serving = Arc::new(Self {
            journal: Journal::open(journal)?,
            state: Mutex::new(State { conduct, busy: 0, working: 0 }),
            changed: Condvar::new(),
            room: Condvar::new(),
            open: AtomicU32::new(0),
            failing: AtomicU32::new(0),
            cutting: AtomicU32::new(0),
        });
        let acceptor = Arc::clone(&serving);
        thread::spawn(move || acceptor.accept(&listener));
        Ok(serving)
    }

    /// Changes the conduct, for what is not answered yet.
    pub(super) fn behave(&self, conduct: Conduct) {
        lock(&self.state).conduct = conduct;
        self.changed.notify_all();
        self.room.notify_all();
    }

    /// How many connections are open, and how many requests are not answered.
    pub(super) fn count(&self) -> (u32, u32) {
        (self.open.load(Ordering::Relaxed), lock(&self.state).busy)
    }

    fn conduct(&self) -> Conduct {
        lock(&self.state).conduct
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        loop {
            let Ok((stream, _)) = listener.accept() else {
                pause(Duration::from_millis(10));
                continue;
            };
            self.wait_to_accept();
            if self.conduct().greeting == Greeting::Reset {
                reset(&stream);
                continue;
            }
            let serving = Arc::clone(self);
            self.open.fetch_add(1, Ordering::Relaxed);
            let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
                // How a connection ends is the proxy's business.
                drop(serving.hold(stream));
                serving.open.fetch_sub(1, Ordering::Relaxed);
            });
            if thread.is_err() {
                self.open.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    /// Answers one request after the other.
    fn hold(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut wire = Wire::new(stream);
        loop {
            let idle = self.conduct().idle;
            wire.set_deadline(Deadline::after(if idle.is_zero() { LONG } else { idle }));
            let Some(head) = wire.take_head()? else { return Ok(()) };
            wire.set_deadline(Deadline::after(LONG));
            let (line, fields) = parse_head(&head)?;
            let id = fields.get(stamp::ID).map(|id| id.parse::<u64>());
            let id = id.transpose().map_err(|_| malformed("not an id", ""))?;
            if let Some(id) = id {
                self.journal.began(id)?;
            }
            let _busy = Busy::new(self);
            let body = match fields.framing()? {
                Some(Framing::Length(length)) => wire.take_exactly(length)?,
                Some(Framing::Chunked) => wire.take_chunked()?.0,
                _ => Vec::new(),
            };
            self.work();
            let mut conduct = self.conduct();
            conduct.body = wanted_bytes(line).unwrap_or(conduct.body);
            self.answer(wire.stream(), &conduct, id.unwrap_or_default(), stamp::digest(&body))?;
            match conduct.ends {
                Ends::Kept => {}
                Ends::Announced | Ends::Silent => return Ok(()),
                Ends::Half => {
                    wire.stream().shutdown(Shutdown::Write)?;
                    return wire.take_to_end().map(drop);
                }
            }
        }
    }

    /// Takes the time that a request takes, once there is room for it.
    fn work(&self) {
        let is_full = |state: &mut State| {
            state.conduct.concurrency > 0 && state.working >= state.conduct.concurrency
        };
        let waited = self.room.wait_while(lock(&self.state), is_full);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.working += 1;
        let service = state.conduct.service;
        drop(state);
        pause(service);
        lock(&self.state).working -= 1;
        self.room.notify_one();
    }

    fn answer(&self, to: &TcpStream, conduct: &Conduct, id: u64, digest: u64) -> io::Result<()> {
        let fails = is_turn(&self.failing, conduct.failing.1);
        let status = if fails { conduct.failing.0 } else { 200 };
        let answer = Answer::new(conduct, status, id, digest);
        let (phase, cut, every) = conduct.cut;
        if is_turn(&self.cutting, every) {
            let sent = match phase {
                Phase::BeforeHead => Vec::new(),
                Phase::AfterHead => answer.head,
                Phase::MidBody => [answer.head, answer.first_half].concat(),
            };
            return cut_off(to, &sent, cut);
        }
        let rest = [answer.first_half, answer.second_half].concat();
        match conduct.drip {
            Drip::None => (&*to).write_all(&[answer.head, rest].concat()),
            Drip::Head => self.drip(to, &[answer.head, rest].concat()),
            Drip::Body => {
                (&*to).write_all(&answer.head)?;
                self.drip(to, &rest)
            }
        }
    }

    /// A byte per second, for as long as that is the conduct; then the rest.
    fn drip(&self, mut to: &TcpStream, bytes: &[u8]) -> io::Result<()> {
        for (sent, byte) in bytes.iter().enumerate() {
            if self.conduct().drip == Drip::None {
                return to.write_all(&bytes[sent..]);
            }
            to.write_all(&[*byte])?;
            let state = lock(&self.state);
            let dripping = |state: &mut State| state.conduct.drip != Drip::None;
            drop(self.changed.wait_timeout_while(state, Duration::from_secs(1), dripping));
        }
        Ok(())
    }

    fn wait_to_accept(&self) {
        let ignores = |state: &mut State| state.conduct.greeting == Greeting::Ignore;
        let waited = self.changed.wait_while(lock(&self.state), ignores);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

/// A request that is counted as not answered for as long as this lives.
struct Busy<'a>(&'a Serving);

impl<'a> Busy<'a> {
    fn new(serving: &'a Serving) -> Self {
        lock(&serving.state).busy += 1;
        Self(serving)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).busy -= 1;
    }
}

/// What `GET /bytes/1000 HTTP/1.1` asks for, whatever the conduct is.
fn wanted_bytes(line: &str) -> Option<usize> {
    line.split(' ').nth(1)?.strip_prefix("/bytes/")?.parse().ok()
}

/// Whether this is one of every `every`.
fn is_turn(counter: &AtomicU32, every: u32) -> bool {
    every > 0 && counter.fetch_add(1, Ordering::Relaxed) % every == every - 1
}

/// Ends as an error, so that the connection does.
fn cut_off(mut to: &TcpStream, sent: &[u8], cut: Cut) -> io::Result<()> {
    to.write_all(sent)?;
    match cut {
        Cut::Close => {}
        Cut::Reset => reset(to),
        Cut::Kill => kill_process(getpid(), Signal::KILL)?,
    }
    Err(io::ErrorKind::ConnectionAborted.into())
}

/// Closing it then sends a reset, whatever was sent before.
fn reset(stream: &TcpStream) {
    // It may be reset already.
    drop(SockRef::from(stream).set_linger(Some(Duration::ZERO)));
}

/// Longer than any ledger is kept.
const LONG: Duration = Duration::from_secs(3600);

/// A connection's thread hardly calls anything.
const STACK_BYTES: usize = 256 * 1024;
