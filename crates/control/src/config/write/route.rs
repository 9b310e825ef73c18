//! `[[route]]` as it is written.

use evenkeel_plan::route::{HostPattern, PathPattern};

use super::super::model::RouteConfig;
use super::super::units::format_duration;
use super::admission::add_admission;
use super::labels;
use super::table::{Table, list, name, string};

/// The keys of a route, in a config with so many listeners.
pub(super) fn route_table(route: &RouteConfig, listeners: usize) -> Table {
    let mut table = Table::default();
    if let Some(name) = &route.name {
        table.add("name", string(name));
    }
    let names = route.listeners.iter().map(|listener| string(listener)).collect();
    table.add_unless("listener", list(names), listeners == 1);
    let host = string(&route.host.to_string());
    table.add_unless("host", host, route.host == HostPattern::Any);
    let path = string(&route.path.to_string());
    table.add_unless("path", path, route.path == PathPattern::Any);
    let alpn = route.alpn.iter().map(|protocol| string(protocol)).collect();
    table.add_unless("alpn", list(alpn), route.alpn.is_empty());
    match route.to.as_slice() {
        [(cluster, 1)] => table.add("to", string(cluster)),
        targets => {
            let mut weights = Table::default();
            for (cluster, weight) in targets {
                weights.add(name(cluster), weight);
            }
            table.add_table("to", &weights);
        }
    }
    table.add_unless("labels", labels(&route.labels), route.labels.is_empty());
    add_admission(&mut table, &route.admission);
    let mut timeouts = Table::default();
    if let Some(exchange) = route.exchange_timeout {
        let exchange = exchange.map_or_else(|| "off".to_owned(), format_duration);
        timeouts.add("exchange", string(&exchange));
    }
    table.add_table("timeouts", &timeouts);
    table.add_unless("grpc_web", route.grpc_web, !route.grpc_web);
    table
}
