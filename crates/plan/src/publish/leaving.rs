//! Which endpoints leave: those that an operator drains, and those that are gone from the plan. What runs there has to end some time, and
//! hears of it through their vitals. Kept by the publisher.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::balance::Sticky;
use crate::endpoint::{Forced, Life};
use crate::{Cluster, Endpoint, Plan};

/// The endpoints that are gone from the plan, for as long as anybody still holds on to them.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    gone: Vec<Gone>,
}

#[derive(Debug)]
struct Gone {
    cluster: Box<str>,
    endpoint: Box<str>,
    life: Weak<Life>,
}

impl Leaving {
    /// `after` is in force in place of `before`. Returns whether anybody begins to leave by that, or stays after all.
    pub(super) fn follow(&mut self, before: &Plan, after: &Plan) -> bool {
        let unchanged: HashSet<*const Cluster> = before.clusters.iter().map(Arc::as_ptr).collect();
        let changed = after.clusters.iter().filter(|it| !unchanged.contains(&Arc::as_ptr(it)));
        let mut is_news = false;
        for (cluster, endpoint) in changed.flat_map(endpoints) {
            is_news |= endpoint.life.vitals.leave(leaves_within(cluster, endpoint, after.drain));
        }
        self.note_gone(before, after);
        is_news | self.follow_gone(after)
    }

    fn note_gone(&mut self, before: &Plan, after: &Plan) {
        let kept: HashSet<*const Cluster> = after.clusters.iter().map(Arc::as_ptr).collect();
        let lives = after.clusters.iter().flat_map(endpoints);
        let lives: HashSet<*const Life> =
            lives.map(|(_, endpoint)| Arc::as_ptr(&endpoint.life)).collect();
        let changed = before.clusters.iter().filter(|it| !kept.contains(&Arc::as_ptr(it)));
        let gone = changed
            .flat_map(endpoints)
            .filter(|(_, endpoint)| !lives.contains(&Arc::as_ptr(&endpoint.life)));
        self.gone.extend(gone.map(|(cluster, endpoint)| Gone {
            cluster: cluster.name.clone(),
            endpoint: endpoint.name.clone(),
            life: Arc::downgrade(&endpoint.life),
        }));
    }

    /// An endpoint that comes back has another life; what runs in the one before may then stay as if it had never been gone.
    fn follow_gone(&mut self, after: &Plan) -> bool {
        self.gone.retain(|gone| gone.life.strong_count() > 0);
        if self.gone.is_empty() {
            return false;
        }
        let present: HashMap<(&str, &str), (&Arc<Cluster>, &Endpoint)> = after
            .clusters
            .iter()
            .flat_map(endpoints)
            .map(|(cluster, endpoint)| ((&*cluster.name, &*endpoint.name), (cluster, endpoint)))
            .collect();
        let mut is_news = false;
        for Gone { cluster, endpoint, life } in &self.gone {
            let Some(life) = life.upgrade() else { continue };
            let within = match present.get(&(&**cluster, &**endpoint)) {
                Some((cluster, endpoint)) => leaves_within(cluster, endpoint, after.drain),
                None => Some(after.drain),
            };
            is_news |= life.vitals.leave(within);
        }
        is_news
    }
}

fn endpoints(cluster: &Arc<Cluster>) -> impl Iterator<Item = (&Arc<Cluster>, &Endpoint)> {
    cluster.endpoints.iter().map(move |endpoint| (cluster, endpoint))
}

/// For how long what runs at `endpoint` may go on; `None` if nobody drains it. The time begins when its sessions no longer stay there.
fn leaves_within(cluster: &Cluster, endpoint: &Endpoint, drain: Duration) -> Option<Duration> {
    let sessions = match &cluster.balancer.balancing().sticky {
        Some(Sticky::Cookie(cookie)) => cookie.drain,
        Some(Sticky::Key(_)) | None => Duration::ZERO,
    };
    (endpoint.forced == Some(Forced::Drain)).then(|| drain.saturating_add(sessions))
}

#[cfg(test)]
mod tests {
    use super::super::Publisher;
    use super::*;
    use crate::alarm::Alarm;
    use crate::balance::{Balancing, SessionCookie};
    use crate::vitals::Standing;

    const DRAIN: Duration = Duration::from_secs(30);

