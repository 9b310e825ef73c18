//! The run of `evenkeel origin`: starts what the arguments ask for, and follows the signals.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::units::show_count;

use super::{Args, Origin, StartError};

/// Serves until a signal ends it: 0, or 1 if it could not start or a revived port was taken.
pub(crate) fn run(args: &Args) -> ExitCode {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.map_err(RunError::from).and_then(|runtime| runtime.block_on(serve(args)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do if even the complaint cannot be written.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(args: &Args) -> Result<(), RunError> {
    // Before the lines that tell others that they may send signals.
    let mut signals = Signals::new()?;
    let (_behaviour, following) = watch::channel(args.behaviour());
    let mut origins = Vec::new();
    for setup in args.setups() {
        origins.push(Origin::start(setup, following.clone()).await?);
    }
    print_addresses(&origins)?;
    while signals.next().await == Told::Toggle {
        toggle(&mut origins).await?;
    }
    tokio::select! {
        done = drain(origins) => Ok(done?),
        () = signals.stop() => Ok(()),
    }
}

/// One line for each origin, which scripts read: the address is the third word.
fn print_addresses(origins: &[Origin]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for origin in origins {
        writeln!(out, "listening on http://{} as {}", origin.address(), origin.name())?;
    }
    out.flush()
}

/// Kills the living and revives the dead.
async fn toggle(origins: &mut [Origin]) -> Result<(), RunError> {
    for origin in origins {
        let done = if origin.is_alive() {
            origin.kill().await;
            "killed"
        } else {
            origin.revive().await?;
            "revived"
        };
        writeln!(io::stdout(), "{} {done}", origin.name())?;
    }
    Ok(())
}

/// Drains all at the same time, and says for each what it has done.
async fn drain(origins: Vec<Origin>) -> io::Result<()> {
    let mut draining = JoinSet::new();
    for mut origin in origins {
        draining.spawn(async move {
            origin.drain(DRAIN_LIMIT).await;
            origin
        });
    }
    while let Some(Ok(origin)) = draining.join_next().await {
        let count = show_count(origin.answered());
        writeln!(io::stdout(), "{} drained, {count} requests answered", origin.name())?;
    }
    Ok(())
}

/// The signals that mean something to an origin.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    toggle: Signal,
}

/// What a signal asked for.
#[derive(PartialEq, Eq)]
enum Told {
    Stop,
    Toggle,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            toggle: signal(SignalKind::user_defined1())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::Stop,
            _ = self.interrupt.recv() => Told::Stop,
            _ = self.quit.recv() => Told::Stop,
            _ = self.toggle.recv() => Told::Toggle,
        }
    }

    async fn stop(&mut self) {
        while self.next().await != Told::Stop {}
    }
}

/// Why the command failed.
enum RunError {
    Start(StartError),
    System(io::Error),
}

impl std::fmt::Display for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RunError::Start(error) => error.fmt(f),
            RunError::System(error) => error.fmt(f),
        }
    }
}

impl From<StartError> for RunError {
    fn from(error: StartError) -> Self {
        RunError::Start(error)
    }
}

impl From<io::Error> for RunError {
    fn from(error: io::Error) -> Self {
        RunError::System(error)
    }
}

/// The same as the balancer's default.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);
