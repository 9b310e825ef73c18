//! The endpoints of one cluster, as they are watched for outliers: what was counted of each when somebody last looked, and what the rules
//! make of it. Does to the vitals what they say. Time is an argument. Owned by `outliers`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_plan::Cluster;
use evenkeel_plan::breaker::Phase;
use evenkeel_plan::counters::{Counter, DURATION_BOUNDS, HistogramSum};
use evenkeel_plan::endpoint::{EndpointCounters, Life};
use evenkeel_plan::outlier::{self, Observed, Record, State, Verdict, Waiting};
use evenkeel_plan::overload::{Adapts, Pacer};
use evenkeel_plan::quantile::Quantiles;
use evenkeel_plan::time::Time;

use super::news::News;

/// All endpoints of a cluster.
#[derive(Debug, Default)]
pub(super) struct Ward {
    cluster: Option<Arc<Cluster>>,
    /// One for each endpoint, in its order, as is the next.
    records: Vec<Record>,
    watches: Vec<Watch>,
    verdicts: Vec<(usize, Verdict)>,
}

/// What is known about one endpoint beside its record.
#[derive(Debug)]
struct Watch {
    life: Arc<Life>,
    counted: Counted,
    /// When it last said anything.
    heard: Time,
    latency: Quantiles,
    /// How many answers fell into each bucket.
    buckets: [u64; DURATION_BOUNDS.len() + 1],
    pacer: Pacer,
    breaker: Phase,
}

/// Sums over all workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counted {
    /// Answers of any kind.
    answers: u64,
    /// Answers that say that the endpoint failed.
    faults: u64,
    /// Attempts that failed otherwise.
    failures: u64,
    /// Parts of answers, after their heads.
    pieces: u64,
}

// === impl Ward ===

impl Ward {
    /// From now on it is about `cluster`, which may have changed: who stays keeps what is known of it. Returns what has ended because
    /// the rule is gone that had begun it, by position.
    pub(super) fn follow(&mut self, cluster: &Arc<Cluster>) -> Vec<(usize, News)> {
        if self.cluster.as_ref().is_some_and(|before| Arc::ptr_eq(before, cluster)) {
            return Vec::new();
        }
        let before = self.watches.drain(..).zip(self.records.drain(..));
        let mut before: HashMap<*const Life, (Watch, Record)> =
            before.map(|known| (Arc::as_ptr(&known.0.life), known)).collect();
        for endpoint in &cluster.endpoints {
            let known = before.remove(&Arc::as_ptr(&endpoint.life));
            let (watch, record) =
                known.unwrap_or_else(|| (Watch::new(&endpoint.life), Record::default()));
            self.watches.push(watch);
            self.records.push(record);
        }
        self.cluster = Some(Arc::clone(cluster));
        self.end_what_has_no_rule(cluster)
    }

    fn end_what_has_no_rule(&mut self, cluster: &Cluster) -> Vec<(usize, News)> {
        let mut news = Vec::new();
        if cluster.resilience.outlier.is_none() {
            for (position, (record, watch)) in
                self.records.iter_mut().zip(&self.watches).enumerate()
            {
                let state = std::mem::take(record).state();
                if state != State::Well {
                    watch.life.vitals.clear();
                    let is_ejected = matches!(state, State::Ejected { .. });
                    let verdict = if is_ejected { Verdict::Readmit } else { Verdict::Clear };
                    news.push((position, News::Verdict(verdict)));
                }
            }
        }
        if cluster.resilience.breaker.is_none() {
            for (position, watch) in self.watches.iter_mut().enumerate() {
                if std::mem::replace(&mut watch.breaker, Phase::Closed) != Phase::Closed {
                    // What outlier detection says of it still holds.
                    if self.records[position].state() == State::Well {
                        watch.life.vitals.clear();
                    }
                    news.push((position, News::Breaker(Phase::Closed)));
                }
            }
        }
        news
    }

    /// Nobody has been silent so far: we were not there to hear.
    pub(super) fn forget_silences(&mut self) {
        self.records.iter_mut().for_each(Record::forget_silence);
    }

    /// Whether somebody waits for an endpoint that is suspected to stall.
    pub(super) fn has_suspects_waited_for(&self) -> bool {
        let mut vitals = self.watches.iter().map(|watch| &watch.life.vitals);
        vitals.any(|vitals| vitals.suspicion().is_some() && vitals.waiting() > 0)
    }

    /// Takes what was counted since the last look, and does to the vitals what the rules say. Returns the news, by position.
    pub(super) fn look(&mut self, now: Time) -> Vec<(usize, News)> {
        let Some(cluster) = self.cluster.clone() else { return Vec::new() };
        let mut news = Vec::new();
        if let Some(settings) = &cluster.resilience.outlier {
            self.observe(now, settings);
            outlier::sweep(&mut self.records, now, settings, &mut self.verdicts);
            for (position, verdict) in self.verdicts.drain(..) {
                carry_out(verdict, &self.watches[position].life, now, settings);
                news.push((position, News::Verdict(verdict)));
            }
        }
        if cluster.resilience.breaker.is_some() {
            let moved = self.watches.iter_mut().enumerate().filter_map(|(position, watch)| {
                Some((position, News::Breaker(watch.breaker_moved()?)))
            });
            news.extend(moved);
        }
        let adapts = cluster.limits.adaptive;
        let paced = self.watches.iter_mut().enumerate().filter_map(|(position, watch)| {
            let news = watch.set_pace(adapts, now)?;
            Some((position, news))
        });
        news.extend(paced);
        self.call_those_who_wait(&cluster, now);
        news
    }

