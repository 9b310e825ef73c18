//! Names to addresses: looks up every host that the config names, again and again, and remembers what was last good.
//!
//! The conductor owns the [`Resolver`] and makes a new plan when it says that an address changed.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::task::Task;

/// Finds the addresses of a name.
pub(crate) trait Lookup: Send + Sync + 'static {
    /// All addresses of `host`, in any order.
    fn lookup(&self, host: &str) -> impl Future<Output = io::Result<Vec<IpAddr>>> + Send;
}

/// Asks the system: `/etc/hosts`, DNS, and whatever else it is set up to use.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SystemLookup;

impl Lookup for SystemLookup {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        // The port is of no meaning here, but the function wants one.
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// What is known about all names.
#[derive(Debug)]
pub(crate) struct Resolver<L> {
    lookup: Arc<L>,
    names: HashMap<Box<str>, Name>,
    answers: mpsc::Receiver<Answer>,
    /// Cloned into each name's task; also keeps the channel open when there is no name.
    answer: mpsc::Sender<Answer>,
}

/// What is known about one name.
#[derive(Debug)]
struct Name {
    known: Known,
    _task: Task,
}

/// How far a name is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// No lookup has finished yet.
    Not,
    /// It never had an address; the text completes "name does not resolve: …".
    Never(String),
    /// The address last found, even if later lookups failed.
    At(IpAddr),
}

/// The end of one lookup.
#[derive(Debug)]
struct Answer {
    host: Box<str>,
    result: io::Result<Vec<IpAddr>>,
}

impl<L: Lookup> Resolver<L> {
    /// Knows no names yet.
    pub(crate) fn new(lookup: L) -> Self {
        let (answer, answers) = mpsc::channel(ANSWERS_WAITING_MAX);
        Self { lookup: Arc::new(lookup), names: HashMap::new(), answers, answer }
    }

    /// Begins to look up those of `hosts` that are names and not known yet. Must be called within a runtime.
    pub(crate) fn add<'a>(&mut self, hosts: impl Iterator<Item = &'a str>) {
        for host in hosts.filter(|host| host.parse::<IpAddr>().is_err()) {
            if !self.names.contains_key(host) {
                let keep =
                    keep_resolved(host.into(), Arc::clone(&self.lookup), self.answer.clone());
                self.names
                    .insert(host.into(), Name { known: Known::Not, _task: Task::spawn(keep) });
            }
        }
    }

    /// Forgets all names but `hosts`.
    pub(crate) fn retain<'a>(&mut self, hosts: impl Iterator<Item = &'a str>) {
        let wanted: HashSet<&str> = hosts.collect();
        self.names.retain(|host, _| wanted.contains(&**host));
    }

    /// Waits until every name has been looked up once, but no longer than `within`: a name that answers slowly joins later.
    pub(crate) async fn settle(&mut self, within: Duration) {
        let deadline = Instant::now() + within;
        while self.names.values().any(|name| name.known == Known::Not) {
            let Ok(Some(answer)) = timeout_at(deadline, self.answers.recv()).await else { return };
            self.learn(answer);
        }
    }

    /// Waits until what is known about a name has changed, and takes in all that has come by then.
    pub(crate) async fn changed(&mut self) {
        let mut changed = false;
        while !changed {
            // We hold a sender ourselves, so there is always another answer to wait for.
            let Some(answer) = self.answers.recv().await else { return };
            changed = self.learn(answer);
        }
        while let Ok(answer) = self.answers.try_recv() {
            self.learn(answer);
        }
    }

    /// What is known about `host`; an address in writing is its own answer.
    pub(crate) fn known(&self, host: &str) -> Known {
        match host.parse() {
            Ok(address) => Known::At(address),
            Err(_) => self.names.get(host).map_or(Known::Not, |name| name.known.clone()),
        }
    }

    /// Returns whether it changes what is known.
    fn learn(&mut self, Answer { host, result }: Answer) -> bool {
        let Some(name) = self.names.get_mut(&host) else { return false };
        let learned = revise(&name.known, result);
        if learned == name.known {
            return false;
        }
        match &learned {
            Known::At(address) => tracing::info!(host = &*host, %address, "name resolves"),
            Known::Never(why) => tracing::warn!(host = &*host, why, "name does not resolve"),
            Known::Not => {}
        }
        name.known = learned;
        true
    }
}

/// What is known after an answer. The address in use stays while it is among the answers, which DNS servers like to shuffle,
/// and stays when the lookup fails: a DNS outage must not take the endpoints with it. IPv4 comes first.
fn revise(known: &Known, result: io::Result<Vec<IpAddr>>) -> Known {
    let addresses = match (known, result) {
        (_, Ok(addresses)) => addresses,
        (Known::At(address), Err(_)) => return Known::At(*address),
        (_, Err(error)) => return Known::Never(error.to_string()),
    };
    match known {
        Known::At(address) if addresses.is_empty() || addresses.contains(address) => known.clone(),
        _ => match addresses.iter().find(|address| address.is_ipv4()).or(addresses.first()) {
            Some(address) => Known::At(*address),
            None => Known::Never("it has no address".to_owned()),
        },
    }
}

/// Looks one name up for as long as somebody wants to know.
async fn keep_resolved<L: Lookup>(host: Box<str>, lookup: Arc<L>, answers: mpsc::Sender<Answer>) {
    let mut failures = 0;
    loop {
        let result = timeout(LOOKUP_TIMEOUT, lookup.lookup(&host)).await.unwrap_or_else(|_| {
            Err(io::Error::new(io::ErrorKind::TimedOut, "the lookup timed out after 10 s"))
        });
        let found = result.as_ref().is_ok_and(|addresses| !addresses.is_empty());
        failures = if found { 0 } else { failures + 1 };
        if answers.send(Answer { host: host.clone(), result }).await.is_err() {
            return;
        }
        sleep(pause(failures, fastrand::f64())).await;
    }
}

/// How long until the next lookup after so many failures in a row: 30 s when all is well; 1, 2, 4 … 30 s while it is not.
/// `random`, drawn evenly from 0 to 1, moves it by up to a tenth, so that a thousand names do not ask in one moment.
fn pause(failures: u32, random: f64) -> Duration {
    let doublings = failures.checked_sub(1);
    let pause = match doublings {
        Some(doublings) => RETRY_MIN * 2_u32.saturating_pow(doublings.min(5)),
        None => REFRESH,
    };
    pause.min(REFRESH).mul_f64(0.9 + 0.2 * random.clamp(0.0, 1.0))
}

/// How often a name that resolves is looked up again, and the longest pause between tries while it does not.
const REFRESH: Duration = Duration::from_secs(30);

/// The pause after the first failure.
const RETRY_MIN: Duration = Duration::from_secs(1);

/// glibc gives up after 5 s twice, with its defaults.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);

/// More answers than this wait at their task's door; the conductor takes them in one by one.
const ANSWERS_WAITING_MAX: usize = 64;

#[cfg(test)]
mod tests;
