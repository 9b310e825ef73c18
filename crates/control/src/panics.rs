//! Clusters that use all their endpoints because so few are well: why, in words for the status, and an event when it begins and ends.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_plan::balance::Census;
use evenkeel_plan::{Cluster, Plan};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::config::format_share;
use crate::events::{EventKind, EventLevel, Events};

/// Why `cluster` uses all its endpoints, or all that have certain labels; `None` if it does not.
pub(crate) fn why(cluster: &Cluster) -> Option<String> {
    let (balancer, Census { all, well, .. }) = cluster.panicking()?;
    let rules = &balancer.balancing().eligibility;
    let labels = rules.labels.iter().map(|(label, value)| format!(" {label}={value}"));
    let labels: String = labels.collect();
    let with = if labels.is_empty() { "" } else { " with" };
    let verb = if well == 1 { "is" } else { "are" };
    let share = format_share(rules.panic_below);
    Some(format!("{well} of {all}{with}{labels} {verb} well, fewer than {share}: all are used"))
}

/// The clusters that panic.
#[derive(Debug)]
pub(crate) struct Panics {
    events: Arc<Events>,
    /// By their names.
    panicking: HashSet<Box<str>>,
}

impl Panics {
    pub(crate) fn new(events: Arc<Events>) -> Self {
        Self { events, panicking: HashSet::new() }
    }

    /// Looks whenever something has happened, for as long as somebody may publish a plan.
    pub(crate) async fn run(mut self, mut plans: watch::Receiver<Arc<Plan>>) {
        let mut happened = self.events.last();
        loop {
            happened.mark_unchanged();
            let plan = Arc::clone(&plans.borrow_and_update());
            self.look(&plan);
            // Where thousands go down one after the other, each look goes through all of them.
            sleep(PAUSE).await;
            tokio::select! {
                changed = plans.changed() => if changed.is_err() { return },
                // The events live for as long as this does.
                _ = happened.changed() => {}
            }
        }
    }

    /// Tells which clusters have begun to panic, and which have ceased to.
    fn look(&mut self, plan: &Plan) {
        let mut before = std::mem::take(&mut self.panicking);
        for cluster in &plan.clusters {
            let (name, had) = (&*cluster.name, before.remove(&cluster.name));
            let why = why(cluster);
            if why.is_some() {
                self.panicking.insert(cluster.name.clone());
            }
            match why {
                None if had => {
                    tracing::info!(cluster = name, "cluster panics no longer");
                    self.note(EventLevel::Info, name, "panics no longer".to_owned());
                }
                Some(why) if !had => {
                    tracing::warn!(cluster = name, why, "cluster panics");
                    self.note(EventLevel::Warn, name, format!("panics: {why}"));
                }
                _ => {}
            }
        }
    }

    fn note(&self, level: EventLevel, cluster: &str, text: String) {
        self.events.note_about(level, EventKind::Cluster, Some((cluster, None)), text);
    }
}

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use evenkeel_plan::Endpoint;
    use evenkeel_plan::balance::Balancing;
    use evenkeel_plan::endpoint::{Labels, Life};
    use evenkeel_plan::vitals::Standing;

    use super::*;
    use crate::fixture::plan;

    #[test]
    fn a_cluster_panics_once_and_ceases_once() {
        let plan =
            plan(&[("web", "api")], &[("api", &["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"])]);
        let endpoints = &plan.clusters[0].endpoints;
        let stand = |standings: [Standing; 3]| {
            let each = endpoints.iter().zip(standings);
            each.for_each(|(endpoint, standing)| endpoint.life.vitals.set_standing(standing));
        };
        let mut panics = Panics::new(Arc::default());
        let (up, down) = (Standing::Up, Standing::Down);
        for standings in
            [[up, up, up], [up, up, down], [up, down, down], [down, down, down], [up, down, up]]
        {
            stand(standings);
            panics.look(&plan);
        }
        let events = panics.events.since(0);
        let texts: Vec<&str> = events.iter().map(|event| event.text.as_str()).collect();
        let began = "panics: 1 of 3 is well, fewer than 34%: all are used";
        assert_eq!(texts, [began, "panics no longer"]);
        assert_eq!(
            (events[0].cluster.as_deref(), events[0].endpoint.as_deref()),
            (Some("api"), None)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_happens_later_is_noticed() {
        let plan = Arc::new(plan(&[("web", "api")], &[("api", &["10.0.0.1:80"])]));
        let events: Arc<Events> = Arc::default();
        let (_plans, receiver) = watch::channel(Arc::clone(&plan));
        let running = tokio::spawn(Panics::new(Arc::clone(&events)).run(receiver));
        sleep(PAUSE * 2).await;
        assert_eq!(events.since(0), []);
        plan.clusters[0].endpoints[0].life.vitals.set_standing(Standing::Down);
        let about = Some(("api", Some("10.0.0.1:80")));
        events.note_about(EventLevel::Warn, EventKind::Endpoint, about, "down");
        sleep(PAUSE * 2).await;
        let kinds: Vec<EventKind> = events.since(0).iter().map(|event| event.kind).collect();
        assert_eq!(kinds, [EventKind::Endpoint, EventKind::Cluster]);
        running.abort();
    }

    #[test]
    fn why_a_subset_panics_is_told_with_its_labels() {
        let vitals = Arc::default();
        let second = Labels::from([("version".into(), "2".into())]);
        let endpoint = |labels| Endpoint {
            labels,
            ..Endpoint::new("a:1", Some(([10, 0, 0, 1], 80).into()), Life::new(1, &vitals))
        };
        let endpoints = vec![endpoint(Labels::default()), endpoint(second.clone())];
        let cluster = Cluster::new("api", Balancing::default(), endpoints).with_subsets([second]);
        assert_eq!(why(&cluster), None);
        cluster.endpoints[1].life.vitals.set_standing(Standing::Down);
        let told = "0 of 1 with version=2 are well, fewer than 34%: all are used";
        assert_eq!(why(&cluster).as_deref(), Some(told));
    }
}
