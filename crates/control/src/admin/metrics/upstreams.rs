//! The families about the upstream side: endpoints, the attempts at them and their checks.

use std::fmt;

use evenkeel_plan::balance::{Algorithm, Census};
use evenkeel_plan::endpoint::EndpointCounters;
use evenkeel_plan::overload::Room;
use evenkeel_plan::reason::Reason;
use evenkeel_plan::rebalance::Kinds;
use evenkeel_plan::{Cluster, Endpoint, Plan};
use prometheus_client::metrics::MetricType::{Counter, Gauge, Histogram};

use super::{CODE_CLASSES, Families, Labels};
use crate::journal::{Bar, Change, EndpointKey, Journal};

pub(super) fn encode(
    families: &mut Families<'_, '_>,
    plan: &Plan,
    journal: &Journal,
) -> fmt::Result {
    clusters(families, plan)?;
    waiting(families, plan)?;
    attempts(families, plan)?;
    connections(families, plan)?;
    load_reports(families, plan)?;
    gauges(families, plan)?;
    bars(families, plan, journal)?;
    checks(families, plan, journal)
}

fn clusters(families: &mut Families<'_, '_>, plan: &Plan) -> fmt::Result {
    let censuses: Vec<_> =
        plan.clusters.iter().map(|it| (&*it.name, it.balancer.census(&it.endpoints))).collect();
    let mut gauge = |name: &str, help: &str, level: fn(&Census) -> usize| {
        families.family(Gauge, name, help, |family| {
            censuses.iter().try_for_each(|(cluster, census)| {
                let level = i64::try_from(level(census)).unwrap_or(i64::MAX);
                family.gauge(&[("cluster", cluster)], level)
            })
        })
    };
    let help = "Endpoints in service: with an address and a weight, not drained, and no backups.";
    gauge("cluster_endpoints", help, |census| census.all)?;
    let help = "Endpoints in service that are well; no backups among them.";
    gauge("cluster_endpoints_well", help, |census| census.well)?;
    let help = "1 where all endpoints, or all with the labels of a route, get work because too few of them are well.";
    families.family(Gauge, "cluster_panicking", help, |family| {
        plan.clusters.iter().try_for_each(|cluster| {
            let panics = cluster.panicking().is_some();
            family.gauge(&[("cluster", &*cluster.name)], i64::from(panics))
        })
    })
}

/// Of what waits until an endpoint has room.
fn waiting(families: &mut Families<'_, '_>, plan: &Plan) -> fmt::Result {
    let clusters =
        || plan.clusters.iter().map(|cluster| ([("cluster", &*cluster.name)], &**cluster));
    families.family(
        Gauge,
        "cluster_pending",
        "Requests that wait until an endpoint has room.",
        |family| {
            clusters().try_for_each(|(labels, cluster)| {
                family.gauge(&labels, cluster.rooms().map(|room| i64::from(room.waiting())).sum())
            })
        },
    )?;
    let help =
        "Requests that were refused because there was no room to wait in, or that waited in vain.";
    families.family(Counter, "cluster_shed", help, |family| {
        clusters().try_for_each(|([label], cluster)| {
            let sum = |count: fn(&Room) -> u64| cluster.rooms().map(count).sum();
            let reasons = [
                (Reason::Overloaded, sum(|room| room.overloaded.count())),
                (Reason::PendingTimeout, sum(|room| room.timed_out.count())),
            ];
            reasons.into_iter().try_for_each(|(reason, count)| {
                family.counter(&[label, ("reason", reason.name())], count)
            })
        })
    })?;
    let help = "How long requests waited that got in, of those that had to.";
    families.family(Histogram, "cluster_pending_seconds", help, |family| {
        clusters().try_for_each(|(labels, cluster)| {
            family.histogram(&labels, cluster.rooms().map(|room| &room.waits))
        })
    })?;
    let help = "How many attempts an endpoint may have in flight now, where that is limited.";
    families.family(Gauge, "upstream_limit", help, |family| {
        each(plan, |cluster, endpoint| match endpoint.life.vitals.limit() {
            Some(limit) => family.gauge(&labels(cluster, endpoint), i64::from(limit)),
            None => Ok(()),
        })
    })
}

