//! The families about the downstream side: listeners and the requests that came in there.

use std::fmt;

use evenkeel_plan::admission::Refusal;
use evenkeel_plan::listener::{ListenerCounters, Protocol};
use evenkeel_plan::reason::Reason;
use evenkeel_plan::tls::{Handshake, Objection};
use evenkeel_plan::{Listener, Plan};
use evenkeel_proto::grpc;
use evenkeel_proto::http2::Fault;
use evenkeel_proto::method::Method;
use prometheus_client::metrics::MetricType::{Counter, Gauge, Histogram};

use super::{CODE_CLASSES, Families, Series};

pub(super) fn encode(families: &mut Families<'_, '_>, plan: &Plan) -> fmt::Result {
    connections(families, plan)?;
    let help = "Requests answered, by class of status and by method.";
    families.family(Counter, "requests", help, |family| {
        plan.listeners.iter().try_for_each(|listener| requests(family, plan, listener))
    })?;
    let help = "Requests answered, by route and by class of status.";
    families.family(Counter, "route_requests", help, |family| {
        plan.listeners.iter().try_for_each(|listener| route_requests(family, listener))
    })?;
    let help = "Calls of gRPC, by route and by the status that they ended with.";
    families.family(Counter, "grpc_calls", help, |family| {
        plan.listeners.iter().try_for_each(|listener| calls(family, listener))
    })?;
    let help = "Streams that got through to an endpoint, by route.";
    families.family(Counter, "route_streams", help, |family| {
        let mut streams = plan.listeners.iter().filter(|it| it.protocol != Protocol::Http);
        streams.try_for_each(|listener| route_streams(family, listener))
    })?;
    let help = "Requests that rate limits refused, or would have refused, if they were not a dry run; the route is empty for those of the listener.";
    families.family(Counter, "rate_limited", help, |family| {
        plan.listeners.iter().try_for_each(|listener| limited(family, listener))
    })?;
    let help = "From the first byte of a request to the last byte of its answer.";
    families.family(Histogram, "request_duration_seconds", help, |family| {
        plan.listeners.iter().try_for_each(|listener| {
            let shards = listener.counters.shards().map(|shard| &shard.duration);
            family.histogram(&[("listener", &listener.name)], shards)
        })
    })?;
    let help = "Answers that the balancer made itself, or exchanges that broke, by reason.";
    families.family(Counter, "failures", help, |family| {
        plan.listeners.iter().try_for_each(|listener| failures(family, listener))
    })?;
    let help = "Bytes of bodies and of streams received from clients (in) and sent to them (out).";
    families.family(Counter, "bytes", help, |family| {
        plan.listeners.iter().try_for_each(|listener| bytes(family, listener))
    })
}

fn connections(families: &mut Families<'_, '_>, plan: &Plan) -> fmt::Result {
    let help = "Handshakes of TLS with clients that have ended, by what they came to.";
    families.family(Counter, "tls_handshakes", help, |family| {
        let mut secured = plan.listeners.iter().filter(|listener| listener.tls.is_some());
        secured.try_for_each(|listener| handshakes(family, listener))
    })?;
    let help = "Handshakes of TLS with clients that were refused, by what was wrong.";
    families.family(Counter, "tls_handshakes_refused", help, |family| {
        let mut secured = plan.listeners.iter().filter(|listener| listener.tls.is_some());
        secured.try_for_each(|listener| objections(family, listener))
    })?;
    families.family(Counter, "listener_connections", "Connections accepted.", |family| {
        plan.listeners.iter().try_for_each(|listener| {
            let count = listener.counters.sum(|shard| shard.connections.count());
            family.counter(&[("listener", &listener.name)], count)
        })
    })?;
    let help = "Connections closed as soon as they were accepted, by reason.";
    families.family(Counter, "listener_connections_refused", help, |family| {
        plan.listeners.iter().filter(|listener| listener.door.is_some()).try_for_each(|listener| {
            Refusal::ALL.into_iter().try_for_each(|reason| {
                let count = listener.counters.sum(|it| it.refused[reason as usize].count());
                family.counter(&[("listener", &listener.name), ("reason", reason.name())], count)
            })
        })
    })?;
    let help =
        "Connections of HTTP/2 that were ended for what their client sent, by what that was.";
    families.family(Counter, "http2_faults", help, |family| {
        plan.listeners.iter().try_for_each(|listener| faults(family, listener))
    })?;
    let help = "Connections that a panic ended; each is a mistake in the balancer.";
    families.family(Counter, "panics", help, |family| {
        plan.listeners.iter().try_for_each(|listener| {
            let count = listener.counters.sum(|shard| shard.panics.count());
            family.counter(&[("listener", &listener.name)], count)
        })
    })?;
    families.family(Gauge, "listener_connections_active", "Connections open now.", |family| {
        plan.listeners.iter().try_for_each(|listener| {
            let level = |shard: &ListenerCounters| shard.connections_active.level();
            let active: i64 = listener.counters.shards().map(level).sum();
            family.gauge(&[("listener", &listener.name)], active)
        })
    })
}

