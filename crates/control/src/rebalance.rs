//! Long-lived streams move to endpoints that joined later, where a cluster says so: looks a few times a second, and tells the workers through the
//! endpoints' vitals. Spawned by `start`. One for all workers, so that the pace is that of the process.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_plan::breaker::Phase;
use evenkeel_plan::endpoint::Life;
use evenkeel_plan::rebalance::{Move, Mover, News, Settings, Stand};
use evenkeel_plan::time::Time;
use evenkeel_plan::{Cluster, Endpoint, Plan};
use fastrand::Rng;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::events::{EventKind, EventLevel, Events};

/// What moves in all clusters.
#[derive(Debug)]
pub(crate) struct Rebalance {
    events: Arc<Events>,
    /// When time began for the workers.
    started: Instant,
    random: Rng,
    /// By the names of the clusters that say so.
    moving: HashMap<Box<str>, Moving>,
}

/// What moves in one cluster.
#[derive(Debug, Default)]
struct Moving {
    mover: Mover,
    /// Whose streams the workers were told to move at the last look, and how many.
    told: Vec<(Arc<Life>, u32)>,
}

impl Rebalance {
    /// Nothing moves yet. Time began when the workers `started`.
    pub(crate) fn new(events: Arc<Events>, started: std::time::Instant) -> Self {
        let (started, random) = (Instant::from_std(started), Rng::new());
        Self { events, started, random, moving: HashMap::new() }
    }

    /// Looks for as long as somebody may publish a plan.
    pub(crate) async fn run(mut self, mut plans: watch::Receiver<Arc<Plan>>) {
        loop {
            let plan = Arc::clone(&plans.borrow_and_update());
            let nanos = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.look(&plan, Time::from_nanos(nanos));
            if self.moving.is_empty() {
                if plans.changed().await.is_err() {
                    return;
                }
                continue;
            }
            sleep(LOOK_INTERVAL).await;
            if plans.has_changed().is_err() {
                return;
            }
        }
    }

    fn look(&mut self, plan: &Plan, now: Time) {
        let mut before = std::mem::take(&mut self.moving);
        for cluster in &plan.clusters {
            let Some(settings) = &cluster.rebalance else { continue };
            let mut moving = before.remove(&cluster.name).unwrap_or_default();
            if let Some(news) = moving.look(cluster, settings, (now, &mut self.random)) {
                self.tell(&cluster.name, news);
            }
            self.moving.insert(cluster.name.clone(), moving);
        }
        before.into_values().for_each(|mut moving| {
            moving.withdraw();
        });
    }

    fn tell(&self, cluster: &str, news: News) {
        let text = match news {
            News::Begun => {
                tracing::info!(cluster, "long-lived streams move to endpoints that joined later");
                "long-lived streams move to endpoints that joined later".to_owned()
            }
            News::Done { moved } => {
                tracing::info!(cluster, moved, "no more long-lived streams are asked to move");
                format!("{moved} long-lived streams were asked to move; no more are")
            }
        };
        self.events.note_about(EventLevel::Info, EventKind::Cluster, Some((cluster, None)), text);
    }
}

impl Moving {
    fn look(
        &mut self,
        cluster: &Cluster,
        settings: &Settings,
        (now, random): (Time, &mut Rng),
    ) -> Option<News> {
        let done = self.withdraw();
        let stands = stands(cluster, settings, now);
        let (moves, news) = self.mover.look(settings, &stands, done, (now, random));
        self.want(cluster, settings, &moves);
        news
    }

    /// What nobody has taken upon itself until now is decided anew. Returns how many were moved.
    fn withdraw(&mut self) -> u32 {
        let told = self.told.drain(..);
        told.map(|(life, count)| count.saturating_sub(life.vitals.stays.withdraw())).sum()
    }

    fn want(&mut self, cluster: &Cluster, settings: &Settings, moves: &[Move]) {
        for (position, endpoint) in cluster.endpoints.iter().enumerate() {
            let mut here = moves.iter().filter(|it| it.position == position).peekable();
            let Some(&&Move { before, .. }) = here.peek() else { continue };
            let count = u32::try_from(here.count()).unwrap_or(u32::MAX);
            endpoint.life.vitals.stays.want(count, before, settings.kinds);
            self.told.push((Arc::clone(&endpoint.life), count));
        }
    }
}