fn attempts(families: &mut Families<'_, '_>, plan: &Plan) -> fmt::Result {
    families.family(Counter, "upstream_requests", "Answers, by class of status.", |family| {
        each(plan, |cluster, endpoint| {
            CODE_CLASSES.into_iter().enumerate().try_for_each(|(class, code_class)| {
                let count = sum(endpoint, |shard| shard.responses[class].count());
                let [in_cluster, at] = labels(cluster, endpoint);
                family.occurrence(&[in_cluster, at, ("code_class", code_class)], count)
            })
        })
    })?;
    families.family(Counter, "upstream_failures", "Attempts that got no answer.", |family| {
        each_tried(plan, |cluster, endpoint| {
            let count = sum(endpoint, |shard| shard.failures.count());
            family.counter(&labels(cluster, endpoint), count)
        })
    })?;
    let help = "Attempts that were not the first of their exchange.";
    families.family(Counter, "upstream_retries", help, |family| {
        each_tried(plan, |cluster, endpoint| {
            let count = sum(endpoint, |shard| shard.retries.count());
            family.counter(&labels(cluster, endpoint), count)
        })
    })?;
    let help = "Second attempts, sent while another waited: those that were answered first, and those that were not.";
    families.family(Counter, "upstream_hedges", help, |family| {
        each_tried(plan, |cluster, endpoint| {
            if cluster.resilience.hedge.is_none() {
                return Ok(());
            }
            let [in_cluster, at] = labels(cluster, endpoint);
            let won = sum(endpoint, |shard| shard.hedge_wins.count());
            let all = sum(endpoint, |shard| shard.hedges.count());
            family.counter(&[in_cluster, at, ("result", "won")], won)?;
            family.counter(&[in_cluster, at, ("result", "lost")], all.saturating_sub(won))
        })
    })?;
    let help = "Long-lived streams that were ended for their clients to come back to an endpoint that joined later.";
    families.family(Counter, "upstream_streams_moved", help, |family| {
        each(plan, |cluster, endpoint| {
            if cluster.rebalance.is_none() {
                return Ok(());
            }
            let count = sum(endpoint, |shard| shard.moved.count());
            family.counter(&labels(cluster, endpoint), count)
        })
    })?;
    let help = "Answers that say that the endpoint has failed: 500, 502 to 504, or above 505.";
    families.family(Counter, "upstream_faults", help, |family| {
        each_tried(plan, |cluster, endpoint| {
            let count = sum(endpoint, |shard| shard.faults.count());
            family.counter(&labels(cluster, endpoint), count)
        })
    })?;
    let help = "From the first byte of a request sent to the head of its answer received.";
    families.family(Histogram, "upstream_first_byte_seconds", help, |family| {
        each_tried(plan, |cluster, endpoint| {
            let shards = endpoint.life.counters.shards().map(|shard| &shard.first_byte);
            family.histogram(&labels(cluster, endpoint), shards)
        })
    })
}

fn connections(families: &mut Families<'_, '_>, plan: &Plan) -> fmt::Result {
    families.family(Counter, "upstream_connects", "Connections tried, by result.", |family| {
        each_tried(plan, |cluster, endpoint| {
            let [in_cluster, at] = labels(cluster, endpoint);
            let opened = sum(endpoint, |shard| shard.connects.count());
            let failed = sum(endpoint, |shard| shard.connect_failures.count());
            family.counter(&[in_cluster, at, ("result", "ok")], opened)?;
            family.counter(&[in_cluster, at, ("result", "failed")], failed)
        })
    })?;
    let help = "Attempts that found an idle connection in the pool.";
    families.family(Counter, "upstream_reuses", help, |family| {
        each_tried(plan, |cluster, endpoint| {
            let count = sum(endpoint, |shard| shard.reuses.count());
            family.counter(&labels(cluster, endpoint), count)
        })
    })
}

/// Of clusters that are balanced by what endpoints say.
fn load_reports(families: &mut Families<'_, '_>, plan: &Plan) -> fmt::Result {
    let help = "Questions of prequal how much an endpoint has to do, by whether there was an answer. Where nobody answers, it is random.";
    families.family(Counter, "upstream_load_reports", help, |family| {
        each(plan, |cluster, endpoint| {
            if cluster.balancer.balancing().algorithm != Algorithm::Prequal {
                return Ok(());
            }
            let [in_cluster, at] = labels(cluster, endpoint);
            let answered = sum(endpoint, |shard| shard.load_reports.count());
            let silent = sum(endpoint, |shard| shard.load_silences.count());
            family.counter(&[in_cluster, at, ("result", "ok")], answered)?;
            family.counter(&[in_cluster, at, ("result", "failed")], silent)
        })
    })
}

