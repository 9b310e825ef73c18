//! A balancer as a process, from its start to its exit: limits, log, picture, signals, drain. Run by `serve` and `run`.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use evenkeel_control::config::{
    AccessPath, Config, ConfigFile, DevelopmentCertificate, Report, Seen,
};
use evenkeel_control::{SetLevel, View};
use evenkeel_proxy::Inherited;
use tokio::runtime;
use tokio::time::{sleep, sleep_until, timeout};

mod descriptors;
mod inherited;
mod log;
mod notify;
mod picture;
mod signals;
mod watchdog;

use crate::balancer::Balancer;
use crate::development;
use crate::failure::{Failure, print_report};
use crate::serve::Save;
use crate::stderr::{self, Stderr, say};
use crate::terminal::wants_colour;
use crate::tone::Palette;
use crate::units::show_count;

use picture::Picture;
use signals::StopSignals;

/// A config that is about to be run.
pub(crate) struct Service {
    /// What to do.
    pub(crate) config: Config,
    /// What is odd about it.
    pub(crate) warnings: Report,
    /// Where it can be found again.
    pub(crate) kept: Kept,
    /// What is shown to clients that come by https, if nobody has given anything better.
    pub(crate) development: Option<DevelopmentCertificate>,
}

/// Where a config can be found again.
pub(crate) enum Kept {
    /// It was on the command line only.
    Nowhere,
    /// It was on the command line, and is written to this file as soon as it runs.
    Written(Save),
    /// It came from this file as it was then, and is read from it again when that changes.
    Read(ConfigFile, Seen),
}

impl Service {
    /// Balances until a signal ends it.
    pub(crate) fn run(self) -> Result<(), Failure> {
        // Before any thread: it changes the environment.
        let inherited = inherited::take();
        print_report(&self.warnings);
        let set_level = log::start(self.config.log_level);
        descriptors::raise_limit();
        // For signals and waiting alone: workers and control have runtimes of their own.
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let outcome = runtime.block_on(self.serve(set_level, inherited));
        stderr::finish();
        outcome
    }

    async fn serve(mut self, set_level: SetLevel, inherited: Inherited) -> Result<(), Failure> {
        // Before anybody can know that we run.
        let mut signals = StopSignals::new()?;
        let file = match &mut self.kept {
            // What was seen has the keys of certificates in it: nobody else is to hold on to them.
            Kept::Read(file, seen) => Some((file.clone(), std::mem::take(seen))),
            Kept::Nowhere | Kept::Written(_) => None,
        };
        let balancer = Balancer::start(self.config.clone(), file, set_level, inherited)?;
        signals.follow(balancer.view().clone());
        tracing::debug!(workers = balancer.workers(), "listening");
        if let Err(failure) = self.keep() {
            balancer.stop();
            return Err(failure);
        }
        notify::ready(&self.config);
        watchdog::start(balancer.pulse());
        if let Some(certificate) = &self.development {
            tokio::spawn(development::keep_good(certificate.clone()));
        }
        tokio::select! {
            () = self.show(balancer.view()) => signals.next().await,
            () = signals.next() => {}
        }
        let first = Instant::now();
        signals.end_reloads();
        // A reload may have given more or less time than there was at the start.
        let limit = balancer.view().config().map_or(self.config.drain, |config| config.drain);
        drain(balancer, limit, (&mut signals, first)).await
    }

    /// Writes the config, if that was asked for.
    fn keep(&self) -> Result<(), Failure> {
        match &self.kept {
            Kept::Written(save) => save.write(&self.config, self.development.is_some()),
            Kept::Nowhere | Kept::Read(..) => Ok(()),
        }
    }

    /// Whether stdout is for the access log alone, which programs read.
    fn logs_to_stdout(&self) -> bool {
        self.config.access.as_ref().is_some_and(|access| access.path == AccessPath::Stdout)
    }

    /// Shows what runs, as the first checks found it.
    async fn show(&self, view: &View) {
        // A check that takes longer must not keep people waiting; then the picture says that it is still running.
        let _ = timeout(FIRST_ROUND, view.first_round()).await;
        let status = view.status();
        let picture = |palette| Picture {
            service: self,
            status: &status,
            admin: view.admin_address(),
            palette,
        };
        // Whoever closed our stdout wants to be served all the same.
        let _ = if self.logs_to_stdout() {
            let colour = wants_colour(&io::stderr());
            Stderr.write_all(picture(Palette::new(colour)).to_string().as_bytes())
        } else {
            let colour = wants_colour(&io::stdout());
            write!(io::stdout(), "{}", picture(Palette::new(colour)))
        };
    }
}

/// Lets running exchanges finish, until they have, the time is up, or a second signal comes after the `first`.
async fn drain(
    balancer: Balancer,
    limit: Duration,
    (signals, first): (&mut StopSignals, Instant),
) -> Result<(), Failure> {
    balancer.drain(limit);
    let waiting = format!(
        "draining: waiting for {}, at most {} s",
        exchanges(balancer.view()),
        limit.as_secs_f64()
    );
    notify::stopping(&waiting, limit);
    say(&format!("{waiting}; again to stop at once"));
    let deadline = first + limit;
    let outcome = tokio::select! {
        () = finished(&balancer) => Ok(()),
        () = signals.again(first) => {
            say(&format!("stopped at once, which cut {}", exchanges(balancer.view())));
            Ok(())
        }
        () = sleep_until(deadline.into()) => Err(Failure::Running(format!(
            "time is up, which cut {}; `drain` in the config gives more of it",
            exchanges(balancer.view())
        ))),
    };
    balancer.stop();
    outcome
}

async fn finished(balancer: &Balancer) {
    while !balancer.is_finished() {
        sleep(FINISHED_POLL).await;
    }
}

/// How many exchanges run now, in words.
fn exchanges(view: &View) -> String {
    let status = view.status();
    let endpoints = status.clusters.iter().flat_map(|cluster| &cluster.endpoints);
    match endpoints.map(|endpoint| u64::from(endpoint.in_flight)).sum() {
        1 => "1 exchange".to_owned(),
        count => format!("{} exchanges", show_count(count)),
    }
}

/// How long the first round of checks may hold up the picture: more than a connect timeout of 1 s.
const FIRST_ROUND: Duration = Duration::from_millis(1500);

/// How often we look whether the workers have ended: not to be felt in a restart, and not to be seen in CPU time.
const FINISHED_POLL: Duration = Duration::from_millis(10);
