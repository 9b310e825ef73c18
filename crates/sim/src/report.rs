//! What came of a scenario under one algorithm. Made by [`run`](crate::run).

use std::time::Duration;

use evenkeel_plan::balance::Algorithm;
use evenkeel_plan::time::Time;

use crate::event::Event;

/// What came of a scenario under one algorithm. Every request is either answered or in one of the errors.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// What chose.
    pub algorithm: Algorithm,
    /// How many requests arrived.
    pub requests: u64,
    /// How many of them were answered well.
    pub answered: u64,
    /// Those that were not.
    pub errors: Errors,
    /// Attempts beyond the first of each request, those after a refused connection among them.
    pub retries: u64,
    /// From arrival to answer. What timed out counts with the time that the client waited; other errors do not count, as a
    /// fast error is no fast answer. `None` when there was nothing.
    pub latency: Option<Latency>,
    /// How faithful keys were to their endpoints.
    pub keys: KeysReport,
    /// Requests that had arrived and were not finished.
    pub in_flight: InFlight,
    /// The share of all slots of the present endpoints that worked, while requests arrived; `None` where slots have no bound.
    pub utilisation: Option<f64>,
    /// When the last request was finished.
    pub end: Time,
    /// Each endpoint: those of the scenario in its order, then those that events added.
    pub endpoints: Vec<EndpointReport>,
    /// What events made endpoints bad, and how well they were avoided, in the order of the events.
    pub afflictions: Vec<AfflictionReport>,
    /// How all this went over time.
    pub series: Series,
}

/// Requests that were not answered well, by what befell their last attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Errors {
    /// Every endpoint that could be tried refused the connection.
    pub refused: u64,
    /// The endpoint died while it had the request, or stalled and no other could be tried.
    pub lost: u64,
    /// The client gave up.
    pub timed_out: u64,
    /// The answer was an error.
    pub answered: u64,
    /// No endpoint could be used at all.
    pub no_endpoint: u64,
    /// The endpoint's queue was full.
    pub queue_full: u64,
    /// No endpoint had room for it, and as many waited for that as may.
    pub overloaded: u64,
    /// It waited for room at an endpoint for as long as it may.
    pub pending_timeout: u64,
}

impl Errors {
    /// All of them.
    pub fn total(&self) -> u64 {
        let Self { refused, lost, timed_out, answered, no_endpoint, queue_full, .. } = self;
        refused + lost + timed_out + answered + no_endpoint + queue_full + self.shed()
    }

    /// Those that the balancer refused because there was too much to do.
    pub fn shed(&self) -> u64 {
        self.overloaded + self.pending_timeout
    }
}

/// How latency was spread. Percentiles are nearest ranks and off by at most 0.1 % (1.6 % in an [`EndpointReport`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// Exact.
    pub mean: Duration,
    /// Half were no slower.
    pub p50: Duration,
    /// 90 in 100 were no slower.
    pub p90: Duration,
    /// 99 in 100 were no slower.
    pub p99: Duration,
    /// 999 in 1000 were no slower.
    pub p999: Duration,
    /// The slowest, exact.
    pub max: Duration,
}

/// How faithful keys were to their endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeysReport {
    /// Requests of a key that some endpoint had taken before.
    pub returned: u64,
    /// Those of them that another endpoint took than the last of that key.
    pub moved: u64,
    /// Requests whose key was remembered by the endpoint that began to work on them; 0 without a cache.
    pub cache_hits: u64,
    /// Those whose key was not.
    pub cache_misses: u64,
}

impl KeysReport {
    /// The share of returned keys that moved; 0 when none returned.
    pub fn moved_share(&self) -> f64 {
        self.moved as f64 / self.returned.max(1) as f64
    }
}

/// Requests that had arrived and were not finished.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct InFlight {
    /// The most at once.
    pub peak: u64,
    /// On average while requests arrived.
    pub mean: f64,
}

/// One endpoint's part.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointReport {
    /// As the scenario names it.
    pub name: String,
    /// How often it was chosen.
    pub attempts: u64,
    /// The share of all choices, 0 to 1.
    pub share: f64,
    /// How many requests it answered well.
    pub answered: u64,
    /// Attempts that failed at it, for whatever reason.
    pub failures: u64,
    /// How often outlier detection ejected it, over all balancers.
    pub ejections: u64,
    /// From arrival to answer, of the requests that it answered well; `None` for none.
    pub latency: Option<Latency>,
    /// The most requests that it had at once, waiting ones included.
    pub peak_in_flight: u32,
    /// The share of its slots that worked while it was in the cluster and requests arrived; `None` where slots have no bound.
    pub utilisation: Option<f64>,
}

/// How an affliction went: whether the algorithm, with the checks, noticed.
#[derive(Clone, Debug, PartialEq)]
pub struct AfflictionReport {
    /// What happened.
    pub event: Event,
    /// The share of choices that the afflicted had before, over at most ten seconds; by weight if nothing came before.
    pub share_before: f64,
    /// The share that they had meanwhile.
    pub share_during: f64,
    /// How long after its begin the afflicted began to get less than half of their share before, in every window up to its
    /// end. `None` if they never did. A window is a second, or as long as a hundred requests take if that is longer.
    pub noticed: Option<Duration>,
    /// How long after its end they began to have four fifths of their share before again, over one window. `None` if they
    /// never did, or if it did not end while requests arrived.
    pub recovered: Option<Duration>,
}

/// How it went over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// How long each point is.
    pub step: Duration,
    /// One after the other, from the start to the end of the arrivals.
    pub points: Vec<Point>,
}

/// What became of the requests that arrived within one step, and how things stood at its end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Point {
    /// How many arrived.
    pub requests: u64,
    /// How many of them were not answered well.
    pub errors: u64,
    /// Of those that count for [`Report::latency`], as are the next two; `None` when there were none.
    pub mean: Option<Duration>,
    /// Off by at most 1.6 %, as is the next.
    pub p50: Option<Duration>,
    /// 99 in 100 were no slower.
    pub p99: Option<Duration>,
    /// How often each endpoint was chosen within the step, in the order of [`Report::endpoints`].
    pub attempts: Vec<u32>,
    /// In flight at the end of the step.
    pub in_flight: u64,
    /// How many of those waited, for a slot or for room at an endpoint.
    pub waiting: u64,
}

impl Report {
    /// The share of requests that were not answered well; 0 when there were none.
    pub fn error_share(&self) -> f64 {
        self.errors.total() as f64 / self.requests.max(1) as f64
    }
}
