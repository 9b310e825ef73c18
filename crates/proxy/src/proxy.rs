//! The workers as a whole: what the binary starts, gives the conductor as a binder, drains and stops.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use evenkeel_plan::binder::Binder;
use evenkeel_plan::lines::LineSender;
use evenkeel_plan::publish::Reader;
use evenkeel_plan::pulse::Beat;
use evenkeel_plan::sight::Sight;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::mpsc::{Sender, UnboundedSender, channel, unbounded_channel};

use crate::sight::Lookout;
use crate::sockets::{Inherited, Sockets};
use crate::worker::{Command, Crew, Ears, Errand, Supplies, Worker, run};

/// The data path: worker threads that follow the plan.
#[derive(Debug)]
pub struct Proxy {
    commanders: Vec<UnboundedSender<Command>>,
    mailboxes: Vec<Sender<Errand>>,
    threads: Vec<JoinHandle<()>>,
    beats: Vec<Beat>,
    started: Instant,
}

impl Proxy {
    /// Starts a thread for each of `lines`, which take the lines of the access log; they follow the plan that `reader` sees.
    ///
    /// # Errors
    /// When a thread or its runtime cannot be made.
    pub fn start(lines: Vec<LineSender>, reader: &Reader) -> io::Result<Self> {
        let (commanders, commands): (Vec<_>, Vec<_>) =
            lines.iter().map(|_| unbounded_channel()).unzip();
        let (mailboxes, errands): (Vec<_>, Vec<_>) =
            lines.iter().map(|_| channel(MAILBOX_SIZE)).unzip();
        let ears = commands.into_iter().zip(errands);
        let ears = ears.map(|(commands, errands)| Ears { commands, errands });
        let crew = Crew::new(mailboxes.clone());
        let started = Instant::now();
        let (threads, beats) = (Vec::new(), Vec::new());
        let mut proxy = Self { commanders, mailboxes, threads, beats, started };
        for (index, (ears, lines)) in ears.zip(lines).enumerate() {
            let crew = Arc::clone(&crew);
            let name = format!("worker-{index}");
            let beat = Beat::new(&name);
            proxy.beats.push(beat.clone());
            let supplies = Supplies {
                reader: reader.clone(),
                lines,
                beat: beat.clone(),
                crew: Arc::clone(&crew),
            };
            let work = move |runtime: LocalRuntime| {
                let worker = Worker::new(index, supplies, started);
                runtime.block_on(run(worker, crew, ears));
                beat.end();
            };
            proxy.threads.push(start_thread(name, work)?);
        }
        Ok(proxy)
    }

    /// What opens and closes the listeners' sockets, for the conductor; those that are named are `inherited`.
    pub fn binder(&self, inherited: Inherited) -> Box<dyn Binder> {
        Box::new(Sockets::new(self.commanders.clone(), inherited))
    }

    /// What shows the connections and exchanges in flight, for the admin API.
    pub fn sight(&self) -> Arc<dyn Sight> {
        Arc::new(Lookout::new(self.mailboxes.clone()))
    }

    /// When time began for the workers: what they write into vitals counts from there.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The workers' signs of life, struck at least a few times a second.
    pub fn beats(&self) -> &[Beat] {
        &self.beats
    }

    /// Accepts nothing more, closes what is idle, and lets running exchanges finish, for which there is as much time as
    /// `within` says; long-lived ones are ended politely before that. Returns at once.
    pub fn drain(&self, within: Duration) {
        self.tell_all(|| Command::Drain { within });
    }

    /// Whether every worker has ended.
    pub fn is_finished(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// Ends all workers now, whatever they are doing, and waits for their threads.
    pub fn stop(self) {
        self.tell_all(|| Command::Stop);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a worker had panicked");
            }
        }
    }

    fn tell_all(&self, command: impl Fn() -> Command) {
        for commander in &self.commanders {
            // A worker that has ended needs no telling.
            let _ = commander.send(command());
        }
    }
}

/// Starts a worker's thread, and waits until its runtime stands: it cannot move between threads.
fn start_thread(
    name: String,
    work: impl FnOnce(LocalRuntime) + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let (report, reported) = std::sync::mpsc::sync_channel(1);
    let body = move || match Builder::new_current_thread()
        .enable_all()
        .event_interval(EVENT_INTERVAL)
        .build_local(LocalOptions::default())
    {
        Ok(runtime) => {
            // Whoever started us waits for this.
            let _ = report.send(Ok(()));
            work(runtime);
        }
        Err(error) => drop(report.send(Err(error))),
    };
    let thread = std::thread::Builder::new().name(name).spawn(body)?;
    reported.recv().map_err(io::Error::other)??;
    Ok(thread)
}

/// How many errands may wait for a worker: nearly all of them connections on their way from another one.
const MAILBOX_SIZE: usize = 1024;

/// How many tasks run before the sockets are asked again: twice what a busy worker has to do in one round, so that it asks when
/// it is through and not in the middle.
const EVENT_INTERVAL: u32 = 256;

#[cfg(test)]
mod tests;