    /// A cluster "api" of these endpoints.
    fn plan(alarm: &Alarm, endpoints: &[(&str, &Arc<Life>, Option<Forced>)]) -> Plan {
        plan_of(alarm, Balancing::default(), endpoints)
    }

    fn plan_of(
        alarm: &Alarm,
        balancing: Balancing,
        endpoints: &[(&str, &Arc<Life>, Option<Forced>)],
    ) -> Plan {
        let endpoint = |&(name, life, forced): &(&str, &Arc<Life>, Option<Forced>)| Endpoint {
            forced,
            ..Endpoint::new(name, Some(([10, 0, 0, 1], 80).into()), Arc::clone(life))
        };
        let endpoints = endpoints.iter().map(endpoint).collect();
        let cluster = Cluster::new("api", balancing, endpoints);
        let (clusters, alarm) = (vec![Arc::new(cluster)], alarm.clone());
        Plan { clusters, drain: DRAIN, alarm, ..Plan::default() }
    }

    fn life() -> Arc<Life> {
        Life::new(1, &Arc::default())
    }

    #[test]
    fn whoever_is_drained_or_gone_leaves_and_stays_when_that_is_taken_back() {
        let (alarm, mut publisher) = (Alarm::default(), Publisher::default());
        let (one, two, new) = (life(), life(), life());
        let states = [
            // What is published, whether each leaves, and how often that was news until then.
            (vec![("a:1", &one, None), ("b:1", &two, None)], (None, None), 0),
            (vec![("a:1", &one, Some(Forced::Drain)), ("b:1", &two, None)], (Some(DRAIN), None), 1),
            (vec![("a:1", &one, Some(Forced::Drain)), ("b:1", &two, None)], (Some(DRAIN), None), 1),
            (vec![("a:1", &one, None), ("b:1", &two, None)], (None, None), 2),
            (vec![("a:1", &one, Some(Forced::Down)), ("b:1", &two, None)], (None, None), 2),
            (vec![("b:1", &two, None)], (Some(DRAIN), None), 3),
            (vec![], (Some(DRAIN), Some(DRAIN)), 4),
            (vec![("a:1", &new, None)], (None, Some(DRAIN)), 5),
            (vec![("b:1", &new, Some(Forced::Drain))], (Some(DRAIN), Some(DRAIN)), 6),
        ];
        for (number, (endpoints, leaves, news)) in states.into_iter().enumerate() {
            publisher.publish(plan(&alarm, &endpoints));
            let seen = (one.vitals.leaves_within(), two.vitals.leaves_within());
            assert_eq!((seen, alarm.count()), (leaves, news), "number {number}");
        }
    }

    #[test]
    fn whoever_is_not_well_or_weighs_nothing_does_not_leave() {
        let (alarm, mut publisher, one) = (Alarm::default(), Publisher::default(), life());
        one.vitals.set_standing(Standing::Down);
        let mut plan = plan(&alarm, &[("a:1", &one, None)]);
        Arc::get_mut(&mut plan.clusters[0]).unwrap().endpoints[0].weight = 0;
        publisher.publish(plan);
        assert_eq!((one.vitals.leaves_within(), alarm.count()), (None, 0));
    }

    #[test]
    fn what_runs_has_its_time_when_the_sessions_had_theirs() {
        let (alarm, mut publisher, one) = (Alarm::default(), Publisher::default(), life());
        let cookie = SessionCookie { drain: DRAIN * 10, ..SessionCookie::new("ek", []) };
        let sticky = Some(Sticky::Cookie(cookie));
        let balancing = Balancing { sticky, ..Balancing::default() };
        publisher.publish(plan_of(&alarm, balancing, &[("a:1", &one, Some(Forced::Drain))]));
        assert_eq!(one.vitals.leaves_within(), Some(DRAIN * 11));
    }

    #[test]
    fn nobody_is_kept_in_mind_of_whom_nothing_is_left() {
        let (alarm, mut publisher, one) = (Alarm::default(), Publisher::default(), life());
        publisher.publish(plan(&alarm, &[("a:1", &one, None)]));
        publisher.publish(plan(&alarm, &[]));
        assert_eq!(publisher.leaving.gone.len(), 1);
        drop(one);
        publisher.publish(plan(&alarm, &[]));
        assert_eq!(publisher.leaving.gone.len(), 0);
    }
}