/// How the endpoints stand. Nobody does where clients would come back to where they were, and where it is not known which of them could go
/// elsewhere, as routes choose by labels.
fn stands(cluster: &Cluster, settings: &Settings, now: Time) -> Vec<Stand> {
    let Cluster { balancer, endpoints, subsets, .. } = cluster;
    if balancer.goes_by_requests() || !subsets.is_empty() {
        return Vec::new();
    }
    let shares = balancer.shares(endpoints, now).unwrap_or_default();
    let stand = |(endpoint, (weight, warmth)): (&Endpoint, (f64, f64))| {
        let vitals = &endpoint.life.vitals;
        let is_well = endpoint.is_well(now);
        let is_broken =
            cluster.resilience.breaker.is_some() && vitals.breaker.state().phase() != Phase::Closed;
        Stand {
            weight,
            warmth,
            held: vitals.stays.held(settings.kinds),
            is_spare: weight == 0.0 && is_well && endpoint.is_in_service(),
            has_room: weight > 0.0 && is_well && !is_broken && vitals.places() > 0,
            joined: vitals.joined(now, weight > 0.0 && is_well),
        }
    };
    endpoints.iter().zip(shares).map(stand).collect()
}

/// How often somebody looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use evenkeel_plan::balance::{Algorithm, Balancing};
    use evenkeel_plan::rebalance::Kind;

    use super::*;

    fn at(seconds: u64) -> Time {
        Time::START.after(Duration::from_secs(seconds))
    }

    /// Two endpoints, of which the first was there before us and has 40 WebSockets.
    fn cluster(balancing: Balancing) -> Cluster {
        let vitals = Arc::default();
        let endpoint = |number: u8| {
            let life = Life::new(1, &vitals);
            if number == 1 {
                life.vitals.presume_fit();
                (0..40).for_each(|_| life.vitals.stays.enter(Kind::WebSocket));
            }
            let address = ([10, 0, 0, number], 80).into();
            Endpoint::new(&format!("10.0.0.{number}:80"), Some(address), life)
        };
        let settings = Settings { min_age: Duration::ZERO, ..Settings::default() };
        Cluster {
            rebalance: Some(settings),
            ..Cluster::new("chat", balancing, vec![endpoint(1), endpoint(2)])
        }
    }

    fn plan(cluster: Cluster) -> Plan {
        Plan { clusters: vec![Arc::new(cluster)], ..Plan::default() }
    }

    fn rebalance() -> Rebalance {
        Rebalance::new(Arc::default(), std::time::Instant::now())
    }

    #[test]
    fn the_workers_are_told_and_what_none_of_them_does_is_taken_back() {
        let plan = plan(cluster(Balancing::default()));
        let stays = |number: usize| &plan.clusters[0].endpoints[number].life.vitals.stays;
        let mut rebalance = rebalance();
        rebalance.look(&plan, at(10));
        assert!(stays(0).wanted().is_some_and(|(before, _)| before == at(10)));
        assert!(stays(1).wanted().is_none());
        rebalance.look(&plan, at(10));
        assert!(stays(0).wanted().is_none(), "it is not time for the next one");
        rebalance.look(&plan, at(20));
        assert!(stays(0).take());
        stays(0).leave(Kind::WebSocket);
        rebalance.look(&plan, at(20));
        let said = rebalance.events.since(0);
        assert!(said.iter().any(|event| event.text.contains("move to endpoints")), "{said:?}");
    }

    #[test]
    fn nobody_is_told_anything_more_when_the_option_is_off() {
        let mut plan = plan(cluster(Balancing::default()));
        let mut rebalance = rebalance();
        rebalance.look(&plan, at(10));
        let life = Arc::clone(&plan.clusters[0].endpoints[0].life);
        Arc::get_mut(&mut plan.clusters[0]).unwrap().rebalance = None;
        rebalance.look(&plan, at(11));
        assert!(life.vitals.stays.wanted().is_none() && rebalance.moving.is_empty());
    }

    #[test]
    fn nothing_moves_where_clients_come_back_to_where_they_were() {
        let balancing = Balancing { algorithm: Algorithm::Rendezvous, ..Balancing::default() };
        let plan = plan(cluster(balancing));
        let mut rebalance = rebalance();
        rebalance.look(&plan, at(10));
        assert!(plan.clusters[0].endpoints[0].life.vitals.stays.wanted().is_none());
    }
}
