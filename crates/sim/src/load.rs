//! When requests arrive and what they are: the same for every algorithm. `run` takes one arrival after the other.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_plan::time::Time;
use fastrand::Rng;

use crate::distribution::{Distribution, exponential};
use crate::keys::{KeyStream, mix};
use crate::mistake::Mistake;
use crate::rate::RateCurve;
use crate::scenario::Scenario;
use crate::units::{self, DURATION_MAX};

/// How much there is to do, and for how long. The loop is open: requests arrive however long answers take.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// How arrivals are spaced.
    pub arrivals: Arrivals,
    /// How many requests arrive a second on average, events aside; a replayed load has its own rate.
    pub rps: f64,
    /// How long requests arrive; what is in flight then is finished. More than nothing.
    pub duration: Duration,
    /// Ends the arrivals early, after so many; at most [`REQUESTS_MAX`].
    pub requests: u64,
}

/// How arrivals are spaced.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrivals {
    /// `poisson`: as independent people come.
    Poisson,
    /// `constant`: all the same distance apart.
    Constant,
    /// `bursty:10`: in groups that come at one moment, of 10 on average (their sizes are geometric); the groups come as by
    /// Poisson.
    Bursty(f64),
    /// As they once came, in order of time. Those after the load's duration are left out.
    Replay(Arc<[Replayed]>),
}

/// A request that once came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// When, counted from the start of the run.
    pub at: Time,
    /// A hash of what tells clients apart.
    pub key: u64,
}

/// A request that arrives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Arrival {
    pub(crate) at: Time,
    /// Counts clients from 0.
    pub(crate) client: u32,
    /// What the algorithms that hash are given.
    pub(crate) key: u64,
    /// How long it takes at speed 1.
    pub(crate) work: Duration,
    /// Decides what else happens to it by chance.
    pub(crate) luck: u64,
    /// Which of the balancers takes it.
    pub(crate) replica: u32,
}

/// Draws arrivals, from streams of chance of their own: a draw more for one thing does not shift the others.
#[derive(Debug)]
pub(crate) struct LoadStream {
    source: Source,
    left: u64,
    end: Time,
    work: Distribution,
    balancers: u32,
    service: Rng,
    luck: Rng,
}

#[derive(Debug)]
enum Source {
    Drawn(Drawn),
    Replayed { requests: Arc<[Replayed]>, next: usize, clients: HashMap<u64, u32> },
}

#[derive(Debug)]
struct Drawn {
    arrivals: Arrivals,
    rates: RateCurve,
    keys: KeyStream,
    now: Time,
    /// How many of the group are still to come.
    group: u64,
    spacing: Rng,
    who: Rng,
}

impl Load {
    /// How many requests arrive a second on average, events aside.
    pub fn mean_rate(&self) -> f64 {
        match &self.arrivals {
            Arrivals::Replay(requests) => {
                let end = Time::START.after(self.duration);
                let count = requests.partition_point(|request| request.at < end);
                count as f64 / self.duration.as_secs_f64().max(1e-9)
            }
            _ => self.rps,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Mistake> {
        // At a rate of -0 the next request would come at once, for ever.
        if !(0.0..=RATE_MAX).contains(&self.rps) || self.rps.is_sign_negative() {
            return Err(Mistake::new(format!("a rate is from 0 to {RATE_MAX} a second")));
        }
        if self.duration.is_zero() || self.duration > DURATION_MAX {
            return Err(Mistake::new("a load lasts more than no time, and at most a year (365d)"));
        }
        if self.requests > REQUESTS_MAX {
            return Err(Mistake::new(format!("there may be at most {REQUESTS_MAX} requests")));
        }
        match &self.arrivals {
            Arrivals::Bursty(mean) if !(1.0..=BURST_MAX).contains(mean) => {
                Err(Mistake::new(format!("a burst is of 1 to {BURST_MAX} requests")))
            }
            Arrivals::Replay(requests) if !requests.is_sorted_by_key(|request| request.at) => {
                Err(Mistake::new("the requests to replay are not in the order of time"))
            }
            _ => Ok(()),
        }
    }
}

impl Default for Load {
    fn default() -> Self {
        Self {
            arrivals: Arrivals::Poisson,
            rps: 300.0,
            duration: Duration::from_secs(30),
            requests: REQUESTS_MAX,
        }
    }
}

impl FromStr for Arrivals {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        match text.split_once(':') {
            None if text == "poisson" => Ok(Self::Poisson),
            None if text == "constant" => Ok(Self::Constant),
            Some(("bursty", mean)) => units::number(mean)
                .ok()
                .filter(|mean| (1.0..=BURST_MAX).contains(mean))
                .map(Self::Bursty)
                .ok_or_else(|| Mistake::new(format!("a burst is of 1 to {BURST_MAX} requests")))
                .map_err(|problem| problem.within(text, "bursty:10")),
            _ => {
                Err(Mistake::new("arrivals are poisson, constant or bursty")
                    .within(text, "bursty:10"))
            }
        }
    }
}

impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Poisson => f.write_str("poisson"),
            Self::Constant => f.write_str("constant"),
            Self::Bursty(mean) => write!(f, "bursty:{mean}"),
            Self::Replay(requests) => write!(f, "a replay of {} requests", requests.len()),
        }
    }
}

