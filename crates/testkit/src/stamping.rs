//! An origin as a process of its own, which stamps its answers, keeps a journal of what it began, and can be told to be unwell in
//! many ways while it runs. Run and told by `cargo xtask faults`.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

mod answer;
mod conduct;
mod journal;
mod serving;

pub use conduct::{Conduct, Cut, Drip, Ends, Greeting, Phase};
pub use journal::Began;

use crate::process::{Process, Signal};
use crate::wait::wait_until;
use serving::Serving;

/// The program: serves `address`, with its journal at `journal`, as the lines on its standard input say, which has to be a socket.
/// Returns when that ends.
///
/// # Errors
/// What `bind` says; also a line that cannot be understood.
pub fn main(address: SocketAddr, journal: &Path) -> io::Result<()> {
    let control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let listener = listen(address)?;
    let serving = Serving::start(listener, journal, Conduct::default())?;
    (&control).write_all(b"ready\n")?;
    for line in BufReader::new(&control).lines() {
        let line = line?;
        let answer = if line == "count" {
            let (open, busy) = serving.count();
            format!("{open} {busy}\n")
        } else {
            serving.behave(line.parse()?);
            "done\n".to_owned()
        };
        (&control).write_all(answer.as_bytes())?;
    }
    Ok(())
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    // In a network of its own, it may be there before its address.
    socket.set_freebind_v4(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A stamping origin, alive or not. Dropping it kills it.
pub struct StampingOrigin {
    program: Vec<String>,
    address: SocketAddr,
    journal: PathBuf,
    conduct: Conduct,
    running: Option<Running>,
}

struct Running {
    process: Process,
    control: BufReader<UnixStream>,
}

impl StampingOrigin {
    /// Starts `program`, whose last two arguments become those of [`main`], and waits until it listens.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(program: &[&str], address: SocketAddr, journal: PathBuf) -> io::Result<Self> {
        let program = program.iter().map(|&word| word.to_owned()).collect();
        let conduct = Conduct::default();
        let mut origin = Self { program, address, journal, conduct, running: None };
        origin.revive()?;
        Ok(origin)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process, if it has one.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.process.pid())
    }

    /// How it was told to behave.
    #[must_use]
    pub fn conduct(&self) -> Conduct {
        self.conduct
    }

    /// Tells it how to behave, now and when it is revived.
    ///
    /// # Errors
    /// When it does not say that it does.
    pub fn behave(&mut self, conduct: Conduct) -> io::Result<()> {
        self.conduct = conduct;
        match self.running {
            Some(_) => self.ask(&conduct.to_string()).map(drop),
            None => Ok(()),
        }
    }

    /// How many connections it holds, and how many requests it has not answered.
    ///
    /// # Errors
    /// When it does not say.
    pub fn count(&mut self) -> io::Result<(u32, u32)> {
        let answer = self.ask("count")?;
        let counts = answer.split_once(' ');
        let counts = counts.and_then(|(open, busy)| Some((open.parse().ok()?, busy.parse().ok()?)));
        counts.ok_or_else(|| crate::message::malformed("not two counts", &answer))
    }

    /// All that it began since it was first started.
    ///
    /// # Errors
    /// When its journal cannot be read.
    pub fn journal(&self) -> io::Result<Vec<Began>> {
        journal::read(&self.journal)
    }

    /// Whether its process lives.
    ///
    /// # Errors
    /// What `wait` says.
    pub fn is_alive(&mut self) -> io::Result<bool> {
        self.running.as_mut().map_or(Ok(false), |running| running.process.is_running())
    }

    /// Kills it, as by `kill -9`.
    ///
    /// # Errors
    /// When it does not die.
    pub fn kill(&mut self) -> io::Result<()> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        // It may be dead already.
        drop(running.process.signal(Signal::KILL));
        running.process.exit_status(LONG).map(drop)
    }

    /// Freezes it: the kernel goes on to accept for it, and to acknowledge what it is sent.
    ///
    /// # Errors
    /// When it is not alive.
    pub fn freeze(&self) -> io::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When it is not alive.
    pub fn thaw(&self) -> io::Result<()> {
        self.signal(Signal::CONT)
    }

    /// Starts it once more, on the same port and with the same conduct, whatever became of it before.
    ///
    /// # Errors
    /// When it does not start.
    pub fn revive(&mut self) -> io::Result<()> {
        self.kill()?;
        let (control, theirs) = UnixStream::pair()?;
        control.set_read_timeout(Some(LONG))?;
        let words = self.program.split_first();
        let (program, arguments) = words.ok_or_else(|| io::Error::other("no program"))?;
        let mut command = Command::new(program);
        command.args(arguments).arg(self.address.to_string()).arg(&self.journal);
        let input = Stdio::from(OwnedFd::from(theirs));
        let process = Process::spawn_with_input(&mut command, input)?;
        // Ours must be the only other end: its own ends with it.
        drop(command);
        let mut running = Running { process, control: BufReader::new(control) };
        running.hear()?;
        self.running = Some(running);
        self.behave(self.conduct)
    }

    /// Fills what the kernel keeps of connections that nobody accepts; until they are dropped, no other connection is made. It has
    /// to be told to ignore new connections before.
    ///
    /// # Errors
    /// When there is always room for one more.
    pub fn fill_backlog(&self) -> io::Result<Vec<TcpStream>> {
        let mut held = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&self.address(), SHORT) {
            held.push(stream);
            if held.len() > 4 * usize::try_from(BACKLOG).unwrap_or(usize::MAX) {
                return Err(io::Error::other("its backlog does not fill"));
            }
        }
        Ok(held)
    }

    /// Waits until no request is unanswered.
    ///
    /// # Errors
    /// When there still is one by the deadline.
    pub fn wait_for_rest(&mut self, within: Duration) -> io::Result<()> {
        wait_until(within, || self.count().is_ok_and(|(_, busy)| busy == 0))
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        let running = self.running.as_ref();
        running.ok_or_else(|| io::Error::other("it is dead"))?.process.signal(signal)
    }

    fn ask(&mut self, line: &str) -> io::Result<String> {
        let running = self.running.as_mut().ok_or_else(|| io::Error::other("it is dead"))?;
        running.control.get_mut().write_all(format!("{line}\n").as_bytes())?;
        running.hear()
    }
}

impl Running {
    fn hear(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.control.by_ref().take(LINE_BYTES_MAX).read_line(&mut line)?;
        match line.trim_end() {
            "" => {
                let said = self.process.stderr();
                Err(io::Error::other(format!("the origin says nothing more; it said: {said}")))
            }
            line => Ok(line.to_owned()),
        }
    }
}

/// How many connections the kernel completes that nobody has accepted: enough for bursts, few enough to be filled.
const BACKLOG: i32 = 64;

/// Longer than a process takes to start, or to answer, on a busy machine.
const LONG: Duration = Duration::from_secs(20);

/// On loopback a connection is made at once or, as long as the backlog is full, not before a second.
const SHORT: Duration = Duration::from_millis(300);

const LINE_BYTES_MAX: u64 = 200;

#[cfg(test)]
mod tests;
