//! Waits until nothing is in flight at an endpoint that gets no new work. Called by `drain` and `remove`.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use evenkeel_control::admin::Status;

use crate::admin_client::AdminClient;
use crate::failure::Failure;
use crate::units::{self, show_count, show_duration};

/// Whether to wait for what runs, and how long.
#[derive(clap::Args)]
pub(super) struct WaitArgs {
    /// Wait until nothing is in flight there
    #[arg(long)]
    pub(super) wait: bool,

    /// How long to wait at most: the default is as long as anything runs there by the default of `drain`
    #[arg(long, value_name = "DURATION", default_value = "45s", requires = "wait")]
    #[arg(value_parser = units::duration)]
    timeout: Duration,
}

/// An endpoint that is to become empty.
pub(super) struct Emptying<'a> {
    pub(super) cluster: &'a str,
    pub(super) endpoint: &'a str,
    /// What is true, and what can be done, if it does not become so in time.
    pub(super) otherwise: String,
}

impl WaitArgs {
    /// Waits, if that was asked for, and says how it goes. Its lines are for people, so they stand on stderr.
    pub(super) fn wait(
        &self,
        client: &AdminClient,
        emptying: &Emptying<'_>,
    ) -> Result<(), Failure> {
        if !self.wait {
            return Ok(());
        }
        let begun = Instant::now();
        let mut progress = Progress::default();
        loop {
            let left = emptying.in_flight(&client.status()?.meaning);
            let passed = begun.elapsed();
            if left == 0 {
                let (endpoint, passed) = (emptying.endpoint, show_duration(passed));
                progress
                    .end(&format!("nothing is in flight at {endpoint} any more, after {passed}"));
                return Ok(());
            }
            if passed >= self.timeout {
                progress.clear();
                return Err(Failure::Running(emptying.too_late(left, self.timeout)));
            }
            progress.show(emptying.endpoint, left, passed);
            client.wait(POLL.min(self.timeout.saturating_sub(passed)));
        }
    }
}

impl Emptying<'_> {
    /// What still runs there, also if it has left the config meanwhile.
    fn in_flight(&self, status: &Status) -> u64 {
        let clusters = status.clusters.iter().filter(|cluster| cluster.name == self.cluster);
        let endpoints = clusters.flat_map(|cluster| &cluster.endpoints);
        let there = endpoints.filter(|each| each.name == self.endpoint).map(|each| each.in_flight);
        let leaving = status.leaving.iter();
        let leaving = leaving
            .filter(|each| each.cluster == self.cluster && each.endpoint == self.endpoint)
            .map(|each| each.in_flight);
        there.chain(leaving).map(u64::from).sum()
    }

    fn too_late(&self, left: u64, timeout: Duration) -> String {
        let (endpoint, left) = (self.endpoint, show_count(left));
        let timeout = show_duration(timeout);
        format!(
            "after {timeout} there are still {left} in flight at {endpoint}\n  {}",
            self.otherwise
        )
    }
}

/// One line that changes on a terminal; elsewhere one every few seconds.
#[derive(Default)]
struct Progress {
    shown: bool,
    lines: u64,
}

impl Progress {
    fn show(&mut self, endpoint: &str, left: u64, passed: Duration) {
        let left = show_count(left);
        // Whoever closed our stderr wants to wait all the same.
        if io::stderr().is_terminal() {
            let passed = passed.as_secs();
            let _ = write!(
                io::stderr(),
                "\r\x1b[Kwaiting for {left} in flight at {endpoint}, {passed} s"
            );
            self.shown = true;
        } else if passed.as_secs() >= self.lines * LINE_SECONDS {
            let _ = writeln!(io::stderr(), "waiting for {left} in flight at {endpoint}");
            self.lines = passed.as_secs() / LINE_SECONDS + 1;
        }
    }

    fn clear(&self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }

    fn end(&self, line: &str) {
        self.clear();
        let _ = writeln!(io::stderr(), "{line}");
    }
}

/// Not to be felt by whoever waits, and not to be seen in the balancer's CPU time.
const POLL: Duration = Duration::from_millis(200);

/// Seconds between two lines where lines stay.
const LINE_SECONDS: u64 = 5;
