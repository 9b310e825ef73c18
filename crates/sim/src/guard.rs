//! What one balancer makes of failures: outlier detection, breakers and the budget of retries, as the plan has them. Part of
//! a `replica`, which does what comes of it to the vitals.

use std::time::Duration;

use evenkeel_plan::breaker::{self, Breaker, Permit, Phase};
use evenkeel_plan::budget::Budget;
use evenkeel_plan::outlier::{self, Observed, Record, State, Verdict, Waiting};
use evenkeel_plan::quantile::Quantiles;
use evenkeel_plan::retry::{self, Course, Decision};
use evenkeel_plan::time::Time;

use crate::resilience::Resilience;

/// What one balancer makes of failures. Endpoints go by their position in its roster.
#[derive(Debug)]
pub(crate) struct Guard {
    rules: Resilience,
    budget: Budget,
    /// One for each endpoint, as is the next.
    records: Vec<Record>,
    watches: Vec<Watch>,
}

/// What is kept of an endpoint besides its record.
#[derive(Debug, Default)]
struct Watch {
    breaker: Breaker,
    /// When it last said anything.
    heard: Time,
    latency: Quantiles,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    /// Whether by the endpoint's fault.
    pub(crate) failed: bool,
    /// Whether it said anything.
    pub(crate) spoke: bool,
    pub(crate) took: Duration,
}

impl Guard {
    pub(crate) fn new(rules: Resilience) -> Self {
        Self { rules, budget: Budget::default(), records: Vec::new(), watches: Vec::new() }
    }

    /// From now on the roster is another: each endpoint was at the given position, or is new.
    pub(crate) fn enroll(&mut self, before: &[Option<usize>]) {
        let mut watches: Vec<Option<Watch>> = self.watches.drain(..).map(Some).collect();
        let mut watch = |before: &Option<usize>| watches.get_mut((*before)?)?.take();
        self.watches = before.iter().map(|before| watch(before).unwrap_or_default()).collect();
        let record = |before: &Option<usize>| self.records.get((*before)?).copied();
        self.records = before.iter().map(|before| record(before).unwrap_or_default()).collect();
    }

    /// Whether an attempt may go to the endpoint, and the permit that has to come back.
    pub(crate) fn ask(&self, position: usize, now: Time) -> Result<Option<Permit>, Barred> {
        let Some(settings) = &self.rules.breaker else { return Ok(None) };
        self.watches[position].breaker.ask(now, settings).map(Some).ok_or(Barred)
    }

    /// An attempt has ended. Says until when the endpoint is to get nothing, if its breaker opens.
    pub(crate) fn observe(
        &mut self,
        position: usize,
        ending: Ending,
        permit: Option<Permit>,
        now: Time,
    ) -> Option<Time> {
        let watch = &mut self.watches[position];
        if ending.spoke {
            watch.heard = now;
        }
        if let Some(settings) = &self.rules.outlier {
            let observed = if ending.failed { Observed::FAILED } else { Observed::ANSWERED };
            self.records[position].observe(observed, now, settings);
            if settings.stall.is_some() && !ending.failed {
                watch.latency.observe(ending.took, now);
            }
        }
        let (settings, permit) = (self.rules.breaker.as_ref()?, permit?);
        let outcome = breaker::Outcome { failed: ending.failed, took: ending.took };
        match watch.breaker.report(permit, outcome, now, settings)?.phase() {
            Phase::Open { until } => Some(until),
            Phase::Closed | Phase::HalfOpen { .. } => None,
        }
    }

    /// An attempt has ended in a way that says nothing about the endpoint.
    pub(crate) fn abandon(&self, position: usize, permit: Option<Permit>, now: Time) {
        if let (Some(settings), Some(permit)) = (&self.rules.breaker, permit) {
            self.watches[position].breaker.abandon(permit, now, settings);
        }
    }

    /// A request has come.
    pub(crate) fn earn(&self, now: Time) {
        if self.rules.retry.is_some() {
            self.budget.earn(1, now);
        }
    }

    /// After how long the request may go elsewhere; `None` if it may not.
    pub(crate) fn decide(&self, course: &Course, now: Time, random: u64) -> Option<Duration> {
        let Some(policy) = &self.rules.retry else {
            return (course.failure == retry::Failure::Refused).then_some(Duration::ZERO);
        };
        match retry::decide(policy, course, &self.budget, now, random) {
            Decision::Again { after } => Some(after),
            Decision::No(_) => None,
        }
    }

    /// Looks for outliers, given how many attempts each endpoint has.
    pub(crate) fn sweep(&mut self, in_flight: &[u32], now: Time) -> Vec<(usize, Verdict)> {
        let mut verdicts = Vec::new();
        let Some(settings) = &self.rules.outlier else { return verdicts };
        let longest = self.watches.iter().filter_map(|watch| watch.latency.longest(now)).max();
        let watched = self.records.iter_mut().zip(&self.watches).zip(in_flight);
        for ((record, watch), &attempts) in watched {
            let own = watch.latency.usual(now);
            let (p99, is_usual_known) = (own.or(longest), own.is_some());
            record.observe_waiting(
                Waiting { attempts, heard: watch.heard, p99, is_usual_known },
                now,
            );
        }
        outlier::sweep(&mut self.records, now, settings, &mut verdicts);
        verdicts
    }

    /// For how long an endpoint gets nothing after each trial, if it is suspected to stall.
    pub(crate) fn suspicion(&self, position: usize) -> Option<Duration> {
        let is_suspect = matches!(self.records[position].state(), State::Suspect { .. });
        self.rules.outlier?.stall.filter(|_| is_suspect)
    }
}

/// The endpoint's breaker says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Barred;
