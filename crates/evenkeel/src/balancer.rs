//! The composition root: puts workers and control together, on threads of their own. Called by `serve`, `run` and `demo`.

use std::fmt;
use std::io;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use evenkeel_control::conductor::Parts;
use evenkeel_control::config::{Config, ConfigFile, Seen, WorkerCount};
use evenkeel_control::{SetLevel, Setup, StartError as ControlError, View};
use evenkeel_plan::lines::lines;
use evenkeel_plan::publish::Publisher;
use evenkeel_plan::pulse::{Beat, Pulse};
use evenkeel_proxy::{Inherited, Proxy};
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};

/// A balancer that runs: workers and control.
pub(crate) struct Balancer {
    proxy: Proxy,
    control: ControlThread,
    workers: usize,
}

/// Why a balancer did not start; nothing of it is left running.
#[derive(Debug)]
pub(crate) enum StartError {
    /// The workers or control could not get what they need of the system.
    System(io::Error),
    /// An address could not be bound.
    Control(ControlError),
}

// === impl Balancer ===

impl Balancer {
    /// Puts `config` in force and returns when its listeners accept; those that want a socket by name get it of the
    /// `inherited` ones. Blocks: up to two seconds, if a name is slow to resolve. Follows `file`, if there is one, and tells
    /// `set_level` how much to log.
    pub(crate) fn start(
        config: Config,
        file: Option<(ConfigFile, Seen)>,
        set_level: SetLevel,
        inherited: Inherited,
    ) -> Result<Self, StartError> {
        let workers = worker_count(config.workers);
        let publisher = Publisher::default();
        let (senders, lines) = lines(workers);
        let proxy = Proxy::start(senders, &publisher.reader()).map_err(StartError::System)?;
        let binder = proxy.binder(inherited);
        let (sight, started) = (proxy.sight(), proxy.started());
        let parts = Parts { publisher, binder, sight, workers, started };
        match ControlThread::start(Setup { config, file, parts, lines, set_level }) {
            Ok(control) => Ok(Self { proxy, control, workers }),
            Err(error) => {
                proxy.stop();
                Err(error)
            }
        }
    }

    /// A look at what runs; a clone may go to another thread.
    pub(crate) fn view(&self) -> &View {
        &self.control.view
    }

    /// The signs of life of every worker and of control.
    pub(crate) fn pulse(&self) -> Pulse {
        let workers = self.proxy.beats().iter();
        Pulse::new(workers.chain([&self.control.beat]).cloned().collect())
    }

    /// How many workers carry the traffic.
    pub(crate) fn workers(&self) -> usize {
        self.workers
    }

    /// Accepts nothing more and lets running exchanges finish `within` a time; `/readyz` says so. Returns at once.
    pub(crate) fn drain(&self, within: Duration) {
        self.control.view.drain();
        self.proxy.drain(within);
    }

    /// Whether every worker has ended, which happens after [`Balancer::drain`] alone.
    pub(crate) fn is_finished(&self) -> bool {
        self.proxy.is_finished()
    }

    /// Ends everything now, and waits until it has ended; for control not for ever.
    pub(crate) fn stop(self) {
        self.proxy.stop();
        self.control.stop();
    }
}

/// One worker for each core that we may use, unless the config says otherwise.
fn worker_count(wanted: WorkerCount) -> usize {
    match wanted {
        WorkerCount::Fixed(count) => count.max(1),
        WorkerCount::Auto => thread::available_parallelism().map_or(1, usize::from),
    }
}

/// Control on a thread and a runtime of its own, so that no check and no scrape can slow a worker.
struct ControlThread {
    view: View,
    /// Dropping it ends control.
    alive: oneshot::Sender<()>,
    beat: Beat,
    thread: JoinHandle<()>,
    /// Its other end goes with the thread.
    over: mpsc::Receiver<()>,
}

impl ControlThread {
    fn start(setup: Setup) -> Result<Self, StartError> {
        let (alive, ended) = oneshot::channel();
        let (report, started) = mpsc::sync_channel(1);
        let beat = Beat::new("control");
        let alive_until = (beat.clone(), ended);
        let (until_over, over) = mpsc::channel();
        let work = move || {
            run_control(setup, &report, alive_until);
            drop(until_over);
        };
        let thread = thread::Builder::new()
            .name("control".to_owned())
            .spawn(work)
            .map_err(StartError::System)?;
        // The thread goes without a report only if it panicked.
        let died = || StartError::System(io::Error::other("control ended while it started"));
        let view = started.recv().unwrap_or_else(|_| Err(died()))?;
        Ok(Self { view, alive, beat, thread, over })
    }

    fn stop(self) {
        drop(self.alive);
        // It may hang in a reload: a config on a network that is gone, a pipe in place of a file. The exit does not.
        if self.over.recv_timeout(CONTROL_ENDS) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::warn!(
                "control is busy with something that does not end, and is left to itself"
            );
            return;
        }
        // A panic in it was printed when it happened, and there is nothing left to save.
        drop(self.thread.join());
    }
}

/// What control's thread does: reports how the start went, then runs until its owner is gone.
fn run_control(
    setup: Setup,
    report: &mpsc::SyncSender<Result<View, StartError>>,
    (beat, ended): (Beat, oneshot::Receiver<()>),
) {
    let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            drop(report.send(Err(StartError::System(error))));
            return;
        }
    };
    runtime.block_on(async {
        match evenkeel_control::start(setup).await {
            Ok(control) => {
                drop(report.send(Ok(control.view())));
                tokio::select! {
                    // It never sends: an error means that the balancer is stopped or dropped.
                    _ = ended => {}
                    () = keep_beating(&beat) => {}
                }
            }
            Err(error) => drop(report.send(Err(StartError::Control(error)))),
        }
    });
    // A lookup that waits for a dead DNS server must not hold up the exit.
    runtime.shutdown_background();
}

/// Shows that the runtime takes its turns.
async fn keep_beating(beat: &Beat) {
    let mut ticks = interval(BEAT_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        beat.strike();
    }
}

/// Longer than it takes to write what is left of the access log, which is a second if nobody reads it.
const CONTROL_ENDS: Duration = Duration::from_secs(3);

/// Far more often than any watchdog looks, and not to be seen in CPU time.
const BEAT_INTERVAL: Duration = Duration::from_millis(200);

// === impl StartError ===

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(error) => write!(f, "cannot start: {error}"),
            Self::Control(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StartError {}
