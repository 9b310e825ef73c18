//! The check by a program: it passes by ending with status 0. Called by `probe`.
//!
//! A task of its own looks after each program until the program, and all of its process group, is dead and buried: so nothing is
//! left of it, no process and no zombie, whoever stops waiting for it and when.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, kill_process_group, pidfd_open, waitpgid,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::failure::Ending;
use super::words::first_line;
use super::{Failure, Target, is_our_lack};

use output::Output;

mod output;

/// Runs `command` until it ends. When the caller stops waiting, its whole process group is killed.
pub(super) async fn run(
    command: &[Box<str>],
    target: &Target,
    permit: OwnedSemaphorePermit,
) -> Result<(), Failure> {
    let variables = [
        ("EVENKEEL_CLUSTER", target.cluster.to_string()),
        ("EVENKEEL_ENDPOINT", target.name.to_string()),
        ("EVENKEEL_ADDRESS", target.address.to_string()),
        ("EVENKEEL_HOST", target.address.ip().to_string()),
        ("EVENKEEL_PORT", target.address.port().to_string()),
    ];
    run_with(command, variables, permit).await
}

/// The same, for whoever has other things to tell the program. `kept` is dropped when nothing of it is left.
pub(crate) async fn run_with(
    command: &[Box<str>],
    variables: impl IntoIterator<Item = (&'static str, String)>,
    kept: impl Send + 'static,
) -> Result<(), Failure> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(Failure::Unrunnable("there is no command".to_owned()));
    };
    let mut command = prepared(program, arguments);
    command.envs(variables);
    let (answer, ended) = oneshot::channel();
    tokio::spawn(supervise(command, answer, kept));
    // Without an answer the runtime is shutting down.
    ended.await.unwrap_or_else(|_| Err(Failure::Untried("it was stopped".to_owned())))
}

/// The program hears nothing from us but what it is about: our environment may hold secrets.
fn prepared(program: &str, arguments: &[Box<str>]) -> Command {
    let path = env::var_os("PATH").unwrap_or_else(|| OsString::from(PATH_DEFAULT));
    let mut command = Command::new(program);
    command
        .args(arguments.iter().map(|argument| &**argument))
        .env_clear()
        .env("PATH", path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own, so that what it starts can be killed with it.
        .process_group(0);
    command
}

/// Starts the program, waits for its end or that of the interest in it, and leaves nothing behind.
async fn supervise(
    mut command: Command,
    mut answer: oneshot::Sender<Result<(), Failure>>,
    kept: impl Send + 'static,
) {
    let name = command.get_program().to_string_lossy().into_owned();
    // On a disk that does not answer this takes for ever.
    let mut child = match spawn_blocking(move || command.spawn()).await {
        Ok(Ok(child)) => child,
        Ok(Err(error)) => return drop(answer.send(Err(not_started(&name, &error)))),
        Err(_) => return,
    };
    let mut family = Family { group: Pid::from_child(&child), is_buried: false };
    let mut fault = None;
    let mut words = String::new();
    tokio::select! {
        biased;
        () = answer.closed() => {}
        said = listen(family.group, &mut child) => match said {
            Ok(said) => words = said,
            Err(error) => fault = Some(Failure::Untried(error.to_string())),
        },
    }
    family.kill();
    let mut answer = Some(answer);
    bury(family.group, |status| {
        if let Some(answer) = answer.take() {
            // Nobody may be interested any more.
            drop(answer.send(fault.take().map_or_else(|| verdict(status, &words), Err)));
        }
    })
    .await;
    family.is_buried = true;
    drop(kept);
}

/// A program with all that it has started. Where we end before it, it is killed, too.
struct Family {
    group: Pid,
    /// Its number may be another's by now.
    is_buried: bool,
}

impl Family {
    fn kill(&self) {
        // That nobody is left is no fault.
        let _ = kill_process_group(self.group, Signal::KILL);
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        if !self.is_buried {
            self.kill();
        }
    }
}

fn not_started(name: &str, error: &io::Error) -> Failure {
    if is_our_lack(error) {
        return Failure::Untried(error.to_string());
    }
    Failure::Unrunnable(format!("cannot run {name}: {error}"))
}

/// Waits until the program has ended, not for what it has started. Returns the first line that it has to say.
async fn listen(group: Pid, child: &mut Child) -> io::Result<String> {
    let process = watchable(pidfd_open(group, PidfdFlags::NONBLOCK)?)?;
    let mut complaints = Output::new(child.stderr.take().map(OwnedFd::from))?;
    let mut remarks = Output::new(child.stdout.take().map(OwnedFd::from))?;
    loop {
        tokio::select! {
            ended = process.readable() => {
                drop(ended?);
                break;
            }
            () = complaints.read() => {}
            () = remarks.read() => {}
        }
    }
    let said = [complaints, remarks].map(|output| first_line(&output.all()));
    Ok(said.into_iter().find(|line| !line.is_empty()).unwrap_or_default())
}

#[expect(
    deprecated,
    reason = "its successor is `unsafe` only because a descriptor might be swapped; an `OwnedFd` cannot be"
)]
fn watchable(process: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(process, Interest::READABLE)
}

/// Waits for all of a killed group that are our children, and tells the status of its leader. Where we are process 1, as in a
/// container, these are also those that it has left to us: an orphan is handed over before its parent can be waited for, so
/// there are no more when the system says so.
async fn bury(group: Pid, mut leader_ended: impl FnMut(WaitStatus)) {
    loop {
        match waitpgid(group, WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid == group => leader_ended(status),
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => sleep(BURY_PAUSE).await,
            Err(_) => return,
        }
    }
}

fn verdict(status: WaitStatus, words: &str) -> Result<(), Failure> {
    let ending = match (status.exit_status(), status.terminating_signal()) {
        (Some(0), _) => return Ok(()),
        (Some(status), _) => Ending::Status(status),
        (None, signal) => Ending::Signal(signal.unwrap_or_default()),
    };
    Err(Failure::Program { ending, words: words.to_owned() })
}

/// Where programs are looked for, where nobody has told us.
const PATH_DEFAULT: &str = "/usr/local/bin:/usr/bin:/bin";

/// What was killed is nearly always gone by the second look.
const BURY_PAUSE: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests;