impl LoadStream {
    /// The arrivals of `scenario`, whose events are in `rates`.
    pub(crate) fn new(scenario: &Scenario, rates: RateCurve) -> Self {
        let mut seeds = Rng::with_seed(scenario.seed);
        let load = &scenario.load;
        let (spacing, who, service, luck) =
            (seeds.fork(), seeds.fork(), seeds.fork(), seeds.fork());
        let source = match &load.arrivals {
            Arrivals::Replay(requests) => Source::Replayed {
                requests: Arc::clone(requests),
                next: 0,
                clients: HashMap::new(),
            },
            arrivals => Source::Drawn(Drawn {
                arrivals: arrivals.clone(),
                rates,
                keys: KeyStream::new(scenario.keys),
                now: Time::START,
                group: 0,
                spacing,
                who,
            }),
        };
        Self {
            source,
            left: load.requests,
            end: Time::START.after(load.duration),
            work: scenario.work,
            balancers: scenario.balancers,
            service,
            luck,
        }
    }

    /// The next arrival; `None` when there are no more.
    pub(crate) fn next(&mut self) -> Option<Arrival> {
        self.left = self.left.checked_sub(1)?;
        let (at, client, key) = self.source.next()?;
        (at < self.end).then(|| Arrival {
            at,
            client,
            key,
            work: self.work.draw(&mut self.service),
            luck: self.luck.u64(..),
            replica: self.luck.u32(0..self.balancers),
        })
    }
}

impl Source {
    fn next(&mut self) -> Option<(Time, u32, u64)> {
        match self {
            Self::Drawn(drawn) => {
                let at = drawn.next()?;
                let client = drawn.keys.draw(&mut drawn.who);
                Some((at, client, mix(u64::from(client))))
            }
            Self::Replayed { requests, next, clients } => {
                let request = requests.get(*next)?;
                *next += 1;
                let fresh = u32::try_from(clients.len()).unwrap_or(u32::MAX);
                Some((request.at, *clients.entry(request.key).or_insert(fresh), request.key))
            }
        }
    }
}

impl Drawn {
    /// When the next one comes; `None` when nobody comes any more.
    fn next(&mut self) -> Option<Time> {
        if self.group > 0 {
            self.group -= 1;
            return Some(self.now);
        }
        let gap = match self.arrivals {
            Arrivals::Bursty(mean) => {
                self.group = others_of_group(mean, &mut self.spacing);
                exponential(&mut self.spacing) * mean
            }
            Arrivals::Constant => 1.0,
            Arrivals::Poisson | Arrivals::Replay(_) => exponential(&mut self.spacing),
        };
        self.now = self.rates.after(self.now, gap)?;
        Some(self.now)
    }
}

/// How many come with the first of a group, so that groups are of `mean` on average: a geometric draw.
fn others_of_group(mean: f64, random: &mut Rng) -> u64 {
    let again = 1.0 - 1.0 / mean;
    if again <= 0.0 {
        return 0;
    }
    // A float that is too large becomes the largest integer, and none is negative or not a number here.
    (-exponential(random) / again.ln()) as u64
}

/// How many requests a run may have; a bound on how long it takes.
pub const REQUESTS_MAX: u64 = 1_000_000_000;

/// How many requests a second a load may have.
pub(crate) const RATE_MAX: f64 = 1e9;

/// How many requests may come at once, on average.
const BURST_MAX: f64 = 1e6;

#[cfg(test)]
mod tests;
