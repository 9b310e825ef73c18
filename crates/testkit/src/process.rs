//! Runs the program under test: captured output, signals, an end by a deadline, killed on drop.

use std::io;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, kill_process};

mod output;

use output::{Captured, Stream};

use crate::usage::{self, CpuTime};
use crate::wait::{Deadline, wait_until};

pub use rustix::process::Signal;

/// A running program and all it has printed. Dropping it kills it and its descendants.
#[derive(Debug)]
pub struct Process {
    child: Child,
    captured: Arc<Captured>,
}

impl Process {
    /// Starts `command` with no input and with its output captured.
    ///
    /// It stays in our process group, so that Ctrl-C ends it with us.
    ///
    /// # Errors
    /// What `exec` says, with the program's name.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        Self::spawn_with_input(command, Stdio::null())
    }

    /// The same, with a standard input: also how to pass it a socket without unsafe code.
    ///
    /// # Errors
    /// As [`Process::spawn`].
    pub fn spawn_with_input(command: &mut Command, input: Stdio) -> io::Result<Self> {
        command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| {
            let program = command.get_program().display();
            io::Error::new(error.kind(), format!("cannot start {program}: {error}"))
        })?;
        let captured = Arc::new(Captured::default());
        if let Some(stdout) = child.stdout.take() {
            captured.follow(Stream::Stdout, stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            captured.follow(Stream::Stderr, stderr);
        }
        Ok(Self { child, captured })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line, on either stream and since the start, that contains `needle`.
    ///
    /// # Errors
    /// When the deadline passes or the program ends first; the message holds what it printed.
    pub fn wait_for_line(&self, needle: &str, within: Duration) -> io::Result<String> {
        self.wait_for_lines(needle, 1, within)
    }

    /// Waits for the `count`th line that contains `needle`, and returns that one.
    ///
    /// # Errors
    /// As [`Process::wait_for_line`].
    pub fn wait_for_lines(
        &self,
        needle: &str,
        count: usize,
        within: Duration,
    ) -> io::Result<String> {
        self.captured.wait_for(needle, count, within)
    }

    /// All complete lines of its standard output so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.captured.text(Stream::Stdout)
    }

    /// All complete lines of its standard error so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.captured.text(Stream::Stderr)
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it has ended and been waited for.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        send(self.pid(), signal)
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// What `wait` says.
    pub fn is_running(&mut self) -> io::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Waits for its end, and for the last line that it printed.
    ///
    /// # Errors
    /// When it still runs after `within`.
    pub fn exit_status(&mut self, within: Duration) -> io::Result<ExitStatus> {
        let deadline = Deadline::after(within);
        let mut ended = self.child.try_wait();
        wait_until(within, || {
            ended = self.child.try_wait();
            !matches!(ended, Ok(None))
        })?;
        let status = ended?.ok_or_else(|| deadline.passed())?;
        // A descendant may hold the pipes open for longer than the program lives.
        self.captured.wait_for_end(LAST_WORDS);
        Ok(status)
    }

    /// Its CPU time so far, without its children.
    ///
    /// # Errors
    /// When it is gone.
    pub fn cpu_time(&self) -> io::Result<CpuTime> {
        usage::cpu_time(self.pid())
    }

    /// Its anonymous memory in bytes.
    ///
    /// # Errors
    /// When it is gone.
    pub fn anonymous_bytes(&self) -> io::Result<u64> {
        usage::anonymous_bytes(self.pid())
    }

    /// What it has in memory, in bytes.
    ///
    /// # Errors
    /// When it is gone.
    pub fn resident_bytes(&self) -> io::Result<u64> {
        usage::resident_bytes(self.pid())
    }

    /// How many descriptors it has open.
    ///
    /// # Errors
    /// When it is gone.
    pub fn open_descriptors(&self) -> io::Result<usize> {
        usage::open_descriptors(self.pid())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Once it has been waited for, its id may be another's.
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        // nginx's workers outlive a killed master, so the whole tree goes, top first: a dead
        // master starts no new worker.
        let members = usage::tree(self.pid()).unwrap_or_else(|_| vec![self.pid()]);
        for pid in members {
            // It may have ended by itself in between.
            drop(send(pid, Signal::KILL));
        }
        drop(self.child.wait());
    }
}

fn send(pid: u32, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    Ok(kill_process(pid, signal)?)
}

/// For the readers to see the end of the pipes after the program's own end.
const LAST_WORDS: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
