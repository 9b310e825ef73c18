//! A balancer that runs, of whichever make: started, told to reload, frozen, looked at from outside. Dropping it ends it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use evenkeel_testkit::process::Signal;
use evenkeel_testkit::{Process, get, usage, wait_until};
use rustix::process::{Pid, kill_process};
use serde_json::Value;

use super::config::Setup;
use crate::Outcome;
use crate::bench::contender::Contender;
use crate::tools;

pub(super) struct Balancer {
    pub(super) contender: Contender,
    pub(super) setup: Setup,
    process: Process,
}

impl Balancer {
    /// Starts `contender` and waits until it has served a request. With `descriptors`, it may have no more than so many open.
    pub(super) fn start(
        contender: Contender,
        evenkeel: &Path,
        setup: Setup,
        descriptors: Option<u32>,
    ) -> Outcome<Self> {
        let config = setup.write(contender)?;
        let mut command = command(contender, evenkeel, &config)?;
        if let Some(most) = descriptors {
            command = limited(&command, most)?;
        }
        let mut process = Process::spawn(&mut command)?;
        let mut runs = true;
        let served = wait_until(START_WITHIN, || {
            runs = process.is_running().unwrap_or(false);
            !runs || get(setup.listen, "/").is_ok_and(|response| response.status == 200)
        });
        if !runs || served.is_err() {
            // Its last words come with its end; one that hangs has said what it has to say.
            drop(process.exit_status(Duration::from_millis(100)));
            let said = format!("{}{}", process.stdout(), process.stderr());
            return Err(format!("{contender} does not serve; it said:\n{said}").into());
        }
        Ok(Self { contender, setup, process })
    }

    /// Tells it to take the config that is there now; what it makes of it is not waited for.
    pub(super) fn reload(&self) -> Outcome<()> {
        let signal = match self.contender {
            Contender::Haproxy => Signal::USR2,
            _ => Signal::HUP,
        };
        Ok(self.process.signal(signal)?)
    }

    /// Stops all of its processes where they are.
    pub(super) fn freeze(&self) -> Outcome<()> {
        self.signal_all(Signal::STOP)
    }

    /// Lets them go on.
    pub(super) fn thaw(&self) -> Outcome<()> {
        self.signal_all(Signal::CONT)
    }

    /// Whether the process that was started still runs.
    pub(super) fn is_alive(&mut self) -> bool {
        self.process.is_running().unwrap_or(false)
    }

    /// Which endpoints Evenkeel itself takes for something else than up, and for what; of the others nobody asks.
    pub(super) fn not_up(&self) -> Outcome<Vec<String>> {
        if self.contender != Contender::Evenkeel {
            return Ok(Vec::new());
        }
        let status: Value = serde_json::from_slice(&get(self.setup.admin, "/api/v1/status")?.body)?;
        let endpoints = status["clusters"][0]["endpoints"].as_array();
        let endpoints = endpoints.ok_or("the status has no endpoints")?;
        let not_up = endpoints.iter().filter(|endpoint| endpoint["state"] != "up");
        Ok(not_up
            .map(|it| format!("{} is {}: {}", it["address"], it["state"], it["reason"]))
            .collect())
    }

    /// How many connections to endpoints Evenkeel says that it has opened.
    pub(super) fn connects(&self) -> Outcome<usize> {
        let text = get(self.setup.admin, "/metrics")?.text();
        let is_opened = |line: &&str| {
            line.starts_with("evenkeel_upstream_connects_total") && line.contains(r#"result="ok""#)
        };
        let counts = text.lines().filter(is_opened).filter_map(|line| line.rsplit_once(' '));
        Ok(counts.map(|(_, count)| count.parse::<usize>()).sum::<Result<_, _>>()?)
    }

    /// How many threads or processes have said on standard error that they panicked, or were killed by a signal.
    pub(super) fn panics(&self) -> usize {
        let said = self.process.stderr();
        let signs = ["panicked at", "exited on signal", "exited with code 139"];
        signs.iter().map(|sign| said.matches(sign).count()).sum()
    }

    /// What it has said on standard error.
    pub(super) fn said(&self) -> String {
        self.process.stderr()
    }

    /// How many descriptors all of its processes have open, other than pipes that it may keep for the next use.
    pub(super) fn descriptors(&self) -> io::Result<usize> {
        let pids = usage::tree(self.process.pid())?;
        let count = |pid| Ok((usage::open_descriptors(pid)?, usage::open_pipes(pid)?));
        let counts: Vec<(usize, usize)> = pids.into_iter().map(count).collect::<io::Result<_>>()?;
        let (all, pipes) =
            counts.iter().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
        Ok(all - pipes.min(SPARE_PIPE_ENDS))
    }

    /// The CPU time of all of its processes.
    pub(super) fn cpu_time(&self) -> io::Result<Duration> {
        let pids = usage::tree(self.process.pid())?;
        pids.into_iter().map(|pid| Ok(usage::cpu_time(pid)?.total())).sum()
    }

    fn signal_all(&self, signal: Signal) -> Outcome<()> {
        for pid in usage::tree(self.process.pid())? {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            kill_process(pid.ok_or("0 is not a process")?, signal)?;
        }
        Ok(())
    }
}

/// How it is started, in the foreground, with two workers.
fn command(contender: Contender, evenkeel: &Path, config: &Path) -> Outcome<Command> {
    let program: PathBuf = match contender {
        Contender::Evenkeel => evenkeel.to_owned(),
        Contender::Haproxy => tools::require("haproxy")?,
        other => other.program()?,
    };
    let mut command = Command::new(program);
    match contender {
        Contender::Evenkeel => command.args(["run", "--workers", "2", "-c"]),
        Contender::Nginx => command.args(["-e", "stderr", "-c"]),
        // With a master, which is the one who can reload.
        _ => command.args(["-W", "-db", "-f"]),
    };
    // nginx takes relative paths from its prefix.
    command.arg(config.canonicalize()?);
    Ok(command)
}

fn limited(command: &Command, descriptors: u32) -> Outcome<Command> {
    let mut limited = Command::new(tools::require("prlimit")?);
    limited.arg(format!("--nofile={descriptors}:{descriptors}")).arg(command.get_program());
    limited.args(command.get_args());
    Ok(limited)
}

/// 16 spare pipes of two ends for each of two workers.
const SPARE_PIPE_ENDS: usize = 64;

const START_WITHIN: Duration = Duration::from_secs(20);
