//! `evenkeel load`: a load client that does not hide a stalled server. The command line calls
//! [`run`]; whoever wants load inside its own process starts a [`Load`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::CreationError;
use rustls::ClientConfig;
use tokio::sync::watch;

mod args;
mod client;
mod command;
mod drive;
mod progress;
mod schedule;
mod series;
mod summary;
mod table;
mod tally;
mod target;
mod tls;

pub(crate) use self::args::Args;
pub(crate) use self::command::run;
pub(crate) use self::schedule::Arrivals;
pub(crate) use self::series::Moment;
pub(crate) use self::summary::Summary;
pub(crate) use self::tally::Tally;
pub(crate) use self::target::{Shape, Target, TargetError};
pub(crate) use self::tls::trusting;

use self::client::Client;
use self::drive::Driver;
use self::series::Series;
use self::tally::Outcome;
use crate::units::Rate;

/// What to send where, how fast, and for how long.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Where to.
    pub(crate) target: Target,
    /// Whom to trust there; for a target of https alone.
    pub(crate) trust: Option<Arc<ClientConfig>>,
    /// What every request looks like.
    pub(crate) shape: Shape,
    /// When requests start.
    pub(crate) pace: Pace,
    /// How many connections, and so requests, there are at a time.
    pub(crate) connections: u32,
    /// No request starts after this; no limit if there is none.
    pub(crate) duration: Option<Duration>,
    /// No more requests than this; no limit if there is none.
    pub(crate) requests: Option<u64>,
    /// How long one request may take, with its connect and its body.
    pub(crate) timeout: Duration,
}

/// When requests start.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// Each connection sends when its last request is answered.
    Closed,
    /// On a schedule, no matter what is answered.
    Open { rate: Rate, arrivals: Arrivals },
}

/// A run of load on the current runtime. Dropping it stops it.
pub(crate) struct Load {
    settings: Settings,
    counted: Arc<Mutex<Counted>>,
    client: Arc<Client>,
    started: Instant,
    ended: watch::Receiver<Option<Duration>>,
    stop: watch::Sender<bool>,
}

/// What is counted of a run.
struct Counted {
    tally: Tally,
    series: Series,
}

impl Counted {
    /// Counts one finished request that should have started at `due`, counted from the beginning.
    fn record(&mut self, due: Duration, outcome: &Outcome) {
        self.tally.record(outcome);
        self.series.record(due, outcome);
    }
}

impl Load {
    /// Resolves the target and starts sending.
    pub(crate) async fn start(settings: Settings) -> Result<Load, LoadError> {
        let addresses = settings.target.resolve().await?;
        let client = Arc::new(Client::new(addresses, &settings));
        let tally = Tally::new().map_err(LoadError::Histogram)?;
        let counted = Arc::new(Mutex::new(Counted { tally, series: Series::default() }));
        let started = Instant::now();
        let driver = Driver { client: Arc::clone(&client), counted: Arc::clone(&counted), started };
        let (stop, mut stopped) = watch::channel(false);
        let (end, ended) = watch::channel(None);
        let plan = settings.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = driver.drive(&plan) => {}
                // An error means that the owner is gone, which is no other wish.
                _ = stopped.wait_for(|stop| *stop) => {}
            }
            end.send_replace(Some(started.elapsed()));
        });
        Ok(Load { settings, counted, client, started, ended, stop })
    }

    /// Everything counted so far; two of them give what happened in between by [`Tally::since`].
    pub(crate) fn tally(&self) -> Tally {
        self.counted().tally.clone()
    }

    /// How long it runs already, or did run.
    pub(crate) fn elapsed(&self) -> Duration {
        (*self.ended.borrow()).unwrap_or_else(|| self.started.elapsed())
    }

    /// Ends early: nothing more is sent, what is under way is cut and not counted.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits for the end, by itself or by [`Load::stop`].
    pub(crate) async fn ended(&self) {
        // An error means that the sending task panicked, which is an end too.
        let _ = self.ended.clone().wait_for(Option::is_some).await;
    }

    /// Sums up what was counted so far; of the whole after [`Load::ended`].
    pub(crate) fn summary(&self) -> Summary {
        Summary::new(&self.settings, &self.counted(), self.elapsed(), self.client.opened())
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a load could not start.
#[derive(Debug)]
pub(crate) enum LoadError {
    /// The target has no address.
    Target(TargetError),
    /// The histogram refused its bounds, which are constants.
    Histogram(CreationError),
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LoadError::Target(error) => error.fmt(f),
            LoadError::Histogram(error) => write!(f, "cannot make a histogram: {error}"),
        }
    }
}

impl std::error::Error for LoadError {}

impl From<TargetError> for LoadError {
    fn from(error: TargetError) -> Self {
        LoadError::Target(error)
    }
}

#[cfg(test)]
mod tests;