    /// Who waits for room is called when an attempt ends. That an endpoint can be used again, or cannot any more, ends none.
    fn call_those_who_wait(&self, cluster: &Cluster, now: Time) {
        for (watch, endpoint) in self.watches.iter().zip(&cluster.endpoints) {
            let vitals = &watch.life.vitals;
            if endpoint.is_well(now) {
                vitals.call(vitals.places());
            } else {
                vitals.room.call_all();
            }
        }
    }

    fn observe(&mut self, now: Time, settings: &outlier::Settings) {
        for (watch, record) in self.watches.iter_mut().zip(&mut self.records) {
            if let Some(observed) = watch.count(now) {
                record.observe(observed, now, settings);
            }
        }
        if settings.stall.is_none() {
            return;
        }
        // Where an endpoint's own figure is not known yet, those of all are a guess: jobs that take minutes are no silence.
        let longest = self.watches.iter().filter_map(|watch| watch.latency.longest(now)).max();
        for (watch, record) in self.watches.iter().zip(&mut self.records) {
            let own = watch.latency.usual(now);
            let waiting = Waiting {
                attempts: watch.life.vitals.waiting(),
                heard: watch.heard,
                p99: own.or(longest),
                is_usual_known: own.is_some(),
            };
            record.observe_waiting(waiting, now);
        }
    }
}

fn carry_out(verdict: Verdict, life: &Life, now: Time, settings: &outlier::Settings) {
    match verdict {
        Verdict::Eject { until, .. } => life.vitals.eject(now, until),
        Verdict::Readmit => life.vitals.readmit(),
        Verdict::Suspect { .. } => life.vitals.suspect(now, settings.stall.unwrap_or_default()),
        Verdict::Clear => life.vitals.clear(),
    }
}

// === impl Watch ===

impl Watch {
    fn new(life: &Arc<Life>) -> Self {
        Self {
            life: Arc::clone(life),
            counted: Counted::of(life),
            heard: Time::START,
            latency: Quantiles::default(),
            buckets: buckets(life),
            pacer: Pacer::new(life),
            breaker: life.vitals.breaker.state().phase(),
        }
    }

    /// What attempts came to since the last look; `None` if nothing happened.
    fn count(&mut self, now: Time) -> Option<Observed> {
        let counted = Counted::of(&self.life);
        let before = std::mem::replace(&mut self.counted, counted);
        if counted == before {
            return None;
        }
        if (counted.answers, counted.pieces) != (before.answers, before.pieces) {
            self.heard = now;
            self.learn_latencies(now);
        }
        let news = |figure: fn(&Counted) -> u64| figure(&counted).wrapping_sub(figure(&before));
        let (faults, failures) = (news(|it| it.faults), news(|it| it.failures));
        let answered = news(|it| it.answers).saturating_sub(faults);
        let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let in_a_row = Some(self.life.vitals.failed_in_a_row());
        Some(Observed { answered: small(answered), failed: small(faults + failures), in_a_row })
    }

    fn learn_latencies(&mut self, now: Time) {
        let counts = buckets(&self.life);
        let before = std::mem::replace(&mut self.buckets, counts);
        let bounds = DURATION_BOUNDS.iter().map(|bound| bound.nanos).chain([BEYOND_NANOS]);
        for ((count, before), nanos) in counts.iter().zip(before).zip(bounds) {
            let news = u32::try_from(count.wrapping_sub(before)).unwrap_or(u32::MAX);
            if news > 0 {
                self.latency.observe_many(Duration::from_nanos(nanos), news, now);
            }
        }
    }

    /// Limits it to what it can do, if it has more to do than that. Returns the news if it is limited since the last look, or is no longer.
    fn set_pace(&mut self, adapts: Adapts, now: Time) -> Option<News> {
        let was_limited = self.pacer.limit().is_some();
        let limit = self.pacer.look(&self.life, adapts, now);
        let is_news = adapts != Adapts::Always && was_limited != limit.is_some();
        is_news.then_some(News::Limit(limit))
    }

    /// The phase of its breaker, if it is in another one than at the last look.
    fn breaker_moved(&mut self) -> Option<Phase> {
        let phase = self.life.vitals.breaker.state().phase();
        let before = std::mem::replace(&mut self.breaker, phase);
        (before.name() != phase.name()).then_some(phase)
    }
}

impl Counted {
    fn of(life: &Life) -> Self {
        let sum = |figure: fn(&EndpointCounters) -> u64| life.counters.sum(figure);
        Self {
            answers: sum(|shard| shard.responses.iter().map(Counter::count).sum()),
            faults: sum(|shard| shard.faults.count()),
            failures: sum(|shard| shard.failures.count()),
            pieces: sum(|shard| shard.pieces.count()),
        }
    }
}

fn buckets(life: &Life) -> [u64; DURATION_BOUNDS.len() + 1] {
    HistogramSum::of(life.counters.shards().map(|shard| &shard.first_byte)).counts
}

/// What an answer counts that took longer than the last bound: nobody knows how much.
const BEYOND_NANOS: u64 = 60_000_000_000;
