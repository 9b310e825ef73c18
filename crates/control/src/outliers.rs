//! Outlier detection: looks at all endpoints a few times a second, for those that do worse than they should, and for breakers that have
//! moved. Spawned by `start`. Like the checks, it writes vitals, the journal and the events, and never publishes a plan.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use evenkeel_plan::limits::OUTLIER_LOOK_INTERVAL;
use evenkeel_plan::time::Time;
use evenkeel_plan::{Cluster, Plan};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

mod news;
mod ward;

use news::News;
use ward::Ward;

use crate::conductor::Knowledge;
use crate::events::{EventKind, EventLevel, Events};
use crate::journal::{Barring, Change, EndpointKey, Journal, Transition};

/// What is known about the endpoints of each cluster.
#[derive(Debug)]
pub(crate) struct Outliers {
    journal: Arc<Journal>,
    events: Arc<Events>,
    /// When time began for the workers.
    started: Instant,
    /// By the names of the clusters.
    wards: HashMap<Box<str>, Ward>,
}

impl Outliers {
    /// Nothing is known yet. Time began when the workers `started`.
    pub(crate) fn new(knowledge: &Knowledge, started: std::time::Instant) -> Self {
        Self {
            journal: Arc::clone(&knowledge.journal),
            events: Arc::clone(&knowledge.events),
            started: Instant::from_std(started),
            wards: HashMap::new(),
        }
    }

    /// Looks for as long as somebody may publish a plan.
    pub(crate) async fn run(mut self, mut plans: watch::Receiver<Arc<Plan>>) {
        let mut looks = interval(OUTLIER_LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before = self.now();
        while plans.has_changed().is_ok() {
            looks.tick().await;
            let (plan, now) = (Arc::clone(&plans.borrow_and_update()), self.now());
            // Who slept for so long, as a frozen process does, has not seen what was answered in the meantime.
            let overslept = now.since(before) >= OVERSLEPT;
            before = now;
            self.look(&plan, now, overslept);
        }
    }

    fn look(&mut self, plan: &Plan, now: Time, overslept: bool) {
        let mut wards = std::mem::take(&mut self.wards);
        for cluster in &plan.clusters {
            let mut ward = wards.remove(&cluster.name).unwrap_or_default();
            let ended = ward.follow(cluster);
            if overslept {
                ward.forget_silences();
            }
            for (position, news) in ended.into_iter().chain(ward.look(now)) {
                self.tell(cluster, position, news, now);
            }
            if ward.has_suspects_waited_for() {
                plan.alarm.raise();
            }
            self.wards.insert(cluster.name.clone(), ward);
        }
    }

    /// Writes it down, and says it in the log and to whoever looks at the events.
    fn tell(&self, cluster: &Cluster, position: usize, news: News, now: Time) {
        let Some(endpoint) = cluster.endpoints.get(position) else { return };
        let (cluster, endpoint) = (&*cluster.name, &*endpoint.name);
        let text = news.text(now);
        let (to, headline) = (news.word(), news.headline());
        let level = if news.is_bad() {
            tracing::warn!(cluster, endpoint, to, reason = text, "{headline}");
            EventLevel::Warn
        } else {
            tracing::info!(cluster, endpoint, to, reason = text, "{headline}");
            EventLevel::Info
        };
        let about = Some((cluster, Some(endpoint)));
        self.events.note_about(level, EventKind::Endpoint, about, text.clone());
        if matches!(news, News::Limit(_)) {
            return;
        }
        let barring = Barring {
            by_breaker: matches!(news, News::Breaker(_)),
            bar: news.bar(),
            change: Change { reason: text, at: SystemTime::now() },
            transition: Transition { to: news.word(), reason: news.kind() },
        };
        self.journal.barred(&EndpointKey::new(cluster, endpoint), barring);
    }

    fn now(&self) -> Time {
        let nanos = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Time::from_nanos(nanos)
    }
}

/// So long a pause between two looks means that we were not running: it is four times what it should be.
const OVERSLEPT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
