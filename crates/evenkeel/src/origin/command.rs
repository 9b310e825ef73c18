//! The run of `evenkeel origin`: starts what the arguments ask for, and follows the signals.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_plan::time::Time;
use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::failure::{Failure, exit_code};
use crate::units::show_count;

use super::fate::Fate;
use super::{Args, Behaviour, Origin, StartError};

/// Serves until a signal ends it: 0, or 1 if it could not start or a revived port was taken.
pub(crate) fn run(args: &Args) -> ExitCode {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.map_err(Failure::from).and_then(|runtime| runtime.block_on(serve(args)));
    exit_code(done)
}

async fn serve(args: &Args) -> Result<(), Failure> {
    let requested = Arc::new(Notify::new());
    let mut fate = Fate::new(args.script()?, Arc::clone(&requested));
    // Before the lines that tell others that they may send signals.
    let mut signals = Signals::new()?;
    let mut members = Vec::new();
    for setup in args.setups(&requested) {
        let (behaviour, following) = watch::channel(args.behaviour());
        members.push(Member { origin: Origin::start(setup, following).await?, behaviour });
    }
    print_addresses(&members)?;
    loop {
        tokio::select! {
            told = signals.next() => match told {
                Told::Stop => break,
                Told::Toggle => toggle(&mut members).await?,
            },
            now = fate.next() => change(&mut members, &fate, now).await?,
        }
    }
    tokio::select! {
        done = drain(members) => Ok(done?),
        () = signals.stop() => Ok(()),
    }
}

/// An origin, and how to change it.
struct Member {
    origin: Origin,
    behaviour: watch::Sender<Behaviour>,
}

impl Member {
    async fn kill(&mut self) -> Result<(), Failure> {
        self.origin.kill().await;
        self.say("killed")
    }

    async fn revive(&mut self) -> Result<(), Failure> {
        self.origin.revive().await?;
        self.say("revived")
    }

    fn say(&self, what: &str) -> Result<(), Failure> {
        Ok(writeln!(io::stdout(), "{} {what}", self.origin.name())?)
    }
}

/// One line for each origin, which scripts read: the address is the third word.
fn print_addresses(members: &[Member]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for Member { origin, .. } in members {
        writeln!(out, "listening on http://{} as {}", origin.address(), origin.name())?;
    }
    out.flush()
}

/// Kills the living and revives the dead.
async fn toggle(members: &mut [Member]) -> Result<(), Failure> {
    for member in members {
        if member.origin.is_alive() { member.kill().await } else { member.revive().await }?;
    }
    Ok(())
}

/// Makes of each what its fate says of `now`. One that a signal killed or revived stays so until an event says otherwise.
async fn change(members: &mut [Member], fate: &Fate, now: Time) -> Result<(), Failure> {
    for (position, member) in members.iter_mut().enumerate() {
        let condition = fate.condition(position, now);
        let was_dead = member.behaviour.borrow().condition.dead;
        member.behaviour.send_modify(|behaviour| behaviour.condition = condition);
        match (was_dead, condition.dead) {
            (false, true) => member.kill().await?,
            (true, false) => member.revive().await?,
            _ => {}
        }
    }
    Ok(())
}

/// Drains all at the same time, and says for each what it has done.
async fn drain(members: Vec<Member>) -> io::Result<()> {
    let mut draining = JoinSet::new();
    for mut member in members {
        draining.spawn(async move {
            member.origin.drain(DRAIN_LIMIT).await;
            member
        });
    }
    while let Some(Ok(Member { origin, .. })) = draining.join_next().await {
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

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Failure::Running(error.to_string())
    }
}

/// The same as the balancer's default.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);