fn requests(family: &mut Series<'_>, plan: &Plan, listener: &Listener) -> fmt::Result {
    let cluster = only_cluster(plan, listener).unwrap_or_default();
    for method in Method::ALL {
        for (class, code_class) in CODE_CLASSES.into_iter().enumerate() {
            let count =
                listener.counters.sum(|shard| shard.requests[method as usize][class].count());
            let labels = [
                ("listener", &*listener.name),
                ("cluster", cluster),
                ("code_class", code_class),
                ("method", method.label()),
            ];
            family.occurrence(&labels, count)?;
        }
    }
    Ok(())
}

/// The cluster that all routes of a listener lead to. Where there are several, none is to be named.
fn only_cluster<'p>(plan: &'p Plan, listener: &Listener) -> Option<&'p str> {
    let mut targets = listener.routes.routes().iter().flat_map(|route| route.to.list());
    let first = targets.next()?.cluster;
    let only = targets.all(|target| target.cluster == first);
    plan.clusters.get(first).filter(|_| only).map(|cluster| &*cluster.name)
}

fn route_requests(family: &mut Series<'_>, listener: &Listener) -> fmt::Result {
    for route in listener.routes.routes() {
        for (class, code_class) in CODE_CLASSES.into_iter().enumerate() {
            let count = route.counters.sum(|shard| shard.requests[class].count());
            let labels = [
                ("listener", &*listener.name),
                ("route", &*route.name),
                ("code_class", code_class),
            ];
            family.occurrence(&labels, count)?;
        }
    }
    Ok(())
}

fn calls(family: &mut Series<'_>, listener: &Listener) -> fmt::Result {
    for route in listener.routes.routes() {
        for status in grpc::Status::all() {
            let count = route.counters.sum(|shard| shard.calls(status));
            let labels =
                [("listener", &*listener.name), ("route", &*route.name), ("status", status.name())];
            family.occurrence(&labels, count)?;
        }
    }
    Ok(())
}

fn route_streams(family: &mut Series<'_>, listener: &Listener) -> fmt::Result {
    listener.routes.routes().iter().try_for_each(|route| {
        let count = route.counters.sum(|shard| shard.streams.count());
        family.counter(&[("listener", &listener.name), ("route", &route.name)], count)
    })
}

fn limited(family: &mut Series<'_>, listener: &Listener) -> fmt::Result {
    let routes = listener.routes.routes().iter();
    let routes = routes.map(|route| (&*route.name, &route.admission));
    for (route, admission) in std::iter::once(("", &listener.admission)).chain(routes) {
        let Some(admission) = admission.as_ref().filter(|it| !it.limits.is_empty()) else {
            continue;
        };
        let counters = &admission.counters;
        let limited = counters.sum(|shard| shard.limited.count());
        let dry_run = counters.sum(|shard| shard.dry_run.count());
        for (is_dry_run, count) in [("false", limited), ("true", dry_run)] {
            let labels = [("listener", &*listener.name), ("route", route), ("dry_run", is_dry_run)];
            family.counter(&labels, count)?;
        }
    }
    Ok(())
}

fn failures(family: &mut Series<'_>, listener: &Listener) -> fmt::Result {
    Reason::ALL.into_iter().try_for_each(|reason| {
        let count = listener.counters.sum(|shard| shard.failures[reason as usize].count());
        family.occurrence(&[("listener", &listener.name), ("reason", reason.name())], count)
    })
}

fn faults(family: &mut Series<'_>, listener: &Listener) -> fmt::Result {
    Fault::ALL.into_iter().enumerate().try_for_each(|(index, fault)| {
        let count = listener.counters.sum(|shard| shard.http2_faults[index].count());
        family.occurrence(&[("listener", &*listener.name), ("fault", fault.name())], count)
    })
}

fn handshakes(family: &mut Series<'_>, listener: &Listener) -> fmt::Result {
    Handshake::ALL.into_iter().try_for_each(|result| {
        let count = listener.counters.sum(|shard| shard.handshakes[result as usize].count());
        family.counter(&[("listener", &listener.name), ("result", result.name())], count)
    })
}

fn objections(family: &mut Series<'_>, listener: &Listener) -> fmt::Result {
    Objection::ALL.into_iter().try_for_each(|reason| {
        let count = listener.counters.sum(|shard| shard.objections[reason as usize].count());
        family.occurrence(&[("listener", &listener.name), ("reason", reason.name())], count)
    })
}

fn bytes(family: &mut Series<'_>, listener: &Listener) -> fmt::Result {
    let counters = &listener.counters;
    let (received, sent) = (
        counters.sum(|shard| shard.bytes_in.count()),
        counters.sum(|shard| shard.bytes_out.count()),
    );
    family.counter(&[("listener", &listener.name), ("dir", "in")], received)?;
    family.counter(&[("listener", &listener.name), ("dir", "out")], sent)
}