fn gauges(families: &mut Families<'_, '_>, plan: &Plan) -> fmt::Result {
    let mut gauge = |name: &str, help: &str, level: fn(&Endpoint) -> u32| {
        families.family(Gauge, name, help, |family| {
            each(plan, |cluster, endpoint| {
                family.gauge(&labels(cluster, endpoint), i64::from(level(endpoint)))
            })
        })
    };
    gauge("upstream_inflight", "Attempts running now.", |endpoint| {
        endpoint.life.vitals.in_flight()
    })?;
    let help = "Long-lived streams now: WebSockets and other upgraded connections, streams of TCP and TLS, calls of gRPC that last.";
    gauge("upstream_streams", help, |endpoint| endpoint.life.vitals.stays.held(Kinds::all()))?;
    gauge("upstream_connections", "Connections open now, idle ones included.", |endpoint| {
        endpoint.life.vitals.connections()
    })?;
    gauge("upstream_weight", "The share of the work, relative to the others.", |endpoint| {
        endpoint.weight
    })?;
    let help = "1 where new work may go; 0 when an operator or the checks say no, or the name does not resolve.";
    gauge("upstream_up", help, |endpoint| u32::from(endpoint.is_up() && endpoint.address.is_some()))
}

/// What keeps work from endpoints that may be up.
fn bars(families: &mut Families<'_, '_>, plan: &Plan, journal: &Journal) -> fmt::Result {
    let barred = |cluster: &Cluster, endpoint: &Endpoint| {
        let entry = journal.entry(&EndpointKey::new(&cluster.name, &endpoint.name));
        let bar = |place: &Option<(Bar, Change)>| place.as_ref().map(|(bar, _)| *bar);
        (bar(&entry.outlier), bar(&entry.breaker))
    };
    let help = "1 while outlier detection keeps work from it; upstream_transitions says why.";
    families.family(Gauge, "upstream_ejected", help, |family| {
        each_tried(plan, |cluster, endpoint| {
            let (outlier, _) = barred(cluster, endpoint);
            family.gauge(&labels(cluster, endpoint), i64::from(outlier.is_some()))
        })
    })?;
    let help = "0 while its breaker is closed, 1 while it lets attempts through on trial, 2 while it is open.";
    families.family(Gauge, "upstream_breaker", help, |family| {
        each_tried(plan, |cluster, endpoint| {
            let level = match barred(cluster, endpoint).1 {
                None => 0,
                Some(Bar::HalfOpen) => 1,
                Some(_) => 2,
            };
            family.gauge(&labels(cluster, endpoint), level)
        })
    })
}

fn checks(families: &mut Families<'_, '_>, plan: &Plan, journal: &Journal) -> fmt::Result {
    let help = "Changes of standing, of what outlier detection says, and of breakers, by the kind of outcome that completed them.";
    families.family(Counter, "upstream_transitions", help, |family| {
        each(plan, |cluster, endpoint| {
            let [in_cluster, at] = labels(cluster, endpoint);
            let entry = journal.entry(&EndpointKey::new(&cluster.name, &endpoint.name));
            entry.transitions.iter().try_for_each(|(kind, &count)| {
                family
                    .occurrence(&[in_cluster, at, ("to", kind.to), ("reason", kind.reason)], count)
            })
        })
    })?;
    families.family(Counter, "health_checks", "Checks finished, by result.", |family| {
        each(plan, |cluster, endpoint| {
            let [in_cluster, at] = labels(cluster, endpoint);
            let entry = journal.entry(&EndpointKey::new(&cluster.name, &endpoint.name));
            family.counter(&[in_cluster, at, ("result", "pass")], entry.passes)?;
            family.counter(&[in_cluster, at, ("result", "fail")], entry.failures)?;
            family.occurrence(&[in_cluster, at, ("result", "untried")], entry.untried)
        })
    })
}

fn each(plan: &Plan, mut write: impl FnMut(&Cluster, &Endpoint) -> fmt::Result) -> fmt::Result {
    plan.clusters.iter().try_for_each(|cluster| {
        cluster.endpoints.iter().try_for_each(|endpoint| write(cluster, endpoint))
    })
}

/// Those that have had work: ten thousand that nobody needs are not worth a scrape of thirty megabytes.
fn each_tried(
    plan: &Plan,
    mut write: impl FnMut(&Cluster, &Endpoint) -> fmt::Result,
) -> fmt::Result {
    each(plan, |cluster, endpoint| {
        let is_tried = endpoint.life.counters.shards().any(|shard| shard.attempts.count() > 0);
        if is_tried { write(cluster, endpoint) } else { Ok(()) }
    })
}

fn labels<'a>(cluster: &'a Cluster, endpoint: &'a Endpoint) -> Labels<'a, 2> {
    [("cluster", &cluster.name), ("endpoint", &endpoint.name)]
}

fn sum(endpoint: &Endpoint, figure: impl Fn(&EndpointCounters) -> u64) -> u64 {
    endpoint.life.counters.sum(figure)
}
